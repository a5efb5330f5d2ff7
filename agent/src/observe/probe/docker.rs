//! What a Docker daemon holds, less what moves by itself.

mod removable;

use crate::act::steps;
use crate::child::probe;
use crate::secret::Content;
use crate::wire::Output;
use crate::wire::docker::{DockerProbe, network_steps};
use removable::removable;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(600);

const NETWORK: &str = r#"{"Name":{{json .Name}},"Driver":{{json .Driver}},"Internal":{{json .Internal}},"Attachable":{{json .Attachable}},"EnableIPv6":{{json .EnableIPv6}},"IPAM":{{json .IPAM}},"Labels":{{json .Labels}},"Options":{{json .Options}}}"#;
const VOLUME: &str = r#"{"Name":{{json .Name}},"Driver":{{json .Driver}},"Labels":{{json .Labels}},"Options":{{json .Options}}}"#;
const IMAGE: &str =
    r#"{"Id":{{json .Id}},"RepoTags":{{json .RepoTags}},"RepoDigests":{{json .RepoDigests}}}"#;

/// A daemon that did not answer as asked.
type Asked<T> = Result<T, Output>;

fn answer(stdout: impl Into<Vec<u8>>) -> Output {
    Output { code: 0, stdout: Content::new(stdout, false), stderr: Content::from("") }
}

fn text(content: &Content) -> String {
    String::from_utf8_lossy(content.bytes()).into_owned()
}

/// Whether docker says that there is no such thing. Of a daemon that is not there it says `no such file or directory` as well.
fn is_missing(said: &str) -> bool {
    let said = said.to_lowercase();
    let away = ["no such file or directory", "connect to the docker", "docker daemon running"];
    (said.contains("no such") || said.contains("not found")) && !away.iter().any(|away| said.contains(away))
}

/// What docker printed, and whether all that was asked for is there.
fn printed(args: &[&str]) -> Asked<(String, bool)> {
    let argv: Vec<&str> = ["docker"].iter().chain(args).copied().collect();
    let output = probe(&argv, None, SOON);
    match output.code {
        0 => Ok((text(&output.stdout), true)),
        1 if is_missing(&text(&output.stderr)) => Ok((text(&output.stdout), false)),
        127 => Err(output),
        _ => Err(Output { code: 125, ..output }),
    }
}

/// What docker printed; `None` when it knows no such thing.
fn docker(args: &[&str]) -> Asked<Option<String>> {
    printed(args).map(|(text, all)| all.then_some(text))
}

/// Likewise of several things, some of which may have gone meanwhile.
fn lines(args: &[&str]) -> Asked<BTreeSet<String>> {
    let (printed, _) = printed(args)?;
    Ok(printed.lines().filter(|line| !line.trim().is_empty()).map(str::to_string).collect())
}

fn containers(filter: &str, format: &str) -> Asked<BTreeSet<String>> {
    lines(&["ps", "-a", "--no-trunc", "--filter", filter, "--format", format])
}

pub fn run(question: &DockerProbe) -> Result<Output, String> {
    let asked = match question {
        DockerProbe::Network { name } => network(name)?,
        DockerProbe::Volume { name } => used("volume", name, VOLUME, &format!("volume={name}")),
        DockerProbe::Image { name } => used("image", name, IMAGE, &format!("ancestor={name}")),
        DockerProbe::Archive { path } => return archive(path),
        DockerProbe::LiveRestore => docker(&["info", "--format", "{{json .LiveRestoreEnabled}}"])
            .map(|told| answer(told.unwrap_or_default())),
        DockerProbe::Removable(what) => removable(what),
        DockerProbe::Flags => Ok(flags()),
    };
    Ok(asked.unwrap_or_else(|failed| failed))
}

fn used(kind: &str, name: &str, format: &str, filter: &str) -> Asked<Output> {
    let Some(mut told) = docker(&[kind, "inspect", "--format", format, name])? else { return Ok(answer("")) };
    for user in containers(filter, "{{json .Names}}")? {
        told.push_str(&format!("{user}\n"));
    }
    Ok(answer(told))
}

