//! Whether the controller still gets in.

use super::{CUT_OFF, Finding, Known, networks::Range};
use crate::model::{Claim, OpenPort, Reach, TaskId};
use agent::wire::{Answer, Probe, Query};
use std::net::IpAddr;

/// How the connection of this run arrives, as the host sees it.
struct Arrival {
    from: IpAddr,
    /// Of the host.
    to: IpAddr,
    port: u16,
}

pub(super) fn question() -> Query {
    Query::Run(Probe::SshConnection)
}

impl Arrival {
    /// `192.0.2.7 51234 10.0.0.5 22`; none where the host does not say.
    fn read(answer: &Answer) -> Option<Self> {
        let Answer::Output(output) = answer else { return None };
        let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
        let [from, _, to, port] = text.split_whitespace().collect::<Vec<_>>()[..] else { return None };
        let address = |text: &str| Some(text.split('%').next()?.parse::<IpAddr>().ok()?.to_canonical());
        Some(Self { from: address(from)?, to: address(to)?, port: port.parse().ok()? })
    }

    /// Over the loopback interface, which no policy closes.
    fn is_inside(&self) -> bool {
        self.from.is_loopback() || self.from == self.to
    }

    fn is_admitted(&self, open: &OpenPort) -> bool {
        let (first, last) = open.port.split_once('-').unwrap_or((&open.port, &open.port));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else { return true };
        let source = Range::read(&self.from.to_string());
        let is_from = |network: &String| match (Range::read(network), &source) {
            (Some(network), Some(source)) => network.meets(source),
            // What is not understood may be it.
            _ => true,
        };
        open.proto == "tcp" && (first..=last).contains(&self.port) && open.only.as_ref().is_none_or(is_from)
    }
}

pub(super) fn findings(known: &Known) -> Vec<Finding> {
    let Some(arrival) = known.answers.get(&question()).and_then(Arrival::read).filter(|it| !it.is_inside())
    else {
        return vec![];
    };
    let cut = |(task, claim): &(TaskId, Claim)| {
        let Claim::Admits { reach: Reach::Only { ports, others } } = claim else { return None };
        if !others.is_empty() || ports.iter().any(|port| arrival.is_admitted(port)) {
            return None;
        }
        let Arrival { from, port, .. } = &arrival;
        Some(Finding {
            lint: CUT_OFF,
            task: *task,
            spot: None,
            message: format!(
                "these rules let nobody in from {from} to port {port}, where this run comes from"
            ),
            causes: vec!["the next run would find the host closed".into()],
            hint: format!("add `{{port: {port}, from: [{from}]}}` to `allow`, or the network that it is in"),
        })
    };
    known.claims.iter().filter_map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::{secret::Content, wire::Output};

    fn told(says: &str, ports: &[(&str, Option<&str>)], others: &[&str]) -> bool {
        let port = |(port, only): &(&str, Option<&str>)| OpenPort {
            port: (*port).into(),
            proto: "tcp".into(),
            only: only.map(Into::into),
            to: None,
        };
        let others = others.iter().map(|rule| (*rule).into()).collect();
        let reach = Reach::Only { ports: ports.iter().map(port).collect(), others };
        let output = Output { code: 0, stdout: Content::from(says), stderr: Content::from("") };
        let known = Known {
            claims: vec![(TaskId(0), Claim::Admits { reach })],
            answers: [(question(), Answer::Output(output))].into(),
        };
        let found = findings(&known);
        assert!(found.iter().all(|it| it.lint == CUT_OFF && it.hint.contains("to `allow`")));
        !found.is_empty()
    }

    #[test]
    fn the_way_that_this_run_takes_stays_open() {
        let from = "192.0.2.7 51234 10.0.0.5 22\n";
        assert!(!told(from, &[("22", None)], &[]) && !told(from, &[("20-30", Some("192.0.2.0/24"))], &[]));
        assert!(told(from, &[("22", Some("10.0.0.0/8"))], &[]), "others only");
        assert!(told(from, &[("80", None), ("2222", None)], &[]), "another port");
        assert!(told(from, &[], &[]));
        assert!(
            told("2001:db8::7 5 2001:db8::1 22\n", &[("22", Some("0.0.0.0/0"))], &[]),
            "the other family"
        );
        assert!(!told("::ffff:192.0.2.7 5 ::ffff:10.0.0.5 22\n", &[("22", Some("192.0.2.7"))], &[]));
        // From inside, over no network, or nothing is known of it.
        for says in ["127.0.0.1 5 127.0.0.1 22\n", "10.0.0.5 5 10.0.0.5 22\n", "\n", ""] {
            assert!(!told(says, &[], &[]), "{says}");
        }
        assert!(!told(from, &[], &["ether saddr aa:bb accept"]), "a rule that is not understood may be it");
    }
}
