//! `apt_repository`: a package source of apt, with its key and its priority.

mod key;

use self::key::{Format, Remote};
use super::shared::{HostPath, OneOrMany, roots, written_attrs};
use crate::{
    model::{Address, Area, Footprint},
    resource::{
        Effect, Facet, Facets, Fault, Observe, Resource, Seen, SourceParam, State, Topic, file_query,
    },
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Attrs, Op, PackageTool, Probe, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes of a key or a source.
const LIMIT: u64 = 1 << 20;
const KEYRINGS: &str = "/etc/apt/keyrings";

pub struct AptRepository;

/// Adds a package source to apt, with the key that signs it.
///
/// It becomes `/etc/apt/sources.list.d/NAME.sources`, with the priority of its packages if wanted. The list of this source is fetched when something
/// changed, and again by the next run where that failed or its list is gone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of the files that are made: letters, digits, `-`, `_` and `.`.
    name: String,
    /// Where it is: one URI or several with the same content. Needed with `present`.
    #[serde(default)]
    uris: OneOrMany<String>,
    /// E.g. `bookworm`. Needed with `present`.
    #[serde(default)]
    suites: OneOrMany<String>,
    /// E.g. `main`, `stable`. None when the suite is a path that ends in `/`.
    #[serde(default)]
    components: OneOrMany<String>,
    /// `deb` (default), `deb-src`.
    #[serde(default = "deb")]
    types: OneOrMany<String>,
    /// E.g. `amd64`. Default: what the host uses.
    #[serde(default)]
    architectures: OneOrMany<String>,
    /// The public key: text that begins with `-----BEGIN PGP PUBLIC KEY BLOCK-----`. Or `key_src`: a file in `files/`, which may
    /// also be binary. Default: none; with `present` one of `key`, `key_url` and `signed_by` is needed, unless the source is `trusted`.
    key: Option<Text>,
    /// Where the host fetches the key: `https://...`, instead of `key`. Default: none.
    key_url: Option<String>,
    /// What `key_url` must give: `sha256:` and 64 hexadecimal digits. Needed with `key_url`.
    key_checksum: Option<String>,
    /// Whether `key_url` gives a key as text (`armored`) or `binary`. Default: `binary` where it ends in `.gpg`, `.pgp` or `.bin`.
    key_format: Option<Format>,
    /// A keyring that is on the host already, instead of `key`.
    signed_by: Option<HostPath>,
    /// `true` takes a source that nobody signs, with whatever it offers. Default: a source needs a key.
    #[serde(default)]
    trusted: bool,
    /// `false` keeps the source written down, and unused. Default: true.
    #[serde(default = "yes")]
    enabled: bool,
    /// Which packages are preferred from here, or not. Default: none.
    pin: Option<Pin>,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: Wanted,
}

/// A priority, as in `apt_preferences(5)`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pin {
    /// Packages; default: `*`.
    #[serde(default = "every_package")]
    package: String,
    /// The host name in the source's URI.
    origin: String,
    /// How much a version from there is worth; 500 is the usual, above 1000 it even replaces a newer one.
    priority: i32,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    #[default]
    Present,
    Absent,
}

fn yes() -> bool {
    true
}

fn deb() -> OneOrMany<String> {
    OneOrMany(vec!["deb".into()])
}

fn every_package() -> String {
    "*".into()
}

/// Mode, owner and group of what is written.
const ATTRS: &str = "0644 root root";

/// What a file holds.
#[derive(Clone, PartialEq)]
enum Held {
    Nothing,
    Content(Content),
    /// A key that is known by its sum, and where it comes from.
    Sum(String, Option<Remote>),
}

/// The files, in the order in which they are written: facet, path, what they hold.
#[derive(Default)]
pub struct Files {
    files: Vec<(&'static str, String, Held)>,
    /// Mode, owner and group of keys that are there and stay: apt reads them as a user of its own.
    attrs: Vec<(String, String)>,
    /// Paths of files that are there, and not this source's.
    not_ours: Vec<String>,
    keyrings_exist: bool,
    /// The source is as wanted, and its list could not be fetched or is gone.
    unfetched: bool,
}

impl State for Files {
    fn facets(&self) -> Facets {
        let facet = |held: &Held| match held {
            Held::Nothing => None,
            Held::Content(content) => Some(Facet::content(content)),
            Held::Sum(sum, _) => Some(format!("sha256:{sum}").into()),
        };
        let there = self.files.iter().filter_map(|(name, _, held)| Some(((*name).to_string(), facet(held)?)));
        let list = self.unfetched.then(|| ("package list".to_string(), "not fetched".into()));
        let attrs = self.attrs.iter().map(|(name, attrs)| (name.clone(), attrs.as_str().into()));
        there.chain(attrs).chain(list).collect()
    }
}

impl Spec {
    fn source_path(&self) -> String {
        format!("/etc/apt/sources.list.d/{}.sources", self.name)
    }

    fn pin_path(&self) -> String {
        format!("/etc/apt/preferences.d/{}", self.name)
    }

