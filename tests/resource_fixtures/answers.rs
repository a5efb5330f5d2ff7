//! Answers as a fixture writes them.
//!
//! ```yaml
//! answers:
//!   file /etc/motd: {mode: "0644", owner: root, group: root, content: "hi\n"}   # its stat and its content; all keys optional
//!   directory /etc: {mode: "0755"}         # also: `link /a: target`, `other /dev/x:`, `absent /x:` (value left out)
//!   stat /etc/motd sha1: {kind: file, mode: "0644", owner: root, size: 3, checksum: abc}   # nothing: there is none; `predicted: true`
//!   names /etc: [hosts, motd]              # what is in a folder
//!   user app: {uid: 1000, gid: 1000, groups: [docker]}   # nothing: there is none
//!   group app: 1000
//!   output dpkg-status docker.io: "docker.io\tii \t20.10\n"    # or {code: 1, stdout: "", stderr: "", secret: true}
//!   test /bin/sh -c 'test -e /x': {code: 1}
//!   job 0123: {code: -1}                   # a job in the background that has not ended
//!   ports 10.0.0.1: [22, 80]
//!   apt ahead: [perl=5.36.0]              # what earlier tasks install; `apt ahead options: [--no-remove]`; `apt moves:` new lists
//!   failed /etc/shadow: permission denied  # the host could not say
//!   unknown /srv/x: task `make it`         # an earlier task makes it unknowable
//! ```

use super::text;
use agent::{
    secret::Content,
    wire::{Answer, FileType, Group, Kind, Meta, Moving, Output, Query, Stat, User},
};
use lustores_provision::{
    model::Area,
    resource::{AptAhead, Look, Lookup, PackagesAhead},
};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;

pub struct Answers {
    given: Map<String, Value>,
    /// An earlier task may bring what is missing.
    pub may_come: bool,
    used: RefCell<BTreeSet<String>>,
}

impl Answers {
    pub fn new(given: Map<String, Value>, may_come: bool) -> Self {
        Self { given, may_come, used: RefCell::default() }
    }

    /// Answers that no question was asked for: most often a slip of the pen.
    pub fn unused(&self) -> Vec<&String> {
        self.given.keys().filter(|key| !self.used.borrow().contains(*key)).collect()
    }

    fn given(&self, word: &str, what: &str) -> Option<&Value> {
        let key = format!("{word} {what}");
        let value = self.given.get(&key)?;
        self.used.borrow_mut().insert(key);
        Some(value)
    }

    fn about_path(&self, path: &str, query: &Query) -> Option<Answer> {
        let reads = match query {
            Query::Read { secret, .. } => Some(*secret),
            _ => None,
        };
        let meta = |kind, value: &Value, size, mode: u32| {
            let text = |key: &str| value.get(key).and_then(Value::as_str);
            let mode = text("mode").map_or(mode, |m| u32::from_str_radix(m, 8).expect("an octal mode"));
            let (owner, group) = (text("owner").unwrap_or("root"), text("group").unwrap_or("root"));
            Answer::Meta(Some(Meta { kind, mode, owner: owner.into(), group: group.into(), size }))
        };
        let not_a_file = |answer| if reads.is_some() { Answer::Content(None) } else { answer };
        if let Some(value) = self.given("file", path) {
            let content = value.get("content").and_then(Value::as_str).unwrap_or("");
            let size = value.get("size").and_then(Value::as_u64).unwrap_or(content.len() as u64);
            let digest = Content::from(content).digest();
            let digest = (value.get("unreadable") != Some(&Value::Bool(true))).then_some(digest);
            return Some(match reads {
                Some(secret) => Answer::Content(digest.map(|_| Content::new(content, secret))),
                None => meta(Kind::File { digest }, value, size, 0o644),
            });
        }
        if self.given("absent", path).is_some() {
            return Some(not_a_file(Answer::Meta(None)));
        }
        if let Some(value) = self.given("directory", path) {
            return Some(not_a_file(meta(Kind::Folder, value, 0, 0o755)));
        }
        if let Some(value) = self.given("link", path) {
            let target = value.as_str().expect("a link's target").to_string();
            return Some(not_a_file(meta(Kind::Link { target }, value, 0, 0o777)));
        }
        let other = self.given("other", path)?;
        Some(not_a_file(meta(Kind::Other, other, 0, 0o644)))
    }

