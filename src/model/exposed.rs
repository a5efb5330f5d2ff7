//! What of a host can be reached from outside, as a task knows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a task says of the ports that others can reach, before and after what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exposed {
    pub gate: Gate,
    pub before: Reach,
    pub after: Reach,
}

impl Exposed {
    /// Every text in it that may say anything.
    pub fn texts(&mut self, each: &dyn Fn(&mut String)) {
        for reach in [&mut self.before, &mut self.after] {
            if let Reach::Only { ports, others } = reach {
                others.iter_mut().for_each(each);
                ports.iter_mut().flat_map(|port| port.only.iter_mut().chain(&mut port.to)).for_each(each);
            }
        }
    }
}

/// What it is that lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// A packet filter: what it does not admit is closed, whoever listens.
    Firewall,
    /// Ports of containers that are published on the host: a packet filter may close them all the same.
    Published,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "reach")]
pub enum Reach {
    /// Nothing is closed by this task: whatever listens.
    Everything,
    Only {
        ports: Vec<OpenPort>,
        /// Rules that admit something and are not understood, as the host lists them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<String>,
    },
    /// It cannot be told.
    Unknown,
}

impl Reach {
    /// Just these.
    pub fn only(mut ports: Vec<OpenPort>) -> Self {
        ports.sort();
        ports.dedup();
        Self::Only { ports, others: vec![] }
    }
}

/// A port, or a range of them, that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct OpenPort {
    /// `443`, `8000-8010`.
    pub port: String,
    /// `tcp`, `udp`.
    pub proto: String,
    /// The network from which, or the address of the host on which; everyone, and on all, without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// What answers there, where that is known: a service of a Compose project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}
