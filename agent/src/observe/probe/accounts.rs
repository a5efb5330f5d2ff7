//! Who logs in, what sudo lets them do, and what cron does for them.

use super::{SOON, output};
use crate::child::probe;
use crate::observe::Names;
use crate::secret::Content;
use crate::wire::Output;
use std::fs;

/// sudo and doas say who has called them.
pub fn login_user() -> Output {
    let named = |key| std::env::var(key).ok().filter(|name| !name.is_empty());
    let own = || Names::default().owner(rustix::process::geteuid().as_raw());
    let name = named("SUDO_USER").or_else(|| named("DOAS_USER")).unwrap_or_else(own);
    output(0, name + "\n")
}

const SUDOERS: &str = "/etc/sudoers";
const FOLDER: &str = "/etc/sudoers.d";

pub fn sudoers(name: &str, content: &Content) -> Output {
    let main = fs::read_to_string(SUDOERS).unwrap_or_default();
    let listed = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let mut others: Vec<String> =
        listed.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    others.retain(|other| other != name && !other.contains('.') && !other.ends_with('~'));
    others.sort_unstable();
    let text = whole_sudoers(content.bytes(), &main, &others);
    let mut said = probe(&["visudo", "-c", "-f", "-"], Some(&text), SOON);
    let secret = content.is_secret();
    said.stdout = Content::new(said.stdout.bytes(), secret);
    said.stderr = Content::new(said.stderr.bytes(), secret);
    said
}

/// The content first, so that its lines have their own numbers; then the rest, with the other files of the folder one by one.
fn whole_sudoers(content: &[u8], main: &str, others: &[String]) -> Vec<u8> {
    let mut text = content.to_vec();
    text.push(b'\n');
    for line in main.lines() {
        let directive = line.trim_start().strip_prefix(['@', '#']);
        let folder = directive.and_then(|rest| rest.strip_prefix("includedir")).map(str::trim);
        if folder.is_some_and(|folder| folder.trim_matches('"').trim_end_matches('/') == FOLDER) {
            for other in others {
                let quoted = other.replace('\\', "\\\\").replace('"', "\\\"");
                text.extend(format!("@include \"{FOLDER}/{quoted}\"\n").as_bytes());
            }
        } else {
            text.extend(line.as_bytes());
            text.push(b'\n');
        }
    }
    text
}

pub fn crontab(user: Option<&str>) -> Output {
    let mut argv = vec!["crontab", "-l"];
    if let Some(user) = user {
        argv.extend(["-u", user]);
    }
    let mut said = probe(&argv, None, SOON);
    said.stdout = Content::new(said.stdout.bytes(), true);
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudoers_are_put_together_as_sudo_reads_them() {
        let main =
            "Defaults env_reset\n#includedir /etc/other\n  @includedir \"/etc/sudoers.d/\"\n%sudo ALL=ALL";
        let text = whole_sudoers(b"a ALL=ALL", main, &["x".into(), "y z".into()]);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "a ALL=ALL\nDefaults env_reset\n#includedir /etc/other\n@include \"/etc/sudoers.d/x\"\n\
             @include \"/etc/sudoers.d/y z\"\n%sudo ALL=ALL\n"
        );
        assert_eq!(whole_sudoers(b"", "#includedir /etc/sudoers.d\n", &[]), b"\n");
    }

    #[test]
    fn the_user_who_logs_in_has_a_name() {
        let said = String::from_utf8_lossy(login_user().stdout.bytes()).into_owned();
        assert!(said.ends_with('\n') && said.trim().len() > 1, "{said:?}");
    }
}
