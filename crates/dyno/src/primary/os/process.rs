//! A worker's process as the primary holds it: spawn, streams, signals, reaping.
//!
//! The worker's socket is its standard input, so that no code has to run between fork and exec. The
//! worker begins its own session as soon as it knows that it is a worker: signals of the terminal
//! do not reach it, and killing its process group kills its children too. Only a process that has
//! not been reaped is signalled.

use std::ffi::OsString;
use std::io::{self, ErrorKind, PipeReader, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command as Program, ExitStatus, Stdio};

use dyno_bus::message::{Command, Report};
use dyno_bus::{Link, link};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::identity::{AGENT_VARIABLE, Identity, MARK_VARIABLE, VARIABLE};
use crate::primary::run::Stream;
use crate::primary::state::event::Exit;
use crate::primary::world::ProcessHandle;

/// The most bytes of a worker's output that one read returns.
const READ_SIZE: usize = 16 * 1024;
/// The size of a pipe, in bytes, where the system does not report it.
const PIPE_SIZE: usize = 64 * 1024;
/// The most bytes of a line, with its end: a longer line becomes several.
const LINE_MAX: usize = 8 * 1024;
/// A worker's process, with its socket and its output.
pub(crate) struct WorkerHandle {
    child: Child,
    pub(crate) link: Link<UnixStream, Report, Command>,
    /// `true` while the link holds bytes that the socket has no room for.
    pub(crate) waits: bool,
    pub(crate) stdout: OutputLines,
    pub(crate) stderr: OutputLines,
    /// Readable once the process has ended.
    pub(crate) exit_watch: ExitWatch,
    exit: Option<Exit>,
}

impl WorkerHandle {
    /// Starts a worker from `exe`, with this command line and these variables in addition.
    pub(crate) fn spawn(
        exe: &Path,
        (line, variables): (&[OsString], &[(String, String)]),
        identity: &Identity,
    ) -> Result<Self, String> {
        let (ours, theirs) = link::pair().map_err(|error| error.to_string())?;
        let link = Link::over(ours).map_err(|error| error.to_string())?;
        let mut program = Program::new(exe);
        if let Some((name, arguments)) = line.split_first() {
            program.arg0(name).args(arguments);
        }
        let mut child = program
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env(VARIABLE, identity.to_string())
            .env(MARK_VARIABLE, identity.mark())
            .env_remove(AGENT_VARIABLE)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| spawn_error(&error))?;
        let (stdout, stderr) = match (child.stdout.take(), child.stderr.take()) {
            (Some(stdout), Some(stderr)) => (stdout, stderr),
            _ => return Err("its output is not piped".into()),
        };
        let exit_watch = ExitWatch::of(child.id()).map_err(|error| error.to_string())?;
        Ok(Self {
            link,
            waits: false,
            stdout: OutputLines::new(stdout).map_err(|error| error.to_string())?,
            stderr: OutputLines::new(stderr).map_err(|error| error.to_string())?,
            exit_watch,
            exit: None,
            child,
        })
    }
}

impl ProcessHandle for WorkerHandle {
    type Stream = UnixStream;

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn link(&mut self) -> &mut Link<UnixStream, Report, Command> {
        &mut self.link
    }

    fn signal(&self, signal: Signal) {
        if self.exit.is_some() {
            return;
        }
        // A process id fits an `i32`. The group exists once the worker has begun its session; until
        // then the worker is in the group of this process, and is signalled alone.
        let id = Pid::from_raw(self.pid().cast_signed());
        if killpg(id, signal).is_err() {
            let _gone = kill(id, signal);
        }
    }

