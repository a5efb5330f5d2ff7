//! `vault`: create, edit, view, encrypt and decrypt files, generate secrets.

mod diff;
mod editor;
mod generate;
mod rekey;
mod save;
#[cfg(test)]
mod tests;

use super::vault_args::{Typed, VaultArgs};
use crate::diag::{Diagnostic, Diagnostics, Exit};
use crate::model::{Origin, Source};
use crate::vault::{Charset, Opened, Password, Passwords, VaultText, encrypt, fresh_salt, is_vault};
use crate::yaml::{self, Node};
use agent::secret::Secret;
use clap::{Args, Subcommand, ValueEnum};
use editor::Editor;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Work with files that are encrypted like Ansible's vaults.
#[derive(Subcommand, Clone, Debug)]
pub enum Vault {
    /// Write a new encrypted file in your editor
    Create {
        file: PathBuf,
        #[command(flatten)]
        lock: Lock,
    },
    /// Change an encrypted file in your editor; the plain text is only ever in memory
    Edit {
        file: PathBuf,
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// Print the plain text of an encrypted file
    View {
        file: PathBuf,
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// Encrypt files in place, or one value for a YAML file
    Encrypt {
        #[arg(required_unless_present = "string", conflicts_with = "string", value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Read a value from the terminal or stdin and print it as `NAME: !vault ...`
        #[arg(long, value_name = "NAME")]
        string: Option<String>,
        #[command(flatten)]
        lock: Lock,
    },
    /// Decrypt files in place
    Decrypt {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// Encrypt files in place with another password
    Rekey {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        vault: VaultArgs,
        #[command(flatten)]
        new: rekey::NewPassword,
    },
    /// Say which values differ between two files, encrypted or not, without showing one; exit code 10 when some do
    Diff {
        old: PathBuf,
        new: PathBuf,
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// Add strong random secrets to an encrypted file under those keys that it does not have yet
    Generate {
        /// The encrypted YAML file; made when there is none
        file: PathBuf,
        /// Names of variables; those that the file has keep their values
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        /// Characters in each secret
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(8..=1024))]
        length: u16,
        /// Which characters
        #[arg(long, value_enum, default_value_t = CharsetArg::Alphanumeric)]
        charset: CharsetArg,
        #[command(flatten)]
        lock: Lock,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CharsetArg {
    /// A-Z, a-z, 0-9
    Alphanumeric,
    /// 0-9, a-f
    Hex,
    /// 0-9
    Digits,
    /// Letters, digits and punctuation
    Symbols,
}

/// Passwords, and which of them locks a new vault.
#[derive(Args, Clone, Debug, Default)]
pub struct Lock {
    #[command(flatten)]
    vault: VaultArgs,
    /// Encrypt with the password of this vault id, and name it in the file
    #[arg(long, value_name = "LABEL", help_heading = "Vault")]
    encrypt_vault_id: Option<String>,
}

impl Vault {
    /// # Errors
    /// What went wrong, without any secret in it; no file is half written.
    pub fn run(self) -> Result<Exit, Diagnostics> {
        let done = match self {
            Self::Diff { old, new, vault } => {
                let equal = diff::diff(&old, &new, &vault)?;
                return Ok(if equal { Exit::Done } else { Exit::Pending });
            }
            Self::Rekey { files, vault, new } => rekey::rekey(&files, &vault, &new),
            Self::Create { file, lock } => create(&file, &lock, &Editor::from_environment()),
            Self::Edit { file, vault } => edit(&file, &vault, &Editor::from_environment()),
            Self::View { file, vault } => {
                let locked = Locked::read(&file)?;
                let passwords = vault.passwords_or_ask(Typed::Known)?;
                let plain = locked.open(&passwords)?.plain;
                let mut out = io::stdout().lock();
                let printed = out.write_all(plain.expose()).and_then(|()| out.flush());
                printed.map_err(|error| Diagnostic::error("cannot print").cause(error).into())
            }
            Self::Encrypt { string: Some(name), lock, .. } => {
                print!("{}", encrypt_value(&name, &read_value(&name)?, &lock)?);
                Ok(())
            }
            Self::Encrypt { files, lock, .. } => encrypt_files(&files, &lock),
            Self::Decrypt { files, vault } => decrypt_files(&files, &vault),
            Self::Generate { file, keys, length, charset, lock } => {
                let charset = match charset {
                    CharsetArg::Alphanumeric => Charset::Alphanumeric,
                    CharsetArg::Hex => Charset::Hex,
                    CharsetArg::Digits => Charset::Digits,
                    CharsetArg::Symbols => Charset::Symbols,
                };
                generate::generate(&file, &keys, length.into(), charset, &lock)
            }
        };
        done.map(|()| Exit::Done)
    }
}

impl Lock {
    /// The password for something new.
    fn choose<'a>(&self, passwords: &'a Passwords) -> Result<&'a Password, Diagnostic> {
        let place = Origin::named("command line");
        match (&self.encrypt_vault_id, passwords.list()) {
            (None, [only]) => Ok(only),
            (None, []) => Err(crate::vault::VaultError::NoPassword { id: None }.diagnostic(&place)),
            (None, _) => Err(Diagnostic::error("several vault passwords given: with which one to encrypt?")
                .hint("name it with --encrypt-vault-id LABEL")),
            (Some(label), list) => list.iter().find(|p| p.label.as_ref() == Some(label)).ok_or_else(|| {
                let error = Diagnostic::error(format!("no password was given for vault id `{label}`"));
                error.suggest(label, list.iter().filter_map(|password| password.label.as_deref()))
            }),
        }
    }
}

/// An encrypted file as it was read.
struct Locked<'a> {
    path: &'a Path,
    bytes: Vec<u8>,
    text: VaultText,
}

impl<'a> Locked<'a> {
    fn read(path: &'a Path) -> Result<Self, Diagnostic> {
        let bytes = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
        if !is_vault(&bytes) {
            let hint = format!("encrypt it with `vault encrypt {}`", path.display());
            return Err(Diagnostic::error("this file is not encrypted").at(&place(path)).hint(hint));
        }
        let text = VaultText::parse(&String::from_utf8_lossy(&bytes));
        let text = text.map_err(|error| error.diagnostic(&place(path)))?;
        Ok(Self { path, bytes, text })
    }

