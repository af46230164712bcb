//! Tests of a run's output: its content, where it goes, and runs whose output nobody reads.

use std::fs::{File, OpenOptions};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{BEHAVES, MISBEHAVES, RECORDS, assert_says, benchmark};

#[test]
fn ten_megabytes_on_both_streams_of_a_worker_block_nothing() {
    let line = "-P how=shout -P at=first-cycle --duration 500ms --on-backlog queue --quiet";
    let ended = benchmark(MISBEHAVES).args(line).run();
    let summary = ended.summary();
    assert_eq!(summary.cycles.completed, 100, "{summary:#?}");
}

#[test]
fn lines_of_workers_have_their_index_and_are_never_in_the_result() {
    let ended = benchmark(BEHAVES).run();
    ended.verdict(0, "sustained");
    assert!(!ended.stdout.contains("first cycle"), "{ended:#?}");
    assert_eq!(ended.stderr.matches("[0] first cycle\n").count(), 1, "{ended:#?}");
    assert_eq!(ended.stderr.matches("[1] first cycle\n").count(), 1, "{ended:#?}");
}

#[test]
fn a_run_begins_with_its_parameters() {
    let ended = benchmark(BEHAVES).args("-P us=7 --rate 250").run();
    let first = ended.stderr.lines().find(|line| line.starts_with("behaves")).expect("a line");
    let parts = ["rate 250/s", "duration 300ms", "workers 2", "arrivals uniform", "us=7"];
    assert_says(first, &parts);
}

#[test]
fn each_second_of_a_run_is_a_line_without_a_terminal() {
    let ended = benchmark(BEHAVES).args("--duration 1200ms").run();
    assert_says(&ended.stderr, &["1.0 s", "measuring", "issued", "completed", "backlog"]);
}

#[test]
fn quiet_leaves_the_result_only() {
    let ended = benchmark(BEHAVES).args("--quiet").run();
    ended.verdict(0, "sustained");
    assert_eq!(ended.stderr, "");
}

#[test]
fn on_tick_is_called_five_times_a_second_and_once_after_the_drain() {
    let ended = benchmark(RECORDS).args("--duration 1s").run();
    ended.verdict(0, "sustained");
    let (_, rest) = ended.stderr.split_once("asked ").expect("what it made of the end");
    let asked: u32 = rest.split(' ').next().and_then(|asked| asked.parse().ok()).expect("a number");
    assert!((4..=10).contains(&asked), "{asked}");
    // Each of the two workers recorded 100 values, which is known only after the last value has
    // come.
    assert_eq!(rest.matches("100").count(), 2, "{rest}");
}

#[test]
fn a_disk_that_is_full_half_way_still_gives_the_result() {
    let script = r#"mkdir out && mount -t tmpfs -o size=8k none out && exec "$0" "$@""#;
    let unshare = "unshare --user --map-root-user --mount sh -c";
    let line = "-P how=shout -P at=first-cycle --on-backlog queue --quiet";
    let ended = benchmark(MISBEHAVES).args(line).launched_by(unshare).launched_with(script).run();
    let summary = ended.summary();
    assert_eq!(summary.cycles.completed, 60);
    assert_says(&summary.warnings.join("\n"), &["No space left on device"]);
}

