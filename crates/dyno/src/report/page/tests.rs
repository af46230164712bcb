//! Tests of pages as texts. How they look and behave in a browser is tested with a real one.

use dyno_summary::{
    Comparison, ComparisonFinding, CycleErrors, FigureComparison, IntervalColumn, Intervals,
    MetricIntervals, Study, StudyTrial, Summary, Verdict,
};
use serde_json::Value;

use super::*;
use crate::result::fixture;

/// Texts that try to leave the place where they belong.
const HOSTILE: &str = "</script><script>alert(1)</script>\"]]></svg>\u{202e}<img src=x>";
/// The most bytes of a page of an hour with 1,000 workers.
const BYTES_MAX: usize = 300_000;

/// Returns the data that a page holds for its script.
fn data_of(page: &str) -> Value {
    let begin = "<script type=\"application/json\" id=\"data\">";
    let (_, rest) = page.split_once(begin).expect("a page has data");
    let (data, _) = rest.split_once("</script>").expect("the data ends");
    serde_json::from_str(data).expect("the data is JSON")
}

/// Checks that each value of `part` is at the same place in `whole`.
fn assert_is_part(part: &Value, whole: &Value, place: &str) {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            for (name, value) in part {
                let other = whole.get(name).unwrap_or_else(|| panic!("{place}.{name} is new"));
                assert_is_part(value, other, &format!("{place}.{name}"));
            }
        }
        _ => assert_eq!(part, whole, "{place}"),
    }
}

/// Returns the summary of an hour with 1,000 workers, many metrics and many errors.
fn hour() -> Summary {
    let mut summary = fixture::summary();
    let point = summary.series[1].clone();
    summary.series = (1..=50)
        .map(|number| {
            let mut point = point.clone();
            point.t_ns = number * 72_000_000_000;
            for (place, metric) in point.metrics.values_mut().enumerate() {
                let value = 1_000_003 * number + 7_919 * place as u64;
                (metric.p50, metric.p99) = (Some(value), Some(3 * value));
                metric.max = 1_000 * value;
            }
            point
        })
        .collect();
    let worker = summary.workers[0].clone();
    summary.workers = vec![worker; 1_000];
    for (index, worker) in summary.workers.iter_mut().enumerate() {
        worker.index = index as u32;
        worker.metrics.get_mut("response").expect("it responds").p99 =
            Some(1_000_000 + index as u64);
    }
    let metric = summary.metrics["service"].clone();
    for number in 0..20 {
        summary.metrics.insert(format!("metric number {number}"), metric.clone());
        for point in &mut summary.series {
            let service = point.metrics["service"];
            point.metrics.insert(format!("metric number {number}"), service);
        }
    }
    summary.errors = (0..10)
        .map(|number| CycleErrors::new(format!("{number}: {}", "x".repeat(1_000)), 1, number))
        .collect();
    summary
}

/// Returns the interval table of an hour, whose 200 columns are all full.
fn intervals_of_hour() -> Intervals {
    let mut intervals = Intervals::default();
    intervals.ends_ns = (1..=200).map(|column| column * 18_000_000_000).collect();
    intervals.rows = (0..80)
        .map(|row| if row == 0 { 0 } else { (100.0 * 1.333_f64.powi(row)) as u64 })
        .collect();
    let mut metric = MetricIntervals::default();
    metric.columns = (0..200_u64)
        .map(|column| {
            let mut rows = IntervalColumn::default();
            // A band that moves slowly and thins out on both sides, with chance in each cell.
            let count = |row: u64| {
                let from_middle = row as f64 - 40.0 - 10.0 * (column as f64 / 30.0).sin();
                let chance = ((column * 7_919 + row * 104_729) % 1_000) as f64 / 1_000.0;
                (300_000.0 * (-from_middle * from_middle / 60.0).exp() * (0.9 + 0.2 * chance))
                    as u64
            };
            rows.counts = (0..80).map(count).collect();
            rows.count = rows.counts.iter().sum();
            rows.sum = rows.count * 1_000_000;
            rows
        })
        .collect();
    intervals.metrics.insert("response".to_owned(), metric);
    intervals
}

