//! A program with the parameters of a task, as the planner sees it.

use super::{
    Description, External, VERSION,
    form::{Act, Ask},
    talk::{self, Reply},
};
use crate::{
    diag::Diagnostic,
    model::{Address, Area, Footprint, path_within},
    resource::{self, Change, Effect, Facet, Facets, Fault, Look, Lookup, Mask, Outcome, Prepared},
    yaml::{Node, Value},
};
use agent::{
    frame,
    secret::{Content, Secret},
    wire::{Answer, Op, Query},
};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use zeroize::Zeroizing;

/// As often is it asked for one plan.
const ROUNDS: usize = 16;
/// As many answers are kept.
const KEPT: usize = 4096;
/// As many questions and ops may it have.
const MOST: usize = 1000;

pub(super) struct Bound {
    external: Arc<External>,
    parameters: Node,
    /// It gets secrets, so that whatever it says may be one.
    tainted: bool,
    secrets: Vec<Secret>,
    address: Address,
    footprint: Footprint,
    timeout_s: u64,
}

/// A question with what the host says.
type Asked = (Told, Query, Answer);

/// A question as it was asked, and read.
type Told = (Json, Ask);

impl Bound {
    pub fn new(
        external: Arc<External>,
        description: &Description,
        parameters: Node,
        tainted: bool,
    ) -> Result<Self, Diagnostic> {
        let mut secrets = vec![];
        leaves(&parameters, &mut secrets);
        let (address, footprint) = (description.address(&parameters), description.footprint(&parameters)?);
        let timeout_s = description.timeout_s;
        Ok(Self { external, parameters, tainted, secrets, address, footprint, timeout_s })
    }

    /// Asks the program; the same question is asked once in a run.
    fn ask(&self, verb: &str, more: Json, answers: &[Asked]) -> Result<Reply, Fault> {
        let tainted = self.is_tainted(answers);
        let told = |(ask, _, answer): &Asked| Ok(json!({ "query": ask.0, "answer": ask.1.answer(answer)? }));
        let told: Vec<Json> = answers.iter().map(told).collect::<Result<_, Fault>>()?;
        let mut request =
            json!({ "version": VERSION, "parameters": self.parameters.to_json(), "answers": told });
        if let (Json::Object(request), Json::Object(more)) = (&mut request, more) {
            request.extend(more);
        }
        let input = Zeroizing::new(serde_json::to_vec(&request).expect("JSON has text keys"));
        let mut hasher = blake3::Hasher::new();
        hasher.update(verb.as_bytes()).update(&[u8::from(tainted)]).update(&input);
        let key = *hasher.finalize().as_bytes();
        if let Some(known) = self.external.replies().get(&key) {
            return Ok(known.clone());
        }
        let external = &self.external;
        let reply = talk::call(external, verb, &input, self.timeout_s, tainted)
            .and_then(|printed| talk::object::<Reply>(external, verb, &printed, tainted))
            .map_err(talk::fault)?;
        let mut replies = external.replies();
        if replies.len() >= KEPT {
            replies.clear();
        }
        Ok(replies.entry(key).or_insert(reply).clone())
    }

    fn is_tainted(&self, answers: &[Asked]) -> bool {
        let holds =
            |(.., answer): &Asked| matches!(answer, Answer::Content(Some(content)) if content.is_secret());
        self.tainted || answers.iter().any(holds)
    }

    /// That the program broke the rules; what it said is not in it.
    fn broken(&self, verb: &str, how: impl std::fmt::Display) -> Fault {
        Fault::new(format!("`{} {verb}` {how}", self.external.path.display()))
    }

