//! The plans of all hosts, on their way into a file, or held against one.

use super::{diff::difference, file, inputs, key, trust};
use crate::{
    cli::{files::Disk, project::Project},
    connection,
    diag::{Diagnostic, Diagnostics, Exit},
    event::{About, Event, Failure},
    inventory,
    model::Origin,
    plan::{
        compared::{By, compare},
        saved::{Locked, Made, Planned, Printer, SavedHost, SavedPlan, Selection, With},
    },
    report::Reporter,
    site::{Site, extra_vars},
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// Where a plan is to go.
#[derive(Clone, Debug)]
pub struct Saving {
    pub out: PathBuf,
    /// The key that signs it.
    pub sign: Option<PathBuf>,
    /// The plan that it takes the place of.
    pub refreshed: Option<Box<SavedPlan>>,
}

impl Saving {
    /// Finds what would not work, before anything is done.
    ///
    /// # Errors
    /// A file that cannot be there, or would be read as a part of the inventory; a key that is not there.
    pub fn check(&self, inventory: &Path) -> Result<(), Diagnostics> {
        file::may_write(&self.out)?;
        if inventory::is_part(inventory, &self.out) {
            let error = Diagnostic::error(format!("cannot save the plan in {}", self.out.display()));
            let why = format!("it would be read as a part of the inventory {}", inventory.display());
            let error = error.cause(why).at(&Origin::named("--out"));
            return Err(error.hint("save it outside of that folder").into());
        }
        match &self.sign {
            Some(key) if !key.is_file() => {
                let error = Diagnostic::error(format!("there is no key {}", key.display()));
                Err(error
                    .hint("`--sign` names a private key of ssh, or its `.pub` when the ssh agent holds it")
                    .into())
            }
            _ => Ok(()),
        }
    }
}

/// What is done with the plans of a run.
pub struct Plans {
    /// The key of the fingerprints, and of the tags of secrets in diffs.
    pub key: [u8; 32],
    reporter: Reporter,
    site: Site,
    began: Instant,
    way: Way,
}

enum Way {
    /// They go into this file, with a key that is locked so.
    Save { to: Saving, locked: Locked, hosts: Mutex<Option<Vec<SavedHost>>> },
    /// They must be as this one. A second pass is not held against it.
    Hold { plan: Box<SavedPlan>, looked: AtomicBool },
}

impl Plans {
    /// For a plan that is to be saved. `key` is random.
    ///
    /// # Errors
    /// When nothing can lock the key.
    pub fn save(
        to: Saving,
        key: [u8; 32],
        project: &Project,
        site: &Site,
        reporter: &Reporter,
    ) -> Result<Self, Diagnostics> {
        let (passwords, secrets) = (project.passwords(), site.secrets());
        let (fresh, old) = (key::lock(&key, &passwords, &project.inventory, &secrets), to.refreshed.as_ref());
        // With the same key secrets can be compared. One that does not open, since they have changed, is left, and so is one that is locked
        // otherwise than a new one, or for recipients, as anybody can lock one.
        let is_kept =
            |old: &Locked| old.with != With::Age && fresh.as_ref().is_ok_and(|fresh| fresh.with == old.with);
        let kept = old.filter(|old| is_kept(&old.key)).map(|old| &old.key);
        let kept =
            kept.and_then(|old| Some((key::open(old, &to.out, &passwords, &secrets).ok()?, old.clone())));
        if let (Some((key, _)), Some(old)) = (&kept, old)
            && !old.is_whole(key)
        {
            return Err(key::written_over(&to.out).into());
        }
        let (key, locked) = match kept {
            Some(kept) => kept,
            None => (key, fresh?),
        };
        let way = Way::Save { to, locked, hosts: Mutex::default() };
        Ok(Self { key, reporter: reporter.clone(), site: site.clone(), began: Instant::now(), way })
    }

    /// For a saved plan that is to be carried out.
    ///
    /// # Errors
    /// When its key is locked for others; what was read and is not what the plan was made of.
    pub fn hold(
        plan: SavedPlan,
        file: &Path,
        project: &Project,
        site: &Site,
        reporter: &Reporter,
    ) -> Result<Self, Diagnostics> {
        let (passwords, secrets) = (project.passwords(), site.secrets());
        let key = key::of_whole(&plan, file, &passwords, &secrets)?;
        if let Some(now) = &passwords.inputs {
            inputs::same(&plan, now, &Printer::new(&key))?;
        }
        let way = Way::Hold { plan: Box::new(plan), looked: AtomicBool::new(false) };
        Ok(Self { key, reporter: reporter.clone(), site: site.clone(), began: Instant::now(), way })
    }

    /// Whether no more may be done than a plan shows.
    pub fn is_exact(&self) -> bool {
        matches!(self.way, Way::Hold { .. })
    }

    /// Takes the plans of all hosts.
    ///
    /// # Errors
    /// Where they are not what was planned; empty when some host has no plan, of which it was said why.
    pub fn look(&self, planned: &[Planned], whole: bool) -> Result<(), Vec<(String, Failure)>> {
        let (printer, show) = (Printer::new(&self.key), |text: &str| self.reporter.redacted(text));
        let addresses = self.site.addresses();
        let of = |host: &Planned| {
            SavedHost::of(host, addresses.get(host.host).map(String::as_str), &printer, &show)
        };
        let now = || planned.iter().map(of).collect::<Vec<_>>();
        match &self.way {
            Way::Save { hosts, .. } => {
                *hosts.lock().unwrap_or_else(PoisonError::into_inner) = whole.then(now);
                Ok(())
            }
            Way::Hold { looked, .. } if looked.swap(true, Ordering::Relaxed) => Ok(()),
            Way::Hold { .. } if !whole => {
                let message = "nothing is done: the saved plan is for all of its hosts, or for none";
                self.reporter.show(Event::Warning { host: None, message: message.into() });
                Err(vec![])
            }
            Way::Hold { plan, .. } => {
                let moved = compare(&plan.hosts, &now(), By::Prints);
                let failed = moved.into_iter().map(|(host, causes)| (host, failure(causes)));
                let failed: Vec<_> = failed.collect();
                if failed.is_empty() { Ok(()) } else { Err(failed) }
            }
        }
    }

    /// Saves what is to be saved, once the run is over; says where, and what is different from the plan before it.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn finish(
        self,
        exit: Exit,
        project: &Project,
        about: &About,
        run: String,
    ) -> Result<Option<String>, Diagnostics> {
        let Way::Save { to: Saving { out, sign, refreshed }, locked, hosts } = self.way else {
            return Ok(None);
        };
        let not =
            |exit: Exit| Diagnostic::error(format!("the plan is not saved in {}", out.display())).exit(exit);
        let hosts = hosts.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Some(hosts) = hosts.filter(|_| matches!(exit, Exit::Done | Exit::Pending)) else {
            let cause = "a host could not be planned, and a plan is saved whole or not at all";
            return Err(not(exit).cause(cause).hint("leave such a host out with `--limit`").into());
        };
        if locked.with == With::Nothing {
            let hides = |host: &SavedHost| Some(format!("{} on `{}`", host.hides()?.title(), host.host));
            let hidden = hosts.iter().find_map(hides);
            let of_project = (!self.site.secrets().is_empty()).then(|| "the project".to_string());
            if let Some(whose) = hidden.or(of_project) {
                let cause =
                    format!("{whose} has a secret, and nothing is there to lock its fingerprint with");
                return Err(not(Exit::Config).cause(cause).hint(key::ANY_PASSWORD).into());
            }
        }
        let selection = selection(project, about);
        if let Some(hidden) =
            selection.extra_vars.iter().find(|vars| tells_a_secret(vars, project, &self.reporter))
        {
            let name = hidden.split(['=', ':']).next().unwrap_or_default();
            let error = not(Exit::Config)
                .cause(format!("`--extra-vars {}...` holds a secret", self.reporter.redacted(name)));
            return Err(error.hint("write the variables into a file that is encrypted: `-e @FILE`").into());
        }
        let passwords = project.passwords();
        let read = passwords.inputs.as_deref().map(|read| inputs::all(read, &Printer::new(&self.key)));
        let made = Made {
            run,
            who: about.who.split(" (").next().unwrap_or_default().into(),
            at: project.clock(),
            millis: self.began.elapsed().as_millis() as u64,
            program: about.program.clone(),
            agents: connection::digests().map(|(arch, own)| (arch.into(), own.into())).collect(),
        };
        let plan = SavedPlan::new(made, selection, read.unwrap_or_default(), (locked, &self.key), hosts);
        let text = file::text(&plan);
        let signature = sign.map(|key| trust::sign(text.as_bytes(), &key)).transpose()?;
        file::write(&out, &text, signature.as_deref())?;
        let told = refreshed.map(|old| difference(&old, &plan).0).unwrap_or_default();
        Ok(Some(format!("{told}saved in {}", out.display())))
    }
}