    fn check(&self) -> Result<(), Fault> {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(good) {
            let fault = Fault::new(format!("`{}` cannot be the name of a source", self.name.escape_debug()));
            return Err(fault.hint("letters, digits, `-`, `_` and `.`"));
        }
        let lists = [&self.uris, &self.suites, &self.components, &self.types, &self.architectures];
        let words = lists.iter().flat_map(|list| &list.0).map(String::as_str);
        let words = words.chain(self.signed_by.as_deref());
        let origin = self.pin.iter().map(|pin| pin.origin.as_str());
        if let Some(word) = words
            .chain(origin)
            .find(|w| w.is_empty() || w.contains(|c: char| c.is_whitespace() || c.is_control()))
        {
            return Err(Fault::new(format!("`{}` must be one word", word.escape_debug())));
        }
        if self.pin.as_ref().is_some_and(|pin| pin.package.contains(char::is_control)) {
            return Err(Fault::new("`pin.package` must be one line"));
        }
        if self.state == Wanted::Present && (self.uris.0.is_empty() || self.suites.0.is_empty()) {
            return Err(Fault::new("a source needs `uris` and `suites`").hint("or write `state: absent`"));
        }
        self.check_key()
    }

    /// How the key is written that the source has for its own.
    fn own_format(&self) -> Option<Format> {
        let text = self.key.as_ref().map(|Text(key)| Format::of(key));
        text.or_else(|| self.remote().map(|remote| remote.format))
    }

    /// The source in apt's deb822 form.
    fn source(&self) -> Content {
        let mut text = String::new();
        let mut field = |name: &str, words: &[String]| {
            if !words.is_empty() {
                text += &format!("{name}: {}\n", words.join(" "));
            }
        };
        field("Types", &self.types.0);
        field("URIs", &self.uris.0);
        field("Suites", &self.suites.0);
        field("Components", &self.components.0);
        field("Architectures", &self.architectures.0);
        let own = self.own_format().map(|format| format.path(&self.name));
        field("Signed-By", own.or_else(|| self.signed_by.as_ref().map(HostPath::to_string)).as_slice());
        field("Trusted", self.trusted.then(|| "yes".to_string()).as_slice());
        field("Enabled", (!self.enabled).then(|| "no".to_string()).as_slice());
        Content::from(text.as_str())
    }

    /// All files of this source that may be there, each with its content if it should.
    fn wanted(&self) -> Vec<(&'static str, String, Held)> {
        let present = self.state == Wanted::Present;
        let content = |content: Option<Content>| content.map_or(Held::Nothing, Held::Content);
        let key = |format: Format| {
            if !present || self.own_format() != Some(format) {
                return Held::Nothing;
            }
            match (&self.key, self.remote()) {
                (Some(Text(key)), _) => Held::Content(Content::new(key.bytes(), false)),
                (None, Some(remote)) => Held::Sum(remote.sum.clone(), Some(remote)),
                (None, None) => Held::Nothing,
            }
        };
        let pin = self.pin.as_ref().filter(|_| present).map(|pin| {
            let text = format!(
                "Package: {}\nPin: origin {}\nPin-Priority: {}\n",
                pin.package, pin.origin, pin.priority
            );
            Content::from(text.as_str())
        });
        let mut files = vec![
            ("key", Format::Armored.path(&self.name), key(Format::Armored)),
            ("key (binary)", Format::Binary.path(&self.name), key(Format::Binary)),
            ("pin", self.pin_path(), content(pin)),
            ("source", self.source_path(), content(present.then(|| self.source()))),
        ];
        // A keyring that is referred to is somebody else's, whatever its name.
        files.retain(|(_, path, _)| self.signed_by.as_deref() != Some(path));
        files
    }

