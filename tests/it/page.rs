//! Tests of the page of a run and of a study, in a real browser.
//!
//! Each test leaves pictures of the pages in cargo's folder for tests (`target/tmp`), so that
//! people can look at them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dyno::summary::{Comparison, ComparisonFinding, FigureComparison, Unit};
use dyno::{Summary, Verdict, internal};
use dyno_bus::clock;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    BEHAVES, Browser, DEADLINE, MISBEHAVES, RECORDS, assert_says, benchmark, until,
};

/// A summary of a run that was not sustained, as a file.
const SAVED: &str = include_str!("../../crates/dyno/src/result/gather/tests/run.json");
/// Texts that try to leave the place where they belong.
const HOSTILE: &str = "</script><script>window.harmed = 1</script><img src=x \
                       onerror=\"window.harmed = 1\">\"'>]]></svg>\u{202e}&amp;";

/// Returns a saved summary with changes.
fn saved(change: impl FnOnce(&mut Value)) -> Summary {
    let mut value = serde_json::from_str(SAVED).expect("JSON");
    change(&mut value);
    serde_json::from_value(value).expect("a summary")
}

/// Writes the page of a summary in a folder.
fn written(folder: &TempDir, name: &str, summary: &Summary) -> PathBuf {
    let path = folder.path().join(format!("{name}.html"));
    std::fs::write(&path, internal::page_of_run(summary, None)).expect("writable");
    path
}

/// Checks that the page requested nothing but itself, and that the browser has no complaint.
#[track_caller]
fn assert_quiet(browser: &Browser) {
    let requests = browser.events("Network.requestWillBeSent");
    let urls = requests.iter().map(|request| request["request"]["url"].as_str().expect("a URL"));
    let others: Vec<_> = urls.filter(|url| !url.starts_with("data:")).collect();
    assert_eq!(others.len(), 1, "{others:?}");
    for complaint in ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"] {
        assert_eq!(browser.events(complaint), Vec::<&Value>::new());
    }
    assert!(browser.events("Page.javascriptDialogOpening").is_empty());
}

/// Checks that a page of a run has its verdict and its reason, and no text made of a number that is
/// missing.
#[track_caller]
fn assert_makes_sense(browser: &mut Browser, summary: &Summary) {
    let answer = browser.value("document.querySelector('h1 bdi').textContent");
    assert_eq!(answer, summary.verdict.name());
    let text = browser.value("document.body.innerText");
    let text = text.as_str().expect("a text");
    assert_says(text, &[&summary.reasons[0], "Charts", "Parameters", "Environment"]);
    for odd in ["NaN", "Infinity", "undefined", "[object"] {
        assert!(!text.contains(odd), "{odd}: {text}");
    }
}

/// Opens a page on screens of both widths, in both colour schemes.
#[track_caller]
fn look(browser: &mut Browser, page: &Path, name: &str) {
    for (width, scheme) in [(360, "light"), (360, "dark"), (1_600, "light"), (1_600, "dark")] {
        browser.width(width);
        browser.scheme(scheme);
        browser.visit(page);
        browser.picture(&format!("{name}-{width}-{scheme}"));
        assert_quiet(browser);
        let widest = browser.value("document.documentElement.scrollWidth");
        assert_eq!(widest, width, "{name} is wider than the screen");
        let paper = browser.value("getComputedStyle(document.body).backgroundColor");
        let expected = if scheme == "dark" { "rgb(22, 24, 26)" } else { "rgb(255, 255, 255)" };
        assert_eq!(paper, expected);
    }
}

#[test]
fn every_kind_of_run_leaves_a_page_that_loads_without_a_request_or_an_error() {
    let mut browser = Browser::start();
    let runs = [
        ("sustained", BEHAVES, "--duration 1s --warmup 200ms --rate 500"),
        ("unsustained", BEHAVES, "-P how=spin -P us=20000 --rate 200 --duration 1s"),
        ("closed", BEHAVES, "--rate max"),
        ("failed", MISBEHAVES, "-P how=error -P at=cycle"),
        ("metrics", RECORDS, "--duration 1s"),
        ("without-a-cycle", BEHAVES, "--rate 4 --arrivals poisson --seed 2"),
        ("error", MISBEHAVES, "-P how=error -P at=before"),
    ];
    for (name, program, line) in runs {
        let ended = benchmark(program).args(line).args("--quiet").run();
        let page = ended.path("out/report.html");
        assert!(page.is_file(), "{name}: {ended:#?}");
        look(&mut browser, &page, name);
        assert_makes_sense(&mut browser, &ended.summary());
        let parsed = browser.value("JSON.parse(document.getElementById('data').textContent)");
        let kept: Value = serde_json::from_str(&ended.read("out/run.json")).expect("JSON");
        for place in ["/cycles", "/rate", "/backlog", "/metrics/response", "/errors", "/workers"] {
            let (shown, stored) = (parsed["summary"].pointer(place), kept.pointer(place));
            assert!(shown == stored, "{place} of {name}: {shown:?} and {stored:?}");
        }
    }
}

