//! The parameters, and the text that they make.

use crate::{
    resource::Fault,
    resources::shared::{HostPath, account, unit::full_name},
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

pub const FOLDER: &str = "/etc/ssh/sshd_config.d";

/// Configures sshd by a file of its own in `/etc/ssh/sshd_config.d`.
///
/// sshd itself judges its configuration as it will be, and what it makes of it is shown: a setting that an earlier line of another file
/// would win over is refused, since with sshd the first one wins. Reloading it starts a timer on the host first, which puts the old
/// file back, with what else has been changed of ssh's files, unless a new connection could be made in time: one cannot lock oneself out.
///
/// To move sshd to another port, give `port`: it listens on the old and the new one. Set the inventory's `ansible_port` to the new one, then
/// say `drop_old_port: true`: were the new one not reachable, the old one would come back. Where `ssh.socket` listens in place of sshd,
/// it is restarted instead (Ubuntu from 24.04 on); an older one is refused, since it does not read sshd's configuration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file, without `.conf`. Files are read in the order of their names, before the rest of `sshd_config`.
    #[serde(default = "provision")]
    pub name: String,
    /// Keywords of sshd_config(5) with their values: `PasswordAuthentication: no`. Of a list each item gets a line. Default: none.
    #[serde(default)]
    pub options: IndexMap<String, Value>,
    /// A port to listen on, beside those in use. Default: none is added.
    pub port: Option<u16>,
    /// It listens on `port` alone.
    #[serde(default)]
    pub drop_old_port: bool,
    /// The unit that is reloaded. Default: `ssh.service`, or `sshd.service` where only that one is there.
    pub service: Option<String>,
    /// `present` (default) or `absent`.
    #[serde(default)]
    pub state: account::Wanted,
    /// Seconds until the old file comes back when no new connection could be made.
    #[serde(default = "minute")]
    pub confirm_within: u32,
}

fn provision() -> String {
    "00-provision".into()
}

fn minute() -> u32 {
    60
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Value {
    Switch(bool),
    Number(i64),
    Text(String),
    List(Vec<String>),
}

impl Value {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Switch(on) => vec![if *on { "yes" } else { "no" }.into()],
            Self::Number(number) => vec![number.to_string()],
            Self::Text(text) => vec![text.clone()],
            Self::List(items) => items.clone(),
        }
    }
}

/// Keywords that are one option to sshd: the name that `sshd -T` prints, then those that it takes for it as well. An older sshd prints
/// another one of them, or two.
const NAMES: &[&[&str]] = &[
    &["hostbasedacceptedalgorithms", "hostbasedacceptedkeytypes"],
    &["hostkey", "hostdsakey"],
    &["kbdinteractiveauthentication", "challengeresponseauthentication", "skeyauthentication"],
    &["pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes"],
    &["pubkeyauthentication", "dsaauthentication"],
    &["tcpkeepalive", "keepalive"],
    &["useblacklist", "useblocklist"],
];

/// All names of an option, in lower case.
pub fn names(key: &str) -> Vec<String> {
    let lower = key.to_ascii_lowercase();
    match NAMES.iter().find(|names| names.contains(&lower.as_str())) {
        Some(names) => names.iter().map(ToString::to_string).collect(),
        None => vec![lower],
    }
}

impl Spec {
    pub fn is_present(&self) -> bool {
        self.state == account::Wanted::Present
    }

    pub fn file_name(&self) -> String {
        format!("{}.conf", self.name)
    }

    pub fn path(&self) -> HostPath {
        HostPath::new(&format!("{FOLDER}/{}", self.file_name())).expect("the name was checked")
    }

    /// Keywords of this file as `sshd -T` may write them.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.options.keys().flat_map(|key| names(key));
        // An address may have a port of its own.
        let addresses = self.port.map(|_| "listenaddress".to_string());
        let mut keys: Vec<String> = keys.chain(["port".to_string()]).chain(addresses).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Everything that can be wrong without asking a host.
    ///
    /// # Errors
    /// A fault that names it.
    pub fn check(&self) -> Result<(), Fault> {
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let plain =
            !self.name.is_empty() && !self.name.starts_with(['.', '-']) && self.name.chars().all(good);
        if !plain || self.name.ends_with(".conf") {
            let fault = Fault::new(format!(
                "`{}` cannot be the name of a file in {FOLDER}",
                self.name.escape_debug()
            ));
            return Err(fault.hint("letters, digits, `_`, `-` and `.`; `.conf` is put behind it"));
        }
        if let Some(service) = &self.service
            && full_name(service)? != *service
        {
            let fault = Fault::new(format!("`{service}` is not the full name of a unit"));
            return Err(fault.hint("`ssh.service`, or `sshd.service` elsewhere than on Debian"));
        }
        if !self.is_present() {
            return Ok(());
        }
        if self.options.is_empty() && self.port.is_none() {
            let fault = Fault::new("neither `options` nor `port` is given");
            return Err(fault.hint("give `options: {PasswordAuthentication: no}`, or say `state: absent`"));
        }
        if self.port == Some(0) {
            return Err(Fault::new("`port` cannot be 0").hint("a number from 1 to 65535"));
        }
        if self.drop_old_port && self.port.is_none() {
            return Err(Fault::new("`drop_old_port` needs `port`").hint("say on which port it is to listen"));
        }
        let mut seen: Vec<String> = vec![];
        for (key, value) in &self.options {
            let lower = key.to_ascii_lowercase();
            let bad = |why: String, hint: &str| Err(Fault::new(why).hint(hint));
            match lower.as_str() {
                "port" => {
                    return bad(format!("`{key}` is no option here"), "give it as `port`, beside `options`");
                }
                "match" | "include" => {
                    let hint = "`copy` writes a file that holds one; this one is for options that hold for everybody";
                    return bad(format!("`{key}` is no option here"), hint);
                }
                _ if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric()) => {
                    return bad(
                        format!("`{}` is no keyword of sshd", key.escape_debug()),
                        "as in sshd_config(5)",
                    );
                }
                _ if seen.contains(&lower) => return bad(format!("`{key}` is there twice"), "leave one out"),
                _ => seen.push(lower),
            }
            let all = names(key);
            let mut others = self.options.iter().take_while(|(other, _)| *other != key);
            let other = others.find(|(other, says)| {
                all.contains(&other.to_ascii_lowercase()) && says.lines() != value.lines()
            });
            // Of host keys each line adds one.
            if let Some((other, _)) = other.filter(|_| all[0] != "hostkey") {
                return bad(
                    format!("`{other}` and `{key}` are one option of sshd, and say different things"),
                    "leave one out: the first would win",
                );
            }
            let lines = value.lines();
            let fine = |line: &String| !line.trim().is_empty() && !line.chars().any(char::is_control);
            if lines.is_empty() || !lines.iter().all(fine) {
                return bad(
                    format!("`{key}` must have a value of one line"),
                    "a list has a line for each item",
                );
            }
        }
        Ok(())
    }

    /// The text, with these ports.
    pub fn text(&self, ports: &[u16]) -> String {
        let mut text = String::from("# Written by provisioning: changes made here are lost.\n");
        ports.iter().for_each(|port| text.push_str(&format!("Port {port}\n")));
        for (key, value) in &self.options {
            value.lines().iter().for_each(|line| text.push_str(&format!("{key} {}\n", line.trim())));
        }
        text
    }
}
