//! Tests of state that a run inherits from its launcher: ignored and blocked signals, closed
//! descriptors, limits.

use nix::sys::signal::Signal;

use crate::support::{BEHAVES, Benchmark, MISBEHAVES, assert_says, benchmark};

fn long_run(launcher: &str) -> Benchmark {
    benchmark(MISBEHAVES).args("--duration 20s").launched_by(launcher).logged()
}

#[test]
fn an_ignored_sigchld_loses_no_exit_status() {
    let line = "-P how=exit1 -P at=cycle -P worker=1 --duration 20s";
    let ended = benchmark(MISBEHAVES).args(line).launched_by("env --ignore-signal=CHLD").run();
    assert_says(&ended.error(), &["exited with code 1"]);
}

#[test]
fn a_blocked_sigterm_ends_the_run() {
    let running = long_run("env --block-signal=TERM").start();
    running.until_log(" cycle 5");
    running.signal(Signal::SIGTERM);
    running.end().verdict(143, "interrupted");
}

#[test]
fn sighup_stays_ignored_under_nohup() {
    let running = benchmark(MISBEHAVES).args("--duration 1s").launched_by("nohup").logged().start();
    running.until_log(" cycle 5");
    running.signal(Signal::SIGHUP);
    let ended = running.end();
    let summary = ended.verdict(0, "sustained");
    assert_eq!(summary.cycles.completed, 200);
}

#[test]
fn sigint_stays_ignored_in_a_background_job() {
    let running =
        benchmark(MISBEHAVES).args("--duration 1s").launched_by("env --ignore-signal=INT");
    let running = running.logged().start();
    running.until_log(" cycle 5");
    running.signal(Signal::SIGINT);
    running.end().verdict(0, "sustained");
}

#[test]
fn a_closed_stdin_confuses_no_descriptor() {
    let script = r#"exec "$0" "$@" <&-"#;
    let run = benchmark(BEHAVES).launched_by("sh -c").launched_with(script);
    assert_eq!(run.run().verdict(0, "sustained").cycles.completed, 60);
}

#[test]
fn closed_standard_descriptors_confuse_no_descriptor() {
    let script = r#"exec "$0" "$@" <&- >&- 2>&-"#;
    let ended = benchmark(BEHAVES).launched_by("sh -c").launched_with(script).run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let kept: dyno::Summary = serde_json::from_str(&ended.read("out/run.json")).expect("a summary");
    assert_eq!((kept.verdict.name(), kept.cycles.completed), ("sustained", 60));
}

#[test]
fn a_limit_of_descriptors_is_reported_with_the_way_out() {
    let ended = benchmark(BEHAVES).args("--workers 20").launched_by("prlimit --nofile=64").run();
    let parts = ["--workers 20", "need 132 open files and the limit is 64", "ulimit -n 132"];
    assert_says(ended.refusal(), &parts);
}

#[test]
fn a_limit_of_file_sizes_ends_no_run_without_its_result() {
    let run = benchmark(BEHAVES).args("--log-file log").launched_by("prlimit --fsize=6000");
    let summary = run.run().verdict(0, "sustained");
    assert_eq!(summary.cycles.completed, 60);
    assert_says(&summary.warnings.join("\n"), &["is not whole", "File too large"]);
}

#[test]
fn a_program_that_is_deleted_before_its_workers_start_still_runs() {
    let script = r#"cp "$0" copy && exec ./copy "$@""#;
    let run = benchmark(MISBEHAVES).launched_by("sh -c").launched_with(script);
    let ended = run.args("-P how=vanish -P at=primary-before").run();
    assert_eq!(ended.verdict(0, "sustained").cycles.completed, 60);
}

/// The loader that a program names for itself; a static one names none.
fn loader_of(program: &str) -> Option<String> {
    let bytes = std::fs::read(program).expect("it is built");
    let texts = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    texts.map(String::from).find(|text| text.starts_with("/lib") && text.contains("/ld-"))
}

#[test]
fn a_program_that_the_dynamic_loader_started_starts_its_workers_by_the_loader() {
    let Some(loader) = loader_of(BEHAVES) else { return };
    let ended = benchmark(BEHAVES).launched_by(&loader).args("--rate 200").run();
    assert_eq!(ended.verdict(0, "sustained").cycles.completed, 60);
    // The loader can give it another name than that of its file.
    let script = format!("exec {loader} --argv0 name \"$0\" \"$@\"");
    let ended = benchmark(BEHAVES).launched_by("sh -c").launched_with(&script).run();
    assert_eq!(ended.verdict(0, "sustained").cycles.completed, 60);
}

#[test]
fn a_missing_proc_is_reported_before_anything_is_started() {
    let script = r#"mount -t tmpfs none /proc && exec "$0" "$@""#;
    let unshare = "unshare --user --map-root-user --mount sh -c";
    let ended = benchmark(BEHAVES).launched_by(unshare).launched_with(script).run();
    assert_says(ended.refusal(), &["/proc/self/exe"]);
}

#[test]
fn a_run_as_the_first_process_of_a_container_ends_well() {
    let launcher = "unshare --user --map-root-user --pid --mount-proc --fork --kill-child";
    let line = "-P how=leave-daemon -P at=before -P worker=1";
    let ended = benchmark(MISBEHAVES).args(line).launched_by(launcher).run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let summary: dyno::Summary = serde_json::from_str(&ended.stdout).expect("a summary");
    assert_eq!((summary.primary.pid, summary.cycles.completed), (1, 60));
    assert_says(&summary.warnings.join("\n"), &["a process that a worker left behind"]);
}
