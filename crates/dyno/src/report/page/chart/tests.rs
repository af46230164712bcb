//! Tests of a chart as SVG, as a table and as data.

use super::super::axis::AxisKind;
use super::*;

fn chart() -> Chart {
    let axes = (Axis::exact(AxisKind::Clock, 0.0, 4e9), Axis::linear(AxisKind::PerSecond, 10.0));
    Chart::new("load", "Load", "How to read it.", axes)
}

#[test]
fn a_line_breaks_where_a_value_is_missing() {
    let mut chart = chart();
    let points = vec![(0.0, Some(0.0)), (1e9, Some(5.0)), (2e9, None), (3e9, Some(10.0))];
    chart.add("completed", Shape::Line, points);
    assert_eq!(chart.path(&chart.series[0]), "M0 1000L250 500M750 0h0");
}

#[test]
fn areas_and_bars_end_on_the_axis() {
    let mut chart = chart();
    chart.add("area", Shape::Area, vec![(0.0, Some(5.0)), (4e9, Some(10.0))]);
    chart.add("bars", Shape::Bars, vec![(0.0, Some(5.0)), (4e9, None)]);
    assert_eq!(chart.path(&chart.series[0]), "M0 1000L0 500L1000 0V1000Z");
    let bars = "M50 1000V500H450V1000ZM550 1000V1000H950V1000Z";
    assert_eq!(chart.path(&chart.series[1]), bars);
}

#[test]
fn a_chart_has_its_figures_as_a_table_and_as_data() {
    let mut chart = chart();
    chart.add("completed", Shape::Line, vec![(1e9, Some(5.5)), (2e9, None)]);
    chart.add("issued", Shape::Line, vec![(1e9, Some(6.0))]);
    let mut html = Html::default();
    chart.table(&mut html);
    let text = html.into_text();
    assert!(text.contains(">1 s</th><td>5.5/s</td><td>6/s"), "{text}");
    assert!(text.contains(">2 s</th><td></td><td></td>"), "{text}");
    let data = chart.data();
    assert_eq!(data["places"], json!([1_000_000_000, 2_000_000_000]));
    assert_eq!(data["series"][0]["values"], json!([5.5, null]));
    assert_eq!(data["series"][1]["values"], json!([6, null]));
}

#[test]
fn a_mark_beyond_the_axis_is_left_out() {
    let mut chart = chart();
    chart.rules = vec![(5.0, "limit".into()), (500.0, "far away".into())];
    let mut html = Html::default();
    chart.write(&mut html);
    let text = html.into_text();
    assert!(text.contains("limit") && !text.contains("far away"), "{text}");
}