    fn reap(&mut self) -> Option<Exit> {
        if self.exit.is_some() {
            return None;
        }
        let exit = match wait_for_end(self.pid(), Wait::Not) {
            Ok(false) => return None,
            Ok(true) => {
                // The rest of its group is killed first: until it is reaped, its id, which is also
                // the group's, can't pass to another process.
                self.signal(Signal::SIGKILL);
                self.child.wait().map_or(Exit::Unknown, exit_of)
            }
            // Other code of this process has reaped it. Its id is free if its group is empty, and
            // this follows its end at once.
            Err(_) => {
                let _gone = killpg(Pid::from_raw(self.pid().cast_signed()), Signal::SIGKILL);
                Exit::Unknown
            }
        };
        self.exit = Some(exit);
        Some(exit)
    }

    fn exit(&self) -> Option<Exit> {
        self.exit
    }

    fn read_output(&mut self, stream: Stream, take: impl FnMut(String)) -> bool {
        match stream {
            Stream::Stdout => self.stdout.read(take),
            Stream::Stderr => self.stderr.read(take),
        }
    }

    fn output_reads_max(&self, stream: Stream) -> usize {
        match stream {
            Stream::Stdout => self.stdout.reads_max(),
            Stream::Stderr => self.stderr.reads_max(),
        }
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match status.code() {
        Some(code) => Exit::Code(code),
        None => Exit::Signal(status.signal().unwrap_or_default()),
    }
}

/// Returns the reason why no process could be started, and a remedy if one is known.
fn spawn_error(error: &io::Error) -> String {
    let remedy = match error.raw_os_error() {
        Some(libc::EAGAIN) => "; raise the limit of processes (`ulimit -u`) or lower --workers",
        Some(libc::EMFILE | libc::ENFILE) => {
            "; raise the limit of descriptors (`ulimit -n`) or lower --workers"
        }
        Some(libc::ENOMEM) => "; lower --workers",
        _ => "",
    };
    format!("{error}{remedy}")
}

/// A watch on the end of a process, which does not reap it.
#[derive(Debug)]
pub(crate) enum ExitWatch {
    /// A descriptor of the process itself.
    Pidfd(OwnedFd),
    /// One end of a socket pair, where the kernel has no such descriptors: a thread that waits for
    /// the process closes the other end.
    Waiter(UnixStream),
}

impl ExitWatch {
    fn of(pid: u32) -> io::Result<Self> {
        // The process is a child that has not been reaped, so that the id is surely the child's.
        #[cfg(target_os = "linux")]
        if let Some(pidfd) = crate::processes::pidfd::pidfd_open(pid) {
            return Ok(Self::Pidfd(pidfd));
        }
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        std::thread::Builder::new().name(format!("dyno-wait-{pid}")).spawn(move || {
            // This returns as soon as the process can be reaped, and leaves the reaping to the
            // driver.
            let _ended = wait_for_end(pid, Wait::UntilEnded);
            drop(theirs);
        })?;
        Ok(Self::Waiter(ours))
    }
}

impl AsRawFd for ExitWatch {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Pidfd(fd) => fd.as_raw_fd(),
            Self::Waiter(stream) => stream.as_raw_fd(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Not,
    UntilEnded,
}

/// Returns `true` if a child has ended, with or without waiting for it. It is not reaped here.
///
/// # Errors
/// If this process has no such child any more: it has ended, and other code has reaped it.
fn wait_for_end(pid: u32, wait: Wait) -> nix::Result<bool> {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

    let mut flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    flags.set(WaitPidFlag::WNOHANG, wait == Wait::Not);
    loop {
        match waitid(Id::Pid(Pid::from_raw(pid.cast_signed())), flags) {
            Ok(WaitStatus::StillAlive) => return Ok(false),
            Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

/// A worker's output, split into lines as it arrives.
#[derive(Debug)]
pub(crate) struct OutputLines {
    source: PipeReader,
    partial: Vec<u8>,
}

impl OutputLines {
    fn new(source: impl Into<OwnedFd>) -> io::Result<Self> {
        let source = PipeReader::from(source.into());
        let flags = OFlag::from_bits_retain(fcntl(&source, FcntlArg::F_GETFL)?);
        fcntl(&source, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Self { source, partial: Vec::new() })
    }

    /// Returns the number of reads that empty a full pipe, and find its end if it is closed.
    pub(crate) fn reads_max(&self) -> usize {
        #[cfg(target_os = "linux")]
        let size =
            fcntl(&self.source, FcntlArg::F_GETPIPE_SZ).map_or(PIPE_SIZE, |size| size as usize);
        #[cfg(not(target_os = "linux"))]
        let size = PIPE_SIZE;
        size.div_ceil(READ_SIZE) + 1
    }

    /// Reads once, and passes on each line that is complete. Returns `false` if nothing is left to
    /// read for now.
    pub(crate) fn read(&mut self, mut take: impl FnMut(String)) -> bool {
        let mut buffer = [0; READ_SIZE];
        match self.source.read(&mut buffer) {
            Ok(0) => {
                if !self.partial.is_empty() {
                    take(text(&std::mem::take(&mut self.partial)));
                }
                false
            }
            Ok(count) => {
                for line in buffer[..count].split_inclusive(|byte| *byte == b'\n') {
                    self.extend(line, &mut take);
                }
                true
            }
            Err(error) => error.kind() == ErrorKind::Interrupted,
        }
    }

    /// Adds the next bytes of a line, and passes on the line where it ends or becomes too long.
    fn extend(&mut self, mut bytes: &[u8], take: &mut impl FnMut(String)) {
        while !bytes.is_empty() {
            let room = LINE_MAX - self.partial.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.partial.extend(now);
            bytes = later;
            let end = match self.partial.as_slice() {
                [.., b'\n'] => self.partial.len(),
                line if line.len() == LINE_MAX => whole_characters(line),
                _ => return,
            };
            let rest = self.partial.split_off(end);
            take(text(&std::mem::replace(&mut self.partial, rest)));
        }
    }
}

impl AsRawFd for OutputLines {
    fn as_raw_fd(&self) -> RawFd {
        self.source.as_raw_fd()
    }
}

/// Returns the number of bytes before a character that is not complete at the end of a line.
fn whole_characters(line: &[u8]) -> usize {
    match std::str::from_utf8(line) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Ok(_) | Err(_) => line.len(),
    }
}

/// Returns a line as text, without its line ending; invalid bytes are replaced.
fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_whole_and_bounded_for_any_bytes() {
        let (far, mut near) = io::pipe().expect("a pipe");
        let mut lines = OutputLines::new(far).expect("a pipe");
        near.write_all(b"one\ntwo\r\nth").expect("open");
        let mut found = Vec::new();
        while lines.read(|line| found.push(line)) {}
        assert_eq!(found, ["one", "two"]);
        near.write_all(b"ree\xff").expect("open");
        near.write_all(&[b'x'; LINE_MAX]).expect("open");
        drop(near);
        while lines.read(|line| found.push(line)) {}
        assert_eq!(found[2].chars().next(), Some('t'));
        let length: usize = found[2..].iter().map(|line| line.chars().count()).sum();
        assert_eq!(length, "three".len() + 1 + LINE_MAX);
    }

    #[test]
    fn a_line_that_is_too_long_becomes_several_within_the_limit_and_breaks_no_character() {
        let (far, mut near) = io::pipe().expect("a pipe");
        let mut lines = OutputLines::new(far).expect("a pipe");
        // The limit is in the middle of a character of three bytes.
        let long = "中".repeat(LINE_MAX);
        near.write_all(format!("{long}\nnext\n").as_bytes()).expect("room");
        drop(near);
        let mut found = Vec::new();
        while lines.read(|line| found.push(line)) {}
        assert!(found.iter().all(|line| line.len() <= LINE_MAX), "{found:?}");
        assert_eq!(found.pop().as_deref(), Some("next"));
        assert_eq!(found.concat(), long);
    }
}
