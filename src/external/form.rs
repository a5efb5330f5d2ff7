//! Queries, answers and ops as programs write and read them. It is stable: what is added later is added beside.

use crate::{model::Area, resource::Fault, resources::HostPath};
use agent::{
    secret::{Content, Secret},
    wire::{Answer, Attrs, Exec, Kind, Meta, Op, Output, Probe, Query},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What a program may ask. The closed set of the agent, as far as it is of use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    Stat {
        path: String,
    },
    Read {
        path: String,
        #[serde(default = "limit")]
        limit: u64,
        #[serde(default)]
        secret: bool,
    },
    Exists {
        path: String,
    },
    List {
        path: String,
    },
    User {
        name: String,
    },
    Group {
        name: String,
    },
    Package {
        name: String,
    },
    Unit {
        name: String,
    },
    Sysctl {
        key: String,
    },
    Program {
        name: String,
    },
}

/// Most bytes of a file that are read.
const LIMIT: u64 = 1 << 20;

fn limit() -> u64 {
    LIMIT
}

/// What a program may have done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    WriteFile {
        path: String,
        text: Option<String>,
        base64: Option<String>,
        mode: Option<String>,
        owner: Option<String>,
        group: Option<String>,
        #[serde(default)]
        secret: bool,
        check: Option<Vec<String>>,
    },
    MakeFolder {
        path: String,
        mode: Option<String>,
        owner: Option<String>,
        group: Option<String>,
    },
    SetAttributes {
        path: String,
        mode: Option<String>,
        owner: Option<String>,
        group: Option<String>,
    },
    MakeLink {
        path: String,
        target: String,
    },
    Remove {
        path: String,
        #[serde(default)]
        recursive: bool,
    },
    Exec {
        argv: Vec<String>,
        stdin: Option<String>,
        #[serde(default)]
        env: BTreeMap<String, String>,
        cwd: Option<String>,
        #[serde(default)]
        timeout: u32,
        #[serde(default)]
        ok: Vec<i32>,
    },
}

fn path(text: &str) -> Result<String, Fault> {
    let path =
        HostPath::new(text).map_err(|message| Fault::new(message.lines().next().unwrap_or_default()))?;
    Ok(path.to_string())
}

/// A name that no program takes for an option or a pattern.
fn name(text: &str) -> Result<String, Fault> {
    let good = |c: char| c.is_alphanumeric() || "._-+:@/\\".contains(c);
    if !text.is_empty() && !text.starts_with(['-', '/']) && text.chars().all(good) {
        return Ok(text.into());
    }
    Err(Fault::new(format!("`{}` is no name", text.escape_debug())))
}

impl Ask {
    pub fn query(&self) -> Result<Query, Fault> {
        Ok(match self {
            Self::Stat { path: text } => Query::File { path: path(text)? },
            Self::Read { path: text, limit, secret } => {
                Query::Read { path: path(text)?, limit: (*limit).min(LIMIT), secret: *secret }
            }
            Self::Exists { path: text } => Query::There { path: path(text)? },
            Self::List { path: text } => Query::List { path: path(text)? },
            Self::User { name: text } => Query::User { name: name(text)? },
            Self::Group { name: text } => Query::Group { name: name(text)? },
            Self::Package { name: text } => Query::Run(Probe::DpkgStatus { names: vec![name(text)?] }),
            Self::Unit { name: text } => {
                let unit = name(text)?;
                let suffix = if unit.contains('.') { "" } else { ".service" };
                Query::Run(Probe::UnitState { unit: unit + suffix })
            }
            Self::Sysctl { key } => Query::Run(Probe::Sysctl { key: name(key)? }),
            Self::Program { name: text } => Query::Run(Probe::Which { program: name(text)? }),
        })
    }

    /// What the answer depends on.
    pub fn area(&self) -> Area {
        match self {
            Self::Stat { path } | Self::Read { path, .. } | Self::Exists { path } | Self::List { path } => {
                Area::Path(path.clone())
            }
            Self::User { .. } | Self::Group { .. } => Area::Accounts,
            Self::Package { .. } | Self::Program { .. } => Area::Packages,
            Self::Unit { name } => {
                let suffix = if name.contains('.') { "" } else { ".service" };
                Area::Unit(format!("{name}{suffix}"))
            }
            Self::Sysctl { key } => Area::Sysctl(key.clone()),
        }
    }

