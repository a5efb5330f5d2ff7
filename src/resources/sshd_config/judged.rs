//! What sshd says of its configuration.

use super::spec::{FOLDER, Spec, names};
use crate::resource::Fault;

/// Of an answer to [`agent::wire::Probe::Sshd`].
#[derive(Default)]
pub struct Judged {
    now: Vec<String>,
    then: Vec<String>,
    first: Vec<String>,
    /// Place and line in other files.
    others: Vec<(String, String)>,
    /// The main file, when it does not read our folder.
    unread: Option<String>,
}

impl Judged {
    pub fn read(text: &str) -> Self {
        let mut judged = Self::default();
        for line in text.lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["now", line] => judged.now.push(line.into()),
                ["then", line] => judged.then.push(line.into()),
                ["first", line] => judged.first.push(line.into()),
                ["unread", main] => judged.unread = Some(main.into()),
                ["other", place, line] => judged.others.push((place.into(), line.into())),
                _ => {}
            }
        }
        judged
    }

    pub fn now(&self) -> String {
        self.now.iter().map(|line| format!("{line}\n")).collect()
    }

    pub fn then(&self) -> String {
        self.then.iter().map(|line| format!("{line}\n")).collect()
    }

    /// What these lines say of an option, whatever they call it.
    fn values(lines: &[String], names: &[String]) -> Vec<String> {
        let value = |line: &String| {
            let (name, value) = line.split_once(' ')?;
            names.iter().any(|known| known == name).then(|| value.trim().to_string())
        };
        lines.iter().filter_map(value).collect()
    }

    fn ports(lines: &[String]) -> Vec<u16> {
        Self::values(lines, &names("port")).iter().filter_map(|port| port.parse().ok()).collect()
    }

    /// The ports on which it listens: to an address with a port of its own `Port` is nothing.
    fn listening(lines: &[String]) -> Vec<u16> {
        let addresses = Self::values(lines, &names("listenaddress"));
        let mut ports: Vec<u16> = addresses.iter().filter_map(|address| port_of(address)).collect();
        if ports.is_empty() {
            ports = Self::ports(lines);
        }
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Where an address with a port of its own is named: one with this port, if there is one.
    fn address_line(&self, wanted: Option<u16>) -> Option<&str> {
        let named = self.others.iter().find(|(_, line)| {
            let port = line.strip_prefix("listenaddress ").and_then(port_of);
            port.is_some() && (wanted.is_none() || port == wanted)
        });
        named.map(|(place, _)| place.as_str())
    }

    /// Whether it will listen on other ports than now.
    pub fn moves(&self) -> bool {
        Self::listening(&self.now) != Self::listening(&self.then)
    }

    fn of_others(&self) -> Vec<(&str, u16)> {
        let port = |(place, line): &'_ (String, String)| -> Option<u16> {
            let _ = place;
            line.strip_prefix("port ")?.trim().trim_matches('"').parse().ok()
        };
        self.others.iter().filter_map(|other| Some((other.0.as_str(), port(other)?))).collect()
    }

    /// The ports that the file has to name: a line of another file counts as well.
    pub fn ports_to_name(&self, spec: &Spec) -> Vec<u16> {
        let Some(port) = spec.port else { return vec![] };
        let mut ports = if spec.drop_old_port { vec![] } else { Self::ports(&self.now) };
        ports.push(port);
        ports.sort_unstable();
        ports.dedup();
        let others = self.of_others();
        ports.retain(|port| !others.iter().any(|(_, other)| other == port));
        ports
    }

    /// Refuses what would not come to be as it is written.
    ///
    /// # Errors
    /// A fault that names the line that stands before it.
    pub fn check(&self, spec: &Spec) -> Result<(), Fault> {
        if let Some(port) = spec.port.filter(|_| spec.drop_old_port)
            && let Some((place, other)) = self.of_others().iter().find(|(_, other)| *other != port)
        {
            let fault = Fault::new(format!("sshd would listen on port {other} as well: {place} says so"));
            return Err(fault.hint("take that line out first, e.g. by `lineinfile`"));
        }
        if let Some(main) = &self.unread {
            let fault = Fault::new(format!("none of this would hold: {main} does not read {FOLDER}"));
            return Err(fault.hint(format!(
                "as its first line it needs `Include {FOLDER}/*.conf`, e.g. by `lineinfile` with `insertbefore: BOF`"
            )));
        }
        let listening = Self::listening(&self.then);
        if let Some(port) = spec.port.filter(|port| !listening.contains(port)) {
            let fault = Fault::new(format!("sshd would not listen on port {port}"));
            return Err(if Self::ports(&self.then).contains(&port) {
                let place = self.address_line(None).unwrap_or("`ListenAddress` of this task");
                fault
                    .hint(format!("{place} names an address with a port of its own: take the port out there"))
            } else {
                fault.hint("`sshd -T` says on which it would; look for `Match` before an `Include`")
            });
        }
        if let Some(port) = spec.port.filter(|_| spec.drop_old_port)
            && let Some(other) = listening.iter().find(|other| **other != port)
        {
            let place = self.address_line(Some(*other)).unwrap_or("`ListenAddress` of this task");
            let fault = Fault::new(format!("sshd would listen on port {other} as well: {place} says so"));
            return Err(fault.hint("take the port out of that address, so that `port` is the one it has"));
        }
        for key in spec.options.keys() {
            let names = names(key);
            let (mut then, first) = (Self::values(&self.then, &names), Self::values(&self.first, &names));
            if then == first {
                continue;
            }
            let before = self.others.iter().find(|(_, line)| {
                let name = line.split(' ').next().unwrap_or_default();
                names.iter().any(|known| known == name)
            });
            let place = before.map_or("another line".to_string(), |(place, _)| place.clone());
            then.dedup();
            let then = if then.is_empty() { "unset".into() } else { then.join(", ") };
            let fault = Fault::new(format!(
                "`{key}` would be `{then}`: {place} comes first, and the first line wins"
            ));
            return Err(fault.hint("a `name` that is before it in the alphabet, or take that line out"));
        }
        Ok(())
    }

    /// What a person should know of the ports.
    pub fn notes(&self, spec: &Spec) -> Vec<String> {
        let silent = |key: &&String| Self::values(&self.then, &names(key)).is_empty();
        let note =
            |key: &String| format!("sshd does not say what it makes of `{key}`: it may not know it any more");
        spec.options.keys().filter(silent).map(note).chain(self.port_notes(spec)).collect()
    }

    fn port_notes(&self, spec: &Spec) -> Vec<String> {
        let Some(port) = spec.port.filter(|_| !spec.drop_old_port) else { return vec![] };
        let old: Vec<String> =
            Self::listening(&self.now).iter().filter(|other| **other != port).map(u16::to_string).collect();
        if old.is_empty() {
            return vec![];
        }
        let old = old.join(", ");
        vec![format!(
            "sshd keeps listening on port {old}: set `ansible_port` to {port}, then say `drop_old_port: true`"
        )]
    }
}

