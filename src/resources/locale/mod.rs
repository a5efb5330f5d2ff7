//! `locale`: the languages that programs can speak, and the one they do.

mod lines;

use self::lines::{edit_list, edit_variables, entry, plain, variable};
use super::shared::{
    HostPath, OneOrMany, READ_LIMIT, observe_bytes,
    unit::{output, run},
};
use crate::{
    diag::did_you_mean,
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Pause, Resource, Seen, State, Topic, file_query},
};
use agent::{
    secret::Content,
    wire::{Answer, Attrs, Exec, Kind, MachineProbe, Op, Probe, Query},
};
use indexmap::{IndexMap, IndexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const LIST: &str = "/etc/locale.gen";
const SUPPORTED: &str = "/usr/share/i18n/SUPPORTED";
const GENERATED: &str = "/usr/lib/locale";
const DEFAULTS: &str = "/etc/default/locale";
/// systemd's own file, which alone counts on Fedora and its like.
const CONF: &str = "/etc/locale.conf";
/// What the C library brings along.
const BUILT_IN: [&str; 3] = ["C", "POSIX", "C.UTF-8"];

pub struct Locale;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Presence {
    #[default]
    Present,
    Absent,
}

/// Generates locales, and says which of them programs use.
///
/// For Debian and what descends from it, with the package `locales`. On Fedora and its like locales come with packages, `glibc-langpack-de`: the
/// task tells which one is missing, and sets the variables. Who is logged in sees new settings at the next login.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Locales that are to be there, as `/usr/share/i18n/SUPPORTED` has them: `de_DE.UTF-8`. One or a list. Those that `lang` and
    /// `variables` name need not be repeated. Others stay. On Fedora: that must be there.
    #[serde(default)]
    name: OneOrMany<String>,
    /// `present` (default), or `absent`: not in `/etc/locale.gen` and not generated.
    #[serde(default)]
    state: Presence,
    /// The language of programs, `LANG` in `/etc/default/locale`, or in `/etc/locale.conf` where only that is. Default: stays as it is.
    lang: Option<String>,
    /// More variables of that file: `LC_TIME: de_DE.UTF-8`, `LANGUAGE: "de:en"`; `null` removes one.
    #[serde(default)]
    variables: IndexMap<String, Option<String>>,
}

#[derive(Clone, Default)]
pub struct LocaleState {
    /// Of the named ones those in the list, and those that are generated.
    listed: Vec<String>,
    generated: Vec<String>,
    variables: IndexMap<String, String>,
    /// Name and character set of each of the named ones.
    sets: Vec<(String, String)>,
    list: String,
    defaults: String,
    defaults_path: String,
    all: Vec<String>,
}

impl State for LocaleState {
    fn facets(&self) -> Facets {
        let lists = [("locale.gen", &self.listed), ("generated", &self.generated)].into_iter();
        let lists = lists.filter(|(_, names)| !names.is_empty());
        let lists = lists.map(|(facet, names)| (facet.to_string(), names.join(" ").into()));
        lists.chain(self.variables.iter().map(|(key, value)| (key.clone(), value.as_str().into()))).collect()
    }
}

impl Spec {
    /// All variables that are to be set or to go.
    fn wanted(&self) -> IndexMap<&str, Option<&str>> {
        let lang = self.lang.as_deref().map(|lang| ("LANG", Some(lang)));
        let others = self.variables.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
        lang.into_iter().chain(others).collect()
    }

    /// The locales that this task is about.
    fn locales(&self) -> Vec<&str> {
        let named = self.name.0.iter().map(String::as_str);
        let used =
            self.wanted().into_iter().filter(|(key, _)| *key != "LANGUAGE").filter_map(|(_, value)| value);
        let all: IndexSet<&str> = named.chain(used).filter(|name| !BUILT_IN.contains(name)).collect();
        all.into_iter().collect()
    }

