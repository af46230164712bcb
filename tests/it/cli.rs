//! Tests of bad input: it is refused before anything starts, with exit code 2 and one line that
//! names the input and the way out.

use crate::support::{BEHAVES, MISBEHAVES, SEVERAL, assert_says, benchmark};

/// Asserts that a run with these flags is refused, with all of these texts in the message.
#[track_caller]
fn refused(line: &str, says: &[&str]) {
    let ended = benchmark(MISBEHAVES).env("DYNO_LOG", "unused").logged().args(line).run();
    assert_says(ended.refusal(), says);
}

#[test]
fn a_rate_out_of_range_or_no_number_is_refused() {
    for rate in ["0", "-1", "NaN", "inf", "abc", "2M", "1000001", "0.01"] {
        let input = format!("--rate {rate}");
        refused(&input, &[&input, "between 0.1 and 1,000,000"]);
    }
}

#[test]
fn a_duration_of_nothing_or_without_a_unit_is_refused() {
    for duration in ["0", "0s", "-1s", "5", "abc", "99999d"] {
        let input = format!("--duration {duration}");
        refused(&input, &[&input]);
    }
}

#[test]
fn a_window_too_short_for_one_cycle_is_refused() {
    refused(
        "--rate 0.1 --duration 1ms --arrivals poisson",
        &["--rate 0.1", "no cycle is due within 1ms", "--duration 10s"],
    );
}

#[test]
fn no_workers_or_more_than_descriptors_allow_are_refused() {
    refused("--workers 0", &["--workers 0", "at least one"]);
    refused("--workers -1", &["--workers -1", "at least one"]);
    refused("--workers 10000000", &["--workers 10000000", "ulimit -n"]);
    refused("--workers many", &["--workers many"]);
}

#[test]
fn other_values_that_can_not_be_are_refused() {
    for input in [
        "--max-backlog 0",
        "--in-flight 0",
        "--max-failed -1",
        "--max-failed 101%",
        "--seed x",
        "--start-deadline 0s",
    ] {
        refused(input, &[input]);
    }
    refused("--arrivals random", &["random", "uniform", "poisson"]);
    refused("--pacing run", &["run", "sleep", "spin"]);
    refused("--on-backlog wait", &["wait", "stop", "skip", "queue"]);
}

#[test]
fn an_unknown_parameter_is_refused_with_the_known_ones_and_the_nearest() {
    let ended = benchmark(MISBEHAVES).args("-P hwo=panic").run();
    assert_says(ended.refusal(), &["hwo", "how"]);
    for known in ["at", "how", "log", "worker"] {
        assert!(ended.refusal().contains(known), "{ended:#?}");
    }
}

#[test]
fn a_parameter_of_another_type_is_refused() {
    let refusal = |word: &str| benchmark(BEHAVES).args(word).run().refusal().to_owned();
    assert_says(&refusal("-P us=long"), &["us", "a whole number"]);
    assert_says(&refusal("-P how=quickly"), &["how"]);
    assert_says(&refusal("-P us"), &["us"]);
}

#[test]
fn an_unknown_flag_is_refused_with_the_nearest() {
    refused("--worker 3", &["'--worker'", "'--workers'", "--help"]);
}

#[test]
fn a_variable_is_refused_by_its_own_name() {
    let ended = benchmark(MISBEHAVES).env("DYNO_RATE", "fast").logged().run();
    assert_says(ended.refusal(), &["DYNO_RATE=fast", "1.5k"]);
}

#[test]
fn a_place_that_can_not_be_written_is_refused() {
    for input in ["--out /proc/nowhere", "--log-file /proc/nowhere/log", "--out /dev/null/x"] {
        let mut words = input.split(' ');
        let (flag, place) = (words.next().expect("a flag"), words.next().expect("a place"));
        refused(input, &[flag, place]);
    }
}

#[test]
fn a_wrong_flag_is_found_before_the_primarys_before_runs() {
    let ended = benchmark(MISBEHAVES).args("--rate 0 -P how=panic -P at=primary-before").run();
    assert_says(ended.refusal(), &["--rate 0"]);
}

