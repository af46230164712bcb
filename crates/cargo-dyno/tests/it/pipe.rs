//! `cargo dyno pipe`: commands that stay, in real runs.

use std::process::Command;

use crate::workbench::{Ended, Workbench};

/// The flags of a short run: nothing here depends on its duration.
const SHORT: &str = "--duration 300ms --warmup 0s -w 2 --format json";

fn pipe(bench: &Workbench, flags: &[&str], command: &[&str]) -> Ended {
    let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    dyno.arg("pipe").args(SHORT.split(' ')).args(flags).arg("--").args(command);
    // The variable would let a Python that holds back its output pass.
    dyno.env_remove("PYTHONUNBUFFERED");
    bench.end("", dyno)
}

#[track_caller]
fn summary(ended: &Ended) -> dyno::Summary {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Runs a command that ends the run by a fault; returns the fault.
#[track_caller]
fn fault(flags: &[&str], command: &[&str]) -> String {
    let ended = pipe(&Workbench::new(), flags, command);
    assert_eq!(ended.code, Some(5), "{ended:?}");
    summary(&ended).reasons.join("\n")
}

#[test]
fn each_cycle_is_a_line_and_its_reply() {
    let bench = Workbench::new();
    let script = "while read -r line; do echo \"got $line\"; echo \"$line\" >>seen; done";
    let flags = ["--rate", "20", "--line", "{cycle} of {worker}"];
    let ended = pipe(&bench, &flags, &["sh", "-c", script]);
    assert!(matches!(ended.code, Some(0 | 6)), "{ended:?}");
    let summary = summary(&ended);
    assert_eq!((summary.benchmark.as_str(), summary.cycles.completed), ("pipe", 6));
    let mut seen: Vec<_> = bench.read("seen").lines().map(str::to_owned).collect();
    seen.sort();
    assert_eq!(seen, ["0 of 0", "1 of 1", "2 of 0", "3 of 1", "4 of 0", "5 of 1"]);
    let listed = bench.dyno("", "runs").printed().to_owned();
    assert!(listed.contains("pipe/") && listed.contains("  sh -c"), "{listed}");
}

#[test]
fn many_cycles_in_flight_share_one_pipe() {
    let ended = pipe(&Workbench::new(), &["-R", "max", "--in-flight", "64"], &["cat"]);
    let summary = summary(&ended);
    assert_eq!((ended.code, summary.verdict.name()), (Some(0), "completed"), "{ended:?}");
    assert!(summary.cycles.completed > 64, "{ended:?}");
}

#[test]
fn a_reply_that_matches_fails_its_cycle_and_metrics_are_recorded() {
    let script = "while read -r line; do echo \"#metric rows 7\"; echo ERR no; done";
    let flags = ["--rate", "20", "--fail-if", "^ERR"];
    let ended = pipe(&Workbench::new(), &flags, &["sh", "-c", script]);
    let summary = summary(&ended);
    assert_eq!((ended.code, summary.cycles.failed), (Some(3), 6), "{ended:?}");
    assert_eq!(summary.errors[0].message, "ERR no");
    let rows = summary.metric("rows").expect("a metric");
    assert_eq!((rows.count, rows.max), (6, 7));
}

#[test]
fn a_command_that_ends_before_the_run_is_a_fault_with_its_exit_code() {
    let fault = fault(&["--rate", "50"], &["sh", "-c", "read a; echo $a; exit 7"]);
    let expected = "`sh` exited with code 7 before the end of the run, after 1 replies";
    assert!(fault.contains(expected), "{fault}");
}

#[test]
fn a_command_that_closes_its_output_is_a_fault() {
    let fault = fault(&["--rate", "50"], &["sh", "-c", "exec >&-; while read -r a; do :; done"]);
    assert!(fault.contains("`sh` closed its standard output and went on"), "{fault}");
}

#[test]
fn half_a_line_at_the_end_is_named() {
    let fault = fault(&["--rate", "50"], &["sh", "-c", "read a; printf half"]);
    assert!(fault.contains("after 0 replies, within the line `half`"), "{fault}");
}

#[test]
fn a_line_that_nobody_waits_for_is_a_fault() {
    let fault = fault(&["--rate", "50"], &["sh", "-c", "echo hello; cat"]);
    assert!(fault.contains("`sh` printed `hello` while no cycle waited"), "{fault}");
}

#[test]
fn output_without_an_end_is_a_fault() {
    let lines = fault(&["--rate", "50"], &["yes"]);
    assert!(lines.contains("`yes` printed `y` while no cycle waited"), "{lines}");
    let line = fault(&["--rate", "50"], &["cat", "/dev/zero"]);
    assert!(line.contains("printed a line of more than 1048576 bytes"), "{line}");
}

#[test]
fn a_program_that_holds_back_its_output_is_named_with_its_flag() {
    let flags = ["--rate", "10", "-d", "60s", "--start-deadline", "3s"];
    let fault = fault(&flags, &["sed", "s/a/b/"]);
    let expected =
        "`sed` has answered no line: `sed` holds back its output on a pipe: use `sed -u`";
    assert!(fault.contains(expected), "{fault}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_command_that_ignores_the_end_of_its_input_is_killed_and_named() {
    let mark = format!("3000.{}", std::process::id());
    let script = format!("read -r a; while echo $a && read -r a; do :; done; exec sleep {mark}");
    let fault = fault(&["--rate", "20", "--after-deadline", "1s"], &["sh", "-c", &script]);
    assert!(fault.contains("`sh` did not end within 1s (--after-deadline)"), "{fault}");
    let processes = std::fs::read_dir("/proc").expect("Linux");
    let is_left = processes.flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())
    });
    assert!(!is_left, "{fault}");
}

