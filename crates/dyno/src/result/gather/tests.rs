//! Tests of the contract: its schema, that it is read back as it was written, and the sources of
//! its numbers.

use dyno_bus::segment::PerPhase;
use dyno_summary::{Environment, ThresholdResult};
use serde_json::Value;

use super::*;
use crate::plan;
use crate::primary::Exit;
use crate::report::formats::json;
use crate::result::fixture;

/// The schema that other tools validate against.
const CONTRACT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/summary.schema.json"));

fn of(run: &mut crate::primary::Run) -> Summary {
    summary_of(run, &[], Environment::default())
}

fn check(summary: &Summary) -> Value {
    let schema: Value = serde_json::from_str(CONTRACT).expect("the schema is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is one");
    let value = serde_json::from_str(&json::render(summary)).expect("the summary is JSON");
    let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    value
}

#[test]
fn the_summary_of_a_fixed_run_is_the_same_byte_for_byte() {
    let mut summary = of(&mut fixture::run());
    // The profile follows the build of the test.
    summary.profile = "debug".to_owned();
    let written = json::render(&summary);
    let expected = include_str!("tests/run.json");
    assert_eq!(written.trim_end(), expected.trim_end(), "{written}");
}

#[test]
fn a_summary_is_by_the_schema_and_read_back_as_it_was() {
    let mut summary = fixture::summary();
    check(&summary);
    let read: Summary = serde_json::from_str(&json::render(&summary)).unwrap();
    summary.hint.clear();
    assert_eq!(read, summary);
}

#[test]
fn a_run_that_never_began_and_a_closed_loop_are_by_the_schema_too() {
    let mut run = fixture::run();
    run.plan.rate = plan::Rate::Max;
    run.window = std::time::Duration::ZERO;
    run.series.clear();
    run.observer = dyno_observer::Observer::new(dyno_bus::Pace::Closed { in_flight: 1 });
    run.workers[0].exit = Some(Exit::Signal(9));
    (run.workers[1].pid, run.workers[1].exit) = (None, None);
    let value = check(&of(&mut run));
    assert_eq!(value["rate"]["asked"], Value::Null);
    assert_eq!(value["rate"]["delivered"], 0);
    assert_eq!(value["workers"][0]["exit"], "SIGKILL");
    assert_eq!(value["workers"][1]["exit"], Value::Null);
}

#[test]
fn every_field_that_is_written_is_in_the_schema() {
    let schema: Value = serde_json::from_str(CONTRACT).unwrap();
    let mut summary = fixture::summary();
    summary.thresholds.push(ThresholdResult::default());
    summary.stages = fixture::staged().stages;
    summary.hosts = fixture::of_hosts().hosts;
    let written = check(&summary);
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&schema["properties"]), keys(&written));
}

#[test]
fn nanoseconds_and_whole_rates_are_written_as_integers() {
    let text = json::render(&fixture::summary());
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(value["metrics"]["service"]["mean"].is_u64());
    assert!(value["rate"]["asked"].is_u64());
    assert_eq!(value["rate"]["delivered"], 39.6);
}

#[test]
fn points_have_the_statistics_of_the_interval_that_ends_with_them() {
    let summary = fixture::summary();
    let counts: Vec<_> =
        summary.series.iter().map(|point| point.metrics["service"].count).collect();
    assert_eq!(counts, [6, 6]);
    assert_eq!(summary.series[1].metrics["service"].max, 22_000_000);
}

#[test]
fn no_password_is_left() {
    let summary = fixture::summary();
    let text = json::render(&summary);
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(summary.errors[0].message, "redis://user:***@host/0 refused");
}

#[test]
fn no_password_is_left_in_the_error_of_the_primarys_after() {
    let mut summary = fixture::summary();
    fail(&mut summary, "the primary's `after` failed: redis://user:hunter2@host/0 refused");
    assert!(!json::render(&summary).contains("hunter2"), "{summary:#?}");
    assert!(summary.reasons[0].contains("redis://user:***@host/0"), "{summary:#?}");
}

#[test]
fn cycles_that_never_ended_are_counted_and_reported() {
    let mut run = fixture::run();
    let issued = PerPhase { warmup: 0, measured: 10 };
    run.observer.died(1, issued).expect("it ended six");
    let summary = of(&mut run);
    assert_eq!(summary.metric("response").unwrap().censored, 4);
    assert_eq!(summary.metric("service").unwrap().censored, 0);
    let warning = summary.warnings.last().unwrap();
    assert_eq!(warning, "4 cycles never ended: `response` would be longer with them");
}

#[test]
fn a_single_cycle_that_never_ended_is_counted_in_the_singular() {
    let mut run = fixture::run();
    let issued = PerPhase { warmup: 0, measured: 7 };
    run.observer.died(1, issued).expect("it ended six");
    let warning = of(&mut run).warnings.last().cloned();
    assert_eq!(warning.as_deref(), Some("1 cycle never ended: `response` would be longer with it"));
}

#[test]
fn only_the_most_frequent_messages_are_listed() {
    let mut run = fixture::run();
    let error = run.errors.remove(0);
    run.errors = (0..12)
        .map(|n: u32| CycleErrors::new(n.to_string(), error.count, error.first_cycle))
        .collect();
    run.account.counts.measured.failed = 24;
    let summary = of(&mut run);
    assert_eq!(summary.errors.len(), ERRORS_LISTED);
    assert_eq!(summary.errors_unlisted(), 4);
}

#[test]
fn verdicts_are_read_back_with_their_signal() {
    for verdict in Verdict::KNOWN {
        let signal = (verdict == Verdict::Interrupted).then_some(15);
        let mut run = fixture::run();
        run.judgement.verdict = verdict.clone();
        run.judgement.exit_code = verdict.exit_code(signal);
        let summary = of(&mut run);
        let read = Summary::parse(&json::render(&summary), "run.json").unwrap();
        assert_eq!(read.sustained(), verdict == Verdict::Sustained);
        assert_eq!((read.signal(), read.verdict), (signal, verdict));
        check(&summary);
    }
}

#[test]
fn a_caller_finds_metrics_and_workers() {
    let summary = fixture::summary();
    assert_eq!(summary.metric("service").unwrap().count, 12);
    assert_eq!(summary.worker(1).unwrap().metrics["service"].count, 6);
    assert_eq!(summary.worker(2), None);
    assert_eq!(summary.metric("nothing"), None);
}
