//! How a host is reached, read from its variables after they were rendered.

use crate::diag::{Diagnostic, Diagnostics};
use crate::model::BecomeMethod;
use crate::yaml::{Node, Value};
use agent::secret::Secret;
use indexmap::IndexMap;
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionKind {
    Ssh,
    /// A child process on the controller.
    Local,
}

/// How a host is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSpec {
    pub kind: ConnectionKind,
    /// Name or address; an alias of the user's ssh configuration is good too.
    pub address: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    /// Private key file.
    pub key: Option<PathBuf>,
    /// More arguments for ssh, one word each.
    pub ssh_args: Vec<String>,
    /// Seconds that connecting may take, where it is not what the command line says for all hosts.
    pub timeout: Option<u16>,
    /// Stands before the agent's command on a local connection (`ip netns exec lab`).
    pub command_prefix: Vec<String>,
    pub become_: BecomeSpec,
}

/// What the inventory says about rights; a play and a task may say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BecomeSpec {
    pub enabled: Option<bool>,
    pub user: Option<String>,
    pub method: Option<BecomeMethod>,
    /// For sudo on that host.
    pub password: Option<Secret>,
}

/// The variable with findings of the lint of plans that are accepted, and why.
pub const ACCEPT: &str = "accept_findings";

/// Whether a variable says how a host is reached, whether it is protected or what is accepted there, and is read in the inventory alone. What is said of rights besides passwords counts in a
/// play as well.
pub(crate) fn is_of_connection(name: &str) -> bool {
    let own = [
        "protected",
        ACCEPT,
        "connection_command",
        "ansible_connection",
        "ansible_host",
        "ansible_port",
        "ansible_user",
        "ansible_timeout",
        "ansible_private_key_file",
        "ansible_host_key_checking",
        "ansible_become_pass",
        "ansible_become_password",
    ];
    name.starts_with("ansible_ssh_") || own.contains(&name) || REFUSED.iter().any(|(known, _)| *known == name)
}

/// Variables that Ansible has and that cannot be honoured here: silence would connect in another way than meant.
pub(crate) const REFUSED: [(&str, &str); 18] = [
    ("ansible_password", "log in with a key"),
    ("ansible_ssh_pass", "log in with a key"),
    ("ansible_ssh_password", "log in with a key"),
    (
        "ansible_ssh_private_key",
        "write it to a file, or add it to ssh-agent; `ansible_ssh_private_key_file` names a file",
    ),
    (
        "ansible_private_key",
        "write it to a file, or add it to ssh-agent; `ansible_private_key_file` names a file",
    ),
    ("ansible_ssh_pkcs11_provider", "write `ansible_ssh_common_args: -o PKCS11Provider=...`"),
    ("ansible_ssh_executable", "the ssh found in PATH is used"),
    ("ansible_become_exe", BECOME_EXE),
    ("ansible_sudo_exe", BECOME_EXE),
    ("ansible_doas_exe", BECOME_EXE),
    ("ansible_become_flags", BECOME_FLAGS),
    ("ansible_sudo_flags", BECOME_FLAGS),
    ("ansible_doas_flags", BECOME_FLAGS),
    // Older names of the same.
    ("ansible_sudo", "write `ansible_become: true`"),
    ("ansible_su", "write `ansible_become: true`"),
    ("ansible_sudo_user", "write `ansible_become_user`"),
    ("ansible_sudo_pass", "write `ansible_become_password`"),
    ("ansible_su_pass", "write `ansible_become_password`"),
];
const BECOME_EXE: &str = "the `sudo` or `doas` found in PATH is used";
const BECOME_FLAGS: &str = "sudo is called with `-H -u USER`, doas with `-u USER`";

