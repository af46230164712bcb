//! The tools of the tests: they start benchmarks, wait for events, and check what a run leaves
//! behind.
//!
//! Nothing here waits without a deadline, and nothing is assumed to be done because some time has
//! passed.

#[cfg(target_os = "linux")]
mod browser;
mod invariants;
mod server;
mod sshd;
mod target;
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

#[cfg(target_os = "linux")]
pub(crate) use browser::Browser;
pub(crate) use invariants::{
    State, processes_at, processes_of, processor_time, state_of, zombies_of,
};
pub(crate) use server::Redis;
pub(crate) use sshd::Sshd;
pub(crate) use target::Target;
pub(crate) use terminal::Terminal;

pub(crate) const BEHAVES: &str = env!("CARGO_BIN_EXE_behaves");
pub(crate) const MISBEHAVES: &str = env!("CARGO_BIN_EXE_misbehaves");
pub(crate) const MEDDLES: &str = env!("CARGO_BIN_EXE_meddles");
pub(crate) const IMPOSTOR: &str = env!("CARGO_BIN_EXE_impostor");
pub(crate) const RECORDS: &str = env!("CARGO_BIN_EXE_records");
pub(crate) const SEVERAL: &str = env!("CARGO_BIN_EXE_several");
pub(crate) const LIBRARY: &str = env!("CARGO_BIN_EXE_library");
pub(crate) const ALLOCATES: &str = env!("CARGO_BIN_EXE_allocates");
pub(crate) const DRAWS: &str = env!("CARGO_BIN_EXE_draws");
pub(crate) const INCR: &str = env!("CARGO_BIN_EXE_incr");
pub(crate) const REDIS_EXAMPLE: &str = env!("CARGO_BIN_EXE_redis-example");
pub(crate) const HTTP_EXAMPLE: &str = env!("CARGO_BIN_EXE_http-example");
pub(crate) const POSTGRES_EXAMPLE: &str = env!("CARGO_BIN_EXE_postgres-example");

/// The longest wait; no run of a test takes this long, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// The time between two checks of a condition that can't be waited for.
const POLL_PERIOD: Duration = Duration::from_millis(2);

/// Waits until `condition` holds.
///
/// # Panics
/// If the condition does not hold within the deadline.
#[track_caller]
pub(crate) fn until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let end = clock::now() + deadline;
    while !condition() {
        assert!(clock::now() < end, "not within {deadline:?}: {what}");
        // Nobody unparks this thread: parking with a timeout is a way to check again without taking
        // a core.
        std::thread::park_timeout(POLL_PERIOD);
    }
}

/// A benchmark that is to be run.
pub(crate) struct Benchmark {
    program: &'static str,
    words: Vec<String>,
    variables: BTreeMap<String, String>,
    /// The command that starts the program; empty if the test starts it directly.
    launcher: Vec<String>,
    stdout: Stdio,
    folder: TempDir,
}

