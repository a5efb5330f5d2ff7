//! The text of an INI file: lines, of which only those that must change do.

use super::super::shared::{body, line_break};
use crate::resource::Fault;
use std::ops::Range;

/// What a file is to hold.
pub struct Wanted<'a> {
    /// `None`: before the first section.
    pub section: Option<&'a str>,
    pub options: Vec<Setting<'a>>,
    /// An option has no other lines than these.
    pub exclusive: bool,
    /// `=` in place of ` = `.
    pub tight: bool,
}

pub struct Setting<'a> {
    pub option: &'a str,
    /// One line each; `None`: just the option. Of an option that is to go, which of its lines.
    pub values: Vec<Option<&'a str>>,
    pub gone: bool,
}

/// The name in `[name]`.
fn section_of(line: &str) -> Option<&str> {
    let (name, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim();
    (rest.is_empty() || rest.starts_with(['#', ';'])).then_some(name)
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', ';'])
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Option and value of a line; no value: the option stands alone.
fn pair(line: &str) -> Option<(&str, Option<&str>)> {
    let line = line.trim();
    if line.is_empty() || is_comment(line) || section_of(line).is_some() {
        return None;
    }
    match line.split_once('=') {
        Some((option, value)) => Some((option.trim_end(), Some(value.trim_start()))),
        None => Some((line, None)),
    }
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

pub struct Ini {
    lines: Vec<String>,
    newline: &'static str,
}

impl Ini {
    pub fn new(text: &str) -> Self {
        let newline = line_break(text);
        Self { lines: text.split_inclusive('\n').map(String::from).collect(), newline }
    }

    pub fn text(self) -> String {
        self.lines.concat()
    }

    /// The lines of each section of this name, without its head. What stands above the next head and apart from this section's lines, a
    /// comment on what follows, is not of it.
    fn parts(&self, section: Option<&str>) -> Vec<Range<usize>> {
        let heads = self.lines.iter().enumerate().filter_map(|(at, line)| Some((at, section_of(line)?)));
        let heads: Vec<(usize, &str)> = heads.collect();
        let end_of = |number: usize| heads.get(number).map_or(self.lines.len(), |(at, _)| *at);
        let whole: Vec<Range<usize>> = match section {
            None => std::iter::once(0..end_of(0)).collect(),
            Some(name) => {
                let own = heads.iter().enumerate().filter(|(_, (_, found))| *found == name);
                own.map(|(number, (at, _))| at + 1..end_of(number + 1)).collect()
            }
        };
        whole.into_iter().map(|part| part.start..self.without_foreword(&part)).collect()
    }

    fn without_foreword(&self, part: &Range<usize>) -> usize {
        if part.end == self.lines.len() {
            return part.end;
        }
        let comments = (part.clone()).rev().take_while(|at| is_comment(&self.lines[*at])).count();
        let start = part.end - comments;
        let apart = start == part.start || is_blank(&self.lines[start - 1]);
        if comments > 0 && apart { start } else { part.end }
    }

    /// Removes all sections of this name.
    pub fn remove_section(&mut self, name: &str) {
        for part in self.parts(Some(name)).into_iter().rev() {
            self.lines.drain(part.start - 1..part.end);
        }
    }

    pub fn set(&mut self, wanted: &Wanted) -> Result<(), Fault> {
        for setting in &wanted.options {
            match setting.gone {
                true => self.remove(wanted, setting)?,
                false => self.put(wanted, setting)?,
            }
        }
        let there = wanted.options.iter().any(|setting| !setting.gone) || wanted.options.is_empty();
        if let (Some(name), true) = (wanted.section, there) {
            self.section(name);
        }
        Ok(())
    }

    /// Lines of an option, with their values.
    fn found(&self, section: Option<&str>, option: &str) -> Vec<(usize, Option<String>)> {
        let lines = self.parts(section).into_iter().flatten();
        let own = lines.filter_map(|at| {
            let (name, value) = pair(&self.lines[at])?;
            (name == option).then(|| (at, value.map(String::from)))
        });
        own.collect()
    }

    fn remove(&mut self, wanted: &Wanted, setting: &Setting) -> Result<(), Fault> {
        let all = wanted.exclusive || setting.values.is_empty();
        let goes = |value: &Option<String>| all || setting.values.contains(&value.as_deref());
        for (at, _) in self.found(wanted.section, setting.option).iter().rev().filter(|(_, v)| goes(v)) {
            self.is_one_line(*at, setting.option)?;
            self.lines.remove(*at);
        }
        Ok(())
    }

    fn put(&mut self, wanted: &Wanted, setting: &Setting) -> Result<(), Fault> {
        let mut spare = self.found(wanted.section, setting.option);
        let last = spare.last().map(|(at, _)| *at);
        let mut missing = vec![];
        for value in &setting.values {
            match spare.iter().position(|(_, found)| found.as_deref() == *value) {
                Some(there) => drop(spare.remove(there)),
                None => missing.push(*value),
            }
        }
        let mut missing = missing.into_iter();
        let mut extra = vec![];
        if wanted.exclusive {
            for (at, _) in spare {
                self.is_one_line(at, setting.option)?;
                match missing.next() {
                    Some(value) => {
                        let indent = indent(&self.lines[at]).to_string();
                        let end = self.lines[at][body(&self.lines[at]).len()..].to_string();
                        self.lines[at] = format!("{indent}{}{end}", line(wanted, setting.option, value));
                    }
                    None => extra.push(at),
                }
            }
        }
        let mut place = last.map(|at| at + 1);
        let removed_before = extra.iter().filter(|at| place.is_some_and(|place| **at < place)).count();
        for at in extra.into_iter().rev() {
            self.lines.remove(at);
        }
        place = place.map(|place| place - removed_before);
        for value in missing {
            let (at, indent) = match place {
                Some(at) => (at, indent(&self.lines[at - 1]).to_string()),
                None => self.new_place(wanted.section, setting.option),
            };
            self.insert(at, &format!("{indent}{}", line(wanted, setting.option, value)));
            place = Some(at + 1);
        }
        Ok(())
    }

    /// Where an option that is not there goes, and its indentation: below the last line in which it is commented out, else at the end of
    /// its section, which is made if it is missing.
    fn new_place(&mut self, section: Option<&str>, option: &str) -> (usize, String) {
        if let Some(name) = section {
            self.section(name);
        }
        let parts = self.parts(section);
        let inactive = |at: &usize| {
            let line = self.lines[*at].trim_start();
            is_comment(line)
                && pair(line.trim_start_matches(['#', ';'])).is_some_and(|(name, _)| name == option)
        };
        let commented = parts.iter().cloned().flatten().rfind(inactive);
        let part = parts.last().cloned().unwrap_or(0..0);
        let end = part.clone().rev().find(|at| !is_blank(&self.lines[*at])).map_or(part.start, |at| at + 1);
        let like = part.rev().find(|at| pair(&self.lines[*at]).is_some());
        let indent = like.map_or("", |at| indent(&self.lines[at])).to_string();
        (commented.map_or(end, |at| at + 1), indent)
    }

    /// Makes sure that there is a section of this name.
    fn section(&mut self, name: &str) {
        if !self.parts(Some(name)).is_empty() {
            return;
        }
        if self.lines.last().is_some_and(|line| !is_blank(line)) {
            self.insert(self.lines.len(), "");
        }
        self.insert(self.lines.len(), &format!("[{name}]"));
    }

    fn insert(&mut self, at: usize, line: &str) {
        if let Some(above) =
            at.checked_sub(1).map(|at| &mut self.lines[at]).filter(|line| !line.ends_with('\n'))
        {
            above.push_str(self.newline);
        }
        self.lines.insert(at, format!("{line}{}", self.newline));
    }

    /// Refuses to change a value that goes on in the next line: what that belongs to, each program says for itself.
    fn is_one_line(&self, at: usize, option: &str) -> Result<(), Fault> {
        let line = &self.lines[at];
        let Some(next) = self.lines.get(at + 1).filter(|next| !is_blank(next)) else { return Ok(()) };
        let deeper =
            indent(next).len() > indent(line).len() && !is_comment(next) && section_of(next).is_none();
        if deeper || body(line).ends_with(" \\") {
            let option = option.escape_debug();
            let fault = Fault::new(format!("the value of `{option}` goes on in line {}", at + 2));
            return Err(fault.hint("write it in one line by hand first, or the whole file with `template`"));
        }
        Ok(())
    }
}

fn line(wanted: &Wanted, option: &str, value: Option<&str>) -> String {
    match value {
        None => option.into(),
        Some("") if !wanted.tight => format!("{option} ="),
        Some(value) if wanted.tight => format!("{option}={value}"),
        Some(value) => format!("{option} = {value}"),
    }
}