    /// An answer as the program gets it.
    pub fn answer(&self, answer: &Answer) -> Result<Json, Fault> {
        match answer {
            Answer::Meta(meta) => Ok(meta.as_ref().map_or(Json::Null, stat)),
            Answer::Content(content) => Ok(content.as_ref().map_or(Json::Null, bytes)),
            Answer::There(there) => Ok(json!(there)),
            Answer::Names(names) => Ok(json!(names)),
            Answer::User(None) | Answer::Group(None) => Ok(Json::Null),
            Answer::User(Some(user)) => Ok(json!({
                "name": user.name, "uid": user.uid, "gid": user.gid, "group": user.group, "home": user.home,
                "shell": user.shell, "comment": user.comment, "groups": user.groups,
            })),
            Answer::Group(Some(group)) => Ok(json!({ "name": group.name, "gid": group.gid })),
            Answer::Output(output) => self.printed(output),
            Answer::Failed(why) => Err(Fault::new(why)),
            Answer::Ports(_) | Answer::Stat(_) | Answer::Owed(_) => {
                Err(Fault::new("the agent's answer is of the wrong kind"))
            }
        }
    }

    fn printed(&self, output: &Output) -> Result<Json, Fault> {
        let text = String::from_utf8_lossy(output.stdout.bytes());
        match self {
            // Not there, to the one; no such key, to the other.
            Self::Program { .. } | Self::Sysctl { .. } if output.code != 0 && output.code != 127 => {
                Ok(Json::Null)
            }
            Self::Program { .. } | Self::Sysctl { .. } if output.code == 0 => {
                Ok(json!(text.trim_end_matches('\n')))
            }
            Self::Package { .. } if output.code <= 1 => {
                let fields: Vec<&str> = text.lines().next().unwrap_or_default().split('\t').collect();
                Ok(match fields[..] {
                    [_, status, version] if status.starts_with("ii") => json!({ "version": version }),
                    _ => Json::Null,
                })
            }
            Self::Unit { .. } if output.code == 0 => {
                let value = |key: &str| {
                    text.lines()
                        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                        .unwrap_or_default()
                };
                Ok(json!({
                    "load": value("LoadState"), "active": value("ActiveState"), "sub": value("SubState"),
                    "enabled": value("UnitFileState"), "reload": value("NeedDaemonReload") == "yes",
                }))
            }
            _ => {
                let said = String::from_utf8_lossy(output.stderr.bytes());
                let said = said.lines().next().unwrap_or("the program for it is not there");
                Err(Fault::new(format!("the host cannot say: {said}")))
            }
        }
    }
}

fn stat(meta: &Meta) -> Json {
    let mut json = json!({
        "kind": "file", "mode": format!("{:04o}", meta.mode), "owner": meta.owner, "group": meta.group, "size": meta.size,
    });
    match &meta.kind {
        Kind::File { digest } => {
            json["blake3"] = json!(digest.map(|digest| blake3::Hash::from(digest).to_hex().to_string()));
        }
        Kind::Folder => json["kind"] = json!("directory"),
        Kind::Link { target } => {
            json["kind"] = json!("link");
            json["target"] = json!(target);
        }
        Kind::Other => json["kind"] = json!("other"),
    }
    json
}

fn bytes(content: &Content) -> Json {
    match std::str::from_utf8(content.bytes()) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(content.bytes()) }),
    }
}

fn attrs(mode: Option<&String>, owner: Option<&String>, group: Option<&String>) -> Result<Attrs, Fault> {
    let octal = |text: &String| {
        let digits = (3..=4).contains(&text.len()).then(|| u32::from_str_radix(text, 8).ok()).flatten();
        digits.ok_or_else(|| {
            Fault::new(format!("`{}` is no mode", text.escape_debug())).hint("write it as \"0644\"")
        })
    };
    let name = |text: Option<&String>| text.map(|text| self::name(text)).transpose();
    Ok(Attrs { mode: mode.map(octal).transpose()?, owner: name(owner)?, group: name(group)? })
}

