//! Tests of the formats of a study, over a sweep of three rates.

use std::path::Path;

use dyno_summary::SweepFinding;

use super::*;

const LOOK: Look = Look { palette: Palette::Plain, width: None };

fn trial(folder: &str, rate: f64, verdict: Verdict, p99_ns: u64) -> StudyTrial {
    let mut trial = StudyTrial::default();
    trial.folder = folder.to_owned();
    trial.rate = Some(rate);
    trial.verdict = verdict;
    trial.delivered = rate;
    trial.response_p50_ns = Some(1_000_000);
    trial.response_p99_ns = Some(p99_ns);
    trial
}

fn study() -> Study {
    let mut study = Study::default();
    study.schema = 1;
    study.benchmark = "shop".to_owned();
    study.study = "sweep".to_owned();
    study.answer = "sustained up to 200/s; 400/s is not sustained".to_owned();
    study.trials = vec![
        trial("01", 100.0, Verdict::Sustained, 2_000_000),
        trial("02", 200.0, Verdict::Sustained, 4_000_000),
        trial("03", 400.0, Verdict::Unsustained, 900_000_000),
    ];
    let mut finding = SweepFinding::default();
    finding.rates = vec![100.0, 200.0, 400.0];
    (finding.sustained, finding.not_sustained) = (Some(200.0), Some(400.0));
    study.sweep = Some(finding);
    study
}

#[test]
fn a_page_has_a_row_for_each_trial_the_curve_and_the_answer_last() {
    let kept = Kept { folder: Path::new("target/dyno/shop/1"), has_page: true };
    let page = human(&study(), Some(kept), LOOK);
    let rows = "trial   rate      verdict  delivered      p50      p99\n\
                01     100/s    sustained      100/s  1.00 ms  2.00 ms\n\
                02     200/s    sustained      200/s  1.00 ms  4.00 ms\n\
                03     400/s  unsustained      400/s  1.00 ms   900 ms\n";
    assert!(page.starts_with(&format!("shop\n{rows}")), "{page}");
    let end = "\nsweep: sustained up to 200/s; 400/s is not sustained\n\
               trials: target/dyno/shop/1\npage: target/dyno/shop/1/report.html\n";
    assert!(page.ends_with(end), "{page}");
}

#[test]
fn a_curve_is_logarithmic_on_both_axes_and_marks_the_first_rate_that_is_not_sustained() {
    let curve = curve(&study(), LOOK);
    // The geometric middle of 1 ms and 900 ms.
    assert!(curve.contains("900 ms") && curve.contains("30.0 ms"), "{curve}");
    let lines: Vec<_> = curve.lines().collect();
    let [axis, mark] = lines[lines.len() - 2..] else { panic!("{curve}") };
    assert!(axis.starts_with("100/s ") && axis.ends_with(" 400/s"), "{curve}");
    assert!(mark.ends_with("400/s is not sustained ▲"), "{curve}");
    let mut alone = study();
    alone.trials.truncate(1);
    assert_eq!(self::curve(&alone, LOOK), "", "one rate has no curve");
}

#[test]
fn csv_has_a_row_for_each_trial_and_a_cell_for_each_name() {
    let text = csv(&study());
    let cells: Vec<_> = text.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(cells, [13, 13, 13, 13]);
    let row = "shop,sweep,03,,400,400.000,unsustained,false,0,0,0,1000000,900000000";
    assert_eq!(text.lines().last(), Some(row));
}

#[test]
fn markdown_is_the_answer_and_a_table() {
    let text = markdown(&study());
    assert!(
        text.starts_with("### shop: sustained up to 200/s; 400/s is not sustained\n"),
        "{text}"
    );
    assert!(text.ends_with("| 03 | 400/s | unsustained | 400/s | 1.00 ms | 900 ms |\n"), "{text}");
}

#[test]
fn json_is_read_back_as_it_was() {
    let study = study();
    assert_eq!(serde_json::from_str::<Study>(&json(&study)).unwrap(), study);
}

#[test]
fn a_trial_that_went_wrong_shows_the_reason_at_its_end() {
    let mut study = study();
    assert_eq!(
        progress(&study).as_deref(),
        Some("trial 03: 400/s unsustained, 400/s delivered, response p50 1.00 ms, p99 900 ms")
    );
    let last = study.trials.last_mut().unwrap();
    last.verdict = Verdict::Error;
    last.reason = "worker 0 was killed".to_owned();
    assert!(progress(&study).unwrap().ends_with("; worker 0 was killed"));
}

#[test]
fn the_curve_of_a_shuffled_and_repeated_sweep_has_the_median_of_each_rate() {
    let points = vec![(2.0, 9.0), (1.0, 3.0), (2.0, 7.0), (1.0, 5.0), (2.0, 8.0)];
    assert_eq!(medians(points), [(1.0, 5.0), (2.0, 8.0)]);
}

#[test]
fn a_repeated_sweep_shows_for_each_rate_how_many_runs_were_sustained() {
    let mut study = study();
    let mut repeated = RepeatedRate::default();
    repeated.rate = 200.0;
    (repeated.repeat.count, repeated.repeat.sustained, repeated.repeat.judged) = (5, 4, 5);
    (repeated.repeat.share_low, repeated.repeat.share_high) = (0.376, 0.964);
    let mut spread = FigureSpread::default();
    (spread.mean_ns, spread.between_ns, spread.within_ns) = (1e6, 2e4, 1e4);
    repeated.repeat.spreads.insert("service.mean".to_owned(), spread);
    study.sweep.as_mut().unwrap().repeats = vec![repeated];
    let page = human(&study, None, LOOK);
    let lines = "\n200/s: 4 of 5 runs were sustained (38 to 96 % of all would be, with 95 %)\n  \
                 service.mean: 1.00 ms ± 20.0 µs between trials, ± 10.0 µs within one: no more than \
                 chance within a trial explains\n";
    assert!(page.contains(lines), "{page}");
}

#[test]
fn a_repeated_search_shows_the_ends_of_each_one() {
    let mut study = study();
    (study.study, study.sweep) = ("search".to_owned(), None);
    let bound = |rate| {
        let mut bound = SearchBound::default();
        bound.rate = rate;
        Some(bound)
    };
    let mut found = SearchFinding::default();
    (found.lower, found.upper) = (bound(200.0), bound(210.0));
    let mut searches = dyno_summary::RepeatedSearch::default();
    searches.findings = vec![found, SearchFinding::default()];
    study.searches = Some(searches);
    study.trials[2].round = Some(2);
    study.trials[2].purpose = Some("narrow".to_owned());
    let page = human(&study, None, LOOK);
    let lines =
        "\nsearch 1: sustains 200/s; 210/s is not sustained\nsearch 2: no rate has a verdict\n";
    assert!(page.contains(lines), "{page}");
    assert!(page.contains("search 2: narrow"), "{page}");
}
