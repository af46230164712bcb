//! Tests of runs that go well: the number, the order and the duration of their events.

use std::time::Duration;

use dyno_bus::clock;

use crate::support::{BEHAVES, MISBEHAVES, benchmark};

const MS: u64 = 1_000_000;

#[test]
fn a_run_of_250_ms_ends_no_earlier_than_requested() {
    let begun = clock::now();
    let ended = benchmark(BEHAVES).args("--duration 250ms").run();
    let took = clock::now() - begun;
    let summary = ended.verdict(0, "sustained");
    assert!(summary.elapsed_ns >= 250 * MS, "{summary:?}");
    assert!(took >= Duration::from_millis(250), "{took:?}");
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (50, 50));
}

#[test]
fn a_run_whose_plan_and_last_lease_come_at_once_is_whole_every_time() {
    for _ in 0..25 {
        let line = "--warmup 10ms --duration 20ms --rate 1k --workers 4";
        let summary = benchmark(BEHAVES).args(line).run().summary();
        assert_eq!((summary.warmup.completed, summary.cycles.completed), (10, 20), "{summary:#?}");
    }
}

#[test]
fn a_cycle_may_spawn_tasks_that_stay_on_the_loop() {
    let line = "-P how=sleep-in-task -P us=100 --workers 2";
    let summary = benchmark(BEHAVES).args(line).run().verdict(0, "sustained");
    assert_eq!(summary.cycles.completed, summary.cycles.issued, "{summary:#?}");
    assert!(summary.cycles.completed > 0, "{summary:#?}");
}

#[test]
fn timers_fire_however_long_cycles_wait_for_tasks_only() {
    // Each answer lets the loop go on at once, so that it has no idle moment to check timers and
    // sockets.
    let line = "-P how=ask -P us=900 --rate max --workers 1 --duration 300ms";
    let summary = benchmark(BEHAVES).args(line).run().verdict(0, "completed");
    let late = summary.metric("late").expect("it came");
    // Two or three cycles begin until the timer should fire, and the same number until the loop
    // checks it.
    assert!(late.count > 10 && late.max <= 8, "{late:#?}");
}

#[test]
fn hooks_run_once_each_and_in_order() {
    let ended = benchmark(MISBEHAVES).args("--warmup 100ms --workers 3").logged().run();
    let summary = ended.verdict(0, "sustained");
    let lines: Vec<_> = ended.log.lines().collect();
    let cycles = (summary.warmup.issued + summary.cycles.issued) as usize;
    assert_eq!(lines.len(), 1 + 3 + cycles + 3 + 1, "{ended:#?}");

    let (first, rest) = lines.split_first().expect("lines");
    let (before, rest) = rest.split_at(3);
    let (run, rest) = rest.split_at(cycles);
    let (after, last) = rest.split_at(3);
    assert_eq!((*first, last), ("primary before", &["primary after"][..]));
    for (lines, hook) in [(before, "before"), (after, "after")] {
        let mut lines = lines.to_vec();
        lines.sort_unstable();
        assert_eq!(lines, [0, 1, 2].map(|worker| format!("worker {worker} {hook}")));
    }
    let index = |line: &&str| line.split_once(" cycle ").expect("a cycle").1.parse().expect("one");
    let mut indexes: Vec<usize> = run.iter().map(index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..cycles).collect::<Vec<_>>());
}

#[test]
fn a_task_that_sleeps_50_ms_has_a_mean_service_of_at_least_that() {
    let summary = benchmark(BEHAVES).args("-P how=sleep -P us=50000 --rate 100").run().summary();
    let service = summary.metric("service").expect("it is built in");
    assert!(service.mean >= (50 * MS) as f64 && service.min >= 50 * MS, "{service:?}");
    // Thirty cycles of 50 ms each in 300 ms must overlap.
    assert_eq!((service.count, summary.cycles.completed), (30, 30));
}

#[test]
fn a_sync_task_runs_one_cycle_after_the_other() {
    // 20 cycles of 10 ms each are due to one worker within 100 ms: the last one waits for all the
    // others.
    let line = "-P how=spin -P us=10000 --rate 200 --duration 100ms --workers 1 --on-backlog queue";
    let summary = benchmark(BEHAVES).args(line).run().summary();
    let wait = summary.metric("wait").expect("it is built in");
    assert_eq!(summary.cycles.completed, 20);
    assert!(wait.max >= 19 * 10 * MS - 95 * MS, "{wait:?}");
    let service = summary.metric("service").expect("it is built in");
    assert!(service.min >= 10 * MS, "{service:?}");
}

