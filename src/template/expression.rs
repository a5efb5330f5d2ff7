//! Expressions: paths, literals, helper calls.

use super::{
    Cx,
    helpers::{self, Args, Call, Fault, Helper},
    path::step,
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    jinja,
    model::Origin,
    yaml::{Node, Value},
};
use handlebars::template::{HelperTemplate, Parameter, TemplateElement};

/// What a path or a look-up leads to.
pub(super) enum Found {
    Value(Node),
    /// Nothing; the error to show where that is not allowed.
    Missing(Diagnostic),
}

impl Found {
    fn required(self) -> Result<Node, Diagnostics> {
        match self {
            Self::Value(node) => Ok(node),
            Self::Missing(error) => Err(error.into()),
        }
    }
}

impl Cx<'_> {
    /// The value of `{{name params...}}`; `at` is where its tag stands.
    pub fn expression(&self, expression: &HelperTemplate, at: usize) -> Result<Node, Diagnostics> {
        self.found(expression, at)?.required()
    }

    pub fn parameter(&self, parameter: &Parameter, at: usize) -> Result<Node, Diagnostics> {
        let node = self.found_parameter(parameter, at)?.required()?;
        self.looked_at(None, [&node], at)?;
        Ok(node)
    }

    fn found(&self, expression: &HelperTemplate, at: usize) -> Result<Found, Diagnostics> {
        if expression.params.is_empty() && expression.hash.is_empty() {
            return self.found_parameter(&expression.name, at);
        }
        let name = expression.name.as_name().unwrap_or_default();
        let Some(helper) = helpers::find(name) else {
            return Err(self.unknown_helper(name, &expression.params, at).into());
        };
        if let Some(key) = expression.hash.keys().next() {
            let error = Diagnostic::error(format!("`{name}` takes no named argument `{}`", self.shown(key)));
            return Err(error.at(&self.code.name(at, key)).hint(usage(helper)).into());
        }
        self.check_count(helper, &expression.params, at)?;
        if self.depth > super::code::DEPTH {
            return Err(self.too_deep(at).into());
        }
        let deeper = Cx { depth: self.depth + 1, ..*self };
        deeper.call(helper, &expression.params, at)
    }

    pub fn found_parameter(&self, parameter: &Parameter, at: usize) -> Result<Found, Diagnostics> {
        match parameter {
            Parameter::Literal(json) => Ok(Found::Value(Node::from_json(json, &self.code.origin))),
            Parameter::Path(path) => self.path(path, at),
            Parameter::Subexpression(inner) => match inner.as_element() {
                TemplateElement::Expression(expression) => self.found(expression, at),
                _ => Ok(Found::Missing(self.unsupported(at))),
            },
            _ => Ok(Found::Missing(self.unsupported(at))),
        }
    }

    fn call(&self, helper: &'static Helper, params: &[Parameter], at: usize) -> Result<Found, Diagnostics> {
        match helper.call {
            Call::Form => return self.form(helper, params, at),
            Call::Whole(_) | Call::Parts(_) | Call::Chosen(_) => {}
        }
        let values = super::all(params.iter().map(|p| self.parameter(p, at)))?;
        self.looked_at(Some(helper.name), [], at)?;
        let args = Args { helper, values: &values };
        let fault = |fault: Fault| self.fault(helper, fault, params, at);
        let node = match helper.call {
            Call::Whole(run) => {
                if let Some(why) = values.iter().find_map(Node::unknown) {
                    let secret = values.iter().any(Node::holds_secret);
                    return Ok(Found::Value(self.node(Value::Unknown(why.clone())).with_secret(secret)));
                }
                let mut node = self.node(run(&args).map_err(fault)?);
                if values.iter().any(Node::holds_secret) {
                    node.taint();
                }
                node
            }
            Call::Parts(run) | Call::Chosen(run) => {
                let secret = values.iter().any(|v| v.secret);
                let unknown = values.iter().find_map(|v| match &v.value {
                    Value::Unknown(why) => Some(why.clone()),
                    _ if matches!(helper.call, Call::Chosen(_)) => v.unknown().cloned(),
                    _ => None,
                });
                let mut node = match unknown {
                    Some(why) => self.node(Value::Unknown(why)),
                    None => run(&args).map_err(fault)?,
                };
                if secret {
                    node.taint();
                }
                node
            }
            Call::Form => unreachable!("returned above"),
        };
        match &node.value {
            Value::Str(text) if text.len() > super::SIZE => Err(self.too_large().into()),
            _ => Ok(Found::Value(node)),
        }
    }

    /// The helpers that do not take all their arguments' values.
    fn form(&self, helper: &Helper, params: &[Parameter], at: usize) -> Result<Found, Diagnostics> {
        match helper.name {
            "and" | "or" => self.junction(helper, params, at).map(Found::Value),
            "not" => {
                let node = self.boolean(helper, &params[0], at)?;
                let value = match node.value {
                    Value::Bool(b) => Value::Bool(!b),
                    other => other,
                };
                Ok(Found::Value(self.node(value).with_secret(node.secret)))
            }
            "defined" => Ok(Found::Value(match self.found_parameter(&params[0], at)? {
                Found::Missing(_) => self.node(Value::Bool(false)),
                Found::Value(node) => match node.value {
                    Value::Unknown(_) => node,
                    value => self.node(Value::Bool(!matches!(value, Value::Null))),
                },
            })),
            "default" => match self.found_parameter(&params[0], at)? {
                Found::Value(node) if !node.is_null() => Ok(Found::Value(node)),
                _ => self.found_parameter(&params[1], at),
            },
            "ternary" => {
                let condition = self.boolean(helper, &params[0], at)?;
                let unasked = match condition.value {
                    Value::Bool(true) => &params[2..],
                    Value::Bool(false) => &params[1..2],
                    _ => &params[1..],
                };
                self.unasked(unasked, params, at)?;
                let mut node = match condition.value {
                    Value::Bool(true) => self.parameter(&params[1], at)?,
                    Value::Bool(false) => self.parameter(&params[2], at)?,
                    value => self.node(value),
                };
                if condition.secret {
                    node.taint();
                }
                Ok(Found::Value(node))
            }
            "hostvar" => self.hostvar(params, at),
            "now" | "env" | "file" | "secret" => self.outside(helper.name, params, at),
            _ => self.lookup(params, at),
        }
    }

    fn hostvar(&self, params: &[Parameter], at: usize) -> Result<Found, Diagnostics> {
        let [host, name] = [self.parameter(&params[0], at)?, self.parameter(&params[1], at)?];
        let secret = host.secret || name.secret;
        if let Some(why) = host.unknown().or_else(|| name.unknown()) {
            return Ok(Found::Value(self.node(Value::Unknown(why.clone())).with_secret(secret)));
        }
        let text = |node: &Node, at: &Origin| {
            let fault = || {
                let error = Diagnostic::error("`hostvar` wants the name of a host and of a variable").at(at);
                error.hint("write `hostvar \"web1\" \"port\"`")
            };
            node.as_str().map(str::to_owned).ok_or_else(fault)
        };
        let place = self.place_of(&params[0], at);
        let (host, name) = (text(&host, &place)?, text(&name, &self.place_of(&params[1], at))?);
        Ok(match self.host_variable(&host, &name.split('.').collect::<Vec<_>>(), &|| place.clone())? {
            Found::Value(mut node) => {
                if secret {
                    node.taint();
                }
                Found::Value(node)
            }
            // The names in the error are as secret as what they came from.
            Found::Missing(_) if secret => {
                Found::Missing(Diagnostic::error("there is no such host or variable").at(&place))
            }
            missing => missing,
        })
    }

    fn junction(&self, helper: &Helper, params: &[Parameter], at: usize) -> Result<Node, Diagnostics> {
        let decisive = helper.name == "or";
        let (mut secret, mut unknown) = (false, None);
        for parameter in params {
            let node = self.boolean(helper, parameter, at)?;
            secret |= node.secret;
            match node.value {
                Value::Bool(b) if b == decisive => return Ok(self.node(Value::Bool(b)).with_secret(secret)),
                Value::Unknown(why) => unknown = unknown.or(Some(why)),
                _ => {}
            }
        }
        let value = unknown.map_or(Value::Bool(!decisive), Value::Unknown);
        Ok(self.node(value).with_secret(secret))
    }

    /// A boolean, or what is not known yet.
    fn boolean(&self, helper: &Helper, parameter: &Parameter, at: usize) -> Result<Node, Diagnostics> {
        let node = self.parameter(parameter, at)?;
        match &node.value {
            Value::Bool(_) | Value::Unknown(_) => Ok(node),
            other => {
                let what = self.what(parameter);
                let message =
                    format!("`{}` wants true or false, but {what} is {}", helper.name, other.kind());
                let error = Diagnostic::error(message).at(&self.place_of(parameter, at));
                Err(error.hint("compare it (`eq x \"y\"`), or ask whether it is there (`defined x`)").into())
            }
        }
    }

    fn lookup(&self, params: &[Parameter], at: usize) -> Result<Found, Diagnostics> {
        let (container, reads) = self.scope.collect(|| self.parameter(&params[0], at));
        let container = container?;
        let key = self.parameter(&params[1], at)?;
        let plain = matches!(params[0], Parameter::Path(_));
        let name = match (&container.value, &key.value) {
            (Value::Unknown(why), _) | (_, Value::Unknown(why)) => {
                let secret = container.secret || key.secret;
                self.note_looked_up(reads, plain, None);
                return Ok(Found::Value(self.node(Value::Unknown(why.clone())).with_secret(secret)));
            }
            (_, Value::Str(name)) => name.to_string(),
            (_, Value::Int(index)) => index.to_string(),
            (_, other) => {
                let message =
                    format!("`lookup`: `key` must be a string or an integer, found {}", other.kind());
                let error = Diagnostic::error(message).at(&self.place_of(&params[1], at));
                return Err(error.hint(usage(helpers::find("lookup").expect("it is there"))).into());
            }
        };
        let within = params[0].as_name().map(|n| self.shown(n).to_string());
        let hidden = key.secret.then_some("…");
        let leaf = step(&container, &name);
        self.note_looked_up(reads, plain, leaf.map(|node| (name.as_str(), node)));
        Ok(match leaf {
            Some(node) => {
                let mut node = node.clone();
                if key.secret || container.secret {
                    node.taint();
                }
                Found::Value(node)
            }
            None => Found::Missing(self.no_member(
                &container,
                hidden.unwrap_or(&name),
                within.as_deref(),
                &self.code.tag(at),
            )),
        })
    }

    fn check_count(&self, helper: &Helper, params: &[Parameter], at: usize) -> Result<(), Diagnostics> {
        let (least, most) = helper.arity();
        if (least..=most).contains(&params.len()) {
            return Ok(());
        }
        let few = params.len() < least;
        let missing = helper.arguments().nth(params.len()).filter(|_| few);
        let message = match missing {
            Some(name) => format!("`{}`: argument `{name}` is missing", helper.name),
            None => {
                let plural = if most == 1 { "" } else { "s" };
                format!("`{}` takes {most} argument{plural}, found {}", helper.name, params.len())
            }
        };
        Err(Diagnostic::error(message).at(&self.code.tag(at)).hint(usage(helper)).into())
    }

    fn fault(&self, helper: &Helper, fault: Fault, params: &[Parameter], at: usize) -> Diagnostics {
        let place = match fault.argument.and_then(|index| Some((index, params.get(index)?))) {
            Some((index, parameter @ (Parameter::Path(_) | Parameter::Name(_)))) => {
                let same = |other: &&Parameter| other.as_name() == parameter.as_name();
                let before = params[..index].iter().filter(same).count();
                self.code.nth_name(at, parameter.as_name().unwrap_or_default(), before)
            }
            _ => self.code.name(at, helper.name),
        };
        let error = Diagnostic::error(format!("`{}`: {}", helper.name, fault.message)).at(&place);
        error.hint(fault.hint.unwrap_or_else(|| format!("`{}`: {}", helper.signature, helper.doc))).into()
    }

    pub fn unknown_helper(&self, name: &str, params: &[Parameter], at: usize) -> Diagnostic {
        let place = self.code.name(at, name);
        let error = Diagnostic::error(format!("unknown helper `{}`", self.shown(name))).at(&place);
        if self.code.secret {
            return error.hint("a text that is no template is tagged `!unsafe`");
        }
        let word = params.first().and_then(Parameter::as_name).unwrap_or_default();
        if word == "is" {
            // The whole tag, or what stands in these brackets.
            let words: Vec<&str> = params.iter().map_while(Parameter::as_name).collect();
            let inner = || jinja::condition(&format!("{name} {}", words.join(" "))).ok();
            let written = self.code.as_jinja(at).or_else(|| inner().filter(|_| words.len() == params.len()));
            return error.hint(match written {
                Some(written) => format!("write `{written}`"),
                None => format!("write `defined {name}`, or `not (defined {name})`"),
            });
        }
        if ["and", "or", "in", "not"].contains(&word)
            && let Some(written) = self.code.as_jinja(at)
        {
            return error.hint(format!("helpers come first: `{written}`"));
        }
        if self.scope.find(name).is_some() || self.block_parameter(name).is_some() {
            return error.hint(match word {
                "and" | "or" | "in" if !params[1..].iter().any(|p| p.as_name() == Some("not")) => {
                    let others = params[1..].iter().map(|p| p.as_name().unwrap_or("..."));
                    let others: Vec<&str> = others.collect();
                    format!("helpers come first: `{word} {name} {}`", others.join(" "))
                }
                _ => format!("`{name}` is a variable; helpers come first: `eq {name} ...`"),
            });
        }
        let error = error.hint("`lustores-provision doc helpers` lists them");
        error.suggest(name, helpers::HELPERS.iter().map(|h| h.name))
    }

    pub fn place_of(&self, parameter: &Parameter, at: usize) -> Origin {
        match parameter {
            Parameter::Path(_) | Parameter::Name(_) => {
                self.code.name(at, parameter.as_name().unwrap_or_default())
            }
            _ => self.code.tag(at),
        }
    }

    /// How an error names a value: its path, or the helper it came from.
    pub fn what(&self, parameter: &Parameter) -> String {
        match parameter {
            Parameter::Subexpression(inner) => match inner.as_element() {
                TemplateElement::Expression(e) if e.params.is_empty() => self.what(&e.name),
                TemplateElement::Expression(e) => {
                    format!("the result of `{}`", self.shown(e.name.as_name().unwrap_or_default()))
                }
                _ => "this".into(),
            },
            Parameter::Literal(_) => "this".into(),
            other => format!("`{}`", self.shown(other.as_name().unwrap_or_default())),
        }
    }
}

pub(super) fn usage(helper: &Helper) -> String {
    format!("write `{}`", helper.signature)
}
