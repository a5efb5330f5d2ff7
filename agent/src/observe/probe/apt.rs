//! What apt will make of its configuration when some of its files are others.

use super::{SOON, output};
use crate::child::{self, probe, which};
use crate::observe::private::Folder;
use crate::secret::Content;
use crate::wire::{Exec, Output};
use std::fs;

const PARTS: &str = "/etc/apt/apt.conf.d";

/// The lines of a dump that set one of these keys, in lower case; those of a list by the key of the list.
fn set<'t>(dump: &'t str, keys: &'t [String]) -> impl Iterator<Item = &'t str> {
    dump.lines().filter(move |line| {
        let name = line.split(' ').next().unwrap_or_default().to_ascii_lowercase();
        keys.iter()
            .any(|key| name.strip_prefix(key.as_str()).is_some_and(|rest| rest.is_empty() || rest == "::"))
    })
}

pub fn config(files: &[(String, Option<String>)], keys: &[String]) -> Result<Output, String> {
    if which("apt-config").is_none() {
        return Ok(output(127, ""));
    }
    let folder = Folder::make("apt")?;
    let parts = folder.path.join("parts");
    fs::create_dir(&parts).map_err(crate::reason)?;
    for entry in fs::read_dir(PARTS).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_file() && !files.iter().any(|(own, _)| *own == name) {
            let bytes = fs::read(entry.path()).map_err(|e| format!("{name}: {}", crate::reason(e)))?;
            folder.write(&format!("parts/{name}"), &bytes)?;
        }
    }
    for (name, content) in files.iter().filter_map(|(name, content)| Some((name, content.as_ref()?))) {
        folder.write(&format!("parts/{name}"), content.as_bytes())?;
    }
    let parts = parts.to_string_lossy().into_owned();
    // Read before all others: it says where the others are.
    let lead = folder.write("apt.conf", format!("Dir::Etc::parts \"{parts}\";\n").as_bytes())?;
    let mut exec = Exec::new(["apt-config", "dump"]);
    exec.env.push(("APT_CONFIG".into(), Content::from(lead.as_str())));
    exec.timeout_s = SOON.as_secs() as u32;
    let mut then = child::output_or_code(child::run(&exec, &mut |_| {}), false);
    if then.code != 0 {
        let said = String::from_utf8_lossy(then.stderr.bytes()).replace(&parts, PARTS);
        then.stderr = Content::new(said, false);
        then.stdout = Content::from("");
        return Ok(then);
    }
    let now = probe(&["apt-config", "dump"], None, SOON);
    let mut text = String::new();
    for (when, dump) in [("now", &now), ("then", &then)] {
        let dump = String::from_utf8_lossy(dump.stdout.bytes()).into_owned();
        set(&dump, keys).for_each(|line| text.push_str(&format!("{when}\t{line}\n")));
    }
    Ok(output(0, text))
}

#[cfg(test)]
mod tests {
    use super::set;

    #[test]
    fn lines_of_a_dump_are_found_by_their_key() {
        let dump = "APT::Periodic \"\";\nAPT::Periodic::Unattended-Upgrade \"1\";\nUnattended-Upgrade \"\";\n\
                    Unattended-Upgrade::Origins-Pattern \"\";\nUnattended-Upgrade::Origins-Pattern:: \"origin=Debian\";\n\
                    Unattended-Upgrade::Mail \"root\";\nUnattended-Upgrade::MailReport \"always\";\n";
        let keys =
            ["unattended-upgrade::origins-pattern".to_string(), "unattended-upgrade::mail".to_string()];
        assert_eq!(
            set(dump, &keys).collect::<Vec<_>>(),
            [
                "Unattended-Upgrade::Origins-Pattern \"\";",
                "Unattended-Upgrade::Origins-Pattern:: \"origin=Debian\";",
                "Unattended-Upgrade::Mail \"root\";"
            ]
        );
    }
}