#[test]
fn a_loop_that_is_blocked_for_200_ms_shows_it_in_loop_lag() {
    let line = "-P how=spin-once -P us=200000 --workers 1 --duration 500ms --on-backlog queue";
    let summary = benchmark(BEHAVES).args(line).run().summary();
    let lag = summary.metric("loop_lag").expect("it is built in");
    // The timer's period is 31 ms: at most this much of the block had passed when the first timer
    // was missed.
    assert!(lag.max >= 169 * MS, "{lag:?}");
    // Each missed period is recorded: 200, 169, 138 and so on.
    assert!(lag.p90.is_some_and(|p90| p90 >= 90 * MS), "{lag:?}");
    // The cycles that waited meanwhile waited that long, too.
    assert!(summary.metric("response").expect("built in").max >= 200 * MS);
}

#[test]
fn every_process_has_its_own_metrics() {
    let summary = benchmark(BEHAVES).args("--duration 1200ms").run().verdict(0, "sustained");
    for name in ["issued", "completed", "backlog", "uptime", "loop_lag"] {
        assert!(summary.primary.metrics.contains_key(name), "{name} in {:?}", summary.primary);
    }
    let issued = summary.cycles.issued;
    assert_eq!(summary.primary.metrics["issued"].last, issued);
    assert_eq!(summary.primary.metrics["completed"].last, summary.cycles.completed);
    assert_eq!(summary.workers.len(), 2);
    for worker in &summary.workers {
        for name in ["wait", "service", "response", "loop_lag", "cpu", "rss"] {
            assert!(worker.metrics[name].count > 0, "{name} in {worker:?}");
        }
        assert!(worker.metrics["rss"].last > 100_000, "{worker:?}");
    }
    let of = |index| summary.worker(index).expect("two").metrics["service"].count;
    assert_eq!(of(0) + of(1), issued);
    assert_eq!(of(0), of(1), "round robin");
}

#[test]
fn fractions_of_a_rate_are_kept() {
    let ended = benchmark(BEHAVES).args("--rate 7.5 --duration 400ms").run();
    // Due at 0, 133, 267 and not yet at 400 ms.
    assert_eq!(ended.verdict(0, "sustained").cycles.issued, 3);
}

#[test]
fn a_run_with_more_workers_than_cycles_completes() {
    let ended = benchmark(BEHAVES).args("--rate 10 --duration 100ms --workers 6").run();
    let summary = ended.verdict(0, "sustained");
    assert_eq!((summary.cycles.issued, summary.workers.len()), (1, 6));
    assert!(summary.workers.iter().all(|worker| worker.exit.is_some()));
}

#[test]
fn fifty_workers_start_and_end() {
    let ended = benchmark(BEHAVES).args("--workers 50 --rate 500 --duration 200ms").run();
    let summary = ended.verdict(0, "sustained");
    assert_eq!((summary.workers.len(), summary.cycles.completed), (50, 100));
}

#[test]
fn a_closed_loop_keeps_its_cycles_in_flight_and_completes() {
    let line = "-P how=sleep -P us=10000 --rate max --in-flight 4 --workers 2 --duration 300ms";
    let summary = benchmark(BEHAVES).args(line).run().verdict(0, "completed");
    assert_eq!(summary.rate.asked, None);
    // Eight cycles at a time, of at least 10 ms each, make about 30 rounds at most.
    let completed = summary.cycles.completed;
    assert!((80..=8 * 31).contains(&completed), "{completed}");
    assert_eq!(summary.metric("wait").map_or(0, |wait| wait.max), 0);
}

#[test]
fn the_warm_up_counts_apart() {
    let ended = benchmark(BEHAVES).args("--warmup 200ms --duration 100ms --rate 500").run();
    let summary = ended.verdict(0, "sustained");
    assert_eq!((summary.warmup.issued, summary.warmup.completed), (100, 100));
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (50, 50));
    assert_eq!(summary.metric("response").expect("built in").count, 50);
}

#[test]
fn a_seed_repeats_poisson_arrivals() {
    let issued = |seed: &str| {
        let line = format!("--arrivals poisson --rate 1000 --duration 200ms --seed {seed}");
        let summary = benchmark(BEHAVES).args(&line).run().summary();
        let per_worker = summary.workers.iter().map(|worker| worker.metrics["wait"].count);
        (summary.cycles.issued, per_worker.collect::<Vec<_>>())
    };
    let first = issued("1");
    assert_eq!(first, issued("1"));
    let others: Vec<_> = ["2", "3", "4"].map(issued).into();
    assert!(others.iter().any(|other| *other != first), "{first:?} {others:?}");
}

#[test]
fn spinning_workers_start_cycles_at_once() {
    let ended = benchmark(BEHAVES).args("--pacing spin --workers 1 --rate 500").run();
    let summary = ended.verdict(0, "sustained");
    assert_eq!(summary.parameters.pacing, "spin");
    // On a busy machine other processes delay some of them, but not all.
    let wait = summary.metric("wait").expect("it is built in");
    assert!(wait.min < 20_000, "{wait:?}");
}
