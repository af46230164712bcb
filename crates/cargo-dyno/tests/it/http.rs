//! `cargo dyno http`: requests as the task, in real runs against small servers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::workbench::{Ended, Workbench};

/// The flags of a short run: nothing here depends on its duration.
const SHORT: &str = "--duration 300ms --warmup 0s -w 2 --rate 20 --format json";

/// A reply with two bytes.
pub(crate) const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Starts a server that gives one reply to every request; returns its URL, and the requests. It
/// ends with the tests.
pub(crate) fn server(reply: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/a?b=c", listener.local_addr().expect("bound"));
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || serve(&stream, reply, &sender));
        }
    });
    (url, requests)
}

/// Answers the requests of one connection until it is closed.
fn serve(mut stream: &TcpStream, reply: &str, requests: &Sender<String>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut request, mut length) = (String::new(), 0);
        while !request.ends_with("\r\n\r\n") {
            let begin = request.len();
            if reader.read_line(&mut request).is_ok_and(|bytes| bytes > 0) {
                let field = request[begin..].trim().split_once(": ");
                length = field
                    .filter(|(name, _)| *name == "content-length")
                    .map_or(length, |field| field.1.parse().expect("a number"));
            } else {
                return;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a whole body");
        request += &String::from_utf8_lossy(&body);
        let _test_is_over = requests.send(request);
        stream.write_all(reply.as_bytes()).expect("the client reads");
    }
}

fn http(bench: &Workbench, url: &str, flags: &[&str]) -> Ended {
    let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    dyno.args(["http", url]).args(SHORT.split(' ')).args(flags);
    bench.end("", dyno)
}

#[track_caller]
fn summary(ended: &Ended) -> dyno::Summary {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn each_cycle_is_a_request_with_its_method_its_fields_and_its_body() {
    let bench = Workbench::new();
    bench.write("body.json", "{\"a\": 1}");
    let (url, requests) = server(HELLO);
    let flags = ["-m", "PUT", "-H", "X-Trace: 7", "-H", "Authorization: Bearer abc"];
    let ended = http(&bench, &url, &[&flags[..], &["--body", "body.json"]].concat());
    assert!(matches!(ended.code, Some(0 | 6)), "{ended:?}");
    let summary = summary(&ended);
    assert_eq!((summary.benchmark.as_str(), summary.cycles.completed), ("http", 6));
    let count = |name: &str| summary.metric(name).map_or(0, |metric| metric.count);
    assert_eq!((count("connect"), count("first_byte")), (2, 6), "{ended:?}");
    let requests: Vec<_> = requests.try_iter().collect();
    assert_eq!(requests.len(), 6);
    let fields = ["x-trace: 7\r\n", "authorization: Bearer abc\r\n", "user-agent: cargo-dyno/"];
    for request in requests {
        assert!(request.starts_with("PUT /a?b=c HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\n{\"a\": 1}"), "{request}");
        assert!(fields.iter().all(|field| request.contains(field)), "{request}");
    }
    // The secret is in no file of the run.
    assert!(!ended.stdout.contains("Bearer"), "{ended:?}");
    let listed = bench.dyno("", "runs").printed().to_owned();
    assert!(listed.contains(&format!("  PUT {url}")), "{listed}");
}

#[test]
fn a_status_of_400_or_more_a_late_reply_and_a_broken_one_fail_their_cycles() {
    for (reply, message) in [
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            "503 Service Unavailable",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nha",
            "no whole reply within 50ms (--timeout)",
        ),
        ("hello\r\n\r\n", "invalid HTTP version parsed"),
    ] {
        let (url, _requests) = server(reply);
        let ended = http(&Workbench::new(), &url, &["--timeout", "50ms"]);
        let summary = summary(&ended);
        assert_eq!((ended.code, summary.cycles.failed), (Some(3), 6), "{ended:?}");
        assert!(summary.errors[0].message.contains(message), "{ended:?}");
    }
}

#[test]
fn https_is_spoken_to_a_server_with_a_trusted_certificate_and_to_no_other() {
    let bench = Workbench::new();
    let mut certificate = Command::new("openssl");
    let line = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 \
                -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
                -addext basicConstraints=critical,CA:FALSE";
    certificate.args(line.split_whitespace());
    assert_eq!(bench.end("", certificate).code, Some(0));
    let mut server = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-key", "key.pem"])
        .args(["-cert", "cert.pem"])
        .current_dir(bench.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it is installed");
    let mut output = BufReader::new(server.stdout.take().expect("piped")).lines();
    let address =
        output.find_map(|line| line.expect("UTF-8").strip_prefix("ACCEPT ").map(str::to_owned));
    let url = format!("https://{}/", address.expect("it prints its address"));
    let run = |file: &str| {
        let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
        dyno.args(["http", &url]).args(SHORT.split(' ')).env("SSL_CERT_FILE", bench.path(file));
        summary(&bench.end("", dyno))
    };
    let trusted = run("cert.pem");
    let mut other = Command::new("openssl");
    let other_line = line.replace("cert.pem", "other.pem").replace("key.pem", "other-key.pem");
    other.args(other_line.split_whitespace());
    assert_eq!(bench.end("", other).code, Some(0));
    let refused = run("other.pem");
    server.kill().expect("it runs");
    server.wait().expect("it is our child");
    assert_eq!(trusted.cycles.completed, 6, "{trusted:#?}");
    assert_eq!(refused.cycles.failed, 6, "{refused:#?}");
    assert!(refused.errors[0].message.contains("invalid peer certificate"), "{refused:#?}");
}

#[test]
fn a_server_that_is_not_there_is_refused_before_anything_starts() {
    let bench = Workbench::new();
    let ended = http(&bench, "http://127.0.0.1:1/", &[]);
    let refusal = "no server accepts a connection at 127.0.0.1:1: Connection refused";
    assert!(ended.refusal().starts_with(refusal), "{ended:?}");
    assert!(!bench.path("dyno-runs").exists());
}
