//! The rules that hold for every run, with every fault.

mod dues;

use std::time::Duration;

use dyno_bus::message::Counts;
use dyno_bus::segment::{Arrivals, PerPhase, Share};
use dyno_bus::{Cursor, Phase, Segment, Time};
use dyno_observer::{Account, ProcessId, ProcessStatus};
use dyno_summary::Verdict;

use super::behaviour::{HookRun, Leaves};
use super::lies::Lie;
use super::primary::Told;
use super::{BEGIN, Host, Simulation};
use crate::plan::Rate;
use crate::primary::run::{Run, Stream};
use crate::primary::{Cause, Exit, RunPhase};

/// The time before the planned end at which a request comes in time: a lease, the time until it is
/// given, and that of the turns in between.
const IN_TIME: Duration = Duration::from_millis(1_300);

/// Checks a worker that begins `after`: it is alive, and the cycles of all others are over.
pub(super) fn after_begins(world: &Simulation<'_>, index: usize) {
    let own = &world.hosts[index];
    assert!(!own.was_killed && own.exit.is_none(), "`after` never runs in a killed worker");
    for host in &world.hosts {
        let Some(worker) = &host.worker else { continue };
        let over = host.exit.is_some() || host.was_killed || worker.drained || worker.before_failed;
        assert!(over, "`after` runs once the cycles of all workers are over");
    }
}

/// Checks a worker whose link the primary has closed, or has not: after that it reads nothing more.
pub(super) fn reads_nothing_more(host: &mut Host, is_closed: bool) {
    let Some(wire) = host.state.wire().filter(|_| is_closed) else { return };
    let read = *host.read_at_close.get_or_insert(wire.read());
    assert_eq!(wire.read(), read, "nothing is read from a link that is closed");
}

/// Checks a run that has ended.
pub(super) fn ended(world: Simulation<'_>) {
    blames(&world);
    let expected = Expected::new(&world);
    for index in 0..world.hosts.len() {
        worker(&world, index);
        output(&world, index);
    }
    let mut started: Vec<_> = world
        .hosts
        .iter()
        .filter_map(|host| host.worker.as_ref())
        .flat_map(|w| &w.started)
        .map(|due| due.index)
        .collect();
    let count = started.len();
    started.sort_unstable();
    started.dedup();
    assert_eq!(started.len(), count, "no index is given to two cycles");
    dues::are_on_the_grid(&world);
    last_request_is_applied(&world, expected.end);

    // A worker that exits late has sent all its data: that takes nothing from the result.
    let faults =
        world.driver.faults.all.iter().filter(|fault| fault.cause != Cause::LateExit).count();
    let (stopped, signals, pauses) = (stopped(&world), world.signals, world.pauses);
    if faults == 0 && signals == 0 {
        dues::are_counted_by_stage(&world);
    }
    let (sweeps, told, hosts) = (world.driver.world.sweeps(), world.told, world.hosts);
    let run = world.driver.finish();
    assert_eq!(sweeps.get(), 1, "orphans are swept once");
    assert_eq!(run.harness.pauses.len() as u64, pauses, "each pause is in the result");
    processes(&run, &hosts);
    phases(&told.borrow());
    let (verdict, account) = (run.judgement.verdict, run.account);
    match verdict {
        Verdict::Error => assert!(faults > 0, "an error has a fault"),
        Verdict::Interrupted => assert!(faults == 0 && signals > 0),
        _ => assert!(faults == 0 && signals == 0, "{verdict:?} with {faults} faults"),
    }
    let whole = stopped.is_some_and(|at| at >= expected.end);
    if faults == 0 && signals == 0 && whole {
        assert_eq!(account.lost.total(), 0);
        if let Some(issued) = expected.issued {
            assert_eq!(account.issued, issued, "the schedule's exact counts");
        }
        let failed: u64 = run.errors.iter().map(|errors| errors.count).sum();
        assert_eq!(failed, account.counts.measured.failed, "every failed cycle has its error");
        if expected.all_end {
            let ended = account.counts.measured.completed + account.counts.measured.failed;
            assert_eq!(ended, account.issued.measured, "every cycle has ended");
        }
    }
}

/// Checks that the rate that was requested last is that of the window's last cycles, if there was
/// time for it.
fn last_request_is_applied(world: &Simulation<'_>, end: Time) {
    let told = world.told.borrow();
    let was_frozen = world.primary_was_frozen || world.pauses > 0;
    let Some((last, at)) = told.rates.last().filter(|_| !was_frozen) else { return };
    if *at + IN_TIME > end || stopped(world).is_none_or(|at| at < end) || last.is_final {
        return;
    }
    let counted = dues::with_changes(world);
    assert!(counted.last().is_same_rate(*last), "{last:?} was requested at {at:?}: {counted:?}");
}

/// Checks that the result has the processes that there were.
fn processes(run: &Run, hosts: &[Host]) {
    for (worker, host) in run.workers.iter().zip(hosts) {
        assert!(worker.exit.is_none() || worker.exit == host.exit, "an exit is as it was");
        assert_eq!(worker.pid.is_some(), host.worker.is_some(), "who was started has an id");
    }
}

