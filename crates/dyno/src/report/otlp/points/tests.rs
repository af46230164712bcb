//! Points as a collector reads them: decoded by the types that the owners of OTLP publish.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, Metric};
use prost::Message;

use super::*;
use crate::primary::RunPhase;
use crate::result::fixture;

/// The width of a bucket: each begins at this ratio to the one before.
const BASE: f64 = 1.002_711_3;

fn attributes() -> Vec<(String, String)> {
    vec![("service.name".to_owned(), "shop".to_owned())]
}

fn points() -> OtlpPoints {
    let interim = fixture::interim(RunPhase::Measuring);
    let figures = MetricFigures::of_interim("cart", Some(50.5), &interim);
    OtlpPoints::new(figures, Duration::from_secs(7), Duration::from_secs(9))
}

/// Returns the metrics of a request, by name.
fn decoded(points: &OtlpPoints, temporality: Temporality) -> BTreeMap<String, Metric> {
    let bytes = points.request(&attributes(), temporality);
    let request = ExportMetricsServiceRequest::decode(&*bytes).expect("valid");
    let [of_resource] = &request.resource_metrics[..] else { panic!("{request:?}") };
    let resource = of_resource.resource.as_ref().expect("a resource");
    assert_eq!(resource.attributes[0].key, "service.name");
    let metrics = &of_resource.scope_metrics[0].metrics;
    metrics.iter().map(|metric| (metric.name.clone(), metric.clone())).collect()
}

fn histogram(metric: &Metric) -> (ExponentialHistogramDataPoint, i32) {
    let Some(Data::ExponentialHistogram(data)) = &metric.data else { panic!("{metric:?}") };
    (data.data_points[0].clone(), data.aggregation_temporality)
}

/// Returns the upper end of the bucket that holds the value of this rank, in seconds.
fn at_rank(point: &ExponentialHistogramDataPoint, rank: u64) -> f64 {
    let buckets = point.positive.as_ref().expect("buckets");
    let mut seen = point.zero_count;
    let mut counts = buckets.bucket_counts.iter();
    let place = counts.position(|count| {
        seen += count;
        seen >= rank
    });
    let end = f64::from(buckets.offset) + place.expect("a value of this rank") as f64 + 1.0;
    (end / f64::from(1 << point.scale)).exp2()
}

#[test]
fn a_collector_reads_each_figure() {
    let metrics = decoded(&points(), Temporality::Cumulative);
    let names: Vec<_> = metrics.keys().map(String::as_str).collect();
    let expected =
        "backlog cycles cycles.issued loop_lag requested_rate response service wait workers";
    let expected: Vec<_> = expected.split(' ').map(|name| format!("dyno.{name}")).collect();
    assert_eq!(names, expected);
    let Some(Data::Sum(cycles)) = &metrics["dyno.cycles"].data else { panic!("a sum") };
    assert!(cycles.is_monotonic);
    assert_eq!((cycles.aggregation_temporality, cycles.data_points.len()), (2, 6));
    let completed = &cycles.data_points[0];
    let keys: Vec<_> = completed.attributes.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["benchmark", "fate"]);
    assert_eq!(
        (completed.start_time_unix_nano, completed.time_unix_nano),
        (7_000_000_000, 9_000_000_000)
    );
    let fates = fixture::interim(RunPhase::Measuring).account.fates(dyno_bus::Phase::Measured);
    assert_eq!(completed.value, Some(Value::AsInt(fates.completed as i64)));
    let Some(Data::Gauge(rate)) = &metrics["dyno.requested_rate"].data else { panic!("a gauge") };
    assert_eq!(rate.data_points[0].value, Some(Value::AsDouble(50.5)));
}

#[test]
fn a_histogram_has_the_count_the_sum_and_the_percentiles_of_the_values() {
    let metrics = decoded(&points(), Temporality::Cumulative);
    for (label, series) in fixture::observer().merged_values() {
        let Some(metric) = metrics.get(&format!("dyno.{}", label.name)) else { continue };
        let Some(Data::ExponentialHistogram(_)) = &metric.data else { continue };
        let (point, _) = histogram(metric);
        let stats = series.stats();
        assert_eq!((metric.unit.as_str(), point.scale), ("s", SCALE));
        assert_eq!((point.count, point.sum), (series.count(), Some(series.sum() as f64 / 1e9)));
        assert_eq!((point.min, point.max), (Some(seconds(stats.min)), Some(seconds(stats.max))));
        let in_buckets: u64 = point.positive.iter().flat_map(|one| &one.bucket_counts).sum();
        assert_eq!(in_buckets + point.zero_count, point.count);
        if stats.min > 0 {
            let rank = point.count.div_ceil(2);
            let exact = series.at(1, 2).expect("a value") as f64 / 1e9;
            let end = at_rank(&point, rank);
            assert!(end >= exact * 0.999_999 && end <= exact * BASE * 1.001, "{end} of {exact}");
        }
    }
}

#[test]
fn growth_is_the_difference_to_the_points_before() {
    let before = points();
    let mut after = points();
    (after.at, after.issued) = (Duration::from_secs(19), before.issued + 5);
    after.histograms[0].count += 3;
    let (index, count) = after.histograms[0].buckets.pop_last().expect("a bucket");
    after.histograms[0].buckets.insert(index, count + 3);
    assert!(after.continues(&before));
    let metrics = decoded(&after.since(&before), Temporality::Delta);
    let Some(Data::Sum(issued)) = &metrics["dyno.cycles.issued"].data else { panic!("a sum") };
    let point = &issued.data_points[0];
    assert_eq!((issued.aggregation_temporality, &point.value), (1, &Some(Value::AsInt(5))));
    assert_eq!(point.start_time_unix_nano, 9_000_000_000);
    let (wait, temporality) = histogram(&metrics["dyno.wait"]);
    assert_eq!((wait.count, wait.sum, wait.min, temporality), (3, Some(0.0), None, 1));
    assert_eq!(wait.positive.expect("buckets").bucket_counts, [3]);
    // Nothing is new in the others.
    assert_eq!(histogram(&metrics["dyno.response"]).0.positive, None);
}

#[test]
fn a_value_is_in_the_bucket_that_ends_at_it_or_beyond() {
    for nanos in [1, 999, 1_000, 1_953_125, 1_000_000_000, 1 << 53] {
        let value = seconds(nanos);
        let end = |index: i32| (f64::from(index) / f64::from(1 << SCALE)).exp2();
        let index = bucket(nanos);
        assert!(end(index) < value * 1.000_000_1 && value <= end(index + 1) * 1.000_000_1);
    }
    assert_eq!(bucket(1_000_000_000), -1, "1 s is the last value of its bucket");
    assert_eq!(bucket(2_000_000_000), (1 << SCALE) - 1);
}
