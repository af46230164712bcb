//! The surroundings of a run while it is measured: the machine, and the target with its children.
//!
//! A thread of the primary takes a sample each second, the period of a worker's `cpu`, and records
//! it on the primary's own emitter. It is not the driver's thread: to read a thousand threads takes
//! milliseconds, and meanwhile the driver would extend no lease. The first second begins with the
//! measured window; at its end a last sample is taken if enough of a second has passed.
//!
//! A sample reads `/proc/stat`, `stat` of each process of the target, and two files of each of its
//! threads. New children are found by reading all processes. Both are bounded, so that the samples
//! take at most a few per cent of a core: see [`tree`] and [`threads`].
//! Without a target, a sample is one file. Nothing here can fail a run: what can't be read is left
//! out, with one note.

mod threads;
mod tree;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use dyno_bus::value::Unit;
use dyno_bus::{Time, builtin, clock};
use dyno_emitter::harness::{Emitter, Recorder};
use nix::unistd::{SysconfVar, sysconf};

use self::threads::{ProcFile, TargetThreads};
use self::tree::TargetTree;
use super::target::TargetProcess;
use crate::processes::SystemProcess;
use crate::processes::usage::{MachineTotals, TICK_NS};

/// The time between two samples.
const PERIOD: Duration = Duration::from_secs(1);
/// The least time before the window's end that gives another sample: the kernel counts a process's
/// time in ticks of 10 ms, which are 4 % of it.
const LAST_MIN: Duration = Duration::from_millis(250);
/// The bytes of a page, where the system does not report them.
const PAGE: u64 = 4096;

/// The thread that samples the surroundings of one run.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// `None` if nothing is sampled.
    window: Option<Sender<WindowEdge>>,
    notes: Receiver<String>,
    thread: Option<JoinHandle<()>>,
}

/// An edge of the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WindowEdge {
    Begin,
    End,
}

impl Surroundings {
    /// Returns surroundings that nobody looks at, as those of a simulated run.
    #[cfg(test)]
    pub(crate) fn unwatched() -> Self {
        Self { window: None, notes: channel().1, thread: None }
    }

    /// Starts the thread that samples the machine and these processes, and records on this emitter.
    pub(crate) fn watch(emitter: &mut Emitter, targets: Vec<TargetProcess>) -> Self {
        let (window, edges) = channel();
        let (notes, received) = channel();
        let sampler = SurroundingsSampler::new(emitter, targets, notes.clone());
        let thread = std::thread::Builder::new().name("dyno-watch".to_owned());
        let thread = thread.spawn(move || sampler.run(&edges));
        if let Err(error) = &thread {
            let _received = notes.send(format!(
                "the machine and the target are not watched, since no thread could be started: \
                 {error}"
            ));
        }
        Self { window: Some(window), notes: received, thread: thread.ok() }
    }

    /// Begins the samples, with the measured window.
    pub(crate) fn begin(&self) {
        self.send(WindowEdge::Begin);
    }

    /// Ends the samples, with the measured window.
    pub(crate) fn end(&self) {
        self.send(WindowEdge::End);
    }

    /// Returns the notes for the user since the last call.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.try_iter().collect()
    }

    /// Ends the thread, once its last sample is recorded.
    pub(crate) fn close(&mut self) {
        self.window = None;
        if let Some(thread) = self.thread.take() {
            // A panic would be a bug in dyno, and the run has its result all the same.
            let _ended = thread.join();
        }
    }

    fn send(&self, edge: WindowEdge) {
        if let Some(window) = &self.window {
            // The thread may be missing: then there is a note.
            let _received = window.send(edge);
        }
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        self.close();
    }
}

/// The sampler, in its thread.
struct SurroundingsSampler {
    recorder: Recorder,
    machine_idle: u32,
    machine: Option<MachineTotals>,
    target: Option<TargetSampler>,
    file: ProcFile,
    /// The instant of the last sample; `None` outside of the measured window.
    last: Option<Time>,
}

impl SurroundingsSampler {
    fn new(emitter: &mut Emitter, targets: Vec<TargetProcess>, notes: Sender<String>) -> Self {
        Self {
            recorder: emitter.recorder(),
            machine_idle: emitter.metric(builtin::MACHINE_IDLE, Unit::Permille),
            machine: None,
            target: (!targets.is_empty()).then(|| TargetSampler::new(emitter, targets, notes)),
            file: ProcFile::default(),
            last: None,
        }
    }

