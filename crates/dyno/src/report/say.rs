//! What stays of what happens in a run, a line each: workers' output, warnings, faults.

use super::palette::Palette;
use super::redact;
use crate::primary::run::Update;

/// The line; `None` for what leaves none.
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

/// What to say of lines that were not shown.
pub(super) fn dropped(count: u64) -> String {
    let lines = crate::primary::plan::thousands(count);
    format!("{lines} lines of workers were not shown: they came faster than they could be")
}
