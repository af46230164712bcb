//! The real world of a primary: one poll over sockets, pipes, processes, signals and a waker.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dyno_bus::{Time, clock};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::process::WorkerHandle;
use super::signal::Signals;
use super::sweep::Orphans;
use crate::identity::Identity;
use crate::primary::error::StartError;
use crate::primary::launch::ProcessOwnership;
use crate::primary::run::Stream;
use crate::primary::world::{PrimaryWorld, ReadySource, SignalRequest, WorkerSource};

/// The sources of each worker, in the order of their tokens: the token of a source is its index
/// here, after those of all workers before.
const SOURCES: [WorkerSource; 4] = [
    WorkerSource::Link,
    WorkerSource::Output(Stream::Stdout),
    WorkerSource::Output(Stream::Stderr),
    WorkerSource::Exit,
];
/// The index of the link among them.
const LINK: usize = 0;
/// The token of the signals' pipes.
const SIGNALS: Token = Token(usize::MAX);
/// The token of the waker.
const WOKEN: Token = Token(usize::MAX - 1);
/// The most events that one poll returns.
const EVENTS_MAX: usize = 1024;

/// The surroundings of a primary on this machine.
pub(crate) struct SystemWorld {
    workers: WorkerProgram,
    poll: Poll,
    events: Events,
    /// `None` in someone else's process, as the next one.
    signals: Option<Signals>,
    orphans: Option<Orphans>,
}

/// The program of the workers, and the run that they belong to.
pub(crate) struct WorkerProgram {
    pub(crate) exe: PathBuf,
    pub(crate) line: Vec<OsString>,
    /// The variables that workers get in addition to this process's own.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) nonce: u64,
    pub(crate) benchmark: String,
}

impl SystemWorld {
    /// Creates the world of a run that may change this process to this extent, and the waker that
    /// ends its sleep from other threads.
    ///
    /// # Errors
    /// If the system refuses a descriptor, a signal handler or the adoption of orphans.
    pub(crate) fn new(
        workers: WorkerProgram,
        reach: ProcessOwnership,
    ) -> Result<(Self, Arc<Waker>), StartError> {
        let need = |what| move |source: io::Error| StartError::Primary { what, source };
        let poll = Poll::new().map_err(need("poll"))?;
        let waker = Arc::new(Waker::new(poll.registry(), WOKEN).map_err(need("poll"))?);
        let (signals, orphans) = match reach {
            ProcessOwnership::Guest => (None, None),
            ProcessOwnership::Process => {
                let orphans = Orphans::adopt(workers.nonce).map_err(need("adopt orphans"))?;
                let signals = Signals::take_over().map_err(need("take over signals"))?;
                (Some(signals), Some(orphans))
            }
        };
        for source in signals.iter().flat_map(Signals::sources) {
            poll.registry()
                .register(&mut SourceFd(&source.as_raw_fd()), SIGNALS, Interest::READABLE)
                .map_err(need("poll"))?;
        }
        let events = Events::with_capacity(EVENTS_MAX);
        Ok((Self { workers, poll, events, signals, orphans }, waker))
    }

    fn watch(&self, worker: u32, process: &WorkerHandle) -> Result<(), String> {
        let sources: [RawFd; SOURCES.len()] = [
            process.link.stream().as_raw_fd(),
            process.stdout.as_raw_fd(),
            process.stderr.as_raw_fd(),
            process.exit_watch.as_raw_fd(),
        ];
        for (source, fd) in sources.iter().enumerate() {
            let registry = self.poll.registry();
            registry
                .register(&mut SourceFd(fd), token(worker, source), Interest::READABLE)
                .map_err(unwatched)?;
        }
        Ok(())
    }
}

impl PrimaryWorld for SystemWorld {
    type Process = WorkerHandle;

    const FRAMES_PER_TURN: usize = 32;

    fn now(&self) -> Time {
        clock::now()
    }

    fn wait(&mut self, timeout: Duration, ready: &mut Vec<ReadySource>) {
        // EINTR is a wake without a reason; any other error shows in the calls that follow.
        let _woken = self.poll.poll(&mut self.events, Some(timeout));
        ready.extend(self.events.iter().filter_map(|event| match event.token() {
            // The driver reads these pipes in every turn.
            SIGNALS => None,
            WOKEN => Some(ReadySource::Woken),
            Token(token) => {
                let worker = (token / SOURCES.len()) as u32;
                Some(ReadySource::Worker(worker, SOURCES[token % SOURCES.len()]))
            }
        }));
    }

    fn signals(&mut self) -> Vec<SignalRequest> {
        self.signals.as_mut().map(Signals::read).unwrap_or_default()
    }

    fn pause(&mut self) -> bool {
        self.signals.as_ref().is_some_and(|signals| signals.pause().is_ok())
    }

    fn spawn(&mut self, worker: u32) -> Result<WorkerHandle, String> {
        let WorkerProgram { exe, line, variables, nonce, benchmark } = &self.workers;
        let identity = Identity {
            primary: std::process::id(),
            nonce: *nonce,
            worker,
            benchmark: benchmark.clone(),
        };
        let process = WorkerHandle::spawn(exe, (line, variables), &identity)?;
        self.watch(worker, &process)?;
        Ok(process)
    }

    fn watch_room(&mut self, worker: u32, process: &mut WorkerHandle) -> Result<(), String> {
        let waits = process.link.queued() > 0;
        if waits == process.waits {
            return Ok(());
        }
        process.waits = waits;
        let interest =
            if waits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let fd = process.link.stream().as_raw_fd();
        self.poll
            .registry()
            .reregister(&mut SourceFd(&fd), token(worker, LINK), interest)
            .map_err(unwatched)
    }

    fn reap_orphans(&mut self, now: Time, workers: impl Iterator<Item = u32>) {
        if let Some(orphans) = &mut self.orphans {
            orphans.reap(now, workers);
        }
    }

    fn sweep(&mut self, workers: impl Iterator<Item = u32>) -> Vec<u32> {
        self.orphans.as_ref().map(|orphans| orphans.sweep(workers)).unwrap_or_default()
    }

    fn cpu_time(&self) -> Duration {
        nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID)
            .map_or(Duration::ZERO, Duration::from)
    }
}

const fn token(worker: u32, source: usize) -> Token {
    Token(worker as usize * SOURCES.len() + source)
}

/// Returns the reason why a worker whose source can't be watched is unusable.
fn unwatched(error: io::Error) -> String {
    format!("it can't be watched: {error}")
}
