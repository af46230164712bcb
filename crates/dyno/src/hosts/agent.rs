//! The agent: this program on one host of a run, steered by a coordinator over its standard streams.
//!
//! The agent keeps its rate by itself. It ends in one of three ways besides its plan's end:
//!
//! - The coordinator says so: an ordinary drain.
//! - Its input ends, because the coordinator, its launcher or the connection is gone: no cycle starts
//!   from then on, and everything is gone within [`SEVERED_DEADLINE`].
//! - The coordinator is silent for [`SILENCE`]: an ordinary drain, whose result stays in the agent's
//!   folder.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use dyno_bus::frame::FrameBuffer;
use dyno_bus::{Time, clock, codec};
use dyno_observer::Interval;
use nix::sys::signal::{Signal, raise};
use nix::unistd::{dup2_stdin, dup2_stdout};

use super::coordinator::SILENCE;
use super::message::{
    FIRST_LINE, HostCommand, HostFacts, HostProgress, HostReport, PIECE_MAX, SettingEntry, VERSION,
    number_of, to_frame,
};
use super::offset::ClockOffset;
use crate::identity::AGENT_VARIABLE;
use crate::primary::run::{Interim, Tick, Totals, Update};
use crate::primary::{Remote, Sink};
use crate::settings::{Setting, SettingSource, Settings};

/// The time between two messages that only say that this side is there.
const ALIVE_PERIOD: Duration = Duration::from_secs(1);
/// The time between two states of the run.
const PROGRESS_PERIOD: Duration = Duration::from_millis(900);
/// The time from the end of the input until this process is gone, with all that it has started: a
/// little less than the two seconds that are promised.
const SEVERED_DEADLINE: Duration = Duration::from_millis(1_900);
/// The time for the coordinator to take the record.
const RECORD_DEADLINE: Duration = Duration::from_secs(60);

/// Returns the name of the benchmark whose agent this process is; `None` if it is not an agent.
pub(crate) fn agent_of_this_process() -> Option<String> {
    std::env::var(AGENT_VARIABLE).ok()
}

/// The reason why an agent ends without a record that anyone has received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AgentEnd {
    /// The coordinator has gone, or is silent.
    Alone,
    /// The coordinator knows why it can't take part.
    Refused,
}

/// The preparations for a run, as the coordinator gives them.
#[derive(Debug)]
pub(crate) struct Preparation {
    /// The coordinator's name for this host.
    pub(crate) name: String,
    pub(crate) settings: Settings,
    /// Variables for the workers.
    pub(crate) variables: Vec<(String, String)>,
}

/// This process as an agent.
#[derive(Debug)]
pub(crate) struct Agent {
    queue: Sender<HostReport>,
    /// Messages of the coordinator, until the run begins; then those that concern its end.
    inbox: Receiver<HostCommand>,
}

