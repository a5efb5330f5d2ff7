//! Builds the agent as a static binary for each architecture of a target host, with a cargo of its own, and
//! embeds what comes out: `$OUT_DIR/agents.rs` holds `AGENTS: &[(arch, bytes)]` and, in the same order, `AGENTS_SHA256`.
//!
//! `PROVISION_AGENT_TARGETS=x86_64` builds fewer architectures; `PROVISION_AGENT_PREBUILT=DIR` builds none and
//! takes `DIR/provision-agent-<arch>`.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs};

const AGENT: &str = "provision-agent";
const TARGETS: &[(&str, &str)] =
    &[("x86_64", "x86_64-unknown-linux-musl"), ("aarch64", "aarch64-unknown-linux-musl")];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for path in
        ["build.rs", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "agent/Cargo.toml", "agent/src"]
    {
        println!("cargo::rerun-if-changed={path}");
    }
    for name in ["PROVISION_AGENT_TARGETS", "PROVISION_AGENT_PREBUILT"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let prebuilt = env::var_os("PROVISION_AGENT_PREBUILT").filter(|dir| !dir.is_empty());
    let mut table = String::from("pub static AGENTS: &[(&str, &[u8])] = &[\n");
    // Here, and not at each start of the program: it would cost some milliseconds.
    let mut hashes = String::from(
        "#[allow(dead_code, reason = \"whoever includes this may want the agents only\")]\npub static AGENTS_SHA256: &[&str] = &[\n",
    );
    for (arch, triple) in wanted() {
        let built = match &prebuilt {
            Some(dir) => {
                let path = root.join(dir).join(format!("{AGENT}-{arch}"));
                println!("cargo::rerun-if-changed={}", path.display());
                path
            }
            None => build(&root, &out, triple),
        };
        let embedded = out.join(format!("{AGENT}-{arch}"));
        if let Err(error) = fs::copy(&built, &embedded) {
            fail(&format!("the agent for {arch} cannot be taken from {}: {error}", built.display()));
        }
        table += &format!("    ({arch:?}, include_bytes!({embedded:?})),\n");
        let bytes = fs::read(&embedded).expect("it was just copied");
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        hashes += &format!("    {hash:?},\n");
    }
    table += &format!("];\n{hashes}];\n");
    fs::write(out.join("agents.rs"), table).expect("OUT_DIR can be written");
}

/// The architectures to embed: all, or those that `PROVISION_AGENT_TARGETS` names.
fn wanted() -> Vec<(&'static str, &'static str)> {
    let Some(names) = env::var("PROVISION_AGENT_TARGETS").ok().filter(|names| !names.trim().is_empty())
    else {
        return TARGETS.to_vec();
    };
    let find = |name: &str| TARGETS.iter().find(|(arch, _)| *arch == name).copied();
    let pick = |name| {
        find(name).unwrap_or_else(|| {
            fail(&format!("PROVISION_AGENT_TARGETS: no agent for `{name}` (there is x86_64, aarch64)"))
        })
    };
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(pick).collect()
}

/// Runs the nested cargo and says where the binary is.
fn build(root: &Path, out: &Path, triple: &str) -> PathBuf {
    let rustc = env::var_os("RUSTC").expect("cargo sets it");
    let printed = Command::new(rustc).args(["--print", "target-libdir", "--target", triple]).output();
    let installed = printed.is_ok_and(|libdir| {
        libdir.status.success() && Path::new(String::from_utf8_lossy(&libdir.stdout).trim()).exists()
    });
    if !installed {
        fail(&format!(
            "the Rust standard library for {triple} is not installed, and the agent is built for it\n  \
             either: rustup target add {triple}\n  \
             or:     set PROVISION_AGENT_TARGETS=x86_64 (fewer architectures),\n          \
             or PROVISION_AGENT_PREBUILT=DIR (with DIR/{AGENT}-<arch> from elsewhere)"
        ));
    }
    // OUT_DIR is <target>/<profile>/build/<package>/out. A folder beside the profiles is shared by check, build,
    // test and clippy, and the outer cargo never locks it.
    let target = out.ancestors().nth(4).expect("OUT_DIR is that deep").join("agent-build");
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets it"));
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--package", AGENT, "--bin", AGENT, "--features", "bin"])
        .args(["--profile", "agent", "--target", triple, "--target-dir"])
        .arg(&target);
    for (name, _) in env::vars_os().filter(|(name, _)| belongs_to_outer_build(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    // Set, not removed: so flags of a user's cargo configuration (a glibc linker, target-cpu=native) stay out, and
    // no path of the building machine gets in.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", format!("--remap-path-prefix={}=.", root.display()));
    // No C anywhere in the agent, so that the toolchain's own linker does for every architecture.
    cargo.env(format!("CARGO_TARGET_{}_LINKER", triple.replace('-', "_").to_uppercase()), "rust-lld");
    match cargo.status() {
        Ok(status) if status.success() => target.join(triple).join("agent").join(AGENT),
        Ok(_) => fail(&format!("building the agent for {triple} failed (see above)")),
        Err(error) => fail(&format!("cannot start cargo to build the agent: {error}")),
    }
}

/// Variables by which the outer cargo (or clippy, or a coverage tool) speaks to this build: they must not leak in.
fn belongs_to_outer_build(name: &str) -> bool {
    const EXACT: &[&str] = &[
        "RUSTFLAGS",
        "RUSTC",
        "RUSTDOC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_TARGET_DIR",
        "CARGO_INCREMENTAL",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "TARGET",
        "HOST",
        "NUM_JOBS",
        "OUT_DIR",
        "PROFILE",
        "OPT_LEVEL",
        "DEBUG",
        "LLVM_PROFILE_FILE",
        "__CARGO_DEFAULT_LIB_METADATA",
    ];
    const PREFIXES: &[&str] = &["CARGO_PROFILE_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PKG_", "DEP_"];
    EXACT.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn fail(message: &str) -> ! {
    eprintln!("\nerror: {message}\n");
    exit(1)
}