#[test]
fn the_data_of_a_page_equals_the_summary() {
    for summary in [fixture::summary(), hour()] {
        let mut whole = serde_json::to_value(&summary).unwrap();
        let data = data_of(&of_run(&summary, None));
        let mut part = data["summary"].clone();
        let shown = part.as_object_mut().unwrap().remove("workers").unwrap();
        let all = whole.as_object_mut().unwrap().remove("workers").unwrap();
        assert_is_part(&part, &whole, "summary");
        assert!(!shown.as_array().unwrap().is_empty());
        for worker in shown.as_array().unwrap() {
            assert_eq!(*worker, all[worker["index"].as_u64().unwrap() as usize]);
        }
        let backlog = data["charts"].as_array().unwrap().iter().find(|one| one["id"] == "backlog");
        let numbers = |list: &Value| {
            list.as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect::<Vec<_>>()
        };
        let backlog = backlog.unwrap();
        let read: Vec<_> = numbers(&backlog["places"])
            .into_iter()
            .zip(numbers(&backlog["series"][0]["values"]))
            .collect();
        let expected: Vec<_> =
            summary.series.iter().map(|point| (point.t_ns, point.backlog)).collect();
        assert_eq!(read, expected);
    }
}

#[test]
fn the_page_of_an_hour_with_a_thousand_workers_is_small() {
    let page = of_run(&hour(), Some(&intervals_of_hour()));
    assert!(page.len() <= BYTES_MAX, "{} bytes", page.len());
    assert!(page.contains("data:image/png;base64,"));
    assert!(page.contains("Of 1,000 workers the 8 slowest and the 8 fastest are shown"));
    let data = data_of(&page);
    let shown = data["summary"]["workers"].as_array().unwrap();
    let indices: Vec<_> = shown.iter().map(|worker| worker["index"].as_u64().unwrap()).collect();
    assert_eq!(indices[..2], [999, 998]);
    assert_eq!(indices[14..], [1, 0]);
}

#[test]
#[ignore = "it prints a time, which counts in a release build only"]
fn the_time_to_make_the_page_of_an_hour_with_a_thousand_workers() {
    let (summary, intervals) = (hour(), intervals_of_hour());
    let made = || {
        let begin = dyno_bus::clock::now();
        std::hint::black_box(of_run(std::hint::black_box(&summary), Some(&intervals)));
        dyno_bus::clock::now() - begin
    };
    let mut times: Vec<_> = (0..21).map(|_| made()).collect();
    times.sort_unstable();
    println!("{:?} at the median of 21 pages, {:?} at most", times[10], times[20]);
}

#[test]
fn texts_of_others_stay_texts() {
    let mut summary = fixture::summary();
    summary.benchmark = HOSTILE.to_owned();
    summary.verdict = Verdict::Unknown(HOSTILE.to_owned());
    summary.reasons = vec![HOSTILE.to_owned()];
    summary.warnings = vec![HOSTILE.to_owned()];
    summary.hint = HOSTILE.to_owned();
    summary.command = vec![HOSTILE.to_owned()];
    summary.errors[0].message = HOSTILE.to_owned();
    let metric = summary.metrics["service"].clone();
    summary.metrics.insert(HOSTILE.to_owned(), metric);
    for point in &mut summary.series {
        let service = point.metrics["service"];
        point.metrics.insert(HOSTILE.to_owned(), service);
    }
    let task = serde_json::json!({HOSTILE: HOSTILE});
    summary.parameters.task = serde_json::from_value(task).unwrap();
    let mut comparison = compared();
    for text in [
        &mut comparison.benchmark,
        &mut comparison.answer,
        &mut comparison.hint,
        &mut comparison.warnings[0],
        &mut comparison.base.name,
        &mut comparison.figures[0].name,
    ] {
        HOSTILE.clone_into(text);
    }
    comparison.differences = vec![HOSTILE.to_owned()];
    let compared = of_comparison(&comparison);
    assert!(!compared.contains("alert(1)</script>") && !compared.contains("<img"), "{compared}");
    let page = of_run(&summary, None);
    assert!(!page.contains("alert(1)</script>"), "{page}");
    assert!(!page.contains("<img"), "{page}");
    // The two scripts and the title, whose text is not isolated, are our own.
    assert_eq!(page.matches("<script").count(), 2);
    let title = page.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
    assert!(!title.contains('\u{202e}'), "{title}");
    assert_eq!(data_of(&page)["summary"]["benchmark"], HOSTILE);
}

