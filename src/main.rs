//! The thin binary: everything is in the library.

fn main() -> std::process::ExitCode {
    lustores_provision::cli::main()
}
