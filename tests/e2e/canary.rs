//! The lab's secrets as canaries: searched wherever they must not be.

use crate::guest::Guest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Where the secrets belong on a host.
const ENV_FILE: &str = "/data/LUStores/.env.prod";

pub struct Canary {
    /// What is searched: each secret's core, which no quoting changes, and its base64 at any alignment.
    forms: BTreeSet<String>,
    /// No secret: a word that the search has to find, or it would not find secrets either.
    control: String,
}

impl Canary {
    pub fn new() -> Self {
        Self { forms: BTreeSet::new(), control: format!("canary-control-{}", random(12)) }
    }

    /// `core`: the part of a secret that stands as it is in any quoting of it.
    pub fn add(&mut self, core: &str) {
        assert!(
            core.len() >= 16 && core.bytes().all(|b| b.is_ascii_alphanumeric()),
            "not a core of a secret"
        );
        self.forms.insert(core.to_owned());
        for shift in 0..3 {
            let bytes = [&vec![0; shift][..], core.as_bytes()].concat();
            let encoded = STANDARD_NO_PAD.encode(&bytes);
            // The characters at both ends depend on what stands next to it.
            self.forms.insert(encoded[(shift * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned());
        }
    }

    fn finder(&self) -> regex::bytes::Regex {
        let all: Vec<String> =
            self.forms.iter().chain([&self.control]).map(|form| regex::escape(form)).collect();
        regex::bytes::Regex::new(&all.join("|")).unwrap()
    }

    /// Starts to look at the processes' arguments here and on a machine.
    pub fn watch(&self, guest: &Guest) -> Watch {
        let (stop, found) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeSet::new())));
        let here = {
            let (stop, found, finder) = (stop.clone(), found.clone(), self.finder());
            std::thread::spawn(move || {
                let mut looked = 0;
                while !stop.load(Ordering::Relaxed) {
                    for process in fs::read_dir("/proc").unwrap().flatten() {
                        let Ok(line) = fs::read(process.path().join("cmdline")) else { continue };
                        looked += 1;
                        if finder.is_match(&line) {
                            let line = String::from_utf8_lossy(&line).replace('\0', " ");
                            found.lock().unwrap().insert(format!("controller: {line}"));
                        }
                    }
                    std::thread::sleep(Duration::from_millis(250));
                }
                looked
            })
        };
        let there = self.watch_guest(guest, found.clone());
        Watch { stop, found, here, there, control: self.control.clone() }
    }

    fn watch_guest(&self, guest: &Guest, found: Arc<Mutex<BTreeSet<String>>>) -> (Child, JoinHandle<()>) {
        // Patterns come on stdin, in hex; the end of stdin ends it.
        let script = r#"exec perl -e '$| = 1;
            while (<STDIN>) { chomp; last if $_ eq ""; push @forms, pack("H*", $_) }
            for (;;) {
                for $path (glob "/proc/[0-9]*/cmdline") {
                    open($file, "<", $path) or next;
                    { local $/; $line = <$file> }
                    next unless defined $line;
                    $looked++;
                    for (@forms) { if (index($line, $_) >= 0) { $line =~ tr/\0\n/  /; print "found $line\n"; last } }
                }
                $ready = ""; vec($ready, 0, 1) = 1;
                last if select($ready, undef, undef, 1.5);
            }
            print "looked $looked\n"'"#;
        let mut child = guest.ssh(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for form in self.forms.iter().chain([&self.control]) {
            let hex: String = form.bytes().map(|byte| format!("{byte:02x}")).collect();
            writeln!(stdin, "{hex}").unwrap();
        }
        writeln!(stdin).unwrap();
        child.stdin = Some(stdin);
        let (output, name) = (BufReader::new(child.stdout.take().unwrap()), guest.name);
        let reader = std::thread::spawn(move || {
            for line in output.lines() {
                found.lock().unwrap().insert(format!("{name}: {}", line.unwrap()));
            }
        });
        (child, reader)
    }

    /// Files on a machine that hold a secret and are none of those where it belongs. These are: `.env.prod`; what it was
    /// before, which the agent keeps for a way back; and Docker's and containerd's own descriptions of the containers, which
    /// hold their environment by nature. Of these it is proved that only root can read them.
    pub fn found_on(&self, guest: &Guest) -> Vec<String> {
        // All of the disks and of what is in memory only, but for files of packages and layers of images; what containers wrote
        // into layers of their own; and the journal by its own reader, since it packs long lines.
        let script = r#"set -eu; umask 077
            trap 'rm -f /run/canary-forms' EXIT; cat > /run/canary-forms
            since=$(stat -c %Y /etc/machine-id)
            if journalctl -a -o cat --no-pager -q | grep -qaF -f /run/canary-forms; then echo "no the journal"; fi
            upper=$(docker ps -aq | xargs -r docker inspect -f '{{.GraphDriver.Data.UpperDir}}')
            { find / /db /run /tmp /dev/shm -xdev \( -path '/usr/[bls]*' ! -path '/usr/local*' -o -path /run/docker/netns \
                -o -path /var/lib/docker/overlay2 \) -prune -o -type f -newerct "@$since" ! -path /run/canary-forms -print0
                find $upper -xdev -type f -print0; } |
                xargs -0 -r grep -laF -f /run/canary-forms -- | sort -u | while read -r path; do
                private=no; folder=$path
                case $(stat -c %a:%U "$path") in *00:root) private=yes ;; esac
                while folder=$(dirname "$folder"); [ "$folder" != / ]; do
                    case $(stat -c %a:%U "$folder") in *[0-7][0-7]0:root) private=yes ;; esac
                done
                echo "$private $path"
            done"#;
        let forms: String = self.forms.iter().map(|form| format!("{form}\n")).collect();
        let listed =
            guest.try_sh(script, forms.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", guest.name));
        let listed: Vec<(&str, &str)> = listed.lines().filter_map(|line| line.split_once(' ')).collect();
        assert!(
            listed.contains(&("yes", ENV_FILE)),
            "{}: the search does not even find {ENV_FILE}, private: {listed:?}",
            guest.name
        );
        let belongs = |path: &str| {
            path == ENV_FILE
                || path.starts_with("/var/lib/provision-agent/runs/") && path.contains("/saved/")
                || path.starts_with("/var/lib/docker/containers/") && path.ends_with("/config.v2.json")
                || path.starts_with("/run/containerd/") && path.ends_with("/config.json")
                || path.starts_with("/var/lib/containerd/") && path.ends_with("/meta.db")
        };
        let wrong = listed.iter().filter(|(private, path)| *private != "yes" || !belongs(path));
        wrong.map(|(private, path)| format!("{}: {path} (only for root: {private})", guest.name)).collect()
    }

    /// Files here that hold a secret, below any of these. The first one is ours to write into.
    pub fn found_in(&self, places: &[PathBuf]) -> Vec<String> {
        let finder = self.finder();
        // A search that finds nothing has to find this.
        let control = places[0].join("control");
        fs::write(&control, &self.control).unwrap();
        let (mut found, mut looked) = (vec![], 0);
        let mut open: Vec<PathBuf> = places.to_vec();
        while let Some(path) = open.pop() {
            let Ok(kind) = fs::symlink_metadata(&path) else { continue };
            if kind.is_dir() {
                let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                open.extend(entries.map(|entry| entry.path()).filter(|path| !is_left_out(path)));
            } else if kind.is_file() {
                looked += 1;
                let mut content = vec![];
                let _ = fs::File::open(&path).and_then(|mut file| file.read_to_end(&mut content));
                if finder.is_match(&content) {
                    found.push(path.display().to_string());
                }
            }
        }
        assert!(looked > 50, "only {looked} files were looked at");
        println!("   {looked} files on the controller");
        let control = control.display().to_string();
        assert!(found.contains(&control), "the search does not even find {control}");
        found.retain(|path| *path != control);
        found
    }
}

