//! Who logs in, what sudo lets them do, and what cron does for them.

use super::{SOON, output};
use crate::child::probe;
use crate::observe::Names;
use crate::secret::Content;
use crate::wire::{Output, PasswordAge, shadow_fingerprint};
use std::fs;

/// sudo and doas say who has called them.
pub fn login_user() -> Output {
    output(0, login() + "\n")
}

fn login() -> String {
    let named = |key| std::env::var(key).ok().filter(|name| !name.is_empty());
    let own = || Names::default().owner(rustix::process::geteuid().as_raw());
    named("SUDO_USER").or_else(|| named("DOAS_USER")).unwrap_or_else(own)
}

/// The home of who logs in.
pub fn login_home() -> Option<String> {
    let home = Names::default().user(&login()).ok()??.home;
    (home.starts_with('/') && !home.trim_end_matches('/').is_empty()).then_some(home)
}

/// Whether one of these processes serves ssh: `sshd`, `sshd-session`, `dropbear`.
pub fn by_ssh() -> Output {
    output(0, if ssh().is_some() { "ssh\n" } else { "" })
}

/// What the server says of the connection.
pub fn ssh_connection() -> Output {
    output(0, ssh().flatten().map_or(String::new(), |said| said + "\n"))
}

/// The connection, as far as it can be read, if this came by ssh.
pub fn ssh() -> Option<Option<String>> {
    let mut pid = std::process::id();
    let mut connection = None;
    // No chain of them is that long.
    for _ in 0..64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let (name, parent) = name_and_parent(&stat)?;
        if name.starts_with("sshd") || name == "dropbear" {
            return Some(connection);
        }
        // sudo takes it away, and leaves it in the processes before it.
        let said = || connection_of(&fs::read(format!("/proc/{pid}/environ")).ok()?);
        connection = connection.or_else(said);
        pid = parent;
    }
    None
}

/// What the server has told one of its processes: `FROM PORT TO PORT`.
fn connection_of(environ: &[u8]) -> Option<String> {
    let mut set = environ.split(|byte| *byte == 0).filter_map(|pair| pair.strip_prefix(b"SSH_CONNECTION="));
    let text = std::str::from_utf8(set.next()?).ok()?;
    (text.split(' ').count() == 4 && !text.contains('\n')).then(|| text.to_string())
}

/// Of `PID (NAME) STATE PARENT ...`; the name may hold anything.
fn name_and_parent(stat: &str) -> Option<(&str, u32)> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    Some((name, after.split_whitespace().nth(1)?.parse().ok()?))
}

fn read_shadow() -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    fs::read("/etc/shadow")
        .map(zeroize::Zeroizing::new)
        .map_err(|error| format!("cannot read /etc/shadow: {}", crate::reason(error)))
}

/// What `chpasswd --encrypted` reads to give an account the password that it has now. It stays on the host.
pub fn old_password(name: &str) -> Result<Content, String> {
    let line = chpasswd_line(&read_shadow()?, name);
    line.map(|line| Content::new(line, true)).ok_or_else(|| format!("/etc/shadow has no line of `{name}`"))
}

fn chpasswd_line(text: &[u8], name: &str) -> Option<Vec<u8>> {
    let field = *fields_of(text, name)?.get(1)?;
    Some([name.as_bytes(), b":", field, b"\n"].concat())
}

pub fn shadow(name: &str, wanted: Option<&[u8; 32]>, ages: &[PasswordAge]) -> Result<Output, String> {
    let text = read_shadow()?;
    Ok(shadow_line(&text, name, wanted, ages).map_or_else(|| output(1, ""), |said| output(0, said)))
}

fn fields_of<'a>(text: &'a [u8], name: &str) -> Option<Vec<&'a [u8]>> {
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.split(|byte| *byte == b':'));
    lines.map(|fields| fields.collect()).find(|fields: &Vec<_>| fields[0] == name.as_bytes())
}

