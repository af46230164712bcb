//! The primary's rules, one by one; every interleaving is in `simulation`.

use dyno_bus::message::{Bye, Counts, Pacing};

use super::*;

const NONCE: u64 = 77;

fn plan() -> Plan {
    crate::primary::tests::plan()
}

fn start() -> Start {
    Start {
        workers: 2,
        parameters: "{}".into(),
        in_flight_max: None,
        backlog_max: None,
        pacing: Pacing::Sleep,
        probe_period_ns: 1,
        flush_period_ns: 1,
        drain_deadline_ns: 1,
        spans: String::new(),
    }
}

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn hello(worker: u32) -> Event {
    Event::Hello { worker, hello: Hello { version: VERSION, worker, nonce: NONCE, pid: 9 } }
}

/// A run whose two workers are ready at 10 ms.
fn ready() -> (Primary, Vec<Action>) {
    let mut primary = Primary::new(plan(), NONCE, start());
    assert_eq!(primary.step(at(0), Event::Begin), [Action::Spawn(0), Action::Spawn(1)]);
    for worker in 0..2 {
        let greeted = primary.step(at(5), hello(worker));
        assert_eq!(greeted, [Action::Send(worker, Command::Start(start()))]);
    }
    assert_eq!(primary.step(at(9), Event::Ready { worker: 1 }), []);
    let begun = primary.step(at(10), Event::Ready { worker: 0 });
    (primary, begun)
}

/// The same, in the measured window.
fn measuring() -> Primary {
    let (mut primary, _) = ready();
    let entered = primary.step(at(1_100), Event::Tick);
    assert!(entered.contains(&Action::Enter(Phase::Measuring)), "{entered:?}");
    primary
}

fn drained(worker: u32, cut: Time) -> Event {
    let drained = Drained { cut, ..Drained::default() };
    Event::Drained { worker, drained }
}

fn settle(primary: &mut Primary, now: Time, worker: u32) -> Vec<Action> {
    let mut actions = primary.step(now, drained(worker, now));
    let verify = actions.iter().any(|action| matches!(action, Action::Verify { .. }));
    assert!(verify, "{actions:?}");
    actions.extend(primary.step(now, Event::Verified { worker, result: Ok(()) }));
    actions
}

fn gone(primary: &mut Primary, now: Time, worker: u32, exit: Exit) -> Vec<Action> {
    let mut actions = primary.step(now, Event::Closed { worker });
    actions.extend(primary.step(now, Event::Exited { worker, exit }));
    actions
}

fn faults(actions: &[Action]) -> Vec<&Cause> {
    let mut causes = Vec::new();
    for action in actions {
        if let Action::Fault(fault) = action {
            causes.push(&fault.cause);
        }
    }
    causes
}

#[test]
fn no_cycle_is_planned_before_all_are_ready() {
    let (_, begun) = ready();
    let segments =
        begun.iter().filter(|action| matches!(action, Action::Send(_, Command::Segment(_))));
    assert_eq!(segments.count(), 4, "warm-up and window, to each worker");
    let leases = begun.iter().filter(|action| matches!(action, Action::Send(_, Command::Lease(_))));
    assert_eq!(leases.count(), 2);
    assert!(begun.contains(&Action::Enter(Phase::WarmingUp)));
}

#[test]
fn the_plans_end_needs_no_word_to_the_workers() {
    let mut primary = measuring();
    let _leases = primary.step(at(5_500), Event::Tick);
    let end = primary.schedule().expect("it runs").end();
    assert_eq!(primary.step(end, Event::Tick), [Action::Enter(Phase::Draining)]);
    let _first = settle(&mut primary, end, 0);
    let last = settle(&mut primary, end, 1);
    let acks = [Action::Send(0, Command::Ack), Action::Send(1, Command::Ack)];
    assert!(last.ends_with(&acks), "no `after` before all have drained: {last:?}");
    for worker in 0..2 {
        let bye = Event::Bye { worker, bye: Bye::default() };
        assert!(faults(&primary.step(end, bye)).is_empty());
        assert!(faults(&gone(&mut primary, end, worker, Exit::Code(0))).is_empty());
    }
    assert_eq!(primary.phase(), Phase::Done);
}

