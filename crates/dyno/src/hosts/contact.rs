//! The contact with one host: the launcher's process, and the threads at its standard streams.
//!
//! A thread reads what comes and hands it over with the time of its arrival; another writes what is
//! queued, so that a host that does not read holds nobody up. Each launcher leads
//! a session: a Ctrl-C of the terminal does not reach it.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dyno_bus::frame::FrameBuffer;
use dyno_bus::{Time, clock, codec};
use mio::Waker;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, setsid};

use super::bootstrap::{BootLine, NOISE_MAX, ProgramLines, SCRIPT, refused};
use super::launcher::Launcher;
use super::message::{HostCommand, HostReport, from_frame};

/// The most bytes of a line of text from a host: a longer one is cut.
const LINE_MAX: u64 = 8 << 10;
/// The last lines of standard error that are kept, for the reason of an end.
const TAIL: usize = 5;
/// The time that a launcher which has ended may take to pass on its last errors.
const TAIL_DEADLINE: Duration = Duration::from_millis(200);

/// Something that came from a host.
#[derive(Debug)]
pub(crate) struct HostInput {
    /// The host's place in the list.
    pub(crate) host: usize,
    /// The instant of its arrival.
    pub(crate) at: Time,
    pub(crate) news: HostNews,
}

/// News of a host.
#[derive(Debug)]
pub(crate) enum HostNews {
    /// Its shell is there, or more of the program has been copied.
    Copying,
    /// Its agent has begun: frames follow.
    Agent,
    /// A message of its agent.
    Report(HostReport),
    /// A line that its launcher, its shell or its agent wrote on standard error.
    Line(String),
    /// It can't take part.
    Refused(String),
    /// Its stream has ended, and why.
    Closed(String),
}

/// The program that hosts run.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The bytes of its file.
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) lines: ProgramLines,
    /// `true` if it may be for another system than this one.
    pub(crate) is_foreign: bool,
}

/// The launcher's process.
#[derive(Debug)]
pub(crate) struct Contact {
    child: Child,
    /// Messages to the agent; `None` once the stream is closed.
    queue: Option<Sender<Vec<u8>>>,
}

/// Hands over news, and wakes the one who waits for them.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    pub(crate) host: usize,
    pub(crate) sender: Sender<HostInput>,
    pub(crate) waker: Arc<Waker>,
}

impl Inbox {
    fn add(&self, news: HostNews) {
        let input = HostInput { host: self.host, at: clock::now(), news };
        // Nobody waits any more once the run is over.
        let _over = self.sender.send(input).map(|()| self.waker.wake());
    }
}

impl Contact {
    /// Starts a launcher, and the threads at its streams.
    ///
    /// # Errors
    /// If the system starts no process or no thread.
    pub(crate) fn start(launcher: &Launcher, program: Program, inbox: Inbox) -> io::Result<Self> {
        let line = launcher.line(SCRIPT);
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: setsid(2) is async-signal-safe and takes no pointers.
        #[expect(unsafe_code, reason = "only the new process itself can begin a session")]
        unsafe {
            command.pre_exec(|| setsid().map(drop).map_err(io::Error::from));
        }
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("its streams are not piped"));
        };
        let (queue, queued) = channel();
        let contact = Self { child, queue: Some(queue) };
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let (over, is_over) = channel();
        let (lines, shown) = (inbox.clone(), Arc::clone(&tail));
        thread("errors", inbox.host, move || {
            read_lines(stderr, &lines, &shown);
            drop::<Sender<()>>(over);
        })?;
        let pid = contact.child.id();
        thread("reads", inbox.host, move || {
            let end = converse(BufReader::new(stdout), stdin, queued, &program, &inbox);
            let reason = match end {
                Ok(()) => ending(pid),
                Err(Broken::Refused(reason)) => return inbox.add(HostNews::Refused(reason)),
                Err(Broken::Stream(reason)) => reason,
            };
            // The last lines may say why. Something that the launcher left behind may hold them open.
            let _late = is_over.recv_timeout(TAIL_DEADLINE);
            let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            let tail = tail.iter().map(|line| format!("; `{line}`")).collect::<String>();
            inbox.add(HostNews::Closed(format!("{reason}{tail}")));
        })?;
        Ok(contact)
    }

    /// Queues a message to the agent.
    pub(crate) fn send(&self, command: &HostCommand) {
        let mut frame = Vec::new();
        // A message that is too long for a frame was refused before it was sent.
        let encoded = codec::encode(command, &mut frame);
        debug_assert!(encoded.is_ok(), "{encoded:?}");
        if let Some(queue) = &self.queue {
            // The stream may be closed already.
            let _closed = queue.send(frame);
        }
    }

    /// Closes the agent's input, once all that is queued is written.
    pub(crate) fn close(&mut self) {
        self.queue = None;
    }

    /// Kills the launcher, with all that it has started here.
    pub(crate) fn kill(&mut self) {
        self.close();
        // It is not reaped before `reap`, so its id is not another process's.
        let _gone = killpg(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGKILL);
    }

    /// Kills the launcher if it is still there, and waits for its end.
    pub(crate) fn reap(mut self) {
        self.kill();
        let _reaped = self.child.wait();
    }
}

