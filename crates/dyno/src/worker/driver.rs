//! The loop: runs the task's hooks and cycles on the worker's one event loop.
//!
//! In each turn, cycles that can go on do so and due cycles begin, until nothing is left to do.
//! Then the loop sleeps until the next due time, a wake from a cycle, or an order from the bus. A
//! turn yields to the runtime at least every millisecond, so that the user's own sockets, timers
//! and background tasks are served, even if many cycles wait.

use std::future::poll_fn;
use std::io;
use std::ptr;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, RawWakerVTable, Waker};
use std::time::Duration;

use dyno_bus::message::{Pacing, Start};
use dyno_bus::segment::Share;
use dyno_bus::{Phase, Time, clock};
use tokio::sync::mpsc::UnboundedReceiver;

use super::bus::grid::GridMaker;
use super::bus::{LoopEnd, LoopOrder, LoopReport, Over};
use super::control::{Control, Ending};
use super::counts::{Counters, truncate};
use super::cycle::pace::{CyclePacer, Next};
use super::cycle::panics;
use super::cycle::poll_watch::PollWatch;
use super::cycle::slots::{Begun, Slots};
use super::cycle::timer::Timer;
use super::health::probe::Probe;
use super::health::spans;
use crate::task::{Context, Cycle, Runnable, describe};

/// The longest time for which the loop keeps the runtime from its own work.
const TURN_MAX: Duration = Duration::from_millis(1);

/// Runs the bus's orders, to the end of the worker.
pub(super) async fn run<T: Runnable>(
    task: T,
    worker: u32,
    mut orders: UnboundedReceiver<LoopOrder>,
    end: LoopEnd,
    control: Arc<Control>,
    counters: Arc<Counters>,
) {
    panics::install();
    let Some(LoopOrder::Before(start)) = orders.recv().await else { return };
    // A worker has one context, which lives as long as the worker.
    let context: &'static Context =
        Box::leak(Box::new(Context::new(worker, start.workers, start.parameters.clone())));
    let prepared = hook(task.before(context)).await;
    end.end_copy();
    let state = match prepared {
        Ok(state) => state,
        Err(message) => return end.tell(LoopReport::BeforeDone(Err(message))),
    };
    // Not earlier: a process has one subscriber, and `before` may install the user's own.
    spans::install();
    end.tell(LoopReport::BeforeDone(Ok(())));

    let begin = |cycle: Cycle| T::cycle(&state, cycle);
    let over = run_cycles(begin, context, &start, &end, &control, &counters).await;
    end.cycles_over();
    match over {
        Ok(over) => end.tell(LoopReport::CyclesOver(over)),
        Err(error) => super::fail(&format!("can't make a timer for the worker's loop: {error}")),
    }

    let Some(LoopOrder::After) = orders.recv().await else { return };
    let ended = hook(T::after(state)).await;
    end.end_copy();
    end.tell(LoopReport::AfterDone(ended));
}

/// Runs a hook. Its error or its panic becomes a message of bounded length.
async fn hook<T>(hook: impl Future<Output = crate::task::Result<T>>) -> Result<T, String> {
    // An error's text and its destructor are the user's code as well.
    let described = async { hook.await.map_err(|error| describe(&error)) };
    let result = panics::catch_async(described).await.and_then(|result| result);
    result.map_err(|mut message| {
        truncate(&mut message);
        message
    })
}

/// Runs cycles until the cut and the drain.
async fn run_cycles<F: Future<Output = Result<(), String>>>(
    begin: impl Fn(Cycle) -> F,
    context: &'static Context,
    start: &Start,
    end: &LoopEnd,
    control: &Control,
    counters: &Counters,
) -> io::Result<Over> {
    let share = Share { worker: context.worker(), workers: context.workers() };
    let mut cycles = CycleLoop {
        begin,
        context,
        pace: CyclePacer::new(share, start),
        slots: Slots::new(),
        registered: None,
        timer: Timer::new()?,
        probe: Probe::new(start.probe_period_ns)?,
        watch: PollWatch::new().await,
        turn_end: Time::ZERO,
        spin: start.pacing == Pacing::Spin,
        drain_deadline: Duration::from_nanos(start.drain_deadline_ns),
        longest: Duration::ZERO,
        phase: Phase::Warmup,
        window_from: Time::NEVER,
        grids: GridMaker::default(),
        end,
        control,
        counters,
    };
    loop {
        let turn = match poll_fn(|waker| cycles.poll(waker)).await {
            Ok(turn) => turn,
            // Here, because the drop of a timer whose descriptor is closed aborts a debug build
            // before this message.
            Err(error) => super::fail(&format!(
                "a timer of the worker's loop failed: {error}; does the task close descriptors \
                 that it did not open?"
            )),
        };
        match turn {
            Turn::Yield => {
                cycles.watch.checked().await;
                cycles.turn_end = clock::now() + TURN_MAX;
            }
            Turn::Over => return Ok(cycles.give_up()),
        }
    }
}