#[test]
fn a_flag_goes_before_a_variable_and_a_variable_before_the_code() {
    let rate = |benchmark: crate::support::Benchmark| benchmark.run().summary().rate.asked;
    assert_eq!(rate(benchmark(BEHAVES)), Some(200.0));
    assert_eq!(rate(benchmark(BEHAVES).env("DYNO_RATE", "300")), Some(300.0));
    assert_eq!(rate(benchmark(BEHAVES).env("DYNO_RATE", "300").args("-R 400")), Some(400.0));
}

#[test]
fn help_goes_to_stdout_and_exits_with_0() {
    let ended = benchmark(BEHAVES).args("--help").run();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), ""), "{ended:#?}");
    assert_says(&ended.stdout, &["--rate", "--duration", "--workers", "us"]);
}

#[test]
fn a_word_that_is_not_a_flag_is_refused() {
    refused("200", &["unexpected word `200`", "--rate"]);
}

#[test]
fn a_filter_of_cargo_bench_that_does_not_match_runs_nothing() {
    let ended = benchmark(BEHAVES).args("--bench nonesuch").logged().run();
    assert_eq!((ended.status.code(), &*ended.stdout), (Some(0), ""), "{ended:#?}");
    assert_says(&ended.stderr, &["`behaves` was not run: the filter is `nonesuch`"]);
    benchmark(BEHAVES).args("--bench behav").run().verdict(0, "sustained");
}

#[test]
fn an_empty_variable_is_not_set_and_a_misspelt_one_is_a_warning() {
    let ended = benchmark(BEHAVES).env("DYNO_RATE", "").env("DYNO_SEEED", "5\r").run();
    assert_eq!(ended.verdict(0, "sustained").rate.asked, Some(200.0));
    assert_says(&ended.stderr, &["warning: the variable DYNO_SEEED is unknown", "DYNO_SEED?"]);
}

#[test]
fn several_benchmarks_of_one_program_run_one_after_the_other() {
    let ended = benchmark(SEVERAL).run();
    assert_says(&ended.stdout, &["first: sustained", "second: sustained"]);
    assert_eq!(ended.stdout.lines().count(), 2, "{ended:#?}");
}

#[test]
fn a_benchmark_that_is_declared_too_late_is_refused_before_it_starts() {
    for how in ["late", "late-mains"] {
        let ended = benchmark(SEVERAL).env("SEVERAL", how).args("--format csv").run();
        assert_eq!(ended.status.code(), Some(2), "{ended:#?}");
        assert_says(&ended.stdout, &["first"]);
        assert!(!ended.stdout.contains("second"), "{ended:#?}");
        let parts = ["error: `second` is declared after `first` runs", "declare every benchmark"];
        assert_says(&ended.stderr, &parts);
    }
}

#[test]
fn a_second_task_of_one_name_is_refused_and_the_same_task_again_is_not() {
    let ended = benchmark(SEVERAL).env("SEVERAL", "twice").run();
    assert_eq!(ended.status.code(), Some(2), "{ended:#?}");
    assert_says(&ended.stdout, &["first: sustained"]);
    assert_says(&ended.stderr, &["error: the name `first` is taken", "a name of its own"]);
    let ended = benchmark(SEVERAL).env("SEVERAL", "again").run();
    assert_eq!(ended.stdout.matches("first: sustained").count(), 2, "{ended:#?}");
}

#[test]
fn a_run_inside_an_event_loop_is_refused() {
    let ended = benchmark(SEVERAL).env("SEVERAL", "inside").run();
    assert_eq!(ended.status.code(), Some(2), "{ended:#?}");
    assert_says(&ended.stderr, &["error: called inside a tokio runtime", "`std::thread::spawn`"]);
    // The way out that the message names works.
    let ended = benchmark(SEVERAL).env("SEVERAL", "thread").run();
    assert_eq!(ended.stdout.matches("first: sustained").count(), 1, "{ended:#?}");
}