/// The machines' disks and memory are searched from within; what was compiled, and git's packed objects, are no places
/// that a run writes to.
fn is_left_out(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    matches!(name, "target" | ".git" | "machines" | "frozen" | "images" | "stack") || name.ends_with(".tar")
}

/// Looks at processes until it is asked what it saw.
pub struct Watch {
    stop: Arc<AtomicBool>,
    found: Arc<Mutex<BTreeSet<String>>>,
    here: JoinHandle<usize>,
    there: (Child, JoinHandle<()>),
    control: String,
}

impl Watch {
    /// Command lines with a secret in them. Proves first that one with the control word is seen everywhere.
    pub fn end(self, guest: &Guest) -> Vec<String> {
        guest.sh(&format!("sh -c 'sleep 6; :' {}", self.control));
        self.stop.store(true, Ordering::Relaxed);
        println!("   {} command lines on the controller", self.here.join().unwrap());
        let (mut child, reader) = self.there;
        drop(child.stdin.take());
        child.wait().unwrap();
        reader.join().unwrap();
        let found = self.found.lock().unwrap();
        let (control, found): (Vec<_>, Vec<_>) = found.iter().partition(|line| line.contains(&self.control));
        for place in ["controller", guest.name] {
            let seen = control.iter().any(|line| line.starts_with(place));
            assert!(seen, "{place}: processes were not looked at: {control:?} {found:?}");
        }
        let (looked, found): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|line| line.contains(": looked "));
        for line in looked {
            println!("   {line} command lines");
        }
        found.into_iter().cloned().collect()
    }
}

/// Letters and digits.
pub fn random(length: usize) -> String {
    let mut bytes = vec![0; length];
    fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).unwrap();
    bytes.iter().map(|byte| char::from(b"abcdefghijkmnpqrstuvwxyzABCDEFGH"[usize::from(byte % 32)])).collect()
}
