//! Tests of the HTTP example: with the server that it starts, and with servers that refuse, fail or
//! never answer.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::support::{HTTP_EXAMPLE, benchmark};

/// Starts a server that gives one reply to every request, or none to any. It ends with the tests.
fn server(reply: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|bytes| bytes > 0) {
                    if let Some(reply) = reply {
                        stream.write_all(reply.as_bytes()).expect("the client reads");
                    }
                }
            });
        }
    });
    url
}

#[test]
fn the_http_example_starts_its_own_server_and_keeps_its_connections() {
    let summary = benchmark(HTTP_EXAMPLE).args("--rate 200").run().summary();
    assert_eq!(summary.cycles.completed, 60, "{summary:#?}");
    let count = |name: &str| summary.metric(name).map_or(0, |metric| metric.count);
    assert_eq!(count("first_byte"), 60, "{summary:#?}");
    // One for each worker, and more only if cycles overlapped.
    assert!((2..60).contains(&count("connect")), "{summary:#?}");
}

#[test]
fn a_killed_primary_leaves_no_private_http_server() {
    let running = benchmark(HTTP_EXAMPLE).args("--duration 20s").start();
    // The workers and the server.
    running.until_workers(3);
    running.kill(Duration::from_secs(2));
}

#[test]
fn a_ctrl_c_ends_the_http_example_and_not_its_server_before_the_last_cycle() {
    let running = benchmark(HTTP_EXAMPLE).args("--duration 20s").start();
    running.until_workers(3);
    // As Ctrl-C does, to all processes of the terminal's foreground.
    killpg(Pid::from_raw(running.pid.cast_signed()), Signal::SIGINT).expect("it runs");
    let summary = running.end().verdict(130, "interrupted");
    assert_eq!(summary.cycles.failed, 0, "{summary:#?}");
}

#[test]
fn a_status_of_400_or_more_fails_its_cycle() {
    let url = server(Some("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone"));
    let ended = benchmark(HTTP_EXAMPLE).args(&format!("--rate 100 -P url={url}")).run();
    let summary = ended.verdict(3, "failed");
    assert_eq!(summary.cycles.failed, 30, "{summary:#?}");
    assert_eq!(summary.errors[0].message, "404 Not Found");
}

#[test]
fn a_reply_that_does_not_arrive_in_time_fails_its_cycle() {
    for reply in [None, Some("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha")] {
        let url = server(reply);
        let line = format!("--rate 20 -P timeout_ms=50 -P url={url}");
        let summary = benchmark(HTTP_EXAMPLE).args(&line).run().verdict(3, "failed");
        assert_eq!(summary.cycles.failed, 6, "{summary:#?}");
        assert_eq!(summary.errors[0].message, "no whole reply in time", "{reply:?}");
    }
}

#[test]
fn a_server_that_refuses_fails_the_cycles_with_its_reason() {
    // The port of a listener that is gone.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let line = format!("--rate 20 -P url=http://{address}/");
    let summary = benchmark(HTTP_EXAMPLE).args(&line).run().verdict(3, "failed");
    assert!(summary.errors[0].message.contains("Connection refused"), "{summary:#?}");
    let ended = benchmark(HTTP_EXAMPLE).args("-P url=nowhere").run();
    assert!(ended.error().contains("invalid -P url: expected one such as"), "{ended:#?}");
}