    /// Samples until the other end of the channel is gone.
    fn run(mut self, edges: &Receiver<WindowEdge>) {
        let mut next = Time::NEVER;
        loop {
            let edge = match next {
                Time::NEVER => edges.recv().map_err(|_| RecvTimeoutError::Disconnected),
                _ => edges.recv_timeout(next - clock::now()),
            };
            let now = clock::now();
            match edge {
                Ok(WindowEdge::Begin) => {
                    self.begin(now);
                    next = now + PERIOD;
                }
                Ok(WindowEdge::End) => {
                    self.end(now);
                    next = Time::NEVER;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.sample(now);
                    // After a pause of this process the missed samples are left out.
                    next = if next + PERIOD > now { next + PERIOD } else { now + PERIOD };
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Begins the first period: what was used before does not count.
    fn begin(&mut self, now: Time) {
        self.machine = self.read_machine();
        if let Some(target) = &mut self.target {
            target.begin(now);
        }
        self.last = Some(now);
    }

    fn end(&mut self, now: Time) {
        if self.last.is_some_and(|last| now - last >= LAST_MIN) {
            self.sample(now);
        }
        self.last = None;
    }

    fn sample(&mut self, now: Time) {
        let Some(last) = self.last.replace(now) else { return };
        let machine = self.read_machine();
        let before = std::mem::replace(&mut self.machine, machine);
        if let (Some(machine), Some(before)) = (&self.machine, &before)
            && let Some(idle) = machine.idle_permille_since(before)
        {
            self.recorder.record(self.machine_idle, idle);
        }
        if let Some(target) = &mut self.target {
            target.sample(now, now - last, &self.recorder);
        }
    }

    fn read_machine(&mut self) -> Option<MachineTotals> {
        self.file.read(format_args!("/proc/stat")).and_then(|text| MachineTotals::parse(&text))
    }
}

/// The numbers of the target's metrics.
struct TargetNumbers {
    cpu: u32,
    cpu_thread_max: u32,
    rss: u32,
    threads: u32,
    context_switches: u32,
    preemptions: u32,
    run_queue_delay: u32,
}

/// The part of the sampler that reads the target.
struct TargetSampler {
    numbers: TargetNumbers,
    tree: TargetTree,
    threads: TargetThreads,
    notes: Sender<String>,
    page: u64,
}

impl TargetSampler {
    fn new(emitter: &mut Emitter, targets: Vec<TargetProcess>, notes: Sender<String>) -> Self {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
        Self {
            numbers: TargetNumbers {
                cpu: emitter.metric(builtin::TARGET_CPU, Unit::Permille),
                cpu_thread_max: emitter.metric(builtin::TARGET_CPU_THREAD_MAX, Unit::Permille),
                rss: emitter.metric(builtin::TARGET_RSS, Unit::Bytes),
                threads: emitter.metric(builtin::TARGET_THREADS, Unit::None),
                context_switches: emitter.metric(builtin::TARGET_CONTEXT_SWITCHES, Unit::None),
                preemptions: emitter.metric(builtin::TARGET_PREEMPTIONS, Unit::None),
                run_queue_delay: emitter.metric(builtin::TARGET_RUN_QUEUE_DELAY, Unit::Permille),
            },
            tree: TargetTree::new(targets),
            threads: TargetThreads::default(),
            notes,
            page: page.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(PAGE),
        }
    }

    fn begin(&mut self, now: Time) {
        self.tree.read(now);
        self.note_ends();
        self.threads.read(now, self.tree.members());
        if self.threads.are_hidden() && !self.tree.members().is_empty() {
            self.note(
                "the threads of the watched process can't be read: the metrics of threads are \
                 missing"
                    .to_owned(),
            );
        }
    }

    fn sample(&mut self, now: Time, elapsed: Duration, recorder: &Recorder) {
        let ticks = self.tree.read(now);
        self.note_ends();
        let members = self.tree.members();
        if members.is_empty() {
            return;
        }
        let numbers = &self.numbers;
        let elapsed_ns = elapsed.as_nanos() as f64;
        let cpu = ticks.saturating_mul(TICK_NS) as f64 / elapsed_ns;
        recorder.record(numbers.cpu, permille(cpu));
        let sum = |number: fn(&SystemProcess) -> u64| -> u64 {
            members.iter().map(number).fold(0, u64::saturating_add)
        };
        recorder.record(numbers.rss, sum(|of| of.totals.rss_pages).saturating_mul(self.page));
        recorder.record(numbers.threads, sum(|of| of.totals.threads));
        let rates = self.threads.read(now, members);
        for (number, value) in [
            (numbers.cpu_thread_max, rates.cpu_max.map(permille)),
            (numbers.run_queue_delay, rates.delay.map(permille)),
            (numbers.context_switches, rates.switches.map(|count| count.round() as u64)),
            (numbers.preemptions, rates.preemptions.map(|count| count.round() as u64)),
        ] {
            if let Some(value) = value {
                recorder.record(number, value);
            }
        }
    }

    /// Notes each process of the target that has ended.
    fn note_ends(&mut self) {
        for ended in self.tree.take_ended() {
            self.note(format!(
                "the watched process {} (`{}`) has ended: the metrics `target.*` are those until \
                 then",
                ended.pid(),
                ended.name(),
            ));
        }
    }

    fn note(&self, note: String) {
        // The receiver may be gone, at the run's very end.
        let _received = self.notes.send(note);
    }
}

/// Returns a share in thousandths.
fn permille(share: f64) -> u64 {
    (share * 1e3).round() as u64
}
