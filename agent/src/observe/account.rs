//! Accounts: the files first, `getent` where the host has other sources.

use crate::child;
use crate::wire::{Group, User};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::time::Duration;

/// Names and numbers of users and groups, read once.
#[derive(Default)]
pub struct Names {
    passwd: OnceCell<String>,
    group: OnceCell<String>,
    owners: HashMap<u32, String>,
    owning_groups: HashMap<u32, String>,
    /// `passwd` or `group` database and key, to the line that `getent` printed.
    elsewhere: HashMap<(&'static str, String), Option<String>>,
}

/// A line of fields, found by its first field (name) or third (number).
fn find<'a>(text: &'a str, key: &str, column: usize) -> Option<&'a str> {
    text.lines().find(|line| line.split(':').nth(column) == Some(key))
}

fn field(line: &str, column: usize) -> &str {
    line.split(':').nth(column).unwrap_or_default()
}

impl Names {
    fn passwd(&self) -> &str {
        self.passwd.get_or_init(|| std::fs::read_to_string("/etc/passwd").unwrap_or_default())
    }

    fn groups(&self) -> &str {
        self.group.get_or_init(|| std::fs::read_to_string("/etc/group").unwrap_or_default())
    }

    fn line(&mut self, database: &'static str, key: &str, column: usize) -> Option<String> {
        let text = if database == "passwd" { self.passwd() } else { self.groups() };
        if let Some(line) = find(text, key, column) {
            return Some(line.to_string());
        }
        let ask = |_: &(&'static str, String)| {
            let output = child::probe(&["getent", database, "--", key], None, Duration::from_secs(10));
            let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
            // getent takes a number for a name: what came back must be what was asked for.
            text.lines()
                .next()
                .filter(|line| output.code == 0 && field(line, column) == key)
                .map(str::to_string)
        };
        if !other_sources(database) {
            return None;
        }
        let key_pair = (database, format!("{column}:{key}"));
        if let Some(known) = self.elsewhere.get(&key_pair) {
            return known.clone();
        }
        let found = ask(&key_pair);
        self.elsewhere.insert(key_pair, found.clone());
        found
    }

    /// Owner's name, or the number when it has none.
    pub fn owner(&mut self, uid: u32) -> String {
        if let Some(name) = self.owners.get(&uid) {
            return name.clone();
        }
        let number = uid.to_string();
        let name = self.line("passwd", &number, 2).map_or(number, |line| field(&line, 0).to_string());
        self.owners.entry(uid).or_insert(name).clone()
    }

    pub fn owning_group(&mut self, gid: u32) -> String {
        if let Some(name) = self.owning_groups.get(&gid) {
            return name.clone();
        }
        let number = gid.to_string();
        let name = self.line("group", &number, 2).map_or(number, |line| field(&line, 0).to_string());
        self.owning_groups.entry(gid).or_insert(name).clone()
    }

    pub fn uid(&mut self, name: &str) -> Result<u32, String> {
        let line = self.line("passwd", name, 0);
        let number = line.as_deref().map_or(name, |line| field(line, 2));
        number.parse().map_err(|_| format!("there is no user `{name}`"))
    }

    pub fn gid(&mut self, name: &str) -> Result<u32, String> {
        let line = self.line("group", name, 0);
        let number = line.as_deref().map_or(name, |line| field(line, 2));
        number.parse().map_err(|_| format!("there is no group `{name}`"))
    }

    pub fn user(&mut self, name: &str) -> Result<Option<User>, String> {
        let Some(line) = self.line("passwd", name, 0) else { return Ok(None) };
        let number = |column| {
            field(&line, column)
                .parse::<u32>()
                .map_err(|_| format!("the passwd entry of `{name}` is damaged"))
        };
        let (uid, gid) = (number(2)?, number(3)?);
        let member = |line: &&str| field(line, 3).split(',').any(|member| member == name);
        let mut groups: Vec<String> =
            self.groups().lines().filter(member).map(|line| field(line, 0).to_string()).collect();
        groups.sort_unstable();
        groups.dedup();
        Ok(Some(User {
            name: name.to_string(),
            uid,
            gid,
            group: self.owning_group(gid),
            comment: field(&line, 4).to_string(),
            home: field(&line, 5).to_string(),
            shell: field(&line, 6).to_string(),
            groups,
        }))
    }

    pub fn group(&mut self, name: &str) -> Result<Option<Group>, String> {
        let Some(line) = self.line("group", name, 0) else { return Ok(None) };
        let gid = field(&line, 2).parse().map_err(|_| format!("the group entry of `{name}` is damaged"))?;
        Ok(Some(Group { name: name.to_string(), gid }))
    }

    pub fn user_of(&mut self, uid: u32) -> Result<Option<User>, String> {
        let line = self.line("passwd", &uid.to_string(), 2);
        line.map_or(Ok(None), |line| self.user(field(&line, 0)))
    }

    pub fn group_of(&mut self, gid: u32) -> Result<Option<Group>, String> {
        let line = self.line("group", &gid.to_string(), 2);
        line.map_or(Ok(None), |line| self.group(field(&line, 0)))
    }
}

/// Whether nsswitch.conf names a source of accounts other than the files: only then is `getent` worth a process.
fn other_sources(database: &str) -> bool {
    let text = std::fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    text.lines().filter_map(|line| line.trim().strip_prefix(database)?.trim_start().strip_prefix(':')).any(
        |line| {
            line.split_whitespace()
                .any(|source| !matches!(source, "files" | "compat") && !source.starts_with('['))
        },
    )
}
