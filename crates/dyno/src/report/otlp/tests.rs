//! Tests of the export against collectors over real sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::primary::RunPhase;
use crate::result::fixture;

const DEADLINE: Duration = Duration::from_secs(20);

/// Returns a listener, and an export to it with a header field.
fn opened() -> (TcpListener, OtlpExport) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/own", listener.local_addr().unwrap());
    let headers = "OTEL_EXPORTER_OTLP_HEADERS";
    let variable = |name: &str| (name == headers).then(|| "x-key=hidden".to_owned());
    let export = OtlpExport::start(OtlpPlace::read(&url, variable).unwrap()).unwrap();
    export.mailbox().begin_run(&fixture::plan(), Duration::ZERO);
    (listener, export)
}

/// Accepts a request, answers it with a status, and returns its head and its body.
fn serve(listener: &TcpListener, status: &str) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut bytes = Vec::new();
    let end = b"\r\n\r\n";
    let body = loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).unwrap();
        bytes.extend(&some[..count]);
        let Some(place) = bytes.windows(end.len()).position(|part| part == end) else { continue };
        let head = String::from_utf8_lossy(&bytes[..place]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        if bytes.len() - place - end.len() == length.unwrap().parse::<usize>().unwrap() {
            break (head, bytes[place + end.len()..].to_vec());
        }
        assert!(count > 0, "the request is cut: {head}");
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
    body
}

fn interim() -> Arc<Interim> {
    Arc::new(fixture::interim(RunPhase::Measuring))
}

#[test]
fn figures_are_pushed_every_ten_seconds_and_at_the_end() {
    let (listener, export) = opened();
    let (mailbox, begun) = (export.mailbox(), clock::now());
    mailbox.interim(&interim(), begun);
    let (head, body) = serve(&listener, "200 OK");
    assert!(head.starts_with("POST /own HTTP/1.1\r\n"), "{head}");
    for field in ["Content-Type: application/x-protobuf", "x-key: hidden"] {
        assert!(head.lines().any(|line| line == field), "no `{field}` in {head}");
    }
    assert!(!body.is_empty());
    // These come too early for another push, which the end shows: it is the next request.
    mailbox.interim(&interim(), begun + Duration::from_secs(1));
    mailbox.interim(&interim(), begun + Duration::from_secs(9));
    let waits = |mailbox: &OtlpMailbox| mailbox.lock().waiting.len();
    assert_eq!(waits(&mailbox), 0);
    mailbox.end_run(&fixture::summary(), fixture::observer().merged_values());
    let (_, at_end) = serve(&listener, "202 Accepted");
    assert_ne!(at_end, body);
    assert_eq!(export.finish(), None);
}

#[test]
fn a_collector_that_answers_with_an_error_is_one_warning_without_secrets() {
    let (listener, export) = opened();
    let mailbox = export.mailbox();
    for second in [0, 10] {
        mailbox.interim(&interim(), clock::now() + Duration::from_secs(second));
        serve(&listener, "500 Internal Server Error");
    }
    mailbox.end_run(&fixture::summary(), Vec::new());
    serve(&listener, "500 Internal Server Error");
    let warning = export.finish().unwrap();
    assert!(warning.contains(": it answered 500; the run is not affected"), "{warning}");
    assert!(warning.starts_with("--otlp: http://127.0.0.1:") && !warning.contains("hidden"));
    assert_eq!(mailbox.warning(), None);
}

#[test]
fn a_collector_that_is_gone_is_a_warning() {
    let (listener, export) = opened();
    drop(listener);
    export.mailbox().end_run(&fixture::summary(), Vec::new());
    let warning = export.finish().unwrap();
    assert!(warning.contains("efused"), "{warning}");
}

#[test]
fn a_collector_that_never_answers_holds_nothing_up() {
    let (listener, export) = opened();
    let mailbox = export.mailbox();
    mailbox.end_run(&fixture::summary(), Vec::new());
    let held: (TcpStream, _) = listener.accept().unwrap();
    // More ends of trials than are kept.
    for _ in 0..3 * WAITING_MAX {
        mailbox.begin_run(&fixture::plan(), Duration::ZERO);
        mailbox.interim(&interim(), clock::now());
        mailbox.end_run(&fixture::summary(), Vec::new());
    }
    assert_eq!(mailbox.lock().waiting.len(), WAITING_MAX);
    let warning = export.finish().unwrap();
    assert!(warning.contains("the last figures were not taken within a second"), "{warning}");
    drop(held);
}

#[test]
fn an_answer_that_is_not_http_is_a_warning() {
    let (listener, export) = opened();
    export.mailbox().end_run(&fixture::summary(), Vec::new());
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"SSH-2.0-x\r\n").unwrap();
    let warning = export.finish().unwrap();
    assert!(warning.contains(": its answer is not HTTP; "), "{warning}");
}
