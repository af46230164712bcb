//! The reader of summaries, studies and intervals that are stored. Other versions of dyno may have written
//! them, so the schema is checked before anything else.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::intervals::{INTERVALS_FILE, INTERVALS_SCHEMA, Intervals};
use crate::study::{STUDY_FILE, STUDY_SCHEMA, Study};
use crate::summary::{SCHEMA, Summary};

/// The summary's file in the folder of a run.
pub const SUMMARY_FILE: &str = "run.json";

impl Summary {
    /// Reads the summary of a run that was saved. `path` is the file, or the folder of the run,
    /// which holds it as [`SUMMARY_FILE`].
    ///
    /// ```
    /// use dyno_summary::{ReadError, Summary};
    ///
    /// match Summary::read("target/dyno/shop/latest") {
    ///     Ok(summary) => println!("{}: {}", summary.benchmark, summary.verdict),
    ///     Err(ReadError::Missing { path }) => println!("no run at {}", path.display()),
    ///     Err(error) => println!("error: {error}"),
    /// }
    /// ```
    ///
    /// # Errors
    /// If the file can't be read, or is not a summary that this version reads.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        file(path.as_ref())
    }

    /// Parses the text of a summary. `path` names the text in errors.
    ///
    /// # Errors
    /// If the text is not a summary that this version reads.
    pub fn parse(text: &str, path: impl Into<PathBuf>) -> Result<Self, ReadError> {
        parse(text, path.into())
    }
}

impl Study {
    /// Reads a study that was saved. `path` is the file, or the folder of the study, which holds it
    /// as [`STUDY_FILE`]. A study that goes on, or was killed, has no [`end`](Self::end).
    ///
    /// ```
    /// use dyno_summary::{ReadError, Study};
    ///
    /// match Study::read("target/dyno/shop/latest") {
    ///     Ok(study) => println!("{}: {}", study.benchmark, study.answer),
    ///     Err(ReadError::Missing { path }) => println!("no study at {}", path.display()),
    ///     Err(error) => println!("error: {error}"),
    /// }
    /// ```
    ///
    /// # Errors
    /// If the file can't be read, or is not a study that this version reads.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        file(path.as_ref())
    }
}

impl Intervals {
    /// Reads the intervals of a run that was saved. `path` is the file, or the folder of the run,
    /// which holds it as [`INTERVALS_FILE`].
    ///
    /// ```
    /// use dyno_summary::{Intervals, ReadError};
    ///
    /// match Intervals::read("target/dyno/shop/latest") {
    ///     Ok(intervals) => println!("{} metrics", intervals.metrics.len()),
    ///     Err(ReadError::Missing { path }) => println!("no intervals at {}", path.display()),
    ///     Err(error) => println!("error: {error}"),
    /// }
    /// ```
    ///
    /// # Errors
    /// If the file can't be read, or does not hold intervals that this version reads.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        file(path.as_ref())
    }
}

/// A kind of stored result.
trait Contract: DeserializeOwned {
    /// The name of its file in its folder.
    const FILE: &str;
    /// The version of its contract.
    const SCHEMA: u32;
    /// A field that tells it from other results.
    const MARK: &str;

    /// Returns the error of a text that is another kind of result, or none at all.
    fn refused(path: PathBuf) -> ReadError;
}

impl Contract for Summary {
    const FILE: &str = SUMMARY_FILE;
    const SCHEMA: u32 = SCHEMA;
    const MARK: &str = "schema";

    fn refused(path: PathBuf) -> ReadError {
        ReadError::NotSummary { path }
    }
}

impl Contract for Study {
    const FILE: &str = STUDY_FILE;
    const SCHEMA: u32 = STUDY_SCHEMA;
    /// A summary has a `schema` too, and no `trials`.
    const MARK: &str = "trials";

    fn refused(path: PathBuf) -> ReadError {
        ReadError::NotStudy { path }
    }
}

impl Contract for Intervals {
    const FILE: &str = INTERVALS_FILE;
    const SCHEMA: u32 = INTERVALS_SCHEMA;
    /// Other results have no rows.
    const MARK: &str = "rows";