impl Act {
    /// The op. `tainted`: the program has seen secrets, and whatever it says may be made of them.
    pub fn op(&self, tainted: bool) -> Result<Op, Fault> {
        Ok(match self {
            Self::WriteFile { path: text, text: content, base64, mode, owner, group, secret, check } => {
                let bytes = match (content, base64) {
                    (Some(text), None) => text.as_bytes().to_vec(),
                    (None, Some(text)) => {
                        STANDARD.decode(text).map_err(|_| Fault::new("`base64` of an op is no base64"))?
                    }
                    _ => return Err(Fault::new("`write_file` has one of `text` and `base64`")),
                };
                let secret = *secret || tainted;
                let mut attrs = attrs(mode.as_ref(), owner.as_ref(), group.as_ref())?;
                if secret {
                    attrs.mode = attrs.mode.or(Some(0o600));
                }
                Op::WriteFile {
                    path: path(text)?,
                    content: Content::new(bytes, secret),
                    attrs,
                    check: check.clone(),
                }
            }
            Self::MakeFolder { path: text, mode, owner, group } => Op::MakeFolder {
                path: path(text)?,
                attrs: attrs(mode.as_ref(), owner.as_ref(), group.as_ref())?,
            },
            Self::SetAttributes { path: text, mode, owner, group } => Op::SetAttrs {
                path: path(text)?,
                attrs: attrs(mode.as_ref(), owner.as_ref(), group.as_ref())?,
            },
            Self::MakeLink { path: text, target } => {
                Op::MakeLink { path: path(text)?, target: target.clone() }
            }
            Self::Remove { path: text, recursive } => Op::Remove { path: path(text)?, recursive: *recursive },
            Self::Exec { argv, stdin, env, cwd, timeout, ok } => {
                if argv.first().is_none_or(String::is_empty) {
                    return Err(Fault::new("`exec` has no program in its `argv`"));
                }
                let mut exec = Exec::new(argv.iter().cloned());
                exec.stdin = stdin.as_ref().map(|text| Content::new(text.as_bytes(), tainted));
                exec.env = env
                    .iter()
                    .map(|(key, value)| (key.clone(), Content::new(value.as_bytes(), tainted)))
                    .collect();
                exec.cwd = cwd.as_deref().map(path).transpose()?;
                exec.timeout_s = *timeout;
                exec.secret = tainted;
                Op::Exec { exec, ok: ok.clone() }
            }
        })
    }

    /// The area that it writes; `None` of a command.
    pub fn area(&self) -> Option<Area> {
        match self {
            Self::WriteFile { path, .. }
            | Self::MakeFolder { path, .. }
            | Self::SetAttributes { path, .. }
            | Self::MakeLink { path, .. }
            | Self::Remove { path, .. } => Some(Area::Path(path.clone())),
            Self::Exec { .. } => None,
        }
    }

    /// Whether what others on the host can read holds one of these: arguments, and the target of a link.
    pub fn shows(&self, secrets: &[Secret]) -> bool {
        let shown: Vec<&String> = match self {
            Self::Exec { argv, env, cwd, .. } => argv.iter().chain(env.keys()).chain(cwd).collect(),
            Self::WriteFile { path, check, .. } => check.iter().flatten().chain([path]).collect(),
            Self::MakeLink { path, target } => vec![path, target],
            Self::MakeFolder { path, .. } | Self::SetAttributes { path, .. } | Self::Remove { path, .. } => {
                vec![path]
            }
        };
        let holds = |text: &str, secret: &Secret| {
            let Ok(plain) = std::str::from_utf8(secret.expose()) else { return false };
            let plain = plain.trim();
            let encoded = STANDARD.encode(plain);
            plain.len() > 2 && (text.contains(plain) || text.contains(encoded.trim_end_matches('=')))
        };
        shown.iter().any(|text| secrets.iter().any(|secret| holds(text, secret)))
    }
}

#[cfg(test)]
mod tests;
