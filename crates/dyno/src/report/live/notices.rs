//! The lines that an update leaves behind: workers' output, warnings, faults.

use crate::primary::run::Update;
use crate::report::formats::palette::Palette;
use crate::result::redact;

/// Returns the line of an update; `None` for an update that leaves no line.
pub(crate) fn update(update: &Update, palette: Palette) -> Option<String> {
    match update {
        Update::Line { worker, text, .. } => {
            Some(format!("{} {}", palette.dim(&format!("[{worker}]")), redact::text(text)))
        }
        Update::Warning(text) => {
            Some(format!("{} {}", palette.warn("warning:"), redact::text(text)))
        }
        Update::Fault(text) => Some(format!("{} {}", palette.bad("error:"), redact::text(text))),
        Update::Entered(_) | Update::Tick(_) | Update::Rate(_) => None,
    }
}

/// Returns the message about lines of workers that were not shown.
pub(crate) fn dropped(count: u64) -> String {
    let lines = crate::plan::thousands(count);
    format!("{lines} lines of workers were not shown: they came faster than they could be")
}
