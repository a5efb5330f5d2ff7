//! `xattr`: an extended attribute of a file.

use super::shared::{HostPath, Presence, unit::output};
use crate::{
    model::{Address, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic},
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Answer, AttributeProbe, Kind, Op, Probe, Query},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes: what the kernel keeps.
const LARGEST: usize = 64 << 10;

pub struct Xattr;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Namespace {
    #[default]
    User,
    Trusted,
}

/// Sets an extended attribute of a file or directory, or removes it.
///
/// What a task writes anew (`template`, `copy`, `lineinfile` and their like) keeps the attributes of the file that was there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file or directory.
    path: HostPath,
    /// `user`, or `trusted`, which only root sees.
    #[serde(default)]
    namespace: Namespace,
    /// The name of the attribute, without its namespace.
    key: String,
    /// The value. One that begins with `0x` is hexadecimal, one that begins with `0s` base64, as `setfattr` has it. Needed with `present`.
    value: Option<Text>,
    /// `absent` removes the attribute.
    #[serde(default)]
    state: Presence,
}

impl Spec {
    fn name(&self) -> String {
        let namespace = match self.namespace {
            Namespace::User => "user",
            Namespace::Trusted => "trusted",
        };
        format!("{namespace}.{}", self.key)
    }

    fn secret(&self) -> bool {
        self.value.as_ref().is_some_and(Text::is_secret)
    }

    fn probe(&self) -> Probe {
        let (path, name) = (self.path.to_string(), self.name());
        Probe::Attribute(AttributeProbe::Xattr { path, name, secret: self.secret() })
    }

    /// The value wanted; `None` when there is to be none.
    fn wanted(&self) -> Result<Option<Content>, Fault> {
        let key = self.key.escape_debug();
        let prefix = ["user.", "trusted.", "security.", "system."].iter().find(|p| self.key.starts_with(**p));
        if let Some(prefix) = prefix {
            let fault = Fault::new(format!("`{key}` begins with a namespace"));
            let prefix = prefix.trim_end_matches('.');
            return Err(fault.hint(format!(
                "write `namespace: {prefix}` and leave it out here; there are `user` and `trusted`"
            )));
        }
        if self.key.is_empty() || self.key.contains('\0') || self.name().len() > 255 {
            let fault = Fault::new(format!("`{key}` is no name of an attribute"));
            return Err(fault.hint("at most 255 bytes with its namespace, such as `backup.policy`"));
        }
        if self.state == Presence::Absent {
            return Ok(None);
        }
        let Some(text) = &self.value else {
            return Err(
                Fault::new("`value` is missing").hint("say what it is to be, or write `state: absent`")
            );
        };
        let value = match text.bytes() {
            [b'0', b'x' | b'X', digits @ ..] => {
                hex(digits).ok_or(("hexadecimal", "pairs of hexadecimal digits"))
            }
            [b'0', b's' | b'S', coded @ ..] => {
                BASE64_STANDARD.decode(coded).map_err(|_| ("base64", "base64, with its `=` at the end"))
            }
            plain => Ok(plain.to_vec()),
        };
        let value = value.map_err(|(what, form)| {
            let fault = Fault::new(format!("`value` is no {what}"));
            fault.hint(format!("after its first two letters there stand {form}"))
        })?;
        if value.len() > LARGEST {
            return Err(Fault::new(format!("`value` is longer than {LARGEST} bytes"))
                .hint("that is what the kernel keeps"));
        }
        Ok(Some(Content::new(value, self.secret())))
    }
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| Some((digit(pair[0])? << 4 | digit(*pair.get(1)?)?) as u8);
    digits.chunks(2).map(pair).collect()
}

/// The attribute's name and value.
pub struct XattrState {
    name: String,
    value: Option<Content>,
}

impl State for XattrState {
    fn facets(&self) -> Facets {
        let Some(value) = &self.value else { return Facets::new() };
        let bytes = value.bytes();
        let text = std::str::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control));
        let facet = match text {
            _ if value.is_secret() => Facet::Secret(bytes.to_vec()),
            Some(text) => Facet::Scalar(text.into()),
            None => Facet::Scalar(bytes.iter().fold("0x".into(), |text, byte| format!("{text}{byte:02x}"))),
        };
        Facets::from([(self.name.clone(), facet)])
    }
}

impl Resource for Xattr {
    const NAME: &'static str = "xattr";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = &["ATTRIBUTE"];
    const EXAMPLE: &'static str = "\
name: The cache need not be backed up
xattr:
  path: /srv/app/cache
  key: xdg.robots.backup
  value: \"false\"
";
    const CONTENT: &'static [&'static str] = &["value"];

    type Spec = Spec;
    type State = XattrState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("xattr:{}:{}", spec.path, spec.name())))
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()])
    }

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.wanted().map(drop)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<XattrState> {
        let (path, name) = (&spec.path, spec.name());
        seen.all([Query::File { path: path.to_string() }, Query::Run(spec.probe())])?;
        let missing = XattrState { name: name.clone(), value: None };
        match seen.meta(path)?.map(|meta| meta.kind) {
            Some(Kind::Link { target }) => {
                let fault = Fault::new(format!("{path} is a link to {target}"));
                return Err(fault.hint("name what it points to").into());
            }
            Some(Kind::Other) => {
                let fault = Fault::new(format!("{path} is neither a file nor a directory"));
                return Err(fault.hint("only these have attributes").into());
            }
            Some(_) => {}
            None if spec.state == Presence::Absent => return Ok(missing),
            None => {
                seen.presume(&[path.area()], format!("{path} does not exist and no earlier task makes it"))?;
                return Ok(missing);
            }
        }
        let output = seen.run(spec.probe())?;
        Ok(XattrState { name, value: Some(output.stdout).filter(|_| output.code == 0) })
    }

    fn desired(spec: &Spec, _: &XattrState) -> Result<XattrState, Fault> {
        Ok(XattrState { name: spec.name(), value: spec.wanted()? })
    }

    fn ops(spec: &Spec, from: &XattrState, to: &XattrState) -> Vec<Op> {
        if from.facets() == to.facets() {
            return vec![];
        }
        vec![Op::SetXattr { path: spec.path.to_string(), name: spec.name(), value: to.value.clone() }]
    }

    fn effects(spec: &Spec, _: &XattrState, to: &XattrState, ops: &[Op]) -> Vec<Effect> {
        if ops.is_empty() {
            return vec![];
        }
        let answer = match &to.value {
            Some(value) => agent::wire::Output { stdout: value.clone(), ..output(0, "") },
            None => output(1, ""),
        };
        vec![Effect::Answer(Query::Run(spec.probe()), Answer::Output(answer))]
    }
}
