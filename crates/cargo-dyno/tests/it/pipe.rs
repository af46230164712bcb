//! `cargo dyno pipe`: commands that stay, in real runs.

use std::process::Command;

use crate::servers::Server;
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

/// Returns `true` if a process runs that has this argument.
#[cfg(target_os = "linux")]
fn is_running(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("Linux");
    processes.flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == mark.as_bytes())
    })
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
fn the_lines_of_a_file_are_dealt_out_each_to_one_cycle() {
    let bench = Workbench::new();
    let lines: Vec<_> = (0..4).map(|line| format!("line {line}")).collect();
    bench.write("lines.txt", &lines.join("\n"));
    let script = "while read -r line; do echo; echo \"$line\" >>seen; done";
    let flags = ["--rate", "20", "--lines", "lines.txt"];
    let ended = pipe(&bench, &flags, &["sh", "-c", script]);
    assert_eq!(summary(&ended).cycles.completed, 6, "{ended:?}");
    let mut seen: Vec<_> = bench.read("seen").lines().map(str::to_owned).collect();
    seen.sort();
    // Six cycles, and four lines: the first two come twice.
    assert_eq!(seen, ["line 0", "line 0", "line 1", "line 1", "line 2", "line 3"]);
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
    assert!(!is_running(&mark), "{fault}");
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
        (&["--watch", "no-such-one"], "cat", "--watch no-such-one: no process has this name"),
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
fn a_program_written_for_dynos_node_version_runs_as_it_is() {
    let bench = Workbench::new();
    // The messages of that version: ends of cycles without a number, values as JSON inside of JSON,
    // parameters and the worker in variables, and a message before its own end.
    let program = r"
        const { n } = JSON.parse(process.env.parameters);
        process.on('message', ({ name }) => {
            if (name === 'cycle:start') {
                const json = JSON.stringify({ pid: process.pid, name: 'squared', value: n * n });
                process.send({ name: 'histogram:recorded', json });
                process.send({ name: 'cycle:completed' });
            }
            if (name === 'process:disconnect') {
                console.error('after', process.env.THREAD_INDEX);
                process.disconnect();
            }
        });";
    bench.write("task.js", program);
    let line = "pipe --ipc --rate 20 --drain-deadline 20s";
    let mut dyno = Command::new("env");
    dyno.arg("parameters={\"n\":7}").arg(env!("CARGO_BIN_EXE_cargo-dyno"));
    dyno.args(line.split(' ')).args(SHORT.split(' ')).args(["--", "node", "task.js"]);
    let ended = bench.end("", dyno);
    let summary = summary(&ended);
    assert_eq!((summary.cycles.completed, summary.cycles.failed), (6, 0), "{ended:?}");
    let squared = summary.metric("squared").expect("a metric");
    assert_eq!((squared.count, squared.max), (6, 49), "{ended:?}");
    assert!(
        ["[0] after 0", "[1] after 1"].iter().all(|after| ended.stderr.contains(after)),
        "{ended:?}"
    );
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

#[test]
fn replies_of_redis_cli_stay_with_their_cycles_if_they_are_errors_or_have_several_lines() {
    let server = Server::redis();
    let socket = server.folder().join("redis");
    let client = ["redis-cli", "-s", socket.to_str().expect("UTF-8")];
    // Each third command is an error of two lines, and the others a list of three.
    let lines = "local i = tonumber(ARGV[1]); \
                 if i % 3 == 0 then return redis.error_reply('ERR no') end; return {{i, i, i}";
    let line = format!("EVAL \"{lines}\" 0 {{cycle}}");
    let flags = ["--rate", "20", "--client", "redis-cli", "--line", &line];
    let summary = summary(&pipe(&Workbench::new(), &flags, &client));
    let cycles = summary.cycles;
    assert_eq!((cycles.completed, cycles.failed), (4, 2), "{summary:#?}");
    assert!(summary.errors[0].message.starts_with("ERR no"), "{summary:#?}");

    // A script fills the keys that follow from the cycle.
    let flags = ["--rate", "20", "--client", "redis-cli", "--line", "SET k{cycle} {worker}"];
    let ended = pipe(&Workbench::new(), &flags, &client);
    assert_eq!(self::summary(&ended).cycles.completed, 6, "{ended:?}");
    let mut keys = Command::new("redis-cli");
    keys.args(&client[1..]).args(["MGET", "k0", "k1", "k2", "k3", "k4", "k5", "k6"]);
    let keys = keys.output().expect("it starts").stdout;
    assert_eq!(String::from_utf8_lossy(&keys), "0\n1\n0\n1\n0\n1\n\n");
}

#[test]
fn statements_of_psql_stay_with_their_cycles_if_they_print_nothing_fail_or_do_not_end() {
    let server = Server::postgres();
    let folder = server.folder().to_str().expect("UTF-8");
    let client = ["psql", "-qAtX", "-h", folder, "-U", "postgres"];
    let run = |line: &str| {
        let flags = ["--rate", "20", "--client", "psql", "--line", line];
        let ended = pipe(&Workbench::new(), &flags, &client);
        (summary(&ended), ended)
    };
    // Each third statement prints two rows, and the others none.
    let two = "SELECT generate_series(1, 2) WHERE {cycle} % 3 = 0;";
    let (summary, ended) = run(two);
    assert_eq!((summary.cycles.completed, summary.cycles.failed), (6, 0), "{ended:?}");
    let (summary, ended) = run("SELECT 1 / ({cycle} % 3);");
    assert_eq!((summary.cycles.completed, summary.cycles.failed), (4, 2), "{ended:?}");
    assert!(summary.errors[0].message.contains("division by zero"), "{ended:?}");
    let (summary, ended) = run("SELECT 'unfinished");
    assert_eq!((ended.code, summary.cycles.completed), (Some(5), 0), "{ended:?}");
    let (summary, ended) =
        run("CREATE TEMPORARY TABLE IF NOT EXISTS t (id int);\\nINSERT INTO t VALUES ({cycle});");
    assert_eq!(summary.cycles.failed, 0, "{ended:?}");
}

#[test]
fn a_client_that_ends_without_its_server_is_a_fault_with_the_line_of_the_reason() {
    // As psql does without a server, but after it was asked, so that the order is known.
    let script = "read -r a; echo 'psql: error: connection to server failed: No such file'; \
                  echo '        Is the server running locally?'; exit 2";
    let fault = fault(&["--rate", "20", "--client", "psql"], &["sh", "-c", script]);
    let reason = "after 0 replies; it printed `psql: error: connection to server failed: No such";
    assert!(fault.contains(reason), "{fault}");
}

#[test]
fn a_server_that_is_gone_fails_each_cycle_of_its_client() {
    let flags = ["--rate", "20", "--client", "redis-cli"];
    let ended = pipe(&Workbench::new(), &flags, &["redis-cli", "-s", "/nowhere/at/all"]);
    let summary = summary(&ended);
    assert_eq!(summary.cycles.completed, 0, "{ended:?}");
    let texts = [ended.stderr, ended.stdout].concat();
    assert!(texts.contains("Could not connect to Redis"), "{texts}");
}

#[test]
fn a_command_that_does_not_read_fills_its_pipe_and_the_cycles_that_wait_are_counted() {
    // Each line is longer than a part of a pipe, so that some are written in pieces.
    let line = format!("{}{{cycle}}", "x".repeat(20_000));
    let script = "read -r a; echo; sleep 0.5; exec cat";
    let flags = ["--rate", "200", "--in-flight", "64", "--on-backlog", "queue", "--line", &line];
    let ended = pipe(&Workbench::new(), &flags, &["sh", "-c", script]);
    let cycles = summary(&ended).cycles;
    assert_eq!((cycles.issued, cycles.completed, cycles.failed), (60, 60, 0), "{ended:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_a_command_leaves_in_its_own_session_is_gone_after_the_run() {
    let mark = format!("2000.{}", std::process::id());
    let script = format!("setsid sleep {mark} & while read -r line; do echo $line; done");
    let ended = pipe(&Workbench::new(), &["--rate", "20"], &["sh", "-c", &script]);
    assert_eq!(summary(&ended).cycles.completed, 6, "{ended:?}");
    assert!(!is_running(&mark), "{ended:?}");
}
