//! The verdict on a run: its word, its exit code, and its precedence. The rules that decide it are
//! not here.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// The exit code of a benchmark that was refused before anything was started, which leaves no
/// summary. It is the code of cargo and of most programs for a wrong command line.
pub const REFUSED_EXIT: i32 = 2;
/// The base of the exit code of a run that a signal ended, as shells have it: the signal's number
/// is added.
pub const SIGNAL_EXIT: i32 = 128;

/// The result that a run proves, in order of precedence: if several hold, the greatest is the
/// verdict. In JSON it is its [`name`](Self::name).
///
/// ```
/// use dyno_summary::Verdict;
///
/// assert_eq!(Verdict::Unsustained.exit_code(None), 1);
/// assert_eq!(Verdict::Unsustained.to_string(), "unsustained");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "String")]
#[non_exhaustive]
pub enum Verdict {
    /// A closed loop, which requests no rate: every cycle completed.
    Completed,
    /// The backlog stayed bounded and every cycle completed.
    Sustained,
    /// The window does not show whether the rate is held.
    Inconclusive,
    /// More cycles failed or were abandoned than allowed.
    Failed,
    /// The backlog passed its limit or grew, or cycles were skipped.
    Unsustained,
    /// The harness was the bottleneck, or nothing was measured.
    Invalid,
    /// A signal ended the run.
    Interrupted,
    /// A worker, a hook or the accounting failed.
    #[default]
    Error,
    /// A verdict that this version does not know, by its name: another version wrote the summary.
    Unknown(String),
}

impl Verdict {
    /// All verdicts that this version decides, in order of precedence.
    pub const KNOWN: [Self; 8] = [
        Self::Completed,
        Self::Sustained,
        Self::Inconclusive,
        Self::Failed,
        Self::Unsustained,
        Self::Invalid,
        Self::Interrupted,
        Self::Error,
    ];

    /// Returns the exit code of a run with this verdict. `signal` is the signal that ended the run,
    /// if any; it matters to [`Interrupted`](Self::Interrupted) alone.
    ///
    /// [`REFUSED_EXIT`] is left to refusals before the start. An unknown verdict has the code of an error,
    /// so that it never passes for a success; the run's own code is in
    /// [`Summary::exit_code`](crate::Summary::exit_code).
    #[must_use]
    pub const fn exit_code(&self, signal: Option<i32>) -> i32 {
        match (self, signal) {
            (Self::Completed | Self::Sustained, _) => 0,
            (Self::Unsustained, _) => 1,
            (Self::Failed, _) => 3,
            (Self::Invalid, _) => 4,
            (Self::Error | Self::Unknown(_), _) => 5,
            (Self::Inconclusive, _) => 6,
            (Self::Interrupted, Some(signal)) => SIGNAL_EXIT + signal,
            (Self::Interrupted, None) => SIGNAL_EXIT,
        }
    }

    /// Returns the verdict's name in files and output.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Completed => "completed",
            Self::Sustained => "sustained",
            Self::Inconclusive => "inconclusive",
            Self::Failed => "failed",
            Self::Unsustained => "unsustained",
            Self::Invalid => "invalid",
            Self::Interrupted => "interrupted",
            Self::Error => "error",
            Self::Unknown(name) => name,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a verdict's name; any name is valid.
impl From<String> for Verdict {
    fn from(name: String) -> Self {
        let known = Self::KNOWN.into_iter().find(|verdict| verdict.name() == name);
        known.unwrap_or(Self::Unknown(name))
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
