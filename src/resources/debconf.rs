//! `debconf`: an answer to a question that Debian packages ask when they are configured.

use super::shared::unit::output;
use crate::{
    model::{Address, Area, Claim, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic},
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Answer, Op, PackageTool, Probe, Query, TIMED_OUT},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Seconds to wait for others that are at work with packages.
const LOCK_TIMEOUT: u32 = 600;

pub struct Debconf;

/// Answers a question of a Debian package before it is asked, or anew.
///
/// A package that is installed already takes it over when it is configured again: notify a handler with `command: dpkg-reconfigure -f noninteractive NAME`. Some
/// packages forget a password once they have used it; it is then set in each run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The package that asks.
    name: String,
    /// The question, e.g. `postfix/main_mailer_type`; `debconf-show PACKAGE` lists those of an installed package.
    question: String,
    vtype: Kind,
    /// The answer, in one line: for `boolean` `"true"` or `"false"`, for `multiselect` the choices with `, ` between them. It may be a secret.
    value: Text,
    /// `true` leaves open whether a person has seen the question: the package may ask it still. Default: it counts as seen.
    #[serde(default)]
    unseen: bool,
}

/// The kind of question.
#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Select,
    Multiselect,
    String,
    Boolean,
    /// Never shown.
    Password,
    Text,
    Note,
    Title,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Multiselect => "multiselect",
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Password => "password",
            Self::Text => "text",
            Self::Note => "note",
            Self::Title => "title",
        }
    }
}

#[derive(Clone)]
pub struct Question {
    /// Nothing when there is no such question yet.
    answer: Option<Answered>,
    secret: bool,
}

#[derive(Clone)]
struct Answered {
    kind: String,
    seen: bool,
    value: Vec<u8>,
}

impl State for Question {
    fn facets(&self) -> Facets {
        let Some(answer) = &self.answer else { return Facets::new() };
        let value = match self.secret {
            true => Facet::Secret(answer.value.clone()),
            false => String::from_utf8_lossy(&answer.value).into_owned().into(),
        };
        let seen = if answer.seen { "yes" } else { "no" };
        let facets = [("type", answer.kind.as_str().into()), ("value", value), ("seen", seen.into())];
        facets.into_iter().map(|(name, facet)| (name.to_string(), facet)).collect()
    }
}

impl Spec {
    fn is_secret(&self) -> bool {
        self.value.is_secret() || self.vtype == Kind::Password
    }

    fn query(&self) -> Query {
        Query::Run(Probe::Debconf { question: self.question.clone(), secret: self.is_secret() })
    }

    fn check(&self) -> Result<(), Fault> {
        let name = |text: &str, more: &str| {
            let good = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
            text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric()) && text.chars().all(good)
        };
        if !name(&self.name, "+-.") {
            return Err(Fault::new(format!("`{}` is not the name of a package", self.name.escape_debug())));
        }
        if !name(&self.question, "+-._/:") || !self.question.contains('/') {
            let fault =
                Fault::new(format!("`{}` is not a question of debconf", self.question.escape_debug()));
            return Err(fault.hint("it is written `package/question`, as `debconf-show` has it"));
        }
        let value = String::from_utf8_lossy(self.value.0.bytes());
        if value.contains(['\n', '\r', '\0']) {
            return Err(Fault::new("`value` must be one line").hint("debconf takes no line breaks"));
        }
        if self.vtype == Kind::Boolean && !["true", "false"].contains(&&*value) {
            return Err(Fault::new("the `value` of a boolean is `\"true\"` or `\"false\"`"));
        }
        Ok(())
    }
}

impl Resource for Debconf {
    const NAME: &'static str = "debconf";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["type", "value", "seen"];
    const EXAMPLE: &'static str = "name: Mail stays on this host\ndebconf:\n  name: postfix\n  question: postfix/main_mailer_type\n  \
        vtype: select\n  value: Local only\n";
    const CONTENT: &'static [&'static str] = &["name", "question", "value"];
    type Spec = Spec;
    type State = Question;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("debconf:{}", spec.question)))
    }

    fn footprint(_: &Spec) -> Footprint {
        // Packages read it when they are installed.
        Footprint::writes([Area::Packages, Area::Path("/var/cache/debconf".into())])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Question> {
        spec.check()?;
        let said = match seen.get(spec.query())? {
            Answer::Output(said) if said.code == 0 => said,
            Answer::Output(said) => {
                let words = String::from_utf8_lossy(said.stderr.bytes()).into_owned();
                let line = match said.code {
                    TIMED_OUT => "no answer came in time; is the host very busy?",
                    _ => words.lines().next().unwrap_or_default(),
                };
                let fault = Fault::new(format!("the answers of debconf cannot be read: {line}"));
                return Err(fault.hint("`debconf` is for hosts with Debian's packages").into());
            }
            other => return Err(Fault::new(format!("not an answer of debconf: {other:?}")).into()),
        };
        let answer = answered(&String::from_utf8_lossy(said.stdout.bytes()));
        Ok(Question { answer, secret: spec.is_secret() })
    }

    fn desired(spec: &Spec, observed: &Question) -> Result<Question, Fault> {
        let was_seen = observed.answer.as_ref().is_some_and(|answer| answer.seen);
        let answer = Answered {
            kind: spec.vtype.name().into(),
            seen: was_seen || !spec.unseen,
            value: spec.value.0.bytes().to_vec(),
        };
        Ok(Question { answer: Some(answer), secret: observed.secret })
    }

    fn ops(spec: &Spec, from: &Question, to: &Question) -> Vec<Op> {
        if from.facets() == to.facets() {
            return vec![];
        }
        let mut line = format!("{} {} {} ", spec.name, spec.question, spec.vtype.name()).into_bytes();
        line.extend(spec.value.0.bytes());
        line.push(b'\n');
        vec![Op::Packages {
            tool: PackageTool::Debconf,
            stdin: Some(Content::new(line, spec.is_secret())),
            args: if spec.unseen { vec!["--unseen".into()] } else { vec![] },
            lock_timeout_s: LOCK_TIMEOUT,
            refresh: false,
        }]
    }

    fn claims(spec: &Spec, _: &Seen) -> Observe<Vec<Claim>> {
        let is_told = spec.value.is_secret() && spec.vtype != Kind::Password;
        Ok(is_told.then(readable).into_iter().collect())
    }

    fn effects(spec: &Spec, _: &Question, to: &Question, _: &[Op]) -> Vec<Effect> {
        let Some(Answered { kind, seen, value }) = &to.answer else { return vec![] };
        let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut said = output(0, "");
        said.stdout = Content::new(format!("{kind}\t{seen}\t{digits}\n").into_bytes(), spec.is_secret());
        vec![Effect::Answer(spec.query(), Answer::Output(said))]
    }
}

fn readable() -> Claim {
    Claim::Readable {
        what: "/var/cache/debconf/config.dat".into(),
        why: "only the answers to questions of the type `password` are kept apart",
        hint: "write `vtype: password`, where the package asks for one",
    }
}

/// `TYPE\tSEEN\tVALUE`, the value as hexadecimal digits; nothing when there is no such question.
fn answered(text: &str) -> Option<Answered> {
    let mut fields = text.trim_end_matches('\n').split('\t');
    let (kind, seen, digits) = (fields.next()?, fields.next()?, fields.next()?);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let value = digits.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>()?;
    Some(Answered { kind: kind.into(), seen: seen == "true", value })
}
