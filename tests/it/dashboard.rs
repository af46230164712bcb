//! Tests of the dashboard: the live page in a real browser, and what it exposes to others.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::{
    BEHAVES, Benchmark, Browser, DEADLINE, Running, assert_says, benchmark, until,
};

/// A run that goes on for longer than a test looks at it, unless it is ended.
const LONG: &str = "-P how=sleep -P us=1000 --rate 200 --duration 60s --dashboard";

/// Returns the address of the page, once the program prints it.
#[track_caller]
fn url_of(running: &Running) -> String {
    running.until_line("dashboard  ")
}

fn counted(browser: &mut Browser) -> f64 {
    // The account: `1,234 issued · …`.
    let text = browser.value("document.querySelector('.account').textContent");
    let digits: String = text
        .as_str()
        .and_then(|text| text.split(" issued").next())
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap_or(0.0)
}

/// Checks that the browser has no complaint about the page.
#[track_caller]
fn assert_quiet(browser: &Browser) {
    for complaint in ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"] {
        assert_eq!(browser.events(complaint), Vec::<&Value>::new());
    }
}

#[track_caller]
fn until_in_page(browser: &mut Browser, what: &str, expression: &str) {
    until(what, DEADLINE, || browser.value(expression) == json!(true));
}

/// Sends a request to the host of a URL, and returns the whole answer.
fn answer(url: &str, request: &str) -> String {
    let address = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let mut stream = TcpStream::connect(address.expect("an address")).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn stopped_at_its_end(running: Running) -> crate::support::Ended {
    running.signal(nix::sys::signal::Signal::SIGINT);
    running.end()
}

#[test]
fn the_page_moves_while_the_run_goes_on_and_ends_with_its_verdict() {
    let running = benchmark(BEHAVES).args(LONG).start();
    let url = url_of(&running);
    let mut browser = Browser::start();
    browser.width(1_200);
    browser.open(&url);
    until("cycles are counted", DEADLINE, || counted(&mut browser) > 0.0);
    let before = counted(&mut browser);
    until("values move", DEADLINE, || counted(&mut browser) > before);
    // Choices of the reader outlive newer states.
    until_in_page(&mut browser, "a chart", "!!document.querySelector('#load button')");
    // A line of one point is a dot.
    until_in_page(&mut browser, "a line", "!!document.querySelector('#load .plot .line')");
    let line = "getComputedStyle(document.querySelector('#load .plot .line')).display";
    assert_eq!(browser.value(line), "inline");
    browser.value("document.querySelector('#load button').click()");
    browser.value("document.querySelector('#load details').open = true");
    let before = counted(&mut browser);
    until("values move again", DEADLINE, || counted(&mut browser) > before);
    let pressed = "document.querySelector('#load button').getAttribute('aria-pressed')";
    assert_eq!(browser.value(pressed), "false");
    assert_eq!(browser.value("document.querySelector('#load details').open"), true);
    browser.picture("dashboard-live");
    // A reload shows the run as it is.
    browser.open(&url);
    assert_eq!(browser.value("document.querySelector('h1 bdi').textContent"), "measuring");
    assert_quiet(&browser);

    let ended = stopped_at_its_end(running);
    ended.verdict(130, "interrupted");
    let answer = "document.querySelector('h1 bdi').textContent === 'interrupted'";
    until_in_page(&mut browser, "the final page", answer);
    browser.picture("dashboard-final");
    let shown = browser.value("JSON.parse(document.getElementById('data').textContent).summary");
    let kept: Value = serde_json::from_str(&ended.read("out/run.json")).expect("JSON");
    for place in ["/cycles", "/rate", "/backlog", "/metrics/response"] {
        assert_eq!(shown.pointer(place), kept.pointer(place), "{place}");
    }
    assert_quiet(&browser);
}

#[test]
fn a_page_that_is_kept_is_served_after_the_run_until_a_signal() {
    let line = "--dashboard --dashboard-keep 1h --rate 100";
    let running = benchmark(BEHAVES).args(line).start();
    let url = running.until_line("dashboard  ");
    running.until_said("until Ctrl-C");
    let mut browser = Browser::start();
    for _ in 0..2 {
        browser.open(&url);
        assert_eq!(browser.value("document.querySelector('h1 bdi').textContent"), "sustained");
    }
    assert_quiet(&browser);
    let text = browser.value("document.body.innerText");
    assert_says(text.as_str().expect("a text"), &["in the folder", "/out"]);
    // The verdict is that of the run, which no signal has ended.
    stopped_at_its_end(running).verdict(0, "sustained");
}

#[test]
fn a_browser_that_reconnects_a_hundred_times_is_served_each_time() {
    let running = benchmark(BEHAVES).args(LONG).start();
    let url = url_of(&running);
    let mut browser = Browser::start();
    browser.open(&url);
    let connects = "(async () => {
        const path = location.pathname + 'events';
        for (let time = 0; time < 100; time += 1) {
            const source = new EventSource(path);
            await new Promise((resolve, reject) => {
                source.addEventListener('newer', resolve);
                source.addEventListener('error', reject);
            });
            source.close();
        }
        return 'served';
    })()";
    let call = json!({"expression": connects, "returnByValue": true, "awaitPromise": true});
    let result = browser.call("Runtime.evaluate", call);
    assert_eq!(result["result"]["value"], "served", "{result}");
    let before = counted(&mut browser);
    until("values move", DEADLINE, || counted(&mut browser) > before);
    assert_quiet(&browser);
    stopped_at_its_end(running).verdict(130, "interrupted");
}

