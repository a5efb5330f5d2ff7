//! Archives that the usual programs made, and some that nobody should have.

use super::folder::{Differences, Why, differences};
use crate::act::journal::Journal;
use crate::observe::Names;
use crate::secret::Content;
use crate::wire::{Algorithm, Apply, Archive, Digest, Op, Response, Unpack};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

struct Place(tempfile::TempDir);

impl Place {
    /// A tree with all that an archive may hold, in `src`, and an empty folder `dest`.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let long = "long-name-".repeat(12);
        let deep = place.at(&format!("src/top/{long}/{long}"));
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(place.at("dest")).unwrap();
        fs::write(place.at("src/top/it's \"é\".txt"), "text\n").unwrap();
        fs::write(place.at("src/top/empty"), "").unwrap();
        fs::write(
            deep.join("large"),
            (0..300_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect::<Vec<_>>(),
        )
        .unwrap();
        fs::write(place.at("src/top/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(place.at("src/top/run"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("run", place.at("src/top/link")).unwrap();
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn sh(&self, script: &str) {
        let done = Command::new("sh").args(["-ec", script]).current_dir(self.0.path()).status().unwrap();
        assert!(done.success(), "{script}");
    }

    fn wish(&self, archive: &str) -> Unpack {
        Unpack {
            from: Archive::OnHost(self.at(archive).to_str().unwrap().into()),
            dest: self.at("dest").to_str().unwrap().into(),
            strip: 1,
            include: vec![],
            exclude: vec![],
            checksum: None,
            mode: None,
            owner: None,
            group: None,
        }
    }

    fn unpack(&self, wish: &Unpack) -> Result<(), String> {
        let journal = Journal::new(self.at("state"), "run");
        fs::create_dir_all(self.at("state")).unwrap();
        let apply = Apply {
            task: "t".into(),
            guard: vec![],
            ops: vec![Op::Unpack(wish.clone())],
            then: vec![],
            dues: None,
        };
        match crate::act::apply(&apply, &journal, &mut |_| {}) {
            Response::Applied { .. } => Ok(()),
            Response::OpFailed { message, .. } => Err(message),
            other => panic!("{other:?}"),
        }
    }

    /// Kind, mode and content of all that is in a folder.
    fn tree(&self, folder: &str) -> Vec<(String, u32, Vec<u8>)> {
        fn walk(folder: &Path, root: &Path, found: &mut Vec<(String, u32, Vec<u8>)>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let meta = path.symlink_metadata().unwrap();
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                if meta.is_dir() {
                    found.push((name, meta.mode(), vec![]));
                    walk(&path, root, found);
                } else if meta.is_symlink() {
                    found.push((
                        name,
                        0,
                        fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                    ));
                } else {
                    found.push((name, meta.mode(), fs::read(&path).unwrap()));
                }
            }
        }
        let (root, mut found) = (self.at(folder), vec![]);
        walk(&root, &root, &mut found);
        found.sort();
        found
    }
}

fn look(wish: &Unpack) -> Result<Differences, Why> {
    differences(wish, &mut Names::default())
}

fn refused(wish: &Unpack) -> String {
    look(wish).map(|found| panic!("{found:?}")).unwrap_err().message()
}

const MADE_BY: &[(&str, &str)] = &[
    ("gnu.tar", "tar -C src -cf gnu.tar top"),
    ("pax.tar", "tar -C src --format=pax -cf pax.tar ./top"),
    ("a.tar.gz", "tar -C src -czf a.tar.gz top"),
    ("a.tar.xz", "tar -C src -cJf a.tar.xz top"),
    ("a.tar.zst", "tar -C src --zstd -cf a.tar.zst top"),
    ("a.zip", "cd src && zip -qry ../a.zip top"),
    ("stored.zip", "cd src && zip -qry0 ../stored.zip top"),
];

#[test]
fn what_was_packed_is_unpacked_and_then_nothing_differs() {
    for (archive, made) in MADE_BY {
        let place = Place::new();
        place.sh(made);
        let wish = place.wish(archive);
        assert_eq!(look(&wish).unwrap().len(), 7, "{archive}");
        place.unpack(&wish).unwrap_or_else(|why| panic!("{archive}: {why}"));
        assert_eq!(place.tree("dest"), place.tree("src/top"), "{archive}");
        assert_eq!(look(&wish).unwrap(), Differences::new(), "{archive}");
        let sent =
            Unpack { from: Archive::Sent(Content::new(fs::read(place.at(archive)).unwrap(), true)), ..wish };
        assert_eq!(look(&sent).unwrap(), Differences::new(), "{archive}");
    }
}

#[test]
fn what_differs_is_mended_and_nothing_else() {
    let place = Place::new();
    place.sh("tar -C src -czf a.tar.gz top; date > dest/other");
    let wish = place.wish("a.tar.gz");
    place.unpack(&wish).unwrap();
    let (inode, good) = (|name: &str| place.at(name).metadata().unwrap().ino(), place.tree("dest"));
    let kept = inode("dest/empty");
    for (by_hand, path, before) in [
        ("echo more >> dest/run", "run", "file 0755, 15 bytes, "),
        ("chmod 0600 dest/run", "run", "file 0600, 10 bytes, "),
        ("ln -sfn /etc dest/link", "link", "link to /etc"),
        ("ln -sf /etc/passwd dest/run", "run", "link to /etc/passwd"),
    ] {
        place.sh(by_hand);
        let found = look(&wish).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), [path], "{by_hand}");
        assert!(found[path].0.as_ref().unwrap().starts_with(before), "{found:?}");
        place.unpack(&wish).unwrap();
        assert_eq!(place.tree("dest"), good, "{by_hand}");
    }
    assert_eq!(inode("dest/empty"), kept, "what is as it should be is not written again");
    assert_ne!(fs::read("/etc/passwd").unwrap(), b"#!/bin/sh\n");
}