/// The port of an address: `0.0.0.0:22`, `[::]:22 rdomain x`.
fn port_of(address: &str) -> Option<u16> {
    let address = address.split_whitespace().next()?.trim_matches('"');
    let (host, port) = address.rsplit_once(':')?;
    // Of an IPv6 address without one, that is a part.
    (!host.contains(':') || host.ends_with(']')).then(|| port.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_option_is_judged_by_all_its_names() {
        let spec = spec(
            r#"{"options": {"ChallengeResponseAuthentication": false, "KeepAlive": true, "UseLogin": false}}"#,
        );
        let wins = "other\t/etc/ssh/sshd_config.d/00-a.conf:1\tkbdinteractiveauthentication yes\n";
        let (then, first) = ("then\ttcpkeepalive yes\nthen\tkbd", "first\ttcpkeepalive yes\nfirst\tkbd");
        let judged =
            format!("{then}interactiveauthentication yes\n{wins}{first}interactiveauthentication no\n");
        let judged = Judged::read(&judged);
        let fault = judged.check(&spec).unwrap_err();
        let why = "`ChallengeResponseAuthentication` would be `yes`: /etc/ssh/sshd_config.d/00-a.conf:1 comes first";
        assert!(fault.message.starts_with(why), "{}", fault.message);
        assert_eq!(judged.notes(&spec).len(), 1, "{:?}", judged.notes(&spec));
        // An older sshd keeps two of them apart.
        let old = "W\tchallengeresponseauthentication no\nW\tkbdinteractiveauthentication yes\nW\ttcpkeepalive yes\n";
        let said = old.replace('W', "then") + &old.replace('W', "first");
        assert!(Judged::read(&said).check(&spec).is_ok());
    }

    #[test]
    fn both_ports_are_named_until_the_old_one_is_dropped() {
        let judged = Judged::read("now\tport 22\nthen\tport 22\n");
        assert_eq!(judged.ports_to_name(&spec(r#"{"port": 2222}"#)), [22, 2222]);
        assert_eq!(judged.ports_to_name(&spec(r#"{"port": 2222, "drop_old_port": true}"#)), [2222]);
        assert_eq!(judged.ports_to_name(&spec(r#"{"options": {}}"#)), [] as [u16; 0]);
        let other = Judged::read("now\tport 22\nother\t/etc/ssh/sshd_config:5\tport 22\n");
        assert_eq!(other.ports_to_name(&spec(r#"{"port": 2222}"#)), [2222]);
        let fault = other.check(&spec(r#"{"port": 2222, "drop_old_port": true}"#)).unwrap_err();
        assert!(fault.message.contains("/etc/ssh/sshd_config:5"), "{}", fault.message);
    }

    /// As `sshd -T` prints them.
    #[test]
    fn an_address_with_a_port_of_its_own_is_told() {
        let lines = |when: &str, lines: &str| -> String {
            lines.split(';').map(|line| format!("{when}\t{line}\n")).collect()
        };
        let own = "other\t/etc/ssh/sshd_config:9\tlistenaddress 10.0.0.1:22\n";
        let now = lines("now", "port 22;listenaddress 10.0.0.1:22");
        let stuck = now.clone() + &lines("then", "port 2222;listenaddress 10.0.0.1:22") + own;
        let fault = Judged::read(&stuck).check(&spec(r#"{"port": 2222}"#)).unwrap_err();
        assert_eq!(fault.message, "sshd would not listen on port 2222");
        assert!(fault.hint.unwrap().starts_with("/etc/ssh/sshd_config:9 names an address"));
        let both = now + &lines("then", "port 2222;listenaddress 10.0.0.1:22;listenaddress [::]:2222") + own;
        let fault = Judged::read(&both).check(&spec(r#"{"port": 2222, "drop_old_port": true}"#)).unwrap_err();
        assert_eq!(fault.message, "sshd would listen on port 22 as well: /etc/ssh/sshd_config:9 says so");
        assert!(Judged::read(&both).check(&spec(r#"{"port": 2222}"#)).is_ok());
        let notes = Judged::read(&both).notes(&spec(r#"{"port": 2222}"#));
        assert!(notes[0].contains("keeps listening on port 22"), "{notes:?}");
        let usual = lines("then", "port 2222;listenaddress [::]:2222;listenaddress 0.0.0.0:2222");
        assert!(Judged::read(&usual).check(&spec(r#"{"port": 2222, "drop_old_port": true}"#)).is_ok());
        assert_eq!(
            ["::", "fe80::1", "[::1]:22", "host:22", "[::]:22 rdomain a", "*"].map(port_of),
            [None, None, Some(22), Some(22), Some(22), None]
        );
    }

    #[test]
    fn a_port_on_which_nothing_would_listen_is_refused() {
        let wanted = spec(r#"{"port": 2222, "drop_old_port": true}"#);
        let fault = Judged::read("now\tport 22\nthen\tport 22\nunread\t/etc/ssh/sshd_config\n");
        let fault = fault.check(&wanted).unwrap_err();
        assert!(fault.message.contains("does not read /etc/ssh/sshd_config.d"), "{}", fault.message);
        let fault = Judged::read("now\tport 22\nthen\tport 22\n").check(&wanted).unwrap_err();
        assert_eq!(fault.message, "sshd would not listen on port 2222");
        assert!(Judged::read("now\tport 22\nthen\tport 2222\n").check(&wanted).is_ok());
    }

    #[test]
    fn an_earlier_line_is_named() {
        let judged = Judged::read(
            "now\tpasswordauthentication yes\nthen\tpasswordauthentication yes\nfirst\tpasswordauthentication no\n\
             other\t/etc/ssh/sshd_config.d/50-cloud-init.conf:1\tpasswordauthentication yes\n",
        );
        let fault = judged.check(&spec(r#"{"options": {"PasswordAuthentication": false}}"#)).unwrap_err();
        assert!(
            fault.message.contains("would be `yes`: /etc/ssh/sshd_config.d/50-cloud-init.conf:1 comes first")
        );
    }
}
