//! What a task does on the controller instead of on a host.

/// Time that passes, or a question to whoever started the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interlude {
    /// What is shown meanwhile.
    pub text: String,
    /// So long; without it somebody has to press Enter.
    pub seconds: Option<u64>,
    /// Whether what is typed shows. What does not is a secret.
    pub echo: bool,
}

impl Interlude {
    /// Whether somebody has to be there.
    pub fn asks(&self) -> bool {
        self.seconds.is_none()
    }
}
