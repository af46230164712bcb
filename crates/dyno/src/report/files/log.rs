//! The log of a run: JSON lines, to be read later or with other tools.
//!
//! Each line is one object: the wall time, a level, and an entry, whose kind is its `message`.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use dyno_summary::{Summary, Verdict};
use serde::{Serialize, Serializer};

use crate::plan::Plan;
use crate::primary::run::{Stream, Tick, Update};
use crate::primary::{RunPhase, Steered};
use crate::result::redact;

/// An entry of the log. Its texts hold no passwords.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "message", rename_all = "lowercase")]
pub(crate) enum LogEntry {
    /// The settings of the run, as text.
    Parameters {
        benchmark: String,
        #[serde(rename = "parameters")]
        text: String,
    },
    /// The run has entered this phase.
    #[serde(rename = "phase")]
    Entered {
        #[serde(serialize_with = "name_of_phase")]
        phase: RunPhase,
    },
    /// The counts of cycles so far, and the backlog; `elapsed_ns` is the run's time.
    #[serde(rename = "tick")]
    Standing { elapsed_ns: u64, issued: u64, completed: u64, failed: u64, backlog: u64 },
    /// A line that a worker wrote to this stream.
    Line {
        worker: u32,
        #[serde(serialize_with = "name_of_stream")]
        stream: Stream,
        text: String,
    },
    /// The rate that was requested by hand, or the factor of a profile's rates; and `true` if the
    /// issuing is to pause.
    Rate {
        #[serde(skip_serializing_if = "Option::is_none")]
        rate: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        factor: Option<f64>,
        paused: bool,
    },
    /// A message that the user should know.
    Warning { text: String },
    /// A message about something that went wrong.
    Fault { text: String },
    /// The verdict that the run ended with.
    Verdict { verdict: Verdict, reasons: String, exit_code: i32 },
}

impl LogEntry {
    pub(crate) fn parameters(plan: &Plan) -> Self {
        let words: Vec<_> = plan.words().iter().map(|word| redact::word(word)).collect();
        Self::Parameters { benchmark: plan.benchmark.clone(), text: words.join(" · ") }
    }

    pub(crate) fn verdict(summary: &Summary) -> Self {
        let Summary { verdict, reasons, exit_code, .. } = summary;
        let (verdict, reasons) = (verdict.clone(), reasons.join("; "));
        Self::Verdict { verdict, reasons, exit_code: *exit_code }
    }

    /// Returns the line for an update. Counts are those of warm-up and window together.
    pub(crate) fn of(update: &Update) -> Self {
        match update {
            Update::Entered(phase) => Self::Entered { phase: *phase },
            Update::Tick(tick) => {
                let Tick { elapsed, totals, backlog, .. } = &**tick;
                Self::Standing {
                    elapsed_ns: dyno_bus::clock::nanos(*elapsed),
                    issued: totals.issued.total(),
                    completed: totals.completed.total(),
                    failed: totals.failed.total(),
                    backlog: backlog.total(),
                }
            }
            Update::Line { worker, stream, text } => {
                Self::Line { worker: *worker, stream: *stream, text: redact::text(text) }
            }
            Update::Warning(text) => Self::Warning { text: redact::text(text) },
            Update::Fault(text) => Self::Fault { text: redact::text(text) },
            Update::Rate(by_hand) => {
                let (rate, factor) = match by_hand.steered {
                    Steered::Rate(rate) => (Some(rate), None),
                    Steered::Factor(factor) => (None, Some(factor)),
                };
                Self::Rate { rate, factor, paused: by_hand.is_paused }
            }
        }
    }

    /// Returns the level of the entry, by the names that log viewers know.
    const fn level(&self) -> &'static str {
        match self {
            Self::Parameters { .. }
            | Self::Entered { .. }
            | Self::Standing { .. }
            | Self::Line { .. }
            | Self::Rate { .. }
            | Self::Verdict { .. } => "INFO",
            Self::Warning { .. } => "WARN",
            Self::Fault { .. } => "ERROR",
        }
    }
}

fn name_of_phase<S: Serializer>(phase: &RunPhase, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(phase)
}

fn name_of_stream<S: Serializer>(stream: &Stream, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    })
}

/// One line of the log.
#[derive(Serialize)]
struct LogLine<'a> {
    timestamp: String,
    level: &'static str,
    #[serde(flatten)]
    entry: &'a LogEntry,
}

/// A log that is being written, to one file or to several. A failure is remembered and stops
/// nothing.
#[derive(Debug)]
pub(crate) struct Log {
    files: Vec<File>,
    failed: Mutex<Option<String>>,
}

impl Log {
    /// Creates a log that writes each line to all of these files.
    pub(crate) fn over(files: Vec<File>) -> Self {
        Self { files, failed: Mutex::default() }
    }

    /// Writes a line.
    pub(crate) fn write(&self, entry: &LogEntry) {
        let now = UNIX_EPOCH + dyno_bus::clock::wall();
        let timestamp = humantime::format_rfc3339_micros(now).to_string();
        let line = LogLine { timestamp, level: entry.level(), entry };
        let mut text = serde_json::to_string(&line).expect("an entry is valid JSON");
        text.push('\n');
        for mut file in &self.files {
            if let Err(error) = file.write_all(text.as_bytes()) {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert_with(|| error.to_string());
            }
        }
    }

    /// Returns the first error of writing, if there was one, and forgets it.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use serde_json::Value;

    use super::*;
    use crate::result::fixture;

    #[test]
    fn every_kind_of_entry_is_one_object_on_one_line_in_each_file() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        let log = Log::over(paths.iter().map(|path| File::create(path).unwrap()).collect());
        let text = "at redis://u:p@h\n\"quoted\"".to_owned();
        for entry in [
            LogEntry::parameters(&fixture::plan()),
            LogEntry::of(&Update::Entered(RunPhase::Measuring)),
            LogEntry::of(&Update::Tick(Box::new(fixture::tick()))),
            LogEntry::of(&Update::Line { worker: 1, stream: Stream::Stderr, text }),
            LogEntry::of(&Update::Warning("a debug build".into())),
            LogEntry::of(&Update::Fault("worker 1 died".into())),
            LogEntry::verdict(&fixture::summary()),
        ] {
            log.write(&entry);
        }
        assert_eq!(log.failure(), None);
        let written = fs::read_to_string(&paths[0]).unwrap();
        assert_eq!(fs::read_to_string(&paths[1]).unwrap(), written);
        assert!(!written.contains("secret"), "{written}");
        let lines: Vec<Value> =
            written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
        let all = ["parameters", "phase", "tick", "line", "warning", "fault", "verdict"];
        assert_eq!(kinds, all);
        assert_eq!(lines[1]["phase"], "measuring");
        assert_eq!(lines[2]["issued"], 125);
        assert_eq!(lines[3]["text"], "at redis://u:***@h\n\"quoted\"");
        assert_eq!(lines[6]["exit_code"], 1);
    }
}
