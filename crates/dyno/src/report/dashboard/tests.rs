//! Tests of the server over real sockets, and of its deadlines over instants that are passed in.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use dyno_bus::clock;
use dyno_summary::Intervals;

use super::connection::Connection;
use super::request::HEAD_MAX;
use super::*;
use crate::primary::RunPhase;
use crate::result::fixture;

const DEADLINE: Duration = Duration::from_secs(20);

fn opened() -> Dashboard {
    let place = DashboardPlace::read("/page", &["shop.test".to_owned()]).unwrap();
    Dashboard::start(place).unwrap()
}

fn connect(dashboard: &Dashboard) -> TcpStream {
    let address = dashboard.url().strip_prefix("http://").unwrap().split('/').next().unwrap();
    let stream = TcpStream::connect(address.parse::<SocketAddr>().unwrap()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Returns the whole answer to a request with this first line and this host.
fn answer(dashboard: &Dashboard, line: &str, host: &str) -> String {
    let mut stream = connect(dashboard);
    write!(stream, "{line} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Reads until the text has this part.
#[track_caller]
fn read_until(stream: &mut TcpStream, part: &str) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains(part) {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "no `{part}` in: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    text
}

fn begin(board: &Board) {
    board.begin_run(&fixture::plan(), &fixture::summary().environment, Duration::ZERO);
}

#[test]
fn the_page_of_a_run_that_goes_on_is_served_with_its_policy_and_without_secrets() {
    let dashboard = opened();
    begin(&dashboard.board());
    dashboard.board().interim(Arc::new(fixture::interim(RunPhase::Measuring)));
    for path in ["/page", "/page/", "/page?x=1"] {
        let page = answer(&dashboard, &format!("GET {path}"), "localhost");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        for part in [
            "Content-Security-Policy: default-src 'none';",
            "connect-src 'self'; frame-ancestors 'none'\r\n",
            "X-Content-Type-Options: nosniff\r\n",
            "Cache-Control: no-store\r\n",
            "Referrer-Policy: no-referrer\r\n",
            "<bdi>measuring</bdi>",
            "redis://user:***@host/0",
        ] {
            assert!(page.contains(part), "no `{part}` in {page}");
        }
        assert!(!page.contains("user:secret") && !page.contains("Access-Control"), "{page}");
    }
}

#[test]
fn a_wrong_path_and_a_wrong_host_get_the_same_answer() {
    let dashboard = opened();
    let refused = answer(&dashboard, "GET /other", "localhost");
    assert!(refused.starts_with("HTTP/1.1 404 Not Found\r\n"), "{refused}");
    for (line, host) in [
        ("GET /page", "example.org"),
        ("GET /page/events", "example.org"),
        ("POST /page", "example.org"),
        ("GET /", "localhost"),
        ("GET /pages", "localhost"),
        ("GET /page/run.json", "localhost"),
        ("GET /page/metrics", "example.org"),
        ("GET /metrics", "localhost"),
        ("GET /page/../page", "localhost"),
    ] {
        assert_eq!(answer(&dashboard, line, host), refused, "{line} {host}");
    }
    assert!(answer(&dashboard, "GET /page", "shop.test:80").starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn the_metrics_are_those_of_the_run_that_goes_on_and_then_of_its_end() {
    let dashboard = opened();
    let metrics = || answer(&dashboard, "GET /page/metrics", "localhost");
    assert!(metrics().ends_with("\r\n\r\n# EOF\n"), "nothing has begun");
    begin(&dashboard.board());
    assert!(metrics().ends_with("\r\n\r\n# EOF\n"), "no worker is ready");
    dashboard.board().interim(Arc::new(fixture::interim(RunPhase::Measuring)));
    let text = metrics();
    assert!(text.contains("Content-Type: application/openmetrics-text; version=1.0.0"), "{text}");
    for line in ["dyno_workers{benchmark=\"shop\"} 2", "dyno_response_seconds_count{"] {
        assert!(text.contains(line), "no `{line}` in {text}");
    }
    let merged = fixture::observer().merged_values();
    dashboard.board().end_run(&fixture::summary(), &Intervals::default(), merged, None);
    let at_end = metrics();
    let completed = "dyno_cycles_total{benchmark=\"shop\",fate=\"completed\"} 198\n";
    assert!(at_end.contains(completed), "{at_end}");
    let of_response = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("dyno_response_seconds"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(of_response(&at_end), of_response(&text));
}

#[test]
fn the_board_is_watched_from_the_first_connection_and_for_a_minute_after_the_last() {
    let dashboard = opened();
    let board = dashboard.board();
    assert!(!board.is_watched(clock::now()));
    answer(&dashboard, "GET /page/metrics", "localhost");
    let now = clock::now();
    assert!(board.is_watched(now) && board.is_watched(now + Duration::from_secs(60)));
    assert!(!board.is_watched(now + Duration::from_secs(80)));
}

#[test]
fn nothing_but_get_is_served() {
    let dashboard = opened();
    for method in ["POST", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let refused = answer(&dashboard, &format!("{method} /page"), "localhost");
        assert!(refused.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{refused}");
        assert!(refused.contains("\r\nAllow: GET\r\n"), "{refused}");
    }
}

#[test]
fn a_request_that_is_too_large_is_cut() {
    let dashboard = opened();
    let mut stream = connect(&dashboard);
    // The server may close before all of it is written.
    let _written = stream.write_all(&vec![b'x'; 4 * HEAD_MAX]);
    let mut answer = String::new();
    let _reset = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn each_newer_state_is_an_event_and_the_last_one_ends_the_stream() {
    let dashboard = opened();
    begin(&dashboard.board());
    let mut stream = connect(&dashboard);
    stream.write_all(b"GET /page/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    // Only an event ends in this way: a head ends its lines in another.
    let text = read_until(&mut stream, "\n\n");
    assert!(text.contains("Content-Type: text/event-stream\r\n"), "{text}");
    assert!(
        text.contains("event: newer\ndata: {") && text.contains("No worker is ready"),
        "{text}"
    );
    dashboard.board().interim(Arc::new(fixture::interim(RunPhase::Measuring)));
    read_until(&mut stream, "the backlog is ");
    dashboard.board().end_run(&fixture::summary(), &Intervals::default(), Vec::new(), None);
    read_until(&mut stream, "unsustained");
    dashboard.finish();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("event: last\ndata: {"), "{rest}");
    // A client that comes later gets the last state too, and no more.
    assert!(answer(&dashboard, "GET /page/events", "localhost").contains("event: last\n"));
    assert!(answer(&dashboard, "GET /page", "localhost").contains("unsustained"));
}

#[test]
fn a_client_that_does_not_read_holds_nothing_up() {
    let dashboard = opened();
    begin(&dashboard.board());
    let mut deaf: Vec<_> = (0..2).map(|_| connect(&dashboard)).collect();
    for stream in &mut deaf {
        stream.write_all(b"GET /page/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        read_until(stream, "\n\n");
    }
    // Many times more than the buffers of two sockets hold.
    for _ in 0..200 {
        dashboard.board().end_run(&fixture::summary(), &Intervals::default(), Vec::new(), None);
        assert!(answer(&dashboard, "GET /page", "localhost").starts_with("HTTP/1.1 200 OK"));
    }
}

#[test]
fn more_connections_than_there_may_be_are_closed_at_once() {
    let dashboard = opened();
    let held: Vec<_> = (0..server::CONNECTIONS_MAX).map(|_| connect(&dashboard)).collect();
    // The server accepts in the order of arrival.
    assert_eq!(connect(&dashboard).read(&mut [0; 1]).unwrap(), 0);
    drop(held);
    let is_served = || {
        let mut stream = connect(&dashboard);
        let mut answer = String::new();
        let request = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n";
        // A connection that is closed at once may be closed before it is written to.
        let _answered = stream.write_all(request).and_then(|()| stream.read_to_string(&mut answer));
        answer.starts_with("HTTP/1.1 200 OK")
    };
    assert!((0..100).any(|_| is_served()), "there is room again");
}

/// Returns a connection that the server side has accepted, and the client's end.
fn pair() -> (Connection, TcpStream, Site) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let place = DashboardPlace::read("/page", &[]).unwrap();
    let site = Site::new(place, "/page".to_owned());
    (Connection::new(stream, clock::now()).unwrap(), client, site)
}

#[test]
fn a_request_that_comes_byte_by_byte_is_cut_at_its_deadline() {
    let (mut connection, mut client, mut site) = pair();
    let begun = clock::now();
    for (second, byte) in (1..=4).zip(b"GET ") {
        client.write_all(&[*byte]).unwrap();
        let at = begun + Duration::from_secs(second);
        assert!(connection.turn(true, at, &mut site).is_continue(), "{second}");
    }
    client.write_all(b"/").unwrap();
    let at = begun + Duration::from_secs(6);
    assert!(connection.turn(true, at, &mut site).is_break());
}

#[test]
fn a_client_that_does_not_take_its_answer_is_dropped_at_its_deadline() {
    let (mut connection, mut client, mut site) = pair();
    client.write_all(b"GET /page/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let (mut number, begun) = (0, clock::now());
    // States come until the buffers of the sockets are full.
    while !connection.is_behind(number) || number < 2 {
        number += 1;
        assert!(number < 10_000, "the buffers are never full");
        site.renew(state(number));
        assert!(connection.turn(true, begun, &mut site).is_continue());
    }
    assert!(connection.turn(false, begun + Duration::from_secs(9), &mut site).is_continue());
    assert!(connection.turn(false, begun + Duration::from_secs(11), &mut site).is_break());
}

fn state(number: u64) -> board::BoardState {
    let (summary, intervals, merged) = (fixture::summary(), Intervals::default(), Vec::new());
    let ended = board::EndedRun { summary, intervals, merged };
    let run = Some(board::RunState::Over(Arc::new(ended)));
    board::BoardState { number, run, ..board::BoardState::default() }
}
