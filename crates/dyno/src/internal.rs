//! The parts of the engine that the programs of this workspace use: `cargo-dyno`, the tests and the
//! fuzzer. They are not part of the API, and may change in any version.

#[cfg(feature = "cli")]
use {dyno_bus::Time, dyno_observer::Observer, std::io};

#[cfg(feature = "cli")]
pub use crate::cli::args::{Arguments, OutputFlags, UsageError, command};
#[cfg(feature = "cli")]
pub use crate::report::{Format, asked, delivered, render, render_study, span};
pub use crate::settings::{
    Machine, Setting, SettingSource, Settings, StudySetting, StudySettings, TaskParameters,
};

/// Returns a text as reports show and store it.
#[must_use]
pub fn redacted(text: &str) -> String {
    crate::result::redacted(text)
}

/// Ends this worker, with a message on its standard error that the fault of the run quotes.
pub fn fail_worker(message: &str) -> ! {
    crate::worker::fail(message)
}

/// Writes a histogram log of the values that the observer has received since `begun`, as one
/// interval.
///
/// # Errors
/// If a value can't be written in the format.
#[cfg(feature = "cli")]
pub fn histogram_log(observer: &mut Observer, begun: Time, until: Time) -> io::Result<Vec<u8>> {
    crate::report::histogram_log(observer, begun, until)
}