#[test]
fn nothing_is_requested_and_no_style_is_in_an_attribute() {
    let mut study = Study::default();
    study.trials.push(StudyTrial::default());
    for page in [of_run(&fixture::summary(), None), of_study(&study), of_comparison(&compared())] {
        let (head, _) = page.split_once("<body>").unwrap();
        assert!(head.contains("default-src &#39;none&#39;; style-src &#39;sha256-"), "{head}");
        for refused in [" style=", "file:", "http://", "https://", "url(", "@import", " on"] {
            let found = page.replace("http://www.w3.org/2000/svg", "");
            let found = found.split("<body>").nth(1).unwrap();
            let markup = found.split("<script").next().unwrap();
            assert!(!markup.contains(&format!("{refused}click")), "{refused}");
            assert!(refused == " on" || !markup.contains(refused), "{refused}");
        }
    }
}

#[test]
fn a_secret_of_an_earlier_version_is_not_shown() {
    let mut summary = fixture::summary();
    let task = serde_json::json!({"api_token": "hidden-1"});
    summary.parameters.task = serde_json::from_value(task).unwrap();
    summary.command = vec!["shop".into(), "-P".into(), "api_token=hidden-1".into()];
    let page = of_run(&summary, None);
    assert!(!page.contains("hidden-1"), "{page}");
    assert!(page.contains("api_token=…"), "{page}");
}

#[test]
fn a_run_without_anything_has_a_page() {
    let mut summary = Summary::default();
    summary.benchmark = "empty".to_owned();
    summary.verdict = Verdict::Error;
    summary.reasons = vec!["no worker started".to_owned()];
    let page = of_run(&summary, None);
    assert!(page.contains("<bdi>error</bdi>"), "{page}");
    assert!(page.contains("no worker started"), "{page}");
    assert!(page.contains("The run ended before an interval was over."), "{page}");
    // So does one whose only point is at its start: an axis of time would have no length.
    summary.series = vec![dyno_summary::SeriesPoint::default()];
    assert_eq!(of_run(&summary, None).matches("class=\"chart\"").count(), 0);
    assert!(of_run(&summary, None).contains("The run ended before an interval was over."));
}

#[test]
fn a_closed_loop_has_neither_a_requested_rate_nor_a_backlog() {
    let mut summary = fixture::summary();
    summary.rate.asked = None;
    summary.verdict = Verdict::Completed;
    let page = of_run(&summary, None);
    assert!(!page.contains("requested"), "{page}");
    assert!(!page.contains("id=\"backlog\""), "{page}");
}

#[test]
fn a_sweep_has_its_curve_with_the_bracket_and_a_link_to_each_trial() {
    let mut study = Study::default();
    (study.study, study.answer) = ("sweep".into(), "sustains 2,000/s".into());
    study.end = Some("done".into());
    for (number, verdict) in [(1, Verdict::Sustained), (2, Verdict::Unsustained)] {
        let mut trial = StudyTrial::default();
        (trial.folder, trial.verdict) = (format!("0{number}"), verdict);
        trial.rate = Some(2_000.0 * f64::from(number));
        trial.response_p99_ns = Some(1_000_000 << (4 * number));
        study.trials.push(trial);
    }
    let mut sweep = dyno_summary::SweepFinding::default();
    (sweep.sustained, sweep.not_sustained) = (Some(2_000.0), Some(4_000.0));
    study.sweep = Some(sweep);
    let page = of_study(&study);
    assert!(page.contains("href=\"01/report.html\""), "{page}");
    assert!(page.contains("between sustained and not"), "{page}");
    let data = data_of(&page);
    assert_eq!(data["study"], serde_json::to_value(&study).unwrap());
    assert_eq!(data["charts"][0]["series"][1]["name"], "p99, not sustained");
    assert_eq!(data["charts"][1]["series"][1]["name"], "requested");
    assert!(data["charts"][1]["y"]["to"].as_f64() >= Some(4_000.0), "what was requested is on it");
}