#[test]
fn a_run_that_was_interrupted_or_held_up_leaves_a_page_that_makes_sense() {
    let mut browser = Browser::start();
    let interrupted = benchmark(BEHAVES).args("--duration 60s").start();
    interrupted.until_said("first cycle");
    interrupted.signal(Signal::SIGINT);
    let interrupted = interrupted.end();
    look(&mut browser, &interrupted.path("out/report.html"), "interrupted");
    assert_makes_sense(&mut browser, &interrupted.verdict(130, "interrupted"));

    let invalid = benchmark(BEHAVES).args("--duration 3s").start();
    invalid.until_said("first cycle");
    invalid.signal(Signal::SIGSTOP);
    let stopped = clock::now();
    // A lease lasts a second, so that only a longer stall misses one.
    until("leases end", DEADLINE, || clock::now() - stopped > Duration::from_millis(1_600));
    invalid.signal(Signal::SIGCONT);
    let invalid = invalid.end();
    look(&mut browser, &invalid.path("out/report.html"), "invalid");
    assert_makes_sense(&mut browser, &invalid.verdict(4, "invalid"));
}

#[test]
fn the_worst_window_of_a_broken_limit_is_seen_where_it_was() {
    // The cycle in the middle holds up those behind it for 300 ms.
    let line = "-P how=spin-at -P us=300000 -P at=400 --workers 1 --duration 4s --on-backlog queue";
    let limit = "response.p90 < 100ms over 1s";
    let ended = benchmark(BEHAVES).args(line).env("DYNO_THRESHOLD", limit).run();
    let summary = ended.verdict(3, "failed");
    let worst = summary.thresholds[0].worst.expect("windows were complete");
    let mut browser = Browser::start();
    look(&mut browser, &ended.path("out/report.html"), "worst-window");
    let band = "document.querySelector('#response .plot .broken')";
    let at = |browser: &mut Browser, name: &str| {
        let value = browser.value(&format!("{band}.getAttribute('{name}')"));
        value.as_str().and_then(|text| text.parse::<f64>().ok()).expect("a number")
    };
    let (x, width) = (at(&mut browser, "x"), at(&mut browser, "width"));
    let last = summary.series.last().expect("points").t_ns as f64;
    assert!((x + width - 1e3 * worst.at_ns as f64 / last).abs() < 1.0, "{x} {width} {worst:?}");
    assert!((width - 1e12 / last).abs() < 1.0, "a window of a second: {x} {width} {last}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_use_of_processors_by_workers_and_target_is_in_one_chart() {
    // It reads until its standard input ends.
    let mut target = Command::new("cat").stdin(Stdio::piped()).spawn().expect("`cat` is there");
    let line = format!("--duration 2500ms --watch {}", target.id());
    let ended = benchmark(BEHAVES).args(&line).run();
    drop(target.stdin.take());
    target.wait().expect("it is our child");
    ended.verdict(0, "sustained");
    let mut browser = Browser::start();
    look(&mut browser, &ended.path("out/report.html"), "watched");
    let names =
        "[...document.querySelectorAll('#processors .key bdi')].map((key) => key.textContent)";
    let names = browser.value(names);
    let names: Vec<_> =
        names.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    for name in ["a worker", "target", "target's busiest thread", "machine idle"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}

#[test]
fn a_comparison_has_a_page_that_loads_without_a_request_or_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut comparison = Comparison::default();
    comparison.benchmark = "shop".to_owned();
    comparison.answer = "NEW is worse: response.p50 is 12 % to 19 % worse (9 pairs)".to_owned();
    comparison.finding = ComparisonFinding::Worse;
    comparison.exit_code = 1;
    comparison.pairs = Some(9);
    comparison.elapsed_ns = 21_500_000_000;
    (comparison.base.name, comparison.new.name) =
        ("main".to_owned(), "the working tree".to_owned());
    for (side, factor) in [(&mut comparison.base, 1.0), (&mut comparison.new, 1.15)] {
        side.trials = 9;
        for (name, time) in [("p50", 1e6), ("p90", 2e6), ("p99", 9e6), ("p999", 20e6)] {
            side.spectrum.insert(name.to_owned(), factor * time);
        }
    }
    for (name, ratios, finding) in [
        ("service.mean", [0.99, 1.0, 1.02], ComparisonFinding::Same),
        ("response.p50", [1.12, 1.15, 1.19], ComparisonFinding::Worse),
        ("response.p99", [0.88, 1.05, 1.3], ComparisonFinding::Unclear),
    ] {
        let mut figure = FigureComparison::default();
        (figure.name, figure.unit) = (name.to_owned(), Unit::Nanoseconds);
        (figure.base, figure.new) = (Some(1e6), Some(1e6 * ratios[1]));
        [figure.ratio_low, figure.ratio, figure.ratio_high] = ratios.map(Some);
        (figure.tolerance, figure.is_decisive) = (0.05, name != "response.p99");
        figure.finding = finding;
        comparison.figures.push(figure);
    }
    let path = folder.path().join("comparison.html");
    std::fs::write(&path, internal::page_of_comparison(&comparison)).expect("writable");
    let mut browser = Browser::start();
    look(&mut browser, &path, "comparison");
    let text = browser.value("document.querySelector('main').innerText");
    let text = text.as_str().expect("a text");
    assert_says(text, &["worse", &comparison.answer, "+12 % to +19 %", "BASE", "NEW"]);
    let drawn = browser.value("document.querySelectorAll('.ratio .interval').length");
    assert_eq!(drawn, 3);
    // The script shows the values of both sides.
    browser.value("document.querySelector('#spectrum .plot').focus()");
    browser.call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": "End"}));
    let shown = browser.value("document.querySelector('#spectrum .readout').textContent");
    assert_eq!(shown, "p99.9 · BASE 20.0 ms · NEW 23.0 ms");
}

#[test]
fn a_page_of_any_verdict_and_of_an_empty_run_makes_sense() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut browser = Browser::start();
    for verdict in Verdict::KNOWN {
        let summary = saved(|summary| summary["verdict"] = json!(verdict.name()));
        browser.visit(&written(&folder, verdict.name(), &summary));
        assert_quiet(&browser);
        assert_eq!(browser.value("document.querySelector('h1 bdi').textContent"), verdict.name());
    }
    let empty = saved(|summary| {
        for list in ["series", "workers", "errors", "reasons"] {
            summary[list] = json!([]);
        }
        for map in ["metrics", "completed_metrics"] {
            summary[map] = json!({});
        }
        for count in summary["cycles"].as_object_mut().expect("counts").values_mut() {
            *count = json!(0);
        }
    });
    look(&mut browser, &written(&folder, "empty", &empty), "empty");
    let text = browser.value("document.body.innerText");
    assert_says(text.as_str().expect("a text"), &["0 issued", "ended before an interval was over"]);
}

