//! Patterns: `web`, `web:db`, `web,&staging,!web3`, `vm*`, `~vm\d+`, `web[0]`, `web[1:3]`; for `--limit` also `@FILE`.

use super::tree::ALL;
use super::{Host, Inventory, LOCALHOST};
use crate::diag::Diagnostic;
use crate::model::Origin;
use indexmap::IndexSet;
use regex::Regex;

impl Inventory {
    /// The hosts a play's `hosts:` stands for, each once. A group without hosts gives none; `origin` is where the
    /// pattern is written.
    ///
    /// # Errors
    /// When a part of the pattern is neither a host nor a group, or matches none.
    pub fn select(&self, pattern: &str, origin: &Origin) -> Result<Vec<&Host>, Diagnostic> {
        let parts = self.split(pattern);
        if parts.is_empty() {
            return Err(Diagnostic::error("the pattern for hosts is empty").at(origin).hint("write `all`"));
        }
        // First what adds, then what must be in, then what must be out: the order they are written in is no matter.
        let starting = |sign: char| parts.iter().filter_map(move |part| part.strip_prefix(sign));
        let mut chosen = IndexSet::new();
        let mut adds = parts.iter().filter(|part| !part.starts_with(['&', '!'])).peekable();
        if adds.peek().is_none() {
            chosen.extend(self.one(ALL, origin)?);
        }
        for part in adds {
            chosen.extend(self.one(part, origin)?);
        }
        for part in starting('&') {
            let wanted = self.one(part, origin)?;
            chosen.retain(|name| wanted.contains(name));
        }
        for part in starting('!') {
            let unwanted = self.one(part, origin)?;
            chosen.retain(|name| !unwanted.contains(name));
        }
        Ok(chosen.into_iter().filter_map(|name| self.host(name)).collect())
    }

    /// As [`Self::select`], for `--limit`: `@FILE` stands for what is in a file, and that nothing is left is an error.
    ///
    /// # Errors
    /// As [`Self::select`], when a file cannot be read, and when no host is left.
    pub fn limit(&self, pattern: &str, origin: &Origin) -> Result<Vec<&Host>, Diagnostic> {
        let hosts = self.select(&with_files(pattern, origin)?, origin)?;
        if hosts.is_empty() {
            let error = Diagnostic::error(format!("`{pattern}` matches no host")).at(origin);
            return Err(error.hint("parts with `!` take hosts away, parts with `&` keep only those in both"));
        }
        Ok(hosts)
    }

