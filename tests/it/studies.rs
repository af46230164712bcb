//! Tests of studies: sweeps, repetitions and searches over a task whose capacity is known, with a
//! whole run for each trial.
//!
//! One worker that is busy for 1 ms a cycle sustains 100 cycles per second, also on a busy machine,
//! and 5,000 on none.

use std::sync::LazyLock;

use dyno::summary::RepeatedRate;
use dyno::{Study, Summary};
use nix::sys::signal::Signal;

use crate::support::{BEHAVES, Benchmark, DEADLINE, Ended, MISBEHAVES, assert_says, benchmark};

/// The JSON schema of a study.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("../../docs/study.schema.json");
    let schema = serde_json::from_str(text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
});

/// Creates a study of one worker whose cycles are busy for 1 ms.
fn study(line: &str) -> Benchmark {
    let spin = "-P how=spin -P us=1000 --workers 1 --duration 600ms --drain-deadline 1s";
    benchmark(BEHAVES).args(spin).args(line)
}

/// Reads a study, and checks that it is by the schema.
#[track_caller]
fn read(ended: &Ended) -> Study {
    let text = ended.read("out/study.json");
    let value = serde_json::from_str(&text).expect("JSON");
    let wrong: Vec<_> = SCHEMA.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}: {text}");
    serde_json::from_str(&text).expect("a study")
}

/// Reads a study, and checks that each trial has a whole run in its folder.
#[track_caller]
fn saved(ended: &Ended) -> Study {
    let study = read(ended);
    for trial in &study.trials {
        let run = ended.read(&format!("out/{}/run.json", trial.folder));
        let run: Summary = serde_json::from_str(&run).expect("a summary");
        assert_eq!(run.verdict, trial.verdict);
        assert_eq!(run.rate.asked, trial.rate);
        assert!(ended.path(&format!("out/{}/metrics.hlog", trial.folder)).is_file());
    }
    study
}

fn rates(study: &Study) -> Vec<Option<f64>> {
    study.trials.iter().map(|trial| trial.rate).collect()
}

#[test]
fn a_sweep_ends_at_the_first_rate_that_is_not_sustained() {
    let ended = study("--rate 100,5000,9000").run();
    let study = saved(&ended);
    assert_eq!(rates(&study), [Some(100.0), Some(5_000.0)], "{ended:#?}");
    let verdicts: Vec<_> = study.trials.iter().map(|trial| trial.verdict.name()).collect();
    assert_eq!(verdicts, ["sustained", "unsustained"], "{ended:#?}");
    let sweep = study.sweep.clone().expect("a sweep's finding");
    assert_eq!((sweep.sustained, sweep.not_sustained), (Some(100.0), Some(5_000.0)));
    assert_eq!(study.end.as_deref(), Some("limit"));
    assert_eq!(ended.status.code(), Some(0), "the table was made: {ended:#?}");
    // The same object is printed.
    assert_eq!(serde_json::from_str::<Study>(&ended.stdout).expect("a study"), study);
    assert_says(
        &ended.stderr,
        &["sweep of 3 rates", "trial 01: 100/s sustained", "trial 02: 5,000/s"],
    );
    assert!(!ended.stderr.contains("first cycle"), "trials are quiet: {ended:#?}");
}