impl Agent {
    /// Takes over the standard streams: what this program prints from now on goes to standard error.
    ///
    /// # Errors
    /// If the system refuses it.
    pub(crate) fn begin() -> io::Result<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let output = io::stdout().as_fd().try_clone_to_owned()?;
        dup2_stdin(&File::open("/dev/null")?)?;
        dup2_stdout(io::stderr())?;
        let mut output = File::from(output);
        output.write_all(format!("{FIRST_LINE}\n").as_bytes())?;
        let (queue, queued) = channel();
        let (sender, inbox) = channel();
        let answers = queue.clone();
        thread("reads", move || read(input, &sender, &answers))?;
        thread("writes", move || write(output, &queued))?;
        Ok(Self { queue, inbox })
    }

    /// Greets the coordinator, and returns the preparations for the run.
    ///
    /// # Errors
    /// If the coordinator is of another version, or gone.
    pub(crate) fn prepare(&self) -> Result<Preparation, AgentEnd> {
        let build = std::fs::read_link("/proc/self/exe").ok();
        let build = build.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        // Another copy may have taken the place of this one since, under the same name.
        let build = build.unwrap_or_default().trim_end_matches(" (deleted)").to_owned();
        match self.next()? {
            HostCommand::Hello { version, .. } => {
                self.send(HostReport::Hello { version: VERSION, build });
                if version != VERSION {
                    return Err(AgentEnd::Refused);
                }
            }
            _ => return Err(self.refuse("the first message is not a greeting")),
        }
        let HostCommand::Prepare { name, settings: entries, variables } = self.next()? else {
            return Err(self.refuse("the second message has no settings"));
        };
        let mut settings = Settings::default();
        for SettingEntry { flag, text, layer } in entries {
            let setting = Setting::ALL.into_iter().find(|setting| setting.flag() == flag);
            let Some(setting) = setting else {
                return Err(self.refuse(&format!("there is no setting `{flag}`")));
            };
            let source = match layer {
                0 => SettingSource::Code,
                1 => SettingSource::Environment,
                _ => SettingSource::Flag,
            };
            settings.add_entry(setting, text, source);
        }
        Ok(Preparation { name, settings, variables })
    }

    /// Reports the number of workers, and returns the host's share and the task's parameters as JSON.
    ///
    /// # Errors
    /// If the coordinator is gone.
    pub(crate) fn share(
        &self,
        workers: u32,
        facts: HostFacts,
    ) -> Result<(String, String), AgentEnd> {
        self.send(HostReport::Workers(workers, facts));
        loop {
            match self.next()? {
                HostCommand::Begin { share, parameters } => return Ok((share, parameters)),
                HostCommand::Alive => {}
                _ => return Err(self.refuse("a message came out of turn")),
            }
        }
    }

    /// Reports why this host can't take part.
    pub(crate) fn refuse(&self, reason: &str) -> AgentEnd {
        self.send(HostReport::Refused(reason.to_owned()));
        // The reason is read before the coordinator closes the stream.
        while self.inbox.recv_timeout(SILENCE).is_ok() {}
        AgentEnd::Refused
    }

    /// Lets the coordinator steer the run of this remote, in a thread, until the process ends.
    ///
    /// # Errors
    /// If the system starts no thread.
    pub(crate) fn steer(&mut self, remote: Remote, lead: Duration) -> io::Result<()> {
        let (sender, of_end) = channel();
        let inbox = std::mem::replace(&mut self.inbox, of_end);
        let queue = self.queue.clone();
        thread("steers", move || steer(&inbox, &remote, lead, &queue, sender))
    }

    /// Returns the sink that passes the state of the run on, in addition to `inner`.
    pub(crate) fn sink<S: Sink>(&self, inner: S) -> AgentSink<S> {
        AgentSink { inner, queue: self.queue.clone(), sent: Time::ZERO }
    }

    /// Reports that the run is over, and returns the clock as the coordinator has measured it; `None`
    /// if nobody is left to measure it.
    pub(crate) fn over(&self) -> Option<ClockOffset> {
        self.send(HostReport::Over);
        match self.inbox.recv_timeout(RECORD_DEADLINE) {
            Ok(HostCommand::Measured(offset)) => offset,
            _ => None,
        }
    }

    /// Gives the record of the run, and waits until the coordinator has it.
    ///
    /// # Errors
    /// If it does not take the record.
    pub(crate) fn give(&self, record: &[u8], folder: String) -> Result<(), AgentEnd> {
        for piece in record.chunks(PIECE_MAX) {
            self.send(HostReport::Piece(piece.to_vec()));
        }
        self.send(HostReport::Record { length: record.len() as u64, folder });
        match self.inbox.recv_timeout(RECORD_DEADLINE) {
            Ok(HostCommand::Received) => Ok(()),
            _ => Err(AgentEnd::Alone),
        }
    }

    fn send(&self, report: HostReport) {
        // The thread that writes ends with the stream: then nobody is there.
        let _gone = self.queue.send(report);
    }

    fn next(&self) -> Result<HostCommand, AgentEnd> {
        self.inbox.recv_timeout(SILENCE).map_err(|_| AgentEnd::Alone)
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(format!("dyno-agent-{name}")).spawn(run).map(drop)
}

