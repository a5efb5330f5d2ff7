//! What ssh printed when it failed, as an error that says what to do.

use super::error::{Kind, LinkError};

/// What ssh would do for a host, from `ssh -G`: only asked for when something failed.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub user: String,
    pub address: String,
    pub port: String,
    pub keys: Vec<String>,
    pub known_hosts: String,
    /// That file lies beside the inventory.
    pub pinned: bool,
}

impl Settings {
    /// Reads the output of `ssh -G`.
    pub fn parse(text: &str) -> Self {
        let mut settings = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            match name {
                "user" => settings.user = value.into(),
                "hostname" => settings.address = value.into(),
                "port" => settings.port = value.into(),
                "identityfile" => settings.keys.push(value.into()),
                "userknownhostsfile" => {
                    settings.known_hosts = value.split(' ').next().unwrap_or_default().into();
                }
                _ => {}
            }
        }
        settings
    }

    /// As `known_hosts` writes it.
    fn known_as(&self) -> String {
        if self.port == "22" { self.address.clone() } else { format!("[{}]:{}", self.address, self.port) }
    }

    /// What makes the key of the host known.
    fn keyscan(&self, file: &str) -> String {
        format!("ssh-keyscan -p {} {} >> {file}", self.port, self.address)
    }
}

/// Whether the server dropped us as it does when too many connect at once, so that trying again helps.
pub(super) fn is_busy(stderr: &str) -> bool {
    stderr.contains("kex_exchange_identification")
}

/// The error for what ssh printed.
pub(super) fn explain(host: &str, stderr: &str, settings: &Settings) -> LinkError {
    let line = |part: &str| stderr.lines().map(str::trim).find(|line| line.contains(part));
    let error = |kind, message: String| LinkError::new(kind, host, message);
    let Settings { user, address, port, keys, known_hosts, pinned } = settings;
    if stderr.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        let offending = line("Offending").unwrap_or_default();
        let file = offending
            .rsplit_once(" in ")
            .and_then(|(_, place)| place.rsplit_once(':'))
            .map_or(known_hosts.as_str(), |(file, _)| file);
        let error = error(Kind::HostKey, "the host key is not the one that is known".into()).cause(offending);
        if *pinned {
            return error.hint(
                "somebody may be listening in; if the host was installed anew: `lustores-provision enroll INVENTORY --replace` shows its new key",
            );
        }
        return error.hint(
            format!(
                "somebody may be listening in; if the host was installed anew: ssh-keygen -R '{}' -f {file} && {}",
                settings.known_as(),
                settings.keyscan(file)
            ),
        );
    }
    if stderr.contains("Host key verification failed") {
        let error = error(Kind::HostKey, format!("the host key of {} is not known", settings.known_as()))
            .cause(line("host key is known").unwrap_or_default());
        if *pinned {
            return error.hint(format!(
                "only {known_hosts} counts, which lies beside the inventory: `lustores-provision enroll INVENTORY` shows the key and adds it"
            ));
        }
        return error.hint(format!(
            "{}, then compare `ssh-keygen -lf {known_hosts}` with the host's own fingerprint",
            settings.keyscan(known_hosts)
        ));
    }
    if let Some(denied) = line("Permission denied (") {
        let methods = denied.rsplit_once('(').map_or("", |(_, methods)| methods.trim_end_matches([')', '.']));
        let tried = if keys.is_empty() { "none".to_string() } else { keys.join(", ") };
        return error(Kind::Denied, format!("{user}@{address} is not let in"))
            .cause(format!("the server accepts: {methods}"))
            .cause(format!("keys that were offered where they exist: those of ssh-agent, {tried}"))
            .hint(format!("try `ssh -p {port} {user}@{address}`; the public key belongs into ~{user}/.ssh/authorized_keys"));
    }
    if let Some(dropped) = line("kex_exchange_identification") {
        return error(Kind::Busy, "sshd drops the connection before the key exchange".into())
            .cause(dropped)
            .hint("too many connections at once? MaxStartups in the host's sshd_config, or fewer --forks");
    }
    let place = format!("{address} port {port}");
    let (message, hint) = if let Some(line) = line("Could not resolve hostname") {
        return error(Kind::Unreachable, format!("the name {address} is not known"))
            .cause(line)
            .hint("give the host an `address` in the inventory, or a `Host` entry in the ssh configuration");
    } else if stderr.contains("Connection refused") {
        (format!("{place} refuses the connection"), "is sshd running there, and on this port?")
    } else if stderr.contains("timed out") {
        (format!("{place} does not answer in time"), "is the host up, and does a firewall let ssh through?")
    } else if stderr.contains("No route to host") || stderr.contains("Network is unreachable") {
        (format!("there is no way to {place}"), "is the host up, and the network (VPN?) connected?")
    } else {
        let last = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
        return error(Kind::Unreachable, "ssh failed".into()).cause(last.unwrap_or("it printed nothing"));
    };
    error(Kind::Unreachable, message).hint(hint)
}
