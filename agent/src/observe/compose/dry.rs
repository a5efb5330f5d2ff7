//! What compose is asked to do, dry, and what is read of its answer.

use crate::wire::ComposeAsk;

/// What a dry run says of a container that is read; the rest (`Waiting`, warnings with the time) moves by itself.
/// Of a network, only that it goes is.
const VERDICTS: &[&str] = &[
    "Running",
    "Recreate",
    "Recreated",
    "Create",
    "Creating",
    "Created",
    "Start",
    "Starting",
    "Started",
    "Restarting",
    "Stop",
    "Stopping",
    "Stopped",
    "Remove",
    "Removing",
    "Removed",
];

/// The dry run as compose takes it.
pub fn words(ask: &ComposeAsk) -> Vec<String> {
    let mut words = vec!["--dry-run".to_string()];
    let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_string()));
    let (verb, services) = match ask {
        // Not `up`: a dry one also waits for what is really unhealthy or has ended, and fails with it. Nor does it pull: even a dry one
        // asks registries, not as the daemon does (its proxy, its certificates, `insecure-registries`), and before an earlier task has
        // logged in; and a dry build (`pull_policy: build`) would come out different each time.
        ComposeAsk::Up { recreate, scale } => {
            add(&["create", "--pull", "never"]);
            match recreate {
                Some(true) => add(&["--force-recreate"]),
                Some(false) => add(&["--no-recreate"]),
                None => {}
            }
            scale.iter().for_each(|(service, count)| add(&["--scale", &format!("{service}={count}")]));
            return words;
        }
        ComposeAsk::Down { orphans, services } => {
            add(&["down"]);
            if *orphans {
                add(&["--remove-orphans"]);
            }
            (None, services)
        }
        ComposeAsk::Stop { services } => (Some("stop"), services),
        ComposeAsk::Restart { services } => (Some("restart"), services),
    };
    verb.iter().for_each(|verb| add(&[verb]));
    if !services.is_empty() {
        add(&["--"]);
        services.iter().for_each(|service| add(&[service]));
    }
    words
}

/// The lines of a dry run that say what becomes of a container, and that a network goes, sorted.
pub fn decisions(told: &str) -> String {
    let decides = |line: &&str| {
        let mut words = line.split_whitespace().skip_while(|word| !matches!(*word, "Container" | "Network"));
        match (words.next(), words.nth(1)) {
            (Some("Container"), Some(word)) => VERDICTS.contains(&word),
            (Some("Network"), Some(word)) => word == "Removing",
            _ => false,
        }
    };
    let mut lines: Vec<&str> = told.lines().map(str::trim).filter(decides).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_by_itself_is_left_out_and_the_rest_is_in_order() {
        let told = "time=\"2026-01-01T00:00:00Z\" level=warning msg=\"obsolete\"\n DRY-RUN MODE -  Container b-1  Running\n \
                    DRY-RUN MODE -  Container a-1  Waiting\n DRY-RUN MODE -  Container a-1  Recreate\n";
        assert_eq!(
            decisions(told),
            "DRY-RUN MODE -  Container a-1  Recreate\nDRY-RUN MODE -  Container b-1  Running"
        );
    }

    /// As compose 2.26.1 says it.
    #[test]
    fn networks_that_go_are_told_and_no_others() {
        let told = " DRY-RUN MODE -  Container shop-web-1  Removed\n DRY-RUN MODE -  Network shop_back  Removing\n \
                    DRY-RUN MODE -  Network shop_back  Resource is still in use\n DRY-RUN MODE -  Network a_b  Created\n \
                    DRY-RUN MODE -  Volume \"shop_data\"  Removing\n";
        assert_eq!(
            decisions(told),
            "DRY-RUN MODE -  Container shop-web-1  Removed\nDRY-RUN MODE -  Network shop_back  Removing"
        );
    }

    #[test]
    fn what_is_asked_names_services_behind_the_options() {
        let services = vec!["web".to_string()];
        for (ask, expected) in [
            (ComposeAsk::Up { recreate: None, scale: vec![] }, "--dry-run create --pull never"),
            (
                ComposeAsk::Up { recreate: Some(true), scale: vec![("web".into(), 3), ("db".into(), 0)] },
                "--dry-run create --pull never --force-recreate --scale web=3 --scale db=0",
            ),
            (
                ComposeAsk::Up { recreate: Some(false), scale: vec![] },
                "--dry-run create --pull never --no-recreate",
            ),
            (ComposeAsk::Down { orphans: true, services: vec![] }, "--dry-run down --remove-orphans"),
            (ComposeAsk::Down { orphans: false, services: services.clone() }, "--dry-run down -- web"),
            (ComposeAsk::Stop { services: vec![] }, "--dry-run stop"),
            (ComposeAsk::Restart { services }, "--dry-run restart -- web"),
        ] {
            assert_eq!(words(&ask).join(" "), expected);
        }
    }
}