/// Reads the coordinator's messages to the end of the stream. A question for the time is answered
/// here, without a detour.
fn read(input: OwnedFd, inbox: &Sender<HostCommand>, answers: &Sender<HostReport>) {
    let mut input = File::from(input);
    let mut buffer = FrameBuffer::default();
    loop {
        match input.read(buffer.room()) {
            Ok(0) => return,
            Ok(count) => buffer.filled(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        }
        let at = clock::now();
        // Bytes that are not a message end the stream as well.
        while let Ok(Some(frame)) = buffer.next_frame() {
            let sent = match codec::decode(frame) {
                Ok(HostCommand::Ping { number }) => {
                    answers.send(HostReport::Pong { number, at }).is_ok()
                }
                Ok(command) => inbox.send(command).is_ok(),
                Err(_) => return,
            };
            if !sent {
                return;
            }
        }
    }
}

/// Writes reports as they come, and at least one each second.
fn write(mut output: File, queued: &Receiver<HostReport>) {
    loop {
        let report = match queued.recv_timeout(ALIVE_PERIOD) {
            Ok(report) => report,
            Err(RecvTimeoutError::Timeout) => HostReport::Alive,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // Texts of workers are bounded, and pieces of records fit.
        let written = to_frame(&report).is_ok_and(|frame| output.write_all(&frame).is_ok());
        if !written {
            return;
        }
    }
}

/// Lets the coordinator's messages steer a run. Those that concern its end go to `of_end`.
fn steer(
    inbox: &Receiver<HostCommand>,
    remote: &Remote,
    lead: Duration,
    queue: &Sender<HostReport>,
    of_end: Sender<HostCommand>,
) {
    loop {
        match inbox.recv_timeout(SILENCE) {
            Ok(HostCommand::Go { at }) => {
                let late = clock::now() + lead - at;
                if late > Duration::ZERO {
                    let reason = format!("the message to begin came {late:?} too late");
                    let _gone = queue.send(HostReport::Refused(reason));
                    remote.stop();
                } else {
                    remote.go(at);
                }
            }
            Ok(HostCommand::Drain { signal: None }) => remote.stop(),
            Ok(HostCommand::Drain { signal: Some(number) }) => remote.signal(number),
            Ok(HostCommand::Kill) => {
                // As the second of two signals.
                remote.signal(Signal::SIGINT as i32);
                remote.signal(Signal::SIGINT as i32);
            }
            Ok(command @ (HostCommand::Measured(_) | HostCommand::Received)) => {
                // The run may have ended without waiting for it.
                let _over = of_end.send(command);
            }
            Ok(
                HostCommand::Alive
                | HostCommand::Hello { .. }
                | HostCommand::Prepare { .. }
                | HostCommand::Begin { .. }
                | HostCommand::Ping { .. },
            ) => {}
            Err(RecvTimeoutError::Timeout) => {
                // Nobody waits for the record: it is only kept.
                remote.stop();
                return;
            }
            Err(RecvTimeoutError::Disconnected) => {
                drop(of_end);
                remote.sever();
                return die_by(clock::now() + SEVERED_DEADLINE);
            }
        }
    }
}

/// Ends this process at an instant, unless it ends before. Its workers end with it.
fn die_by(deadline: Time) {
    loop {
        let left = deadline - clock::now();
        if left.is_zero() {
            let _never_returns = raise(Signal::SIGKILL);
        }
        std::thread::park_timeout(left);
    }
}

/// A sink that also passes the state of the run on to the coordinator.
#[derive(Debug)]
pub(crate) struct AgentSink<S> {
    inner: S,
    queue: Sender<HostReport>,
    /// The instant of the last state that was sent.
    sent: Time,
}

impl<S> AgentSink<S> {
    /// Returns the other sink.
    pub(crate) fn into_inner(self) -> S {
        self.inner
    }

    fn send(&self, report: HostReport) {
        let _gone = self.queue.send(report);
    }

    fn tick(&mut self, tick: &Tick) {
        let now = clock::now();
        if now < self.sent + PROGRESS_PERIOD {
            return;
        }
        self.sent = now;
        let Totals { issued, completed, failed } = tick.totals;
        let both = |of: dyno_bus::segment::PerPhase<u64>| [of.warmup, of.measured];
        self.send(HostReport::Progress(HostProgress {
            phase: number_of(tick.phase),
            issued: both(issued),
            completed: both(completed),
            failed: both(failed),
            waiting: tick.backlog.waiting,
            running: tick.backlog.running,
            beyond: tick.beyond.clone(),
        }));
    }
}

impl<S: Sink> Sink for AgentSink<S> {
    fn tick_period(&self) -> Option<Duration> {
        self.inner.tick_period().or(Some(PROGRESS_PERIOD))
    }

    fn update(&mut self, update: Update) {
        match &update {
            Update::Tick(tick) => self.tick(tick),
            Update::Fault(text) => self.send(HostReport::Fault(text.clone())),
            Update::Warning(text) => self.send(HostReport::Warning(text.clone())),
            Update::Line { worker, text, .. } => {
                self.send(HostReport::Line { worker: *worker, text: text.clone() });
            }
            Update::Entered(_) | Update::Rate(_) => {}
        }
        self.inner.update(update);
    }

    fn ready(&mut self) {
        self.send(HostReport::Ready);
        self.inner.ready();
    }

    fn interval(&mut self, interval: &Interval<'_>) {
        self.inner.interval(interval);
    }

    fn rotated(&mut self, at: Time) {
        self.inner.rotated(at);
    }

    fn pausing(&mut self) {
        self.inner.pausing();
    }

    fn continued(&mut self) {
        self.inner.continued();
    }

    fn interim_period(&self) -> Option<Duration> {
        self.inner.interim_period()
    }

    fn interim(&mut self, interim: Interim) {
        self.inner.interim(interim);
    }
}
