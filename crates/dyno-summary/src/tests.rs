//! Tests of the contract: what is written is read again, other versions' files are read or refused
//! with the way out.

use std::error::Error;

use super::*;

/// A summary as a run leaves it.
const RUN: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../dyno/src/result/gather/tests/run.json"));

fn summary() -> Summary {
    Summary::parse(RUN, "run.json").expect("a summary")
}

/// Returns the text of the run with a change.
fn changed(from: &str, to: &str) -> String {
    assert!(RUN.contains(from), "{from}");
    RUN.replacen(from, to, 1)
}

fn refusal(text: &str) -> ReadError {
    Summary::parse(text, "shop/run.json").expect_err("it is not a summary")
}

#[test]
fn a_summary_that_is_read_is_written_byte_for_byte() {
    let written = serde_json::to_string_pretty(&summary()).unwrap();
    assert_eq!(written.trim_end(), RUN.trim_end());
}

#[test]
fn a_run_is_read_from_its_file_or_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(SUMMARY_FILE);
    std::fs::write(&file, RUN).unwrap();
    assert_eq!(Summary::read(&file).unwrap(), summary());
    assert_eq!(Summary::read(folder.path()).unwrap(), summary());
}

/// A study as it is stored.
fn study() -> Study {
    Study { schema: STUDY_SCHEMA, benchmark: "shop".to_owned(), ..Study::default() }
}

#[test]
fn a_study_is_read_from_its_file_or_its_folder_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(STUDY_FILE);
    std::fs::write(&file, serde_json::to_string(&study()).unwrap()).unwrap();
    assert_eq!(Study::read(&file).unwrap(), study());
    assert_eq!(Study::read(folder.path()).unwrap(), study());
}

#[test]
fn a_summary_is_not_a_study() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(SUMMARY_FILE);
    std::fs::write(&file, RUN).unwrap();
    let error = Study::read(&file).expect_err("it is the summary of a run");
    assert!(matches!(error, ReadError::NotStudy { .. }), "{error:?}");
    assert!(error.to_string().contains("name the study.json of a study"), "{error}");
}

#[test]
fn a_study_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = serde_json::to_string(&Study { schema: 2, ..study() }).unwrap();
    std::fs::write(folder.path().join(STUDY_FILE), text).unwrap();
    let error = Study::read(folder.path()).expect_err("it is of a later version");
    assert!(matches!(error, ReadError::NewerSchema { schema: 2, .. }), "{error:?}");
}

#[test]
fn a_missing_file_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let error = Summary::read(folder.path()).expect_err("the folder is empty");
    assert!(matches!(&error, ReadError::Missing { path } if path.ends_with(SUMMARY_FILE)));
    let text = error.to_string();
    assert!(text.contains("run.json is not there: the run has not ended"), "{text}");
}

#[test]
fn a_file_that_can_not_be_read_has_the_error_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(SUMMARY_FILE);
    std::fs::write(&file, [0xff]).unwrap();
    let error = Summary::read(&file).expect_err("it is not text");
    assert!(matches!(error, ReadError::Unreadable { .. }), "{error:?}");
    assert!(error.source().is_some());
}

#[test]
fn a_text_that_is_not_json_is_named_as_damaged() {
    let error = refusal("{\"schema\": 1,");
    assert_eq!(error.to_string(), "shop/run.json is damaged: it is not valid JSON");
    assert!(error.source().unwrap().to_string().contains("line 1"), "{error:?}");
}

#[test]
fn json_that_is_not_a_summary_is_refused() {
    for text in ["{}", "[1]", "{\"schema\": \"1\"}", "{\"schema\": 0}"] {
        let error = refusal(text);
        assert!(matches!(error, ReadError::NotSummary { .. }), "{text}: {error:?}");
        assert!(error.to_string().starts_with("shop/run.json is not the summary of a run"));
    }
}

