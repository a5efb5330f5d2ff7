//! The parameters, and the words that compose takes for them.

use super::files;
use crate::{resource::Fault, resources::shared::OneOrMany};
use agent::wire::{ComposeAsk, Exec};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Brings the services of a Docker Compose project to what its files say, and waits until they are healthy.
///
/// Services that did not change are not touched. A service that somebody stopped by hand (`docker stop`) stays stopped
/// unless `start_stopped` is set or one that is brought up depends on it. A change in the content of a mounted file is seen
/// by no one: give the service a label with a hash of the content (`content_hash`), and the plan names that as the reason.
/// A job (restart `no` or `on-failure`) that has ended with 0 is fine; one that others wait for
/// (`service_completed_successfully`) is waited for.
///
/// Files that the project's files include (`include`) are known as its own. A task that writes such a file outside of `directory` is
/// named in `needs`, so that it comes before.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of the project. Default: the name of the folder, in the way of compose: lowercase, without signs other than `-` and `_`.
    pub project: Option<String>,
    /// The project's folder: what relative paths in its files start from.
    pub directory: String,
    /// Compose files, relative to the folder. Default: those that compose finds in it: the first of `compose.yaml`, `compose.yml`,
    /// `docker-compose.yml` and `docker-compose.yaml`, and the first override of it (`compose.override.yaml` and so on).
    #[serde(default)]
    pub files: OneOrMany<String>,
    /// Files with the values of `${VARIABLES}` (`--env-file`), relative to the folder.
    #[serde(default)]
    pub env_file: OneOrMany<String>,
    /// Just these services, and what they depend on. Default: all.
    #[serde(default)]
    pub services: OneOrMany<String>,
    /// `present` (default): what the files say runs. `stopped`: no container of it runs; none is made. `absent`: its containers and
    /// networks are removed (`docker compose down`), its volumes and images stay; without its files, those that docker knows of it.
    /// `restarted`: its services are restarted, each time, but for those that do not run.
    #[serde(default)]
    pub state: Wanted,
    /// Profiles of the files that are active.
    #[serde(default)]
    pub profiles: OneOrMany<String>,
    /// Wait until what was changed runs and is healthy, and fail with the probe's last output and the log's end when it
    /// does not get there. Default: true.
    #[serde(default = "yes")]
    pub wait: bool,
    /// Seconds to wait, and again for pulling, building and creating. Default: 300.
    #[serde(default = "default_timeout")]
    pub timeout: u32,
    /// Seconds that a container has to end before it is killed. Default: what the files say, or 10.
    pub stop_timeout: Option<u32>,
    /// Whether images are pulled for services that are created or recreated: `missing` (default), `always`, `never`, or `policy`, what
    /// the files say (`pull_policy`). With `always`, what else is made of an image that comes out different is recreated with them; what
    /// is as the files say fetches none: a task of `docker_image` with `force_pull` before this one brings what a tag has by now.
    #[serde(default)]
    pub pull: Pull,
    /// Whether images are built, where the files say how: `policy` (default), those that are missing; `never`; or `always`: each time,
    /// and what is made of one that came out different is recreated.
    #[serde(default)]
    pub build: Build,
    /// Which containers are recreated: `auto` (default), those that differ from the files; `never`; or `always`: all, each time.
    #[serde(default)]
    pub recreate: Recreate,
    /// How many containers a service has, in place of what the files say: `{web: 3}`.
    #[serde(default)]
    pub scale: IndexMap<String, u32>,
    /// Remove containers of services that are no longer in the files, of whatever profile. Where files include others, those are left.
    #[serde(default)]
    pub remove_orphans: bool,
    /// Start what was stopped by hand, or by `state: stopped`.
    #[serde(default)]
    pub start_stopped: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    #[default]
    Present,
    Stopped,
    Absent,
    Restarted,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pull {
    #[default]
    Missing,
    Always,
    Never,
    Policy,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Build {
    #[default]
    Policy,
    Always,
    Never,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Recreate {
    #[default]
    Auto,
    Always,
    Never,
}

fn default_timeout() -> u32 {
    300
}

fn yes() -> bool {
    true
}

impl Spec {
    /// The project's name: the one given, or what compose makes of the folder's.
    pub fn project(&self) -> String {
        self.project.clone().unwrap_or_else(|| named_after(&self.directory))
    }

    /// `docker compose` with this project's options, and its files by their paths.
    pub fn command(&self, files: &[String], args: impl IntoIterator<Item = String>) -> Exec {
        let mut words = pair("--project-directory", &self.directory);
        words.extend(pair("-p", &self.project()));
        words.extend(files.iter().flat_map(|file| pair("-f", file)));
        let env_files = self.env_file.0.iter();
        words.extend(env_files.flat_map(|file| pair("--env-file", &files::join(&self.directory, file))));
        words.extend(self.profiles.0.iter().flat_map(|profile| pair("--profile", profile)));
        Exec { cwd: Some(self.directory.clone()), ..self.exec(words.into_iter().chain(args)) }
    }

    /// The same of a project whose files are not there: compose goes by what docker knows of it.
    pub fn command_without_files(&self, args: impl IntoIterator<Item = String>) -> Exec {
        let profiles = self.profiles.0.iter().flat_map(|profile| pair("--profile", profile));
        self.exec(pair("-p", &self.project()).into_iter().chain(profiles).chain(args))
    }

    fn exec(&self, args: impl Iterator<Item = String>) -> Exec {
        let program = ["docker", "compose", "--ansi", "never"].map(String::from);
        Exec { timeout_s: self.timeout, ..Exec::new(program.into_iter().chain(args)) }
    }

    /// How long containers have to end, as an option.
    pub fn stop_timeout(&self) -> Vec<String> {
        self.stop_timeout.iter().flat_map(|seconds| pair("--timeout", &seconds.to_string())).collect()
    }

    /// The named services, as the last words of a command.
    pub fn named(&self) -> Vec<String> {
        let dashes = (!self.services.0.is_empty()).then(|| "--".to_string());
        dashes.into_iter().chain(self.services.0.clone()).collect()
    }

    /// What compose is asked.
    pub fn ask(&self) -> ComposeAsk {
        let services = self.services.0.clone();
        match self.state {
            Wanted::Present => ComposeAsk::Up {
                recreate: match self.recreate {
                    Recreate::Auto => None,
                    Recreate::Always => Some(true),
                    Recreate::Never => Some(false),
                },
                scale: self.scale.iter().map(|(service, count)| (service.clone(), *count)).collect(),
            },
            Wanted::Absent => ComposeAsk::Down { orphans: self.remove_orphans, services },
            Wanted::Stopped => ComposeAsk::Stop { services },
            Wanted::Restarted => ComposeAsk::Restart { services },
        }
    }

    /// Refuses names that compose refuses, or would read as an option, and parameters without a meaning.
    pub fn check(&self) -> Result<(), Fault> {
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !self.directory.starts_with('/') {
            return Err(Fault::new("`directory` must be an absolute path").hint("begin it with `/`"));
        }
        let project = self.project();
        if self.project.is_none() && project.is_empty() {
            let folder = self.directory.escape_debug();
            let fault = Fault::new(format!("a project cannot be named after the folder `{folder}`"));
            return Err(fault.hint("write its name: `project: ...`"));
        }
        if !project.starts_with(lower) || !project.chars().all(|c| lower(c) || "-_".contains(c)) {
            let fault = Fault::new(format!("`{}` is not the name of a project", project.escape_debug()));
            return Err(fault.hint("lowercase letters, digits, `-` and `_`, starting with a letter or digit"));
        }
        let broken = |path: &str| path.contains(['\0', '\n', '\r']);
        if broken(&self.directory) {
            return Err(Fault::new("`directory` holds a line break"));
        }
        let file = self.files.0.iter().chain(&self.env_file.0).find(|f| f.starts_with('-') || broken(f));
        let mut words = self.services.0.iter().chain(&self.profiles.0).chain(self.scale.keys());
        let word = words.find(|name| {
            !name.starts_with(|c: char| c.is_ascii_alphanumeric())
                || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        });
        if let Some(bad) = file.or(word) {
            return Err(Fault::new(format!("`{}` cannot be used as a name here", bad.escape_debug())));
        }
        let of_up = [
            ("pull", self.pull != Pull::Missing),
            ("build", self.build != Build::Policy),
            ("recreate", self.recreate != Recreate::Auto),
            ("scale", !self.scale.is_empty()),
            ("start_stopped", self.start_stopped),
            ("remove_orphans", self.remove_orphans && self.state != Wanted::Absent),
        ];
        if self.state != Wanted::Present
            && let Some((name, _)) = of_up.into_iter().find(|(_, given)| *given)
        {
            let fault = Fault::new(format!("`{name}` has no meaning with this `state`"));
            return Err(fault.hint("leave it out, or `state: present`"));
        }
        Ok(())
    }
}

/// What compose calls a project in this folder.
fn named_after(directory: &str) -> String {
    let mut parts: Vec<&str> = vec![];
    for part in directory.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let name = parts.last().copied().unwrap_or_default().to_lowercase();
    let name: String =
        name.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c)).collect();
    name.trim_start_matches(['-', '_']).into()
}

fn pair(option: &str, value: &str) -> Vec<String> {
    vec![option.into(), value.into()]
}

#[cfg(test)]
mod tests {
    use super::named_after;

    #[test]
    fn a_project_is_named_after_its_folder_as_compose_does() {
        for (directory, name) in [
            ("/opt/app", "app"),
            ("/srv/My.App 2/", "myapp2"),
            ("/srv/_-x_y-", "x_y-"),
            ("/srv/./shop/../Web/.", "web"),
            ("/srv/b\u{e4}r", "br"),
            ("/srv/...", ""),
            ("/", ""),
        ] {
            assert_eq!(named_after(directory), name, "{directory}");
        }
    }
}
