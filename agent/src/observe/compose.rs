//! What docker compose would do with files that are not in place yet.

mod dry;
mod project;

use crate::act::journal::json;
use crate::child::{probe, which};
use crate::observe::private::Folder;
use crate::reason;
use crate::secret::Content;
use crate::wire::{ComposeAsk, ComposeProbe, Output};
use dry::{decisions, words};
use project::{containers, networks};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// Stands for the folder of copies in the content of compose files: `@PROVISION_COPY@/3` is the copy of `env_files[3]`,
/// `@PROVISION_COPY@/included-3` that of `included[3]`.
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

/// Asks compose (configuration, dry run) and docker (containers, images) at the same time.
///
/// An entry of `env_files` whose copy is named in a compose file is an `env_file:` in that; every other one is
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
    let builder = format!("BUILDX_CONFIG={}", folder.path.join("buildx").display());
    let program = program(&docker, Path::new(&home), &PLUGINS);
    let compose = |last: &[&str]| {
        let fixed = ["--ansi", "never", "--progress", "plain"];
        // Its builder keeps a folder of its own, which a look must not make.
        let head = ["env", &builder].into_iter().chain(program.iter().map(String::as_str));
        let words = head.chain(fixed);
        let argv: Vec<&str> =
            words.chain(options.iter().map(String::as_str)).chain(last.iter().copied()).collect();
        probe(&argv, None, LIMIT)
    };
    let compose = &compose;
    let (config, dry_run, listed, containers, networks) = std::thread::scope(|scope| {
        // Without files there is none: compose then goes by what docker knows of the project.
        let of_files = |what: &str| match project.files.is_empty() {
            true => answer(0, if what == "json" { "null".into() } else { String::new() }, ""),
            false if what == "json" => compose(&["config", "--format", "json"]),
            false => compose(&["config", "--images"]),
        };
        let config = scope.spawn(move || of_files("json"));
        let words = words(&project.ask);
        let dry_run = scope.spawn(move || compose(&words.iter().map(String::as_str).collect::<Vec<_>>()));
        let brings_up = matches!(project.ask, ComposeAsk::Up { .. });
        let named =
            scope.spawn(move || if brings_up { of_files("images") } else { answer(0, String::new(), "") });
        let there = containers(&project.project);
        let networks = match project.ask {
            ComposeAsk::Down { .. } => networks(&project.project),
            _ => Ok(vec![]),
        };
        (config.join(), dry_run.join(), named.join(), there, networks)
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
    if (config.code != 0 || dry_run.code != 0)
        && probe(&["docker", "compose", "version"], None, LIMIT).code != 0
    {
        return Ok(answer(127, String::new(), "docker has no compose plugin"));
    }
    if config.code != 0 {
        let error = plain(config.stderr.bytes());
        return Ok(answer(0, format!("{{\"error\":{}}}", json(error.trim())), ""));
    }
    let (containers, networks) = match (containers, networks) {
        (Ok(containers), Ok(networks)) => (containers, networks.join(",")),
        (Err(why), _) | (_, Err(why)) => return Ok(answer(125, String::new(), &why)),
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
        "{{\"config\":{},\"dry_run\":{},\"containers\":[{containers}],\"networks\":[{networks}],\"images\":{images},\"environments\":{environments}}}",
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
    let mut options = vec!["-p".into(), project.project.clone()];
    options.extend(project.profiles.iter().flat_map(|profile| ["--profile".into(), profile.clone()]));
    if project.files.is_empty() {
        return Ok((options, vec![]));
    }
    options.extend(["--project-directory".into(), project.directory.clone()]);
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
    for (number, (path, content)) in project.included.iter().enumerate() {
        let text = String::from_utf8_lossy(content.bytes()).replace(COPY, &own);
        compose_text += &text;
        renamed.push((folder.write(&format!("included-{number}"), text.as_bytes())?, real(path)));
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

fn text(output: &Output) -> String {
    String::from_utf8_lossy(output.stdout.bytes()).into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt;

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
}