#[test]
fn a_death_is_named_once_and_the_others_drain() {
    let mut primary = measuring();
    assert!(faults(&primary.step(at(2_000), Event::Closed { worker: 1 })).is_empty());
    let exit = Exit::Code(1);
    let actions = primary.step(at(2_001), Event::Exited { worker: 1, exit });
    assert_eq!(faults(&actions), [&Cause::Died(exit)]);
    assert!(actions.contains(&Action::Send(0, Command::Drain)), "{actions:?}");
    assert!(
        actions
            .iter()
            .any(|action| matches!(action, Action::WriteOff { worker: 1, issued: Some(_) }))
    );
    let acked = settle(&mut primary, at(2_010), 0);
    assert!(acked.ends_with(&[Action::Send(0, Command::Ack)]), "{acked:?}");
}

#[test]
fn an_exit_is_judged_only_after_the_socket_is_read_to_its_end() {
    let mut primary = measuring();
    let exit = Exit::Signal(9);
    assert!(faults(&primary.step(at(2_000), Event::Exited { worker: 0, exit })).is_empty());
    let actions = primary.step(at(2_000), Event::Closed { worker: 0 });
    assert_eq!(faults(&actions), [&Cause::Died(exit)]);
}

#[test]
fn exit_code_0_in_the_middle_of_a_run_is_an_error() {
    let mut primary = measuring();
    let actions = gone(&mut primary, at(2_000), 0, Exit::Code(0));
    assert_eq!(faults(&actions), [&Cause::Died(Exit::Code(0))]);
}

#[test]
fn who_is_not_ready_in_time_is_killed_and_the_others_run_after() {
    let mut primary = Primary::new(plan(), NONCE, start());
    let _spawn = primary.step(at(0), Event::Begin);
    let _start = (primary.step(at(1), hello(0)), primary.step(at(2), hello(1)));
    let _wait = primary.step(at(3), Event::Ready { worker: 0 });
    assert_eq!(primary.next_tick(), at(10_000));
    let actions = primary.step(at(10_000), Event::Tick);
    assert_eq!(faults(&actions), [&Cause::StartDeadline]);
    assert!(
        actions.contains(&Action::Kill(1)) && actions.contains(&Action::Send(0, Command::Drain))
    );
    let _gone = gone(&mut primary, at(10_001), 1, Exit::Signal(9));
    assert!(settle(&mut primary, at(10_002), 0).contains(&Action::Send(0, Command::Ack)));
}

#[test]
fn who_does_not_drain_in_time_is_killed_and_written_off() {
    let mut primary = measuring();
    let _drain = primary.step(at(2_000), Event::Stop);
    let _other = settle(&mut primary, at(2_001), 0);
    assert_eq!(primary.next_tick(), at(7_500));
    let actions = primary.step(at(7_500), Event::Tick);
    assert_eq!(faults(&actions), [&Cause::DrainDeadline]);
    assert!(actions.contains(&Action::Kill(1)));
    let actions = gone(&mut primary, at(7_501), 1, Exit::Signal(9));
    assert!(faults(&actions).is_empty(), "it has been named");
    assert!(actions.iter().any(|action| matches!(action, Action::WriteOff { worker: 1, .. })));
    assert!(actions.contains(&Action::Send(0, Command::Ack)));
}

#[test]
fn an_after_that_hangs_is_killed_and_named() {
    let mut primary = measuring();
    let _drain = primary.step(at(2_000), Event::Stop);
    let _acks = (settle(&mut primary, at(2_001), 0), settle(&mut primary, at(2_001), 1));
    let _bye = primary.step(at(2_002), Event::Bye { worker: 0, bye: Bye::default() });
    let _gone = gone(&mut primary, at(2_003), 0, Exit::Code(0));
    let actions = primary.step(at(7_001), Event::Tick);
    assert_eq!(
        (faults(&actions), actions.contains(&Action::Kill(1))),
        (vec![&Cause::AfterDeadline], true)
    );
}

