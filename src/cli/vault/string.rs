//! `vault encrypt-string`: single values for YAML files.

use super::lock::Lock;
use crate::diag::{Diagnostic, Diagnostics};
use crate::vault::Key;
use agent::secret::Secret;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// What is asked for, as `ansible-vault encrypt_string` has it.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Strings {
    /// Texts to encrypt; `-` stands for stdin. Others on this machine can see them while the command runs: without any, it is asked for
    #[arg(value_name = "TEXT")]
    pub texts: Vec<String>,
    /// Name of the variable; once for each text
    #[arg(short, long, value_name = "NAME")]
    pub name: Vec<String>,
    /// Name of the variable that is read from stdin
    #[arg(long, value_name = "NAME")]
    pub stdin_name: Option<String>,
    /// Ask for the text
    #[arg(short, long)]
    pub prompt: bool,
}

impl Strings {
    /// The values with their names, in the order in which they are printed: what is asked for, from stdin, from the arguments.
    fn values(&self) -> Result<Vec<(Option<String>, Secret)>, Diagnostic> {
        let mut names = self.name.iter().cloned();
        let mut values = vec![];
        let stdin = self.stdin_name.is_some() || self.texts.iter().any(|text| text == "-");
        let texts: Vec<&String> = self.texts.iter().filter(|text| *text != "-").collect();
        let asks = self.prompt || (!stdin && texts.is_empty());
        let wanted = usize::from(asks) + usize::from(stdin && self.stdin_name.is_none()) + texts.len();
        if self.name.len() > wanted {
            return Err(Diagnostic::error(format!("{} names for {wanted} texts", self.name.len()))
                .hint("give `--name NAME` once for each text; of stdin it is `--stdin-name`"));
        }
        if asks {
            let name = names.next();
            let value = if self.prompt && !io::stdin().is_terminal() {
                return Err(Diagnostic::error("there is no terminal to ask on")
                    .hint("write the text to stdin, with --stdin-name"));
            } else {
                read_value(name.as_deref().unwrap_or("Text"))?
            };
            values.push((name, value));
        }
        if stdin {
            let name = self.stdin_name.clone().or_else(|| names.next());
            values.push((name, read_stdin()?));
        }
        values.extend(texts.into_iter().map(|text| (names.next(), Secret::new(text.as_str()))));
        Ok(values)
    }

    /// Prints each value as YAML.
    pub(super) fn encrypt(&self, lock: &Lock) -> Result<(), Diagnostics> {
        print_values(&self.values()?, lock)
    }
}

/// A value: typed unseen on a terminal, or all of stdin but one line end.
pub(super) fn read_value(name: &str) -> Result<Secret, Diagnostic> {
    if !io::stdin().is_terminal() {
        return read_stdin();
    }
    crate::cli::hidden::read_hidden(&format!("{name}: ")).map(Secret::new).map_err(failed)
}

fn read_stdin() -> Result<Secret, Diagnostic> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    io::stdin().read_to_end(&mut bytes).map_err(failed)?;
    Ok(Secret::new(bytes.strip_suffix(b"\n").unwrap_or(&bytes)))
}

fn failed(error: io::Error) -> Diagnostic {
    Diagnostic::error("cannot read the value").cause(error)
}

/// All of them under one password, asked for once.
pub(super) fn print_values(values: &[(Option<String>, Secret)], lock: &Lock) -> Result<(), Diagnostics> {
    let passwords = lock.for_new(Path::new("value"))?;
    let key = lock.choose(&passwords)?;
    for (name, value) in values {
        print!("{}", encrypt_value(name.as_deref(), value, &key)?);
    }
    Ok(())
}

/// YAML with the value locked in it.
pub(super) fn encrypt_value(name: Option<&str>, value: &Secret, key: &Key) -> Result<String, Diagnostic> {
    let sealed = key.seal(value)?;
    let lines = sealed.lines().map(|line| format!("  {line}\n"));
    let name = name.map_or_else(String::new, |name| format!("{name}: "));
    Ok(format!("{name}{} |\n{}", key.tag(), lines.collect::<String>()))
}
