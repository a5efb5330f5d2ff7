//! What docker holds of a project.

use super::{LIMIT, text};
use crate::calendar;
use crate::child::probe;
use std::time::{SystemTime, UNIX_EPOCH};

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

/// The project's containers: JSON objects, sorted by name.
pub fn containers(project: &str) -> Result<Vec<String>, String> {
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
    let format = CONTAINER.replace("@SINCE@", &calendar::utc(minute_ago as i64));
    let argv: Vec<&str> = ["docker", "container", "inspect", "--format", &format]
        .into_iter()
        .chain(ids.split_whitespace())
        .collect();
    // One that went away meanwhile is an error on stderr; the others are told.
    Ok(objects(&text(&probe(&argv, None, LIMIT))))
}

/// The project's networks, each with the containers that run in it.
pub fn networks(project: &str) -> Result<Vec<String>, String> {
    let filter = format!("label=com.docker.compose.project={project}");
    let listed = probe(&["docker", "network", "ls", "-q", "--no-trunc", "--filter", &filter], None, LIMIT);
    if listed.code != 0 {
        return Err(String::from_utf8_lossy(listed.stderr.bytes()).trim().to_string());
    }
    let ids = text(&listed);
    if ids.trim().is_empty() {
        return Ok(vec![]);
    }
    let format = r#"{"Name":{{json .Name}},"Users":[{{$c := ""}}{{range .Containers}}{{$c}}{{json .Name}}{{$c = ","}}{{end}}]}"#;
    let fixed = ["docker", "network", "inspect", "--format", format];
    let argv: Vec<&str> = fixed.into_iter().chain(ids.split_whitespace()).collect();
    let told = text(&probe(&argv, None, LIMIT));
    let mut lines: Vec<String> = told.lines().filter(|line| !line.is_empty()).map(str::to_string).collect();
    lines.sort_unstable();
    Ok(lines)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_in_order() {
        let lines = "{\"Name\":\"/b\"\nmount {\"Type\":\"z\"}\nmount {\"Type\":\"a\"}\n{\"Name\":\"/a\"\n";
        assert_eq!(
            objects(lines),
            [
                "{\"Name\":\"/a\",\"Mounts\":[]}",
                "{\"Name\":\"/b\",\"Mounts\":[{\"Type\":\"a\"},{\"Type\":\"z\"}]}"
            ]
        );
    }
}