    fn answer(&self, query: &Query) -> Option<Answer> {
        match query {
            Query::File { path } | Query::Read { path, .. } => self.about_path(path, query),
            Query::There { path } => match self.about_path(path, &Query::File { path: path.clone() })? {
                Answer::Meta(meta) => Some(Answer::There(meta.is_some())),
                other => Some(other),
            },
            Query::Stat { .. } => {
                let what = text::query(query);
                let value = self.given("stat", what.strip_prefix("stat ")?)?;
                Some(Answer::Stat((!value.is_null()).then(|| Box::new(stat(value)))))
            }
            Query::List { path } => {
                let value = self.given("names", path)?;
                Some(Answer::Names(value.as_array().map(|names| names.iter().map(string).collect())))
            }
            Query::User { name } => Some(Answer::User(match self.given("user", name)? {
                Value::Null => None,
                value => Some(user(name, value)),
            })),
            Query::Group { name } => {
                let gid = self.given("group", name)?.as_u64();
                Some(Answer::Group(gid.map(|gid| Group { name: name.clone(), gid: gid as u32 })))
            }
            Query::Ports { host, .. } => {
                let ports = self.given("ports", host)?.as_array().expect("a list of ports").iter();
                Some(Answer::Ports(ports.filter_map(|p| p.as_u64()?.try_into().ok()).collect()))
            }
            Query::Run(probe) => Some(output(self.given("output", &text::probe(probe))?)),
            // Nothing of a type: the engine asks it.
            Query::Record { .. } | Query::Owed { .. } | Query::UserOf { .. } | Query::GroupOf { .. } => None,
            Query::Job { id } => Some(output(self.given("job", id)?)),
            Query::Test(exec) => Some(output(self.given("test", &text::words(&exec.argv))?)),
        }
    }
}

impl Lookup for Answers {
    fn look(&self, query: &Query) -> Look {
        let about = text::query(query);
        let what = about.split_once(' ').map_or("", |(_, what)| what);
        if let Some(why) = self.given("unknown", what) {
            return Look::Unknown(string(why));
        }
        if let Some(why) = self.given("failed", what) {
            return Look::Known(Answer::Failed(string(why)));
        }
        self.answer(query).map_or(Look::NotAsked, Look::Known)
    }

    fn may_still_come(&self, _: &[Area]) -> bool {
        self.may_come
    }

    fn packages_may_bring(&self, _: &str) -> bool {
        self.may_come
    }

    /// Where the case has an answer that is for later tasks alone.
    fn packages_ahead(&self) -> PackagesAhead {
        let texts = |key: &str| {
            let list = self.given("apt", key).and_then(Value::as_array);
            list.map(|list| list.iter().map(string).collect()).unwrap_or_default()
        };
        let is_asked = self.given.keys().any(|key| key.starts_with("output apt-simulate install"));
        let moves = self.given("apt", "moves").is_some();
        let ahead = || AptAhead { names: texts("ahead"), options: texts("ahead options"), moves };
        if is_asked { PackagesAhead::Apt(ahead()) } else { PackagesAhead::Unasked }
    }
}

fn string(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn output(value: &Value) -> Answer {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("");
    let secret = value.get("secret") == Some(&Value::Bool(true));
    let stdout = value.as_str().unwrap_or_else(|| text("stdout"));
    Answer::Output(Output {
        code: value.get("code").and_then(Value::as_i64).unwrap_or(0) as i32,
        stdout: Content::new(stdout, secret),
        stderr: Content::new(text("stderr"), secret),
    })
}

fn stat(value: &Value) -> Stat {
    let text = |key: &str, default: &str| value.get(key).map_or_else(|| default.to_string(), string);
    let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(1);
    let maybe = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_string);
    let moving = Moving {
        uid: number("uid") as u32,
        gid: number("gid") as u32,
        size: number("size"),
        inode: 7,
        dev: 1,
        device_type: 0,
        nlink: 1,
        block_size: 4096,
        blocks: 8,
        atime: 0,
        mtime: 1_700_000_000_500_000_000,
        ctime: 0,
        readable: true,
        writable: true,
        executable: false,
        real: maybe("real"),
        checksum: maybe("checksum"),
    };
    Stat {
        kind: match text("kind", "file").as_str() {
            "file" => FileType::File,
            "directory" => FileType::Folder,
            "link" => FileType::Link { target: text("target", "") },
            other => panic!("no kind `{other}`"),
        },
        mode: u32::from_str_radix(&text("mode", "0644"), 8).expect("an octal mode"),
        owner: text("owner", "root"),
        group: text("group", "root"),
        moving: (value.get("predicted").is_none()).then_some(moving),
    }
}

fn user(name: &str, value: &Value) -> User {
    let text = |key: &str, default: &str| value.get(key).map_or_else(|| default.to_string(), string);
    let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(1000) as u32;
    let groups = value.get("groups").and_then(Value::as_array).cloned().unwrap_or_default();
    User {
        name: name.into(),
        uid: number("uid"),
        gid: number("gid"),
        group: text("group", name),
        home: text("home", &format!("/home/{name}")),
        shell: text("shell", "/bin/sh"),
        comment: text("comment", ""),
        groups: groups.iter().map(string).collect(),
    }
}
