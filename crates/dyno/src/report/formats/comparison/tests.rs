//! The formats of a comparison.

use super::*;
use crate::report::formats::palette::Palette;

fn figure(name: &str, ratio: [f64; 3], finding: ComparisonFinding) -> FigureComparison {
    let mut figure = FigureComparison::default();
    figure.name = name.to_owned();
    figure.unit = Unit::Nanoseconds;
    figure.base = Some(1_234_567.4);
    figure.new = Some(1_234_567.4 * ratio[1]);
    [figure.ratio_low, figure.ratio, figure.ratio_high] = ratio.map(Some);
    figure.tolerance = 0.05;
    figure.is_decisive = true;
    figure.finding = finding;
    figure.count = 9;
    figure
}

fn comparison() -> Comparison {
    let mut comparison = Comparison::default();
    comparison.benchmark = "shop".to_owned();
    comparison.evidence = "pairs".to_owned();
    comparison.answer = "NEW is worse: response.p99 is 12 % to 19 % worse (9 pairs)".to_owned();
    comparison.finding = ComparisonFinding::Worse;
    comparison.hint = "look at the commit".to_owned();
    comparison.pairs = Some(9);
    comparison.elapsed_ns = 20_000_000_000;
    comparison.base.name = "main".to_owned();
    comparison.base.git = Some("0123456789".to_owned());
    comparison.new.name = "HEAD".to_owned();
    for (side, factor) in [(&mut comparison.base, 1.0), (&mut comparison.new, 1.2)] {
        let times = [("p50", 1e6), ("p90", 2e6), ("p99", 5e6)];
        side.spectrum =
            times.map(|(name, time)| (name.to_owned(), factor * time)).into_iter().collect();
    }
    comparison.figures = vec![
        figure("service.mean", [0.988, 1.0, 1.02], ComparisonFinding::Same),
        figure("response.p99", [1.12, 1.15, 1.19], ComparisonFinding::Worse),
    ];
    comparison.warnings = vec!["busy machine".to_owned()];
    comparison
}

#[test]
fn the_page_has_the_figures_both_spectra_and_the_answer_last() {
    let text = human(&comparison(), Look { palette: Palette::Plain, width: Some(80) });
    let head = "shop\nBASE is main (0123456) · NEW is HEAD · 9 pairs in 20.0 s\n";
    assert!(text.starts_with(head), "{text}");
    let line = "service.mean  1.23 ms  1.23 ms  +0 %   -1.2 % to +2 %  same within 5 %\n";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed(&text).contains(&squeezed(line)), "{text}");
    assert!(text.contains("response by percentile  BASE  NEW\n"), "{text}");
    let axis = text.lines().find(|line| line.starts_with("p50")).expect("an axis");
    assert!(axis.ends_with("p99") && axis.contains(" p90 "), "{axis}");
    assert!(text.ends_with(
        "warning: busy machine\nNEW is worse: response.p99 is 12 % to 19 % worse (9 pairs)\n\
         next: look at the commit\n"
    ));
}

#[test]
fn a_side_without_percentiles_is_not_drawn() {
    let mut comparison = comparison();
    comparison.new.spectrum.clear();
    let text = human(&comparison, Look { palette: Palette::Plain, width: None });
    assert!(!text.contains("response by percentile"), "{text}");
}

#[test]
fn a_pull_request_gets_a_table_with_what_is_worse_in_bold() {
    let text = markdown(&comparison());
    assert!(text.starts_with("### shop: NEW is worse: response.p99 is 12 % to 19 % worse"));
    let row = "| response.p99 | 1.23 ms | 1.42 ms | +15 % | +12 % to +19 % | **worse** |\n";
    assert!(text.contains(row), "{text}");
    assert!(text.contains("\n- warning: busy machine\n- next: look at the commit\n"), "{text}");
}

#[test]
fn a_program_gets_a_row_for_each_figure_and_an_object_of_the_contract() {
    let text = csv(&comparison());
    let row = "shop,pairs,response.p99,ns,1234567.4000,1419752.5100,1.1500,1.1200,1.1900,0.0500,\
               worse,true,9\n";
    assert!(text.ends_with(row), "{text}");
    let read: Comparison = serde_json::from_str(&json(&comparison())).expect("an object");
    assert_eq!(read, comparison());
}

#[test]
fn the_progress_has_the_interval_of_each_figure() {
    let mut comparison = comparison();
    comparison.figures[0].finding = ComparisonFinding::Unclear;
    assert_eq!(
        progress(&comparison),
        "pair 9: service.mean -1.2 % to +2 % · response.p99 +12 % to +19 %: worse"
    );
}