/// Reads the connection variables of the host `name` from its rendered variables.
///
/// # Errors
/// All wrong types and values at once, each at its place.
pub fn connection_spec(name: &str, vars: &IndexMap<String, Node>) -> Result<ConnectionSpec, Diagnostics> {
    let mut errors = Diagnostics::default();
    // An explicit null is as good as nothing.
    let get = |key: &str| vars.get(key).filter(|node| !node.is_null());
    let first = |keys: [&str; 2]| keys.into_iter().find_map(get);
    for (key, hint) in REFUSED {
        if let Some(node) = get(key) {
            errors.push(Diagnostic::error(format!("`{key}` is not supported")).at(&node.place()).hint(hint));
        }
    }
    for key in ["ansible_ssh_host_key_checking", "ansible_host_key_checking"] {
        if let Some(node) = get(key)
            && !errors.take(checks(node)).unwrap_or(true)
        {
            let error = Diagnostic::error(format!("`{key}` cannot be turned off: host keys are checked"));
            errors.push(error.at(&node.place()).hint(
                "make the host's key known: `ssh-keyscan ADDRESS >> ~/.ssh/known_hosts`, then compare the fingerprint",
            ));
        }
    }
    // What is for ssh alone wins, as in Ansible.
    let kind = get("ansible_connection").and_then(|node| errors.take(kind(node)));
    let kind = kind.unwrap_or(ConnectionKind::Ssh);
    let address = first(["ansible_ssh_host", "ansible_host"]).and_then(|node| errors.take(word(node)));
    let port = first(["ansible_ssh_port", "ansible_port"]).and_then(|node| errors.take(port(node)));
    let user = first(["ansible_ssh_user", "ansible_user"]).and_then(|node| errors.take(word(node)));
    let key = first(["ansible_ssh_private_key_file", "ansible_private_key_file"]);
    let key = key.and_then(|node| errors.take(word(node))).map(PathBuf::from);
    // In Ansible's order: of an option that is given twice, ssh takes the first.
    let args = ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"];
    let args = args.into_iter().filter_map(get);
    let ssh_args: Vec<Vec<String>> = args.filter_map(|node| errors.take(words(node))).collect();
    let timeout =
        first(["ansible_ssh_timeout", "ansible_timeout"]).and_then(|node| errors.take(seconds(node)));
    let command_prefix = get("connection_command").and_then(|node| {
        if kind != ConnectionKind::Local {
            let error = Diagnostic::error("`connection_command` needs a local connection").at(&node.place());
            errors.push(error.hint("set `connection: local`, or remove it"));
        }
        errors.take(list(node))
    });
    let become_ = BecomeSpec {
        enabled: get("ansible_become").and_then(|node| errors.take(node.expect_bool("`true` or `false`"))),
        user: get("ansible_become_user").and_then(|node| errors.take(word(node))),
        method: get("ansible_become_method").and_then(|node| errors.take(become_method(node))),
        password: first(["ansible_become_pass", "ansible_become_password"])
            .and_then(|node| errors.take(node.expect_str("a string")))
            .map(Secret::new),
    };
    errors.into_result(ConnectionSpec {
        kind,
        address: address.unwrap_or_else(|| name.to_owned()),
        port,
        user,
        key,
        ssh_args: ssh_args.concat(),
        timeout,
        command_prefix: command_prefix.unwrap_or_default(),
        become_,
    })
}

fn kind(node: &Node) -> Result<ConnectionKind, Diagnostic> {
    match node.expect_str("`ssh` or `local`")? {
        "ssh" | "smart" => Ok(ConnectionKind::Ssh),
        "local" => Ok(ConnectionKind::Local),
        _ if node.secret => Err(Diagnostic::error("unknown connection").at(&node.place())),
        other => {
            let error = Diagnostic::error(format!("unknown connection `{other}`")).at(&node.place());
            Err(error.hint("`ssh` and `local` are known").suggest(other, ["ssh", "local"]))
        }
    }
}

/// The program that `become_method` names.
///
/// # Errors
/// At the value, when it is none that is known here.
pub fn become_method(node: &Node) -> Result<BecomeMethod, Diagnostic> {
    let known = BecomeMethod::ALL.map(BecomeMethod::name);
    let written = node.expect_str("`sudo` or `doas`")?;
    // Ansible's plugins have long names too.
    let short = written.rsplit('.').next().unwrap_or(written);
    if let Some(method) = BecomeMethod::ALL.into_iter().find(|method| method.name() == short) {
        return Ok(method);
    }
    let error = Diagnostic::error("the ways to become another user are `sudo` and `doas`").at(&node.origin);
    Err(if node.secret { error } else { error.suggest(written, known) })
}

/// A text that ssh takes as one argument: not empty, and not mistaken for an option.
fn word(node: &Node) -> Result<String, Diagnostic> {
    let text = match &node.value {
        Value::Int(number) => number.to_string(),
        _ => node.expect_str("a string")?.to_owned(),
    };
    if text.is_empty() || text.starts_with('-') || text.contains(char::is_control) {
        let error =
            Diagnostic::error("this must be a name: not empty, without `-` in front").at(&node.place());
        return Err(error.hint("ssh would take it for an option; options go into `ansible_ssh_common_args`"));
    }
    Ok(text)
}

