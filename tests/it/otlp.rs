//! Tests of `--otlp` with a collector that reads requests by the types that the owners of OTLP
//! publish.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message;

use crate::support::{BEHAVES, assert_says, benchmark};

/// The ratio of the ends of two neighbouring buckets, and that of dyno's own buckets.
const STEP: f64 = 1.002_711_3 * 1.001;

/// A collector that takes every request, for as long as the test goes on.
struct Collector {
    url: String,
    requests: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
}

impl Collector {
    fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let body = body(&mut stream);
                let request = ExportMetricsServiceRequest::decode(&*body).expect("valid");
                kept.lock().expect("no panic").push(request);
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").expect("it reads");
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<ExportMetricsServiceRequest> {
        self.requests.lock().expect("no panic").clone()
    }
}

/// Reads the body of a request.
fn body(stream: &mut impl Read) -> Vec<u8> {
    let (mut bytes, end) = (Vec::new(), b"\r\n\r\n");
    let mut some = [0; 4096];
    loop {
        let count = stream.read(&mut some).expect("a request");
        assert!(count > 0, "the request is cut");
        bytes.extend(&some[..count]);
        let Some(place) = bytes.windows(end.len()).position(|part| part == end) else { continue };
        let head = String::from_utf8_lossy(&bytes[..place]).into_owned();
        assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        let body = &bytes[place + end.len()..];
        if body.len() >= length {
            return body.to_vec();
        }
    }
}

/// Returns the data of a metric in a request.
#[track_caller]
fn data<'a>(request: &'a ExportMetricsServiceRequest, name: &str) -> &'a Data {
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let metric = metrics.iter().find(|metric| metric.name == name);
    metric.and_then(|metric| metric.data.as_ref()).unwrap_or_else(|| panic!("no {name}"))
}

/// Returns the cycles of a fate in a request.
#[track_caller]
fn cycles(request: &ExportMetricsServiceRequest, fate: &str) -> u64 {
    let Data::Sum(sum) = data(request, "dyno.cycles") else { panic!("cycles are a sum") };
    let is_fate = |value: &AnyValue| *value == AnyValue::StringValue(fate.to_owned());
    let point = sum.data_points.iter().find(|point| {
        let mut values = point.attributes.iter().filter_map(|one| one.value.as_ref());
        values.any(|value| value.value.as_ref().is_some_and(is_fate))
    });
    match point.and_then(|point| point.value) {
        Some(Value::AsInt(count)) => count.try_into().expect("a count"),
        other => panic!("{fate}: {other:?}"),
    }
}

#[track_caller]
fn histogram(request: &ExportMetricsServiceRequest, name: &str) -> ExponentialHistogramDataPoint {
    match data(request, name) {
        Data::ExponentialHistogram(histogram) => histogram.data_points[0].clone(),
        other => panic!("{name}: {other:?}"),
    }
}

/// Returns the end of the bucket with the value of a quantile, in nanoseconds.
fn at(point: &ExponentialHistogramDataPoint, quantile: f64) -> f64 {
    let rank = (point.count as f64 * quantile).ceil() as u64;
    let buckets = point.positive.as_ref().expect("buckets");
    let (mut seen, mut index) = (point.zero_count, buckets.offset);
    for count in &buckets.bucket_counts {
        seen += count;
        index += 1;
        if seen >= rank {
            break;
        }
    }
    (f64::from(index) / f64::from(1 << point.scale)).exp2() * 1e9
}