    fn checked(&self) -> Result<(), Fault> {
        let good = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
        for (key, value) in &self.variables {
            let known = key == "LANGUAGE" || key.strip_prefix("LC_").is_some_and(|rest| !rest.is_empty());
            if !known || !key.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
                let fault = Fault::new(format!("`{}` is no variable of a locale", key.escape_debug()));
                let hint = if key == "LANG" {
                    "it has a parameter of its own, `lang`"
                } else {
                    "`LANGUAGE`, `LC_TIME`, ..."
                };
                return Err(fault.hint(hint));
            }
            let plain = |c: char| good(c) || c == ':';
            if value.as_ref().is_some_and(|value| value.is_empty() || !value.chars().all(plain)) {
                let fault = Fault::new(format!("`{key}` cannot have this value"));
                return Err(fault
                    .hint("a locale, of `LANGUAGE` languages with colons between them; `null` removes it"));
            }
        }
        let named = self.name.0.iter().map(String::as_str);
        let values =
            self.wanted().into_iter().filter(|(key, _)| *key != "LANGUAGE").filter_map(|(_, value)| value);
        for name in named.chain(values) {
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(good) {
                let fault = Fault::new(format!("`{}` cannot be the name of a locale", name.escape_debug()));
                return Err(fault.hint("a name such as `de_DE.UTF-8`"));
            }
        }
        if self.state == Presence::Absent && !(self.lang.is_none() && self.variables.is_empty()) {
            let fault = Fault::new("`state: absent` and `lang` or `variables` exclude each other");
            return Err(fault.hint("set the language in a task of its own"));
        }
        if self.name.0.is_empty() && self.wanted().is_empty() {
            return Err(Fault::new("there is nothing to do")
                .hint("name locales in `name`, or the language in `lang`"));
        }
        if let Some(name) = self.name.0.iter().find(|name| BUILT_IN.contains(&name.as_str())) {
            let fault = Fault::new(format!("the locale `{name}` is part of the C library"));
            return Err(fault.hint("leave it out: it is there at all times"));
        }
        Ok(())
    }

    fn sets(&self, supported: &str) -> Result<Vec<(String, String)>, Fault> {
        let known: Vec<(&str, &str)> = supported.lines().filter_map(|line| line.split_once(' ')).collect();
        let set = |name: &&str| match known.iter().find(|(known, _)| known == name) {
            Some((_, set)) => Ok((name.to_string(), set.trim().to_string())),
            None => {
                let fault = Fault::new(format!("the host knows no locale `{name}`"));
                let same = known.iter().map(|(known, _)| *known).find(|known| plain(known) == plain(name));
                let near = same.or_else(|| did_you_mean(name, known.iter().map(|(known, _)| *known)));
                Err(fault.hint(near.map_or_else(
                    || format!("{SUPPORTED} lists all"),
                    |near| format!("did you mean `{near}`?"),
                )))
            }
        };
        self.locales().iter().map(set).collect()
    }
}

fn question() -> Query {
    Query::Run(Probe::Machine(MachineProbe::Locales))
}

fn read(path: &str) -> Query {
    Query::Read { path: path.into(), limit: READ_LIMIT, secret: false }
}

fn text(content: Option<Content>) -> Option<String> {
    content.map(|content| String::from_utf8_lossy(content.bytes()).into_owned())
}

/// Whether the host has systemd's file of the variables alone.
fn has_conf_alone(seen: &Seen) -> Observe<bool> {
    Ok(seen.meta(DEFAULTS)?.is_none() && seen.meta(CONF)?.is_some())
}

/// The locales come with packages: those of the task must be there, and only `locale -a` says which are.
fn from_packages(spec: &Spec, state: &LocaleState, seen: &Seen) -> Observe<()> {
    for name in spec.locales() {
        let language = name.split(['_', '.', '@']).next().unwrap_or(name);
        let package = format!("glibc-langpack-{language}");
        let is_there = state.all.contains(&plain(name));
        let (what, hint) = match (spec.state, is_there) {
            (Presence::Present, false) => (
                format!("the host has no locale `{name}`"),
                format!("`package: {{name: {package}}}` before it; on Debian `package: {{name: locales}}`"),
            ),
            (Presence::Absent, true) => (
                format!("the locale `{name}` has come with a package"),
                format!("`package: {{name: {package}, state: absent}}`"),
            ),
            _ => continue,
        };
        match seen.presume(&[Area::Packages], &what) {
            Err(Pause::Fault(fault)) => return Err(fault.hint(hint).into()),
            other => other?,
        }
    }
    Ok(())
}

/// The file of the variables: newer systems have a link there.
fn defaults(seen: &Seen) -> Observe<(String, String)> {
    let mut path = if has_conf_alone(seen)? { CONF } else { DEFAULTS }.to_string();
    if let Some(Kind::Link { target }) = seen.meta(DEFAULTS)?.map(|meta| meta.kind) {
        path = match target.strip_prefix("../") {
            Some(below) => format!("/etc/{below}"),
            None if target.starts_with('/') => target,
            None => format!("/etc/default/{target}"),
        };
    }
    let state = observe_bytes(&HostPath::new(&path).map_err(Fault::new)?, &Attrs::default(), false, seen)?;
    Ok((path, text(state.read().cloned()).unwrap_or_default()))
}

