//! Tests of load profiles: a spike between two rates that are sustained, and the profiles that are
//! refused before anything is started.

use dyno::{Summary, Verdict};

use crate::support::{BEHAVES, Benchmark, assert_says, benchmark};

/// Creates a run under this profile, whose worker is busy for 500 µs in each cycle: it does 2,000 a
/// second where it has a core.
fn spins(stages: &str) -> Benchmark {
    let line = "-P how=spin -P us=500 --workers 1";
    benchmark(BEHAVES).args(line).word("--stages").word(stages)
}

/// A rate that is sustained, one that is not, and the first one again.
const SPIKE: &str = "2s:150, 1s:4k, 6s:150";

/// Checks that a result is by the schema.
#[track_caller]
fn by_the_schema(text: &str) -> Summary {
    let schema = include_str!("../../docs/summary.schema.json");
    let schema = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let value = serde_json::from_str(text).expect("JSON");
    let wrong: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}: {text}");
    serde_json::from_str(text).expect("a summary")
}

#[test]
fn a_spike_is_not_sustained_and_the_stages_around_it_are() {
    let ended = spins(SPIKE).run();
    ended.verdict(1, "unsustained");
    let summary = by_the_schema(&ended.read("out/run.json"));
    assert_eq!(summary.parameters.stages.as_deref(), Some("2s:150, 1s:4k, 6s:150"));
    assert_eq!(summary.parameters.on_backlog, "queue");
    let due: Vec<_> = summary.stages.iter().map(|stage| stage.due).collect();
    assert_eq!(due, [300, 4_000, 900], "the grid goes on over each boundary: {ended:#?}");
    assert_eq!(summary.cycles.issued, 5_200);
    let ended_cycles: u64 = summary.stages.iter().map(|stage| stage.ended).sum();
    assert_eq!((ended_cycles, summary.cycles.completed), (5_200, 5_200), "{ended:#?}");
    let verdicts: Vec<_> = summary.stages.iter().map(|stage| stage.verdict.clone()).collect();
    assert_eq!(verdicts[1], Some(Verdict::Unsustained), "{ended:#?}");
    assert_eq!(verdicts[0], Some(Verdict::Sustained), "{ended:#?}");
    // The last stage may be too short for a machine that is very slow.
    let spike = &summary.stages[1];
    match spike.recovery_ns {
        Some(recovery) => {
            assert!(recovery > 0 && recovery <= 6_000_000_000, "{ended:#?}");
            assert_eq!(verdicts[2], Some(Verdict::Sustained), "{ended:#?}");
        }
        None => assert_eq!(verdicts[2], Some(Verdict::Unsustained), "{ended:#?}"),
    }
    assert!(spike.backlog_end > 1_000 && spike.backlog_max >= spike.backlog_end, "{ended:#?}");
    assert_says(&summary.reasons[0], &["stage 2 of 3 (1s:4k) was not sustained"]);
}

#[test]
fn the_page_has_a_row_for_each_stage() {
    let ended = spins("1s:300, 1s:300..600").args("--format human").run();
    let lines = ["stages 1s:300, 1s:300..600", "stage ", "300 to 600/s", "sustained:"];
    assert_says(&ended.stdout, &lines);
}

#[test]
fn a_profile_that_can_not_be_run_is_refused_in_one_line() {
    for (stages, line, expected) in [
        ("5s:0", "", "--stages 5s:0: `0` at character 4: expected a rate from 0.1 to 1,000,000"),
        (" ", "", "there are no stages: expected `TIME:RATE`"),
        ("5s:50", "--rate 80", "--rate 80: the stages set the rate and the time: leave it out"),
        ("5s:50", "--rate max", "--rate max: the stages set the rate and the time: leave it out"),
        ("5s:50", "--duration 9s", "--duration 9s: the stages set the rate and the time"),
        ("5s:50", "--rate search", "--stages 5s:50: a sweep or a search sets the rates itself"),
        ("5s:50", "--rate 1k,2k", "--stages 5s:50: a sweep or a search sets the rates itself"),
    ] {
        let ended = spins(stages).args(line).run();
        assert_eq!(ended.status.code(), Some(2), "{ended:#?}");
        assert_says(&ended.stderr, &[expected]);
        assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{ended:#?}");
    }
}

#[test]
fn a_repetition_repeats_the_profile() {
    let ended = spins("1s:300").args("--repeat 2").run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    for folder in ["01", "02"] {
        let run = by_the_schema(&ended.read(&format!("out/{folder}/run.json")));
        assert_eq!((run.stages.len(), run.stages[0].due), (1, 300), "{ended:#?}");
    }
}