#[test]
fn texts_of_others_do_nothing_in_a_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut browser = Browser::start();
    let summary = saved(|summary| {
        for place in ["/benchmark", "/verdict", "/reasons/0", "/warnings/0", "/errors/0/message"] {
            *summary.pointer_mut(place).expect(place) = json!(HOSTILE);
        }
        summary["parameters"]["task"] = json!({HOSTILE: HOSTILE});
        let service = summary["metrics"]["service"].clone();
        summary["metrics"][HOSTILE] = service;
        for point in summary["series"].as_array_mut().expect("points") {
            let service = point["metrics"]["service"].clone();
            point["metrics"][HOSTILE] = service;
        }
    });
    look(&mut browser, &written(&folder, "hostile", &summary), "hostile");
    assert_eq!(browser.value("typeof window.harmed"), "undefined");
    assert_eq!(browser.value("document.querySelectorAll('script').length"), 2);
    assert_eq!(browser.value("document.querySelectorAll('img, iframe, object').length"), 0);
    assert_eq!(browser.value("document.querySelector('h1 bdi').textContent"), HOSTILE);
    // The text after one that turns the direction is still written from left to right.
    let direction = "getComputedStyle(document.querySelector('.name bdi')).unicodeBidi";
    assert_eq!(browser.value(direction), "isolate");
}

