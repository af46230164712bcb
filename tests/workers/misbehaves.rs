//! A program that breaks one thing, chosen by `-P how=WHAT -P at=WHERE -P worker=WHICH`.
//!
//! `-P log=FILE` leaves a line for each hook and cycle that began, in the order of their beginnings.
//! The sentences at [`How`] describe what is broken.

#![expect(clippy::print_stdout, reason = "what a worker prints is part of what is tested")]

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::RawFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use nix::sys::socket::{MsgFlags, send};
use serde::{Deserialize, Serialize};

/// The fault. "It" is the code that [`At`] names, in a worker or in the primary.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// Nothing goes wrong.
    Nothing,
    /// It returns an error, of two kinds in turn.
    Error,
    /// It panics with a short message.
    Panic,
    /// It starts a thread that panics, and that nobody joins.
    PanicInThread,
    /// It calls `process::exit(0)`, as if all were well.
    Exit0,
    /// It prints a reason on standard error and calls `process::exit(1)`.
    Exit1,
    /// It aborts its process.
    Abort,
    /// It raises SIGSEGV.
    Segv,
    /// Its stack overflows.
    Overflow,
    /// It blocks its event loop for ever.
    Hang,
    /// It never gets ready, and leaves the event loop to others.
    Pend,
    /// It stops itself, as a debugger would.
    Stop,
    /// It writes bytes that are not a valid frame into the bus.
    Junk,
    /// It writes the beginning of a frame into the bus, and dies.
    HalfFrame,
    /// It writes ten megabytes on standard output and as much on standard error.
    Shout,
    /// It starts its own program.
    Recurse,
    /// It leaves a child behind.
    LeaveChild,
    /// It leaves a daemon behind, which has left its process group and session.
    LeaveDaemon,
    /// The same, and the daemon has an empty environment.
    LeaveCleanDaemon,
    /// It leaves a process behind that ends at once.
    LeaveOrphan,
    /// It changes the settings of its terminal, and writes the result to the file `terminal`.
    UseTerminal,
    /// It leaves a daemon behind that writes on its standard output for ever, and dies itself.
    LeaveLoudDaemon,
    /// It forks. The copy lives on, and keeps all descriptors open.
    Fork,
    /// It forks, and the copy returns too.
    ForkAndReturn,
    /// It ignores every signal that can be ignored, and hangs.
    IgnoreAndHang,
    /// It deletes the executable file of its program.
    Vanish,
    /// It opens files until it has no free descriptor; in the primary, until a few are left.
    UseUpDescriptors,
    /// It records a value of `extra`, once.
    Record,
    /// It spawns a task that records a value of `later` after the cycle has ended.
    RecordLater,
    /// It prints the descriptors that its child inherits.
    ShowDescriptors,
    /// It allocates memory without end.
    UseUpMemory,
    /// It writes the parameter `url` and the variable `REDIS_URL` on both streams, and fails with
    /// them in its message.
    Quote,
    /// It does the same, and panics with them.
    PanicQuoting,
    /// It does the same, and aborts.
    AbortQuoting,
}

/// The hook or the cycle where the fault happens.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum At {
    /// In the primary's `before`.
    PrimaryBefore,
    /// In the worker's `before`.
    Before,
    /// In every cycle.
    Cycle,
    /// In the first cycle of all.
    FirstCycle,
    /// In the worker's `after`.
    After,
    /// In the primary's `after`.
    PrimaryAfter,
}

#[derive(Serialize, Deserialize)]
struct Parameters {
    how: How,
    at: At,
    /// The only worker where it happens; `None` for all workers.
    worker: Option<u32>,
    /// The file that lists the hooks and cycles; empty for no list.
    log: String,
    /// An address with a secret in it.
    url: String,
}

struct Misbehaves {
    context: Whereabouts,
}

/// The part of a context that the task keeps, because `after` gets no context.
struct Whereabouts {
    worker: u32,
    how: How,
    at: At,
    chosen: bool,
    log: String,
    url: String,
}

impl dyno::Task for Misbehaves {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let Parameters { how, at, worker: chosen, ref log, ref url } =
            *context.parameters::<Parameters>();
        let worker = context.worker();
        let chosen = chosen.is_none_or(|chosen| chosen == worker);
        let (log, url) = (log.clone(), url.clone());
        let context = Whereabouts { worker, how, at, chosen, log, url };
        context.note("before");
        context.misbehave(At::Before, 0).await?;
        Ok(Self { context })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        self.context.note(&format!("cycle {}", cycle.index()));
        if cycle.index() == 0 {
            self.context.misbehave(At::FirstCycle, 0).await?;
        }
        self.context.misbehave(At::Cycle, cycle.index()).await
    }

    async fn after(self) -> dyno::Result {
        self.context.note("after");
        self.context.misbehave(At::After, 0).await
    }
}

