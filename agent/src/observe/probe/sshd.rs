//! What sshd will make of its configuration when one of its files is another one. The first line that names an option wins.

use super::{SOON, output};
use crate::child::{probe, which};
use crate::observe::private::Folder;
use crate::secret::Content;
use crate::wire::Output;
use std::fs;

const MAIN: &str = "/etc/ssh/sshd_config";
const FOLDER: &str = "/etc/ssh/sshd_config.d";

/// The keyword of a line, in lower case, and the rest.
fn option(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=')?;
    let rest = line[end..].trim_start_matches(|c: char| c.is_whitespace() || c == '=');
    (!line.starts_with('#')).then(|| (line[..end].to_ascii_lowercase(), rest))
}

/// Whether a pattern of `Include` is of the folder: what of it.
fn of_folder(pattern: &str) -> Option<&str> {
    let plain = pattern.trim_matches('"');
    let name = plain.strip_prefix(FOLDER).or_else(|| plain.strip_prefix("sshd_config.d"));
    name.filter(|name| name.starts_with('/'))
}

/// Whether the main file reads those of the folder.
fn includes(main: &str) -> bool {
    let is_one = |(keyword, patterns): (String, &str)| {
        keyword == "include" && patterns.split_whitespace().any(|pattern| of_folder(pattern).is_some())
    };
    main.lines().filter_map(option).any(is_one)
}

/// Leads what the main file includes from the folder to copies.
fn redirect(main: &str, copies: &str) -> String {
    let line = |line: &str| match option(line) {
        Some((keyword, patterns)) if keyword == "include" => {
            let lead = |pattern: &str| {
                of_folder(pattern).map_or_else(|| pattern.to_string(), |name| format!("{copies}{name}"))
            };
            let patterns: Vec<String> = patterns.split_whitespace().map(lead).collect();
            format!("Include {}\n", patterns.join(" "))
        }
        _ => format!("{line}\n"),
    };
    main.lines().map(line).collect()
}

/// Lines that name one of the options before the first `Match`: `FILE:LINE<tab>keyword value`.
fn named(file: &str, text: &str, keys: &[String]) -> Vec<String> {
    let lines = text.lines().enumerate().filter_map(|(at, line)| Some((at + 1, option(line)?)));
    lines
        .take_while(|(_, (keyword, _))| keyword != "match")
        .filter(|(_, (keyword, _))| keys.contains(keyword))
        .map(|(at, (keyword, value))| format!("{file}:{at}\t{keyword} {value}"))
        .collect()
}

/// A whole configuration in a private folder.
struct Copy {
    folder: Folder,
    main: String,
}

impl Copy {
    fn make(head: &str, main: &str, files: &[(String, String)]) -> Result<Self, String> {
        let folder = Folder::make("sshd")?;
        let copies = folder.path.join("d");
        fs::create_dir(&copies).map_err(crate::reason)?;
        for (name, text) in files {
            folder.write(&format!("d/{name}"), text.as_bytes())?;
        }
        let text = format!("{head}\n{}", redirect(main, &copies.to_string_lossy()));
        let main = folder.write("sshd_config", text.as_bytes())?;
        Ok(Self { folder, main })
    }

    fn ask(&self, keys: &[String]) -> Output {
        effective(Some(&self.main), keys, &self.folder.path.to_string_lossy())
    }
}

/// What `sshd -T` says of these options, in order; with the folder of copies left out.
fn effective(main: Option<&str>, keys: &[String], folder: &str) -> Output {
    let argv = ["sshd", "-T"].into_iter().chain(main.map(|_| "-f")).chain(main);
    let mut said = probe(&argv.collect::<Vec<_>>(), None, SOON);
    let text = String::from_utf8_lossy(said.stdout.bytes()).into_owned();
    let known = |line: &&str| keys.iter().any(|key| line.split(' ').next() == Some(key));
    let mut lines: Vec<&str> = text.lines().filter(known).collect();
    lines.sort_unstable();
    said.stdout = Content::new(lines.join("\n"), false);
    let errors = String::from_utf8_lossy(said.stderr.bytes()).replace('\r', "");
    let errors = errors.replace(&format!("{folder}/d"), FOLDER).replace(&format!("{folder}/"), "/etc/ssh/");
    said.stderr = Content::new(errors, false);
    said
}

pub fn sshd(name: &str, content: Option<&str>, keys: &[String]) -> Result<Output, String> {
    if which("sshd").is_none() {
        return Ok(output(127, ""));
    }
    let main = fs::read_to_string(MAIN).unwrap_or_default();
    let mut others: Vec<(String, String)> = vec![];
    for entry in fs::read_dir(FOLDER).into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.ends_with(".conf") && file != name {
            let text =
                fs::read_to_string(entry.path()).map_err(|e| format!("{file}: {}", crate::reason(e)))?;
            others.push((file, text));
        }
    }
    others.sort_unstable();
    let mut files = others.clone();
    files.extend(content.map(|content| (name.to_string(), content.to_string())));
    let then = Copy::make("", &main, &files)?.ask(keys);
    if then.code != 0 {
        return Ok(then);
    }
    let first = Copy::make(content.unwrap_or_default(), &main, &others)?.ask(keys);
    let now = effective(None, keys, "/nowhere");
    let mut lines: Vec<String> = vec![];
    for (when, said) in [("now", &now), ("then", &then), ("first", &first)] {
        let text = String::from_utf8_lossy(said.stdout.bytes()).into_owned();
        lines.extend(text.lines().map(|line| format!("{when}\t{line}")));
    }
    if !includes(&main) {
        lines.push(format!("unread\t{MAIN}"));
    }
    let paths = others.iter().map(|(file, text)| (format!("{FOLDER}/{file}"), text));
    for (path, text) in paths.chain([(MAIN.to_string(), &main)]) {
        lines.extend(named(&path, text, keys).into_iter().map(|line| format!("other\t{line}")));
    }
    Ok(output(0, lines.join("\n") + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "# Port 1\nInclude /etc/ssh/sshd_config.d/*.conf /etc/x\ninclude \"sshd_config.d/a.conf\"\nPort=22\n\
                        PasswordAuthentication   no\nMatch User x\n  PasswordAuthentication yes\n";

    #[test]
    fn files_of_the_folder_are_read_from_copies() {
        assert_eq!(
            redirect(MAIN, "/run/c/d").lines().skip(1).take(3).collect::<Vec<_>>(),
            ["Include /run/c/d/*.conf /etc/x", "Include /run/c/d/a.conf", "Port=22"]
        );
    }

    #[test]
    fn a_file_that_includes_none_is_told() {
        assert!(includes(MAIN));
        assert!(!includes("#Include /etc/ssh/sshd_config.d/*.conf\nInclude /etc/ssh/other.d/*\nPort 22\n"));
    }

    #[test]
    fn lines_of_others_are_named_by_their_place() {
        let keys = ["port".to_string(), "passwordauthentication".to_string()];
        assert_eq!(named("/m", MAIN, &keys), ["/m:4\tport 22", "/m:5\tpasswordauthentication no"]);
    }
}