#[test]
fn a_newer_schema_is_refused_with_both_versions() {
    let error = refusal(&changed("\"schema\": 1", "\"schema\": 2"));
    assert!(matches!(error, ReadError::NewerSchema { schema: 2, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("has schema 2, and this version of dyno reads 1"), "{text}");
}

#[test]
fn a_summary_that_lacks_a_field_is_damaged_and_the_field_is_named() {
    let error = refusal("{\"schema\": 1}");
    assert_eq!(error.to_string(), "shop/run.json is damaged");
    assert_eq!(error.source().unwrap().to_string(), "missing field `benchmark`");
}

#[test]
fn fields_that_an_older_version_did_not_write_are_empty() {
    let mut value: serde_json::Value = serde_json::from_str(RUN).unwrap();
    value.as_object_mut().unwrap().remove("completed_metrics").expect("it is written");
    value["rate"].as_object_mut().unwrap().remove("late").expect("it is written");
    let read = Summary::parse(&value.to_string(), "run.json").unwrap();
    assert!(read.completed_metrics.is_empty());
    assert_eq!(read.rate.late, 0);
    assert_eq!(read.cycles, summary().cycles);
}

#[test]
fn fields_that_a_later_version_adds_are_ignored() {
    let text = changed("\"schema\": 1,", "\"schema\": 1, \"colour\": \"blue\",");
    assert_eq!(Summary::parse(&text, "run.json").unwrap(), summary());
}

#[test]
fn an_unknown_verdict_keeps_its_name_and_never_passes_for_a_success() {
    let text = changed("\"unsustained\"", "\"postponed\"");
    let read = Summary::parse(&text, "run.json").unwrap();
    assert_eq!(read.verdict, Verdict::Unknown("postponed".into()));
    assert_eq!(read.verdict.to_string(), "postponed");
    assert!(!read.sustained());
    assert_ne!(read.verdict.exit_code(None), 0);
    let written = serde_json::to_string_pretty(&read).unwrap();
    assert_eq!(written.trim_end(), text.trim_end());
}

#[test]
fn an_unknown_unit_is_read_as_a_plain_number() {
    let text = changed("\"unit\": \"permille\"", "\"unit\": \"kelvin\"");
    let read = Summary::parse(&text, "run.json").unwrap();
    assert_eq!(summary().metrics["cpu"].unit, Unit::Permille);
    assert_eq!(read.metrics["cpu"].unit, Unit::None);
    assert_eq!(read.metrics["cpu"].max, summary().metrics["cpu"].max);
}

#[test]
fn every_verdict_is_read_back_by_its_name() {
    for verdict in Verdict::KNOWN {
        let json = serde_json::to_string(&verdict).unwrap();
        assert_eq!(json, format!("\"{verdict}\""));
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
    }
    assert!(Verdict::KNOWN.is_sorted(), "their order is their precedence");
}

#[test]
fn each_verdict_has_its_code_and_its_name() {
    let verdicts = [
        (Verdict::Sustained, None, 0, "sustained"),
        (Verdict::Inconclusive, None, 6, "inconclusive"),
        (Verdict::Completed, None, 0, "completed"),
        (Verdict::Unsustained, None, 1, "unsustained"),
        (Verdict::Failed, None, 3, "failed"),
        (Verdict::Invalid, None, 4, "invalid"),
        (Verdict::Error, None, 5, "error"),
        (Verdict::Error, Some(2), 5, "error"),
        (Verdict::Interrupted, Some(2), 130, "interrupted"),
        (Verdict::Interrupted, Some(15), 143, "interrupted"),
    ];
    for (verdict, signal, code, name) in verdicts {
        assert_ne!(verdict.exit_code(signal), REFUSED_EXIT);
        assert_eq!((verdict.exit_code(signal), verdict.to_string().as_str()), (code, name));
    }
}

#[test]
fn every_unit_is_written_by_its_name() {
    for unit in Unit::ALL {
        assert_eq!(serde_json::to_string(&unit).unwrap(), format!("\"{}\"", unit.name()));
        assert_eq!(Unit::of_name(unit.name()), unit);
    }
}

#[test]
fn a_run_that_a_signal_ended_knows_its_signal() {
    let mut summary = summary();
    assert_eq!(summary.signal(), None);
    summary.verdict = Verdict::Interrupted;
    summary.exit_code = summary.verdict.exit_code(Some(15));
    assert_eq!((summary.exit_code, summary.signal()), (143, Some(15)));
}

#[test]
fn parameters_of_the_task_are_read_by_name_and_type() {
    let summary = summary();
    assert_eq!(summary.parameter::<u32>("n"), Some(35));
    assert_eq!(summary.parameter::<String>("n"), None);
    assert_eq!(summary.parameter::<u32>("m"), None);
    let texts: Vec<_> = summary.parameters.task.texts().collect();
    assert_eq!(texts, [("n", "35".into()), ("url", "redis://user:***@host/0".to_owned())]);
}

#[test]
fn nanoseconds_and_whole_rates_are_written_as_integers() {
    let mut rate = RateSummary::default();
    (rate.asked, rate.delivered) = (Some(50.0), 39.6);
    let value = serde_json::to_value(rate).unwrap();
    assert!(value["asked"].is_u64());
    assert_eq!(value["delivered"], 39.6);
}