    fn failing(&self, reply: &Reply, tainted: bool) -> Result<(), Fault> {
        let Some(failing) = &reply.fail else { return Ok(()) };
        if tainted {
            let fault = self.broken("fails", "with a message that may hold a secret, and is not shown");
            return Err(fault);
        }
        let fault = Fault::new(&failing.message);
        Err(match &failing.hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        })
    }

    /// Of its questions those that the host has not answered yet; the answers to the others are added.
    fn look(
        &self,
        asks: Vec<Json>,
        answers: &mut Vec<Asked>,
        lookup: &dyn Lookup,
    ) -> Result<Result<Vec<Query>, String>, Fault> {
        let (mut missing, mut news) = (vec![], 0);
        let tainted = self.is_tainted(answers);
        let odd = |why: &dyn std::fmt::Display| match tainted {
            true => self.broken("observe", "asks for what cannot be"),
            false => self.broken("observe", format!("asks for what cannot be: {why}")),
        };
        for written in asks {
            let ask = serde_json::from_value::<Ask>(written.clone()).map_err(|error| odd(&error))?;
            let query = ask.query().map_err(|fault| odd(&fault.message))?;
            if answers.iter().any(|(_, known, _)| *known == query) {
                continue;
            }
            let area = ask.area();
            let mut declared = self.footprint.reads.iter().chain(&self.footprint.writes);
            if !declared.any(|own| covers(own, &area)) {
                let fault = self.broken(
                    "observe",
                    format!("asks for {area}, which its description does not say that it reads"),
                );
                return Err(fault.hint(format!("add it to `reads`: {}", word(&area))));
            }
            match lookup.look(&query) {
                Look::NotAsked => missing.push(query),
                Look::Unknown(why) => return Ok(Err(why)),
                Look::Known(Answer::Failed(why)) => return Err(Fault::new(why)),
                Look::Known(Answer::Content(Some(content)))
                    if content.is_secret() && !matches!(query, Query::Read { secret: true, .. }) =>
                {
                    let Query::Read { path, .. } = &query else {
                        unreachable!("only a read brings a content")
                    };
                    let fault = self.broken("observe", format!("reads {path}, which holds a secret"));
                    return Err(fault.hint("a program that may have it asks with `\"secret\": true`"));
                }
                Look::Known(answer) => {
                    news += 1;
                    answers.push(((written, ask), query, answer));
                }
            }
        }
        if missing.is_empty() && news == 0 {
            return Err(self
                .broken("observe", "asks again for what it was told")
                .hint("the answers stand in `answers`"));
        }
        Ok(Ok(missing))
    }

    fn change(&self, from: Json, to: Json, answers: &[Asked], tainted: bool) -> Result<Vec<Op>, Fault> {
        let reply = self.ask("plan", json!({ "observed": from, "desired": to }), answers)?;
        self.failing(&reply, tainted)?;
        let Reply { needs: None, observed: None, desired: None, not_yet: None, ops: Some(acts), .. } = reply
        else {
            return Err(self.broken("plan", "answers without `ops`, or with more"));
        };
        if acts.is_empty() {
            return Err(self.broken("plan", "has no ops, though what is observed is not what is desired"));
        }
        if acts.len() > MOST {
            return Err(self.broken("plan", format!("has more than {MOST} ops")));
        }
        acts.iter().map(|act| self.op(act, tainted)).collect()
    }

    fn op(&self, act: &Act, tainted: bool) -> Result<Op, Fault> {
        if act.shows(&self.secrets) {
            let fault = self.broken("plan", "puts a secret where others on the host can read it");
            return Err(fault.hint("give it on `stdin`, or in a file"));
        }
        if let Some(area) = act.area()
            && !self.footprint.writes.iter().any(|own| covers(own, &area))
        {
            let fault = match tainted {
                true => self.broken("plan", "writes what its description does not say that it writes"),
                false => self.broken(
                    "plan",
                    format!("writes {area}, which its description does not say that it writes"),
                ),
            };
            return Err(fault.hint("its `writes` say what may run beside it: add it there"));
        }
        act.op(tainted).map_err(|fault| match tainted {
            true => self.broken("plan", "has an op that cannot be done"),
            false => Fault {
                message: self
                    .broken("plan", format!("has an op that cannot be done: {}", fault.message))
                    .message,
                ..fault
            },
        })
    }
}

/// Whether one who declares `own` has declared `area`.
fn covers(own: &Area, area: &Area) -> bool {
    match (own, area) {
        (Area::Everything, _) => true,
        (Area::Path(own), Area::Path(path)) => path_within(path, own),
        _ => own == area,
    }
}

/// An area as a description names it.
fn word(area: &Area) -> String {
    match area {
        Area::Unit(unit) => format!("\"unit:{unit}\""),
        Area::Sysctl(key) => format!("\"sysctl:{key}\""),
        other => format!("\"{other}\""),
    }
}

