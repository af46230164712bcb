//! What `tests/fuzz` feeds and is no part of the API. It may change at any time.

use std::io;

use dyno_bus::Time;
use dyno_observer::Observer;

use crate::report;

/// The text, as it is shown and stored.
#[must_use]
pub fn redacted(text: &str) -> String {
    crate::result::redacted(text)
}

/// A histogram log of what the observer has taken in since it `begun`, which is one interval.
///
/// # Errors
/// Those of the format: memory takes all that is written.
pub fn histogram_log(observer: &mut Observer, begun: Time, until: Time) -> io::Result<Vec<u8>> {
    report::histogram_log(observer, begun, until)
}
