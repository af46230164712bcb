//! Tests of the worker's rules: one by one, and over any sequence of commands that a primary may
//! send.

use dyno_bus::Time;
use dyno_bus::message::Pacing;
use dyno_bus::segment::{Arrivals, Pace};
use proptest::prelude::*;

use super::*;

fn start() -> Command {
    Command::Start(Start {
        workers: 1,
        parameters: "{}".into(),
        in_flight_max: None,
        backlog_max: None,
        pacing: Pacing::Sleep,
        probe_period_ns: 1,
        flush_period_ns: 1,
        drain_deadline_ns: 1,
        spans: String::new(),
    })
}

fn segment() -> Command {
    let pace = Pace::Open { rate: 1.0, arrivals: Arrivals::Uniform };
    let phase = dyno_bus::Phase::Measured;
    Command::Segment(Segment {
        first: 0,
        t0: Time::ZERO,
        length_ns: 1,
        pace,
        lead: 0.0,
        seed: 0,
        phase,
        stage: 0,
    })
}

fn lease(last: bool) -> Command {
    Command::Lease(Lease { until: Time::from_nanos(1), last })
}

/// Returns a worker that has taken all these events.
fn after(events: impl IntoIterator<Item = WorkerEvent>) -> WorkerState {
    let mut worker = WorkerState::new();
    for event in events {
        let _done = worker.step(event);
    }
    worker
}

/// Returns one event for each phase that a worker goes through.
fn whole_life() -> Vec<WorkerEvent> {
    vec![
        WorkerEvent::Command(start()),
        WorkerEvent::BeforeDone(Ok(())),
        WorkerEvent::Command(lease(false)),
        WorkerEvent::Command(lease(true)),
        WorkerEvent::CyclesOver,
        WorkerEvent::Command(Command::Ack),
        WorkerEvent::AfterDone(Ok(())),
    ]
}

/// Returns the actions for a command, after the first `lived` events of a worker's life.
fn answer(lived: usize, command: Command) -> Vec<WorkerAction> {
    after(whole_life().into_iter().take(lived)).step(WorkerEvent::Command(command))
}

fn kills(actions: &[WorkerAction]) -> bool {
    actions.last() == Some(&WorkerAction::KillGroup)
}

#[test]
fn a_worker_goes_through_all_phases_and_requests_each_action_once() {
    let mut worker = WorkerState::new();
    let phases = [
        WorkerPhase::Preparing,
        WorkerPhase::Ready,
        WorkerPhase::Running,
        WorkerPhase::Draining,
        WorkerPhase::Drained,
        WorkerPhase::Finishing,
        WorkerPhase::Gone,
    ];
    let mut asked = Vec::new();
    for (event, phase) in whole_life().into_iter().zip(phases) {
        asked.extend(worker.step(event));
        assert_eq!(worker.phase, phase);
    }
    let [before, ready, open, last, drained, hook, bye] = &asked[..] else { panic!("{asked:?}") };
    assert!(matches!(before, WorkerAction::RunBefore(_)));
    assert_eq!(ready, &WorkerAction::Send(Report::Ready));
    assert!(matches!(open, WorkerAction::Extend(Lease { last: false, .. })));
    assert!(matches!(last, WorkerAction::Extend(Lease { last: true, .. })));
    assert_eq!((drained, hook), (&WorkerAction::SendDrained, &WorkerAction::RunAfter));
    assert_eq!(bye, &WorkerAction::SendBye(LastWords::Well));
}

#[test]
fn a_hook_that_fails_is_reported_and_ends_the_worker() {
    for (lived, hook) in [(1, Hook::Before), (6, Hook::After)] {
        let mut worker = after(whole_life().into_iter().take(lived));
        let message = "no".to_owned();
        let result = Err(message.clone());
        let actions = worker.step(match hook {
            Hook::Before => WorkerEvent::BeforeDone(result),
            Hook::After => WorkerEvent::AfterDone(result),
        });
        let failed = Report::Failed(Failed { hook, message });
        assert_eq!(
            actions,
            [WorkerAction::Send(failed), WorkerAction::SendBye(LastWords::HookFailed)]
        );
    }
}

#[test]
fn a_drain_cuts_until_the_account_is_given() {
    for (lived, cut) in [(2, true), (3, true), (4, true), (5, false), (7, false)] {
        let expected: &[WorkerAction] = if cut { &[WorkerAction::Cut] } else { &[] };
        assert_eq!(answer(lived, Command::Drain), expected, "after {lived} events");
    }
}

#[test]
fn nothing_is_planned_after_the_cut() {
    for lived in 4..=7 {
        assert_eq!(answer(lived, lease(false)), [], "after {lived} events");
        assert_eq!(answer(lived, segment()), [], "after {lived} events");
    }
}