#[test]
fn mode_owner_and_choice_are_the_tasks() {
    let place = Place::new();
    place.sh("tar -C src -cf a.tar top");
    let mut wish = place.wish("a.tar");
    (wish.mode, wish.owner, wish.group) = (Some(0o640), Some("daemon".into()), Some("1".into()));
    (wish.include, wish.exclude) = (vec!["top/long*".into(), "top/run".into()], vec!["*/large".into()]);
    place.unpack(&wish).unwrap();
    let tree = place.tree("dest");
    assert_eq!(tree.len(), 3, "{tree:?}");
    for (path, mode, _) in &tree {
        let meta = place.at("dest").join(path).metadata().unwrap();
        let wanted = if meta.is_dir() { 0o750 } else { 0o640 };
        assert_eq!((mode & 0o7777, meta.uid(), meta.gid()), (wanted, 1, 1), "{path}");
    }
    assert_eq!(look(&wish).unwrap(), Differences::new());
    place.sh("chown root dest/run");
    assert_eq!(
        look(&wish).unwrap()["run"].0.as_deref().unwrap().split(',').next(),
        Some("file 0640 root:daemon")
    );
}

#[test]
fn hard_links_are_files_with_two_names() {
    let place = Place::new();
    place.sh("ln src/top/run src/top/zzz; tar -C src -cf a.tar --sort=name top");
    let wish = place.wish("a.tar");
    place.unpack(&wish).unwrap();
    let inode = |name: &str| place.at(name).metadata().unwrap().ino();
    assert_eq!(inode("dest/run"), inode("dest/zzz"));
    place.sh("rm dest/zzz; echo other > dest/zzz");
    assert_eq!(look(&wish).unwrap().keys().collect::<Vec<_>>(), ["zzz"]);
    place.unpack(&wish).unwrap();
    assert_eq!(look(&wish).unwrap(), Differences::new());
    let without = Unpack { exclude: vec!["top/run".into()], ..wish };
    assert!(refused(&without).contains("another name"));
}

/// Members of a tar archive, as a program of somebody else's would write them.
fn evil(place: &Place, members: &str) -> Unpack {
    let script = format!(
        "import io, tarfile\nt = tarfile.open('evil.tar', 'w')\ndef add(name, kind=tarfile.REGTYPE, to='', text=b'x'):\n    i = tarfile.TarInfo(name)\n    i.type, i.linkname, i.size = kind, to, len(text) if kind == tarfile.REGTYPE else 0\n    t.addfile(i, io.BytesIO(text))\nS, H, C = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE\n{members}\nt.close()\n"
    );
    fs::write(place.at("evil.py"), script).unwrap();
    place.sh("python3 evil.py");
    Unpack { strip: 0, ..place.wish("evil.tar") }
}

