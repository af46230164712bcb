//! Starts benchmarks, waits for what they do, and checks what they leave behind.
//!
//! Nothing here waits without a deadline, and nothing is taken for done because some time passed.

mod invariants;
mod server;
mod terminal;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use dyno::Summary;
use dyno_bus::{Time, clock};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub(crate) use invariants::{State, processes_of, processor_time, state_of, zombies_of};
pub(crate) use server::Redis;
pub(crate) use terminal::Terminal;

pub(crate) const BEHAVES: &str = env!("CARGO_BIN_EXE_behaves");
pub(crate) const MISBEHAVES: &str = env!("CARGO_BIN_EXE_misbehaves");
pub(crate) const IMPOSTOR: &str = env!("CARGO_BIN_EXE_impostor");
pub(crate) const RECORDS: &str = env!("CARGO_BIN_EXE_records");
pub(crate) const SEVERAL: &str = env!("CARGO_BIN_EXE_several");
pub(crate) const LIBRARY: &str = env!("CARGO_BIN_EXE_library");
pub(crate) const ALLOCATES: &str = env!("CARGO_BIN_EXE_allocates");
pub(crate) const DRAWS: &str = env!("CARGO_BIN_EXE_draws");
pub(crate) const INCR: &str = env!("CARGO_BIN_EXE_incr");

/// No run of a test takes as long, however busy the machine is.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks at what can't be waited for.
const POLL_PERIOD: Duration = Duration::from_millis(2);

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not within the deadline.
#[track_caller]
pub(crate) fn until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let end = clock::now() + deadline;
    while !condition() {
        assert!(clock::now() < end, "not within {deadline:?}: {what}");
        // Nobody unparks this thread: it is how one looks again without taking a core.
        std::thread::park_timeout(POLL_PERIOD);
    }
}

/// A benchmark that is to be run.
pub(crate) struct Benchmark {
    program: &'static str,
    words: Vec<String>,
    variables: BTreeMap<String, String>,
    /// What starts the program, if not the test.
    launcher: Vec<String>,
    stdout: Stdio,
    folder: TempDir,
}

