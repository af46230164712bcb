//! Programs in turn: shell scripts that leave the summary of a run, as a benchmark does.

use dyno_summary::ComparisonFinding;

use super::*;

/// A summary of a run.
const RUN: &str = include_str!("../../result/gather/tests/run.json");

/// Returns a program that leaves a summary whose times are longer by this factor.
fn program(factor: f64) -> Command {
    let mut summary = Summary::parse(RUN, "run.json").expect("a summary");
    summary.verdict = Verdict::Sustained;
    for metric in summary.metrics.values_mut() {
        metric.mean *= factor;
        for value in [&mut metric.p50, &mut metric.p90, &mut metric.p99].into_iter().flatten() {
            *value = (*value as f64 * factor) as u64;
        }
    }
    let text = serde_json::to_string(&summary).expect("a summary");
    script(r#"mkdir -p "$DYNO_OUT" && printf %s "$0" > "$DYNO_OUT/run.json""#, &text)
}

fn script(script: &str, argument: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, argument]);
    command
}

fn compared(base: Command, new: Command) -> Result<Comparison, AbError> {
    Ab::new(base, new).named("main", "HEAD").time(Duration::from_secs(60)).run()
}

#[test]
fn a_program_against_itself_is_the_same() {
    let comparison = compared(program(1.0), program(1.0)).expect("a comparison");
    assert_eq!((comparison.finding.clone(), comparison.exit_code), (ComparisonFinding::Same, 0));
    assert_eq!((comparison.end.as_str(), comparison.pairs), ("decided", Some(4)));
    assert_eq!((comparison.base.name.as_str(), comparison.new.name.as_str()), ("main", "HEAD"));
    assert!(comparison.base.spectrum.contains_key("p50"), "{comparison:?}");
    crate::comparison::tests::check_contract(&comparison);
}

#[test]
fn a_slower_program_is_worse_and_a_faster_one_better() {
    let comparison = compared(program(1.0), program(1.5)).expect("a comparison");
    assert_eq!((comparison.finding.clone(), comparison.exit_code), (ComparisonFinding::Worse, 1));
    assert_eq!(comparison.figures[0].sentence, "service.mean is 50 % to 50 % worse (4 pairs)");
    let comparison = compared(program(1.5), program(1.0)).expect("a comparison");
    assert_eq!((comparison.finding, comparison.exit_code), (ComparisonFinding::Better, 0));
}

#[test]
fn the_state_after_each_pair_is_passed_on() {
    let mut pairs = Vec::new();
    let ab = Ab::new(program(1.0), program(1.0)).time(Duration::from_secs(60));
    ab.run_with(|state| pairs.push(state.pairs)).expect("a comparison");
    assert_eq!(pairs, [Some(1), Some(2), Some(3), Some(4)]);
}

#[test]
fn a_program_that_can_not_be_started_is_named_with_its_side() {
    let error = compared(program(1.0), Command::new("/nowhere/x")).unwrap_err().to_string();
    assert!(error.starts_with("can't start NEW: /nowhere/x: "), "{error}");
}

#[test]
fn a_program_that_leaves_no_result_is_named_with_its_last_line() {
    let error = compared(script("echo 'error: no' >&2; exit 2", ""), program(1.0)).unwrap_err();
    assert_eq!(error.to_string(), "BASE left no result (exit code 2): error: no");
}

#[test]
fn stages_are_refused_with_the_way_out() {
    let line = "error: DYNO_DURATION=800ms: the stages set the rate and the time: leave it out";
    let staged = script(&format!("echo '{line}' >&2; exit 2"), "");
    let error = compared(staged, program(1.0)).unwrap_err().to_string();
    assert!(error.ends_with("compare at one rate, such as --rate 500"), "{error}");
}

#[test]
fn a_study_is_refused() {
    let study = script(r#"mkdir -p "$DYNO_OUT" && echo '{}' > "$DYNO_OUT/study.json""#, "");
    let error = compared(study, program(1.0)).unwrap_err().to_string();
    assert!(error.ends_with("it was a study; compare at one --rate"), "{error}");
}

#[test]
fn both_commands_are_equally_large_for_their_processes() {
    let mut long = Command::new("/a/longer/path/sh");
    long.args(["-c", "true"]).env("NAME", "value");
    let turns =
        level([TurnProgram::new("BASE", &long), TurnProgram::new("NEW", &Command::new("/sh"))]);
    assert_eq!(turns[0].stack_size(), turns[1].stack_size());
    assert_eq!(turns[0].padding, 0);
}

#[test]
fn a_requested_percentile_of_the_tail_takes_a_window_with_enough_cycles() {
    let summary = || {
        let mut summary = Summary::parse(RUN, "run.json").expect("a summary");
        summary.rate.delivered = 100.0;
        TurnSummary(summary)
    };
    let first = [summary(), summary()];
    let options = ComparisonOptions::default();
    let usual = options.compared(|_| true);
    assert_eq!(longer_window(&usual, &first), None);
    let tail = options.metric("response.p99").expect("a figure").compared(|_| true);
    assert_eq!(longer_window(&tail, &first), Some(Duration::from_secs(10)));
}
