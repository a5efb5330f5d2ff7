//! Ansible's INI form: `[group]` with a host on each line, `[group:vars]`, `[group:children]`.
//!
//! Source: the documentation of Ansible's `ansible.builtin.ini` inventory plugin, and its behaviour.

use super::literal;
use super::tree::{Tree, Vars};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Origin, Source};
use crate::yaml::Node;
use indexmap::{IndexMap, IndexSet};
use std::ops::Range;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Vars,
    Children,
}

/// Adds what a file in this form says.
pub(super) fn read(source: &Arc<Source>, tree: &mut Tree, errors: &mut Diagnostics) {
    let known = tree.groups.keys().cloned().chain([super::tree::UNGROUPED.to_owned()]).collect();
    let mut reader = Reader {
        source,
        tree,
        errors,
        known,
        wanted: IndexMap::new(),
        group: super::tree::UNGROUPED.to_owned(),
        section: Section::Hosts,
        is_over: false,
    };
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        reader.line(start, line);
        start += line.len();
    }
    reader.finish();
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    tree: &'a mut Tree,
    errors: &'a mut Diagnostics,
    /// Groups that there are: of the files before, and those with a section for hosts or for children.
    known: IndexSet<String>,
    /// Groups that must be declared somewhere, with what named them first.
    wanted: IndexMap<String, (Origin, String)>,
    group: String,
    section: Section,
    /// It is another form: nothing more is to be said.
    is_over: bool,
}