/// Whether a value of `--extra-vars` is one that must not be published, however it is written there.
fn tells_a_secret(vars: &str, project: &Project, reporter: &Reporter) -> bool {
    // A file is an input of its own, as it stands on disk.
    if vars.starts_with('@') {
        return false;
    }
    let Ok(parsed) = extra_vars(&[vars.to_owned()], &Disk { passwords: project.passwords() }) else {
        return true;
    };
    reporter.hides(vars)
        || parsed.iter().any(|(name, node)| {
            let json = node.to_json();
            names_a_secret(name, &json) || hides_any(&json, reporter)
        })
}

/// Whether a variable, or a field of one, has the name of a secret: nobody needs to have declared it. What is no text, and what leads to a
/// secret, is none.
fn names_a_secret(name: &str, value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Array(items) => items.iter().any(|item| names_a_secret(name, item)),
        serde_json::Value::Object(fields) => fields.iter().any(|(name, value)| names_a_secret(name, value)),
        serde_json::Value::Bool(_) | serde_json::Value::Null => false,
        _ => is_name_of_a_secret(name),
    }
}

fn is_name_of_a_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    if name.starts_with("ansible_") && name.contains("pass") {
        return true;
    }
    let words: Vec<&str> = name.split(['_', '-', '.']).collect();
    let last = words[words.len() - 1];
    let leads_to_it = ["file", "path", "name", "id", "length", "age", "url", "host", "port"];
    let is_open = words.iter().any(|word| ["public", "pub"].contains(word));
    !is_open
        && !leads_to_it.contains(&last)
        && (words.len() > 1 && last == "key"
            || ["password", "passwd", "passphrase", "secret", "token"].iter().any(|word| name.contains(word)))
}