#[test]
fn a_repetition_has_the_spread_between_trials_beside_that_within_one_for_each_rate() {
    let mut spread = dyno_summary::FigureSpread::default();
    (spread.mean_ns, spread.between_ns, spread.within_ns) = (2e6, 3e5, 1e5);
    spread.differs = true;
    let mut repeat = dyno_summary::RepeatFinding::default();
    (repeat.sustained, repeat.judged) = (4, 5);
    (repeat.share_low, repeat.share_high) = (0.28, 0.995);
    repeat.spreads.insert("service.mean".into(), spread);
    let row = "service.mean</th><td>2.00 ms</td><td>300 µs</td><td>100 µs</td><td>yes</td>";
    let share = "4 of 5 runs were sustained (28 to 100 % of all would be, with 95 %)";
    let mut study = Study::default();
    study.repeat = Some(repeat.clone());
    let page = of_study(&study);
    assert!(page.contains(row), "{page}");
    let mut rate = dyno_summary::RepeatedRate::default();
    (rate.rate, rate.repeat) = (2_000.0, repeat);
    let mut sweep = dyno_summary::SweepFinding::default();
    sweep.repeats = vec![rate.clone(), rate];
    (study.repeat, study.sweep) = (None, Some(sweep));
    let page = of_study(&study);
    for part in [row, share, "<h3>2,000/s</h3>"] {
        assert_eq!(page.matches(part).count(), 2, "{part}");
    }
}

#[test]
fn repeated_searches_have_a_row_for_each_answer() {
    let mut finding = dyno_summary::SearchFinding::default();
    let mut bound = dyno_summary::SearchBound::default();
    bound.rate = 8_200.0;
    finding.lower = Some(bound);
    let mut searches = dyno_summary::RepeatedSearch::default();
    searches.findings = vec![finding.clone(), finding];
    let mut study = Study::default();
    study.searches = Some(searches);
    let page = of_study(&study);
    assert_eq!(page.matches("<td>sustains 8,200/s</td>").count(), 2, "{page}");
}

/// Returns a comparison whose p99 is worse.
fn compared() -> Comparison {
    let mut comparison = Comparison::default();
    comparison.benchmark = "shop".into();
    comparison.answer = "NEW is worse: response.p99 is 12 % to 19 % worse (9 pairs)".into();
    comparison.finding = ComparisonFinding::Worse;
    comparison.exit_code = 1;
    comparison.pairs = Some(9);
    comparison.warnings = vec!["busy machine".into()];
    (comparison.base.name, comparison.new.name) = ("main".into(), "HEAD".into());
    for (side, factor) in [(&mut comparison.base, 1.0), (&mut comparison.new, 1.2)] {
        for (name, time) in [("p50", 1e6), ("p90", 2e6), ("p99", 5e6)] {
            side.spectrum.insert(name.into(), factor * time);
        }
    }
    for (name, ratios, finding, is_decisive) in [
        ("service.mean", [0.988, 1.0, 1.02], ComparisonFinding::Same, true),
        ("response.p99", [1.12, 1.15, 1.19], ComparisonFinding::Worse, true),
        ("response.max", [0.5, 1.0, 2.0], ComparisonFinding::Unclear, false),
    ] {
        let mut figure = FigureComparison::default();
        (figure.name, figure.unit) = (name.into(), dyno_summary::Unit::Nanoseconds);
        (figure.base, figure.new) = (Some(1_234_567.4), Some(1_234_567.4 * ratios[1]));
        [figure.ratio_low, figure.ratio, figure.ratio_high] = ratios.map(Some);
        (figure.tolerance, figure.is_decisive) = (0.05, is_decisive);
        figure.finding = finding;
        comparison.figures.push(figure);
    }
    comparison
}