    /// At commas; without any, at colons outside of brackets, unless the whole is a name (IPv6).
    fn split<'p>(&self, pattern: &'p str) -> Vec<&'p str> {
        let mut depth = 0;
        let commas = pattern.contains(',');
        let separator = |c: char| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            depth <= 0 && if commas { c == ',' } else { c == ':' }
        };
        let whole = self.hosts.contains_key(pattern) || pattern.starts_with('~') && !commas;
        let parts = if whole { vec![pattern] } else { pattern.split(separator).collect() };
        parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
    }

    /// The hosts of one part without its sign.
    fn one(&self, part: &str, origin: &Origin) -> Result<IndexSet<&str>, Diagnostic> {
        if let Some(found) = self.named(part) {
            return Ok(found);
        }
        let fault = |message: String| Diagnostic::error(message).at(origin);
        if let Some(expression) = part.strip_prefix('~') {
            let regex = Regex::new(&format!("^(?:{expression})"));
            let regex = regex.map_err(|error| {
                let error = error.to_string();
                let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
                fault(format!("bad regular expression `{expression}`"))
                    .cause(why)
                    .hint("behind a `~` stands a regular expression")
            })?;
            return self.matching(&regex).ok_or_else(|| self.unknown(part, origin));
        }
        let (base, subscript) = split_subscript(part);
        let found = match self.named(base) {
            Some(found) => Some(found),
            None if base.contains(['*', '?', '[']) => self.matching(&glob(base)),
            None => None,
        };
        let found = found.ok_or_else(|| self.unknown(base, origin))?;
        let Some((first, last)) = subscript else { return Ok(found) };
        let count = found.len();
        let index = |number: i64| if number < 0 { count as i64 + number } else { number };
        let range = usize::try_from(index(first)).ok().zip(usize::try_from(index(last)).ok());
        let range = range.filter(|(first, last)| first <= last && *first < count);
        let (first, last) = range.ok_or_else(|| {
            fault(format!("`{part}` matches no host")).cause(format!(
                "`{base}` has {count} host{}, counted from 0",
                if count == 1 { "" } else { "s" }
            ))
        })?;
        Ok(found.into_iter().skip(first).take(last - first + 1).collect())
    }

    fn named(&self, name: &str) -> Option<IndexSet<&str>> {
        if let Some(hosts) = self.groups.get(name) {
            return Some(hosts.iter().map(String::as_str).collect());
        }
        self.host(name).map(|host| IndexSet::from([host.name.as_str()]))
    }

    /// Hosts whose name matches, or with a group whose name matches; `None` when no name does.
    fn matching(&self, regex: &Regex) -> Option<IndexSet<&str>> {
        let mut known = false;
        let mut found = IndexSet::new();
        for (group, hosts) in self.groups.iter().filter(|(name, _)| regex.is_match(name)) {
            // `ungrouped` is always there; that it has no hosts says nothing about the pattern.
            known |= group != super::UNGROUPED;
            found.extend(hosts.iter().map(String::as_str));
        }
        found.extend(self.hosts.keys().map(String::as_str).filter(|name| regex.is_match(name)));
        (known || !found.is_empty()).then_some(found)
    }

    fn unknown(&self, part: &str, origin: &Origin) -> Diagnostic {
        let what = if part.contains(['*', '?', '[', '~']) {
            format!("`{part}` matches no host and no group")
        } else {
            format!("no host or group is named `{part}`")
        };
        let names = self.hosts.keys().chain(self.groups.keys()).map(String::as_str).chain([LOCALHOST]);
        let error =
            Diagnostic::error(what).at(origin).cause(format!("the inventory is {}", self.path.display()));
        let some: Vec<String> = names.clone().take(13).map(|name| format!("`{name}`")).collect();
        let more = if some.len() > 12 { ", ..." } else { "" };
        error.hint(format!("there are: {}{more}", some[..some.len().min(12)].join(", "))).suggest(part, names)
    }
}

/// The pattern with what stands in each `@FILE` in its place: a host or a pattern on each line.
fn with_files(pattern: &str, origin: &Origin) -> Result<String, Diagnostic> {
    let mut parts = vec![];
    for part in pattern.split(',') {
        let Some(path) = part.trim().strip_prefix('@') else {
            parts.push(part.to_owned());
            continue;
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::error(format!("cannot read the hosts in {path}")).at(origin).cause(error)
        })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let before = parts.len();
        parts.extend(lines.map(str::to_owned));
        if parts.len() == before {
            let error = Diagnostic::error(format!("no host stands in {path}")).at(origin);
            return Err(error.hint("write a host or a pattern on each line"));
        }
    }
    Ok(parts.join(","))
}

/// `web[1:3]`, `web[0]`, `web[-1]`, `web[2:]`: both ends count.
fn split_subscript(part: &str) -> (&str, Option<(i64, i64)>) {
    let parsed = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')).and_then(|(base, inner)| {
        let range = match inner.split_once(':') {
            None => inner.parse().ok().map(|one| (one, one)),
            Some((first, "")) => first.parse().ok().map(|first| (first, -1)),
            Some((first, last)) => first.parse().ok().zip(last.parse().ok()),
        };
        Some((base, range?))
    });
    match parsed {
        Some((base, range)) if !base.is_empty() => (base, Some(range)),
        _ => (part, None),
    }
}

/// A shell's glob as a regular expression: `*`, `?`, `[abc]`, `[!abc]`.
fn glob(pattern: &str) -> Regex {
    let mut text = String::from("^");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            '[' => match rest.split_once(']') {
                Some((set, after)) if !set.is_empty() && set != "!" => {
                    let (not, set) = set.strip_prefix('!').map_or(("", set), |set| ("^", set));
                    let set: String = set
                        .chars()
                        .map(|c| if c == '-' { "-".into() } else { regex::escape(&c.to_string()) })
                        .collect();
                    text.push_str(&format!("[{not}{set}]"));
                    rest = after;
                }
                _ => text.push_str("\\["),
            },
            other => text.push_str(&regex::escape(&other.to_string())),
        }
    }
    text.push('$');
    // A backwards set such as `[z-a]` is no expression; then the pattern means itself.
    Regex::new(&text).unwrap_or_else(|_| {
        Regex::new(&format!("^{}$", regex::escape(pattern))).expect("an escaped text is an expression")
    })
}
