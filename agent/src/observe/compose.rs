//! What docker compose would do with files that are not in place yet.

use crate::act::journal::json;
use crate::child::{probe, which};
use crate::observe::private::Folder;
use crate::reason;
use crate::secret::Content;
use crate::wire::{ComposeProbe, Output};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Stands for the folder of copies in the content of compose files: `@PROVISION_COPY@/3` is the copy of `env_files[3]`.
const COPY: &str = "@PROVISION_COPY@";
const LIMIT: Duration = Duration::from_secs(120);

/// Where packages put docker.
const DOCKER: &str = "/usr/bin/docker";

/// Where docker looks for plugins after the user's own folder, in this order.
const PLUGINS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// What is told of a container: what does not move by itself. A health check that is still on its way counts as a good
/// one (waiting is the business of an op), and what starts over and over does so whether it happens to run just now or
/// not; `@SINCE@` is a minute ago. Mounts stand on lines of their own, because docker gives them in no order.
const CONTAINER: &str = concat!(
    r#"{{$health := "none"}}{{with .State.Health}}{{$health = .Status}}{{end}}"#,
    r#"{{$status := .State.Status}}{{if .State.Restarting}}{{$status = "running"}}{{end}}"#,
    r#"{{if and .State.Running (eq $health "none") (gt .RestartCount 3) (gt .State.StartedAt "@SINCE@")}}"#,
    r#"{{$status = "restarting"}}{{end}}"#,
    r#"{{if eq $health "healthy"}}{{$health = "ok"}}{{else if eq $health "starting"}}"#,
    r#"{{if gt .RestartCount 0}}{{$health = "unhealthy"}}{{else}}{{$health = "ok"}}{{end}}{{end}}"#,
    r#"{{if not .State.Running}}{{$health = "none"}}{{end}}"#,
    r#"{"Name":{{json .Name}},"Image":{{json .Image}},"State":{"Status":{{json $status}},"#,
    r#""ExitCode":{{if .State.Running}}0{{else}}{{json .State.ExitCode}}{{end}},"#,
    r#""Error":{{if .State.Running}}""{{else}}{{json .State.Error}}{{end}},"Health":{"Status":{{json $health}}}},"#,
    r#""Config":{"Image":{{json .Config.Image}},"Env":{{json .Config.Env}},"Cmd":{{json .Config.Cmd}},"#,
    r#""Entrypoint":{{json .Config.Entrypoint}},"User":{{json .Config.User}},"#,
    r#""WorkingDir":{{json .Config.WorkingDir}},"Labels":{{json .Config.Labels}},"#,
    r#""Healthcheck":{{json .Config.Healthcheck}}},"#,
    r#""HostConfig":{"RestartPolicy":{{json .HostConfig.RestartPolicy}},"#,
    r#""PortBindings":{{json .HostConfig.PortBindings}}}{{range .Mounts}}"#,
    "\n",
    r#"mount {"Type":{{json .Type}},"Name":{{json .Name}},"Source":{{json .Source}},"#,
    r#""Destination":{{json .Destination}},"RW":{{json .RW}}}{{end}}"#,
);

/// What a dry run says of a container that is read; the rest (`Waiting`, warnings with the time) moves by itself.
const VERDICTS: &[&str] = &[
    "Running",
    "Recreate",
    "Recreated",
    "Create",
    "Creating",
    "Created",
    "Start",
    "Starting",
    "Started",
    "Stop",
    "Stopping",
    "Stopped",
    "Remove",
    "Removing",
    "Removed",
];

