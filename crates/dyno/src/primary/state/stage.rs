//! The stages of a worker's life, as its primary knows them.

/// The stages of a worker; each follows those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MemberStage {
    /// Its process is started.
    #[default]
    Spawned,
    /// It sent `Hello` and was sent `Start`.
    Greeted,
    /// Its `before` is done: it waits for the plan, runs cycles, or drains.
    Ready,
    /// It gave its account, which is being compared.
    Verifying,
    /// Its account is settled.
    Drained,
    /// It may run `after`.
    Acked,
    /// Its hook failed; its `Bye` follows.
    HookFailed,
    /// It sent its `Bye`.
    Finished,
    /// Its socket is read to the end and its process reaped.
    Gone,
}

impl std::fmt::Display for MemberStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Spawned => "just started",
            Self::Greeted => "getting ready",
            Self::Ready => "ready",
            Self::Verifying => "giving its account",
            Self::Drained => "drained",
            Self::Acked => "finishing",
            Self::HookFailed => "ending after a failed hook",
            Self::Finished => "finished",
            Self::Gone => "gone",
        })
    }
}