    fn open<'p>(&self, passwords: &'p Passwords) -> Result<Opened<'p>, Diagnostic> {
        passwords.open(&self.text).map_err(|error| error.diagnostic(&place(self.path)))
    }

    /// Whether the file still holds what was read.
    fn is_current(&self) -> bool {
        std::fs::read(self.path).is_ok_and(|now| now == self.bytes)
    }
}

fn create(path: &Path, lock: &Lock, editor: &Editor) -> Result<(), Diagnostics> {
    if path.symlink_metadata().is_ok() {
        let hint = format!("change it with `vault edit {}`", path.display());
        return Err(Diagnostic::error("this file exists already").at(&place(path)).hint(hint).into());
    }
    let passwords = lock.vault.passwords_or_ask(Typed::New)?;
    let password = lock.choose(&passwords)?;
    let start = Secret::new("---\n");
    let edited = editor.edit(&start, &file_name(path))?;
    if edited.text == start {
        return Err(edited
            .problem
            .unwrap_or_else(|| Diagnostic::error("nothing was written: no file made"))
            .into());
    }
    let sealed = seal(&edited.text, password, password.label.as_deref())?;
    let problem = edited.problem.map(Diagnostics::from);
    let problem = problem.or_else(|| is_yaml_name(path).then(|| yaml_problem(path, &edited.text)).flatten());
    keep(path, &sealed, problem, editor, || save::create(path, sealed.as_bytes()))
}

fn edit(path: &Path, vault: &VaultArgs, editor: &Editor) -> Result<(), Diagnostics> {
    let locked = Locked::read(path)?;
    let passwords = vault.passwords_or_ask(Typed::Known)?;
    let opened = locked.open(&passwords)?;
    let edited = editor.edit(&opened.plain, &file_name(path))?;
    if edited.text == opened.plain {
        println!("{}: unchanged", path.display());
        return edited.problem.map_or(Ok(()), |problem| Err(problem.into()));
    }
    let sealed = seal(&edited.text, opened.password, locked.text.id())?;
    let mut problem = edited.problem.map(Diagnostics::from);
    // A draft is never checked, and what was no YAML before need not become it.
    if problem.is_none() && path.extension().is_none_or(|end| end != "rejected") {
        let checked = is_yaml_name(path) || yaml_problem(path, &opened.plain).is_none();
        problem = checked.then(|| yaml_problem(path, &edited.text)).flatten();
    }
    if problem.is_none() && !locked.is_current() {
        problem = Some(
            Diagnostic::error("the file was changed by somebody else meanwhile").at(&place(path)).into(),
        );
    }
    keep(path, &sealed, problem, editor, || save::replace(path, sealed.as_bytes()))
}

