//! The record of a host as it is stored and sent: with the facts about its machine and its program,
//! and without secrets.

use dyno_summary::Environment;

use super::{environment, redact};
use crate::primary::HostRecord;

/// Returns the record of a share, as a run has left it, in the form to store and to send. `command`
/// is the command line that began the run.
///
/// # Errors
/// If the record is longer than one may be. The error is a sentence.
pub(crate) fn record_bytes(
    of_run: &[u8],
    command: &[String],
    environment: Environment,
) -> Result<Vec<u8>, String> {
    let mut record = HostRecord::from_bytes(of_run).map_err(|error| error.to_string())?;
    if record.name.is_empty() {
        record.name = environment::host_name();
    }
    record.program = environment::program();
    record.command = redact::command(command);
    record.environment = environment;
    super::profile().clone_into(&mut record.profile);
    record.plan.task = redact::map(&record.plan.task);
    for text in record.texts_mut() {
        *text = redact::text(text);
    }
    record.to_bytes().map_err(|error| error.to_string())
}