#[test]
fn csv_is_a_line_of_names_and_a_row() {
    let ended = benchmark(BEHAVES).args("--format csv").run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{ended:#?}");
    let column = |name: &str| {
        let at = lines[0].split(',').position(|column| column == name);
        lines[1].split(',').nth(at.unwrap_or_else(|| panic!("no {name} in {}", lines[0])))
    };
    assert_eq!(column("benchmark"), Some("behaves"));
    assert_eq!(column("verdict"), Some("sustained"));
}

#[test]
fn a_closed_stdout_does_not_stop_a_run() {
    for command in ["true", "head -c 1"] {
        let mut reader = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("a shell");
        let pipe = reader.stdin.take().expect("it is piped");
        let ended = benchmark(BEHAVES).args("--format human").stdout(pipe).run();
        reader.wait().expect("it ends");
        assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
    }
}

#[test]
fn a_full_disk_under_stdout_is_a_reported_error() {
    for flags in ["", "--quiet", "--format human", "--format csv"] {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux");
        let ended = benchmark(BEHAVES).args(flags).stdout(full).run();
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
        let said = ["error: the result could not be written to standard output: No space left"];
        assert_says(&ended.stderr, &said);
        assert_eq!(ended.status.code(), Some(5), "{ended:#?}");
    }
}

#[test]
fn quiet_draws_no_plot_beside_a_result_for_programs() {
    let ended = benchmark(RECORDS).args("--plot plain --format csv --quiet").run();
    assert_eq!(ended.stdout.lines().count(), 2, "{ended:#?}");
    assert!(!ended.stderr.contains("p99"), "{ended:#?}");
}

#[test]
fn a_plot_that_can_not_be_drawn_is_reported_with_quiet_too() {
    for format in ["csv", "json", "markdown"] {
        let line = format!("--plot nonesuch --quiet --format {format}");
        let ended = benchmark(RECORDS).args(&line).run();
        assert_says(&ended.stderr, &["warning: there is no plot of `nonesuch`"]);
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:#?}");
    }
}

#[test]
fn warnings_that_csv_has_no_place_for_go_to_stderr_once_each() {
    let ended = benchmark(RECORDS).args("-P odd=true --format csv").run();
    assert_eq!(ended.stdout.lines().count(), 2, "{ended:#?}");
    // One that is known at the end alone, and one that was printed when the run began.
    for text in ["warning: 120 of the 180 values of `odd`", "warning: THIS IS A DEBUG BUILD"] {
        assert_eq!(ended.stderr.matches(text).count(), 1, "{text}: {ended:#?}");
    }
    let ended = benchmark(RECORDS).args("-P odd=true --format csv --quiet").run();
    assert_eq!(ended.stderr, "");
    let ended = benchmark(RECORDS).args("-P odd=true --format markdown").run();
    assert_says(&ended.stdout, &["- warning: 120 of the 180 values"]);
}

#[test]
fn a_run_that_ends_in_its_warm_up_blames_no_plot() {
    let line = "--warmup 20s --format human --plot plain";
    let running = benchmark(RECORDS).args(line).start();
    running.until_said("warming up");
    running.signal(nix::sys::signal::Signal::SIGINT);
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(130), "{ended:#?}");
    assert!(!ended.stdout.contains("plot"), "{ended:#?}");
}

#[test]
fn a_terminal_that_takes_nothing_stops_nothing() {
    // Standard error is a pipe that nobody reads, and that a worker fills at once.
    let script = r#"mkfifo full && exec 3<>full && exec "$0" "$@" 2>&3"#;
    let run = benchmark(MISBEHAVES).args("-P how=shout -P at=first-cycle --on-backlog queue");
    let ended = run.args("--duration 500ms").launched_by("sh -c").launched_with(script).run();
    let summary = ended.summary();
    assert_eq!(summary.cycles.completed, 100, "{summary:#?}");
    assert!(ended.elapsed < Duration::from_secs(15), "{ended:#?}");
}

#[test]
fn a_plot_of_a_metric_that_never_came_is_a_warning_that_lists_those_that_did() {
    let ended = benchmark(RECORDS).args("--plot nonesuch").run();
    let summary = ended.verdict(0, "sustained");
    let warning = summary.warnings.iter().find(|text| text.contains("nonesuch"));
    let parts = ["no plot of `nonesuch`", "response", "plain"];
    assert_says(warning.expect("a warning"), &parts);
}

#[test]
fn a_result_that_is_read_elsewhere_begins_with_its_first_line() {
    for (plot, first) in [("", "records"), ("--plot plain", "plain")] {
        let ended = benchmark(RECORDS).args(plot).args("--format human --duration 300ms").run();
        assert!(ended.stdout.starts_with(first), "{:?}", ended.stdout);
    }
}

#[test]
fn a_plot_draws_the_metrics_course() {
    let ended = benchmark(RECORDS).args("--plot plain --format human --duration 500ms").run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_says(&ended.stdout, &["plain", "sustained"]);
}

