//! Tests of `/metrics` with the real Prometheus: it reads them, and its answers are those of the
//! summary.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{BEHAVES, DEADLINE, Target, assert_says, benchmark, until};

/// The dashboard for Grafana, and the page with the names of the metrics.
const GRAFANA: &str = include_str!("../../docs/grafana.json");
const NAMES: &str = include_str!("../../docs/metrics.md");
/// The ratio of two neighbouring bounds of a histogram.
const STEP: f64 = 1.190;

/// A Prometheus that reads the metrics of one benchmark, killed when this value is dropped.
struct Prometheus {
    server: Child,
    address: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts a server that reads metrics at this path of a host.
    #[track_caller]
    fn start(host: &str, path: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "scrape_configs:\n- job_name: dyno\n  scrape_interval: 250ms\n  scrape_timeout: 250ms\n  \
             metrics_path: {path}\n  static_configs:\n  - targets: ['{host}']\n"
        );
        std::fs::write(&config, text).expect("writable");
        // The port is free again once the listener is dropped.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let server = Command::new("prometheus")
            .arg(flag("config.file", &config))
            .arg(flag("storage.tsdb.path", &folder.path().join("data")))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(server) = server else {
            panic!("this test needs `prometheus`: `cargo xtask test` installs it");
        };
        let prometheus = Self { server, address, _folder: folder };
        until("Prometheus is ready", DEADLINE, || prometheus.get("/-/ready").is_some());
        prometheus
    }

    /// Returns the body of a good answer.
    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).ok()?;
        // The older version of the protocol has no chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.0 200").then(|| body.to_owned())
    }

    /// Returns the values of a query, now.
    #[track_caller]
    fn query(&self, query: &str) -> Vec<f64> {
        let escape = |byte: u8| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        let path = format!("/api/v1/query?query={}", query.bytes().map(escape).collect::<String>());
        let answer = self.get(&path).unwrap_or_else(|| panic!("{query} is not answered"));
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let results = answer["data"]["result"].as_array().expect("results");
        let value = |result: &Value| result["value"][1].as_str()?.parse().ok();
        results.iter().filter_map(value).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _killed = self.server.kill();
        let _reaped = self.server.wait();
    }
}

/// Returns the queries of the dashboard for Grafana, with its variables replaced.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(GRAFANA).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let query = |target: &Value| {
        let query = target["expr"].as_str().expect("a query");
        query.replace("$__rate_interval", "1m").replace("$benchmark", ".*")
    };
    targets.map(query).collect()
}

#[test]
fn the_real_prometheus_reads_the_metrics_and_answers_as_the_summary() {
    let target = Target::idle();
    let line = format!(
        "-P how=sleep -P us=3000 --rate 400 --duration 3s --dashboard --dashboard-keep --watch {}",
        target.pid()
    );
    let running = benchmark(BEHAVES).args(&line).start();
    let url = running.until_line("dashboard  ");
    let place = url.strip_prefix("http://").expect("a URL");
    let (host, path) = place.split_once('/').expect("a path");
    let prometheus = Prometheus::start(host, &format!("/{path}metrics"));
    running.until_said("until Ctrl-C");
    let count = "dyno_cycles_total{fate=\"completed\"}";
    until("the last figures", DEADLINE, || prometheus.query(count) == [1_200.0]);
    let of = |quantile: f64, metric: &str| {
        let query = format!("histogram_quantile({quantile}, dyno_{metric}_seconds_bucket)");
        let values = prometheus.query(&query);
        assert_eq!(values.len(), 1, "{query}");
        values[0] * 1e9
    };
    let measured: Vec<_> = ["wait", "service", "response"]
        .into_iter()
        .flat_map(|metric| [(metric, 0.5), (metric, 0.99)])
        .map(|(metric, quantile)| (metric, quantile, of(quantile, metric)))
        .collect();
    let sum = prometheus.query("dyno_response_seconds_sum");
    // Each panel of the dashboard for Grafana has data, once there are two readings.
    for query in queries() {
        until(&query, DEADLINE, || !prometheus.query(&query).is_empty());
    }
    running.signal(nix::sys::signal::Signal::SIGINT);
    let summary = running.end().verdict(0, "sustained");
    assert_eq!(summary.cycles.completed, 1_200);
    for (metric, quantile, value) in measured {
        let metric = summary.metric(metric).expect("a metric");
        let exact = if quantile == 0.5 { metric.p50 } else { metric.p99 };
        let ratio = value / exact.expect("enough values") as f64;
        assert!((1.0 / STEP..STEP).contains(&ratio), "{quantile}: {value} of {metric:?}");
    }
    let response = summary.metric("response").expect("a metric");
    let expected = response.mean * response.count as f64 / 1e9;
    assert!((sum[0] / expected - 1.0).abs() < 1e-3, "{sum:?} and {expected}");
}

#[test]
fn the_dashboard_for_grafana_uses_documented_names_alone() {
    let dashboard: Value = serde_json::from_str(GRAFANA).expect("JSON");
    for (place, kind) in [("/title", "dyno"), ("/panels/0/type", "timeseries")] {
        assert_eq!(dashboard.pointer(place).and_then(Value::as_str), Some(kind), "{place}");
    }
    let panels = dashboard["panels"].as_array().expect("panels");
    for (one, other) in panels.iter().zip(panels.iter().skip(1)) {
        assert!(one["id"].as_u64() < other["id"].as_u64(), "ids ascend: {other}");
    }
    let queries = queries();
    assert!(queries.len() > 10, "{queries:?}");
    for query in &queries {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for name in words.filter(|word| word.starts_with("dyno_")) {
            let name = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(NAMES.contains(&format!("| `{name}")), "{name} is not documented");
        }
    }
}

#[test]
fn the_documented_names_are_those_that_are_served() {
    let target = Target::idle();
    let line = format!(
        "-P how=sleep -P us=1000 --rate 200 --duration 2s --dashboard --dashboard-keep --watch {}",
        target.pid()
    );
    let running = benchmark(BEHAVES).args(&line).start();
    let url = running.until_line("dashboard  ");
    running.until_said("until Ctrl-C");
    let (host, path) =
        url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(stream, "GET /{path}metrics HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    running.signal(nix::sys::signal::Signal::SIGINT);
    running.end().verdict(0, "sustained");
    assert_says(&answer, &["HTTP/1.1 200 OK", "application/openmetrics-text", "# EOF\n"]);
    let rows = NAMES.lines().filter_map(|line| line.strip_prefix("| `dyno_"));
    let documented: Vec<_> = rows
        .map(|row| format!("dyno_{}", row.split(['`', '{']).next().unwrap_or_default()))
        .map(|name| name.trim_end_matches("_total").to_owned())
        .collect();
    let served: Vec<_> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(served), sorted(documented));
}
