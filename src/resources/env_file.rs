//! `env_file`: variables for Docker Compose, one facet each.

use super::shared::{
    FileState, HostPath, attrs, dotenv, nothing_comes, observe_edited, owners, parent_there, secret_claim,
};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Facet, Facets, Fault, Observe, Resource, Seen, State, Topic},
    yaml::{Mode, Text},
};
use agent::{
    secret::Content,
    wire::{Attrs, Op},
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct EnvFile;

/// Writes an environment file with one entry per key, quoted as Docker Compose reads it.
///
/// Each key is compared and shown on its own; secret values are masked. By default the file holds just these keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host, of up to 16 MiB.
    path: HostPath,
    /// Names and values. A value is one line; secrets are never shown.
    values: IndexMap<String, Text>,
    /// Keeps variables that the file holds and `values` does not name.
    #[serde(default)]
    keep: bool,
    /// A comment at the top of the file. Default: none.
    comment: Option<String>,
    /// Permission bits, quoted. `"0600"` if left out.
    mode: Option<Mode>,
    /// Name or number of the owner. Default: as it is; a new file belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
}

/// The file, its comment and each variable.
#[derive(Clone, Debug, Default)]
pub struct EnvState {
    file: FileState,
    comment: Option<String>,
    keys: IndexMap<String, Facet>,
    /// Lines that are no variables.
    strange: usize,
}

impl State for EnvState {
    fn facets(&self) -> Facets {
        let mut facets = FileState { content: None, ..self.file.clone() }.facets();
        if let Some(comment) = &self.comment {
            facets.insert("comment".into(), comment.as_str().into());
        }
        for (key, value) in &self.keys {
            let taken = ["type", "mode", "owner", "group", "comment"].contains(&key.as_str());
            facets.insert(if taken { format!("{key} (variable)") } else { key.clone() }, value.clone());
        }
        if self.strange > 0 {
            facets.insert("other lines".into(), self.strange.to_string().into());
        }
        facets
    }
}

impl Spec {
    fn attrs(&self) -> Attrs {
        attrs(Some(self.mode.unwrap_or(Mode(0o600))), self.owner.as_ref(), self.group.as_ref())
    }

    /// The comment without what makes it one.
    fn comment(&self) -> Option<String> {
        let lines: Vec<_> = self.comment.as_ref()?.trim().lines().map(bare).collect();
        Some(lines.join("\n")).filter(|comment| !comment.is_empty())
    }

    fn header(&self) -> String {
        let comment = self.comment().unwrap_or_default();
        comment.lines().map(|line| format!("# {line}\n")).collect()
    }

    /// A variable's value as a facet: secret if it is here, or if nothing is known of it here.
    fn facet(&self, key: &str, value: &str) -> Facet {
        match self.values.get(key) {
            Some(wanted) if !wanted.is_secret() => value.into(),
            _ => Facet::Secret(value.into()),
        }
    }

    fn checked(&self) -> Result<(), Fault> {
        for (key, value) in &self.values {
            if !dotenv::is_key(key) {
                let fault = Fault::new(format!("`{}` is no name of a variable", key.escape_debug()));
                return Err(fault.hint("letters, digits and `_`, not a digit first"));
            }
            let text = std::str::from_utf8(value.bytes())
                .map_err(|_| Fault::new(format!("the value of `{key}` is not UTF-8 text")))?;
            if text.contains(['\n', '\r', '\0']) {
                let fault = Fault::new(format!("the value of `{key}` holds a line break"));
                return Err(fault.hint("encode it (base64), or write it to a file of its own with `copy`"));
            }
        }
        Ok(())
    }

    fn line(&self, key: &str) -> Option<String> {
        let value = self.values.get(key)?;
        Some(format!("{key}={}\n", dotenv::quote(&String::from_utf8_lossy(value.bytes()))))
    }

    /// The file's text: all of it ours, or the old one with our variables in it.
    fn text(&self, old: &str) -> String {
        let all = || self.values.keys().filter_map(|key| self.line(key));
        if !self.keep {
            return self.header() + &all().collect::<String>();
        }
        let header = Some(self.header()).filter(|header| !old.starts_with(header.as_str()));
        let mut text = header.unwrap_or_default();
        let items = dotenv::parse(old);
        let key = |item: &dotenv::Item| item.pair.as_ref().map(|pair| pair.key.clone());
        let last = |wanted: &str| items.iter().rposition(|item| key(item).as_deref() == Some(wanted));
        for (at, item) in items.iter().enumerate() {
            match key(item).and_then(|key| Some((last(&key), self.line(&key)?))) {
                Some((last, line)) if last == Some(at) => text.push_str(&line),
                Some(_) => {}
                None => text.push_str(item.text),
            }
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
        }
        let new = self.values.keys().filter(|key| last(key).is_none());
        text.extend(new.filter_map(|key| self.line(key)));
        text
    }
}