impl Whereabouts {
    fn note(&self, what: &str) {
        note(&self.log, &format!("worker {} {what}", self.worker));
    }

    async fn misbehave(&self, at: At, index: u64) -> dyno::Result {
        if at != self.at || !self.chosen {
            return Ok(());
        }
        match self.how {
            How::Quote | How::PanicQuoting | How::AbortQuoting => quote(self.how, &self.url),
            how => misbehave(how, index).await,
        }
    }
}

/// Appends a line to the list, in one write, so that lines of several processes do not mix.
fn note(log: &str, line: &str) {
    if !log.is_empty() {
        let mut file = OpenOptions::new().append(true).create(true).open(log).expect("a file");
        file.write_all(format!("{line}\n").as_bytes()).expect("room");
    }
}

async fn misbehave(how: How, index: u64) -> dyno::Result {
    match how {
        How::Nothing | How::Quote | How::PanicQuoting | How::AbortQuoting => {}
        How::Error => return Err(["even trouble", "odd trouble"][(index % 2) as usize].into()),
        How::Panic => panic!("told to panic"),
        How::PanicInThread => drop(std::thread::spawn(|| panic!("panic aside"))),
        How::Exit0 => std::process::exit(0),
        How::Exit1 => exit_1(),
        How::Abort => std::process::abort(),
        // The standard library handles the first signal: it looks for an overflow of the stack.
        How::Segv => loop {
            raise(Signal::SIGSEGV)?;
        },
        How::Overflow => drop(overflow(&[1; 4096])),
        How::Hang => hang(),
        How::Pend => std::future::pending().await,
        How::Stop => raise(Signal::SIGSTOP)?,
        How::Junk => drop(send(bus(), &[0xff; 64], MsgFlags::empty())?),
        How::HalfFrame => {
            send(bus(), &[100, 0, 0, 0, 1, 2, 3], MsgFlags::empty())?;
            std::process::abort();
        }
        How::Shout => shout(),
        How::Recurse => return recurse(),
        How::LeaveChild => {
            let child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn()?;
            println!("left {}", child.id());
        }
        How::LeaveDaemon => leave_daemon("")?,
        How::LeaveCleanDaemon => leave_daemon("env -i")?,
        How::LeaveOrphan => drop(Command::new("sh").args(["-c", "true &"]).status()?),
        How::UseTerminal => {
            let ended = Command::new("sh").args(["-c", "stty sane </dev/tty"]).output()?;
            std::fs::write("terminal", format!("ended: {}", ended.status))?;
        }
        How::LeaveLoudDaemon => leave_loud_daemon()?,
        How::Fork => fork()?,
        How::ForkAndReturn => fork_and_return()?,
        How::IgnoreAndHang => {
            ignore_signals();
            hang();
        }
        How::Vanish => vanish()?,
        How::UseUpDescriptors => use_up_descriptors()?,
        How::Record => dyno::histogram("extra").record(1_u64),
        How::RecordLater => record_later(),
        How::UseUpMemory => use_up_memory(),
        How::ShowDescriptors => drop(Command::new("ls").args(["-l", "/proc/self/fd"]).status()?),
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "last words are part of what is tested")]
fn exit_1() -> ! {
    eprintln!("the disk is on fire");
    std::process::exit(1);
}

/// Calls itself until the stack overflows.
#[expect(unconditional_recursion, reason = "it is to overflow")]
fn overflow(frame: &[u8; 4096]) -> u8 {
    let mut next = *frame;
    next[0] = next[0].wrapping_add(1);
    std::hint::black_box(overflow(std::hint::black_box(&next))).wrapping_add(frame[0])
}

fn hang() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// Returns the descriptor of the bus, which is the first socket of this process.
fn bus() -> RawFd {
    let is_stream = |fd: &RawFd| {
        let path = format!("/proc/self/fd/{fd}");
        std::fs::read_link(path).is_ok_and(|link| link.to_string_lossy().starts_with("socket:"))
    };
    (3..1024).find(is_stream).expect("a socket")
}

#[expect(clippy::print_stderr, reason = "both streams are filled")]
fn shout() {
    let line = "x".repeat(99);
    for _ in 0..100_000 {
        println!("{line}");
        eprintln!("{line}");
    }
}

fn recurse() -> dyno::Result {
    let ended = Command::new(std::env::current_exe()?).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    println!("my own program ended with {:?}: {}", ended.status.code(), said.trim());
    Ok(())
}

