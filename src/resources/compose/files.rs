//! The project's files as they will be, made into a question for the host's compose.

use super::{
    Spec,
    copies::{self, Copies},
};
use crate::{
    model::{Area, Origin, Source},
    resource::{Fault, Observe, Seen},
    yaml::{Node, parse},
};
use agent::{
    secret::Content,
    wire::{ComposeProbe, Query},
};
use std::sync::Arc;

/// Bytes of a compose or environment file.
pub const LIMIT: u64 = 4 << 20;

/// What compose looks for where no file is named: the first that is there.
const MAIN: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The same beside it, to go over it.
const OVERRIDE: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

pub struct Files {
    pub probe: ComposeProbe,
    /// What is known without asking compose.
    pub services: Vec<Named>,
    /// Of whatever profile.
    all: Vec<String>,
    /// Services may also be in files that these include and that only compose finds.
    pub includes: bool,
    /// Values in environment files: they must not be shown.
    pub values: Vec<String>,
}

/// A service as the files name it.
pub struct Named {
    pub name: String,
    /// Where it is written plainly.
    pub image: Option<String>,
    /// Its image is built.
    pub builds: bool,
    depends_on: Vec<String>,
}

/// A path relative to the project's folder.
pub fn join(directory: &str, file: &str) -> String {
    if file.starts_with('/') {
        return file.into();
    }
    let file = file.trim_start_matches("./");
    format!("{}/{file}", directory.trim_end_matches('/'))
}

pub fn read_query(path: &str) -> Query {
    // Compose files may hold secrets as well as environment files do; nothing of either is shown as text.
    Query::Read { path: path.into(), limit: LIMIT, secret: true }
}

/// The paths of the Compose files: those that the task names, there or not, or those that compose would find by itself.
/// None where it would find none.
fn compose_files(spec: &Spec, seen: &Seen) -> Observe<Vec<String>> {
    let path = |file: &str| join(&spec.directory, file);
    if !spec.files.0.is_empty() {
        return Ok(spec.files.0.iter().map(|file| path(file)).collect());
    }
    seen.each(MAIN.iter().chain(&OVERRIDE).map(|file| read_query(&path(file))))?;
    let first = |names: [&str; 4]| -> Observe<Option<String>> {
        for path in names.map(path) {
            if seen.content(&path, LIMIT, true)?.is_some() {
                return Ok(Some(path));
            }
        }
        Ok(None)
    };
    let Some(main) = first(MAIN)? else { return Ok(vec![]) };
    Ok([main].into_iter().chain(first(OVERRIDE)?).collect())
}

/// Refuses a name and files that compose would take from elsewhere: what the task leaves out, the command line says here.
fn check_defaults(spec: &Spec, seen: &Seen, parsed: &[(Arc<Source>, Node)]) -> Observe<()> {
    let project = spec.project();
    if spec.project.is_none()
        && let Some((source, name)) =
            parsed.iter().rev().find_map(|(source, node)| Some((source, node.get("name")?.as_str()?)))
        && name != project
    {
        let what = format!("{} names the project `{}`", source.path.display(), name.escape_debug());
        return Err(Fault::new(what).hint("write the name into the task: `project: ...`").into());
    }
    let sought: Vec<(&str, &str)> = [
        ("COMPOSE_PROJECT_NAME", "project", spec.project.is_none()),
        ("COMPOSE_FILE", "files", spec.files.0.is_empty()),
    ]
    .into_iter()
    .filter_map(|(variable, parameter, is_open)| is_open.then_some((variable, parameter)))
    .collect();
    if sought.is_empty() {
        return Ok(());
    }
    let own = [".env".to_string()];
    let env = if spec.env_file.0.is_empty() { &own[..] } else { &spec.env_file.0 };
    for path in env.iter().map(|file| join(&spec.directory, file)) {
        let Some(content) = seen.content(&path, LIMIT, true)? else { continue };
        let text = String::from_utf8_lossy(content.bytes()).into_owned();
        let value = |variable: &str| {
            let set = text.lines().filter_map(|line| line.trim_start().split_once('='));
            let mut set =
                set.filter(|(name, _)| name.trim().trim_start_matches("export ").trim() == variable);
            set.next_back().map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_string())
        };
        for (variable, parameter) in &sought {
            if value(variable).is_some_and(|value| *parameter == "files" || value != project) {
                let fault = Fault::new(format!("{path} sets {variable}, and the task has no `{parameter}`"));
                return Err(fault.hint(format!("write `{parameter}` into the task")).into());
            }
        }
    }
    Ok(())
}