#[test]
fn a_run_leaves_its_summary_its_histograms_and_its_log() {
    let ended = benchmark(BEHAVES).run();
    let kept: dyno::Summary = serde_json::from_str(&ended.read("out/run.json")).expect("a summary");
    let mut printed = ended.verdict(0, "sustained");
    printed.hint.clear();
    assert_eq!(kept, printed);
    assert_says(&ended.read("out/metrics.hlog"), &["service"]);
    assert_says(&ended.read("out/log.jsonl"), &["parameters", "verdict"]);
}

#[test]
fn a_run_leaves_its_intervals_by_their_schema_with_every_value_of_its_summary() {
    let schema = include_str!("../../docs/intervals.schema.json");
    let schema = serde_json::from_str(schema).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let ended = benchmark(RECORDS).args("--duration 500ms").run();
    let text = ended.read("out/intervals.json");
    let value = serde_json::from_str(&text).expect("JSON");
    let wrong: Vec<_> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}: {text}");

    let intervals = dyno::summary::Intervals::read(ended.path("out")).expect("whole");
    assert!(intervals.ends_ns.is_sorted() && intervals.ends_ns[0] > intervals.start_ns);
    let summary = dyno::Summary::read(ended.path("out")).expect("whole");
    let timed = summary.metrics.iter().filter(|(_, metric)| metric.unit.name() == "ns");
    for (name, metric) in timed.filter(|(_, metric)| metric.count > 0) {
        let columns = &intervals.metrics[name].columns;
        assert_eq!(columns.len(), intervals.ends_ns.len(), "{name}");
        assert_eq!(columns.iter().map(|column| column.count).sum::<u64>(), metric.count, "{name}");
        // The mean in nanoseconds is a whole number.
        let sum = columns.iter().map(|column| column.sum).sum::<u64>() as f64;
        assert!((sum / metric.count as f64 - metric.mean).abs() <= 0.5, "{name}");
    }
}

#[test]
fn the_log_is_lines_of_json() {
    let ended = benchmark(BEHAVES).args("--log-file log").run();
    ended.verdict(0, "sustained");
    let lines = ended.log.lines().map(serde_json::from_str::<serde_json::Value>);
    let lines: Vec<_> = lines.collect::<Result<_, _>>().expect("JSON");
    for message in ["parameters", "phase", "line", "verdict"] {
        let said = lines.iter().any(|line| line["message"] == message);
        assert!(said, "{message} in {}", ended.log);
    }
}

#[test]
fn a_result_can_be_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("result.json");
    let ended = benchmark(BEHAVES).stdout(File::create(&path).expect("writable")).run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let text = std::fs::read_to_string(path).expect("written");
    let summary: dyno::Summary = serde_json::from_str(&text).expect("a summary");
    assert_eq!(summary.cycles.completed, 60);
}

#[test]
fn a_second_run_in_one_folder_or_log_is_refused_before_it_starts() {
    let first = benchmark(BEHAVES).args("--duration 20s --log-file log.jsonl").start();
    first.until_said("measuring");
    let folder = first.folder();
    let [out, log] = ["out", "log.jsonl"].map(|name| folder.path().join(name));
    for flag in [format!("--out {}", out.display()), format!("--log-file {}", log.display())] {
        let ended = benchmark(BEHAVES).args(&flag).run();
        assert_says(ended.refusal(), &[&flag, "another run is writing there"]);
    }
    first.signal(nix::sys::signal::Signal::SIGINT);
    first.end().verdict(130, "interrupted");
}

#[test]
fn a_log_file_in_the_runs_own_folder_overwrites_no_other_file() {
    let ended = benchmark(BEHAVES).args("--log-file out/more.jsonl").run();
    ended.verdict(0, "sustained");
    assert_eq!(ended.read("out/more.jsonl"), ended.read("out/log.jsonl"));
    for name in ["metrics.hlog", "log.jsonl", "intervals.json", "report.html"] {
        let ended = benchmark(BEHAVES).args(&format!("--log-file ./out/{name}")).run();
        assert_says(ended.refusal(), &["--log-file", name, "another of its files"]);
    }
}