/// Starts a daemon. The shell's child becomes the daemon, and the shell ends at once, so that the
/// daemon is an orphan.
fn leave_daemon(launcher: &str) -> dyno::Result {
    let script =
        format!("{launcher} setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo left $! >&2");
    Command::new("sh").args(["-c", &script]).status()?;
    Ok(())
}

/// Starts a daemon that writes, and dies only after it has written something.
fn leave_loud_daemon() -> dyno::Result {
    let mut setsid = Command::new("setsid");
    let daemon = setsid.arg("yes").stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let done = format!("/proc/{}/io", daemon.id());
    // A pipe holds fewer bytes than this, so somebody reads it.
    while written(&std::fs::read_to_string(&done)?) < 100_000 {
        std::thread::yield_now();
    }
    std::process::abort();
}

fn written(done: &str) -> u64 {
    let bytes = done.lines().find_map(|line| line.strip_prefix("wchar: "));
    bytes.and_then(|bytes| bytes.parse().ok()).expect("the kernel counts it")
}

#[expect(unsafe_code, reason = "nothing safe forks without exec")]
fn fork() -> dyno::Result {
    // SAFETY: the copy calls nothing but pause(2).
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { .. } => Ok(()),
        nix::unistd::ForkResult::Child => loop {
            nix::unistd::pause();
        },
    }
}

#[expect(unsafe_code, reason = "nothing safe forks without exec")]
fn fork_and_return() -> dyno::Result {
    // SAFETY: the copy returns to the worker's loop, which ends it and allocates nothing before.
    unsafe { nix::unistd::fork() }?;
    Ok(())
}

#[expect(unsafe_code, reason = "nothing safe sets a signal's disposition")]
fn ignore_signals() {
    use nix::sys::signal::{SigHandler, signal};
    for number in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGPWR] {
        // SAFETY: a signal that is ignored runs no code of this program.
        let _before = unsafe { signal(number, SigHandler::SigIgn) };
    }
}

fn use_up_descriptors() -> dyno::Result {
    let mut files = Vec::new();
    loop {
        files.push(std::fs::File::open("/dev/null")?);
    }
}

fn use_up_memory() -> ! {
    let mut taken = Vec::new();
    loop {
        // Only memory that is written to is really taken from the system.
        taken.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

fn quotation(url: &str) -> String {
    let variable = std::env::var("REDIS_URL").unwrap_or_default();
    format!("can't reach `{url}`, nor {variable}: refused")
}

#[expect(clippy::print_stderr, reason = "what a worker prints is part of what is tested")]
fn quote(how: How, url: &str) -> dyno::Result {
    let words = quotation(url);
    println!("{words}");
    eprintln!("{words}");
    match how {
        How::PanicQuoting => panic!("{words}"),
        How::AbortQuoting => std::process::abort(),
        _ => Err(words.into()),
    }
}

/// Leaves as many descriptors as the primary needs for itself and one worker, but not for two.
fn leave_few_descriptors() -> dyno::Result {
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    files.truncate(files.len() - 22);
    std::mem::forget(files);
    Ok(())
}

fn vanish() -> dyno::Result {
    Ok(std::fs::remove_file(std::env::current_exe()?)?)
}

fn record_later() {
    let later = dyno::histogram("later");
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        later.record(1_u64);
    });
}

fn main() -> dyno::Outcome {
    let (how, at) = (How::Nothing, At::Cycle);
    let defaults = Parameters { how, at, worker: None, log: String::new(), url: String::new() };
    dyno::bench("misbehaves", dyno::task::<Misbehaves>())
        .parameters(defaults)
        .rate(200.0)
        .before(|run| in_primary(&run.parameters(), At::PrimaryBefore, "before"))
        .after(|summary| {
            let parameters = summary.parameters.task.decode().ok_or("no parameters")?;
            in_primary(&parameters, At::PrimaryAfter, "after")
        })
        .main()
}

fn in_primary(parameters: &Parameters, at: At, what: &str) -> dyno::Result {
    note(&parameters.log, &format!("primary {what}"));
    if parameters.at != at {
        return Ok(());
    }
    match parameters.how {
        How::Error => Err("told to fail".into()),
        // In the primary, printed text goes straight to the program's own output: dyno never sees
        // it, so only the error quotes.
        How::Quote => Err(quotation(&parameters.url).into()),
        How::Panic => panic!("told to panic"),
        How::Hang => hang(),
        How::Vanish => vanish(),
        How::UseUpDescriptors => leave_few_descriptors(),
        How::LeaveDaemon => leave_daemon(""),
        How::LeaveCleanDaemon => leave_daemon("env -i"),
        _ => Ok(()),
    }
}