#[test]
fn a_collector_receives_the_figures_of_the_summary() {
    let collector = Collector::start("200 OK");
    let ended = benchmark(BEHAVES)
        .args("-P how=sleep -P us=3000 --rate 400 --duration 3s --otlp")
        .word(&collector.url)
        .env("OTEL_RESOURCE_ATTRIBUTES", "team=shop")
        .run();
    let summary = ended.verdict(0, "sustained");
    let requests = collector.requests();
    let last = requests.last().expect("a request");
    let attributes = &last.resource_metrics[0].resource.as_ref().expect("a resource").attributes;
    let names: Vec<_> = attributes.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(names, ["team", "service.name"]);
    assert_eq!((cycles(last, "completed"), cycles(last, "failed")), (1_200, 0));
    for name in ["wait", "service", "response"] {
        let (point, metric) = (histogram(last, &format!("dyno.{name}")), summary.metric(name));
        let metric = metric.expect("a metric");
        assert_eq!((point.count, metric.count), (1_200, 1_200), "{name}");
        // The summary has the mean, in whole nanoseconds or nearly so.
        let mean = point.sum.expect("a sum") * 1e9 / point.count as f64;
        assert!((mean - metric.mean).abs() <= 0.501, "{name}: {mean} and {metric:?}");
        for (quantile, exact) in [(0.5, metric.p50), (0.99, metric.p99)] {
            let exact = exact.expect("enough values") as f64;
            let ratio = at(&point, quantile) / exact;
            assert!((1.0 / STEP..STEP).contains(&ratio), "{name} {quantile}: {ratio}");
        }
    }
    assert!(!ended.stderr.contains("--otlp: "), "{}", ended.stderr);
}

#[test]
fn the_deltas_of_all_requests_add_up_to_the_summary() {
    let collector = Collector::start("200 OK");
    let ended = benchmark(BEHAVES)
        .args("-P how=sleep -P us=1000 --rate 100 --duration 12s --otlp")
        .word(&collector.url)
        .env("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
        .run();
    let summary = ended.verdict(0, "sustained");
    let requests = collector.requests();
    assert!(requests.len() >= 2, "while it goes on, and at the end");
    let completed: u64 = requests.iter().map(|request| cycles(request, "completed")).sum();
    assert_eq!(completed, summary.cycles.completed);
    let has_response = |request: &&ExportMetricsServiceRequest| cycles(request, "completed") > 0;
    let points: Vec<_> = requests
        .iter()
        .filter(has_response)
        .map(|request| histogram(request, "dyno.response"))
        .collect();
    assert!(points.len() >= 2, "{points:?}");
    assert_eq!(points.iter().map(|point| point.count).sum::<u64>(), summary.cycles.completed);
    assert!(points.windows(2).all(|two| two[0].time_unix_nano == two[1].start_time_unix_nano));
}

#[test]
fn each_trial_of_a_study_is_pushed_from_zero() {
    let collector = Collector::start("200 OK");
    let ended = benchmark(BEHAVES)
        .args("-P how=sleep -P us=1000 --rate 100/s,200/s --duration 1s --warmup 0s --otlp")
        .word(&collector.url)
        .run();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let completed: Vec<_> =
        collector.requests().iter().map(|request| cycles(request, "completed")).collect();
    for of_trial in [100, 200] {
        assert!(completed.contains(&of_trial), "{completed:?}");
    }
}

#[test]
fn a_collector_that_is_gone_is_one_warning_and_changes_nothing() {
    let ended = benchmark(BEHAVES)
        .args("-P how=sleep -P us=1000 --rate 100 --duration 11s --otlp http://127.0.0.1:9")
        .run();
    let summary = ended.verdict(0, "sustained");
    assert_eq!(summary.cycles.completed, 1_100);
    let warnings = ended.stderr.matches("--otlp: http://127.0.0.1:9/v1/metrics does not").count();
    assert_eq!(warnings, 1, "{}", ended.stderr);
    assert!(summary.warnings.iter().any(|warning| warning.starts_with("--otlp: ")));
}

#[test]
fn a_bad_url_is_refused_before_anything_starts() {
    let ended = benchmark(BEHAVES).args("--rate 100 --otlp https://shop").run();
    assert_says(ended.refusal(), &["--otlp: invalid URL `https://shop`: expected http://HOST"]);
}
