//! The driver: turns sources into events and performs actions, nothing else.
//!
//! One thread and one poll serve the workers' sockets, their output, their ends, signals, and the
//! caller's remote. Every source is read until it is empty, but a busy worker only for a bounded
//! turn, so that the others are served too. A worker's messages are read to the end before its exit
//! is judged.

pub(super) mod own_bus;
pub(super) mod periodic;
pub(super) mod read;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dyno_bus::{Time, clock};
use dyno_observer::ProcessId;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use nix::sys::signal::Signal;

use self::periodic::Beat;
use super::error::StartError;
use super::launch::{Launch, ProcessOwnership, nonce, start_of};
use super::os::process::WorkerHandle;
use super::os::signal::{Asked, Signals};
use super::os::sweep::Orphans;
use super::record::fault::{FaultReport, Faults, Named};
use super::record::{RunEnd, RunRecord};
use super::remote::Remote;
use super::run::{Run, Sink, Update, WorkerEnd};
use super::state::Primary;
use super::state::event::{Action, Event, Fault, RunPhase};
use crate::identity::Identity;
use crate::plan::{OnBacklog, Plan};

/// A delay of a wake beyond which this process is taken to have stood still: no worker is to blame
/// for that time.
const STALL_MIN: Duration = Duration::from_millis(100);

/// The warning at the start of each run of a debug build.
const DEBUG_BUILD: &str = "THIS IS A DEBUG BUILD: its numbers say nothing about the code that users \
                           run; build with --release";

/// The most process ids that the warning about left processes names.
const PIDS_NAMED: usize = 5;

/// The number of sources that are watched for each worker. The token of a source is
/// `worker * SOURCES + source`.
const SOURCES: usize = 4;
const LINK: usize = 0;
const STDOUT: usize = 1;
const STDERR: usize = 2;
const EXIT: usize = 3;
/// The token of the signals' pipes.
const SIGNALS: Token = Token(usize::MAX);
/// The token of the waker: another thread has a request, or values that no longer fit its ring.
const WOKEN: Token = Token(usize::MAX - 1);

/// Runs the plan to its end, in success and in failure.
///
/// # Errors
/// Only if nothing could be started. Every later failure is part of the [`Run`].
pub fn drive(launch: Launch, sink: &mut dyn Sink) -> Result<Run, StartError> {
    let mut driver = Driver::new(launch, sink)?;
    if cfg!(debug_assertions) {
        driver.warn(DEBUG_BUILD.into());
    }
    driver.step(Event::Begin);
    while driver.state.phase() != RunPhase::Done {
        driver.turn();
    }
    Ok(driver.finish())
}

struct Driver<'a> {
    plan: Plan,
    worker_exe: PathBuf,
    worker_line: Vec<OsString>,
    nonce: u64,
    /// `None` in someone else's process.
    orphans: Option<Orphans>,
    state: Primary,
    record: RunRecord,
    beat: Beat,
    faults: Faults,
    processes: Vec<Option<WorkerHandle>>,
    /// Sources that had more to read than one turn allows.
    unread: Vec<Token>,
    poll: Poll,
    events: Events,
    signals: Option<Signals>,
    remote: Remote,
    sink: &'a mut dyn Sink,
    begun: Time,
    cpu_begun: Duration,
    started_at: Duration,
    /// The first signal that requested the end of the run.
    ended_by: Option<i32>,
    /// The instant from which no cycle becomes due any more.
    cut: Option<Time>,
    pauses: Vec<Duration>,
    /// The time during which this process stood still in the measured window.
    stood_still: Duration,
}