#[test]
fn a_sweep_that_keeps_going_runs_every_rate() {
    let ended = study("--rate 5k..10k --keep-going --format csv --quiet").run();
    let study = saved(&ended);
    assert_eq!(rates(&study), [Some(5_000.0), Some(10_000.0)]);
    assert_eq!(study.end.as_deref(), Some("done"));
    assert_eq!(ended.status.code(), Some(1), "not even the lowest rate was: {ended:#?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:#?}");
    assert!(lines[1].starts_with("behaves,sweep,01,,5000,"), "{ended:#?}");
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_sweep_draws_its_table_and_its_curve_with_the_limit_marked() {
    let ended = study("--rate 100..5k/4900 --format human").run();
    let parts =
        ["trial", "verdict", "response over rate", "▲", "5,000/s is not sustained", "trials: out"];
    assert_says(&ended.stdout, &parts);
    assert!(ended.stdout.contains("sweep: sustained up to 100/s"), "{ended:#?}");
}

#[test]
fn a_repetition_shows_the_spread_between_runs_next_to_that_within_one() {
    let ended = study("--rate 100 --repeat 3 --format human").run();
    let study = saved(&ended);
    assert_eq!(rates(&study), [Some(100.0); 3]);
    let repeat = study.repeat.clone().expect("a repetition's finding");
    assert_eq!(repeat.count, 3);
    let service = &repeat.spreads["service.mean"];
    assert!(service.mean_ns >= 1e6 && service.within_ns > 0.0, "{service:?}");
    assert_says(&ended.stdout, &["service.mean: ", "between trials", "within one"]);
    // The arrivals of each run differ.
    let seed = |trial: &str| {
        let run: Summary =
            serde_json::from_str(&ended.read(&format!("out/{trial}/run.json"))).unwrap();
        run.parameters.seed
    };
    assert_eq!(seed("02"), seed("01") + 1);
    let worst = study.trials.iter().map(|trial| trial.verdict.exit_code(None)).max();
    assert_eq!(ended.status.code(), worst, "{ended:#?}");
}

#[test]
fn a_sweep_repeats_each_rate_in_a_random_order() {
    let line = "--rate 100..200/100 --repeat 2 --shuffle --keep-going --seed 7 --format human";
    let ended = study(line).run();
    let study = saved(&ended);
    let rounds: Vec<_> = rates(&study).chunks(2).map(<[_]>::to_vec).collect();
    assert_eq!(rounds.len(), 2, "{ended:#?}");
    for mut round in rounds {
        round.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
        assert_eq!(round, [Some(100.0), Some(200.0)], "{ended:#?}");
    }
    let repeats = &study.sweep.as_ref().expect("a sweep's finding").repeats;
    assert_eq!(repeats.iter().map(|one| one.rate).collect::<Vec<_>>(), [100.0, 200.0]);
    for RepeatedRate { repeat, .. } in repeats {
        assert_eq!(repeat.count, 2);
        assert!(repeat.spreads["service.mean"].mean_ns >= 1e6, "{repeat:?}");
    }
    assert_says(&ended.stdout, &["100/s: ", "runs were sustained", "service.mean: "]);
    assert_says(&ended.stderr, &["sweep of 2 rates", "2 runs each, in a random order"]);
}

#[test]
fn a_search_that_is_repeated_gives_what_all_of_its_intervals_have_in_common() {
    let line = "--rate search --repeat 2 --to 100 --time 10s --duration 500ms --warmup 100ms";
    let ended = study(line).run();
    let study = saved(&ended);
    let searches = study.searches.as_ref().expect("the findings of a repeated search");
    assert_eq!((searches.count, searches.findings.len()), (2, 2), "{ended:#?}");
    let rounds: Vec<_> = study.trials.iter().filter_map(|trial| trial.round).collect();
    assert_eq!(rounds.len(), study.trials.len());
    assert_eq!((rounds[0], rounds[rounds.len() - 1]), (1, 2), "{rounds:?}");
    assert!(rounds.is_sorted(), "{rounds:?}");
    assert_eq!(study.end.as_deref(), Some("done"));
    assert_says(&ended.stderr, &["2 searches for the highest", "search 2 of 2: "]);
}

#[test]
fn a_search_gives_an_interval_around_the_capacity() {
    let ended = study("--rate search --time 14s --precision 20% --duration 1s").run();
    let study = saved(&ended);
    assert_eq!(study.trials[0].purpose.as_deref(), Some("guess"), "{ended:#?}");
    assert_eq!(study.trials[0].rate, None);
    assert!(study.trials.len() > 2, "{ended:#?}");
    let search = study.search.clone().expect("a search's finding");
    // A machine that is busy with something else has less than 1,000 per second.
    assert!(search.low < search.high && search.high > 50.0 && search.low < 1_200.0, "{search:?}");
    if let (Some(lower), Some(upper)) = (&search.lower, &search.upper) {
        assert!(lower.rate < upper.rate, "{search:?}");
    }
    assert!(matches!(ended.status.code(), Some(0 | 1 | 6)), "{ended:#?}");
    assert_eq!(ended.status.code(), Some(study.exit_code));
}

#[test]
fn a_search_under_a_threshold_gives_a_rate_that_keeps_it_below_one_that_does_not() {
    // Poisson arrivals queue: the nearer the rate is to the capacity, the longer is the response.
    let line =
        "--rate search --from 50 --time 30s --precision 50% --duration 1s --arrivals poisson";
    let ended = study(line).env("DYNO_THRESHOLD", "response.p99 < 20ms").run();
    // A trial with too few values for the percentile is inconclusive, though its run is not.
    let study = read(&ended);
    let mut kept = Vec::new();
    let (mut not_held, mut broken) = (Vec::new(), Vec::new());
    for trial in &study.trials {
        let run = ended.read(&format!("out/{}/run.json", trial.folder));
        let run: Summary = serde_json::from_str(&run).expect("a summary");
        let [threshold] = &run.thresholds[..] else { panic!("{run:#?}") };
        assert_eq!((threshold.limit, &*threshold.statistic), (20e6, "p99"));
        if trial.verdict.name() == "sustained" {
            assert!(threshold.met && threshold.value < Some(20e6), "{run:#?}");
            kept.extend(trial.rate);
        } else {
            broken.extend(trial.rate.filter(|_| !threshold.met));
            not_held.extend(trial.rate);
        }
    }
    // Far above the capacity the response grows for a second.
    assert!(!broken.is_empty(), "{study:#?}");
    let search = study.search.clone().expect("a search's finding");
    assert!(search.low < search.high, "{search:?}");
    if let Some(lower) = &search.lower {
        assert!(kept.contains(&lower.rate), "{search:?}: {kept:?}");
    }
    if let Some(upper) = &search.upper {
        assert!(not_held.contains(&upper.rate), "{search:?}: {not_held:?}");
    }
    // On a busy machine even the lowest rate may break it.
    assert!(matches!(ended.status.code(), Some(0 | 1 | 3 | 6)), "{ended:#?}");
}

#[test]
fn a_signal_ends_a_study_with_what_is_known_so_far() {
    for line in ["--rate 100..200/100 --duration 20s", "--rate search --from 100 --duration 20s"] {
        let running = study(line).start();
        running.until_workers(1);
        running.signal(Signal::SIGINT);
        let ended = running.end();
        let study = saved(&ended);
        assert_eq!(ended.status.code(), Some(130), "{ended:#?}");
        assert_eq!(study.end.as_deref(), Some("interrupted"), "{line}");
        assert_eq!(study.exit_code, 130);
        assert!(study.trials.len() <= 1, "{ended:#?}");
    }
}

#[test]
fn a_killed_study_keeps_the_trials_that_have_ended() {
    let running = study("--rate 100..1k/1 --duration 300ms").start();
    running.until_said("trial 01: ");
    let folder = running.folder();
    running.kill(DEADLINE);
    let study = Study::read(folder.path().join("out")).expect("a whole file");
    assert!(!study.trials.is_empty());
    assert_eq!(study.end, None);
}

#[test]
fn the_hooks_of_the_primary_run_once_for_a_whole_study() {
    let ended = benchmark(MISBEHAVES).args("--rate 100/s,200/s --keep-going").logged().run();
    let study = saved(&ended);
    assert_eq!(study.trials.len(), 2, "{ended:#?}");
    let counts = ["primary before", "worker 0 before", "worker 0 after", "primary after"];
    assert_eq!(counts.map(|text| ended.log.matches(text).count()), [1, 2, 2, 1], "{ended:#?}");
}

#[test]
fn a_study_that_is_wrong_is_refused_in_one_line() {
    for (line, says) in [
        ("--rate 1k,", "--rate 1k,: "),
        ("--rate 4k,1k", "--rate 4k,1k: "),
        ("--rate search --precision 0%", "--precision 0%: "),
        ("--rate search --from 4k --to 1k", "--from 4k --to 1k: "),
        ("--repeat 0", "--repeat 0: "),
        ("--rate 200 --from 100", "--from 100: "),
        ("--rate 100 --keep-going", "--keep-going: "),
        ("--rate 100 --shuffle", "--shuffle: "),
        ("--rate search --repeat 1", "--repeat 1: "),
        ("--rate 1k..4k --repeat 0", "--repeat 0: "),
        ("--rate search --prompt", "--prompt: "),
    ] {
        let ended = benchmark(BEHAVES).args(line).run();
        assert!(ended.refusal().starts_with(says), "{ended:#?}");
        assert!(!ended.path("out").exists(), "nothing is made: {ended:#?}");
    }
}

#[test]
fn a_study_in_a_test_is_one_cycle_of_one_run() {
    let ended = benchmark(BEHAVES).args("--test").env("DYNO_RATE", "search").run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_says(&ended.stdout, &["test behaves ... ok"]);
}
