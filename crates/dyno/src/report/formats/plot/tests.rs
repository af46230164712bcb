//! Tests of plots: axes, legend, width, and metrics without values.

use dyno_observer::Stat;

use super::*;
use crate::result::fixture;

const SERVICE: &str = "
longest service  worker 0  worker 1
                       ⠉⠉⠉⠉⠉⠉⠒⠒⠒⠒⠒⠢⠤⠤⠤⠤⠤⣀⣀⣀⣀⣀⡀│ 24.0 ms
                                             ⠈│
                                              │
                                              │
                                              │
                                              │
                                              │ 12.0 ms
                                              │
                                              │
                                              │
                                              │
                                              │ 0 ns
0                                       200 ms
";

#[test]
fn a_plot_has_a_title_a_legend_and_both_axes_with_units() {
    let list = fixture::observer().list();
    let timeline = list.workers().metrics(["service"]).pick(Stat::Snapshots).of(Stat::Max);
    let text = plot("longest service", &timeline.group(), 60);
    assert_eq!(text, SERVICE);
}

#[test]
fn a_plot_fits_any_width_and_loses_no_point_at_an_edge() {
    let points = |values: &[f64]| {
        let point = |(index, value): (usize, &f64)| Point { at_ns: index as u64, value: *value };
        values.iter().enumerate().map(point).collect::<Vec<_>>()
    };
    for values in [&[1.0][..], &[0.0, 0.0], &[0.0, 5.0, 0.0, 5.0], &[1e15, 2e15]] {
        let lines = [("p50".to_owned(), points(values))];
        for width in [0, 10, 60, 120, 1_000] {
            let text = draw("x", Unit::Nanoseconds, &lines, width, Palette::Plain);
            assert_eq!(text.lines().count(), ROWS + 3, "{text}");
            assert!(
                text.contains(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
                "{values:?}\n{text}"
            );
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            let room = width.clamp(WIDTH.0 + LABEL_WIDTH, WIDTH.1 + LABEL_WIDTH);
            assert!(widest <= room, "{widest} of {room}\n{text}");
        }
    }
}

#[test]
fn a_plot_without_points_is_empty() {
    assert_eq!(plot("nothing", &[], 80), "");
    assert_eq!(draw("x", Unit::None, &[("p50".to_owned(), Vec::new())], 80, Palette::Plain), "");
}

#[test]
fn a_summary_draws_the_metrics_that_came_and_names_those_that_did_not() {
    let summary = fixture::summary();
    let names = ["response", "checkout", "basket"].map(str::to_owned);
    let text = requested(&summary, None, &names, 80, Palette::Plain);
    // Six cycles in an interval are too few for a p99.
    assert!(text.starts_with("\nresponse  p50  max\n"), "{text}");
    assert_eq!(
        missing(&summary, &names).unwrap(),
        "there is no plot of `checkout`, `basket`, which has no value; the metrics with values are \
         wait, service, response, loop_lag, cpu, rss"
    );
    assert_eq!(missing(&summary, &names[..1]), None);
}

#[test]
fn intervals_with_enough_values_for_p99_are_drawn_by_it_and_single_values_by_the_largest() {
    let mut summary = fixture::summary();
    let drawn = |summary: &Summary| {
        let text = requested(summary, None, &["service".to_owned()], 80, Palette::Plain);
        text.lines().nth(1).unwrap().to_owned()
    };
    summary.series[0].metrics.get_mut("service").unwrap().p99 = Some(24_000_000);
    assert_eq!(drawn(&summary), "service  p50  p99");
    for point in &mut summary.series {
        let metric = point.metrics.get_mut("service").unwrap();
        (metric.p50, metric.p99) = (None, None);
    }
    assert_eq!(drawn(&summary), "service  max");
}

#[test]
fn a_run_that_measured_nothing_blames_no_plot() {
    let mut summary = fixture::summary();
    summary.metrics.clear();
    assert_eq!(missing(&summary, &["checkout".to_owned()]), None);
}

#[test]
fn the_heat_map_and_the_spectrum_are_plots_unless_a_metric_has_their_name() {
    let mut summary = fixture::summary();
    let names = ["heat".to_owned(), "spectrum".to_owned()];
    assert_eq!(missing(&summary, &names), None);
    let mut run = fixture::run();
    run.observer.end(dyno_bus::Time::from_nanos(9_000_000_000));
    let intervals = crate::report::files::intervals::intervals_of(&run);
    let draw = |summary: &Summary| requested(summary, Some(&intervals), &names, 80, Palette::Plain);
    let text = draw(&summary);
    assert!(text.contains("response  · 1 cycle") && text.contains("percentiles  "), "{text}");
    let metric = summary.metrics["service"].clone();
    summary.metrics.insert("heat".to_owned(), metric);
    let text = draw(&summary);
    assert!(!text.contains("· 1 cycle") && text.contains("percentiles  "), "{text}");
}