impl<'a> Driver<'a> {
    fn new(launch: Launch, sink: &'a mut dyn Sink) -> Result<Self, StartError> {
        let Launch { plan, worker_exe, worker_line, reach, remote } = launch;
        let need = |what| move |source: io::Error| StartError::Primary { what, source };
        let poll = Poll::new().map_err(need("poll"))?;
        let waker = Arc::new(Waker::new(poll.registry(), WOKEN).map_err(need("poll"))?);
        let known = Arc::downgrade(&waker);
        remote.listen(waker);
        // A thread that has recorded keeps this closure beyond the run, but not the descriptor.
        let poke = move || {
            let _over = known.upgrade().map(|waker| waker.wake());
        };
        let nonce = nonce();
        let (signals, orphans) = match reach {
            ProcessOwnership::Guest => (None, None),
            ProcessOwnership::Process => {
                let orphans = Orphans::adopt(nonce).map_err(need("adopt orphans"))?;
                let signals = Signals::take_over().map_err(need("take over signals"))?;
                (Some(signals), Some(orphans))
            }
        };
        for source in signals.iter().flat_map(Signals::sources) {
            poll.registry()
                .register(&mut SourceFd(&source.as_raw_fd()), SIGNALS, Interest::READABLE)
                .map_err(need("poll"))?;
        }
        let now = clock::now();
        let mut record = RunRecord::new(&plan);
        // The observer knows no process yet: it can't refuse this one.
        let _first = record.observer.hello(ProcessId::Primary, std::process::id());
        Ok(Self {
            state: Primary::new(plan.clone(), nonce, start_of(&plan)),
            record,
            beat: Beat::new(&plan, now, sink.tick_period(), poke),
            faults: Faults::default(),
            processes: (0..plan.workers).map(|_| None).collect(),
            unread: Vec::new(),
            poll,
            events: Events::with_capacity(1024),
            signals,
            remote,
            sink,
            begun: now,
            cpu_begun: cpu_time(),
            started_at: clock::wall(),
            ended_by: None,
            cut: None,
            pauses: Vec::new(),
            stood_still: Duration::ZERO,
            plan,
            worker_exe,
            worker_line,
            nonce,
            orphans,
        })
    }

    /// Sleeps until something happens or is due, then handles all of it.
    fn turn(&mut self) {
        let now = clock::now();
        let wake_at = self.state.next_tick().min(self.beat.next());
        // A source that is not read to its end makes no new event: don't sleep on it.
        let timeout = if self.unread.is_empty() { wake_at - now } else { Duration::ZERO };
        // EINTR is a wake without a reason; any other error shows in the calls below.
        let _woken = self.poll.poll(&mut self.events, Some(timeout));
        let late = clock::now() - wake_at.max(now);
        if late > STALL_MIN {
            if self.state.phase() == RunPhase::Measuring {
                self.stood_still += late;
            }
            self.step(Event::Stalled(late));
        }
        // Signals come before any worker's end: a signal from the terminal also reaches workers
        // that have not begun their own session yet.
        self.signals();
        let mut tokens = std::mem::take(&mut self.unread);
        tokens.extend(self.events.iter().map(mio::event::Event::token));
        for token in tokens {
            match token {
                // These pipes were read above.
                SIGNALS => {}
                // A remote's request may be another reason for this wake; it is taken below.
                WOKEN => self.beat.publish(clock::now(), &mut self.record),
                Token(token) => self.serve((token / SOURCES) as u32, token % SOURCES),
            }
        }
        // This is not tied to `WOKEN`: a request may have come before the waker was set, or before
        // the run could act on it.
        for event in self.remote.take(self.state.phase()) {
            self.step(event);
        }
        let now = clock::now();
        // Reaps orphans, but never a worker: its exit is judged in `serve`.
        if let Some(orphans) = &mut self.orphans {
            orphans.reap(now, self.processes.iter().flatten().map(WorkerHandle::pid));
        }
        // Deadlines are judged after the reading, so that what has arrived is not late.
        if now >= self.state.next_tick() {
            self.step(Event::Tick);
        }
        if now >= self.beat.next() {
            let phase = self.state.phase();
            let passed = self.beat.beat(now, phase, &mut self.record, self.sink);
            if passed && self.plan.on_backlog == OnBacklog::Stop {
                self.step(Event::BacklogPassed);
            }
        }
    }

