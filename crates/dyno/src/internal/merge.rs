//! The result of a run over several hosts, from the folders of their shares.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dyno_summary::{Intervals, Summary};

use crate::primary::{self, HostRecord, MergeError, RecordError};
use crate::report::{RECORD, intervals_of, render_intervals};
use crate::result::{redacted, summary_of};

/// The result of a run over several hosts.
#[derive(Debug)]
pub struct MergedRun {
    /// The summary, as `run.json` has it.
    pub summary: Summary,
    /// The interval table.
    pub intervals: Intervals,
}

/// Folders that can't be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeFoldersError {
    /// A folder has no record.
    #[error("`{}` has no {RECORD}: name the folder of a run with --share", folder.display())]
    NoRecord {
        /// The folder that was named.
        folder: PathBuf,
    },
    /// A record can't be read.
    #[error("can't read `{}`: {source}", path.display())]
    Unreadable {
        /// The record's file.
        path: PathBuf,
        /// The error that the system reports.
        source: io::Error,
    },
    /// A file is not the record of a host.
    #[error("can't use `{}`: {message}", path.display())]
    NotARecord {
        /// The path of that file.
        path: PathBuf,
        /// The reason, with the way out.
        message: String,
    },
    /// The records are not those of one run.
    #[error("{message}")]
    NotOneRun {
        /// The reason, with the folders and the way out.
        message: String,
    },
}

/// Merges the records in these folders, in any order.
///
/// # Errors
/// If a folder has no valid record, or if they are not those of one run.
pub fn merge(folders: &[PathBuf]) -> Result<MergedRun, MergeFoldersError> {
    let records = folders.iter().map(|folder| read(folder)).collect::<Result<Vec<_>, _>>()?;
    let first = records.iter().min_by_key(|record| record.place());
    let (command, environment, profile) = first.map_or_else(Default::default, |first| {
        (first.command.clone(), first.environment.clone(), first.profile.clone())
    });
    let mut run = primary::merge(records)
        .map_err(|error: MergeError| MergeFoldersError::NotOneRun { message: error.to_string() })?;
    let mut summary = summary_of(&mut run, &command, environment);
    summary.profile = redacted(&profile);
    Ok(MergedRun { summary, intervals: intervals_of(&run) })
}

/// Merges the record of one host of one, for the fuzzer.
///
/// # Errors
/// If the bytes are not a valid record. The error is one line.
pub fn merge_bytes(bytes: &[u8]) -> Result<Summary, String> {
    let record = HostRecord::from_bytes(bytes).map_err(|error| error.to_string())?;
    let environment = record.environment.clone();
    let mut run = primary::merge(vec![record]).map_err(|error| error.to_string())?;
    Ok(summary_of(&mut run, &[], environment))
}

/// Returns an interval table as the text of its file.
#[must_use]
pub fn intervals_text(intervals: &Intervals) -> String {
    render_intervals(intervals)
}

fn read(folder: &Path) -> Result<HostRecord, MergeFoldersError> {
    let path = match folder.is_dir() {
        true => folder.join(RECORD),
        false => folder.to_owned(),
    };
    let bytes = fs::read(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => MergeFoldersError::NoRecord { folder: folder.to_owned() },
        _ => MergeFoldersError::Unreadable { path: path.clone(), source },
    })?;
    let mut record = HostRecord::from_bytes(&bytes).map_err(|error: RecordError| {
        MergeFoldersError::NotARecord { path, message: error.to_string() }
    })?;
    record.source = format!("`{}`", folder.display());
    Ok(record)
}