/// A benchmark that measures 300 ms without a warm-up on two workers, unless told otherwise, and
/// prints its summary as JSON.
pub(crate) fn benchmark(program: &'static str) -> Benchmark {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("tmp")).expect("writable");
    let variables = [
        ("DYNO_DURATION", "300ms"),
        ("DYNO_WARMUP", "0s"),
        ("DYNO_WORKERS", "2"),
        ("DYNO_FORMAT", "json"),
        ("DYNO_OUT", "out"),
        // A backtrace of a panic that is meant is noise.
        ("RUST_BACKTRACE", "0"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Benchmark {
        program,
        words: Vec::new(),
        variables: BTreeMap::from(variables),
        launcher: Vec::new(),
        stdout: Stdio::piped(),
        folder,
    }
}

impl Benchmark {
    /// Flags, separated by spaces.
    pub(crate) fn args(mut self, line: &str) -> Self {
        self.words.extend(line.split_whitespace().map(str::to_owned));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A program that executes what follows it.
    pub(crate) fn launched_by(mut self, line: &str) -> Self {
        self.launcher.extend(line.split_whitespace().map(str::to_owned));
        self
    }

    /// One more word for the launcher, as it is: a shell's script.
    pub(crate) fn launched_with(mut self, word: &str) -> Self {
        self.launcher.push(word.to_owned());
        self
    }

    /// Lets the task write down its hooks and cycles, for [`Running::until_log`] and
    /// [`Ended::log`].
    pub(crate) fn logged(self) -> Self {
        let log = format!("-P log={}", self.folder.path().join("log").display());
        self.args(&log)
    }

    /// Where standard output goes, if not to the test.
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// Starts it as the head of a session of its own, by which its processes are known.
    #[track_caller]
    pub(crate) fn start(self) -> Running {
        invariants::adopt_orphans();
        let mut command = Command::new("setsid");
        command.args(&self.launcher).arg(self.program).args(&self.words);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DYNO_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .envs(&self.variables)
            .env("TMPDIR", self.folder.path().join("tmp"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(self.stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("`setsid` of util-linux is there");
        let stdout = child.stdout.take().map(Heard::of).unwrap_or_default();
        let stderr = child.stderr.take().map(Heard::of).unwrap_or_default();
        Running {
            pid: child.id(),
            begun: clock::now(),
            ended: wait_for(child),
            reaped: false,
            stdout,
            stderr,
            folder: Arc::new(self.folder),
        }
    }

    /// Starts it and waits for its end.
    #[track_caller]
    pub(crate) fn run(self) -> Ended {
        self.start().end()
    }
}

/// Waits for a process in a thread, so that the wait can have a deadline.
fn wait_for(mut child: Child) -> Receiver<(ExitStatus, Time)> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let status = child.wait().expect("it is our child");
        // A test that failed has gone on without it.
        let _unheard = sender.send((status, clock::now()));
    });
    receiver
}

/// A stream of a program, read as it comes.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<(Mutex<Stream>, Condvar)>);

#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    is_over: bool,
}

impl Heard {
    fn of(mut source: impl Read + Send + 'static) -> Self {
        let heard = Self::default();
        let ours = heard.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                let count = source.read(&mut buffer).unwrap_or(0);
                let mut stream = ours.0.0.lock().expect("no reader panics");
                stream.bytes.extend(&buffer[..count]);
                stream.is_over = count == 0;
                ours.0.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        heard
    }

    fn text(&self) -> String {
        let stream = self.0.0.lock().expect("no reader panics");
        String::from_utf8_lossy(&stream.bytes).into_owned()
    }

    /// Waits until the stream satisfies `condition`; whether it does.
    fn wait(&self, deadline: Duration, condition: impl Fn(&str, bool) -> bool) -> bool {
        let stream = self.0.0.lock().expect("no reader panics");
        let waiting = |stream: &mut Stream| {
            !condition(&String::from_utf8_lossy(&stream.bytes), stream.is_over)
        };
        let (_stream, waited) =
            self.0.1.wait_timeout_while(stream, deadline, waiting).expect("no reader panics");
        !waited.timed_out()
    }
}

/// A benchmark that runs.
pub(crate) struct Running {
    pub(crate) pid: u32,
    begun: Time,
    ended: Receiver<(ExitStatus, Time)>,
    reaped: bool,
    stdout: Heard,
    stderr: Heard,
    folder: Arc<TempDir>,
}

impl Running {
    /// Waits until it has said this on standard error, which has the workers' output too.
    #[track_caller]
    pub(crate) fn until_said(&self, text: &str) {
        let said = self.stderr.wait(DEADLINE, |stderr, _| stderr.contains(text));
        assert!(said, "`{text}` was not said: {}", self.stderr.text());
    }

    /// Waits until the task has written this down.
    #[track_caller]
    pub(crate) fn until_log(&self, text: &str) {
        let log = self.folder.path().join("log");
        let has = || std::fs::read_to_string(&log).is_ok_and(|log| log.contains(text));
        until(&format!("`{text}` in the log; {}", self.stderr.text()), DEADLINE, has);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid, signal);
    }

    /// The processes of its workers, as they are now.
    pub(crate) fn workers(&self) -> Vec<u32> {
        invariants::children_of(self.pid)
    }

    /// Waits until it has so many workers.
    #[track_caller]
    pub(crate) fn until_workers(&self, count: usize) -> Vec<u32> {
        until("workers", DEADLINE, || self.workers().len() == count);
        self.workers()
    }

    /// Where its files are, for as long as this is kept.
    pub(crate) fn folder(&self) -> Arc<TempDir> {
        Arc::clone(&self.folder)
    }

    /// Waits for its end, and checks what every end has to be like.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let (status, at) = self.until_ended();
        invariants::check_processes(self.pid);
        self.told(status, at)
    }

    /// Kills it by SIGKILL, and waits until all of its processes are gone; how long that took.
    #[track_caller]
    pub(crate) fn kill(mut self, deadline: Duration) -> Duration {
        let begun = clock::now();
        self.signal(Signal::SIGKILL);
        let _killed = self.until_ended();
        until("its processes are gone", deadline, || invariants::reap_orphans(self.pid));
        clock::now() - begun
    }

    #[track_caller]
    fn until_ended(&mut self) -> (ExitStatus, Time) {
        let Ok(ended) = self.ended.recv_timeout(DEADLINE) else {
            panic!("it did not end: {}", self.stderr.text());
        };
        self.reaped = true;
        ended
    }

    #[track_caller]
    fn told(&self, status: ExitStatus, at: Time) -> Ended {
        for stream in [&self.stdout, &self.stderr] {
            // What no test hears is over from the start.
            let over = Arc::strong_count(&stream.0) == 1 || stream.wait(DEADLINE, |_, over| over);
            assert!(over, "somebody holds its output open: {}", self.stderr.text());
        }
        let ended = Ended {
            status,
            elapsed: at - self.begun,
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            log: std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default(),
            folder: Arc::clone(&self.folder),
        };
        invariants::check_files(self.folder.path(), &ended);
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Of a test that failed; one that is reaped is no longer ours to signal.
        if !self.reaped {
            send(self.pid, Signal::SIGKILL);
        }
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    // One that has ended is what a signal is for, too.
    let _gone = kill(Pid::from_raw(pid.cast_signed()), signal);
}

/// What a benchmark left: its exit and its words.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) elapsed: Duration,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What the task wrote down.
    pub(crate) log: String,
    folder: Arc<TempDir>,
}

impl Ended {
    /// The summary on standard output; checks it against its schema, and its sums.
    #[track_caller]
    pub(crate) fn summary(&self) -> Summary {
        invariants::check_summary(self)
    }

    /// The summary of a run with this exit code and verdict.
    #[track_caller]
    pub(crate) fn verdict(&self, code: i32, verdict: &str) -> Summary {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        let summary = self.summary();
        assert_eq!((summary.exit_code, &*summary.verdict), (code, verdict), "{self:#?}");
        summary
    }

    /// The first reason of a run that is an error.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let summary = self.verdict(5, "error");
        let reason = summary.reasons.first().expect("a reason").clone();
        // How many more workers met the same is known only in the end.
        let said = reason.split(" (and ").next().unwrap_or_default();
        assert!(self.stderr.contains(said), "said as it happened: {self:#?}");
        reason
    }

    /// The one line of a refusal, before which nothing was started.
    #[track_caller]
    pub(crate) fn refusal(&self) -> &str {
        assert_eq!(self.status.code(), Some(2), "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        assert_eq!(self.log, "", "{self:#?}");
        let line = self.stderr.strip_suffix('\n').expect("a line");
        assert!(!line.contains('\n'), "{self:#?}");
        line.strip_prefix("error: ").expect("an error")
    }

    /// Where a file is that it left.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// A file that it left.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).expect("it was left")
    }

    /// How many lines of the log begin so.
    pub(crate) fn logged(&self, beginning: &str) -> usize {
        self.log.lines().filter(|line| line.starts_with(beginning)).count()
    }
}

/// `text` has all of `parts`, in their order.
#[track_caller]
pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("no `{part}` (in order) in: {text}");
        };
        rest = after;
    }
}