    fn signals(&mut self) {
        let asked = self.signals.as_mut().map(Signals::read).unwrap_or_default();
        for asked in asked {
            match asked {
                Asked::End(signal) => {
                    self.ended_by.get_or_insert(signal);
                    self.step(Event::Signal);
                }
                Asked::Pause => self.pause(),
            }
        }
    }

    /// Stops the workers, then this process, and continues the workers once it is continued.
    fn pause(&mut self) {
        let Some(signals) = &self.signals else { return };
        let before = clock::now();
        self.processes.iter().flatten().for_each(|process| process.signal(Signal::SIGSTOP));
        let paused = signals.pause();
        self.processes.iter().flatten().for_each(|process| process.signal(Signal::SIGCONT));
        if paused.is_ok() {
            let span = clock::now() - before;
            self.pauses.push(span);
            self.step(Event::Stalled(span));
        }
    }

    fn process(&mut self, worker: u32) -> Option<&mut WorkerHandle> {
        self.processes[worker as usize].as_mut()
    }

    /// Feeds an event to the state machine, and performs the actions that it returns.
    fn step(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.state.step(clock::now(), event) {
                events.extend(self.perform(action));
            }
        }
    }

    /// Performs an action. Returns the event that follows from it at once, if any.
    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Spawn(worker) => return self.spawn(worker),
            Action::Send(worker, command) => {
                let process = self.processes[worker as usize].as_mut();
                let process = process.filter(|process| !process.closed)?;
                let sent = process.link.send(&command).map_err(|error| error.to_string());
                let registry = self.poll.registry();
                let sent = sent.and_then(|()| read::flushed(process, registry, worker));
                return sent.err().map(|error| Event::Broken { worker, error });
            }
            Action::Verify { worker, drained, issued } => {
                let result = self.record.verify(worker, issued, &drained);
                let result = result.map_err(|error| error.to_string());
                return Some(Event::Verified { worker, result });
            }
            Action::VerifyBye { worker, bye } => {
                let process = ProcessId::Worker(worker);
                if let Err(error) = self.record.observer.verify(process, &bye.emitted) {
                    return Some(Event::Verified { worker, result: Err(error.to_string()) });
                }
            }
            Action::WriteOff { worker, issued } => {
                if let Err(error) = self.record.write_off(worker, issued) {
                    return Some(Event::Verified { worker, result: Err(error.to_string()) });
                }
            }
            Action::Kill(worker) => {
                if let Some(process) = self.process(worker) {
                    process.signal(Signal::SIGKILL);
                }
            }
            Action::Fault(fault) => self.fault(fault),
            Action::Planned(segment) => self.beat.begin(segment.t0),
            Action::Enter(phase) => self.enter(phase),
        }
        None
    }

    fn spawn(&mut self, worker: u32) -> Option<Event> {
        let identity = Identity {
            primary: std::process::id(),
            nonce: self.nonce,
            worker,
            benchmark: self.plan.benchmark.clone(),
        };
        let spawned = WorkerHandle::spawn(&self.worker_exe, &self.worker_line, &identity);
        let spawned = spawned.and_then(|process| {
            let sources: [(usize, RawFd); SOURCES] = [
                (LINK, process.link.stream().as_raw_fd()),
                (STDOUT, process.stdout.as_raw_fd()),
                (STDERR, process.stderr.as_raw_fd()),
                (EXIT, process.exit_watch.as_raw_fd()),
            ];
            for (source, fd) in sources {
                let (token, registry) = (token(worker, source), self.poll.registry());
                let watched = registry.register(&mut SourceFd(&fd), token, Interest::READABLE);
                watched.map_err(read::unwatched)?;
            }
            Ok(process)
        });
        match spawned {
            Ok(process) => {
                self.processes[worker as usize] = Some(process);
                None
            }
            Err(error) => Some(Event::SpawnFailed { worker, error }),
        }
    }

    fn fault(&mut self, fault: Fault) {
        let process = self.processes[fault.worker as usize].as_ref();
        let tail: Vec<_> = process.into_iter().flat_map(|p| p.tail().map(str::to_owned)).collect();
        let named = Named { pid: process.map(WorkerHandle::pid), tail: &tail };
        match self.faults.add(fault, named, &self.plan.deadlines) {
            Some(FaultReport::Fault(sentence)) => self.sink.update(Update::Fault(sentence)),
            Some(FaultReport::Warning(sentence)) => self.warn(sentence),
            None => {}
        }
    }

    fn warn(&mut self, warning: String) {
        if self.record.warn(&warning) {
            self.sink.update(Update::Warning(warning));
        }
    }

    fn enter(&mut self, phase: RunPhase) {
        let now = clock::now();
        match phase {
            RunPhase::Measuring => {
                let from = self
                    .state
                    .schedule()
                    .map_or(now, super::state::schedule::Schedule::measured_from);
                self.record.begin_window(from, &self.plan);
                self.beat.begin_window(from);
            }
            RunPhase::Draining | RunPhase::Killing if self.cut.is_none() => {
                let end = self.state.schedule().map_or(now, super::state::schedule::Schedule::end);
                self.cut = Some(now.min(end));
            }
            RunPhase::Starting
            | RunPhase::WarmingUp
            | RunPhase::Draining
            | RunPhase::Finishing
            | RunPhase::Killing
            | RunPhase::Done => {}
        }
        self.sink.update(Update::Entered(phase));
    }

    /// Ends the run: sweeps orphans, closes the primary's own emitter, and makes the result.
    fn finish(mut self) -> Run {
        let now = clock::now();
        let workers = self.processes.iter().flatten().map(WorkerHandle::pid);
        let swept = self.orphans.as_ref().map(|orphans| orphans.sweep(workers)).unwrap_or_default();
        if let Some(warning) = left_behind(&swept) {
            self.warn(warning);
        }
        let mut faults = self.faults.sentences();
        if let Err(error) = self.beat.close(now, RunPhase::Done, &mut self.record, self.sink) {
            faults.push(format!("the primary lost measurements of its own: {error}"));
        }
        let window = self.state.schedule().and_then(|schedule| {
            let from = schedule.measured_from();
            let cut = self.cut.unwrap_or(now);
            (cut > from).then_some((from, cut))
        });
        let elapsed = now - self.begun;
        let cpu = cpu_time().saturating_sub(self.cpu_begun);
        let end_of = |(index, process): (usize, &Option<WorkerHandle>)| WorkerEnd {
            index: index as u32,
            pid: process.as_ref().map(WorkerHandle::pid),
            exit: process.as_ref().and_then(|process| process.exit),
        };
        let workers = self.processes.iter().enumerate().map(end_of).collect();
        self.record.finish(RunEnd {
            plan: self.plan,
            started_at: self.started_at,
            elapsed,
            window,
            dues: self.state.schedule().map(super::state::schedule::Schedule::dues),
            faults,
            signal: self.ended_by,
            pauses: self.pauses,
            stood_still: self.stood_still,
            cpu_share: cpu.as_secs_f64() / elapsed.as_secs_f64().max(f64::EPSILON),
            workers,
        })
    }
}

/// Returns the warning about processes that were killed at the end of the run.
fn left_behind(pids: &[u32]) -> Option<String> {
    match pids {
        [] => None,
        [pid] => Some(format!("a process that a worker left behind (pid {pid}) was killed")),
        pids => {
            let named = pids.iter().take(PIDS_NAMED).map(u32::to_string).collect::<Vec<_>>();
            let more = if pids.len() > PIDS_NAMED { ", …" } else { "" };
            Some(format!(
                "{} processes that workers left behind were killed (pids {}{more})",
                pids.len(),
                named.join(", ")
            ))
        }
    }
}

const fn token(worker: u32, source: usize) -> Token {
    Token(worker as usize * SOURCES + source)
}

/// Returns the processor time of this process.
fn cpu_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .map_or(Duration::ZERO, Duration::from)
}
