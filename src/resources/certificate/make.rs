//! Making a certificate on the host, or putting one in place.

use super::read;
use crate::resources::shared::unit::run;
use agent::{
    secret::Content,
    wire::{Attrs, Exec, Op},
};
use std::net::IpAddr;

/// Makes a key (`$2`) and a certificate (`$1`) for `$3` days, for subject `$4` and names `$5`, with the key's mode `$6` and owner `$7`.
/// Both are complete and durable before the first takes its place; nobody can read the key at any time. They are made in
/// private folders beside their places: what somebody put there under a name that can be foreseen is not followed.
const SELF_SIGNED: &str = "set -eu; umask 077; a=$(dirname -- \"$1\"); b=$(dirname -- \"$2\"); c=; k=; \
    trap 'rm -rf -- \"$c\" \"$k\"' EXIT; c=$(mktemp -d -- \"$a/.provision-XXXXXXXX\"); k=$(mktemp -d -- \"$b/.provision-XXXXXXXX\"); \
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -nodes -days \"$3\" -subj \"$4\" -addext \"subjectAltName=$5\" \
    -keyout \"$k/new\" -out \"$c/new\"; chmod 0644 \"$c/new\"; chmod \"$6\" \"$k/new\"; \
    if [ \"$7\" != : ]; then chown \"$7\" \"$k/new\"; fi; sync \"$c/new\" \"$k/new\"; \
    mv -fT -- \"$k/new\" \"$2\"; mv -fT -- \"$c/new\" \"$1\"; sync \"$a\" \"$b\"";

/// Reads certificate and key from stdin. `printf` is the shell's own: nothing of it is in the arguments of a process. The
/// arguments are the names that the certificate must cover.
const FITS: &str = "set -eu; both=$(cat); x509() { printf '%s\\n' \"$both\" | openssl x509 -noout \"$@\"; }; \
    no() { echo \"$1\" >&2; exit 1; }; of_certificate=$(x509 -pubkey); \
    of_key=$(printf '%s\\n' \"$both\" | openssl pkey -pubout -passin pass:); \
    [ \"$of_certificate\" = \"$of_key\" ] || no 'the private key does not fit the certificate'; \
    x509 -checkend 0 >&2 || no \"the certificate has ended: $(x509 -enddate)\"; \
    for name; do how=-checkhost; case $name in *:*) how=-checkip;; *[!0-9.]*) ;; *) how=-checkip;; esac; \
    case $(x509 \"$how\" \"$name\") in *' does match '*) ;; *) no \"the certificate does not cover $name\";; esac; done";

/// The start of a digest, to be shown.
pub fn short(digest: &[u8]) -> String {
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

pub fn self_signed(path: &str, key: &str, names: &[String], days: u32, attrs: &Attrs) -> Op {
    let kind = |name: &String| match name.parse::<IpAddr>() {
        Ok(address) => format!("IP:{address}"),
        Err(_) => format!("DNS:{}", name.to_lowercase()),
    };
    let alternative = names.iter().map(kind).collect::<Vec<_>>().join(",");
    // A common name has at most 64 characters; clients read the alternative names.
    let common = names.first().filter(|name| name.len() <= 64).map_or("localhost", String::as_str);
    let mode = format!("{:04o}", attrs.mode.unwrap_or(0o600));
    let owner = format!(
        "{}:{}",
        attrs.owner.as_deref().unwrap_or_default(),
        attrs.group.as_deref().unwrap_or_default()
    );
    let subject = format!("/CN={common}");
    debug_assert!(names.iter().all(|name| read::check_name(name).is_ok()), "names are checked before");
    run(["sh", "-c", SELF_SIGNED, "sh", path, key, &days.to_string(), &subject, &alternative, &mode, &owner])
}

pub fn supplied(
    path: &str,
    key: &str,
    certificate: &Content,
    private: &Content,
    names: &[String],
    attrs: Attrs,
) -> Vec<Op> {
    let both = [certificate.bytes(), b"\n", private.bytes()].concat();
    let argv = ["sh", "-c", FITS, "sh"].into_iter().chain(names.iter().map(String::as_str));
    let check = Exec { stdin: Some(Content::new(both, true)), secret: false, ..Exec::new(argv) };
    let write = |path: &str, content: Content, attrs: Attrs| Op::WriteFile {
        path: path.into(),
        content,
        attrs,
        check: None,
    };
    let open = Attrs { mode: Some(0o644), ..Attrs::default() };
    vec![
        Op::Exec { exec: check, ok: vec![] },
        write(key, Content::new(private.bytes(), true), attrs),
        write(path, certificate.clone(), open),
    ]
}