fn shadow_line(text: &[u8], name: &str, wanted: Option<&[u8; 32]>, ages: &[PasswordAge]) -> Option<String> {
    let fields = fields_of(text, name)?;
    let field = *fields.get(1)?;
    let marks = field.iter().take_while(|byte| **byte == b'!').count();
    let hash = &field[marks..];
    let kind = match (marks, hash) {
        (0, []) => "empty",
        (_, [] | [b'*', ..]) => "no",
        (0, _) => "set",
        _ => "locked",
    };
    let mut said = format!("password {kind}\n");
    if let Some(wanted) = wanted {
        let same = !hash.is_empty() && shadow_fingerprint(name, hash) == *wanted;
        said.push_str(if same { "same yes\n" } else { "same no\n" });
    }
    let days = |at: usize| {
        let days = fields.get(at).and_then(|days| std::str::from_utf8(days).ok()?.parse::<i64>().ok());
        days.filter(|days| *days >= 0)
    };
    if let Some(days) = days(7) {
        said.push_str(&format!("expires {days}\n"));
    }
    for age in ages {
        let at = match age {
            PasswordAge::Min => 3,
            PasswordAge::Max => 4,
            PasswordAge::Warn => 5,
            PasswordAge::Inactive => 6,
        };
        said.push_str(&format!("{} {}\n", age.word(), days(at).unwrap_or(-1)));
    }
    Some(said)
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
    fn the_server_of_ssh_says_where_the_connection_is_from() {
        let of = |environ: &str| connection_of(environ.as_bytes());
        assert_eq!(
            of("HOME=/root\0SSH_CONNECTION=192.0.2.7 51234 10.0.0.5 22\0LANG=C\0").as_deref(),
            Some("192.0.2.7 51234 10.0.0.5 22")
        );
        assert_eq!(of("XSSH_CONNECTION=1 2 3 4\0SSH_CONNECTION=1 2\0"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_process_tells_its_name_and_its_parent() {
        assert_eq!(name_and_parent("71 (sshd-session) S 12 71 71 0"), Some(("sshd-session", 12)));
        assert_eq!(name_and_parent("9 (a) (b) R 1 9"), Some(("a) (b", 1)));
        assert_eq!(name_and_parent(""), None);
    }

    #[test]
    fn what_shadow_has_is_told_without_the_hash() {
        let text = b"root:*:19700:0:99999:7:::\nann:$6$salt$abc:19700:0:99999:7:30:20849:\nbob:!$6$salt$abc:19700::::::\n\
            new:!:20000:0:99999:7:::\nopen::20000:0:99999:7:::\nodd:!*:1::::::\nnever:x:1:::::-1:\nshort:!!\n";
        let own = |name| shadow_fingerprint(name, b"$6$salt$abc");
        // The controller's test reads the same texts.
        for said in include_str!("shadow.txt").split("\n\n") {
            let (about, said) = said.trim_end().split_once('\n').unwrap();
            let (name, asked) = about.split_once(' ').unwrap_or((about, ""));
            let is_asked = |word| asked.split(' ').any(|asked| asked == word);
            let wanted = match () {
                () if is_asked("asked") => Some(own(name)),
                // The same hash, but another account's fingerprint.
                () if is_asked("other") => Some(own("ann")),
                () => None,
            };
            let ages = PasswordAge::ALL.into_iter().filter(|age| is_asked(age.word())).collect::<Vec<_>>();
            let line = shadow_line(text, name, wanted.as_ref(), &ages);
            assert_eq!(line.unwrap(), format!("{said}\n"), "{about}");
        }
        assert_eq!(shadow_line(text, "", None, &[]), None);
        assert_eq!(shadow_line(text, "an", None, &PasswordAge::ALL), None);
        let back = |name| chpasswd_line(text, name);
        assert_eq!(back("bob").unwrap(), b"bob:!$6$salt$abc\n");
        assert_eq!(back("open").unwrap(), b"open:\n");
        assert_eq!(back("an"), None);
    }

    #[test]
    fn the_user_who_logs_in_has_a_name() {
        let said = String::from_utf8_lossy(login_user().stdout.bytes()).into_owned();
        assert!(said.ends_with('\n') && said.trim().len() > 1, "{said:?}");
    }
}
