//! The coordinator's rules, one by one, and those that hold in every order of news.

use proptest::prelude::*;

use super::*;
use crate::hosts::message::{HostFacts, HostProgress, HostReport};
use crate::hosts::offset::QUESTIONS;

const BUILD: &str = "abc";

fn at(millis: u64) -> Time {
    Time::from_nanos(5_000_000_000 + millis * 1_000_000)
}

fn hosts(count: usize) -> Coordinator {
    let names = ["a", "b", "c", "d"][..count].iter().map(|name| (*name).to_owned()).collect();
    let plan = crate::plan::fixture::plan();
    Coordinator::new(plan, BUILD.into(), Default::default(), "{}".into(), (names, at(0)))
}

fn tell(run: &mut Coordinator, now: u64, host: usize, report: HostReport) -> Vec<HostStep> {
    run.news(at(now), host, at(now), HostNews::Report(report))
}

fn hello() -> HostReport {
    HostReport::Hello { version: VERSION, build: BUILD.into() }
}

fn faults(steps: &[HostStep]) -> Vec<&str> {
    let mut texts = Vec::new();
    for step in steps {
        if let HostStep::Fault(text) = step {
            texts.push(text.as_str());
        }
    }
    texts
}

fn sent<'a>(steps: &'a [HostStep], to: usize) -> Vec<&'a HostCommand> {
    let command = |step: &'a HostStep| match step {
        HostStep::Send(host, command) if *host == to => Some(command),
        _ => None,
    };
    steps.iter().filter_map(command).collect()
}

/// Answers all questions for the time of a host whose clock is ahead by this much.
fn measure(run: &mut Coordinator, now: u64, host: usize, ahead_ms: u64) -> Vec<HostStep> {
    let mut steps = Vec::new();
    for number in 0..QUESTIONS {
        let theirs = HostReport::Pong { number, at: at(now + ahead_ms) };
        steps = tell(run, now, host, theirs);
    }
    steps
}

/// Returns a run on hosts with these workers, which are all ready at 100 ms; the clock of host k is
/// ahead by k seconds. The steps are those of the last one.
fn begun(workers: &[u32]) -> (Coordinator, Vec<HostStep>) {
    let mut run = hosts(workers.len());
    for host in 0..workers.len() {
        let greeted = run.news(at(10), host, at(10), HostNews::Agent);
        assert_eq!(sent(&greeted, host).len(), 2, "{greeted:?}");
    }
    for (host, count) in workers.iter().enumerate() {
        assert_eq!(tell(&mut run, 20, host, hello()), []);
        tell(&mut run, 20, host, HostReport::Workers(*count, HostFacts::default()));
    }
    let mut steps = Vec::new();
    for host in 0..workers.len() {
        tell(&mut run, 100, host, HostReport::Ready);
        steps = measure(&mut run, 100, host, host as u64 * 1_000);
    }
    (run, steps)
}

/// Lets a host give a record, and end.
fn give(run: &mut Coordinator, now: u64, host: usize) -> Vec<HostStep> {
    let mut steps = tell(run, now, host, HostReport::Over);
    steps.extend(measure(run, now, host, host as u64 * 1_000 + 1));
    steps.extend(tell(run, now, host, HostReport::Piece(vec![host as u8; 3])));
    steps.extend(tell(run, now, host, HostReport::Record { length: 3, folder: String::new() }));
    steps.extend(run.news(at(now), host, at(now), HostNews::Closed("bye".into())));
    steps
}

#[test]
fn the_shares_are_given_once_all_hosts_have_counted_their_workers() {
    let mut run = hosts(2);
    for host in 0..2 {
        let _greeted = run.news(at(1), host, at(1), HostNews::Agent);
    }
    assert_eq!(tell(&mut run, 2, 0, HostReport::Workers(4, HostFacts::default())), []);
    let steps = tell(&mut run, 3, 1, HostReport::Workers(2, HostFacts::default()));
    for (host, expected) in ["0/4,2", "1/4,2"].into_iter().enumerate() {
        let [HostCommand::Begin { share, .. }] = &sent(&steps, host)[..] else {
            panic!("{steps:?}");
        };
        assert_eq!(share, expected);
    }
}

#[test]
fn all_hosts_begin_at_one_instant_each_by_its_own_clock() {
    let (_, steps) = begun(&[1, 1]);
    let at_of = |host| match &sent(&steps, host)[..] {
        [HostCommand::Go { at }] => at.as_nanos(),
        other => panic!("{other:?}"),
    };
    assert_eq!(at_of(1) - at_of(0), 1_000_000_000);
    assert!(at_of(0) >= at(100 + 200).as_nanos());
    assert!(steps.contains(&HostStep::Enter(RunPhase::WarmingUp)));
}

