//! What the build says when it cannot make the agent. The build script is run alone.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

#[test]
fn a_target_that_is_not_installed_is_named_with_the_ways_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // As cargo built it for this test; those of other days lie beside it.
    let folders = fs::read_dir(Path::new(env!("OUT_DIR")).ancestors().nth(2).unwrap()).unwrap();
    let scripts = folders.map(|entry| entry.unwrap().path()).filter(|folder| {
        folder.file_name().unwrap().to_string_lossy().starts_with(concat!(env!("CARGO_PKG_NAME"), "-"))
    });
    let scripts = scripts.map(|folder| folder.join("build-script-build")).filter(|script| script.exists());
    let script = scripts.max_by_key(|script| fs::metadata(script).unwrap().modified().unwrap()).unwrap();
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