#[test]
fn a_comparison_has_its_answer_first_both_spectra_and_the_interval_of_each_ratio() {
    let comparison = compared();
    let page = of_comparison(&comparison);
    let parts = [
        "<h1><span class=\"sign\" aria-hidden=\"true\">✗</span><bdi>worse</bdi></h1>",
        "<bdi>NEW is worse: response.p99 is 12 % to 19 % worse (9 pairs)</bdi>",
        "<bdi>BASE is main · NEW is HEAD · 9 pairs in 0 ns</bdi>",
        "<strong>warning: </strong><bdi>busy machine</bdi>",
        "<bdi>service.mean</bdi>",
        "<td>-1.2 % to +2 %</td>",
        "<bdi>response.p99</bdi>",
        "<td>+12 % to +19 %</td>",
        "<td class=\"bad\"><bdi>worse</bdi></td>",
        "<bdi>response.max does not count for the answer.</bdi>",
        "id=\"spectrum\"",
        "<td>5 ms</td><td>6 ms</td>",
    ];
    let mut rest = &*page;
    for part in parts {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("no {part} in {rest}")).1;
    }
    // The widest interval, from a half to the double, leaves a little room at both ends.
    assert!(page.contains("class=\"interval\" d=\"M45.5 50H954.5\""), "{page}");
    let data = data_of(&page);
    assert_eq!(data["comparison"], serde_json::to_value(&comparison).unwrap());
    let values = |series: usize| data["charts"][0]["series"][series]["values"].clone();
    assert_eq!((&data["charts"][0]["places"]), &serde_json::json!([2, 10, 100]));
    assert_eq!(values(1), serde_json::json!([1_200_000, 2_400_000, 6_000_000]));
}

#[test]
fn a_comparison_without_figures_or_percentiles_has_a_page() {
    let mut comparison = compared();
    (comparison.finding, comparison.exit_code) = (ComparisonFinding::Unclear, 4);
    comparison.figures.clear();
    comparison.new.spectrum.clear();
    let page = of_comparison(&comparison);
    assert!(page.contains("<header class=\"open\">"), "{page}");
    assert!(!page.contains("<h2>Figures</h2>") && !page.contains("id=\"spectrum\""), "{page}");
    // An end by a signal leaves what was the same so far open.
    (comparison.finding, comparison.exit_code) = (ComparisonFinding::Same, 130);
    assert!(of_comparison(&comparison).contains("<header class=\"open\">"));
    comparison.exit_code = 0;
    assert!(of_comparison(&comparison).contains("<header class=\"good\">"));
}

#[test]
fn a_threshold_is_a_sentence_and_a_mark_in_the_chart_of_its_metric() {
    let mut summary = fixture::summary();
    let mut threshold = dyno_summary::ThresholdResult::default();
    "response.p50 < 25ms".clone_into(&mut threshold.expression);
    "response".clone_into(&mut threshold.metric);
    threshold.unit = dyno_summary::Unit::Nanoseconds;
    (threshold.limit, threshold.value, threshold.met) = (25e6, Some(20e6), true);
    summary.thresholds = vec![threshold];
    let page = of_run(&summary, None);
    assert!(page.contains("<bdi>response.p50 &lt; 25ms met: 20.0 ms</bdi>"), "{page}");
    assert_eq!(page.matches("<bdi>response.p50 &lt; 25ms</bdi>").count(), 1, "{page}");
}