fn thread(name: &str, host: usize, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(format!("dyno-{name}-{host}")).spawn(run).map(drop)
}

/// The reason why nothing more comes from a host.
enum Broken {
    /// It can't take part.
    Refused(String),
    /// Its stream is of no more use.
    Stream(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Stream(error.to_string())
    }
}

/// Speaks with a host's shell, then receives the messages of its agent until its end.
fn converse(
    mut stdout: BufReader<ChildStdout>,
    mut stdin: ChildStdin,
    queued: Receiver<Vec<u8>>,
    program: &Program,
    inbox: &Inbox,
) -> Result<(), Broken> {
    let mut next = |expected: &str| expect(&mut stdout, expected);
    match next("the line of its shell")? {
        BootLine::Host { system, processor } if !program.is_foreign => {
            if let Some(reason) = refused(&system, &processor) {
                return Err(Broken::Refused(reason));
            }
        }
        BootLine::Host { .. } => {}
        line => return Err(out_of_turn(&line)),
    }
    inbox.add(HostNews::Copying);
    stdin.write_all(program.lines.text().as_bytes())?;
    match next("`dyno-has` or `dyno-wants`")? {
        BootLine::Has => {}
        BootLine::Wants => {
            for part in program.bytes.chunks(1 << 20) {
                stdin.write_all(part)?;
                inbox.add(HostNews::Copying);
            }
            match next("the end of the copy")? {
                BootLine::Has => {}
                line => return Err(out_of_turn(&line)),
            }
        }
        line => return Err(out_of_turn(&line)),
    }
    match next("the first line of its agent")? {
        BootLine::Agent => {}
        line => return Err(out_of_turn(&line)),
    }
    inbox.add(HostNews::Agent);
    thread("writes", inbox.host, move || write_queued(stdin, &queued))?;
    frames(stdout, inbox)
}

/// Writes what is queued, until the queue is closed.
fn write_queued(mut stdin: ChildStdin, queued: &Receiver<Vec<u8>>) {
    for frame in queued {
        // A launcher that is gone shows at its output.
        if stdin.write_all(&frame).is_err() {
            return;
        }
    }
}

/// Receives the messages of an agent until its end.
fn frames(mut stdout: BufReader<ChildStdout>, inbox: &Inbox) -> Result<(), Broken> {
    let mut buffer = FrameBuffer::default();
    loop {
        let count = stdout.read(buffer.room())?;
        buffer.filled(count);
        loop {
            let frame = buffer.next_frame().map_err(|error| Broken::Stream(error.to_string()))?;
            let Some(frame) = frame else { break };
            let report = from_frame(frame).map_err(|error| Broken::Stream(error.to_string()))?;
            inbox.add(HostNews::Report(report));
        }
        if count == 0 {
            return match buffer.incomplete() {
                None => Ok(()),
                Some(_) => Err(Broken::Stream("its stream ended inside a message".to_owned())),
            };
        }
    }
}

/// Returns the next line of the exchange, and passes over those of others.
fn expect(stdout: &mut BufReader<ChildStdout>, expected: &str) -> Result<BootLine, Broken> {
    let mut noise = Vec::new();
    while noise.len() < NOISE_MAX {
        let begin = noise.len();
        let count = stdout.take(LINE_MAX).read_until(b'\n', &mut noise)?;
        let line = String::from_utf8_lossy(&noise[begin..]);
        if let Some(line) = BootLine::read(line.trim_end_matches('\n')) {
            return Ok(line);
        }
        if count == 0 {
            break;
        }
    }
    let text = String::from_utf8_lossy(&noise);
    let shown = match text.trim() {
        "" => "it wrote nothing".to_owned(),
        text => format!("it wrote `{}`", text.chars().take(500).collect::<String>()),
    };
    Err(Broken::Stream(format!("{expected} never came: {shown}")))
}

fn out_of_turn(line: &BootLine) -> Broken {
    Broken::Stream(format!("`{line:?}` came out of turn"))
}

/// Passes on the lines of standard error, and keeps the last ones.
fn read_lines(stderr: impl Read, inbox: &Inbox, tail: &Mutex<VecDeque<String>>) {
    let mut stderr = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        match stderr.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let mut kept = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == TAIL {
            kept.pop_front();
        }
        kept.push_back(line.clone());
        drop(kept);
        inbox.add(HostNews::Line(line));
    }
}

/// Waits for the end of a launcher without reaping it, and describes it.
fn ending(pid: u32) -> String {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

    let pid = Pid::from_raw(pid.cast_signed());
    loop {
        return match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(WaitStatus::Exited(_, 0)) => "its connection has ended".to_owned(),
            Ok(WaitStatus::Exited(_, code)) => format!("its launcher ended with exit code {code}"),
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                format!("its launcher was ended by {signal}")
            }
            Ok(_) | Err(_) => "its launcher has ended".to_owned(),
        };
    }
}
