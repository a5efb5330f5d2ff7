//! What a Docker daemon holds, less what moves by itself.

use crate::act::steps;
use crate::child::probe;
use crate::secret::Content;
use crate::wire::Output;
use crate::wire::docker::{DockerProbe, Images, Removable, network_steps};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SOON: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(600);

const NETWORK: &str = r#"{"Name":{{json .Name}},"Driver":{{json .Driver}},"Internal":{{json .Internal}},"Attachable":{{json .Attachable}},"EnableIPv6":{{json .EnableIPv6}},"IPAM":{{json .IPAM}},"Labels":{{json .Labels}},"Options":{{json .Options}}}"#;
const VOLUME: &str = r#"{"Name":{{json .Name}},"Driver":{{json .Driver}},"Labels":{{json .Labels}},"Options":{{json .Options}}}"#;
const IMAGE: &str =
    r#"{"Id":{{json .Id}},"RepoTags":{{json .RepoTags}},"RepoDigests":{{json .RepoDigests}}}"#;

/// In front of what is told of a thing stand when it was made and its id; behind it come the containers that use it.
const OF_CONTAINER: &str = r#"{{json .Created}} {{.Id}} {"kind":"container","id":{{json .Id}},"what":{{json .Name}},"labels":{{json .Config.Labels}}"#;
const OF_NETWORK: &str = r#"{{json .Created}} {{.Id}} {"kind":"network","id":{{json .Id}},"what":{{json .Name}},"labels":{{json .Labels}}"#;
const OF_IMAGE: &str = r#"{{json .Created}} {{.Id}} {"kind":"image","id":{{json .Id}},"what":{{json .RepoTags}},"digests":{{json .RepoDigests}},"labels":{{json .Config.Labels}}"#;

/// Networks that every daemon has.
const OWN: [&str; 3] = ["bridge", "host", "none"];

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

/// What may go, with the containers that use it: whether these go as well is not known here.
fn removable(what: &Removable) -> Asked<Output> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let is_old =
        |made: &str| seconds(made.trim_matches('"')).is_some_and(|made| now - made >= what.older_s as i64);
    let mut told = String::new();
    let mut add = |kind: &str, ids: &BTreeMap<String, Vec<String>>, format: &str| -> Asked<()> {
        for line in inspect(kind, format, ids.keys())? {
            let mut words = line.splitn(3, ' ');
            let (Some(made), Some(id), Some(rest)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if is_old(made) {
                let users: Vec<String> =
                    ids.get(id).into_iter().flatten().map(|id| format!("{id:?}")).collect();
                told.push_str(&format!("{rest},\"users\":[{}]}}\n", users.join(",")));
            }
        }
        Ok(())
    };
    let alone = |ids: BTreeSet<String>| ids.into_iter().map(|id| (id, vec![])).collect();
    if what.containers {
        let [a, b, c] = &["exited", "created", "dead"].map(|status| format!("status={status}"));
        let args = ["ps", "-a", "-q", "--no-trunc", "--filter", a, "--filter", b, "--filter", c];
        add("container", &alone(lines(&args)?), OF_CONTAINER)?;
    }
    if what.networks {
        let mut ids = BTreeMap::new();
        for line in lines(&["network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Scope}} {{.Name}}"])? {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let [id, "local", name] = words[..] else { continue };
            if !OWN.contains(&name) {
                // Also the stopped ones: without the network they could not be started again.
                let users = containers(&format!("network={id}"), "{{.ID}}")?;
                ids.insert(id.to_string(), users.into_iter().collect());
            }
        }
        add("network", &ids, OF_NETWORK)?;
    }
    if what.images != Images::None {
        let dangling = (what.images == Images::Dangling).then_some(["--filter", "dangling=true"]);
        let args: Vec<&str> =
            ["image", "ls", "-q", "--no-trunc"].into_iter().chain(dangling.into_iter().flatten()).collect();
        let mut ids: BTreeMap<String, Vec<String>> = alone(lines(&args)?);
        let all = lines(&["ps", "-a", "-q", "--no-trunc"])?;
        for line in inspect("container", "{{.Image}} {{.Id}}", all.iter())? {
            if let Some((image, user)) = line.split_once(' ') {
                ids.entry(image.into()).and_modify(|users| users.push(user.into()));
            }
        }
        add("image", &ids, OF_IMAGE)?;
    }
    Ok(answer(told))
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

/// Seconds since 1970 of a time as JSON has it: `2026-11-28T15:55:56.852129476Z`, or with an offset.
fn seconds(time: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let zone = time.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone {
        "Z" => 0,
        zone => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let east = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -east } else { east }
        }
    };
    // Days by the calendar that begins years in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day
        - 1
        - 719_468;
    Some(days * 86400 + hour * 3600 + minute * 60 + second - offset)
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

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-28T15:55:56.852129476Z", Some(1_795_881_356)),
            ("2024-02-29T23:59:60+01:30", Some(1_709_245_800)),
            ("2026-11-28T10:55:56-05:00", Some(1_795_881_356)),
            ("0001-01-01T00:00:00Z", Some(-62_135_596_800)),
            ("yesterday", None),
            ("2026-11-28T15:55:56", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