/// Checks the phases that the caller was shown.
fn phases(told: &Told) {
    let phases: Vec<_> = told.entered.iter().map(|(phase, _)| *phase).collect();
    assert!(phases.is_sorted_by(|one, next| one < next), "phases only go forward: {phases:?}");
    assert_eq!(phases.last(), Some(&RunPhase::Done), "every run ends");
}

/// The facts that follow from the plan alone.
struct Expected {
    end: Time,
    issued: Option<PerPhase<u64>>,
    all_end: bool,
}

impl Expected {
    fn new(world: &Simulation<'_>) -> Self {
        let plan = &world.scenario.plan;
        let segments = segments(world);
        let window = segments.iter().find(|segment| segment.phase == Phase::Measured);
        let window = window.map(|segment| segment.t0);
        let is_grid = plan.rate != Rate::Max && plan.arrivals == Arrivals::Uniform;
        let stood = world.primary_was_frozen || world.pauses > 0;
        let still = stood || world.hosts.iter().any(|host| host.was_frozen);
        let hung = |host: &super::Host| host.worker.as_ref().is_some_and(|worker| worker.hung);
        Self {
            end: window.map_or(Time::NEVER, |from| from + plan.duration),
            issued: is_grid.then(|| dues::issued(plan, &dues::with_changes(world))),
            all_end: world.scenario.is_light
                && !still
                && !world.hosts.iter().any(hung)
                && plan.on_backlog != crate::plan::OnBacklog::Skip
                && plan.arrivals == Arrivals::Uniform
                && world.told.borrow().rates.is_empty(),
        }
    }
}

/// Returns all segments of the plan.
fn segments<'a>(world: &'a Simulation<'_>) -> &'a [Segment] {
    world.driver.schedule().map_or(&[], |schedule| schedule.segments())
}

/// Returns the instant of the first early stop, or of the plan's end.
fn stopped(world: &Simulation<'_>) -> Option<Time> {
    let told = world.told.borrow();
    let is_stop = |phase: &RunPhase| matches!(phase, RunPhase::Draining | RunPhase::Killing);
    told.entered.iter().find(|(phase, _)| is_stop(phase)).map(|(_, at)| *at)
}

/// Returns the primary's knowledge of a worker's cycles: its closed account, and its latest
/// progress.
fn account(world: &Simulation<'_>, index: usize) -> Option<(Option<Account>, ProcessStatus)> {
    let observer = &world.driver.record.observer;
    let progress = observer.progress(ProcessId::Worker(index as u32))?;
    Some((observer.account(index as u32), progress))
}

/// Checks that the lines that a worker wrote have come to the caller, in order; and all of them, if
/// its end was seen.
fn output(world: &Simulation<'_>, index: usize) {
    let told = world.told.borrow();
    for stream in [Stream::Stdout, Stream::Stderr] {
        let is_its = |line: &&(u32, Stream, String)| (line.0, line.1) == (index as u32, stream);
        let lines: Vec<_> = told.lines.iter().filter(is_its).map(|(.., text)| text).collect();
        let written = world.hosts[index].state.written(stream);
        assert!(lines.len() <= written.len() && lines.iter().zip(&written).all(|(a, b)| *a == b));
        if world.driver.exit(index as u32).is_some() {
            assert_eq!(lines.len(), written.len(), "no line of a dead worker is lost");
        }
    }
}

/// Checks that each fault is named, for the worker that had it, and that no other worker is blamed.
fn blames(world: &Simulation<'_>) {
    for (index, host) in world.hosts.iter().enumerate() {
        let causes = causes(world, index);
        let all = world.driver.faults.all.iter();
        let named: Vec<_> = all.filter(|fault| fault.worker as usize == index).collect();
        assert!(named.len() <= 1, "a worker's fault is named once: {named:?}");
        let killed_by_signal = world.signals > 0 && host.was_killed;
        if !causes.is_empty() && !killed_by_signal {
            assert_eq!(named.len(), 1, "worker {index} had a fault of {causes:?}");
        }
        for fault in named {
            let cause = format!("{:?}", fault.cause);
            let known = causes.iter().any(|known| cause.starts_with(known));
            assert!(
                known || host.was_frozen,
                "worker {index} is blamed for {cause}, had {causes:?}"
            );
        }
        if let Some(worker) = &host.worker
            && !worker.lied()
        {
            assert!(!worker.killed_itself, "no command is illegal for an honest worker");
            assert!(worker.afters <= 1, "`after` runs once at most");
        }
    }
}

