//! What docker compose would do with files that are not in place yet.

use crate::act::journal::json;
use crate::child::{probe, which};
use crate::reason;
use crate::secret::Content;
use crate::wire::{ComposeProbe, Output};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Stands for the folder of copies in the content of compose files: `@PROVISION_COPY@/3` is the copy of `env_files[3]`.
const COPY: &str = "@PROVISION_COPY@";
const LIMIT: Duration = Duration::from_secs(120);

/// A private folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    /// In memory where there is such a place, since copies may hold secrets.
    fn make() -> Result<Self, String> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(reason)?;
        let name = format!("provision-compose-{:016x}", u64::from_le_bytes(random));
        let mut why = String::new();
        for parent in ["/run", "/dev/shm", "/tmp"] {
            let path = Path::new(parent).join(&name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => why = reason(error),
            }
        }
        Err(format!("cannot make a private folder: {why}"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<String, String> {
        let path = self.0.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| format!("cannot write a copy: {}", reason(error)))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Asks compose twice (configuration, dry run) and docker for the containers, at the same time.
///
/// An entry of `env_files` whose copy is named in a compose file is an `env_file:` of a service; every other one is
/// given as `--env-file`.
pub fn run(project: &ComposeProbe) -> Result<Output, String> {
    let answer = |code, stdout: String, stderr: &str| Output {
        code,
        stdout: Content::new(stdout, true),
        stderr: Content::from(stderr),
    };
    if which("docker").is_none() {
        return Ok(answer(127, String::new(), "program `docker` not found"));
    }
    let folder = Folder::make()?;
    let (options, renamed) = copies(project, &folder)?;
    let compose = |last: &[&str]| {
        let fixed = ["docker", "compose", "--ansi", "never", "--progress", "plain"];
        let argv: Vec<&str> =
            fixed.into_iter().chain(options.iter().map(String::as_str)).chain(last.iter().copied()).collect();
        probe(&argv, None, LIMIT)
    };
    let (config, dry_run, containers) = std::thread::scope(|scope| {
        let config = scope.spawn(|| compose(&["config", "--format", "json"]));
        let dry_run = scope.spawn(|| compose(&["--dry-run", "up", "-d"]));
        let containers = containers(&project.project);
        (config.join(), dry_run.join(), containers)
    });
    let (Ok(config), Ok(dry_run)) = (config, dry_run) else {
        return Err("asking docker compose failed".into());
    };
    // People know their own files, not the copies.
    let named = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        renamed.iter().fold(text, |text, (copy, path)| text.replace(copy, path))
    };
    if config.code != 0 {
        if probe(&["docker", "compose", "version"], None, LIMIT).code != 0 {
            return Ok(answer(127, String::new(), "docker has no compose plugin"));
        }
        let error = named(config.stderr.bytes());
        return Ok(answer(0, format!("{{\"error\":{}}}", json(error.trim())), ""));
    }
    let containers = match containers {
        Ok(containers) => containers,
        Err(why) => return Ok(answer(125, String::new(), &why)),
    };
    let told = named(&[dry_run.stdout.bytes(), dry_run.stderr.bytes()].concat());
    if dry_run.code != 0 {
        return Ok(answer(0, format!("{{\"error\":{}}}", json(told.trim())), ""));
    }
    let config = named(config.stdout.bytes());
    let text = format!(
        "{{\"config\":{},\"dry_run\":{},\"containers\":{}}}",
        config.trim(),
        json(&told),
        containers.trim()
    );
    Ok(answer(0, text, ""))
}

/// Copies, and the files that people know instead.
type Renamed = Vec<(String, String)>;

/// Writes the copies. Returns compose's options, and what was copied where (longest name first).
fn copies(project: &ComposeProbe, folder: &Folder) -> Result<(Vec<String>, Renamed), String> {
    let real = |path: &str| Path::new(&project.directory).join(path).to_string_lossy().into_owned();
    let own = folder.0.to_string_lossy().into_owned();
    let mut options =
        vec!["--project-directory".into(), project.directory.clone(), "-p".into(), project.project.clone()];
    let mut renamed = vec![];
    let mut compose_text = String::new();
    for (number, (path, content)) in project.files.iter().enumerate() {
        let file = match content {
            Some(content) => {
                let text = String::from_utf8_lossy(content.bytes()).replace(COPY, &own);
                compose_text += &text;
                folder.write(&format!("file-{number}"), text.as_bytes())?
            }
            None => real(path),
        };
        renamed.push((file.clone(), real(path)));
        options.extend(["-f".into(), file]);
    }
    for (number, (path, content)) in project.env_files.iter().enumerate() {
        let copy = folder.0.join(number.to_string()).to_string_lossy().into_owned();
        match content {
            Some(content) => _ = folder.write(&number.to_string(), content.bytes())?,
            None => symlink(real(path), &copy)
                .map_err(|error| format!("cannot name {path}: {}", reason(error)))?,
        }
        let of_a_service = compose_text
            .match_indices(&copy)
            .any(|(at, _)| !compose_text[at + copy.len()..].starts_with(|next: char| next.is_ascii_digit()));
        if !of_a_service {
            options.extend(["--env-file".into(), copy.clone()]);
        }
        renamed.push((copy, real(path)));
    }
    renamed.sort_by_key(|(copy, _)| std::cmp::Reverse(copy.len()));
    Ok((options, renamed))
}

/// `docker inspect` of the project's containers, a JSON array.
fn containers(project: &str) -> Result<String, String> {
    let filter = format!("label=com.docker.compose.project={project}");
    let listed = probe(&["docker", "ps", "-aq", "--filter", &filter], None, LIMIT);
    if listed.code != 0 {
        return Err(String::from_utf8_lossy(listed.stderr.bytes()).trim().to_string());
    }
    let ids = String::from_utf8_lossy(listed.stdout.bytes()).into_owned();
    if ids.trim().is_empty() {
        return Ok("[]".into());
    }
    let argv: Vec<&str> = ["docker", "inspect"].into_iter().chain(ids.split_whitespace()).collect();
    // One that went away meanwhile is an error on stderr; the array holds the others.
    Ok(String::from_utf8_lossy(probe(&argv, None, LIMIT).stdout.bytes()).into_owned())
}
