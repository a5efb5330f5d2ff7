//! Where vault passwords come from: flags, environment, a prompt.

use crate::diag::{Diagnostic, Diagnostics};
use crate::model::Origin;
use crate::vault::{AskPassphrase, Password, Passwords};
use agent::secret::Secret;
use clap::Args;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

/// Flags that say how vaults are opened, below a headline of their own: one for all of them would be that of the flags behind, too. Without any of them, the environment is asked:
/// `LUSTORES_VAULT_PASSWORD_FILE`, `ANSIBLE_VAULT_PASSWORD_FILE`, then `LUSTORES_VAULT_PASSWORD`.
#[derive(Args, Clone, Debug, Default)]
pub struct VaultArgs {
    /// File with the vault password, or an executable that prints it [env: LUSTORES_VAULT_PASSWORD_FILE]
    #[arg(help_heading = "Vault", long, value_name = "FILE")]
    pub vault_password_file: Vec<PathBuf>,
    /// Password for one vault id; SOURCE is a file, an executable or `prompt`
    #[arg(help_heading = "Vault", long, value_name = "LABEL@SOURCE")]
    pub vault_id: Vec<String>,
    /// Ask for the vault password
    #[arg(help_heading = "Vault", long)]
    pub ask_vault_pass: bool,
    /// File with a private key of age or ssh (ed25519), for what is encrypted for recipients [env: LUSTORES_AGE_IDENTITY]
    #[arg(help_heading = "Vault", long, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
}

/// Whether a typed password is new, so that a slip of the finger would lock its owner out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// It has to fit an existing vault: asked once.
    Known,
    /// It may lock a new one: asked twice.
    New,
}

impl VaultArgs {
    /// Collects the passwords; none at all is no error here, only where a vault has to be opened.
    ///
    /// # Errors
    /// Each source that gives none: missing file, failing executable, empty password, no terminal to ask on.
    pub fn passwords(&self) -> Result<Passwords, Diagnostics> {
        self.collect(Typed::Known, |name| std::env::var_os(name))
    }

    /// As [`Self::passwords`], but asks on a terminal when a password is `wanted` and there is no other source.
    ///
    /// # Errors
    /// As [`Self::passwords`], and when there is neither a source nor a terminal.
    pub fn passwords_or_ask(&self, typed: Typed, wanted: bool) -> Result<Passwords, Diagnostics> {
        let mut passwords = self.collect(typed, |name| std::env::var_os(name))?;
        if !passwords.is_empty() || !wanted {
            return Ok(passwords);
        }
        if !std::io::stdin().is_terminal() {
            return Err(crate::vault::VaultError::NoPassword { id: None }
                .diagnostic(&Origin::named("command line"))
                .into());
        }
        passwords.add(Password { label: None, text: ask("Vault password", typed)? });
        Ok(passwords)
    }

    /// Those that the flags name, whatever the environment says; `prompt` is what is asked for.
    ///
    /// # Errors
    /// As [`Self::passwords`].
    pub(super) fn given(&self, typed: Typed, prompt: &str) -> Result<Passwords, Diagnostics> {
        if self.ask_vault_pass {
            return Ok(Passwords::new(vec![Password { label: None, text: ask(prompt, typed)? }]));
        }
        self.collect(typed, |_| None)
    }

