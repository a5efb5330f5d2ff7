//! What resource types are about: the order of their documentation.

/// A topic of resource types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Files,
    System,
    Network,
    Docker,
    Data,
    Flow,
}

impl Topic {
    pub const ALL: [Self; 6] =
        [Self::Files, Self::System, Self::Network, Self::Docker, Self::Data, Self::Flow];

    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Files => "Files",
            Self::System => "System",
            Self::Network => "Network and TLS",
            Self::Docker => "Docker",
            Self::Data => "Data",
            Self::Flow => "Flow",
        }
    }
}
