//! A project in a folder of its own, for tests.

use agent::secret::Secret;
use lustores_provision::{
    cli::{files::Disk, programs::run},
    diag::{Diagnostics, Exit, render},
    resources,
    site::{Controller, HostTasks, Options, Site},
    vault::{Password, Passwords},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

pub struct Project {
    pub dir: tempfile::TempDir,
    pub limit: Option<&'static str>,
    pub tags: Vec<String>,
    pub skip_tags: Vec<String>,
    pub extra: Vec<String>,
    /// Of the vaults in it.
    pub password: Option<&'static str>,
    pub controller: Controller,
}

pub const INVENTORY: &str = "all:\n  hosts: {a: , b: , c: }\n  children:\n    web: {hosts: {a: , b: }}\n";

impl Project {
    /// With an inventory of the hosts a, b, c, of which a and b are in the group web, unless one is given.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        for (path, text) in [("inventory.yml", INVENTORY)].iter().chain(files) {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        Self {
            dir,
            limit: None,
            tags: vec![],
            skip_tags: vec![],
            extra: vec![],
            password: None,
            controller: Controller::default(),
        }
    }

    /// One play for all hosts with these tasks.
    pub fn tasks(tasks: &str) -> Self {
        Self::new(&[("site.yml", &format!("- hosts: all\n  tasks:\n{tasks}"))])
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn load(&self) -> Result<Site, Diagnostics> {
        let passwords = Arc::new(Passwords::new(
            self.password.iter().map(|text| Password { label: None, text: Secret::new(*text) }).collect(),
        ));
        let files = Disk { passwords: passwords.clone() };
        Site::load(Options {
            inventory: &self.path("inventory.yml"),
            playbook: &self.path("site.yml"),
            passwords: &passwords,
            run: &run,
            extra_vars: lustores_provision::site::extra_vars(&self.extra, &files)?,
            files: Arc::new(files),
            types: resources::TABLE,
            limit: self.limit,
            tags: &self.tags,
            skip_tags: &self.skip_tags,
            start_at_task: None,
            controller: self.controller.clone(),
        })
    }

    pub fn site(&self) -> Site {
        self.load().unwrap_or_else(|errors| panic!("{}", self.text(&errors)))
    }

    pub fn host(&self, name: &str) -> HostTasks {
        self.site().host(name, None).unwrap_or_else(|errors| panic!("{}", self.text(&errors)))
    }

    /// All that is wrong, as it is shown. It is bad configuration, and looking for it touches no file.
    #[track_caller]
    pub fn errors(&self) -> String {
        let before = names(self.dir.path());
        let errors = match self.load() {
            Ok(site) => site.validate(),
            Err(errors) => errors,
        };
        let text = self.text(&errors);
        let expected = if errors.0.is_empty() { Exit::Done } else { Exit::Config };
        assert_eq!(errors.exit(), expected, "{text}");
        assert_eq!(names(self.dir.path()), before, "files were made:\n{text}");
        text
    }

    pub fn text(&self, errors: &Diagnostics) -> String {
        let text: Vec<String> = errors.0.iter().map(|d| render(d, false)).collect();
        text.join("\n").replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// All that is below a folder, with the time of the last change.
fn names(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let meta = path.symlink_metadata().expect("it is there");
        if meta.is_dir() {
            found.extend(names(&path));
        }
        found.insert(path, meta.modified().expect("a time"));
    }
    found
}

#[track_caller]
pub fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}