    fn collect(
        &self,
        typed: Typed,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Passwords, Diagnostics> {
        let mut errors = Diagnostics::default();
        let mut list = vec![];
        let mut add = |label: Option<&str>, text: Result<Secret, Diagnostic>| {
            let label = label.map(str::to_owned);
            list.extend(errors.take(text).map(|text| Password { label, text }));
        };
        for id in &self.vault_id {
            let (label, source) = match id.split_once('@') {
                Some((label, source)) => (Some(label).filter(|label| !label.is_empty()), source),
                None => (None, id.as_str()),
            };
            add(label, from_source(label, source, typed));
        }
        for file in &self.vault_password_file {
            add(None, from_path(None, file));
        }
        if self.ask_vault_pass {
            add(None, ask("Vault password", typed));
        }
        let flags = !self.vault_id.is_empty() || !self.vault_password_file.is_empty() || self.ask_vault_pass;
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        if flags {
            // What is typed on the command line is all that counts.
        } else if let Some(file) =
            set("LUSTORES_VAULT_PASSWORD_FILE").or_else(|| set("ANSIBLE_VAULT_PASSWORD_FILE"))
        {
            add(None, from_path(None, &expand_home(Path::new(&file), &environment)));
        } else if let Some(text) = set("LUSTORES_VAULT_PASSWORD") {
            add(None, trimmed(text.into_encoded_bytes(), "LUSTORES_VAULT_PASSWORD", line_end));
        }
        let mut passwords = Passwords::new(list);
        let known = set("LUSTORES_AGE_IDENTITY").filter(|_| self.identity.is_empty());
        let known = known.map(|file| expand_home(Path::new(&file), &environment));
        for file in self.identity.iter().cloned().chain(known) {
            let name = file.display().to_string();
            let content = std::fs::read(&file).map(Secret::new).map_err(|error| {
                Diagnostic::error(format!("cannot read the identity file `{name}`")).cause(error)
            });
            let ask: AskPassphrase = std::sync::Arc::new(ask_passphrase);
            errors.take(content.and_then(|content| passwords.identities.add(&name, &content, &ask)));
        }
        errors.into_result(passwords)
    }
}

fn from_source(label: Option<&str>, source: &str, typed: Typed) -> Result<Secret, Diagnostic> {
    match (source, label) {
        ("prompt", Some(label)) => ask(&format!("Vault password ({label})"), typed),
        ("prompt", None) => ask("Vault password", typed),
        _ => from_path(label, Path::new(source)),
    }
}

/// Reads a password file; an executable one is run instead and its output is the password.
fn from_path(label: Option<&str>, path: &Path) -> Result<Secret, Diagnostic> {
    let name = path.display().to_string();
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Diagnostic::error(format!("cannot {what} the vault password file `{name}`")).cause(error)
    };
    let meta = std::fs::metadata(path).map_err(|error| failed("read", &error))?;
    if meta.permissions().mode() & 0o111 == 0 || !meta.is_file() {
        let text = std::fs::read(path).map_err(|error| failed("read", &error))?;
        return trimmed(text, &name, |byte| byte.is_ascii_whitespace() || byte == 0x0b);
    }
    // A bare name would be searched in PATH.
    let program = std::path::absolute(path).map_err(|error| failed("run", &error))?;
    let mut command = Command::new(program);
    // Ansible's convention: a script whose name ends in `-client` is told which id is wanted.
    if let Some(label) = label
        && path.file_stem().is_some_and(|stem| stem.as_encoded_bytes().ends_with(b"-client"))
    {
        command.args(["--vault-id", label]);
    }
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| {
        failed("run", &error).hint("it is marked executable: `chmod -x` it if it just holds the password")
    })?;
    let text = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(failed("run", &output.status));
    }
    trimmed(text.to_vec(), &name, line_end)
}

/// Without what surrounds it and is `cut`; empty is an error. What Ansible cuts, since the same file has to open the same vaults:
/// of a file all white space, of what an executable prints only line ends.
fn trimmed(bytes: Vec<u8>, source: &str, cut: fn(u8) -> bool) -> Result<Secret, Diagnostic> {
    let bytes = Zeroizing::new(bytes);
    let kept = |byte: &u8| !cut(*byte);
    match (bytes.iter().position(kept), bytes.iter().rposition(kept)) {
        (Some(first), Some(last)) => Ok(Secret::new(&bytes[first..=last])),
        _ => Err(Diagnostic::error(format!("the vault password from `{source}` is empty"))
            .hint("nothing but white space was found there")),
    }
}

fn line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn ask(prompt: &str, typed: Typed) -> Result<Secret, Diagnostic> {
    let read = |prompt: &str| {
        super::hidden::read_hidden(&format!("{prompt}: ")).map(Zeroizing::new).map_err(|error| {
            Diagnostic::error("cannot ask for the vault password: there is no terminal")
                .cause(error)
                .hint("give --vault-password-file FILE or set LUSTORES_VAULT_PASSWORD_FILE")
        })
    };
    let text = read(prompt)?;
    if typed == Typed::New && *read("Again")? != *text {
        return Err(Diagnostic::error("the two passwords are not the same"));
    }
    trimmed(text.as_bytes().to_vec(), "prompt", |byte| byte.is_ascii_whitespace() || byte == 0x0b)
}

/// On the terminal, if there is one.
fn ask_passphrase(name: &str) -> Option<Secret> {
    std::io::stdin()
        .is_terminal()
        .then(|| super::hidden::read_hidden(&format!("Passphrase of {name}: ")).ok())?
        .map(Secret::new)
}