fn network(name: &str) -> Result<Asked<Output>, String> {
    let left = steps::left(&network_steps(name))?;
    Ok(network_and(name, left.as_deref()))
}

fn network_and(name: &str, left: Option<&str>) -> Asked<Output> {
    let mut told = docker(&["network", "inspect", "--format", NETWORK, name])?.unwrap_or_default();
    let mut inside = String::new();
    if !told.is_empty() {
        let users = containers(&format!("network={name}"), "{{.Names}}")?;
        let end = format!(
            r#"{{{{with index .NetworkSettings.Networks {name:?}}}}}"Aliases":{{{{json .Aliases}}}},"Links":{{{{json .Links}}}},"DriverOpts":{{{{json .DriverOpts}}}},"Fixed":{{{{json .IPAMConfig}}}}}}{{{{end}}}}"#
        );
        let format = format!(r#"{{"Id":{{{{json .Id}}}},"Name":{{{{json .Name}}}},{end}"#);
        for line in inspect("container", &format, users.iter())? {
            inside.push_str(&format!("{line}\n"));
        }
    }
    told.push_str(&inside);
    let Some(mut lines) = left.map(str::lines) else { return Ok(answer(told)) };
    told.push_str(&format!("{{\"Cut\":{}}}\n", lines.next().unwrap_or("null")));
    // By their ids: one of the same name may be another one.
    let were: BTreeMap<String, &str> = lines.filter_map(|line| Some((id(line)?.to_string(), line))).collect();
    let are: BTreeSet<&str> = inside.lines().filter_map(id).collect();
    for there in inspect("container", "{{.Id}}", were.keys())? {
        if let (Some(line), false) = (were.get(there.trim()), are.contains(there.trim())) {
            told.push_str(&format!("{{\"Out\":{line}}}\n"));
        }
    }
    Ok(answer(told))
}

/// The id of a container in what is told of it.
fn id(line: &str) -> Option<&str> {
    line.split_once("\"Id\":\"")?.1.split_once('"').map(|(id, _)| id)
}

fn archive(path: &str) -> Result<Output, String> {
    if !std::fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
        return Ok(answer(""));
    }
    let output = probe(&["tar", "-xOf", path, "manifest.json", "index.json"], None, LONG);
    // The second one is in newer archives only: without it tar ends with 2.
    if output.code == 127 || output.code != 0 && output.stdout.bytes().is_empty() {
        return Err(format!("{path} is not an archive of images: {}", text(&output.stderr).trim()));
    }
    Ok(answer(output.stdout.bytes()))
}

fn inspect<'a>(
    kind: &'a str,
    format: &'a str,
    ids: impl Iterator<Item = &'a String>,
) -> Asked<BTreeSet<String>> {
    let mut args = vec![kind, "inspect", "--format", format];
    let count = args.len();
    args.extend(ids.map(String::as_str));
    if args.len() == count { Ok(BTreeSet::new()) } else { lines(&args) }
}

/// What stands on the command line of the daemon's unit; nothing where no systemd answers.
fn flags() -> Output {
    let shown =
        probe(&["systemctl", "show", "--property=ExecStart", "--value", "docker.service"], None, SOON);
    let line = text(&shown.stdout);
    let argv =
        line.split_once("argv[]=").map_or("", |(_, rest)| rest.split(" ; ").next().unwrap_or_default());
    answer(argv.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_is_away_is_not_taken_for_nothing_there() {
        for said in [
            "Error: No such network: x",
            "Error response from daemon: network x not found",
            "Error response from daemon: get x: no such volume",
            "Error: No such image: x:1",
        ] {
            assert!(is_missing(said), "{said}");
        }
        for said in [
            "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is \
             running: dial unix /var/run/docker.sock: connect: no such file or directory",
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "permission denied while trying to connect to the Docker daemon socket",
        ] {
            assert!(!is_missing(said), "{said}");
        }
    }
}
