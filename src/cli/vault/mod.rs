//! `vault`: create, edit, view, encrypt and decrypt files, generate secrets, and help git with them.

mod diff;
mod edit;
mod editor;
mod generate;
mod lock;
mod memory;
mod merge;
mod rekey;
pub(super) mod save;
mod signals;
mod string;
#[cfg(test)]
mod tests;

use super::vault_args::{Typed, VaultArgs};
use crate::diag::{Diagnostic, Diagnostics, Exit};
use crate::model::{Origin, Source};
use crate::vault::{Charset, Inline, Passwords, is_vault};
use crate::yaml::{self, Node};
use agent::secret::Secret;
use clap::{Subcommand, ValueEnum};
use editor::Editor;
pub use lock::{Lock, RecipientArgs};
use lock::{Locked, wants_password};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Work with files that are encrypted like Ansible's vaults, or for age recipients.
#[derive(Subcommand, Clone, Debug)]
pub enum Vault {
    /// Write a new encrypted file in your editor
    Create {
        file: PathBuf,
        #[command(flatten)]
        lock: Lock,
    },
    /// Change an encrypted file, or the encrypted values of a YAML file, in your editor; the plain text is only ever in memory
    Edit {
        file: PathBuf,
        #[command(flatten)]
        lock: Lock,
    },
    /// Print the plain text of an encrypted file, or a YAML file with its encrypted values in plain
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
    /// Print values encrypted for a YAML file, as `ansible-vault encrypt_string` does
    #[command(alias = "encrypt_string")]
    EncryptString {
        #[command(flatten)]
        strings: string::Strings,
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
    /// Encrypt files, or the encrypted values in YAML files, with another password or for other recipients
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
    /// For `git diff`: print a file in plain, and one that does not open as it is (docs/vault.md)
    Textconv {
        file: PathBuf,
        #[command(flatten)]
        vault: VaultArgs,
    },
    /// For `git merge`: merge two changed versions of an encrypted file into OURS; exit code 1 on a conflict (docs/vault.md)
    MergeDriver {
        base: PathBuf,
        ours: PathBuf,
        theirs: PathBuf,
        /// The file's name in the repository
        path: Option<PathBuf>,
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

impl Vault {
    /// # Errors
    /// What went wrong, without any secret in it; no file is half written.
    pub fn run(self) -> Result<Exit, Diagnostics> {
        let done = match self {
            Self::Diff { old, new, vault } => {
                let equal = diff::diff(&old, &new, &vault)?;
                return Ok(if equal { Exit::Done } else { Exit::Pending });
            }
            Self::MergeDriver { base, ours, theirs, path, lock } => {
                return merge::merge([&base, &ours, &theirs], path.as_deref(), &lock);
            }
            Self::Rekey { files, vault, new } => rekey::rekey(&files, &vault, &new),
            Self::Create { file, lock } => edit::create(&file, &lock, &Editor::from_environment()),
            Self::Edit { file, lock } => edit::edit(&file, &lock, &Editor::from_environment()),
            Self::View { file, vault } => print(&view(&file, &vault)?),
            Self::Textconv { file, vault } => print(&merge::textconv(&file, &vault)?),
            Self::Encrypt { string: Some(name), lock, .. } => {
                string::print_values(&[(Some(name.clone()), string::read_value(&name)?)], &lock)
            }
            Self::EncryptString { strings, lock } => strings.encrypt(&lock),
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

fn view(path: &Path, vault: &VaultArgs) -> Result<Secret, Diagnostics> {
    let bytes = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
    if let Some(text) = edit::with_values(&bytes) {
        let passwords = vault.passwords_or_ask(Typed::Known, wants_password(&bytes))?;
        return Ok(Inline::read(path, text, &passwords, false)?.shown());
    }
    let locked = Locked::of(path, bytes)?;
    let passwords = vault.passwords_or_ask(Typed::Known, locked.wants_password())?;
    Ok(locked.open(&passwords)?.plain)
}

fn print(plain: &Secret) -> Result<(), Diagnostics> {
    let mut out = io::stdout().lock();
    let printed = out.write_all(plain.expose()).and_then(|()| out.flush());
    printed.map_err(|error| Diagnostic::error("cannot print").cause(error).into())
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
    let passwords = lock.for_each_new(paths)?;
    let seal = |(passwords, (path, plain)): (&Passwords, (&PathBuf, Secret))| {
        Ok((path.clone(), lock.choose(passwords)?.seal(&plain)?))
    };
    let sealed: Vec<_> = passwords.iter().zip(plain).map(seal).collect::<Result<_, Diagnostic>>()?;
    for (path, sealed) in &sealed {
        save::replace(path, sealed.as_bytes()).map_err(|error| cannot("write", path, &error))?;
        println!("{}: encrypted", path.display());
    }
    Ok(())
}

fn decrypt_files(paths: &[PathBuf], vault: &VaultArgs) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::default();
    let locked: Vec<_> = paths.iter().filter_map(|path| errors.take(Locked::read(path))).collect();
    errors.into_result(())?;
    let passwords = vault.passwords_or_ask(Typed::Known, locked.iter().any(Locked::wants_password))?;
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

/// Why this is not YAML, if so.
fn yaml_problem(path: &Path, plain: &Secret) -> Option<Diagnostics> {
    parse_yaml(path, plain).err().map(Diagnostics::from)
}

/// The tree of a decrypted text; an error shows the place but no excerpt.
fn parse_yaml(path: &Path, plain: &Secret) -> Result<Node, Diagnostic> {
    let text = std::str::from_utf8(plain.expose())
        .map_err(|_| Diagnostic::error("the text is not UTF-8").at(&place(path)))?;
    let text = text.to_owned();
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