#[test]
fn what_would_lead_out_of_the_folder_is_refused_and_nothing_is_written() {
    for (members, why) in [
        ("add('good'); add('../out')", "`../out` in the archive leads out"),
        ("add('good'); add('/etc/out')", "leads out"),
        ("add('good'); add('a/../../out')", "leads out"),
        ("add('l', S, '..'); add('l/out')", "is a link that leads out"),
        ("add('l', S, '/etc'); add('l/out')", "is a link that leads out"),
        ("add('l', S, '.'); add('m', S, 'l/..')", "is a link that leads out"),
        ("add('l', S, 'd'); add('l/x')", "lies behind a link"),
        ("add('h', H, '../../etc/passwd')", "another name"),
        ("add('h', H, '/etc/passwd')", "another name"),
        ("add('c', C)", "is a device"),
    ] {
        let place = Place::new();
        let wish = evil(&place, members);
        assert!(refused(&wish).contains(why), "{members}: {}", refused(&wish));
        assert!(place.unpack(&wish).unwrap_err().contains(why), "{members}");
        assert_eq!(place.tree("dest"), [], "{members}");
    }
}

#[test]
fn links_on_the_host_are_not_followed() {
    let place = Place::new();
    let wish = evil(&place, "add('d/x')");
    place.sh("mkdir out; ln -s ../out dest/d");
    assert!(refused(&wish).contains("is a link or a file, and is not entered"));
    place.unpack(&wish).unwrap_err();
    assert_eq!(place.tree("out"), []);
    place.sh("rm dest/d; mkdir -p dest/d/x");
    assert!(refused(&wish).contains("a directory is in the way of `d/x`"));
}

#[test]
fn the_last_of_one_name_counts() {
    let place = Place::new();
    let wish = evil(&place, "add('a', text=b'one'); add('b'); add('a', text=b'two')");
    place.unpack(&wish).unwrap();
    assert_eq!(fs::read(place.at("dest/a")).unwrap(), b"two");
    assert_eq!(look(&wish).unwrap(), Differences::new());
}

#[test]
fn what_is_broken_or_no_archive_is_said() {
    let place = Place::new();
    place.sh("tar -C src -czf a.tar.gz top; tar -C src -cf a.tar top; (cd src; zip -qr ../a.zip top)
         head -c 3000 a.tar.gz > cut.tar.gz; head -c 3000 a.tar > cut.tar; head -c 3000 a.zip > cut.zip
         echo hello > text; : > empty; (cd src; zip -qr -P x ../locked.zip top)");
    // Of a byte in the middle of what is compressed.
    for name in ["a.tar.gz", "a.zip"] {
        let mut bytes = fs::read(place.at(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        fs::write(place.at(&format!("bad-{name}")), bytes).unwrap();
    }
    for (name, why) in [
        ("cut.tar.gz", "unexpected end of file"),
        ("cut.tar", "cut short"),
        ("cut.zip", "no zip archive"),
        ("text", "neither a tar"),
        ("empty", "neither a tar"),
        ("locked.zip", "is encrypted"),
        ("bad-a.tar.gz", ""),
        ("bad-a.zip", ""),
        ("missing", "there is no file"),
    ] {
        let wish = place.wish(name);
        assert!(refused(&wish).contains(why), "{name}: {}", refused(&wish));
    }
    let hex = "0".repeat(64);
    let wish = Unpack { checksum: Some(Digest { algorithm: Algorithm::Sha256, hex }), ..place.wish("a.tar") };
    assert!(refused(&wish).contains("has another checksum: sha256:"));
}

#[test]
fn a_folder_that_is_missing_has_nothing_in_it() {
    let place = Place::new();
    place.sh("tar -C src -cf a.tar top; rmdir dest");
    let wish = place.wish("a.tar");
    assert_eq!(look(&wish).unwrap().len(), 7);
    assert!(place.unpack(&wish).unwrap_err().contains("cannot enter"));
}

#[test]
fn of_a_secret_archive_nothing_is_told_but_that_it_is_another() {
    let place = Place::new();
    place.sh("tar -C src -cf gnu.tar top");
    let bytes = fs::read(place.at("gnu.tar")).unwrap();
    let other = Some(Digest { algorithm: Algorithm::Sha256, hex: "0".repeat(64) });
    for (secret, shows) in [(false, true), (true, false)] {
        let from = Archive::Sent(Content::new(bytes.clone(), secret));
        let mut wish = Unpack { from, checksum: other.clone(), ..place.wish("gnu.tar") };
        let said = refused(&wish);
        assert!(
            said.contains("the archive has another checksum") && said.contains("sha256:") == shows,
            "{said}"
        );
        wish.checksum = None;
        let told = crate::observe::probe::run(&crate::wire::Probe::Unpacked(wish), &[]).unwrap();
        assert_eq!((told.code, told.stdout.is_secret()), (0, secret));
    }
}
