//! Tests of the race between cycles that count in Redis and `after` hooks that disconnect: the
//! counts are exact, every time.

use std::time::Duration;

use dyno_bus::clock;
use nix::sys::signal::Signal;

use crate::support::{Benchmark, INCR, REDIS_EXAMPLE, Redis, assert_says, benchmark, until};

/// The number of short runs that go to their end; with those that are stopped, 50 in all.
const FULL_RUNS: u64 = 20;
const STOPPED_RUNS: u64 = 30;

/// A benchmark of 4 workers and 10,000 cycles per second; each cycle increments the counter.
fn incr(redis: &Redis, key: &str) -> Benchmark {
    let line = format!(
        "-P url={} -P key={key} --workers 4 --on-backlog queue --in-flight 32 --quiet",
        redis.url()
    );
    benchmark(INCR).env("DYNO_RATE", "10k").args(&line)
}

fn count(redis: &Redis, key: &str) -> u64 {
    let mut connection = redis.connect().expect("it answers");
    let count: Option<u64> = redis::Commands::get(&mut connection, key).expect("a counter or none");
    count.unwrap_or(0)
}

#[test]
fn every_cycle_of_a_full_run_is_counted_once() {
    let redis = Redis::start();
    for round in 0..FULL_RUNS {
        let key = format!("full-{round}");
        let span = 50 + 10 * (round % 5);
        let line = format!("--warmup 40ms --duration {span}ms");
        let ended = incr(&redis, &key).args(&line).run();
        let summary = ended.summary();
        let (warmup, cycles) = (summary.warmup, summary.cycles);
        assert_eq!((warmup.issued, cycles.issued), (400, span * 10), "{summary:#?}");
        assert_eq!((warmup.completed, cycles.completed), (400, span * 10), "{summary:#?}");
        assert_eq!(count(&redis, &key), warmup.completed + cycles.completed);
    }
}

#[test]
fn every_cycle_of_a_run_that_is_stopped_is_counted_once() {
    let redis = Redis::start();
    for round in 0..STOPPED_RUNS {
        let key = format!("stopped-{round}");
        let running = incr(&redis, &key).args("--warmup 50ms --duration 20s").start();
        until("it counts", Duration::from_secs(10), || count(&redis, &key) > 0);
        let (begun, span) = (clock::now(), moment(round));
        until("a moment", Duration::from_secs(5), || clock::now() - begun >= span);
        running.signal(Signal::SIGINT);
        let summary = running.end().verdict(130, "interrupted");
        for cycles in [summary.warmup, summary.cycles] {
            assert_eq!((cycles.failed, cycles.abandoned, cycles.lost), (0, 0, 0), "{summary:#?}");
            assert_eq!(cycles.issued, cycles.completed + cycles.unstarted);
        }
        let completed = summary.warmup.completed + summary.cycles.completed;
        assert_eq!(count(&redis, &key), completed, "{summary:#?}");
    }
}

/// Returns the time after which a round is stopped. It is the same in every run of the test, and
/// the rounds are spread over 150 ms, which include the warm-up's end.
fn moment(round: u64) -> Duration {
    // Any number of multiples of the golden ratio is spread evenly.
    let spread = (round as f64 * 0.618_033_988_75).fract();
    Duration::from_millis(150).mul_f64(spread)
}

#[test]
fn the_example_watches_the_server_that_it_started_and_one_that_it_is_given() {
    let of = |line: &str| {
        let line = format!("--rate 200 --duration 600ms {line}");
        let summary = benchmark(REDIS_EXAMPLE).args(&line).run().summary();
        let threads = summary.metric("target.threads").expect("a target").clone();
        assert!(threads.count > 0 && threads.min > 1, "{threads:?}");
        summary.parameters.watch
    };
    assert_eq!(of("").len(), 1, "the shell above the server");
    let redis = Redis::start();
    let mut connection = redis.connect().expect("it answers");
    let server: redis::InfoDict =
        redis::cmd("INFO").arg("server").query(&mut connection).expect("it answers");
    let pid: u32 = server.get("process_id").expect("its process");
    assert_eq!(of(&format!("-P url={}", redis.url())), [pid.to_string()]);
}

#[test]
fn a_redis_that_can_not_be_reached_is_reported_once() {
    let line = "-P url=redis+unix:///nowhere/at/all --workers 4";
    let ended = benchmark(INCR).args(line).run();
    let summary = ended.verdict(5, "error");
    assert_eq!(summary.reasons.len(), 1, "{summary:#?}");
    assert_says(&summary.reasons[0], &["failed in `before`", "and 3 more workers in the same way"]);
    assert_eq!(ended.stderr.matches("failed in `before`").count(), 1, "{ended:#?}");
    assert_eq!(summary.cycles.issued, 0);
}

#[test]
fn a_redis_that_dies_fails_cycles_and_ends_nothing() {
    let redis = Redis::start();
    let line = "--rate 200 --duration 1s --max-failed 100%";
    let running = incr(&redis, "dies").args(line).start();
    until("it counts", Duration::from_secs(10), || count(&redis, "dies") > 5);
    drop(redis);
    let summary = running.end().summary();
    assert_eq!(summary.cycles.completed + summary.cycles.failed, 200, "{summary:#?}");
    assert!(summary.cycles.failed > 0 && summary.cycles.completed > 5, "{summary:#?}");
}

#[test]
fn the_example_runs_its_own_server_and_names_the_package_to_install_if_it_is_missing() {
    let ended = benchmark(REDIS_EXAMPLE).args("--rate 200").run();
    assert_eq!(ended.summary().cycles.completed, 60, "{ended:#?}");

    let ended = benchmark(REDIS_EXAMPLE).launched_by("env PATH=/nowhere").run();
    let parts = ["`before` failed: `redis-server` can't be run", "install it", "-P url=redis://"];
    assert_says(&ended.error(), &parts);
}
