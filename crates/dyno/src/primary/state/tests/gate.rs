//! Tests of a run that waits at its gate, and of one that nobody receives.

use super::*;

/// Returns a run at its gate whose two workers are ready at 10 ms.
fn at_gate() -> Primary {
    let mut primary = Primary::new(plan(), NONCE, start());
    primary.close_gate();
    let _spawned = primary.step(at(0), Event::Begin);
    for worker in 0..2 {
        let _greeted = primary.step(at(5), hello(worker));
    }
    assert_eq!(primary.step(at(9), Event::Ready { worker: 1 }), []);
    assert_eq!(primary.step(at(10), Event::Ready { worker: 0 }), [Action::Ready]);
    primary
}

#[test]
fn a_run_waits_at_its_gate_for_the_instant_of_its_first_due_time() {
    let mut primary = at_gate();
    assert_eq!(primary.next_tick(), Time::NEVER, "the deadline of the start was kept");
    let begun = primary.step(at(30_000), Event::Go(at(30_500)));
    assert!(begun.contains(&Action::Enter(RunPhase::WarmingUp)), "{begun:?}");
    let segments = primary.schedule().expect("it runs").segments();
    assert_eq!(segments[0].t0, at(30_500));
    assert!(!primary.step(at(30_001), Event::Go(at(9))).contains(&Action::Ready));
    assert_eq!(primary.schedule().expect("it runs").segments()[0].t0, at(30_500));
}

#[test]
fn a_run_can_begin_by_a_message_that_came_before_its_workers_were_ready() {
    let mut primary = Primary::new(plan(), NONCE, start());
    primary.close_gate();
    let _spawned = primary.step(at(0), Event::Begin);
    assert_eq!(primary.step(at(1), Event::Go(at(700))), []);
    for worker in 0..2 {
        let _greeted = primary.step(at(5), hello(worker));
        let _ready = primary.step(at(6), Event::Ready { worker });
    }
    assert_eq!(primary.schedule().expect("it runs").segments()[0].t0, at(700));
}

#[test]
fn a_run_that_is_stopped_at_its_gate_has_a_deadline() {
    let mut primary = at_gate();
    let stopped = primary.step(at(20), Event::Stop);
    assert!(stopped.contains(&Action::Send(0, Command::Drain)), "{stopped:?}");
    assert!(primary.next_tick() <= at(20) + plan().deadlines.drain + plan().deadlines.kill_grace);
}

#[test]
fn cycles_of_a_run_that_nobody_receives_have_a_second_until_all_is_killed() {
    let mut primary = measuring();
    let severed = primary.step(at(2_000), Event::Severed);
    assert!(severed.contains(&Action::Send(1, Command::Drain)), "{severed:?}");
    let _settled = settle(&mut primary, at(2_100), 0);
    assert_eq!(primary.next_tick(), at(3_000));
    let killed = primary.step(at(3_000), Event::Tick);
    assert!(killed.contains(&Action::Kill(0)) && killed.contains(&Action::Kill(1)), "{killed:?}");
    assert!(faults(&killed).is_empty(), "none of these ends is a fault: {killed:?}");
    for worker in 0..2 {
        let _gone = gone(&mut primary, at(3_001), worker, Exit::Signal(9));
    }
    assert_eq!(primary.phase(), RunPhase::Done);
}