#[test]
fn a_message_that_no_primary_sends_at_that_moment_ends_the_worker() {
    for (lived, command) in [
        (0, segment()),
        (0, Command::Drain),
        (0, Command::Ack),
        (1, start()),
        (1, lease(false)),
        (2, start()),
        (3, Command::Ack),
        (4, Command::Ack),
        (6, Command::Ack),
        (6, Command::Drain),
    ] {
        let actions = answer(lived, command.clone());
        assert!(kills(&actions), "{command:?} after {lived} events: {actions:?}");
    }
}

#[test]
fn a_worker_whose_primary_is_gone_ends_unless_its_account_is_complete() {
    for lived in 0..7 {
        let mut worker = after(whole_life().into_iter().take(lived));
        assert_eq!(worker.step(WorkerEvent::PrimaryGone), [WorkerAction::KillGroup]);
    }
    assert_eq!(after(whole_life()).step(WorkerEvent::PrimaryGone), []);
}

/// A possible next event: any command of a primary, or the loop's report where it has an order.
#[derive(Debug, Clone)]
enum Happens {
    Said(Command),
    /// The loop has carried out its last order, with or without an error.
    Done(bool),
    PrimaryGone,
}

fn anything() -> impl Strategy<Value = Happens> {
    let command = prop_oneof![
        Just(start()),
        Just(segment()),
        Just(lease(false)),
        Just(lease(true)),
        Just(Command::Drain),
        Just(Command::Ack),
    ];
    prop_oneof![
        6 => command.prop_map(Happens::Said),
        3 => prop::bool::weighted(0.9).prop_map(Happens::Done),
        1 => Just(Happens::PrimaryGone),
    ]
}

/// Returns the loop's report once it has carried out its last order; `None` if it is at rest.
fn done(asked: Option<&WorkerAction>, cut: bool, well: bool) -> Option<WorkerEvent> {
    let result = if well { Ok(()) } else { Err("no".to_owned()) };
    match asked? {
        WorkerAction::RunBefore(_) => Some(WorkerEvent::BeforeDone(result)),
        WorkerAction::RunAfter => Some(WorkerEvent::AfterDone(result)),
        WorkerAction::Send(Report::Ready) if cut => Some(WorkerEvent::CyclesOver),
        _ => None,
    }
}

proptest! {
    #[test]
    fn in_any_order_hooks_run_once_and_nothing_starts_after_the_cut(
        happens in prop::collection::vec(anything(), 0..40),
    ) {
        let mut worker = WorkerState::new();
        let (mut asked, mut log) = (None, Vec::new());
        let count = |log: &[WorkerAction], found: fn(&WorkerAction) -> bool| {
            log.iter().filter(|action| found(action)).count()
        };
        for happens in happens {
            let cut = log.iter().any(|action| {
                matches!(action, WorkerAction::Cut | WorkerAction::Extend(Lease { last: true, .. }))
            });
            let event = match happens {
                Happens::Said(command) => WorkerEvent::Command(command),
                Happens::PrimaryGone => WorkerEvent::PrimaryGone,
                Happens::Done(well) => match done(asked.as_ref(), cut, well) {
                    Some(event) => {
                        asked = None;
                        event
                    }
                    None => continue,
                },
            };
            let was_gone = worker.phase == WorkerPhase::Gone;
            let is_end = event == WorkerEvent::PrimaryGone;
            let actions = worker.step(event);
            if cut {
                let plans = |action: &WorkerAction| {
                    matches!(action, WorkerAction::Follow(_) | WorkerAction::Extend(_))
                };
                prop_assert!(!actions.iter().any(plans), "{actions:?}");
            }
            prop_assert!(!was_gone || actions.is_empty(), "{actions:?}");
            prop_assert!(!is_end || was_gone || kills(&actions));
            for action in &actions {
                let of_loop = WorkerAction::Send(Report::Ready) == *action
                    || matches!(action, WorkerAction::RunBefore(_) | WorkerAction::RunAfter);
                if of_loop {
                    asked = Some(action.clone());
                }
            }
            let killed = kills(&actions);
            log.extend(actions);
            if killed {
                // Nothing happens in a process that has ended.
                break;
            }
        }
        let is_after = |action: &WorkerAction| *action == WorkerAction::RunAfter;
        prop_assert!(count(&log, is_after) <= 1);
        prop_assert!(count(&log, |action| matches!(action, WorkerAction::RunBefore(_))) <= 1);
        prop_assert!(count(&log, |action| matches!(action, WorkerAction::SendBye(_))) <= 1);
        if let Some(hook) = log.iter().position(is_after) {
            let account = log.iter().position(|action| *action == WorkerAction::SendDrained);
            prop_assert!(account.is_some_and(|account| account < hook), "{log:?}");
        }
    }
}