#[test]
fn the_worst_window_of_a_threshold_is_marked_in_the_chart_of_its_metric() {
    let threshold = |metric: &str, limit: &str, met: bool| {
        let mut threshold = dyno_summary::ThresholdResult::default();
        threshold.expression = format!("{metric} < {limit} over 1s");
        threshold.metric = metric.split('.').next().unwrap().to_owned();
        (threshold.unit, threshold.met) = (dyno_summary::Unit::Nanoseconds, met);
        let mut worst = dyno_summary::WorstWindow::default();
        worst.at_ns = 1_500_000_000;
        threshold.worst = Some(worst);
        threshold
    };
    let mut summary = fixture::summary();
    summary.thresholds = vec![
        threshold("response.p50", "20ms", false),
        threshold("failed.share", "1%", true),
        threshold("backlog.max", "9", true),
    ];
    let page = of_run(&summary, None);
    let figure = |id: &str| {
        let (_, rest) = page.split_once(&format!("id=\"{id}\"")).expect(id);
        rest.split_once("</figure>").expect("it ends").0.to_owned()
    };
    // The words say where it is; a count of cycles has no chart but that of the load.
    for (id, class, words) in [
        ("response", "broken", "response.p50 &lt; 20ms over 1s: 500 ms to 1.50 s"),
        ("load", "kept", "failed.share &lt; 1% over 1s: 500 ms to 1.50 s"),
        ("backlog", "kept", "backlog.max &lt; 9 over 1s: 500 ms to 1.50 s"),
    ] {
        let figure = figure(id);
        assert_eq!(figure.matches("worst window of ").count(), 1, "{figure}");
        assert!(figure.contains(&format!("<bdi>worst window of {words}</bdi>")), "{figure}");
        assert_eq!(figure.matches(&format!("<rect class=\"band {class}\"")).count(), 1, "{figure}");
    }
    assert!(!figure("service").contains("worst window"));
    // A later version may write thresholds that this one can't read: the end is known all the same.
    "response.p50 ~ 20ms over 1s".clone_into(&mut summary.thresholds[0].expression);
    let page = of_run(&summary, None);
    assert!(page.contains("response.p50 ~ 20ms over 1s: until 1.50 s"), "{page}");
}

#[test]
fn the_target_and_the_idle_share_of_the_machine_are_beside_the_workers() {
    let mut summary = fixture::summary();
    assert!(!of_run(&summary, None).contains("id=\"processors\""), "nothing was sampled");
    let metric = summary.metrics["cpu"].clone();
    let shares = [("target.cpu", 1_700), ("target.cpu_thread_max", 990), ("machine.idle", 20)];
    for (name, share) in shares {
        summary.metrics.insert(name.to_owned(), metric.clone());
        // The second interval has no sample, which breaks no line.
        for place in [0, 2] {
            let point = summary.series.get_mut(place);
            let Some(point) = point else { continue };
            let mut sample = dyno_summary::PointMetric::default();
            (sample.count, sample.max) = (1, share);
            point.metrics.insert(name.to_owned(), sample);
        }
    }
    let page = of_run(&summary, None);
    let data = data_of(&page);
    let charts = data["charts"].as_array().unwrap();
    let chart = charts.iter().find(|one| one["id"] == "processors").expect("a chart");
    let series = chart["series"].as_array().unwrap();
    let values = |name: &str| {
        let one = series.iter().find(|one| one["name"] == name).expect(name);
        one["values"].as_array().unwrap().iter().filter_map(Value::as_u64).collect::<Vec<_>>()
    };
    assert!(values("target").iter().all(|share| *share == 1_700) && !values("target").is_empty());
    assert_eq!(values("target's busiest thread")[0], 990);
    assert_eq!(values("machine idle")[0], 20);
    // Each metric of the user has a chart, and the target's have none but this.
    assert!(!page.contains("id=\"metric-"), "{page}");
}

#[test]
fn a_load_profile_has_a_row_and_a_reason_for_each_stage_and_bands_for_those_not_sustained() {
    let mut summary = fixture::staged();
    summary.stages[2].verdict = Some(Verdict::Unsustained);
    let page = of_run(&summary, None);
    for part in ["<h2>Stages</h2>", "50 to 400/s", "stage 1 of 3 (2s:50) was sustained"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("stage 3, not sustained"));
    assert!(!page.contains("stage 1, not sustained") && !page.contains("stage 2, not sustained"));
}