impl Reader<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        Origin { source: self.source.clone(), span }
    }

    fn line(&mut self, start: usize, whole: &str) {
        if self.is_over {
            return;
        }
        let line = whole.trim();
        let start = start + (whole.len() - whole.trim_start().len());
        if line.is_empty() || line.starts_with([';', '#']) {
            return;
        }
        let origin = self.origin(start..start + line.len());
        if line.starts_with('[') && self.header(line, start, &origin) {
            return;
        }
        match self.section {
            Section::Hosts => self.host(line, start, &origin),
            Section::Vars => self.variable(line, start, &origin),
            Section::Children => self.child(line, start, &origin),
        }
    }

    /// `[name]`, `[name:vars]`, `[name:children]`, with a comment behind it. `false`: a line that only begins like one.
    fn header(&mut self, line: &str, start: usize, origin: &Origin) -> bool {
        let Some((inside, behind)) = line[1..].split_once(']') else {
            self.errors
                .push(Diagnostic::error("`[` without `]`").at(origin).hint("a section is written [GROUP]"));
            return true;
        };
        let behind = behind.trim_start();
        if !behind.is_empty() && !behind.starts_with('#') {
            // A host range may stand first: `[a:c].example.org`.
            return false;
        }
        let (name, kind) = inside.split_once(':').map_or((inside, "hosts"), |(name, kind)| (name, kind));
        self.section = match kind {
            "hosts" => Section::Hosts,
            "vars" => Section::Vars,
            "children" => Section::Children,
            other => {
                let error = Diagnostic::error(format!("unknown kind of section `{other}`")).at(origin);
                let known = ["vars", "children", "hosts"];
                let error = error.hint("write [GROUP], [GROUP:vars] or [GROUP:children]");
                self.errors.push(error.suggest(other, known));
                Section::Hosts
            }
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            let error = Diagnostic::error("a group's name is one word").at(origin);
            self.errors.push(error.hint("write for example [web_servers]"));
        }
        let place = self.origin(start + 1..start + 1 + name.len());
        if self.section == Section::Vars {
            self.want(name, &place, format!("its variables are set in [{name}:vars]"));
        } else {
            self.known.insert(name.to_owned());
            self.tree.group(name, &place);
        }
        name.clone_into(&mut self.group);
        true
    }

    fn want(&mut self, name: &str, place: &Origin, why: String) {
        self.wanted.entry(name.to_owned()).or_insert_with(|| (place.clone(), why));
    }

    fn child(&mut self, line: &str, start: usize, origin: &Origin) {
        let name = line.split('#').next().unwrap_or_default().trim_end();
        if name.contains(|c: char| c.is_whitespace() || ":]=".contains(c)) {
            let error = Diagnostic::error(format!("`{name}` cannot be the name of a group")).at(origin);
            let hint = format!("below [{}:children] stands one group on each line", self.group);
            return self.errors.push(error.hint(hint));
        }
        let place = self.origin(start..start + name.len());
        self.want(name, &place, format!("it is listed in [{}:children]", self.group));
        self.tree.group(name, &place);
        self.tree.group(&self.group, &place).children.insert(name.to_owned());
    }

    /// `name = value`: the value is all that follows, quotes and comments included, unless it is a literal.
    fn variable(&mut self, line: &str, start: usize, origin: &Origin) {
        let Some((name, value)) = line.split_once('=') else {
            let error = Diagnostic::error("expected `name=value`").at(origin);
            let hint = format!("below [{}:vars] stands one variable on each line", self.group);
            return self.errors.push(error.hint(hint));
        };
        let at = start + name.len() + 1 + (value.len() - value.trim_start().len());
        let (name, value) = (name.trim_end(), value.trim());
        let key = self.origin(start..start + name.len());
        let node = Node::from_json(&literal::value(value), &self.origin(at..at + value.len()));
        self.tree.set_group_var(&self.group, name, &key, &node, self.errors);
    }

    /// `name[:port] variable=value ...`, in a shell's quotes.
    fn host(&mut self, line: &str, start: usize, origin: &Origin) {
        let words = match words(line) {
            Ok(words) => words,
            Err(cause) => {
                let error = Diagnostic::error("this line is no host").at(origin).cause(cause);
                return self
                    .errors
                    .push(error.hint("write: name variable=value variable='a value with spaces'"));
            }
        };
        let Some((host, rest)) = words.split_first() else { return };
        if host.text.ends_with(':') {
            let error = Diagnostic::error("this line is YAML, and the file is read as INI").at(origin);
            self.errors.push(error.hint("give the file a name that ends with .yml"));
            self.is_over = true;
            return;
        }
        let place = |word: &Word| Origin {
            source: self.source.clone(),
            span: start + word.span.start..start + word.span.end,
        };
        let mut vars = Vars::new();
        for word in rest {
            let Some((name, value)) = word.text.split_once('=') else {
                let error =
                    Diagnostic::error(format!("expected `variable=value` behind the host `{}`", host.text));
                let error =
                    error.at(&place(word)).hint("no spaces around `=`; quotes around a value with spaces");
                self.errors.push(error);
                break;
            };
            if word.is_cut {
                let warning = Diagnostic::lint(
                    "value-cut-by-comment",
                    format!("the value of `{name}` ends at the `#`: a comment begins there"),
                );
                self.errors.push(warning.at(&place(word)).hint("write quotes around the value"));
            }
            vars.insert(name.to_owned(), Node::from_json(&literal::value(value), &place(word)));
        }
        let (host, place) = (host.text.clone(), place(host));
        self.tree.add_hosts(&self.group, &host, &place, vars, self.errors);
    }

    fn finish(self) {
        for (name, (place, why)) in self.wanted {
            if self.known.contains(&name) {
                continue;
            }
            let error = Diagnostic::error(format!("no group is named `{name}`")).at(&place).cause(why);
            let known = self.known.iter().map(String::as_str);
            self.errors.push(error.hint(format!("declare it: [{name}]")).suggest(&name, known));
        }
    }
}

struct Word {
    text: String,
    span: Range<usize>,
    /// A comment begins inside of it.
    is_cut: bool,
}

/// Words as Python's `shlex.split` with comments takes them: quotes, backslashes, and a `#` anywhere outside of quotes ends the line.
///
/// # Errors
/// When a quote is not closed.
fn words(line: &str) -> Result<Vec<Word>, &'static str> {
    let mut words = vec![];
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut characters = line.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        if quote.is_none() && c == '#' {
            if let Some(word) = &mut word {
                word.is_cut = true;
            }
            break;
        }
        let current = word.get_or_insert_with(|| Word { text: String::new(), span: at..at, is_cut: false });
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '\\') => current.text.push(characters.next().ok_or("nothing follows the backslash")?.1),
            (Some('"'), '\\') => match characters.peek() {
                Some((_, next @ ('"' | '\\'))) => {
                    current.text.push(*next);
                    characters.next();
                }
                _ => current.text.push('\\'),
            },
            (_, c) => current.text.push(c),
        }
        current.span.end = characters.peek().map_or(line.len(), |(next, _)| *next);
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    words.extend(word);
    Ok(words)
}