/// Asks compose (configuration, dry run) and docker (containers, images) at the same time.
///
/// An entry of `env_files` whose copy is named in a compose file is an `env_file:` of a service; every other one is
/// given as `--env-file`.
pub fn run(project: &ComposeProbe) -> Result<Output, String> {
    let answer = |code, stdout: String, stderr: &str| Output {
        code,
        stdout: Content::new(stdout, true),
        stderr: Content::from(stderr),
    };
    let Some(docker) = which("docker") else {
        return Ok(answer(127, String::new(), "program `docker` not found"));
    };
    let folder = Folder::make("compose")?;
    let (options, renamed) = copies(project, &folder)?;
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
    let program = program(&docker, Path::new(&home), &PLUGINS);
    let compose = |last: &[&str]| {
        let fixed = ["--ansi", "never", "--progress", "plain"];
        let words = program.iter().map(String::as_str).chain(fixed);
        let argv: Vec<&str> =
            words.chain(options.iter().map(String::as_str)).chain(last.iter().copied()).collect();
        probe(&argv, None, LIMIT)
    };
    let (config, dry_run, listed, containers) = std::thread::scope(|scope| {
        let config = scope.spawn(|| compose(&["config", "--format", "json"]));
        // Not `up`: a dry one also waits for what is really unhealthy or has ended, and fails with it.
        let dry_run = scope.spawn(|| compose(&["--dry-run", "create"]));
        let named = scope.spawn(|| compose(&["config", "--images"]));
        let containers = containers(&project.project);
        (config.join(), dry_run.join(), named.join(), containers)
    });
    let (Ok(config), Ok(dry_run), Ok(listed)) = (config, dry_run, listed) else {
        return Err("asking docker compose failed".into());
    };
    // People know their own files, not the copies.
    let named = |bytes: &[u8], write: fn(&str) -> String| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        renamed.iter().fold(text, |text, (copy, path)| text.replace(copy, &write(path)))
    };
    let plain = |bytes: &[u8]| named(bytes, str::to_string);
    if config.code != 0 {
        if probe(&["docker", "compose", "version"], None, LIMIT).code != 0 {
            return Ok(answer(127, String::new(), "docker has no compose plugin"));
        }
        let error = plain(config.stderr.bytes());
        return Ok(answer(0, format!("{{\"error\":{}}}", json(error.trim())), ""));
    }
    let containers = match containers {
        Ok(containers) => containers,
        Err(why) => return Ok(answer(125, String::new(), &why)),
    };
    let (images, environments) = images(&listed, &containers);
    let containers = containers.join(",");
    let told = plain(&[dry_run.stdout.bytes(), dry_run.stderr.bytes()].concat());
    if dry_run.code != 0 {
        let errors: Vec<&str> = told.lines().filter(|line| line.contains("Error")).collect();
        return Ok(answer(
            1,
            String::new(),
            if errors.is_empty() { told.trim().into() } else { errors.join("\n") }.as_str(),
        ));
    }
    // Within a JSON string.
    let config = named(config.stdout.bytes(), |path| {
        let quoted = json(path);
        quoted[1..quoted.len() - 1].to_string()
    });
    let text = format!(
        "{{\"config\":{},\"dry_run\":{},\"containers\":[{containers}],\"images\":{images},\"environments\":{environments}}}",
        config.trim(),
        json(&decisions(&told)),
    );
    Ok(answer(0, text, ""))
}

/// How compose is called: its plugin itself, which `docker compose` would start twice (first to ask what it is), unless
/// this is another docker than the packages' or the user's own settings may name another plugin.
fn program(docker: &str, home: &Path, folders: &[&str]) -> Vec<String> {
    let own = home.join(".docker");
    let names_another =
        || fs::read_to_string(own.join("config.json")).is_ok_and(|text| text.contains("cliPluginsExtraDirs"));
    let is_plain = docker == DOCKER && !own.join("cli-plugins").exists() && !names_another();
    let plugin =
        folders.iter().filter(|_| is_plain).find_map(|folder| which(&format!("{folder}/docker-compose")));
    plugin.map_or_else(|| vec!["docker".into(), "compose".into()], |plugin| vec![plugin])
}

/// Copies, and the files that people know instead.
type Renamed = Vec<(String, String)>;

/// Writes the copies. Returns compose's options, and what was copied where (longest name first).
fn copies(project: &ComposeProbe, folder: &Folder) -> Result<(Vec<String>, Renamed), String> {
    let real = |path: &str| Path::new(&project.directory).join(path).to_string_lossy().into_owned();
    let own = folder.path.to_string_lossy().into_owned();
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
        let copy = folder.path.join(number.to_string()).to_string_lossy().into_owned();
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

/// The lines of a dry run that say what becomes of a container, sorted.
fn decisions(told: &str) -> String {
    let decides = |line: &&str| {
        let mut words = line.split_whitespace().skip_while(|word| *word != "Container").skip(2);
        words.next().is_some_and(|word| VERDICTS.contains(&word))
    };
    let mut lines: Vec<&str> = told.lines().map(str::trim).filter(decides).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.join("\n")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(output.stdout.bytes()).into_owned()
}

/// The project's containers: JSON objects, sorted by name.
fn containers(project: &str) -> Result<Vec<String>, String> {
    let filter = format!("label=com.docker.compose.project={project}");
    let listed = probe(&["docker", "ps", "-aq", "--no-trunc", "--filter", &filter], None, LIMIT);
    if listed.code != 0 {
        return Err(String::from_utf8_lossy(listed.stderr.bytes()).trim().to_string());
    }
    let ids = text(&listed);
    if ids.trim().is_empty() {
        return Ok(vec![]);
    }
    let minute_ago =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs().saturating_sub(60));
    let format = CONTAINER.replace("@SINCE@", &utc(minute_ago));
    let argv: Vec<&str> = ["docker", "container", "inspect", "--format", &format]
        .into_iter()
        .chain(ids.split_whitespace())
        .collect();
    // One that went away meanwhile is an error on stderr; the others are told.
    Ok(objects(&text(&probe(&argv, None, LIMIT))))
}

/// Puts the lines of [`CONTAINER`] together.
fn objects(lines: &str) -> Vec<String> {
    let mut found: Vec<(&str, Vec<&str>)> = vec![];
    for line in lines.lines().filter(|line| !line.is_empty()) {
        match (line.strip_prefix("mount "), found.last_mut()) {
            (Some(mount), Some((_, mounts))) => mounts.push(mount),
            _ => found.push((line, vec![])),
        }
    }
    let whole = |(head, mut mounts): (&str, Vec<&str>)| {
        mounts.sort_unstable();
        format!("{head},\"Mounts\":[{}]}}", mounts.join(","))
    };
    let mut objects: Vec<String> = found.into_iter().map(whole).collect();
    objects.sort_unstable();
    objects
}