fn leaves(node: &Node, found: &mut Vec<Secret>) {
    match &node.value {
        Value::Seq(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Map(map) => map.values().for_each(|entry| leaves(&entry.node, found)),
        Value::Str(text) if node.secret => found.push(Secret::new(text.as_bytes())),
        Value::Int(_) | Value::Float(_) if node.secret => found.push(Secret::new(node.to_json().to_string())),
        _ => {}
    }
}

fn facets(values: &serde_json::Map<String, Json>, tainted: bool) -> Facets {
    let facet = |value: &Json| {
        let text = match value {
            Json::Null => return None,
            Json::String(text) => text.clone(),
            Json::Array(_) | Json::Object(_) => {
                serde_json::to_string_pretty(value).expect("JSON has text keys") + "\n"
            }
            scalar => scalar.to_string(),
        };
        Some(match (text.contains('\n'), tainted) {
            (true, _) => Facet::content(&Content::new(text, tainted)),
            (false, true) => Facet::Secret(text.into_bytes()),
            (false, false) => Facet::Scalar(text),
        })
    };
    values.iter().filter_map(|(name, value)| Some((name.clone(), facet(value)?))).collect()
}

impl Prepared for Bound {
    fn type_name(&self) -> &str {
        &self.external.name
    }

    fn address(&self) -> Option<Address> {
        Some(self.address.clone())
    }

    fn footprint(&self) -> Footprint {
        self.footprint.clone()
    }

    fn runs_a_program(&self) -> bool {
        true
    }

    fn digest(&self) -> [u8; 32] {
        frame::digest(&(self.external.path.as_os_str().as_encoded_bytes().to_vec(), self.parameters.digest()))
    }

    fn plan(&self, lookup: &dyn Lookup, mask: &Mask) -> Result<Outcome, Fault> {
        let mut answers: Vec<Asked> = vec![];
        for _ in 0..ROUNDS {
            let reply = self.ask(
                "observe",
                json!({ "may_still_come": lookup.may_still_come(&[Area::Everything]) }),
                &answers,
            )?;
            let tainted = self.is_tainted(&answers);
            self.failing(&reply, tainted)?;
            match reply {
                Reply {
                    needs: Some(asks), observed: None, desired: None, not_yet: None, ops: None, ..
                } => {
                    if asks.len() > MOST {
                        return Err(self.broken("observe", format!("has more than {MOST} questions")));
                    }
                    match self.look(asks, &mut answers, lookup)? {
                        Err(why) => return Ok(Outcome::NotYet(why)),
                        Ok(missing) if missing.is_empty() => {}
                        Ok(missing) => return Ok(Outcome::Need(missing)),
                    }
                }
                Reply {
                    not_yet: Some(why), needs: None, observed: None, desired: None, ops: None, ..
                } => {
                    let hidden =
                        || format!("`{}` says so, in words that may hold a secret", self.external.name);
                    return Ok(Outcome::NotYet(if tainted { hidden() } else { why }));
                }
                Reply {
                    observed: Some(from),
                    desired: Some(to),
                    needs: None,
                    not_yet: None,
                    ops: None,
                    notes,
                    ..
                } => {
                    let notes = if tainted { vec![] } else { notes };
                    let seen = facets(&from, tainted);
                    let to_facets = facets(&to, tainted);
                    let (diff, held) = (mask.diff(&seen, &to_facets), resource::held(&seen));
                    if diff.is_empty() {
                        let asked = answers.into_iter().map(|(_, query, _)| query).collect();
                        return Ok(Outcome::Unchanged { asked, notes, held });
                    }
                    let ops = self.change(from.into(), to.into(), &answers, tainted)?;
                    let runs = ops.iter().any(|op| matches!(op, Op::Exec { .. }));
                    let writes = self.footprint.writes.iter().cloned().map(Effect::Unknown);
                    let effects = if runs { writes.collect() } else { vec![] };
                    let guard = |(_, query, answer): Asked| {
                        let digest = frame::guard(&query, &answer);
                        (query, digest)
                    };
                    let guard = answers.into_iter().map(guard).collect();
                    return Ok(Outcome::Change(Box::new(Change {
                        diff,
                        guard,
                        ops,
                        effects,
                        notes,
                        keep: None,
                        held,
                        wanted: resource::held(&to_facets),
                    })));
                }
                _ => {
                    let fault = self.broken("observe", "answers neither with `needs`, nor with `observed` and `desired`, nor with `not_yet` or `fail`");
                    return Err(fault.hint("docs/external-resources.md describes the form"));
                }
            }
        }
        Err(self.broken("observe", format!("has still questions after {ROUNDS} answers")))
    }
}