/// `~/` in an environment variable was not expanded by a shell.
fn expand_home(path: &Path, environment: &impl Fn(&str) -> Option<OsString>) -> PathBuf {
    match (path.strip_prefix("~"), environment("HOME")) {
        (Ok(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn read(
        args: &VaultArgs,
        environment: &[(&str, &Path)],
    ) -> Result<Vec<(Option<String>, String)>, String> {
        let lookup =
            |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_os_str().to_owned());
        let text = |secret: &Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
        match args.collect(Typed::Known, lookup) {
            Ok(passwords) => {
                Ok(passwords.list().iter().map(|one| (one.label.clone(), text(&one.text))).collect())
            }
            Err(errors) => Err(errors.0.iter().map(|d| crate::diag::render(d, false)).collect()),
        }
    }

    #[test]
    fn files_executables_and_ids_give_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let plain = file(&folder, "plain", "hunter2 \r\n\n", 0o600);
        let script = file(&folder, "ask.sh", "#!/bin/sh\necho from-script \"$@\"\n", 0o700);
        let client = file(&folder, "keys-client.sh", "#!/bin/sh\necho \"client $*\"\n", 0o700);
        let args = VaultArgs {
            vault_password_file: vec![plain.clone(), script.clone()],
            vault_id: vec![format!("prod@{}", client.display()), format!("dev@{}", script.display())],
            ..Default::default()
        };
        let got = read(&args, &[("LUSTORES_VAULT_PASSWORD_FILE", Path::new("/nonexistent"))]).unwrap();
        let want = [
            (Some("prod"), "client --vault-id prod"),
            (Some("dev"), "from-script"),
            (None, "hunter2"),
            (None, "from-script"),
        ];
        assert_eq!(got, want.map(|(label, text)| (label.map(str::to_owned), text.to_owned())));
    }

    #[test]
    fn what_surrounds_a_password_is_cut_as_ansible_cuts_it() {
        let folder = tempfile::tempdir().unwrap();
        let text = "\r\n \t hunter2 hunter3\t \n\n";
        let plain = file(&folder, "plain", text, 0o600);
        let script =
            file(&folder, "ask.sh", &format!("#!/bin/sh\nprintf '{}'\n", text.escape_default()), 0o700);
        let args = VaultArgs { vault_password_file: vec![plain, script], ..Default::default() };
        let got: Vec<_> = read(&args, &[]).unwrap().into_iter().map(|(_, text)| text).collect();
        assert_eq!(got, ["hunter2 hunter3", " \t hunter2 hunter3\t "]);
        let blank = file(&folder, "blank", " \t\n", 0o600);
        let args = VaultArgs { vault_password_file: vec![blank], ..Default::default() };
        assert!(read(&args, &[]).unwrap_err().contains("is empty"));
    }

    #[test]
    fn without_flags_the_environment_counts_and_ours_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (file(&folder, "ours", "o\n", 0o600), file(&folder, "theirs", "t\n", 0o600));
        let none = VaultArgs::default();
        let theirs = ("ANSIBLE_VAULT_PASSWORD_FILE", theirs.as_path());
        let text = ("LUSTORES_VAULT_PASSWORD", Path::new("text"));
        let first = |environment: &[(&str, &Path)]| read(&none, environment).unwrap()[0].1.clone();
        assert_eq!(first(&[text, theirs, ("LUSTORES_VAULT_PASSWORD_FILE", &ours)]), "o");
        assert_eq!(first(&[text, theirs]), "t");
        assert_eq!(first(&[text]), "text");
        assert!(read(&none, &[]).unwrap().is_empty());
    }

    #[test]
    fn every_source_that_fails_is_reported_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let empty = file(&folder, "empty", "\n", 0o600);
        let failing = file(&folder, "fails.sh", "#!/bin/sh\necho hunter2\nexit 3\n", 0o700);
        let no_program = file(&folder, "marked", "hunter2\n", 0o755);
        let missing = folder.path().join("missing");
        let args = VaultArgs {
            vault_password_file: vec![empty, failing, no_program, missing],
            ..Default::default()
        };
        let errors = read(&args, &[]).unwrap_err();
        for part in ["is empty", "exit status: 3", "`chmod -x` it", "No such file"] {
            assert!(errors.contains(part), "{part}: {errors}");
        }
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}