/// Whether the files that the task names are there, as predicted.
pub fn are_there(spec: &Spec, seen: &Seen) -> Observe<bool> {
    let compose = compose_files(spec, seen)?;
    if compose.is_empty() {
        return Ok(false);
    }
    let env = spec.env_file.0.iter().map(|file| join(&spec.directory, file));
    let paths: Vec<String> = compose.into_iter().chain(env).collect();
    seen.each(paths.iter().map(|path| read_query(path)))?;
    let there = paths.iter().map(|path| Ok(seen.content(path, LIMIT, true)?.is_some()));
    there.collect::<Observe<Vec<bool>>>().map(|there| there.into_iter().all(|there| there))
}

/// The Compose files that are there, as predicted, one by one.
pub fn parsed(spec: &Spec, seen: &Seen) -> Observe<Vec<(Arc<Source>, Node)>> {
    let paths = compose_files(spec, seen)?;
    seen.each(paths.iter().map(|path| read_query(path)))?;
    let mut parsed = vec![];
    for path in &paths {
        if let Some(content) = seen.content(path, LIMIT, true)? {
            parsed.push(parse_file(path, &content)?);
        }
    }
    Ok(parsed)
}

/// Reads the files, as predicted.
pub fn read(spec: &Spec, seen: &Seen) -> Observe<Files> {
    let compose = compose_files(spec, seen)?;
    if compose.is_empty() {
        let names = MAIN.join(", ");
        let why = format!("there is none of {names} in {} on the host", spec.directory);
        return Err(seen.lacks(&[Area::Path(spec.directory.clone())], why));
    }
    let env: Vec<String> = spec.env_file.0.iter().map(|file| join(&spec.directory, file)).collect();
    seen.each(compose.iter().chain(&env).map(|path| read_query(path)))?;
    let present = |path: &str| {
        let content = seen.content(path, LIMIT, true)?;
        let why = || format!("there is no file {path} on the host");
        content.ok_or_else(|| seen.lacks(&[Area::Path(path.into())], why()))
    };
    let mut parsed = vec![];
    for path in &compose {
        parsed.push(parse_file(path, &present(path)?)?);
    }
    check_defaults(spec, seen, &parsed)?;
    let mut env_files = vec![];
    for path in env {
        let content = present(&path)?;
        env_files.push((path, Some(content)));
    }
    let named = parsed.iter().flat_map(|(source, node)| copies::named(node, &spec.directory, &source.text));
    seen.each(named.map(|path| read_query(&path)))?;

    let mut copies = Copies::new(env_files, seen);
    let mut files = vec![];
    for (path, (source, node)) in compose.into_iter().zip(&parsed) {
        let text = copies.text(&source.text, node, &spec.directory, &mut vec![path.clone()])?;
        files.push((path, Some(Content::new(text, true))));
    }
    let Copies { env_files, included, nodes, unread, .. } = copies;
    let (mut services, mut all): (Vec<Named>, Vec<String>) = (vec![], vec![]);
    // What the project's own files say goes over what they include.
    for node in nodes.iter().chain(parsed.iter().map(|(_, node)| node)) {
        all.extend(services_in(node).map(|(name, _)| name.clone()));
        for new in named_services(node, &spec.profiles.0) {
            match services.iter_mut().find(|known| known.name == new.name) {
                Some(known) => {
                    known.builds |= new.builds;
                    known.image = new.image.or(known.image.take());
                    known.depends_on.extend(new.depends_on);
                }
                None => services.push(new),
            }
        }
    }
    let values = env_files.iter().filter_map(|(_, content)| content.as_ref()).flat_map(values).collect();
    let (project, directory) = (spec.project(), spec.directory.clone());
    let (profiles, ask) = (spec.profiles.0.clone(), spec.ask());
    let probe = ComposeProbe { project, directory, files, included, env_files, profiles, ask };
    Ok(Files { probe, services, all, includes: unread, values })
}

/// Reads one file.
///
/// # Errors
/// It is no text, or no YAML.
pub fn parse_file(path: &str, content: &Content) -> Result<(Arc<Source>, Node), Fault> {
    let text = std::str::from_utf8(content.bytes())
        .map_err(|_| Fault::new(format!("{path} is not UTF-8 text")))?
        .to_string();
    let source = Arc::new(Source { path: path.into(), text, secret: true });
    let node = parse(&source).map_err(|error| Fault::new(error.to_string()))?;
    Ok((source, node))
}