fn port(node: &Node) -> Result<u16, Diagnostic> {
    let number = match &node.value {
        Value::Int(number) => u16::try_from(*number).ok(),
        Value::Str(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|port| *port > 0).ok_or_else(|| out_of(node, "a port from 1 to 65535"))
}

fn seconds(node: &Node) -> Result<u16, Diagnostic> {
    let number = match &node.value {
        Value::Int(number) => u16::try_from(*number).ok(),
        Value::Str(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|seconds| *seconds > 0).ok_or_else(|| out_of(node, "seconds from 1 to 65535"))
}

/// A number outside of what is meant, or none.
fn out_of(node: &Node, what: &str) -> Diagnostic {
    match node.value {
        Value::Int(_) => node.expected_another(what),
        _ => node.expected(what),
    }
}

/// A boolean in one of the ways in which Ansible's configuration takes one.
fn checks(node: &Node) -> Result<bool, Diagnostic> {
    let word = node.as_str().map(str::to_lowercase);
    match (&node.value, word.as_deref()) {
        (Value::Int(0), _) | (_, Some("false" | "no" | "off" | "n" | "0")) => Ok(false),
        (Value::Int(1), _) | (_, Some("true" | "yes" | "on" | "y" | "1")) => Ok(true),
        _ => node.expect_bool("`true` or `false`"),
    }
}

/// A list of words, or one string split as a shell does.
fn words(node: &Node) -> Result<Vec<String>, Diagnostic> {
    match &node.value {
        Value::Str(text) => split_words(text).ok_or_else(|| {
            Diagnostic::error("a quote is not closed in these arguments")
                .at(&node.place())
                .hint("they are taken apart as a shell does")
        }),
        _ => list(node),
    }
}

fn list(node: &Node) -> Result<Vec<String>, Diagnostic> {
    let items = node.expect_seq("a list of strings")?;
    items.iter().map(|item| Ok(item.expect_str("a string")?.to_owned())).collect()
}

/// Splits at spaces, with quotes and backslashes as in a shell; `None` when a quote stays open.
fn split_words(text: &str) -> Option<Vec<String>> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origin;

    fn spec(json: serde_json::Value) -> Result<ConnectionSpec, String> {
        let origin = Origin::named("test");
        let vars = json.as_object().unwrap().iter();
        let vars = vars.map(|(key, value)| (key.clone(), Node::from_json(value, &origin))).collect();
        connection_spec("vm1", &vars)
            .map_err(|errors| errors.0.iter().map(|d| crate::diag::render(d, false)).collect())
    }

    #[test]
    fn variables_become_a_connection() {
        let bare = spec(serde_json::json!({})).unwrap();
        assert_eq!((bare.kind, bare.address.as_str(), bare.port), (ConnectionKind::Ssh, "vm1", None));
        let full = spec(serde_json::json!({
            "ansible_host": "10.0.0.1", "ansible_port": "2222", "ansible_user": "deploy",
            "ansible_ssh_private_key_file": "~/key", "ansible_ssh_common_args": "-o 'ProxyJump=a b' -v",
            "ansible_ssh_extra_args": ["-4"], "ansible_ssh_args": "-C -o ControlPersist=60s",
            "ansible_timeout": 7, "ansible_host_key_checking": "True", "ansible_become": true, "ansible_become_password": "hunter2",
            "ansible_python_interpreter": "/usr/bin/python3", "ansible_become_method": "doas",
        }))
        .unwrap();
        assert_eq!(full.ssh_args, ["-C", "-o", "ControlPersist=60s", "-o", "ProxyJump=a b", "-v", "-4"]);
        assert_eq!((full.timeout, bare.timeout), (Some(7), None));
        assert_eq!((full.port, full.user.as_deref()), (Some(2222), Some("deploy")));
        assert_eq!((full.become_.enabled, full.become_.method), (Some(true), Some(BecomeMethod::Doas)));
        assert!(!format!("{full:?}").contains("hunter2"));
        let old = spec(serde_json::json!({
            "ansible_ssh_host": "10.0.0.2", "ansible_ssh_port": 2200, "ansible_ssh_user": "old", "ansible_private_key_file": "k",
            "ansible_become_user": "www", "ansible_become_method": "community.general.doas", "ansible_become_pass": "hunter2",
            "ansible_host": "10.0.0.9", "ansible_pipelining": true, "ansible_shell_type": "csh", "ansible_ssh_retries": 3,
        }))
        .unwrap();
        assert_eq!(
            (old.address.as_str(), old.port, old.user.as_deref()),
            ("10.0.0.2", Some(2200), Some("old"))
        );
        assert_eq!((old.key, old.become_.user.as_deref()), (Some("k".into()), Some("www")));
        assert_eq!(old.become_.password.unwrap().expose(), b"hunter2");
        let local = spec(serde_json::json!({
            "ansible_connection": "local", "connection_command": ["ip", "netns", "exec", "lab"]
        }))
        .unwrap();
        assert_eq!((local.kind, local.command_prefix.len()), (ConnectionKind::Local, 4));
    }

    #[test]
    fn mistakes_are_reported_together() {
        let errors = spec(serde_json::json!({
            "ansible_host": "-oProxyCommand=x", "ansible_port": 70000, "ansible_connection": "locla",
            "ansible_become": "yes", "ansible_ssh_common_args": "-o 'x", "ansible_password": "hunter2",
            "ansible_become_method": "su", "ansible_become_exe": "/opt/sudo", "ansible_become_flags": "-i", "connection_command": "ip", "ansible_timeout": "soon",
            "ansible_host_key_checking": false, "ansible_ssh_host_key_checking": "no",
        }))
        .unwrap_err();
        for part in [
            "without `-` in front",
            "1 to 65535",
            "did you mean `local`?",
            "write `true`",
            "a quote is not closed",
            "`ansible_password` is not supported",
            "the ways to become another user are `sudo` and `doas`",
            "`ansible_become_exe` is not supported",
            "`ansible_become_flags` is not supported",
            "`connection_command` needs a local connection",
            "expected a list of strings",
            "seconds from 1 to 65535",
            "`ansible_host_key_checking` cannot be turned off",
            "`ansible_ssh_host_key_checking` cannot be turned off",
            "hint: make the host's key known: `ssh-keyscan ADDRESS",
        ] {
            assert!(errors.contains(part), "{part}: {errors}");
        }
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}