/// Creates a benchmark that measures 300 ms without a warm-up on two workers, unless flags change
/// that, and prints its summary as JSON.
pub(crate) fn benchmark(program: &'static str) -> Benchmark {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("tmp")).expect("writable");
    let variables = [
        ("DYNO_DURATION", "300ms"),
        ("DYNO_WARMUP", "0s"),
        ("DYNO_WORKERS", "2"),
        ("DYNO_FORMAT", "json"),
        ("DYNO_OUT", "out"),
        // A backtrace of an intended panic is noise.
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
    /// Adds flags, separated by spaces.
    pub(crate) fn args(mut self, line: &str) -> Self {
        self.words.extend(line.split_whitespace().map(str::to_owned));
        self
    }

    /// Adds one word, which may have spaces.
    pub(crate) fn word(mut self, word: &str) -> Self {
        self.words.push(word.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a launcher: a program that executes the command after it.
    pub(crate) fn launched_by(mut self, line: &str) -> Self {
        self.launcher.extend(line.split_whitespace().map(str::to_owned));
        self
    }

    /// Adds one word to the launcher without splitting it, such as a shell script.
    pub(crate) fn launched_with(mut self, word: &str) -> Self {
        self.launcher.push(word.to_owned());
        self
    }

    /// Lets the task log its hooks and cycles, for [`Running::until_log`] and [`Ended::log`].
    pub(crate) fn logged(self) -> Self {
        let log = format!("-P log={}", self.folder.path().join("log").display());
        self.args(&log)
    }

    /// Gives it a new home folder.
    pub(crate) fn at_home(self) -> Self {
        let home = self.folder.path().join("home");
        std::fs::create_dir(&home).expect("writable");
        let home = home.display().to_string();
        self.env("HOME", &home)
    }

    /// Redirects standard output, which otherwise the test reads.
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// Starts the benchmark as the head of a new session, so that its processes can be found.
    #[track_caller]
    pub(crate) fn start(self) -> Running {
        invariants::adopt_orphans();
        let mut command = Command::new("setsid");
        command.args(&self.launcher).arg(self.program).args(&self.words);
        for (name, _) in std::env::vars_os() {
            // Cargo started these tests, and not the benchmark.
            let is_of_package =
                ["CARGO", "CARGO_MANIFEST_DIR"].iter().any(|cargos| name == *cargos);
            if is_of_package || name.to_string_lossy().starts_with("DYNO_") {
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

    /// Starts the benchmark and waits for its end.
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
        // The receiver of a failed test is gone.
        let _unheard = sender.send((status, clock::now()));
    });
    receiver
}

/// An output stream of a program, which a thread reads as it comes.
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

    /// Waits until the stream satisfies `condition`; returns `false` at the deadline.
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

/// A benchmark that is running.
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
    /// Waits until standard error, which has the workers' output too, contains this text.
    #[track_caller]
    pub(crate) fn until_said(&self, text: &str) {
        let said = self.stderr.wait(DEADLINE, |stderr, _| stderr.contains(text));
        assert!(said, "`{text}` was not said: {}", self.stderr.text());
    }

    /// Waits for a line of standard error that begins like this, and returns the rest of it.
    #[track_caller]
    pub(crate) fn until_line(&self, beginning: &str) -> String {
        let beginning = format!("\n{beginning}");
        let rest = |text: &str| {
            let text = format!("\n{text}");
            let (_, rest) = text.split_once(&beginning)?;
            rest.split_once('\n').map(|(line, _)| line.to_owned())
        };
        let has = self.stderr.wait(DEADLINE, |stderr, _| rest(stderr).is_some());
        assert!(has, "no line `{}`: {}", beginning.trim(), self.stderr.text());
        rest(&self.stderr.text()).expect("it is there")
    }

    /// Waits until the task's log contains this text.
    #[track_caller]
    pub(crate) fn until_log(&self, text: &str) {
        let log = self.folder.path().join("log");
        let has = || std::fs::read_to_string(&log).is_ok_and(|log| log.contains(text));
        until(&format!("`{text}` in the log; {}", self.stderr.text()), DEADLINE, has);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid, signal);
    }

    /// Returns the ids of the worker processes that exist now.
    pub(crate) fn workers(&self) -> Vec<u32> {
        invariants::children_of(self.pid)
    }

    /// Waits until there are `count` workers, and returns their process ids.
    #[track_caller]
    pub(crate) fn until_workers(&self, count: usize) -> Vec<u32> {
        until("workers", DEADLINE, || self.workers().len() == count);
        self.workers()
    }

    /// Returns the folder of its files, which exists as long as this value.
    pub(crate) fn folder(&self) -> Arc<TempDir> {
        Arc::clone(&self.folder)
    }

    /// Waits for its end, and checks the invariants of every run's end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let (status, at) = self.until_ended();
        invariants::check_processes(self.pid);
        self.told(status, at)
    }

    /// Kills it by SIGKILL, and waits until all its processes are gone. Returns how long that took.
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
            // A stream that was redirected has no reading thread, and is over from the start.
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
        // Only a failed test leaves a process to kill. After it is reaped, its id may belong to
        // another process.
        if !self.reaped {
            send(self.pid, Signal::SIGKILL);
        }
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    // It is fine if the process has ended already.
    let _gone = kill(Pid::from_raw(pid.cast_signed()), signal);
}

/// The results of a benchmark: its exit status, its output and its files.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) elapsed: Duration,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The log that the task wrote; empty without [`Benchmark::logged`].
    pub(crate) log: String,
    folder: Arc<TempDir>,
}

impl Ended {
    /// Returns the summary on standard output, after a check of its schema and its sums.
    #[track_caller]
    pub(crate) fn summary(&self) -> Summary {
        invariants::check_summary(self)
    }

    /// Returns the summary, after a check that the run has this exit code and verdict.
    #[track_caller]
    pub(crate) fn verdict(&self, code: i32, verdict: &str) -> Summary {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        let summary = self.summary();
        assert_eq!((summary.exit_code, summary.verdict.name()), (code, verdict), "{self:#?}");
        summary
    }

    /// Returns the first reason of a run, after a check that its verdict is `error`.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let summary = self.verdict(5, "error");
        let reason = summary.reasons.first().expect("a reason").clone();
        // The number of other workers with the same error is known only after the run.
        let said = reason.split(" (and ").next().unwrap_or_default();
        assert!(self.stderr.contains(said), "said as it happened: {self:#?}");
        reason
    }

    /// Returns the only line of a refusal, after a check that nothing was started.
    #[track_caller]
    pub(crate) fn refusal(&self) -> &str {
        assert_eq!(self.status.code(), Some(2), "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        assert_eq!(self.log, "", "{self:#?}");
        let line = self.stderr.strip_suffix('\n').expect("a line");
        assert!(!line.contains('\n'), "{self:#?}");
        line.strip_prefix("error: ").expect("an error")
    }

    /// Returns the path of a file in the benchmark's folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Reads a file that the benchmark left.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).expect("it was left")
    }

    /// Counts the lines of the log that begin with this text.
    pub(crate) fn logged(&self, beginning: &str) -> usize {
        self.log.lines().filter(|line| line.starts_with(beginning)).count()
    }
}

/// Asserts that `text` contains all of `parts`, in their order.
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