impl Resource for Locale {
    const NAME: &'static str = "locale";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["locale.gen", "generated", "VARIABLE"];
    const EXAMPLE: &'static str = "\
name: Programs speak German, and write dates as ISO does
locale:
  lang: de_DE.UTF-8
  variables:
    LC_TIME: en_DK.UTF-8
";

    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["name"];
    type Spec = Spec;
    type State = LocaleState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.checked()
    }

    /// Several tasks may each want some.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        let path = |path: &str| Area::Path(path.into());
        let variables = [DEFAULTS, CONF].map(path).into_iter();
        let variables = variables.filter(|_| !spec.wanted().is_empty());
        Footprint::writes([path(LIST), path(GENERATED)].into_iter().chain(variables))
            .and_reads([SUPPORTED, DEFAULTS, CONF].map(path))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<LocaleState> {
        let sets = !spec.wanted().is_empty();
        let variables = sets.then(|| [file_query(DEFAULTS), read(DEFAULTS)]).into_iter().flatten();
        seen.each([question(), read(LIST), read(SUPPORTED)].into_iter().chain(variables))?;
        let mut state = LocaleState::default();
        let supported = text(seen.content(SUPPORTED, READ_LIMIT, false)?);
        state.list = text(seen.content(LIST, READ_LIMIT, false)?).unwrap_or_default();
        let told = seen.run(Probe::Machine(MachineProbe::Locales))?;
        state.all = String::from_utf8_lossy(told.stdout.bytes()).lines().map(plain).collect();
        let generates = supported.is_some() || !state.list.is_empty();
        if let Some(supported) = &supported {
            state.sets = spec.sets(supported)?;
        } else if !generates && !spec.locales().is_empty() && has_conf_alone(seen)? {
            from_packages(spec, &state, seen)?;
        } else if !spec.locales().is_empty() {
            seen.presume(
                &[Area::Packages, Area::Path(SUPPORTED.into())],
                "the host cannot generate locales (package `locales` is missing)",
            )?;
            let utf8 = |name: &&str| (name.to_string(), "UTF-8".to_string());
            state.sets = spec.locales().iter().map(utf8).collect();
        }
        for (name, set) in &state.sets {
            let counts = |line: &str| entry(line) == Some((name, set, true));
            if state.list.lines().any(counts) {
                state.listed.push(name.clone());
            }
            if state.all.contains(&plain(name)) {
                state.generated.push(name.clone());
            }
        }
        if sets {
            (state.defaults_path, state.defaults) = defaults(seen)?;
            let wanted = spec.wanted();
            let found =
                state.defaults.lines().filter_map(variable).filter(|(key, _)| wanted.contains_key(key));
            state.variables = found.map(|(key, value)| (key.to_string(), value.to_string())).collect();
        }
        Ok(state)
    }

    fn desired(spec: &Spec, from: &LocaleState) -> Result<LocaleState, Fault> {
        let names = || from.sets.iter().map(|(name, _)| name.clone());
        let wanted = |names: Vec<String>| if spec.state == Presence::Present { names } else { vec![] };
        let values = spec.wanted();
        let values = values.iter().filter_map(|(key, value)| Some((key.to_string(), (*value)?.to_string())));
        Ok(LocaleState {
            listed: wanted(names().collect()),
            generated: wanted(names().collect()),
            variables: values.collect(),
            ..from.clone()
        })
    }

    fn ops(spec: &Spec, from: &LocaleState, to: &LocaleState) -> Vec<Op> {
        let write = |path: &str, text: String| Op::WriteFile {
            path: path.into(),
            content: Content::from(text.as_str()),
            attrs: Attrs::default(),
            check: None,
        };
        let mut ops = vec![];
        if from.listed != to.listed {
            let text = edit_list(&from.list, &from.sets, spec.state == Presence::Present);
            ops.push(write(LIST, text));
        }
        if spec.state == Presence::Absent {
            let gone = from.generated.iter();
            ops.extend(gone.map(|name| run(["localedef", "--delete-from-archive", &plain(name)])));
        } else if from.generated != to.generated {
            // Perl, by which it looks for those that are there, is told of no other language.
            let exec = Exec::new(["locale-gen", "--keep-existing"]);
            ops.push(Op::Exec { exec, ok: vec![] });
        }
        if from.variables != to.variables {
            ops.push(write(&from.defaults_path, edit_variables(&from.defaults, &spec.wanted())));
        }
        ops
    }

    fn effects(_: &Spec, from: &LocaleState, to: &LocaleState, _: &[Op]) -> Vec<Effect> {
        let of_task = |name: &&String| !from.sets.iter().any(|(ours, _)| plain(ours) == **name);
        let others = from.all.iter().filter(of_task).cloned();
        let names = others.chain(to.generated.iter().map(|name| plain(name)));
        let text: String = names.map(|name| name + "\n").collect();
        vec![Effect::Answer(question(), Answer::Output(output(0, &text)))]
    }
}