/// Two JSON objects: the id of the local image of each name that compose listed (those that are not there are left out), and
/// the environment of each image that a container was made from, by id.
fn images(listed: &Output, containers: &[String]) -> (String, String) {
    let unique = |mut words: Vec<String>| {
        words.sort_unstable();
        words.dedup();
        words
    };
    let names = if listed.code == 0 { text(listed) } else { String::new() };
    let names =
        unique(names.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_string).collect());
    let used = |object: &String| Some(object.split_once("\"Image\":\"")?.1.split('"').next()?.to_string());
    let used = unique(containers.iter().filter_map(used).collect());
    let inspect = |words: &[&String]| -> Option<Vec<(String, String)>> {
        let format = "{{json .ID}} {{json .Config.Env}}";
        let fixed = ["docker", "image", "inspect", "--format", format];
        let argv: Vec<&str> = fixed.into_iter().chain(words.iter().map(|word| word.as_str())).collect();
        let told = probe(&argv, None, LIMIT);
        let pair = |line: &str| line.split_once(' ').map(|(id, env)| (id.to_string(), env.to_string()));
        (told.code == 0).then(|| text(&told).lines().filter_map(pair).collect())
    };
    let all: Vec<&String> = names.iter().chain(&used).collect();
    if all.is_empty() {
        return ("{}".into(), "{}".into());
    }
    // With one missing, nothing says which answer belongs to which name: one by one then.
    let told: Vec<Option<(String, String)>> = match inspect(&all) {
        Some(told) if told.len() == all.len() => told.into_iter().map(Some).collect(),
        _ => all.iter().map(|word| inspect(&[word])?.pop()).collect(),
    };
    let (named, used) = told.split_at(names.len());
    let known =
        names.iter().zip(named).filter_map(|(name, told)| Some((json(name), told.as_ref()?.0.clone())));
    let object = |fields: Vec<(String, String)>| {
        let fields: Vec<String> = fields.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
        format!("{{{}}}", fields.join(","))
    };
    (object(known.collect()), object(used.iter().flatten().cloned().collect()))
}

/// Seconds since 1970 as docker writes a time, down to the second: such texts are in order as the times are.
fn utc(seconds: u64) -> String {
    let (days, rest) = ((seconds / 86_400) as i64, seconds % 86_400);
    // Days of the Gregorian calendar, counted from 1 March of a leap century.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt;

    #[test]
    fn what_moves_by_itself_is_left_out_and_the_rest_is_in_order() {
        let told = "time=\"2026-01-01T00:00:00Z\" level=warning msg=\"obsolete\"\n DRY-RUN MODE -  Container b-1  Running\n \
                    DRY-RUN MODE -  Container a-1  Waiting\n DRY-RUN MODE -  Container a-1  Recreate\n";
        assert_eq!(
            decisions(told),
            "DRY-RUN MODE -  Container a-1  Recreate\nDRY-RUN MODE -  Container b-1  Running"
        );
        let lines = "{\"Name\":\"/b\"\nmount {\"Type\":\"z\"}\nmount {\"Type\":\"a\"}\n{\"Name\":\"/a\"\n";
        assert_eq!(
            objects(lines),
            [
                "{\"Name\":\"/a\",\"Mounts\":[]}",
                "{\"Name\":\"/b\",\"Mounts\":[{\"Type\":\"a\"},{\"Type\":\"z\"}]}"
            ]
        );
    }

    #[test]
    fn compose_is_called_without_a_detour_where_it_is_certain_which_one_is_meant() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (root.path().join("first"), root.path().join("second"));
        let folders = [first.to_str().unwrap(), second.to_str().unwrap()];
        let through_docker = ["docker", "compose"].map(String::from).to_vec();
        assert_eq!(program(DOCKER, root.path(), &folders), through_docker);
        fs::create_dir(&second).unwrap();
        let plugin = second.join("docker-compose");
        OpenOptions::new().write(true).create_new(true).mode(0o755).open(&plugin).unwrap();
        assert_eq!(program(DOCKER, root.path(), &folders), [plugin.to_str().unwrap()]);
        assert_eq!(program("/usr/local/bin/docker", root.path(), &folders), through_docker);
        let own = root.path().join(".docker");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("config.json"), r#"{"cliPluginsExtraDirs": ["/opt"]}"#).unwrap();
        assert_eq!(program(DOCKER, root.path(), &folders), through_docker);
        fs::write(own.join("config.json"), "{}").unwrap();
        assert_eq!(program(DOCKER, root.path(), &folders), [plugin.to_str().unwrap()]);
        fs::create_dir(own.join("cli-plugins")).unwrap();
        assert_eq!(program(DOCKER, root.path(), &folders), through_docker);
    }

    #[test]
    fn times_are_written_as_docker_does() {
        assert_eq!(utc(0), "1970-01-01T00:00:00");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(utc(1_798_761_599), "2026-12-31T23:59:59");
    }
}
