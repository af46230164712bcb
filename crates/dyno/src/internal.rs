//! The parts of the engine that the programs of this workspace use: `cargo-dyno`, the tests and the
//! fuzzer. They are not part of the API, and may change in any version.

#[cfg(feature = "cli")]
mod merge;
#[cfg(feature = "cli")]
mod program;

#[cfg(feature = "cli")]
pub use self::merge::*;
#[cfg(feature = "cli")]
pub use self::program::*;
pub use crate::settings::{
    Machine, Setting, SettingSource, Settings, StudySetting, StudySettings, TaskParameters,
};

/// Returns a text as reports show and store it.
#[must_use]
pub fn redacted(text: &str) -> String {
    crate::result::redacted(text)
}

/// Returns words of a command line as reports show and store them.
#[must_use]
pub fn redacted_words(words: &[String]) -> Vec<String> {
    crate::result::redact::command(words)
}

/// Returns the words of a text, split as a shell splits them.
///
/// # Errors
/// The quote that has no end.
pub fn split_words(text: &str) -> Result<Vec<String>, char> {
    crate::hosts::split_words(text)
}

/// Returns `true` if this process is an agent of a run on several hosts: it has no command line.
#[must_use]
pub fn is_agent() -> bool {
    crate::hosts::agent_of_this_process().is_some()
}

/// Ends this worker, with a message on its standard error that the fault of the run quotes.
pub fn fail_worker(message: &str) -> ! {
    crate::worker::fail(message)
}
