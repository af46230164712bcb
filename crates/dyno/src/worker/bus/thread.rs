//! The real world of a worker's bus: a thread that sleeps in one `poll`, and the end of the process.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::sync::Arc;

use dyno_bus::message::{Hello, Report, VERSION};
use dyno_bus::{Link, Time, clock};
use dyno_emitter::harness::Emitter;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::world::BusWorld;
use super::{Bus, BusEnd, LoopEnd, LoopShare};
use crate::identity::Identity;
use crate::worker::health::{fork, guard, usage};
use crate::worker::state::LastWords;

/// The byte that wakes the bus.
const WAKE: u8 = 1;
/// The byte that wakes it from a copy of the worker, which is about to end.
const COPY: u8 = 2;

/// Starts the bus thread of this worker, and returns the loop's end of it.
pub(in crate::worker) fn start(
    identity: &Identity,
    socket: UnixStream,
    shared: LoopShare,
) -> Result<LoopEnd, Box<dyn std::error::Error>> {
    let (world, wake) = ThreadWorld::new()?;
    let emitter = Emitter::new(wake.clone());
    let installed = emitter.install()?;
    let mut link = Link::over(socket)?;
    link.send(&Report::Hello(Hello {
        version: VERSION,
        worker: identity.worker,
        nonce: identity.nonce,
        pid: std::process::id(),
    }))?;
    let (bus, end) = Bus::new(world, link, identity.worker, emitter, shared, wake);
    let mark = identity.mark();
    std::thread::Builder::new().name("dyno-bus".into()).spawn(move || {
        // The handles record as long as the process lives.
        let _installed = installed;
        run(bus, &mark)
    })?;
    Ok(end)
}

/// The surroundings of a bus that has a thread and a process.
struct ThreadWorld {
    /// Readable once another thread of this process has woken the bus.
    woken: UnixStream,
    /// A message for the user that came while the bus slept.
    notice: Option<&'static str>,
}

impl ThreadWorld {
    /// Creates the world, and a function that wakes its thread from any other.
    fn new() -> std::io::Result<(Self, impl Fn() + Send + Sync + Clone + 'static)> {
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let waker = Arc::new(waker);
        let wake = move || {
            // A full socket means that a wake is under way already.
            let byte = if fork::is_copy() { COPY } else { WAKE };
            let _woken = (&*waker).write(&[byte]);
        };
        Ok((Self { woken, notice: None }, wake))
    }
}

impl BusWorld for ThreadWorld {
    type Stream = UnixStream;

    /// One more batch still fits the link's own limit.
    const QUEUED_MAX: usize = 4 << 20;

    fn now(&self) -> Time {
        clock::now()
    }

    fn wait(&mut self, stream: &UnixStream, writes: bool, until: Time) -> bool {
        let mut interest = PollFlags::POLLIN;
        interest.set(PollFlags::POLLOUT, writes);
        let timeout = match until {
            Time::NEVER => PollTimeout::NONE,
            Time::ZERO => PollTimeout::ZERO,
            // Rounded up: a wake before the time would find nothing to do.
            until => {
                let left = until - clock::now();
                PollTimeout::from(left.as_nanos().div_ceil(1_000_000).min(60_000) as u16)
            }
        };
        let mut fds = [
            PollFd::new(stream.as_fd(), interest),
            PollFd::new(self.woken.as_fd(), PollFlags::POLLIN),
        ];
        // EINTR is a wake without a reason; any other error shows in the reads and writes that
        // follow.
        let _woken = poll(&mut fds, timeout);
        let woken = fds[1].any().unwrap_or(false);
        if woken {
            // One read takes all: the rings wake the bus once before it looks, and each report of
            // the loop wakes it once.
            let mut bytes = [0; 64];
            let count = (&self.woken).read(&mut bytes).unwrap_or(0);
            self.notice = bytes[..count].contains(&COPY).then_some(fork::RETURNED);
        }
        woken
    }

    fn notice(&mut self) -> Option<&'static str> {
        self.notice.take()
    }

    fn cpu_ns(&self) -> u64 {
        usage::cpu_ns()
    }

    fn rss_bytes(&self) -> Option<u64> {
        usage::rss_bytes()
    }

    fn complain(&mut self, line: &str) {
        // Nobody reads this if the primary is gone as well.
        let _written = writeln!(std::io::stderr(), "dyno: {line}");
    }
}

/// Turns the bus until it is over, then ends the process. `mark` is in the environment of every
/// process that this worker starts.
fn run(mut bus: Bus<ThreadWorld>, mark: &str) -> ! {
    guard::arm_continue_signal();
    let mut flow = bus.flush();
    while flow.is_continue() {
        flow = bus.turn();
    }
    match flow.break_value() {
        Some(BusEnd::Exit(LastWords::HookFailed)) => exit(crate::worker::FAILED),
        Some(BusEnd::Kill) => guard::kill_all(mark),
        Some(BusEnd::Broken(reason)) => crate::worker::fail(&reason),
        Some(BusEnd::Exit(LastWords::Well)) | None => exit(0),
    }
}