#[test]
fn a_page_is_readable_without_its_script() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut browser = Browser::start();
    browser.call("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.width(1_000);
    browser.visit(&written(&folder, "still", &saved(|_| {})));
    assert_quiet(&browser);
    browser.picture("without-script");
    assert_eq!(browser.value("document.querySelectorAll('button').length"), 0);
    assert_eq!(browser.value("document.querySelectorAll('.plot .line').length > 3"), true);
    assert_eq!(browser.value("document.querySelectorAll('.legend .key').length > 3"), true);
    let text = browser.value("document.body.innerText");
    assert_says(text.as_str().expect("a text"), &["shop", "unsustained", "Backlog", "figures"]);
}

#[test]
fn the_script_shows_values_hides_series_and_zooms() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut browser = Browser::start();
    browser.width(1_200);
    browser.visit(&written(&folder, "alive", &saved(|_| {})));
    let [left, top, width, height] = ["left", "top", "width", "height"].map(|side| {
        let expression =
            format!("document.querySelector('#load .plot').getBoundingClientRect().{side}");
        browser.value(&expression).as_f64().expect("a number")
    });
    let (y, at) = (top + height / 2.0, |share: f64| left + width * share);
    browser.mouse("mouseMoved", at(0.95), y);
    let shown = browser.value("document.querySelector('#load .readout').textContent");
    assert_says(shown.as_str().expect("a text"), &["at ", " s · completed ", "/s · issued "]);
    browser.picture("values");

    browser.mouse("mousePressed", at(0.25), y);
    browser.mouse("mouseMoved", at(0.75), y);
    browser.mouse("mouseReleased", at(0.75), y);
    let view =
        "document.querySelector('#load .plot').getAttribute('viewBox').split(' ').map(Number)";
    let view = browser.value(view);
    assert!((view[0].as_f64().expect("a number") - 250.0).abs() < 10.0, "{view}");
    assert!((view[2].as_f64().expect("a number") - 500.0).abs() < 10.0, "{view}");
    browser.picture("zoomed");

    let button = "document.querySelector('#load button')";
    browser.value(&format!("{button}.click()"));
    assert_eq!(browser.value(&format!("{button}.getAttribute('aria-pressed')")), "false");
    let path = "document.querySelector('#load .plot [data-series=\"0\"]')";
    assert_eq!(browser.value(&format!("getComputedStyle({path}).display")), "none");

    // The same by the keyboard.
    browser.value("document.querySelector('#load .plot').focus()");
    for key in ["Escape", "Home"] {
        let event = json!({"type": "keyDown", "key": key});
        browser.call("Input.dispatchKeyEvent", event);
    }
    let view = browser.value("document.querySelector('#load .plot').getAttribute('viewBox')");
    assert_eq!(view, "0 0 1000 1000");
    let shown = browser.value("document.querySelector('#load .readout').textContent");
    let shown = shown.as_str().expect("a text");
    assert!(shown.contains("issued") && !shown.contains("completed"), "{shown}");
    assert_quiet(&browser);
}

#[test]
fn a_study_has_a_page_that_links_those_of_its_trials() {
    let line = "-P how=spin -P us=1000 --workers 1 --duration 400ms --rate 50,5k --quiet";
    let ended = benchmark(BEHAVES).args(line).run();
    let page = ended.path("out/report.html");
    let mut browser = Browser::start();
    look(&mut browser, &page, "sweep");
    let links = browser.value("[...document.links].map((link) => link.getAttribute('href'))");
    assert_eq!(links, json!(["01/report.html", "02/report.html"]));
    for trial in ["01", "02"] {
        assert!(ended.path(&format!("out/{trial}/report.html")).is_file(), "{trial}");
    }
}

#[test]
fn a_page_is_announced_where_it_is_and_left_out_on_request() {
    let ended = benchmark(BEHAVES).args("--format human").run();
    assert_says(&ended.stdout, &["\npage       out/report.html\n"]);
    for without in
        [benchmark(BEHAVES).args("--no-report"), benchmark(BEHAVES).env("DYNO_REPORT", "0")]
    {
        let ended = without.args("--format human").run();
        assert!(!ended.path("out/report.html").exists());
        assert!(!ended.stdout.contains("page "), "{}", ended.stdout);
    }
}
