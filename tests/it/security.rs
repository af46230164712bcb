//! Tests of what a run exposes to others: no socket that anyone can connect to, no folder that
//! anyone can read, and no password of a URL.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Ended, MISBEHAVES, assert_says, benchmark, processes_of};

/// The password in the URLs of these tests: a word that occurs nowhere else.
const SECRET: &str = "hunter2";
/// The kernel's tables of sockets that any peer may reach.
const NETWORK: [&str; 7] = ["tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"];
/// The flag of a Unix socket that listens (`__SO_ACCEPTCON`).
const LISTENS: u64 = 0x1_0000;

/// Returns the inode numbers of a process's sockets.
fn sockets_of(pid: u32) -> Vec<u64> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let number = |link: &Path| {
        let number = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        number.parse().ok()
    };
    links.filter_map(|link| number(&link)).collect()
}

/// Reads the rows of a table of sockets, split into words.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    text.lines().skip(1).map(words).collect()
}

#[test]
fn a_run_has_no_socket_that_anyone_could_connect_to() {
    let running = benchmark(MISBEHAVES).args("--duration 1s").logged().start();
    running.until_workers(2);
    running.until_log(" cycle 20");
    let processes = processes_of(running.pid);
    let sockets: BTreeSet<u64> =
        processes.iter().flat_map(|process| sockets_of(*process)).collect();
    // Each worker has a bus with two ends.
    assert!(processes.len() == 3 && sockets.len() >= 4, "{processes:?} {sockets:?}");
    let is_ours = |word: &String| word.parse().is_ok_and(|number| sockets.contains(&number));
    for name in NETWORK {
        let ours: Vec<_> = table(name).into_iter().filter(|row| row.iter().any(is_ours)).collect();
        assert!(ours.is_empty(), "{name}: {ours:?}");
    }
    let ours: Vec<_> = table("unix").into_iter().filter(|row| is_ours(&row[6])).collect();
    assert_eq!(ours.len(), sockets.len(), "every one is a Unix socket: {ours:?}");
    for row in ours {
        let flags = u64::from_str_radix(&row[3], 16).expect("a number");
        assert_eq!(flags & LISTENS, 0, "it listens: {row:?}");
        assert_eq!(row.len(), 7, "it has a name: {row:?}");
    }
    running.end().verdict(0, "sustained");
}

#[test]
fn a_runs_folder_is_its_owners_alone() {
    // One run names its folder; the other uses the default.
    let named = benchmark(MISBEHAVES).run();
    let unnamed = benchmark(MISBEHAVES).launched_by("env --unset=DYNO_OUT").run();
    for (ended, path) in [(named, "out"), (unnamed, "dyno-runs/misbehaves/latest")] {
        ended.verdict(0, "sustained");
        assert_says(&ended.read(&format!("{path}/run.json")), &["environment"]);
        let mode = std::fs::metadata(ended.path(path)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{path}");
    }
}

/// Returns the names and the text of all files that a run left.
fn files(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            text += &files(&path);
        } else {
            text += &format!("{}: ", path.display());
            text += &String::from_utf8_lossy(&std::fs::read(&path).expect("readable"));
        }
    }
    text
}

#[track_caller]
fn assert_shows_no_secret(ended: &Ended) {
    let files = files(&ended.path(""));
    for (place, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr), ("files", &files)] {
        let line = text.lines().find(|line| line.contains(SECRET));
        assert!(line.is_none(), "{place}: {line:?}");
    }
}

/// Runs a benchmark whose parameter `url` and variable `REDIS_URL` have a password, with one more
/// log file.
fn quoting(line: &str) -> Ended {
    let url = format!("redis://user:{SECRET}@127.0.0.1:1/0");
    let run = benchmark(MISBEHAVES).args(line).args(&format!("-P url={url} --log-file more.jsonl"));
    run.env("REDIS_URL", &format!("rediss://:{SECRET},'x@host?a=b")).run()
}

#[test]
fn no_password_of_a_url_is_shown_or_stored() {
    for at in ["primary-before", "before", "cycle", "after"] {
        let ended = quoting(&format!("-P how=quote -P at={at}"));
        assert!([3, 5].contains(&ended.status.code().expect("an exit")), "{ended:#?}");
        assert_shows_no_secret(&ended);
        let shown = format!("{}{}", ended.stdout, ended.stderr);
        assert_says(
            &shown,
            &["can't reach `redis://user:***@127.0.0.1:1/0`, nor rediss://:***@host"],
        );
    }
    for how in ["panic-quoting", "abort-quoting"] {
        assert_shows_no_secret(&quoting(&format!("-P how={how} -P at=cycle -P worker=1")));
    }
}

#[test]
fn no_password_of_a_url_is_in_any_format() {
    for format in ["human", "json", "csv", "markdown"] {
        let ended = quoting(&format!("-P how=quote -P at=first-cycle --format {format}"));
        assert_eq!(ended.status.code(), Some(3), "{ended:#?}");
        assert_shows_no_secret(&ended);
        assert_says(&ended.read("out/run.json"), &["command", "url=redis://user:***@"]);
    }
}

#[test]
fn no_password_of_a_url_is_in_a_refusal() {
    let url = format!("redis://user:{SECRET}@host");
    for line in [
        format!("-P typo={url}"),
        format!("-P worker={url}"),
        format!("--rate {url}"),
        format!("--arrivals {url}"),
        format!("--typo {url}"),
        // No file can be made at this path.
        format!("--log-file /proc/{url}"),
    ] {
        let ended = benchmark(MISBEHAVES).args(&line).run();
        assert!(!ended.refusal().is_empty());
        assert_shows_no_secret(&ended);
    }
    let ended = benchmark(MISBEHAVES).env("DYNO_PARAM", &format!("typo={url}")).run();
    assert_says(ended.refusal(), &["redis://user:***@host"]);
    assert_shows_no_secret(&ended);
}
