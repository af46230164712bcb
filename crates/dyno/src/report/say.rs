//! The lines that an update leaves behind: workers' output, warnings, faults.

use super::palette::Palette;
use super::redact;
use crate::primary::run::Update;

/// Returns the line of an update; `None` for an update that leaves no line.
pub(super) fn update(update: &Update, palette: Palette) -> Option<String> {
    match update {
        Update::Line { worker, text, .. } => {
            Some(format!("{} {}", palette.dim(&format!("[{worker}]")), redact::text(text)))
        }
        Update::Warning(text) => {
            Some(format!("{} {}", palette.warn("warning:"), redact::text(text)))
        }
        Update::Fault(text) => Some(format!("{} {}", palette.bad("error:"), redact::text(text))),
        Update::Entered(_) | Update::Tick(_) => None,
    }
}

/// Returns the message about lines of workers that were not shown.
pub(super) fn dropped(count: u64) -> String {
    let lines = crate::primary::plan::thousands(count);
    format!("{lines} lines of workers were not shown: they came faster than they could be")
}