#[test]
fn an_exit_code_after_the_end_of_the_input_is_a_warning() {
    let script = "while read -r line; do echo; done; exit 3";
    let ended = pipe(&Workbench::new(), &["--rate", "20"], &["sh", "-c", script]);
    assert!(matches!(ended.code, Some(0 | 6)), "{ended:?}");
    assert!(
        ended.stderr.contains("`sh` exited with code 3 after the end of its input"),
        "{ended:?}"
    );
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_starts() {
    let bench = Workbench::new();
    for (flags, command, refusal) in [
        (&["--line", "{x}"][..], "cat", "invalid --line: unknown name `{x}`"),
        (&["--reply-until", "("], "cat", "invalid --reply-until `(`: "),
        (&[], "no-such-command", "command not found: `no-such-command`"),
    ] {
        let ended = pipe(&bench, flags, &[command]);
        assert!(ended.refusal().starts_with(refusal), "{ended:?}");
    }
    assert!(!bench.path("dyno-runs").exists());
}

/// Runs one of the workers of `examples/pipe`; checks that it answered each cycle.
#[track_caller]
fn example(flags: &[&str], command: &[&str], file: &str) -> dyno::Summary {
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/pipe/{}"), file);
    let flags = [&["--rate", "20", "--drain-deadline", "20s"], flags].concat();
    let ended = pipe(&Workbench::new(), &flags, &[command, &[path.as_str()]].concat());
    let summary = summary(&ended);
    assert_eq!((summary.cycles.completed, summary.cycles.failed), (6, 0), "{ended:?}");
    summary
}

#[test]
fn the_example_in_a_shell_answers_each_cycle() {
    example(&["--fail-if", "^error"], &["sh"], "worker.sh");
}

#[test]
fn the_example_in_python_answers_each_cycle_and_records_a_metric() {
    let summary = example(&[], &["python3", "-u"], "worker.py");
    assert_eq!(summary.metric("digits").map(|digits| digits.count), Some(6));
}

#[test]
fn the_example_in_node_answers_each_cycle_over_its_own_channel() {
    example(&["--ipc"], &["node"], "worker.js");
}

#[test]
fn a_program_that_never_opens_its_channel_is_a_fault_that_names_the_call() {
    let fault = fault(&["--rate", "20", "--drain-deadline", "20s", "--ipc"], &["node", "-e", "1"]);
    assert!(fault.contains("exited with code 0 before the end of the run"), "{fault}");
    assert!(fault.contains("does it call process.on('message', …)?"), "{fault}");
}

#[test]
fn statements_of_sqlite3_stay_with_their_cycles_if_they_print_nothing_or_fail() {
    // Each third statement prints two rows, and the others print nothing.
    let line = "SELECT {cycle} WHERE {cycle} % 3 < 1 UNION SELECT -1 WHERE {cycle} % 3 < 1;";
    let flags = ["--rate", "20", "--client", "sqlite3", "--line", line];
    let ended = pipe(&Workbench::new(), &flags, &["sqlite3"]);
    assert_eq!(summary(&ended).cycles.completed, 6, "{ended:?}");
    let flags = ["--rate", "20", "--client", "sqlite3", "--line", "SELECT missing;"];
    let ended = pipe(&Workbench::new(), &flags, &["sqlite3"]);
    assert_eq!(summary(&ended).cycles.failed, 6, "{ended:?}");
}
