//! Files.

use super::{Claims, Finding, READABLE};
use crate::model::Claim;
use agent::mode::is_private;

/// Secrets that every user of the host may read.
pub(super) fn findings(claims: &Claims) -> Vec<Finding> {
    let message = |what: &str| format!("every user of the host may read {what}, and a secret is in it");
    let readable = |(task, claim): &(_, Claim)| match claim {
        Claim::Secret { path, mode } if !is_private(*mode) => Some(Finding {
            lint: READABLE,
            task: *task,
            spot: None,
            message: message(path),
            causes: vec![format!("its mode is {mode:04o}")],
            hint: "write `mode: \"0600\"`, or `\"0640\"` with the `group` that reads it".into(),
        }),
        Claim::Readable { what, why, hint } => Some(Finding {
            lint: READABLE,
            task: *task,
            spot: None,
            message: message(what),
            causes: vec![(*why).into()],
            hint: (*hint).into(),
        }),
        _ => None,
    };
    claims.iter().filter_map(readable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TaskId;

    #[test]
    fn a_secret_is_nobody_elses() {
        let found = |mode| findings(&[(TaskId(3), Claim::Secret { path: "/etc/key".into(), mode })]);
        assert!(found(0o600).is_empty() && found(0o640).is_empty() && found(0o710).is_empty());
        let readable = found(0o644);
        assert_eq!((readable.len(), readable[0].task), (1, TaskId(3)));
        assert!(readable[0].message.contains("/etc/key") && readable[0].causes[0].contains("0644"));
        let told = Claim::Readable { what: "that".into(), why: "it is so", hint: "this instead" };
        let told = findings(&[(TaskId(1), told)]);
        assert_eq!(
            (told[0].message.contains("may read that"), told[0].hint.as_str()),
            (true, "this instead")
        );
    }
}
