//! What the build says when it cannot make the agent. The build script is compiled and run alone.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

#[test]
fn a_target_that_is_not_installed_is_named_with_the_ways_out() {
    let folder = tempfile::tempdir().unwrap();
    let (root, script) = (Path::new(env!("CARGO_MANIFEST_DIR")), folder.path().join("build"));
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let mut compile = Command::new(&rustc);
    compile.current_dir(root).args(["--edition", "2024", "build.rs", "-o"]).arg(&script);
    // Its one dependency, as cargo built it beside this test.
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let built = fs::read_dir(&deps).unwrap().map(|entry| entry.unwrap().path()).find(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libsha2-") && name.ends_with(".rlib")
    });
    compile.arg("-L").arg(format!("dependency={}", deps.display()));
    compile.arg("--extern").arg(format!("sha2={}", built.expect("it was built").display()));
    crate::sshd::run(&mut compile);
    // One that knows no target but its own, and fails to be a compiler besides.
    let bare = folder.path().join("rustc");
    fs::write(&bare, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&bare, fs::Permissions::from_mode(0o755)).unwrap();
    let run = |more: &[(&str, &str)]| {
        let mut command = Command::new(&script);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("CARGO_MANIFEST_DIR", root);
        command.env("OUT_DIR", folder.path()).env("RUSTC", &bare).env("CARGO", "/bin/false");
        let output = command.envs(more.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = run(&[]);
    for part in [
        "error: the Rust standard library for x86_64-unknown-linux-musl is not installed",
        "either: rustup target add x86_64-unknown-linux-musl",
        "set PROVISION_AGENT_TARGETS=x86_64",
        "PROVISION_AGENT_PREBUILT=DIR",
    ] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    assert!(!folder.path().join("agents.rs").exists());
    let said = run(&[("PROVISION_AGENT_TARGETS", "sparc")]);
    assert!(
        said.contains("PROVISION_AGENT_TARGETS: no agent for `sparc` (there is x86_64, aarch64)"),
        "{said}"
    );
    let said = run(&[("PROVISION_AGENT_PREBUILT", "/nowhere")]);
    assert!(
        said.contains("the agent for x86_64 cannot be taken from /nowhere/provision-agent-x86_64"),
        "{said}"
    );
}