impl Resource for EnvFile {
    const NAME: &'static str = "env_file";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] =
        &["type", "mode", "owner", "group", "comment", "KEY", "KEY (variable)", "other lines"];
    const EXAMPLE: &'static str = "\
name: Give the stack its settings
env_file:
  path: /srv/app/.env
  comment: Written by the provisioner.
  values:
    APP_ENV: production
    APP_PORT: 8080
";
    const CONTENT: &'static [&'static str] = &["values", "comment", "mode"];

    type Spec = Spec;
    type State = EnvState;

    fn address(spec: &Spec) -> Option<Address> {
        (!spec.keep).then(|| spec.path.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<EnvState> {
        spec.checked()?;
        let file = observe_edited(&spec.path, &spec.attrs(), true, seen)?;
        let Some(content) = file.read() else {
            if spec.keep {
                nothing_comes(&spec.path, seen)?;
            }
            parent_there(&spec.path, seen)?;
            return Ok(EnvState::default());
        };
        let text = String::from_utf8_lossy(content.bytes()).into_owned();
        if spec.keep && text.as_bytes() != content.bytes() {
            return Err(Fault::new(format!("{} is not UTF-8 text", spec.path)).into());
        }
        let items = dotenv::parse(&text);
        let mut state = EnvState { file, ..EnvState::default() };
        if let Some(comment) = spec.comment() {
            let top = items.iter().take_while(|item| item.is_comment()).map(|item| bare(item.text));
            let found = if text.starts_with(&spec.header()) && spec.keep {
                comment
            } else {
                top.collect::<Vec<_>>().join("\n")
            };
            state.comment = Some(found).filter(|found| !found.is_empty());
        }
        for pair in items.iter().filter_map(|item| item.pair.as_ref()) {
            if spec.keep && !spec.values.contains_key(&pair.key) {
                continue;
            }
            let facet = match &pair.value {
                dotenv::Value::Literal(value) => spec.facet(&pair.key, value),
                dotenv::Value::Interpolated(raw) => {
                    spec.facet(&pair.key, &format!("{raw} (with variables in it)"))
                }
            };
            state.keys.insert(pair.key.clone(), facet);
        }
        if !spec.keep {
            state.strange = items.iter().filter(|item| item.is_strange()).count();
        }
        Ok(state)
    }

    fn desired(spec: &Spec, observed: &EnvState) -> Result<EnvState, Fault> {
        let old = observed.file.read().map(|content| String::from_utf8_lossy(content.bytes()));
        let content = Content::new(spec.text(&old.unwrap_or_default()), true);
        let values = spec.values.iter();
        Ok(EnvState {
            file: observed.file.with_edited(&spec.path, &content, &spec.attrs())?,
            comment: spec.comment(),
            keys: values
                .map(|(key, value)| (key.clone(), spec.facet(key, &String::from_utf8_lossy(value.bytes()))))
                .collect(),
            strange: 0,
        })
    }

    fn ops(spec: &Spec, from: &EnvState, to: &EnvState) -> Vec<Op> {
        let (path, attrs) = (spec.path.to_string(), to.file.attrs());
        if from.facets() == to.facets() {
            return vec![];
        }
        match to.file.read() {
            Some(content) if differs(from, to) => {
                vec![Op::WriteFile { path, content: content.clone(), attrs, check: None }]
            }
            _ => vec![Op::SetAttrs { path, attrs }],
        }
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        if !spec.values.values().any(Text::is_secret) {
            return Ok(vec![]);
        }
        secret_claim(&spec.path, Some(spec.mode.unwrap_or(Mode(0o600))), seen)
    }
}

/// A comment's line without `#` and blanks around.
fn bare(line: &str) -> &str {
    line.trim().trim_start_matches('#').trim()
}

/// Whether more than attributes differs.
fn differs(from: &EnvState, to: &EnvState) -> bool {
    let rest = |state: &EnvState| (state.file.what.clone(), state.comment.clone(), state.strange);
    rest(from) != rest(to) || from.keys != to.keys
}