    /// Whether a file that is there, and not wanted, goes: all with the source, else a key that only this source had.
    fn goes(&self, path: &str, source: Option<&Content>) -> bool {
        self.state == Wanted::Absent || source.is_some_and(|source| key::signs(source, path))
    }
}

impl Resource for AptRepository {
    const NAME: &'static str = "apt_repository";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &[
        "key",
        "key attributes",
        "key (binary)",
        "key (binary) attributes",
        "pin",
        "source",
        "package list",
    ];
    const EXAMPLE: &'static str = "name: Packages of example.org\napt_repository:\n  name: example\n  uris: https://packages.example.org/debian\n  suites: bookworm\n  \
        components: stable\n  signed_by: /usr/share/keyrings/debian-archive-keyring.gpg\n";
    const SOURCES: &'static [SourceParam] =
        &[SourceParam { key: "key_src", folder: "files", render: false, into: "key" }];
    type Spec = Spec;
    type State = Files;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("path:{}", spec.source_path())))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let paths = spec.wanted().into_iter().map(|(_, path, _)| Area::Path(path));
        Footprint::writes(paths.chain([Area::Packages])).and_reads(spec.signed_by.iter().map(HostPath::area))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Files> {
        spec.check()?;
        let wanted = spec.wanted();
        let read = |path: &str| Query::Read { path: path.into(), limit: LIMIT, secret: false };
        let reads = wanted.iter().map(|(_, path, _)| read(path));
        let keys = wanted.iter().map(|(_, path, _)| path).filter(|path| path.starts_with(KEYRINGS));
        seen.each(reads.chain(keys.map(|path| file_query(path))).chain([file_query(KEYRINGS)]))?;
        let source = seen.content(&spec.source_path(), LIMIT, false)?;
        let (mut files, mut not_ours, mut attrs) = (vec![], vec![], vec![]);
        for (facet, path, wanted) in wanted {
            if path.starts_with(KEYRINGS)
                && wanted != Held::Nothing
                && let Some(meta) = seen.meta(&path)?
            {
                attrs.push((format!("{facet} attributes"), written_attrs(&meta)));
            }
            let held = match (seen.content(&path, LIMIT, false)?, wanted) {
                (None, _) => Held::Nothing,
                (Some(_), Held::Nothing) if !spec.goes(&path, source.as_ref()) => {
                    not_ours.push(path);
                    continue;
                }
                (Some(content), Held::Sum(_, remote)) => {
                    let sum = key::sum(&content);
                    // Where it came from, nobody can tell by its looks.
                    let remote = remote.filter(|remote| remote.sum == sum);
                    Held::Sum(sum, remote)
                }
                (Some(content), _) => Held::Content(content),
            };
            files.push((facet, path, held));
        }
        let keyrings_exist = seen.meta(KEYRINGS)?.is_some();
        let as_wanted = spec.state == Wanted::Present && source.is_some_and(|source| source == spec.source());
        // Of another one the list is fetched anyway.
        let unfetched = as_wanted
            && seen
                .run(Probe::AptSource { path: spec.source_path() })?
                .stdout
                .bytes()
                .starts_with(b"unfetched");
        Ok(Files { files, attrs, not_ours, keyrings_exist, unfetched })
    }

    fn desired(spec: &Spec, from: &Files) -> Result<Files, Fault> {
        let mut files = spec.wanted();
        files.retain(|(_, path, _)| !from.not_ours.contains(path));
        let attrs = from.attrs.iter().map(|(name, _)| (name.clone(), ATTRS.to_string())).collect();
        Ok(Files { files, attrs, not_ours: from.not_ours.clone(), keyrings_exist: true, unfetched: false })
    }

    fn ops(_: &Spec, from: &Files, to: &Files) -> Vec<Op> {
        let attrs = roots(0o644);
        let changed = from.files.iter().zip(&to.files).filter(|(a, b)| a.2 != b.2);
        let is_there = |(_, _, held): &&(&str, String, Held)| *held != Held::Nothing;
        let source = to.files.last().filter(is_there).map(|(_, path, _)| path);
        let (mut ops, mut fetches) = (vec![], from.unfetched);
        for ((facet, path, _), (_, _, held)) in changed {
            if path.starts_with(KEYRINGS) && !from.keyrings_exist {
                let attrs = Attrs { mode: Some(0o755), ..attrs.clone() };
                ops.push(Op::MakeFolder { path: KEYRINGS.into(), attrs });
            }
            match held.clone() {
                Held::Content(content) => {
                    ops.push(Op::WriteFile {
                        path: path.clone(),
                        content,
                        attrs: attrs.clone(),
                        check: None,
                    });
                }
                Held::Sum(_, remote) => ops.extend(remote.map(|remote| remote.fetch(path))),
                Held::Nothing => ops.push(Op::Remove { path: path.clone(), recursive: false }),
            }
            fetches |= *facet != "pin";
        }
        // What is written anew has them already.
        let same = from.files.iter().zip(&to.files).filter(|(a, b)| a.2 == b.2);
        for (_, (facet, path, _)) in same {
            let of = |files: &Files| {
                let name = format!("{facet} attributes");
                files.attrs.iter().find(|(known, _)| *known == name).map(|(_, attrs)| attrs.clone())
            };
            if of(from) != of(to) {
                ops.push(Op::SetAttrs { path: path.clone(), attrs: attrs.clone() });
                fetches = true;
            }
        }
        if let Some(source) = source.filter(|_| fetches) {
            // Only this list: the others are as good as they were. apt takes it lightly when it cannot reach a server.
            let mut args = vec!["update".to_string()];
            for option in [
                format!("Dir::Etc::SourceList={source}"),
                "Dir::Etc::SourceParts=-".into(),
                "APT::Get::List-Cleanup=0".into(),
                "APT::Update::Error-Mode=any".into(),
            ] {
                args.extend(["-o".into(), option]);
            }
            ops.push(Op::Packages {
                tool: PackageTool::AptGet,
                args,
                stdin: None,
                lock_timeout_s: 600,
                refresh: false,
            });
        }
        ops
    }

    /// Which packages it offers is not known before; `package` plans on their being there.
    fn effects(_: &Spec, _: &Files, _: &Files, _: &[Op]) -> Vec<Effect> {
        vec![]
    }
}
