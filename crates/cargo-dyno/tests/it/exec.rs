//! `cargo dyno exec`: commands as tasks, in real runs.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::workbench::{Ended, Workbench, package};

/// The flags of a short run: nothing here depends on its duration.
const SHORT: &str = "--duration 300ms --warmup 0s -w 2";

fn exec(bench: &Workbench, flags: &str, command: &[&str]) -> Ended {
    let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    dyno.arg("exec").args(SHORT.split(' ')).args(flags.split_whitespace()).arg("--").args(command);
    bench.end("", dyno)
}

#[track_caller]
fn summary(ended: &Ended) -> dyno::Summary {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn a_command_that_succeeds_completes_its_cycle() {
    let bench = Workbench::new();
    let ended = exec(&bench, "--rate 20 --format json", &["true"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let summary = summary(&ended);
    assert_eq!((summary.benchmark.as_str(), summary.verdict.name()), ("exec", "sustained"));
    assert_eq!(summary.cycles.completed, 6);
    assert_eq!(summary.metric("response").map(|response| response.count), Some(6));
    assert_eq!(summary.parameter("argv"), Some(vec!["true".to_owned()]));
    // It is saved as every run is, outside of a package too.
    let listed = bench.dyno("", "runs").printed().to_owned();
    assert!(listed.contains("sustained") && listed.contains("  true\n"), "{listed}");
}

#[test]
fn in_a_package_a_run_is_saved_where_runs_looks() {
    let bench = Workbench::new();
    bench.write("Cargo.toml", &package("a"));
    bench.write("src/lib.rs", "");
    bench.write(".cargo/config.toml", "[build]\ntarget-dir = \"elsewhere\"\n");
    let ended = exec(&bench, "--rate 20", &["true"]);
    assert!(bench.path("elsewhere/dyno/exec").is_dir(), "{ended:?}");
    assert!(bench.dyno("src", "runs").printed().contains("exec/"), "{ended:?}");
}

#[test]
fn a_run_has_the_name_that_is_given_and_is_found_by_it() {
    let bench = Workbench::new();
    let ended = exec(&bench, "--rate 20 --name health-check --format json", &["true"]);
    assert_eq!((ended.code, &*summary(&ended).benchmark), (Some(0), "health-check"), "{ended:?}");
    exec(&bench, "--rate 20", &["true"]);
    let listed = bench.dyno("", "runs health-check").printed().to_owned();
    assert!(listed.contains("health-check/") && listed.contains("  true\n"), "{listed}");
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let shown = bench.dyno("", "show health-check --format json").printed().to_owned();
    assert_eq!(shown, ended.stdout);
    let ended = exec(&bench, "--name a/b", &["true"]);
    let expected = "invalid --name: `a/b` can't be a benchmark's name: a letter, then letters";
    assert!(ended.refusal().starts_with(expected), "{ended:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn in_a_package_a_run_that_the_dynamic_loader_started_is_saved_where_runs_looks() {
    let bench = Workbench::new();
    bench.write("Cargo.toml", &package("a"));
    bench.write("src/lib.rs", "");
    let Some(loader) = loader_of(env!("CARGO_BIN_EXE_cargo-dyno")) else { return };
    let mut dyno = Command::new(loader);
    dyno.args([env!("CARGO_BIN_EXE_cargo-dyno"), "exec"]).args(SHORT.split(' '));
    // An empty variable counts as not set.
    dyno.args(["--rate", "20", "--", "true"]).env("DYNO_TARGET_DIR", "");
    let ended = bench.end("", dyno);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(bench.path("target/dyno/exec").is_dir(), "{ended:?}");
}

/// The loader that a program names for itself; a static one names none.
#[cfg(target_os = "linux")]
fn loader_of(program: &str) -> Option<String> {
    let bytes = std::fs::read(program).expect("it is built");
    let texts = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    texts.map(String::from).find(|text| text.starts_with("/lib") && text.contains("/ld-"))
}

#[test]
fn a_closed_loop_runs_one_command_after_the_other() {
    let ended = exec(&Workbench::new(), "--rate max --format json", &["true"]);
    let summary = summary(&ended);
    assert_eq!((ended.code, summary.verdict.name()), (Some(0), "completed"), "{ended:?}");
    assert!(summary.cycles.completed > 0);
}

#[test]
fn an_exit_code_or_a_signal_is_a_failed_cycle() {
    for (command, message) in [
        (["false"].as_slice(), "exited with code 1"),
        (["sh", "-c", "exit 7"].as_slice(), "exited with code 7"),
        (["sh", "-c", "kill -KILL $$"].as_slice(), "killed by signal 9 (SIGKILL)"),
    ] {
        let ended = exec(&Workbench::new(), "--rate 10 --format json", command);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        let summary = summary(&ended);
        assert_eq!((summary.verdict.name(), summary.cycles.failed), ("failed", 3));
        let [error] = summary.errors.as_slice() else { panic!("{:?}", summary.errors) };
        assert_eq!((error.message.as_str(), error.count), (message, 3));
    }
}

#[test]
fn output_is_discarded_by_default_and_placeholders_are_filled_in() {
    let bench = Workbench::new();
    let command = ["echo", "cycle {cycle} of worker {worker}", "--output"];
    let ended = exec(&bench, "--rate 10", &command);
    assert!(!format!("{ended:?}").contains("cycle 1 of worker"), "{ended:?}");
    let ended = exec(&bench, "--rate 10 --output show", &command);
    for line in ["[0] cycle 0 of worker 0 --output", "[1] cycle 1 of worker 1 --output"] {
        assert!(ended.stderr.contains(line), "{ended:?}");
    }
}

#[test]
fn a_command_knows_whether_its_output_is_read() {
    let bench = Workbench::new();
    // `test -c` is true for /dev/null, `test -p` for a pipe. Output that is larger than a pipe is
    // read too.
    for (flags, script) in [
        ("", "test -c /dev/stdout && test -c /dev/stderr"),
        ("--output=null", "test -c /dev/stdout && test -c /dev/stderr"),
        (
            "--output discard",
            "test -p /dev/stdout && test -p /dev/stderr && seq 100000 && seq 100000 >&2",
        ),
        ("--output", "test -p /dev/stdout && test -p /dev/stderr"),
    ] {
        let ended = exec(&bench, &format!("--rate 10 {flags}"), &["sh", "-c", script]);
        // On a busy machine, three cycles may prove nothing: 6. A command that fails gives 3.
        assert!(matches!(ended.code, Some(0 | 6)), "{flags}: {ended:?}");
        assert!(!ended.stderr.contains("99999"), "{flags}");
    }
}

#[test]
fn a_process_that_keeps_the_output_open_keeps_no_cycle_open() {
    let script = "sleep 1000 & exit 0";
    let flags = "--rate 10 --output discard --format json";
    let ended = exec(&Workbench::new(), flags, &["sh", "-c", script]);
    assert_eq!(summary(&ended).cycles.completed, 3, "{ended:?}");
}

#[test]
fn each_command_reads_the_file_that_is_given_from_its_beginning() {
    let bench = Workbench::new();
    bench.write("input", "12345");
    let count = ["sh", "-c", "test $(wc -c) = $0"];
    for (flags, expected) in [("--stdin input", "5"), ("", "0")] {
        let command = [&count[..], &[expected]].concat();
        let ended = exec(&bench, &format!("--rate 10 {flags}"), &command);
        assert_eq!(ended.code, Some(0), "{flags}: {ended:?}");
    }
    let ended = exec(&bench, "--stdin missing", &["true"]);
    assert!(ended.refusal().starts_with("can't read --stdin `missing`: "), "{ended:?}");
}

#[test]
fn input_that_the_command_does_not_get_is_a_warning_before_the_run() {
    let bench = Workbench::new();
    bench.write("input", "12345");
    let script = format!("exec \"$0\" exec {SHORT} --rate 10 -- wc -c <input");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_cargo-dyno")]);
    let ended = bench.end("", shell);
    let warning = "warning: standard input is a file, which the command does not get";
    assert!(ended.stderr.contains(warning) && ended.stderr.contains("--stdin FILE"), "{ended:?}");
    let ended = exec(&bench, "--rate 10", &["echo", "a", "|", "wc"]);
    assert!(ended.stderr.contains("`-- sh -c 'one | two'`"), "{ended:?}");
}

#[test]
fn a_failed_run_says_how_to_see_what_the_command_prints() {
    let bench = Workbench::new();
    let hint = "to see what the command prints: --output show";
    let ended = exec(&bench, "--rate 10", &["false"]);
    assert!(ended.stderr.contains(hint), "{ended:?}");
    let ended = exec(&bench, "--rate 10 --output", &["false"]);
    assert!(!ended.stderr.contains(hint), "{ended:?}");
}

#[test]
fn a_benchmark_of_dyno_can_be_the_command() {
    let dyno = env!("CARGO_BIN_EXE_cargo-dyno");
    let inner = [dyno, "exec", "-d", "100ms", "--warmup", "0s", "--quiet", "--", "true"];
    let ended = exec(&Workbench::new(), "--rate 5 -w 1 --drain-deadline 20s --output", &inner);
    assert!(ended.stderr.contains("sustained"), "{ended:?}");
    assert!(!ended.stderr.contains("DYNO_WORKER"), "{ended:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_without_environment_in_its_own_session_is_not_left_behind() {
    let mark = format!("2000.{}", std::process::id());
    // The process that is left behind has started before its command ends.
    let script = format!(
        "env -i setsid sh -c 'touch ready; exec sleep {mark}' >/dev/null 2>&1 & \
         until test -e ready; do sleep 0.01; done"
    );
    let ended = exec(&Workbench::new(), "--rate 10 --format json", &["sh", "-c", &script]);
    assert!(!runs_somewhere(&mark), "{ended:?}");
    let warnings = summary(&ended).warnings.join("\n");
    assert!(warnings.contains("left behind"), "{warnings}");
}

#[test]
fn without_a_path_a_command_is_found_where_the_system_has_it() {
    let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    dyno.arg("exec").args(SHORT.split(' ')).args(["--rate", "10", "--", "true"]);
    let ended = Workbench::new().end("", {
        dyno.env_remove("PATH");
        dyno
    });
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_command_that_can_not_be_started_is_refused_before_the_run() {
    let bench = Workbench::new();
    let ended = exec(&bench, "", &["no-such-command"]);
    assert_eq!(ended.refusal(), "command not found: `no-such-command` is in no folder of PATH");
    let ended = exec(&bench, "--rate 0", &["true"]);
    assert!(ended.refusal().starts_with("--rate 0: "), "{ended:?}");
    let ended = bench.dyno("", "exec true");
    assert!(ended.refusal().starts_with("no command: put it behind `--`"), "{ended:?}");
    // Each argument fits the system's limit, and all of them together do.
    let long = "x".repeat(100_000);
    let ended = exec(&bench, "", &[&["true"][..], &[long.as_str(); 11]].concat());
    assert!(ended.refusal().contains("put long data into a file"), "{ended:?}");
    assert!(!bench.path("dyno-runs").exists());
}

#[test]
fn cargo_passes_it_on_and_its_help_lists_the_flags_of_every_benchmark() {
    let bench = Workbench::new();
    for line in ["exec --help", "dyno exec -h"] {
        let help = bench.dyno("", line).printed().to_owned();
        assert!(help.contains("Usage: cargo dyno exec [OPTIONS] -- COMMAND [ARGS]...\n"), "{help}");
        assert!(help.contains("--rate <RATE>") && help.contains("--output"), "{help}");
    }
}

/// Returns `true` if a process has this word in its command line.
#[cfg(target_os = "linux")]
fn runs_somewhere(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("Linux");
    processes.flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    })
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_run_leaves_no_process_behind() {
    let bench = Workbench::new();
    // The child that the command starts has this mark in its command line too.
    let mark = format!("1000.{}", std::process::id());
    let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    // No cycle ever ends, so that the run can be interrupted at any time.
    dyno.args(["exec", "-d", "60s", "--warmup", "0s", "-w", "2", "--on-backlog", "queue"])
        .args(["--drain-deadline", "200ms", "--format", "json", "--output", "--"])
        .args(["sh", "-c", "echo begun; sleep $1 & wait", "sh", &mark])
        .current_dir(bench.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut dyno = dyno.spawn().expect("it starts");
    let stderr = dyno.stderr.take().expect("it is piped");
    let begun = BufReader::new(stderr).lines().map_while(Result::ok);
    assert!(begun.filter(|line| line.contains("begun")).nth(1).is_some(), "two cycles begin");
    assert!(runs_somewhere(&mark));

    let pid = dyno.id().to_string();
    // Not SIGINT, which a shell in the background has its programs ignore.
    let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("`kill` exists");
    assert!(asked.success());
    let ended = dyno.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(143), "{ended:?}");
    let summary: dyno::Summary = serde_json::from_slice(&ended.stdout).expect("a summary");
    assert_eq!(summary.verdict.name(), "interrupted");
    assert!(summary.cycles.abandoned > 0);
    assert!(!runs_somewhere(&mark));
}

#[test]
fn a_command_runs_on_several_hosts_without_a_program_of_its_user() {
    let bench = Workbench::new();
    let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    let home = bench.path("home");
    std::fs::create_dir_all(&home).expect("writable");
    let flags = "exec --name healthy --rate 20 --format json --hosts a,b --hosts-via env";
    dyno.args(flags.split(' ')).args(SHORT.split(' ')).args(["--", "true"]).env("HOME", &home);
    let ended = bench.end("", dyno);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let summary = summary(&ended);
    assert_eq!((summary.cycles.completed, summary.workers.len()), (6, 4), "{ended:?}");
    assert!(home.join("dyno-runs/healthy").is_dir(), "{ended:?}");
}