#[test]
fn the_first_signal_drains_and_the_second_kills() {
    let mut primary = measuring();
    let drained = primary.step(at(2_000), Event::Signal);
    assert!(drained.contains(&Action::Send(1, Command::Drain)), "{drained:?}");
    let killed = primary.step(at(2_001), Event::Signal);
    assert!(killed.contains(&Action::Kill(0)) && killed.contains(&Action::Kill(1)));
    assert_eq!(primary.phase(), Phase::Killing);
    for worker in 0..2 {
        let actions = gone(&mut primary, at(2_002), worker, Exit::Signal(9));
        assert!(faults(&actions).is_empty(), "nobody wonders why they died");
    }
    assert_eq!(primary.phase(), Phase::Done);
}

#[test]
fn a_signal_during_the_start_waits_for_nobody() {
    let mut primary = Primary::new(plan(), NONCE, start());
    let _spawn = primary.step(at(0), Event::Begin);
    let _ready = (primary.step(at(1), hello(0)), primary.step(at(2), Event::Ready { worker: 0 }));
    let actions = primary.step(at(3), Event::Signal);
    assert!(
        actions.contains(&Action::Kill(1)) && actions.contains(&Action::Send(0, Command::Drain))
    );
}

#[test]
fn a_stranger_is_not_a_worker() {
    for hello in [
        Hello { version: VERSION + 1, worker: 0, nonce: NONCE, pid: 1 },
        Hello { version: VERSION, worker: 1, nonce: NONCE, pid: 1 },
        Hello { version: VERSION, worker: 0, nonce: NONCE + 1, pid: 1 },
    ] {
        let mut primary = Primary::new(plan(), NONCE, start());
        let _spawn = primary.step(at(0), Event::Begin);
        let actions = primary.step(at(1), Event::Hello { worker: 0, hello });
        assert!(matches!(faults(&actions)[..], [Cause::Broken(_)]), "{actions:?}");
        assert!(actions.contains(&Action::Kill(0)));
    }
}

#[test]
fn a_second_hello_and_an_early_bye_are_illegal() {
    for event in [hello(0), Event::Bye { worker: 0, bye: Bye::default() }] {
        let mut primary = measuring();
        let actions = primary.step(at(2_000), event);
        assert!(matches!(faults(&actions)[..], [Cause::Broken(_)]), "{actions:?}");
    }
}

#[test]
fn an_account_that_does_not_add_up_is_an_error_and_after_still_runs() {
    let mut primary = measuring();
    let _drain = primary.step(at(2_000), Event::Stop);
    let _one = settle(&mut primary, at(2_001), 0);
    let counts = Counts { completed: 1, ..Counts::default() };
    let lie = Drained {
        cut: at(2_001),
        counts: PerPhase { warmup: Counts::default(), measured: counts },
        ..Drained::default()
    };
    let _verify = primary.step(at(2_001), Event::Drained { worker: 1, drained: lie });
    let result = Err("it lies".to_owned());
    let actions = primary.step(at(2_001), Event::Verified { worker: 1, result });
    assert_eq!(faults(&actions), [&Cause::Accounting("it lies".into())]);
    assert!(actions.contains(&Action::Send(1, Command::Ack)));
}

#[test]
fn a_new_rate_is_sent_to_all_as_a_segment() {
    let mut primary = measuring();
    let actions = primary.step(at(2_000), Event::Rate(500.0));
    let sent =
        actions.iter().filter(|action| matches!(action, Action::Send(_, Command::Segment(_))));
    assert_eq!(sent.count(), 2, "{actions:?}");
}

#[test]
fn a_process_that_can_not_be_started_ends_the_run() {
    let mut primary = Primary::new(plan(), NONCE, start());
    let _spawn = primary.step(at(0), Event::Begin);
    let error = "no more".to_owned();
    let actions = primary.step(at(0), Event::SpawnFailed { worker: 1, error });
    assert!(matches!(faults(&actions)[..], [Cause::Spawn(_)]));
    let _ready = (primary.step(at(1), hello(0)), primary.step(at(2), Event::Ready { worker: 0 }));
    assert!(settle(&mut primary, at(3), 0).contains(&Action::Send(0, Command::Ack)));
}
