//! The primary's rules, one by one, and those that hold in every order of events. Whole runs are in
//! [`simulation`](crate::simulation).

use dyno_bus::message::{Bye, Counts, Pacing};
use proptest::prelude::*;

use super::hand::RateKey;
use super::*;

mod gate;

const NONCE: u64 = 77;

fn plan() -> Plan {
    crate::plan::fixture::plan()
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

/// Returns a run whose two workers are ready at 10 ms, and its actions then.
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

/// Returns such a run in the measured window.
fn measuring() -> Primary {
    let (mut primary, _) = ready();
    let entered = primary.step(at(1_100), Event::Tick);
    assert!(entered.contains(&Action::Enter(RunPhase::Measuring)), "{entered:?}");
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
    assert!(begun.contains(&Action::Enter(RunPhase::WarmingUp)));
}

#[test]
fn workers_end_the_plan_without_a_message() {
    let mut primary = measuring();
    let _leases = primary.step(at(5_500), Event::Tick);
    let end = primary.schedule().expect("it runs").end();
    assert_eq!(primary.step(end, Event::Tick), [Action::Enter(RunPhase::Draining)]);
    let _first = settle(&mut primary, end, 0);
    let last = settle(&mut primary, end, 1);
    let acks = [Action::Send(0, Command::Ack), Action::Send(1, Command::Ack)];
    assert!(last.ends_with(&acks), "no `after` before all have drained: {last:?}");
    for worker in 0..2 {
        let bye = Event::Bye { worker, bye: Bye::default() };
        assert!(faults(&primary.step(end, bye)).is_empty());
        assert!(faults(&gone(&mut primary, end, worker, Exit::Code(0))).is_empty());
    }
    assert_eq!(primary.phase(), RunPhase::Done);
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
fn an_unknown_exit_code_is_an_error_before_the_last_message_alone() {
    let mut primary = measuring();
    let actions = gone(&mut primary, at(2_000), 0, Exit::Unknown);
    assert_eq!(faults(&actions), [&Cause::Died(Exit::Unknown)]);
    let _acked = settle(&mut primary, at(2_010), 1);
    let bye = Event::Bye { worker: 1, bye: Bye::default() };
    assert!(faults(&primary.step(at(2_020), bye)).is_empty());
    assert!(faults(&gone(&mut primary, at(2_030), 1, Exit::Unknown)).is_empty());
    assert_eq!(primary.phase(), RunPhase::Done);
}

#[test]
fn exit_code_0_in_the_middle_of_a_run_is_an_error() {
    let mut primary = measuring();
    let actions = gone(&mut primary, at(2_000), 0, Exit::Code(0));
    assert_eq!(faults(&actions), [&Cause::Died(Exit::Code(0))]);
}

#[test]
fn a_worker_that_is_not_ready_in_time_is_killed_and_the_others_run_after() {
    let mut primary = Primary::new(plan(), NONCE, start());
    let _spawn = primary.step(at(0), Event::Begin);
    let _start = (primary.step(at(1), hello(0)), primary.step(at(2), hello(1)));
    let _wait = primary.step(at(3), Event::Ready { worker: 0 });
    assert_eq!(primary.next_tick(), at(10_000));
    let actions = primary.step(at(10_000), Event::Tick);
    assert_eq!(faults(&actions), [&Cause::StartDeadline(MemberStage::Greeted)]);
    assert!(
        actions.contains(&Action::Kill(1)) && actions.contains(&Action::Send(0, Command::Drain))
    );
    let _gone = gone(&mut primary, at(10_001), 1, Exit::Signal(9));
    assert!(settle(&mut primary, at(10_002), 0).contains(&Action::Send(0, Command::Ack)));
}

#[test]
fn a_worker_that_does_not_drain_in_time_is_killed_and_its_account_closed() {
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
    assert_eq!(primary.phase(), RunPhase::Killing);
    for worker in 0..2 {
        let actions = gone(&mut primary, at(2_002), worker, Exit::Signal(9));
        assert!(faults(&actions).is_empty(), "nobody wonders why they died");
    }
    assert_eq!(primary.phase(), RunPhase::Done);
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

#[test]
fn an_account_that_was_not_requested_is_refused() {
    let mut primary = measuring();
    let actions = primary.step(at(2_000), drained(0, at(2_000)));
    assert!(matches!(faults(&actions)[..], [Cause::Broken(_)]), "{actions:?}");
    let mut primary = measuring();
    let _drain = primary.step(at(2_000), Event::Stop);
    let actions = primary.step(at(2_001), drained(0, at(1_999)));
    assert!(matches!(faults(&actions)[..], [Cause::Broken(_)]), "{actions:?}");
}

#[test]
fn a_worker_without_further_cycles_may_give_its_account_before_the_plans_end() {
    let mut primary = measuring();
    let _last = primary.step(at(5_500), Event::Tick);
    let end = primary.schedule().expect("it runs").end();
    let actions = primary.step(at(5_600), drained(0, end));
    assert!(matches!(actions[..], [Action::Verify { worker: 0, .. }]), "{actions:?}");
}

#[test]
fn deadlines_are_judged_when_all_that_came_is_read() {
    let mut primary = measuring();
    let _drain = primary.step(at(2_000), Event::Stop);
    let late = at(60_000);
    assert!(faults(&settle(&mut primary, late, 0)).is_empty());
    assert!(settle(&mut primary, late, 1).contains(&Action::Send(0, Command::Ack)));
    assert!(faults(&primary.step(late, Event::Tick)).is_empty());
}

#[test]
fn deadlines_do_not_count_the_time_for_which_this_process_was_stopped() {
    let mut primary = measuring();
    let _drain = primary.step(at(2_000), Event::Stop);
    let _closed = primary.step(at(2_000), Event::Closed { worker: 0 });
    let _stalled = primary.step(at(62_000), Event::Stalled(Duration::from_secs(60)));
    assert_eq!(primary.next_tick(), at(62_500));
    assert_eq!(faults(&primary.step(at(62_500), Event::Tick)), [&Cause::ClosedEarly]);
}

#[test]
fn a_killed_process_that_does_not_end_is_left_to_the_kernel() {
    let mut primary = measuring();
    let _broken = primary.step(at(2_000), Event::Broken { worker: 0, error: "no".into() });
    let _other = settle(&mut primary, at(2_001), 1);
    let actions = primary.step(at(7_000), Event::Tick);
    assert!(matches!(actions[0], Action::WriteOff { worker: 0, issued: Some(_) }), "{actions:?}");
    assert!(actions.contains(&Action::Send(1, Command::Ack)), "{actions:?}");
}

#[test]
fn after_the_second_signal_nothing_waits_longer_than_half_a_second() {
    let mut primary = measuring();
    let _broken = primary.step(at(2_000), Event::Broken { worker: 0, error: "no".into() });
    let _signals = (primary.step(at(2_100), Event::Signal), primary.step(at(2_200), Event::Signal));
    assert_eq!(primary.next_tick(), at(2_700));
    let actions = primary.step(at(2_700), Event::Tick);
    let written_off = actions.iter().filter(|action| matches!(action, Action::WriteOff { .. }));
    assert_eq!((written_off.count(), primary.phase()), (2, RunPhase::Done));
}

#[test]
fn no_hook_is_requested_of_a_process_that_is_being_killed() {
    let mut primary = measuring();
    let _drain = primary.step(at(2_000), Event::Stop);
    let _killed = primary.step(at(7_500), Event::Tick);
    let last = (settle(&mut primary, at(7_501), 0), settle(&mut primary, at(7_502), 1)).1;
    assert!(!last.iter().any(|action| matches!(action, Action::Send(_, Command::Ack))), "{last:?}");
}

#[test]
fn a_worker_that_is_gone_wakes_nobody() {
    let mut primary = measuring();
    let _drain = primary.step(at(2_000), Event::Stop);
    let _acks = (settle(&mut primary, at(2_001), 0), settle(&mut primary, at(2_001), 1));
    let _bye = primary.step(at(2_002), Event::Bye { worker: 0, bye: Bye::default() });
    let _gone = gone(&mut primary, at(2_003), 0, Exit::Code(0));
    assert_eq!(primary.next_tick(), at(7_001), "the other's `after`");
}

/// Generates every event of a run of two workers, likely or not.
fn anything() -> impl Strategy<Value = Event> {
    let worker = 0u32..2;
    let of_worker = worker.prop_flat_map(|worker| {
        let hook = prop_oneof![Just(Hook::Before), Just(Hook::After)];
        let failed =
            hook.prop_map(move |hook| Event::HookFailed { worker, hook, message: String::new() });
        let exit = prop_oneof![Just(Exit::Code(0)), Just(Exit::Code(1)), Just(Exit::Signal(9))];
        prop_oneof![
            3 => Just(hello(worker)),
            3 => Just(Event::Ready { worker }),
            1 => failed,
            3 => (0u64..8_000).prop_map(move |millis| drained(worker, at(millis))),
            2 => Just(Event::Verified { worker, result: Ok(()) }),
            1 => Just(Event::Verified { worker, result: Err(String::new()) }),
            2 => Just(Event::Bye { worker, bye: Bye::default() }),
            1 => Just(Event::Broken { worker, error: String::new() }),
            1 => Just(Event::Closed { worker }),
            1 => exit.prop_map(move |exit| Event::Exited { worker, exit }),
        ]
    });
    prop_oneof![
        12 => of_worker,
        5 => Just(Event::Tick),
        1 => Just(Event::Signal),
        1 => Just(Event::Stop),
        1 => Just(Event::BacklogPassed),
        1 => Just(Event::Breached),
        1 => (1u32..100).prop_map(|rate| Event::Rate(rate.into())),
        1 => prop_oneof![Just(RateKey::Faster), Just(RateKey::Slower), Just(RateKey::Pause)]
            .prop_map(Event::Key),
        1 => (1u64..100).prop_map(|millis| Event::Stalled(Duration::from_millis(millis))),
    ]
}

proptest! {
    #[test]
    fn every_order_of_events_ends_and_requests_nothing_twice(
        happens in prop::collection::vec((anything(), 0u64..2_000), 0..60),
    ) {
        let mut primary = Primary::new(plan(), NONCE, start());
        let mut log = primary.step(at(0), Event::Begin);
        let mut now = 0;
        for (event, later) in happens {
            now += later;
            log.extend(primary.step(at(now), event));
        }
        // From now on no worker sends anything: the deadlines end the run.
        for _ in 0..100 {
            for worker in 0..2 {
                if primary.members[worker].exited.is_some() {
                    // The socket of a process that is gone can be read to its end.
                    log.extend(primary.step(at(now), Event::Closed { worker }));
                }
            }
            let next = primary.next_tick();
            if primary.phase() == RunPhase::Done {
                break;
            }
            prop_assert!(next < Time::NEVER, "it waits for nothing, {primary:?}");
            now = now.max(next.as_nanos().div_ceil(1_000_000));
            log.extend(primary.step(at(now), Event::Tick));
        }
        prop_assert_eq!(primary.phase(), RunPhase::Done);
        prop_assert!(primary.step(at(now), Event::Signal).is_empty(), "`Done` is final");
        for worker in 0..2 {
            let sent = |command: fn(&Command) -> bool| {
                let sent = |action: &Action| {
                    matches!(action, Action::Send(to, sent) if *to == worker && command(sent))
                };
                log.iter().enumerate().filter(|(_, a)| sent(a)).map(|(at, _)| at).collect::<Vec<_>>()
            };
            let drains = sent(|command| *command == Command::Drain);
            let acks = sent(|command| *command == Command::Ack);
            let leases = sent(|command| matches!(command, Command::Lease(_) | Command::Segment(_)));
            prop_assert!(drains.len() <= 1 && acks.len() <= 1);
            if let (Some(drain), Some(lease)) = (drains.first(), leases.last()) {
                prop_assert!(lease < drain, "nothing is planned after the drain");
            }
            if let (Some(ack), Some(lease)) = (acks.first(), leases.last()) {
                prop_assert!(lease < ack);
            }
            let named = |action: &&Action| {
                matches!(action, Action::Fault(fault) if fault.worker == worker)
            };
            prop_assert!(log.iter().filter(named).count() <= 1);
            let kills = log.iter().filter(|action| **action == Action::Kill(worker)).count();
            prop_assert!(kills <= 1);
        }
    }
}