pub fn services_in(node: &Node) -> impl Iterator<Item = (&String, &Node)> {
    let map = node.get("services").and_then(Node::as_map);
    map.into_iter().flatten().map(|(name, entry)| (name, &entry.node))
}

/// These services and all that they depend on, near and far.
pub fn with_dependencies(mut services: Vec<String>, depends_on: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let mut at = 0;
    while let Some(service) = services.get(at) {
        let new: Vec<String> =
            depends_on(service).into_iter().filter(|name| !services.contains(name)).collect();
        services.extend(new);
        at += 1;
    }
    services
}

pub fn no_service(spec: &Spec, name: &str) -> Fault {
    let fault = Fault::new(format!("project `{}` has no service `{name}`", spec.project()));
    fault.hint("a service of a profile that is not active counts as none")
}

impl Files {
    /// Whether a service is named in them, of whatever profile.
    pub fn name(&self, service: &str) -> bool {
        self.all.iter().any(|name| name == service)
    }

    /// Of the Compose files.
    pub fn paths(&self) -> Vec<String> {
        self.probe.files.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Refuses a number of what is not there.
    pub fn check_scale(&self, spec: &Spec) -> Result<(), Fault> {
        match spec.scale.keys().find(|name| !self.includes && !self.all.contains(name)) {
            Some(unknown) => Err(no_service(spec, unknown)),
            None => Ok(()),
        }
    }

    /// Those that the task is about.
    pub fn wanted(self, spec: &Spec) -> Result<Vec<Named>, Fault> {
        let of = |name: &str| self.services.iter().find(|service| service.name == name);
        if let Some(unknown) = spec.services.0.iter().find(|name| !self.includes && of(name).is_none()) {
            return Err(no_service(spec, unknown));
        }
        let depends_on = |name: &str| of(name).map(|service| service.depends_on.clone()).unwrap_or_default();
        let asked = with_dependencies(spec.services.0.clone(), depends_on);
        let is_asked = |service: &Named| asked.is_empty() || asked.contains(&service.name);
        Ok(self.services.into_iter().filter(is_asked).collect())
    }
}

/// Services that `up` would start: those that no profile holds back. Name, place of the name, and the service.
pub fn active<'a>(
    node: &'a Node,
    profiles: &'a [String],
) -> impl Iterator<Item = (&'a String, &'a Origin, &'a Node)> {
    let is_active = |service: &Node| {
        let own = service.get("profiles").and_then(Node::as_seq).filter(|named| !named.is_empty());
        own.is_none_or(|named| {
            named.iter().filter_map(Node::as_str).any(|name| profiles.iter().any(|p| p == name))
        })
    };
    let map = node.get("services").and_then(Node::as_map).into_iter().flatten();
    map.map(|(name, entry)| (name, &entry.key, &entry.node)).filter(move |(.., service)| is_active(service))
}

fn named_services(node: &Node, profiles: &[String]) -> Vec<Named> {
    let image = |service: &Node| {
        let image = service.get("image").and_then(Node::as_str)?;
        (!image.contains('$')).then(|| image.to_string())
    };
    let depends_on = |service: &Node| -> Vec<String> {
        let Some(named) = service.get("depends_on") else { return vec![] };
        let list = named.as_seq().into_iter().flatten().filter_map(Node::as_str).map(str::to_string);
        list.chain(named.as_map().into_iter().flatten().map(|(name, _)| name.clone())).collect()
    };
    let name = |(name, _, service): (&String, &Origin, &Node)| Named {
        name: name.clone(),
        image: image(service),
        builds: service.get("build").is_some(),
        depends_on: depends_on(service),
    };
    active(node, profiles).map(name).collect()
}

/// The values of an environment file, without their quotes.
fn values(content: &Content) -> Vec<String> {
    let text = String::from_utf8_lossy(content.bytes()).into_owned();
    let value = |line: &str| {
        let value = line.split_once('=')?.1.trim();
        let bare = value.trim_matches(['"', '\'']).to_string();
        (!line.trim_start().starts_with('#')).then_some(bare)
    };
    text.lines().filter_map(value).filter(|value| value.len() >= 4).collect()
}