    fn refused(path: PathBuf) -> ReadError {
        ReadError::NotIntervals { path }
    }
}

/// Reads a result from its file, or from the folder that holds the file.
fn file<T: Contract>(path: &Path) -> Result<T, ReadError> {
    let path = if path.is_dir() { path.join(T::FILE) } else { path.to_owned() };
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReadError::Missing { path }),
        Err(source) => Err(ReadError::Unreadable { path, source }),
    }
}

fn parse<T: Contract>(text: &str, path: PathBuf) -> Result<T, ReadError> {
    let json: Value = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(source) => return Err(ReadError::NotJson { path, source: source.into() }),
    };
    match json.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema == u64::from(T::SCHEMA) && json.get(T::MARK).is_some() => {}
        Some(schema) if schema > u64::from(T::SCHEMA) => {
            return Err(ReadError::NewerSchema { path, schema });
        }
        Some(_) | None => return Err(T::refused(path)),
    }
    T::deserialize(json).map_err(|source| ReadError::Damaged { path, source: source.into() })
}

/// The reason why a summary, a study or the intervals of a run could not be read.
///
/// ```
/// use dyno_summary::{ReadError, Summary};
///
/// let error: ReadError = Summary::read("/nowhere/at/all").expect_err("it is missing");
/// assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file does not exist.
    Missing {
        /// The path of the file.
        path: PathBuf,
    },
    /// The file is there and can't be read.
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The text is not valid JSON: a disk was full, or it is another file.
    NotJson {
        /// The path of the file.
        path: PathBuf,
        /// The first place at which it is not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The text is JSON, and not the summary of a run.
    NotSummary {
        /// The path of the file.
        path: PathBuf,
    },
    /// The text is JSON, and not a study.
    NotStudy {
        /// The path of the file.
        path: PathBuf,
    },
    /// The text is JSON, and not the intervals of a run.
    NotIntervals {
        /// The path of the file.
        path: PathBuf,
    },
    /// A later version of dyno wrote the file, in a form that this one does not know.
    NewerSchema {
        /// The path of the file.
        path: PathBuf,
        /// The version of the contract that it has; this one reads an earlier one.
        schema: u64,
    },
    /// The result lacks a field, or a field has a value of another type.
    Damaged {
        /// The path of the file.
        path: PathBuf,
        /// The first field that is wrong.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(
                f,
                "{} is not there: the run has not ended or was killed before its end, or the path \
                 is wrong",
                path.display()
            ),
            Self::Unreadable { path, .. } => write!(f, "can't read {}", path.display()),
            Self::NotJson { path, .. } => {
                write!(f, "{} is damaged: it is not valid JSON", path.display())
            }
            Self::NotSummary { path } => write!(
                f,
                "{} is not the summary of a run: it has no valid `schema`; name the \
                 {SUMMARY_FILE} of a run, or its folder",
                path.display()
            ),
            Self::NotStudy { path } => write!(
                f,
                "{} is not a study: it has no valid `schema` or no `trials`; name the {STUDY_FILE} \
                 of a study, or its folder",
                path.display()
            ),
            Self::NotIntervals { path } => write!(
                f,
                "{} does not hold the intervals of a run: it has no valid `schema` or no `rows`; \
                 name the {INTERVALS_FILE} of a run, or its folder",
                path.display()
            ),
            Self::NewerSchema { path, schema } => write!(
                f,
                "{} has schema {schema}, and this version of dyno reads {SCHEMA}: read it with the \
                 version that wrote it",
                path.display()
            ),
            Self::Damaged { path, .. } => write!(f, "{} is damaged", path.display()),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::NotJson { source, .. } | Self::Damaged { source, .. } => Some(&**source),
            Self::Missing { .. }
            | Self::NotSummary { .. }
            | Self::NotStudy { .. }
            | Self::NotIntervals { .. }
            | Self::NewerSchema { .. } => None,
        }
    }
}
