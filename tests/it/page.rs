//! Tests of the page of a run and of a study, in a real browser.
//!
//! Each test leaves pictures of the pages in cargo's folder for tests (`target/tmp`), so that
//! people can look at them.

use std::path::{Path, PathBuf};

use dyno::internal;
use dyno::{Summary, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{BEHAVES, Browser, MISBEHAVES, RECORDS, assert_says, benchmark};

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

/// Opens a page on screens of both widths, in both colour schemes.
#[track_caller]
fn look(browser: &mut Browser, page: &Path, name: &str) {
    for (width, scheme) in [(360, "light"), (1_600, "light"), (1_600, "dark")] {
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
    ];
    for (name, program, line) in runs {
        let ended = benchmark(program).args(line).args("--quiet").run();
        let page = ended.path("out/report.html");
        assert!(page.is_file(), "{name}: {ended:#?}");
        look(&mut browser, &page, name);
        let answer = browser.value("document.querySelector('h1 bdi').textContent");
        assert_eq!(answer, ended.summary().verdict.name(), "{name}");
        let parsed = browser.value("JSON.parse(document.getElementById('data').textContent)");
        let kept: Value = serde_json::from_str(&ended.read("out/run.json")).expect("JSON");
        for place in ["/cycles", "/rate", "/backlog", "/metrics/response", "/errors", "/workers"] {
            let (shown, stored) = (parsed["summary"].pointer(place), kept.pointer(place));
            assert!(shown == stored, "{place} of {name}: {shown:?} and {stored:?}");
        }
    }
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