/// Saves what was typed; when there is a problem, beside the file, but never nowhere.
fn keep(
    path: &Path,
    sealed: &str,
    problem: Option<Diagnostics>,
    editor: &Editor,
    save: impl FnOnce() -> io::Result<()>,
) -> Result<(), Diagnostics> {
    let problem = problem.or_else(|| save().err().map(|error| cannot("write", path, &error).into()));
    let Some(mut problem) = problem else {
        println!("{}: saved", path.display());
        return Ok(());
    };
    let memory = editor.folders().iter().map(|folder| folder.join(file_name(path)));
    let mut places = std::iter::once(path.to_owned()).chain(memory);
    let kept = places.find_map(|place| save::create_rejected(&place, sealed.as_bytes()).ok());
    let message = match kept {
        Some(kept) => Diagnostic::error(format!("{} was left as it is", path.display())).hint(format!(
            "what you typed is kept, encrypted, in {0}: mend it with `vault edit {0}`, then move it into place",
            kept.display()
        )),
        None => Diagnostic::error("what you typed could not be kept anywhere"),
    };
    problem.push(message);
    Err(problem)
}

fn encrypt_files(paths: &[PathBuf], lock: &Lock) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::default();
    let mut plain = vec![];
    for path in paths {
        let read = std::fs::read(path).map_err(|error| cannot("read", path, &error)).and_then(|bytes| {
            if is_vault(&bytes) {
                return Err(Diagnostic::error("this file is encrypted already").at(&place(path)));
            }
            Ok((path, Secret::new(bytes)))
        });
        plain.extend(errors.take(read));
    }
    errors.into_result(())?;
    let passwords = lock.vault.passwords_or_ask(Typed::New)?;
    let password = lock.choose(&passwords)?;
    for (path, plain) in plain {
        let sealed = seal(&plain, password, password.label.as_deref())?;
        save::replace(path, sealed.as_bytes()).map_err(|error| cannot("write", path, &error))?;
        println!("{}: encrypted", path.display());
    }
    Ok(())
}

/// A value for [`encrypt_value`]: typed unseen on a terminal, or all of stdin but one line end.
fn read_value(name: &str) -> Result<Secret, Diagnostic> {
    let failed = |error: io::Error| Diagnostic::error("cannot read the value").cause(error);
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(format!("{name}: ")).map(Secret::new).map_err(failed);
    }
    let mut bytes = Zeroizing::new(vec![]);
    io::stdin().read_to_end(&mut bytes).map_err(failed)?;
    Ok(Secret::new(bytes.strip_suffix(b"\n").unwrap_or(&bytes)))
}

/// A line of YAML with the value locked in it.
fn encrypt_value(name: &str, value: &Secret, lock: &Lock) -> Result<String, Diagnostics> {
    let passwords = lock.vault.passwords_or_ask(Typed::New)?;
    let password = lock.choose(&passwords)?;
    let sealed = seal(value, password, password.label.as_deref())?;
    let lines = sealed.lines().map(|line| format!("  {line}\n"));
    Ok(format!("{name}: !vault |\n{}", lines.collect::<String>()))
}

fn decrypt_files(paths: &[PathBuf], vault: &VaultArgs) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::default();
    let locked: Vec<_> = paths.iter().filter_map(|path| errors.take(Locked::read(path))).collect();
    errors.into_result(())?;
    let passwords = vault.passwords_or_ask(Typed::Known)?;
    let mut errors = Diagnostics::default();
    let opened = locked.iter().filter_map(|one| Some((one.path, errors.take(one.open(&passwords))?.plain)));
    let opened: Vec<_> = opened.collect();
    errors.into_result(())?;
    for (path, plain) in opened {
        save::replace(path, plain.expose()).map_err(|error| cannot("write", path, &error))?;
        println!("{}: decrypted", path.display());
    }
    Ok(())
}

fn seal(plain: &Secret, password: &Password, id: Option<&str>) -> Result<String, Diagnostic> {
    let salt = fresh_salt().map_err(|error| Diagnostic::error("no randomness for a salt").cause(error))?;
    Ok(encrypt(plain, &password.text, id, salt))
}

/// Why this is not YAML, if so.
fn yaml_problem(path: &Path, plain: &Secret) -> Option<Diagnostics> {
    parse_yaml(path, plain).err().map(Diagnostics::from)
}

/// The tree of a decrypted text; an error shows the place but no excerpt.
fn parse_yaml(path: &Path, plain: &Secret) -> Result<Node, Diagnostic> {
    let text = String::from_utf8(plain.expose().to_vec())
        .map_err(|_| Diagnostic::error("the text is not UTF-8").at(&place(path)))?;
    yaml::parse(&Arc::new(Source { path: path.to_owned(), text, secret: true }))
}

/// Whether the name says that the file is YAML (or JSON, which is YAML too).
fn is_yaml_name(path: &Path) -> bool {
    path.extension().is_some_and(|end| ["yml", "yaml", "json"].iter().any(|yaml| end == *yaml))
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "vault.yml".into(), |name| name.to_string_lossy().into_owned())
}

fn place(path: &Path) -> Origin {
    Origin::named(&path.display().to_string())
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(format!("cannot {what} {}", path.display())).cause(error)
}