/// Returns the causes that may be named for the faults of a worker, by their beginnings.
fn causes(world: &Simulation<'_>, index: usize) -> Vec<&'static str> {
    let host = &world.hosts[index];
    let behaviour = &world.scenario.workers[index];
    let Some(worker) = &host.worker else { return vec!["Spawn"] };
    let mut causes = Vec::new();
    match host.crashed {
        Some(Exit::Signal(_)) => causes.push("Died(Signal(9))"),
        Some(Exit::Code(1)) => causes.push("Died(Code(1))"),
        Some(Exit::Code(_)) if !worker.said_bye => causes.push("Died(Code(0))"),
        _ => {}
    }
    if host.closed && !worker.said_bye {
        causes.extend(["ClosedEarly", "Died(Code(0))", "StartDeadline", "DrainDeadline"]);
        causes.extend(["AfterDeadline", "Died(Code(1))", "Died(Signal(9))"]);
    }
    if worker.lied() {
        causes.extend(["Broken", "Accounting"]);
        if behaviour.lie == Lie::DrainedUnasked {
            // The account may come just after the request for it, and be right. Then nothing
            // follows it, not even the last message.
            causes.extend(["AfterDeadline", "Died(Code("]);
        }
    }
    if worker.hung && behaviour.is_sync {
        causes.push("DrainDeadline");
    }
    match behaviour.before {
        HookRun::Hangs if worker.prepares() => causes.push("StartDeadline"),
        HookRun::Fails(_) if worker.before_failed => causes.push("Hook(Before"),
        _ => {}
    }
    match behaviour.after {
        HookRun::Hangs if worker.afters > 0 => causes.push("AfterDeadline"),
        HookRun::Fails(_) if worker.after_failed => causes.push("Hook(After"),
        _ => {}
    }
    match behaviour.leaves {
        Leaves::Code3 if host.exit == Some(Exit::Code(3)) => causes.push("Died(Code(3))"),
        Leaves::Never if worker.said_bye && host.crashed.is_none() => causes.push("LateExit"),
        _ => {}
    }
    causes
}

/// Checks that a worker's account agrees with what it did, or counts exactly the rest as lost.
fn worker(world: &Simulation<'_>, index: usize) {
    let Some(worker) = &world.hosts[index].worker else { return };
    let Some((account, progress)) = account(world, index) else {
        assert_eq!(worker.started.len(), 0, "nothing starts before `Hello`");
        return;
    };
    let Some(account) = account else {
        assert_eq!(worker.started.len(), 0, "who has run a cycle has an account");
        return;
    };
    let received = world.driver.record.observer.received(ProcessId::Worker(index as u32));
    let received = received.map_or_else(PerPhase::default, |received| received.cycles);
    for (issued, counts, lost, truth, received, last) in [
        (
            account.issued.warmup,
            account.counts.warmup,
            account.lost.warmup,
            worker.counts.warmup,
            received.warmup,
            progress.counts.warmup,
        ),
        (
            account.issued.measured,
            account.counts.measured,
            account.lost.measured,
            worker.counts.measured,
            received.measured,
            progress.counts.measured,
        ),
    ] {
        assert_eq!(issued, counts.ended() + lost, "the identity");
        assert_eq!(counts, last, "what was heard is what counts");
        assert!(received <= truth.completed + truth.failed, "nothing is received twice");
        if !worker.lied() {
            assert!(is_at_most(counts, truth), "{counts:?} of {truth:?}");
            assert!(counts.started + counts.skipped + counts.unstarted <= issued);
        }
        if worker.afters > 0 && !worker.lied() {
            assert_eq!((counts, lost), (truth, 0), "who has drained has told all");
            assert_eq!(received, truth.completed + truth.failed, "emitted = received");
        }
    }
    if matches!(world.scenario.plan.rate, Rate::PerSecond(_)) {
        issued(world, index, account.issued);
    }
}

fn is_at_most(some: Counts, all: Counts) -> bool {
    some.started <= all.started
        && some.completed <= all.completed
        && some.failed <= all.failed
        && some.skipped <= all.skipped
        && some.unstarted <= all.unstarted
        && some.abandoned <= all.abandoned
}

/// Checks the cycles issued to a worker against those that became due to it, by another walk over
/// the plan.
fn issued(world: &Simulation<'_>, index: usize, issued: PerPhase<u64>) {
    let worker = world.hosts[index].worker.as_ref().expect("it lived");
    let share = Share { worker: index as u32, workers: world.scenario.plan.workers };
    let due_by = |time: Time| {
        let mut cursor = Cursor::new(share);
        segments(world).iter().for_each(|segment| cursor.push(*segment));
        cursor.pass(time)
    };
    if segments(world).is_empty() {
        return assert_eq!(issued.total(), 0);
    }
    let end = Expected::new(world).end;
    if worker.afters > 0 && !worker.lied() {
        assert_eq!(issued, due_by(worker.cut()), "issued = due before the cut");
    } else {
        assert!(issued.total() <= due_by(world.now.min(end)).total(), "no more than was due");
        let least = world.hosts[index].ended_at.min(end);
        let stopped = stopped(world).unwrap_or(BEGIN);
        assert!(issued.total() >= due_by(least.min(stopped)).total(), "no less than was due");
    }
}