#[test]
fn a_run_whose_hosts_all_give_their_records_is_done() {
    let (mut run, _) = begun(&[1, 2]);
    let end = 100 + 200 + 60_000;
    let steps = give(&mut run, end, 1);
    let measured = sent(&steps, 1).into_iter().find_map(|command| match command {
        HostCommand::Measured(offset) => *offset,
        _ => None,
    });
    let measured = measured.expect("the clock is measured again");
    assert_eq!((measured.offset_ns, measured.drift_ns), (1_000_000_000, 1_000_000));
    assert!(steps.contains(&HostStep::Store(1)) && !run.is_done());
    assert!(sent(&steps, 0).is_empty(), "at the plan's end nobody is told to drain: {steps:?}");
    give(&mut run, end, 0);
    assert!(run.is_done());
    assert_eq!((run.record(0), run.record(1)), (Some(&[0; 3][..]), Some(&[1; 3][..])));
    assert_eq!(run.faults(), [""; 0]);
}

#[test]
fn a_host_that_ends_before_the_plan_ends_the_part_of_the_others() {
    let (mut run, _) = begun(&[1, 1]);
    let steps = tell(&mut run, 1_000, 0, HostReport::Over);
    assert_eq!(sent(&steps, 1), [&HostCommand::Drain { signal: None }]);
    give(&mut run, 1_100, 1);
    measure(&mut run, 1_100, 0, 0);
    tell(&mut run, 1_100, 0, HostReport::Record { length: 0, folder: String::new() });
    assert!(!run.is_done(), "its launcher has not ended");
    let steps = run.tick(at(1_100 + 2_600));
    assert!(steps.contains(&HostStep::Kill(0)) && run.is_done(), "{steps:?}");
    assert_eq!(run.faults(), [""; 0], "its record was here");
}

#[test]
fn another_version_and_another_build_are_named() {
    for (report, reason) in [
        (HostReport::Hello { version: 7, build: BUILD.into() }, "speaks version 7"),
        (HostReport::Hello { version: VERSION, build: "x".into() }, "is another build"),
        (HostReport::Refused("no disk".into()), "host `b`: no disk"),
    ] {
        let mut run = hosts(2);
        for host in 0..2 {
            let _greeted = run.news(at(1), host, at(1), HostNews::Agent);
        }
        let steps = tell(&mut run, 2, 1, report);
        let [fault] = faults(&steps)[..] else { panic!("{steps:?}") };
        assert!(fault.starts_with("host `b`: ") && fault.contains(reason), "{fault}");
        assert!(
            steps.contains(&HostStep::Kill(1)) && steps.contains(&HostStep::Close(0)),
            "{steps:?}"
        );
        assert!(!run.is_done());
        let _closed = run.news(at(3), 0, at(3), HostNews::Closed("bye".into()));
        assert!(run.is_done() && run.faults().len() == 1);
    }
}

#[test]
fn a_host_that_never_begins_is_named_at_the_deadline_of_the_start() {
    let mut run = hosts(1);
    let start = clock_ms(crate::plan::fixture::plan().deadlines.start);
    assert_eq!(run.news(at(4_000), 0, at(4_000), HostNews::Copying), []);
    assert_eq!(faults(&run.tick(at(start))), [""; 0], "it is copying the program");
    let steps = run.tick(at(4_000 + start));
    let [fault] = faults(&steps)[..] else { panic!("{steps:?}") };
    assert!(fault.contains("did not begin within") && run.is_done(), "{fault}");
}

fn clock_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("short")
}

#[test]
fn a_silent_host_is_lost_with_its_last_account_and_the_others_drain() {
    let (mut run, _) = begun(&[1, 1]);
    let progress = HostProgress {
        phase: 2,
        issued: [10, 1_224],
        completed: [10, 1_200],
        failed: [0, 3],
        waiting: 4,
        running: 1,
        beyond: Vec::new(),
    };
    tell(&mut run, 2_000, 1, HostReport::Progress(progress));
    tell(&mut run, 6_900, 0, HostReport::Alive);
    assert_eq!(faults(&run.tick(at(6_999))), [""; 0]);
    let steps = run.tick(at(7_000));
    let expected = "host `b`: it was silent for 5s; its last account: 1,234 issued, 1,210 \
                    completed, 3 failed";
    assert_eq!(faults(&steps), [expected]);
    assert!(sent(&steps, 0).contains(&&HostCommand::Drain { signal: None }), "{steps:?}");
    give(&mut run, 7_500, 0);
    assert!(!run.is_done() && !steps.contains(&HostStep::Kill(1)), "its agent drains");
    let _closed = run.news(at(8_000), 1, at(8_000), HostNews::Closed("bye".into()));
    assert!(run.is_done() && run.faults() == [expected]);
}

