//! Where a program is.

use std::path::Path;

/// Where programs are looked for.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The path of a program, as a shell with the agent's PATH would find it.
pub fn which(program: &str) -> Option<String> {
    which_in(program, None, "/")
}

/// The same with another PATH, whose relative folders are meant from `folder`.
pub(super) fn which_in(program: &str, path: Option<&str>, folder: &str) -> Option<String> {
    let executable = |path: &String| {
        std::fs::metadata(path).is_ok_and(|meta| meta.is_file())
            && rustix::fs::access(path.as_str(), rustix::fs::Access::EXEC_OK).is_ok()
    };
    if program.contains('/') {
        return Some(program.to_string()).filter(executable);
    }
    let mut paths = path.unwrap_or(PATH).split(':').map(|part| Path::new(folder).join(part).join(program));
    paths.find_map(|path| path.into_os_string().into_string().ok().filter(executable))
}

#[cfg(test)]
mod tests {
    use crate::child::run;
    use crate::wire::Exec;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_is_looked_for_in_the_path_that_it_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
        for folder in ["a", "b", "none"] {
            fs::create_dir(at(folder)).unwrap();
            fs::write(at(&format!("{folder}/it")), format!("#!/bin/sh\necho {folder}\n")).unwrap();
            let mode = if folder == "none" { 0o644 } else { 0o755 };
            fs::set_permissions(at(&format!("{folder}/it")), fs::Permissions::from_mode(mode)).unwrap();
        }
        for (path, folder, expected) in [
            (format!("{}:{}:{}", at("none"), at("b"), at("a")), "/", Some("b")),
            (format!("/nowhere:{}", at("a")), "/", Some("a")),
            // From where it runs, also one without a name.
            ("b".into(), dir.path().to_str().unwrap(), Some("b")),
            (":/bin".into(), &at("a"), Some("a")),
            ("b".into(), "/", None),
            (at("none"), "/", None),
            ("/bin".into(), "/", None),
        ] {
            let mut exec = Exec { cwd: Some(folder.into()), ..Exec::new(["it"]) };
            exec.env = vec![("PATH".into(), path.as_str().into())];
            let ran = run(&exec, &mut |_| {}).ok().map(|output| output.stdout.bytes().to_vec());
            assert_eq!(ran, expected.map(|said| format!("{said}\n").into_bytes()), "{path} in {folder}");
        }
    }
}