/// The end of a turn of the loop that did not go to sleep.
enum Turn {
    /// The runtime has to be served; there is more to do.
    Yield,
    /// No cycle runs, and none will start.
    Over,
}

/// The cycles of one worker.
struct CycleLoop<'a, B, F> {
    begin: B,
    context: &'static Context,
    pace: CyclePacer,
    slots: Slots<F>,
    /// The waker that [`register`](Self::register) saw last; its registrations keep it alive.
    registered: Option<(*const (), *const RawWakerVTable)>,
    timer: Timer,
    probe: Probe,
    watch: PollWatch,
    /// The instant at which the runtime has to check its sockets and timers again. A turn may
    /// take several polls: a cycle that another task wakes goes on without a check.
    turn_end: Time,
    spin: bool,
    drain_deadline: Duration,
    /// The longest service so far.
    longest: Duration,
    /// The phase of the cycle that began last; values of other threads are recorded under it too.
    phase: Phase,
    window_from: Time,
    /// The grids that give due times their places, by stage.
    grids: GridMaker,
    end: &'a LoopEnd,
    control: &'a Control,
    counters: &'a Counters,
}

impl<F, B> CycleLoop<'_, B, F>
where
    F: Future<Output = Result<(), String>>,
    B: Fn(Cycle) -> F,
{
    fn poll(&mut self, waker: &mut TaskContext<'_>) -> Poll<io::Result<Turn>> {
        // Another task of this runtime may have forked.
        self.end.end_copy();
        // Registered before anything is looked at, so that any later change wakes the loop.
        let is_another = self.register(waker.waker());
        // Cycles that can go on go first: the end of a cycle is then the only reading of the clock.
        let mut resumed = self.resume();
        let mut now = resumed.unwrap_or_else(clock::now);
        // Before that time the probe's timer has not fired, and still wakes the loop.
        if is_another || now >= self.probe.next() {
            self.probe.poll(waker, |lag| self.end.loop_lag(lag))?;
            now = clock::now();
        }
        if self.watch.has_slept() {
            self.turn_end = now + TURN_MAX;
        }
        let deadline = self.deadline();
        if now >= deadline {
            return Poll::Ready(Ok(Turn::Over));
        }
        loop {
            let running = self.slots.running();
            // Before the next start, so that cycles beyond the limit are skipped and not started.
            self.skip(now, running);
            let wake_at = match self.pace.next(now, running, self.control) {
                // The rest is given up: a sync cycle could not be stopped at the deadline.
                Next::Start(_) if running == 0 && self.would_outlast(now, deadline) => {
                    return Poll::Ready(Ok(Turn::Over));
                }
                Next::Start(due) => {
                    let cycle = Cycle::new(due.index, due.at, self.context);
                    now = self.begin(Begun { due, start: now }, cycle);
                    None
                }
                Next::Over if running == 0 => return Poll::Ready(Ok(Turn::Over)),
                Next::At(due) => Some(due),
                Next::Wait | Next::Over => Some(Time::NEVER),
            };
            // A turn that took its time yields, even if more cycles are due.
            if now >= self.turn_end {
                return Poll::Ready(Ok(Turn::Yield));
            }
            if let Some(wake_at) = wake_at
                && resumed.is_none()
            {
                // There is nothing to do now: spin or sleep until there is.
                if self.spin && wake_at < Time::NEVER {
                    if running > 0 {
                        return Poll::Ready(Ok(Turn::Yield));
                    }
                    std::hint::spin_loop();
                } else {
                    let wake_at = wake_at.min(self.deadline());
                    // A timer of an earlier setting may fire early, so the clock decides.
                    if wake_at == Time::NEVER || self.timer.poll_at(waker, wake_at)?.is_pending() {
                        return Poll::Pending;
                    }
                }
                now = clock::now();
                if now >= self.deadline() {
                    return Poll::Ready(Ok(Turn::Over));
                }
            }
            resumed = self.resume();
            now = resumed.unwrap_or(now);
        }
    }

    /// Returns `true` if this waker differs from the last one. Each waker is registered once at
    /// each place that wakes the loop, so that a turn takes no lock.
    #[inline]
    fn register(&mut self, waker: &Waker) -> bool {
        // Not by `will_wake` of a clone: it could return `false` for ever, and once did. Where a
        // program holds the table of a waker's functions twice, the clone can have the other one.
        let parts = (waker.data(), ptr::from_ref(waker.vtable()));
        if self.registered == Some(parts) {
            return false;
        }
        self.control.set_waker(waker);
        self.slots.set_waker(waker);
        self.registered = Some(parts);
        true
    }

    /// Polls the next cycle that can go on, and returns the time after the poll; `None` if no cycle
    /// can go on.
    #[inline]
    fn resume(&mut self) -> Option<Time> {
        self.follow();
        let ended = self.slots.resume()?;
        self.end.end_copy();
        let now = clock::now();
        if let Some((begun, outcome)) = ended {
            self.ended(begun, now, outcome);
        }
        Some(now)
    }

    /// Takes the segments that were appended to the plan.
    #[inline]
    fn follow(&mut self) {
        self.control.take_segments(|segment| {
            if segment.phase == Phase::Measured {
                self.window_from = self.window_from.min(segment.t0);
            }
            self.grids.follow(&segment);
            self.pace.follow(segment);
        });
    }

    /// Begins a cycle, and returns the time after its first poll.
    #[inline]
    fn begin(&mut self, begun: Begun, cycle: Cycle) -> Time {
        let phase = begun.due.phase;
        if phase != self.phase {
            self.phase = phase;
            self.end.set_phase(phase);
        }
        self.pace.begun();
        self.counters.started(phase);
        let outcome = self.slots.begin(begun, (self.begin)(cycle));
        // A sync cycle runs in the call above, so that a copy returns from there.
        self.end.end_copy();
        let now = clock::now();
        if let Some(outcome) = outcome {
            self.ended(begun, now, outcome);
        }
        now
    }

    /// Returns `true` if the drain goes on and a cycle that starts now would not end before the
    /// drain's deadline, if it took as long as the longest one so far, although nothing else runs.
    /// A sync cycle cannot be given up: its worker would have to be killed.
    #[inline]
    fn would_outlast(&self, now: Time, deadline: Time) -> bool {
        let would = now + self.longest > deadline && self.slots.running_max() <= 1;
        would && now >= self.window_end()
    }

    /// Records and counts a cycle that ended.
    #[inline]
    fn ended(&mut self, begun: Begun, end: Time, outcome: Result<(), String>) {
        let Begun { due, start } = begun;
        self.longest = self.longest.max(end - start);
        let place = self.grids.place(due.stage, due.at);
        let (wait, service) = (start.nanos_since(due.at), end.nanos_since(start));
        self.end.cycle(due, outcome.is_err(), place, wait, service);
        match outcome {
            Ok(()) => {
                self.counters.completed(due.phase);
                if end > self.window_end() {
                    self.counters.late();
                } else if end >= self.window_from {
                    self.counters.delivered();
                }
            }
            Err(message) => self.counters.failed(due.phase, due.index, message),
        }
    }

    #[inline]
    fn skip(&mut self, now: Time, running: u32) {
        let skipped = self.pace.skip(now, running, self.control.due_before());
        if skipped.total() > 0 {
            self.counters.skipped(skipped);
        }
    }

    /// Returns the end of the measured window as far as it is known: the end of the last lease,
    /// which is sent before the window ends.
    #[inline]
    fn window_end(&self) -> Time {
        if self.control.ending() == Ending::Open { Time::NEVER } else { self.control.cut() }
    }

    /// Returns the instant at which running cycles are given up: the drain deadline after the cut,
    /// or never as long as no cut is known.
    fn deadline(&self) -> Time {
        self.window_end() + self.drain_deadline
    }

    /// Counts the cycles that were due before the cut and never began, and those that began and
    /// never ended.
    fn give_up(&mut self) -> Over {
        let now = clock::now();
        let cut = self.control.cut();
        // A worker that stood still past the end takes the plan's last segments only now.
        self.follow();
        let unstarted = self.pace.give_up(cut);
        self.counters.unstarted(unstarted);
        let abandoned = self.slots.abandon();
        for begun in &abandoned {
            self.counters.abandoned(begun.due.phase);
        }
        let unstarted_age = (unstarted.total() > 0).then(|| now.nanos_since(cut));
        let ages = abandoned.iter().map(|begun| now.nanos_since(begun.due.at));
        Over {
            censored_age_min_ns: ages.chain(unstarted_age).min(),
            running_max: self.slots.running_max(),
        }
    }
}