#[test]
fn the_first_signal_drains_and_the_second_kills() {
    let (mut run, _) = begun(&[1, 1]);
    let steps = run.signalled(at(1_000), 2);
    assert_eq!(sent(&steps, 0), [&HostCommand::Drain { signal: Some(2) }]);
    let steps = run.signalled(at(1_100), 15);
    assert_eq!(sent(&steps, 1), [&HostCommand::Kill]);
    assert!(steps.contains(&HostStep::Close(1)) && !run.is_done());
    assert!(run.next_tick() <= at(2_100));
    let steps = run.tick(at(2_100));
    assert!(steps.contains(&HostStep::Kill(0)) && run.is_done(), "{steps:?}");
    assert_eq!(run.signal(), Some(2));
}

#[test]
fn a_signal_before_the_begin_starts_nothing() {
    let mut run = hosts(2);
    let _greeted = run.news(at(1), 0, at(1), HostNews::Agent);
    let steps = run.signalled(at(2), 2);
    assert!(
        steps.contains(&HostStep::Close(0)) && steps.contains(&HostStep::Close(1)),
        "{steps:?}"
    );
    for host in 0..2 {
        let _closed = run.news(at(3), host, at(3), HostNews::Closed("bye".into()));
    }
    assert!(run.is_done() && run.faults().is_empty());
}

#[test]
fn more_hosts_than_cycles_are_refused_before_a_worker_starts() {
    let mut run = hosts(2);
    run.plan.rate = crate::plan::Rate::PerSecond(0.1);
    run.plan.duration = Duration::from_secs(10);
    for host in 0..2 {
        let _greeted = run.news(at(1), host, at(1), HostNews::Agent);
    }
    tell(&mut run, 2, 0, HostReport::Workers(1, HostFacts::default()));
    let steps = tell(&mut run, 2, 1, HostReport::Workers(1, HostFacts::default()));
    assert!(faults(&steps)[0].contains("no cycle of this plan is due there"), "{steps:?}");
    let begins =
        steps.iter().any(|step| matches!(step, HostStep::Send(_, HostCommand::Begin { .. })));
    assert!(!begins, "{steps:?}");
}

#[test]
fn a_backlog_of_all_hosts_together_ends_the_run() {
    let (mut run, _) = begun(&[1, 1]);
    let progress = |waiting| {
        let (phase, issued) = (2, [0; 2]);
        HostReport::Progress(HostProgress {
            phase,
            issued,
            completed: issued,
            failed: issued,
            waiting,
            running: 0,
            beyond: Vec::new(),
        })
    };
    let rule = run.plan.backlog_rule().expect("an open loop");
    let limit = rule.limit(Some((0, 0))).expect("a limit").waiting;
    for host in 0..2 {
        tell(&mut run, 1_900, host, progress(0));
    }
    assert!(sent(&run.tick(at(2_000)), 0).iter().all(|one| **one == HostCommand::Alive));
    for host in 0..2 {
        tell(&mut run, 2_900, host, progress(limit / 2 + 1));
    }
    let steps = run.tick(at(3_000));
    assert!(sent(&steps, 1).contains(&&HostCommand::Drain { signal: None }), "{steps:?}");
}

/// News of a host, or a moment, in any order.
fn any_event() -> impl Strategy<Value = (usize, u8, u64)> {
    (0_usize..3, 0_u8..16, 0_u64..4_000)
}

proptest! {
    #[test]
    fn every_order_of_news_ends(events in prop::collection::vec(any_event(), 0..60)) {
        let mut run = hosts(3);
        let mut now = 0;
        for (host, kind, later) in events {
            now += later;
            let news = match kind {
                0 => HostNews::Copying,
                1 => HostNews::Agent,
                2 => HostNews::Refused("no".into()),
                3 => HostNews::Closed("gone".into()),
                4 => HostNews::Line("text".into()),
                5 => HostNews::Report(hello()),
                6 => HostNews::Report(HostReport::Workers(2, HostFacts::default())),
                7 => HostNews::Report(HostReport::Ready),
                8 => HostNews::Report(HostReport::Over),
                9 => HostNews::Report(HostReport::Piece(vec![1])),
                10 => HostNews::Report(HostReport::Record { length: 1, folder: String::new() }),
                11 => HostNews::Report(HostReport::Alive),
                12 => HostNews::Report(HostReport::Pong { number: 0, at: at(now) }),
                13 => {
                    let _steps = run.signalled(at(now), 2);
                    continue;
                }
                _ => {
                    let _steps = run.tick(at(now));
                    continue;
                }
            };
            let _steps = run.news(at(now), host, at(now), news);
        }
        // Nobody says anything any more: deadlines end the run.
        for _ in 0..200 {
            if run.is_done() {
                break;
            }
            let next = run.next_tick();
            prop_assert_ne!(next, Time::NEVER);
            now = now.max(next.nanos_since(at(0)).div_ceil(1_000_000));
            let _steps = run.tick(at(now));
        }
        prop_assert!(run.is_done(), "{:?}", run);
    }
}
