//! What the project's files say of its containers and networks, for the lint of plans. Read here and not by the host's compose: it has to
//! be known where there is no docker yet, and where there is no host at all.

use super::{
    answer::{SERVICE, one_off, read},
    extends::{self, Others, Part},
    files::{self, join},
    include::{self, File, Tree, Values, spot},
    interpolate::{self, fill},
    spec::{Spec, Wanted},
};
use crate::{
    model::{Bind, Blank, Claim, Container, Image, Log, Published, Source},
    resource::{Observe, Pause, Seen},
    resources::shared::docker::{DAEMON_FILE, daemon_claim},
    yaml::{Node, Value},
};
use agent::wire::{Probe, Query};
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

/// Nothing where none of it is to run.
pub fn of(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
    if matches!(spec.state, Wanted::Absent | Wanted::Stopped) {
        return Ok(vec![]);
    }
    let env: Vec<String> = match spec.env_file.0.is_empty() {
        true => vec![join(&spec.directory, ".env")],
        false => spec.env_file.0.iter().map(|file| join(&spec.directory, file)).collect(),
    };
    // Asked together with the rest, whatever that waits for.
    let mut open = vec![];
    for path in env.iter().map(String::as_str).chain([DAEMON_FILE]) {
        open.extend(needed(&seen.each([files::read_query(path)])));
    }
    let parsed = files::parsed(spec, seen);
    open.extend(needed(&parsed));
    if !open.is_empty() {
        return Err(Pause::Need(open));
    }
    let main = parsed?;
    let (mut values, mut all_known) = (Values::new(), true);
    for path in &env {
        let content = seen.content(path, files::LIMIT, true);
        all_known &= content.is_ok();
        let Ok(Some(content)) = content else { continue };
        values.extend(include::values_of(&content));
    }
    let Tree { files, unread, .. } = Tree::read(main, &spec.directory, values.clone(), env.clone(), seen)?;
    let parsed: Vec<(Arc<Source>, Node)> =
        files.iter().map(|file| (file.source.clone(), file.node.clone())).collect();
    let others = Others::read(&parsed, &|text| fill(text, &values, &mut |_| {}), seen)?;
    let volumes = Volumes::read(&files);
    let mut reader = Reader { values: Rc::new(values), env: Rc::new(env), volumes, claims: unread };
    if all_known {
        files.iter().for_each(|file| {
            reader.within(file);
            reader.blanks(&file.node);
        });
    }
    reader.containers(spec, &files, &others, all_known);
    reader.networks(spec, &files);
    reader.running(spec, seen);
    if let Ok(Some(content)) = seen.content(DAEMON_FILE, files::LIMIT, true) {
        reader.claims.extend(daemon_claim(content.bytes()));
    }
    Ok(reader.claims)
}

/// The questions that are open.
fn needed<T>(answers: &Observe<T>) -> Vec<Query> {
    match answers {
        Err(Pause::Need(queries)) => queries.clone(),
        _ => vec![],
    }
}

struct Reader {
    /// What holds in the file that is looked at.
    values: Rc<Values>,
    /// The files that they are from.
    env: Rc<Vec<String>>,
    volumes: Volumes,
    claims: Vec<Claim>,
}

impl Reader {
    /// From now on it is about this file.
    fn within(&mut self, file: &File) {
        (self.values, self.env) = (file.values.clone(), file.env.clone());
    }

    fn filled(&self, text: &str) -> String {
        fill(text, &self.values, &mut |_| {})
    }