#[test]
fn another_host_another_method_and_another_path_are_refused() {
    let running = benchmark(BEHAVES).args(LONG).start();
    let url = url_of(&running);
    let path = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL").1;
    assert!(path.len() > 32, "128 random bits: {path}");
    let request = |method: &str, path: &str, host: &str| {
        answer(&url, &format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    };
    assert_says(&request("GET", path, "localhost:1"), &["HTTP/1.1 200 OK"]);
    let not_found = request("GET", "", "localhost");
    assert_says(&not_found, &["HTTP/1.1 404 Not Found"]);
    assert_eq!(request("GET", path, "example.org"), not_found);
    assert_says(&request("POST", path, "localhost"), &["HTTP/1.1 405 ", "Allow: GET"]);
    // The page is there before the run is: until then, a signal ends the program and no run.
    running.until_said("measuring");
    let ended = stopped_at_its_end(running);
    let secret = path.trim_end_matches('/');
    for file in ["run.json", "log.jsonl", "report.html"] {
        let text = std::fs::read_to_string(ended.path(&format!("out/{file}")));
        assert!(!text.expect(file).contains(secret), "{file} has the path");
    }
}

#[test]
fn the_page_of_a_study_shows_the_trial_that_goes_on() {
    let line =
        "-P how=sleep -P us=1000 --rate 100/s,200/s --duration 8s --dashboard --dashboard-keep";
    // A browser takes seconds to start on a busy machine, and the trials do not wait for it.
    let mut browser = Browser::start();
    let running = benchmark(BEHAVES).args(line).start();
    browser.open(&url_of(&running));
    let trial = "!!document.querySelector('section.trial #trial-load')";
    until_in_page(&mut browser, "the second trial", trial);
    browser.picture("dashboard-study");
    let first = "[...document.querySelectorAll('th[scope=row] bdi')]
                 .some((cell) => cell.textContent === '01')";
    until_in_page(&mut browser, "the first trial", first);
    running.until_said("until Ctrl-C");
    until_in_page(&mut browser, "no trial", "!document.querySelector('section.trial')");
    assert_eq!(browser.value("[...document.links].length"), 0);
    assert_quiet(&browser);
    let ended = stopped_at_its_end(running);
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
}

#[test]
fn an_address_that_can_not_be_used_is_refused_in_one_line() {
    let refused = |line: &str| -> String {
        let ended = Benchmark::args(benchmark(BEHAVES), line).run();
        ended.refusal().to_owned()
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let line = format!("--dashboard {address}");
    assert_says(&refused(&line), &["--dashboard: ", &address, "can't be used (", "name another"]);
    assert_says(&refused("--dashboard shop"), &["invalid address `shop`: expected ADDR"]);
    assert_says(&refused("--dashboard-keep"), &["it needs --dashboard"]);
}
