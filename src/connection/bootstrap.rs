//! The shell script that starts the agent on a host, uploading it first where it is not in the cache.
//!
//! It passes through whatever login shell the user has inside single quotes, so it is one line without single
//! quotes, exclamation marks (csh), backslashes (fish) and newlines (csh). It speaks in marked lines on stdout:
//! `provision NONCE ready` just before the agent takes over, `need ARCH` when it wants the agent's bytes on
//! stdin, `bad next N WHY` when a folder failed and the one after it should be tried, `bad WHY` when it gives up.
//!
//! Root has folders of its own, all of which only root can write or rename: it never runs what a user could have
//! put in place.
//!
//! Where an agent is cached, as it nearly always is, the only other program that is started before it is one `ls`: user and
//! machine are read from /proc by the shell itself (`id` and `uname` where that does not work).
//!
//! A session that only looks writes nothing to the host's disks: where no agent is cached, memory is tried first.

use super::{Become, agents};
use crate::model::BecomeMethod;

/// One try at starting the agent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempt {
    /// Upload even if there is one in the cache: the one there did not start.
    pub force: bool,
    /// Cache folders to pass over: an upload into them failed.
    pub skip: usize,
    /// The session only looks.
    pub looks: bool,
}

/// Where root's agent may be, on disk and in memory.
const ROOT: ([&str; 2], [&str; 2]) = (
    ["/var/cache/provision-agent", "/var/tmp/provision-agent-0"],
    ["/run/provision-agent", "/dev/shm/provision-agent-0"],
);
/// The same for a user with the number `$u`.
const USER: ([&str; 2], [&str; 2]) = (
    [r#""${XDG_CACHE_HOME:-$HOME/.cache}/provision-agent""#, "/var/tmp/provision-agent-$u"],
    ["/run/user/$u/provision-agent", "/dev/shm/provision-agent-$u"],
);

/// The folders in the order in which they are tried.
fn folders((disk, memory): ([&str; 2], [&str; 2]), looks: bool) -> String {
    let order = if looks {
        [memory[0], memory[1], disk[0], disk[1]]
    } else {
        [disk[0], memory[0], disk[1], memory[1]]
    };
    order.join(" ")
}

/// The word with which every marked line begins. `nonce` is told apart in the script's text, so that a shell which
/// echoes its command does not look like an answer.
pub(super) fn marker(nonce: &str) -> String {
    format!("provision {nonce} ")
}

/// What sudo asks the password with.
pub(super) fn prompt(nonce: &str) -> String {
    format!("password-{nonce}:")
}

/// The script. `early` bytes of frames are on stdin already and are passed over when an upload is needed.
pub(super) fn script(nonce: &str, attempt: Attempt, early: usize) -> String {
    let Attempt { force, skip, looks } = attempt;
    let cases: String = agents::all()
        .map(|agent| {
            let alias = match agent.arch {
                "x86_64" => "amd64",
                "aarch64" => "arm64",
                other => other,
            };
            let (arch, size, hash) = (agent.arch, agent.bytes.len(), &agent.sha256);
            format!(r#""Linux {arch}"|"Linux {alias}") a={arch} n={size} h={hash};; "#)
        })
        .collect();
    let drop_early = if early == 0 { String::new() } else { format!("head -c {early} >/dev/null; ") };
    let lines = [
        "set -f; s=0; i=0; x=; u=; a=",
        &format!(r#"m={nonce}; say() {{ echo "provision $m $*"; }}"#),
        // Whom we act as: the second number of the line `Uid:`.
        r#"while read -r k _ u _; do [ "$k" = Uid: ] && break; done 2>/dev/null </proc/self/status || u=$(id -u); [ "$k" = Uid: ] || u=$(id -u)"#,
        // Only Linux has this file.
        r#"if read -r a 2>/dev/null </proc/sys/kernel/arch; then a="Linux $a"; else a=$(uname -sm); fi"#,
        &format!("case $a in {cases}*) say bad arch $a; exit 3;; esac"),
        "f=agent-$h",
        &format!("if [ $u = 0 ]; then set -- {}", folders(ROOT, looks)),
        &format!("else set -- {}; fi", folders(USER, looks)),
        &format!("shift {skip}"),
        // Ours, no link, exactly this type and mode; the size goes to `s`.
        r#"mine() { [ -L "$1" ] && return 1; k=$2; l=$(ls -dn "$1" 2>/dev/null) || return 1; set -- $l; s=$5; case $1 in $k*) [ "$3" = $u ];; *) return 1;; esac; }"#,
        // Both at once, by one program, and under names without spaces.
        r#"cached() { [ -L "$d" ] && return 1; l=$(cd "$d" 2>/dev/null && LC_ALL=C ls -dn . "$f" 2>/dev/null) || return 1; set -- $l; case "$1 $3 $9" in drwx------*" $u .") ;; *) return 1;; esac; case "${10} ${12} ${14}" in -rwx------*" $u $n") ;; *) return 1;; esac; }"#,
        &format!(
            r#"[ {} = 1 ] || for d in "$@"; do cached && {{ say ready; exec "$d/$f"; }}; done"#,
            u8::from(force)
        ),
        // What the agent runs for tasks has the umask of the login again.
        &format!(r#"{drop_early}w=; o=$(umask); umask 077"#),
        r#"for d in "$@"; do i=$((i+1)); mkdir -p -m 700 "$d" 2>/dev/null"#,
        r#"[ -d "$d" ] || { w="$w$d: cannot be made; "; continue; }"#,
        r#"mine "$d" drwx------ || { w="$w$d: is not a folder that only we can use (owner, mode 0700, no link); "; continue; }"#,
        r#"t=$d/$f.$$; { echo "exit 0" >"$t" && chmod 700 "$t"; } 2>/dev/null || { w="$w$d: cannot be written (disk full, read-only?); "; rm -f "$t"; continue; }"#,
        r#""$t" 2>/dev/null </dev/null || { w="$w$d: programs cannot be run there (noexec); "; rm -f "$t"; continue; }"#,
        r#"x=$d; break; done; [ -n "$x" ] || { say bad "$w"; exit 5; }"#,
        r#"no() { rm -f "$t"; say bad next $i "$x: $*"; exit 5; }"#,
        r#"say need $a; e=$(head -c $n 2>&1 >"$t"); mine "$t" -rwx------ && [ $s = $n ] || no "the upload was cut short: $e""#,
        r#"if command -v sha256sum >/dev/null; then case $(sha256sum <"$t") in $h*) ;; *) no "the upload was damaged";; esac; fi"#,
        r#""$t" --version >/dev/null 2>&1 </dev/null || no "the agent does not start""#,
        r#"mv -f "$t" "$x/$f" || no "the agent cannot be renamed"; find "$x" -type f -mtime +30 -exec rm -f {} + 2>/dev/null"#,
        r#"say ready; umask $o; exec "$x/$f""#,
    ];
    // `; ` after `then ...` and the like is what the pieces are cut for.
    lines.join("; ")
}

/// The words of the command: the script under `sh`, under sudo or doas where another user is wanted.
///
/// `env` finds these the same way under every login shell, and keeps its messages in English.
///
/// # Errors
/// A user name that is none.
pub(super) fn command(script: String, r#become: Option<&Become>, nonce: &str) -> Result<Vec<String>, String> {
    let mut words = vec![];
    if let Some(Become { user, method, password }) = r#become {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@');
        if user.is_empty() || user.starts_with('-') || !user.chars().all(plain) {
            return Err(format!("become_user: `{user}` is not a user name"));
        }
        words.extend(["env", "LC_ALL=C", method.name(), "-u", user].map(String::from));
        match (method, password) {
            (BecomeMethod::Sudo, Some(_)) => {
                words.extend(["-H", "-S", "-p", &prompt(nonce)].map(String::from))
            }
            (BecomeMethod::Sudo, None) => words.extend(["-H", "-n"].map(String::from)),
            // HOME is the other user's anyway.
            (BecomeMethod::Doas, _) => words.push("-n".into()),
        }
        words.push("--".into());
    }
    words.extend(["sh".into(), "-c".into(), script]);
    Ok(words)
}

/// The words as one line for any login shell; only the last needs quotes.
pub(super) fn line(words: &[String]) -> String {
    let (script, plain) = words.split_last().expect("there is a script");
    format!("exec {} '{script}'", plain.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_passes_through_single_quotes_of_any_shell() {
        let script = script("0123", Attempt { force: true, skip: 3, looks: true }, 500);
        assert_eq!(script.find(['\'', '!', '\\', '\n']), None, "{script}");
        assert!(!script.contains(&marker("0123")), "an echoed command would look like an answer");
        let checked = std::process::Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }

    #[test]
    fn a_user_name_cannot_carry_a_command() {
        for user in ["", "a b", "-s", "x;id", "$(id)"] {
            for method in BecomeMethod::ALL {
                let r#become = Become { user: user.into(), method, password: None };
                assert!(command(String::new(), Some(&r#become), "n").is_err(), "{user}");
            }
        }
    }
}
