//! What kind of thing a task of a type is.

/// Whether a type brings a state about, acts each time, looks, or steers the run. Its documentation says so, and its code holds to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// What is as wanted is left alone.
    State,
    /// The same, but for what the sentence says.
    StateBut(&'static str),
    /// It is done each time.
    Acts {
        /// When it is not: goes on after `unless`.
        unless: &'static str,
        /// A sentence more, or nothing.
        besides: &'static str,
    },
    /// It looks while the run is planned.
    Looks,
    /// It looks, asks or waits when its turn comes.
    Checks,
    /// It is about the run and not about the host. A sentence more, or nothing.
    Steers(&'static str),
}

impl Manner {
    /// As sentences.
    pub fn said(self) -> String {
        let state = "A state: what is as wanted already is left alone; `--check` shows the difference and changes nothing.";
        let text = match self {
            Self::State => state.to_owned(),
            Self::StateBut(but) => format!("{state} {but}"),
            Self::Acts { unless, besides } => format!(
                "An action: it is done each time, and counts as a change, unless {unless}. `--check` tells that it would be done. {besides}"
            ),
            Self::Looks => "It only looks, also under `--check`, and counts as no change.".into(),
            Self::Checks => {
                "A check: it is made each time, and counts as no change. `--check` tells that it would be made."
                    .into()
            }
            Self::Steers(besides) => format!(
                "It steers the run: nothing on the host is changed, and it counts as no change. {besides}"
            ),
        };
        text.trim_end().to_owned()
    }

    /// Whether doing it may count as a change.
    pub fn changes(self) -> bool {
        matches!(self, Self::State | Self::StateBut(_) | Self::Acts { .. })
    }
}