fn hides_any(json: &serde_json::Value, reporter: &Reporter) -> bool {
    match json {
        serde_json::Value::Array(items) => items.iter().any(|item| hides_any(item, reporter)),
        serde_json::Value::Object(fields) => fields.values().any(|value| hides_any(value, reporter)),
        serde_json::Value::String(text) => reporter.hides(text),
        other => reporter.hides(&other.to_string()),
    }
}

fn selection(project: &Project, about: &About) -> Selection {
    Selection {
        inventory: inputs::written(&project.inventory),
        playbook: about.playbook.as_ref().map(|path| inputs::written(path.as_ref())).unwrap_or_default(),
        limit: project.limit.clone(),
        tags: project.tags.clone(),
        skip_tags: project.skip_tags.clone(),
        start_at_task: project.start_at_task.clone(),
        extra_vars: project.extra_vars.clone(),
    }
}

fn failure(causes: Vec<String>) -> Failure {
    Failure {
        message: "it is not as it was when the plan was made: nothing is done".into(),
        causes,
        hint: Some("`plan --refresh FILE` makes it anew, and says what is different".into()),
        exit: Exit::HostChanged as u8,
        place: None,
        excerpt: None,
        output: vec![],
        more: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_known_by_its_name() {
        for name in [
            "admin_password",
            "DB_PASSWD",
            "ansible_become_pass",
            "token",
            "api-token",
            "client_secret",
            "api_key",
            "private_key",
        ] {
            assert!(names_a_secret(name, &json!("x")), "{name}");
            assert!(names_a_secret("app", &json!({"list": [{ name: 12 }]})), "{name}");
        }
        for name in ["public_key", "ssh_pub_key", "key", "key_name", "monkey", "password_file", "secret_id"] {
            assert!(!names_a_secret(name, &json!("x")), "{name}");
        }
        // A switch is none.
        assert!(!names_a_secret("rotate_token", &json!(true)));
    }
}