    /// A text or a number, with its variables filled in.
    fn text(&self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Str(text) => Some(self.filled(text)),
            Value::Int(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn blanks(&mut self, node: &Node) {
        match &node.value {
            Value::Str(text) if text.contains('$') => {
                let mut found = vec![];
                fill(text, &self.values, &mut |blank: interpolate::Blank| found.push(blank));
                for interpolate::Blank { name, is_set } in found {
                    let source = match is_set {
                        true => Blank::Empty { file: self.env.join(", ") },
                        false => Blank::Unset { looked_at: self.env.to_vec() },
                    };
                    let claim = Claim::Blank { name, spot: spot(&node.origin), source };
                    // One that several services share through an anchor stands there once.
                    if !self.claims.contains(&claim) {
                        self.claims.push(claim);
                    }
                }
            }
            Value::Seq(items) => items.iter().for_each(|item| self.blanks(item)),
            Value::Map(map) => map.values().for_each(|entry| self.blanks(&entry.node)),
            _ => {}
        }
    }

    /// The services that would run, each as all the files together have it, behind what it takes over from others.
    fn containers(&mut self, spec: &Spec, files: &[File], others: &Others, with_blanks: bool) {
        let mut found: Vec<Container> = vec![];
        let paths: Vec<String> = files.iter().map(|file| extends::path(&file.source)).collect();
        for (file, path) in files.iter().zip(&paths) {
            self.within(file);
            let node = &file.node;
            for (name, key, service) in files::active(node, &spec.profiles.0) {
                let at = found.iter().position(|known| known.name == *name).unwrap_or_else(|| {
                    found.push(Container {
                        name: name.clone(),
                        spot: spot(key),
                        image: None,
                        ports: vec![],
                        binds: vec![],
                        host_network: None,
                        log: Log::AsDaemon { driver: None },
                        data: None,
                        runs: None,
                    });
                    found.len() - 1
                });
                let own = Part { service, file: path };
                let (line, is_whole) = others.line(own, node, &|text| self.filled(text));
                for part in line {
                    let own = paths.iter().position(|path| path == part.file).map(|at| &files[at]);
                    if with_blanks && own.is_none() {
                        self.blanks(part.service);
                    }
                    let base = own.map_or_else(|| extends::folder(part.file), |file| &file.base);
                    self.service(&mut found[at], part.service, base);
                }
                // Of what is not seen nothing is said.
                if !is_whole {
                    found[at].log = Log::Limited;
                }
            }
        }
        found.retain(|container| spec.scale.get(&container.name) != Some(&0));
        self.claims.extend(found.into_iter().map(|container| Claim::Container(Box::new(container))));
    }

    /// What a service says, over what is known of it. `base`: from where paths start.
    fn service(&self, container: &mut Container, service: &Node, base: &str) {
        if let Some(node) = service.get("image")
            && let (Some(name), Some(shown)) = (self.text(node), node.as_str())
        {
            container.image = Some(Image { name, shown: shown.into(), spot: spot(&node.origin) });
        }
        let list = |key: &str| service.get(key).and_then(Node::as_seq).into_iter().flatten();
        container.ports.extend(list("ports").filter_map(|node| self.port(node)));
        container.binds.extend(list("volumes").filter_map(|node| self.bind(node, base)));
        if let Some(node) = service.get("network_mode") {
            let is_host = self.text(node).as_deref() == Some("host");
            container.host_network = is_host.then(|| spot(&node.origin));
        }
        let set = service.get("environment").and_then(|environment| match &environment.value {
            Value::Map(map) => map.get("PGDATA").and_then(|entry| self.text(&entry.node)),
            Value::Seq(items) => {
                let pairs = items.iter().filter_map(|item| item.as_str()?.strip_prefix("PGDATA="));
                pairs.map(|value| self.filled(value)).next()
            }
            _ => None,
        });
        container.data = set.or(container.data.take());
        if let Some(logging) = service.get("logging") {
            let driver = logging.get("driver").and_then(|node| self.text(node));
            let has_end = logging.get("options").and_then(|options| options.get("max-size")).is_some();
            container.log = match (driver.as_deref(), &container.log) {
                (None | Some("json-file"), _) if has_end => Log::Limited,
                (None, Log::Limited) => Log::Limited,
                (None, Log::AsDaemon { driver }) => Log::AsDaemon { driver: driver.clone() },
                _ => Log::AsDaemon { driver },
            };
        }
    }

    /// `8080:80`, `127.0.0.1:5432:5432/tcp`, `[::1]:80:80`, `80`, or a mapping.
    fn port(&self, node: &Node) -> Option<Published> {
        let spot = spot(&node.origin);
        if node.as_map().is_some() {
            let field =
                |key: &str| node.get(key).and_then(|node| self.text(node)).filter(|text| !text.is_empty());
            let address = field("host_ip");
            return Some(Published { inside: field("target")?, outside: field("published"), address, spot });
        }
        let text = self.text(node)?;
        let text = text.split('/').next().unwrap_or_default();
        let (rest, inside) = text.rsplit_once(':').unwrap_or(("", text));
        let (address, outside) = match rest.rsplit_once(':') {
            Some((address, outside)) => (Some(address.trim_matches(['[', ']']).to_string()), outside),
            None => (None, rest),
        };
        let outside = (!outside.is_empty()).then(|| outside.to_string());
        Some(Published { inside: inside.into(), outside, address, spot })
    }

    /// `./data:/var/lib/data:ro`, or a mapping. What is no path is a volume of docker's; where that is a folder of the host, that.
    fn bind(&self, node: &Node, base: &str) -> Option<Bind> {
        let spot = spot(&node.origin);
        if node.as_map().is_some() {
            let field = |key: &str| node.get(key).and_then(|node| self.text(node));
            let (source, target) = (field("source")?, field("target")?);
            let source = match field("type").as_deref() {
                Some("bind") => on_host(base, source),
                Some("volume") => on_host(base, self.volumes.folder(&source)?),
                _ => return None,
            };
            return Some(Bind { source, target, spot });
        }
        let text = self.text(node)?;
        let (source, target) = text.split_once(':')?;
        let target = target.split(':').next().unwrap_or_default().to_string();
        let source = match source.starts_with(['/', '.', '~']) {
            true => on_host(base, source.into()),
            false => on_host(base, self.volumes.folder(source)?),
        };
        Some(Bind { source, target, spot })
    }

    /// What the containers that are there say of themselves, where planning has asked for them.
    fn running(&mut self, spec: &Spec, seen: &Seen) {
        let asked = files::read(spec, seen).and_then(|files| seen.run(Probe::Compose(files.probe)));
        let Some(answer) = asked.ok().and_then(|output| read(spec, output.stdout.bytes()).ok()) else {
            return;
        };
        for container in
            answer["containers"].as_array().into_iter().flatten().filter(|container| !one_off(container))
        {
            let env = container["Config"]["Env"].as_array().into_iter().flatten();
            let major = env.filter_map(|pair| pair.as_str()?.strip_prefix("PG_MAJOR=")).next();
            let Some(major) = major else { continue };
            let is_it = |claim: &&mut Claim| matches!(claim, Claim::Container(own) if container["Config"]["Labels"][SERVICE] == own.name.as_str());
            if let Some(Claim::Container(own)) = self.claims.iter_mut().find(is_it) {
                own.runs = Some(major.into());
            }
        }
    }

    /// Those that name their subnets and are the project's own.
    fn networks(&mut self, spec: &Spec, files: &[File]) {
        for file in files {
            self.within(file);
            let networks = file.node.get("networks").and_then(Node::as_map).into_iter().flatten();
            for (key, entry) in networks {
                let configs =
                    entry.node.get("ipam").and_then(|ipam| ipam.get("config")).and_then(Node::as_seq);
                let subnets: Vec<&Node> =
                    configs.into_iter().flatten().filter_map(|config| config.get("subnet")).collect();
                let Some(first) = subnets.first() else { continue };
                let own = || format!("{}_{key}", spec.project());
                let name = entry.node.get("name").and_then(|node| self.text(node)).unwrap_or_else(own);
                let spot = Some(spot(&first.origin));
                let subnets = subnets.iter().filter_map(|node| self.text(node)).collect();
                self.claims.push(Claim::Network { name, subnets, spot });
            }
        }
    }
}

/// A path as the host has it: from the folder of its file, or from the root. Docker takes `.`, `..` and `//` out of it by the text alone, too.
fn on_host(base: &str, source: String) -> String {
    match source.split('/').next() {
        Some("" | "." | "..") if !source.is_empty() => extends::resolved(base, &source),
        _ => source,
    }
}

/// Volumes by name: of those that are a folder or a file of the host, by the options of their driver, which one.
struct Volumes(BTreeMap<String, BTreeMap<String, String>>);

impl Volumes {
    /// As all files together have them.
    fn read(files: &[File]) -> Self {
        let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for File { node, values, .. } in files {
            let filled = |text: &str| fill(text, values, &mut |_| {});
            for (name, entry) in node.get("volumes").and_then(Node::as_map).into_iter().flatten() {
                let own = found.entry(name.clone()).or_default();
                let options = entry.node.get("driver_opts").and_then(Node::as_map).into_iter().flatten();
                let options =
                    options.filter_map(|(key, entry)| Some((key.clone(), filled(entry.node.as_str()?))));
                own.extend(options);
                own.extend(
                    entry.node.get("driver").and_then(Node::as_str).map(|it| ("driver".into(), filled(it))),
                );
            }
        }
        Self(found)
    }

    fn folder(&self, name: &str) -> Option<String> {
        let options = self.0.get(name)?;
        let option = |key: &str| options.get(key).map_or("", String::as_str);
        let is_bound = option("o").split(',').any(|word| ["bind", "rbind"].contains(&word.trim()));
        let is_local = ["", "local"].contains(&option("driver"));
        (is_bound && is_local).then(|| option("device").to_string()).filter(|device| device.starts_with('/'))
    }
}
