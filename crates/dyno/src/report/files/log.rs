//! The log of a run: JSON lines, to be read later or with other tools.
//!
//! It is written through `tracing-subscriber`, by a dispatcher that is set for one call at a time.
//! The program may have its own subscriber, which must not receive dyno's events.

use dyno_summary::{Summary, Verdict};

use crate::plan::Plan;
use crate::primary::RunPhase;
use crate::primary::run::{Stream, Tick, Update};
use crate::result::redact;

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LogEntry {
    /// The settings of the run, as text.
    Parameters { benchmark: String, text: String },
    /// The run has entered this phase.
    Entered(RunPhase),
    /// The counts of cycles so far, and the backlog; `elapsed_ns` is the run's time.
    Standing { elapsed_ns: u64, issued: u64, completed: u64, failed: u64, backlog: u64 },
    /// A line that a worker wrote to this stream.
    Line { worker: u32, stream: Stream, text: String },
    /// A message that the user should know.
    Warning(String),
    /// A message about something that went wrong.
    Fault(String),
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
            Update::Entered(phase) => Self::Entered(*phase),
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
                Self::Line { worker: *worker, stream: *stream, text: text.clone() }
            }
            Update::Warning(text) => Self::Warning(text.clone()),
            Update::Fault(text) => Self::Fault(text.clone()),
        }
    }
}

#[cfg(feature = "tracing")]
pub(crate) use json::Log;

#[cfg(feature = "tracing")]
mod json {
    //! The writer of the lines as JSON.

    use std::fs::File;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing::dispatcher::{self, Dispatch};
    use tracing::{error, info, warn};
    use tracing_subscriber::fmt::MakeWriter;

    use super::{LogEntry, Stream, redact};

    /// A log that is being written, to one file or to several.
    #[derive(Debug)]
    pub(crate) struct Log {
        dispatch: Dispatch,
        tee: Tee,
    }

    impl Log {
        /// Creates a log that writes each line to all of these files.
        pub(crate) fn over(files: Vec<File>) -> Self {
            let tee = Tee { files: files.into(), failed: Arc::default() };
            let subscriber = tracing_subscriber::fmt()
                .json()
                .flatten_event(true)
                .with_target(false)
                .with_current_span(false)
                .with_span_list(false)
                .with_writer(tee.clone())
                .finish();
            Self { dispatch: Dispatch::new(subscriber), tee }
        }

        /// Writes a line.
        pub(crate) fn write(&self, entry: &LogEntry) {
            dispatcher::with_default(&self.dispatch, || event(entry));
        }

        /// Returns the first error of writing, if there was one, and forgets it.
        pub(crate) fn failure(&self) -> Option<String> {
            self.tee.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
        }
    }

    fn event(entry: &LogEntry) {
        match entry {
            LogEntry::Parameters { benchmark, text } => {
                info!(benchmark, parameters = text, "parameters");
            }
            LogEntry::Entered(phase) => info!(%phase, "phase"),
            LogEntry::Standing { elapsed_ns, issued, completed, failed, backlog } => {
                info!(elapsed_ns, issued, completed, failed, backlog, "tick");
            }
            LogEntry::Line { worker, stream, text } => {
                let stream = match stream {
                    Stream::Stdout => "stdout",
                    Stream::Stderr => "stderr",
                };
                info!(worker, stream, text = redact::text(text), "line");
            }
            LogEntry::Warning(text) => warn!(text = redact::text(text), "warning"),
            LogEntry::Fault(text) => error!(text = redact::text(text), "fault"),
            LogEntry::Verdict { verdict, reasons, exit_code } => {
                info!(verdict = verdict.name(), reasons, exit_code, "verdict");
            }
        }
    }

    /// Several files with the same content. A failure is remembered and stops nothing.
    #[derive(Debug, Clone)]
    struct Tee {
        files: Arc<[File]>,
        failed: Arc<Mutex<Option<String>>>,
    }

    impl<'a> MakeWriter<'a> for Tee {
        type Writer = &'a Self;

        fn make_writer(&'a self) -> &'a Self {
            self
        }
    }

    impl Write for &Tee {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            for mut file in &*self.files {
                if let Err(error) = file.write_all(bytes) {
                    let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.get_or_insert_with(|| error.to_string());
                }
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

/// A log that never exists, because the feature `tracing` is off.
#[cfg(not(feature = "tracing"))]
#[derive(Debug)]
pub(crate) enum Log {}

#[cfg(not(feature = "tracing"))]
impl Log {
    pub(crate) fn write(&self, _entry: &LogEntry) {
        match *self {}
    }

    pub(crate) fn failure(&self) -> Option<String> {
        match *self {}
    }
}

#[cfg(all(test, feature = "tracing"))]
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

    #[test]
    fn a_programs_own_subscriber_hears_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("theirs");
        let file = File::create(&theirs).unwrap();
        let subscriber = tracing_subscriber::fmt().with_writer(file).finish();
        tracing::subscriber::with_default(subscriber, || {
            let ours = File::create(folder.path().join("ours")).unwrap();
            Log::over(vec![ours]).write(&LogEntry::Warning("ours alone".into()));
            tracing::info!("theirs alone");
        });
        let theirs = fs::read_to_string(theirs).unwrap();
        assert!(theirs.contains("theirs alone") && !theirs.contains("ours"), "{theirs}");
    }
}
