//! Tests of watched processes: their metrics, and the choices that are refused. All of them are real
//! processes that this test starts.

use std::process::Command;
use std::time::Duration;

use dyno::Summary;
use dyno::summary::Metric;

use crate::support::{BEHAVES, Benchmark, LIBRARY, MISBEHAVES, Target, assert_says, benchmark};

/// A line of a shell that is busy until it is killed.
const SPIN: &str = "while :; do :; done";
/// The metrics of the target that each kernel has.
const METRICS: [&str; 6] = [
    "target.cpu",
    "target.cpu_thread_max",
    "target.rss",
    "target.threads",
    "target.context_switches",
    "target.preemptions",
];

/// Creates a run of a second that watches a process.
fn watching(target: &Target) -> Benchmark {
    let line = format!("-P how=nothing --rate 50 --duration 1s --watch {}", target.pid());
    benchmark(BEHAVES).args(&line)
}

#[track_caller]
fn metric<'a>(summary: &'a Summary, name: &str) -> &'a Metric {
    let metric = summary.metric(name).filter(|metric| metric.count > 0);
    metric.unwrap_or_else(|| panic!("no values of {name}: {summary:#?}"))
}

#[test]
fn a_target_that_spins_on_one_thread_uses_at_most_one_core() {
    let target = Target::shell(SPIN);
    let summary = watching(&target).run().summary();
    for name in METRICS {
        metric(&summary, name);
        assert!(summary.series.iter().any(|point| point.metrics.contains_key(name)), "{name}");
        assert!(summary.primary.metrics.contains_key(name), "{name}");
        assert!(summary.workers.iter().all(|worker| !worker.metrics.contains_key(name)), "{name}");
    }
    // On a busy machine it gets less than a core. The kernel counts in ticks of 10 ms, so that a
    // sample of a quarter of a second may be a little more.
    for name in ["target.cpu", "target.cpu_thread_max"] {
        let cpu = metric(&summary, name);
        assert!((1..=1_200).contains(&cpu.last), "{name}: {cpu:?}");
    }
    assert_eq!(metric(&summary, "target.threads").max, 1);
    assert!(metric(&summary, "target.rss").min > 100_000);
    assert!(metric(&summary, "machine.idle").max <= 1_000);
    assert_eq!(summary.parameters.watch, [target.pid().to_string()]);
}

#[test]
fn the_children_of_a_target_count_with_it() {
    let target = Target::shell(&format!("({SPIN}) & (sh -c '{SPIN}') & wait"));
    let ended = watching(&target).args("--format human").run();
    for name in METRICS {
        assert!(ended.stdout.lines().any(|line| line.starts_with(name)), "{name}: {ended:#?}");
    }
    let summary: Summary = serde_json::from_str(&ended.read("out/run.json")).expect("a summary");
    // The shell itself only waits. A subshell may be the second one, or have started it.
    assert!((3..=4).contains(&metric(&summary, "target.threads").max), "{summary:#?}");
    assert!(metric(&summary, "target.cpu").last >= 1, "{summary:#?}");
}

#[test]
fn a_target_that_ends_is_one_warning_and_the_run_goes_on() {
    let target = Target::idle();
    let running = watching(&target).args("--duration 3s").start();
    running.until_said("first cycle");
    let pid = target.pid();
    drop(target);
    let summary = running.end().verdict(0, "sustained");
    let expected = format!("the watched process {pid} (`cat`) has ended");
    let warnings = summary.warnings.iter().filter(|warning| warning.starts_with(&expected));
    assert_eq!(warnings.count(), 1, "{:#?}", summary.warnings);
    assert_eq!(summary.cycles.completed, 150);
}

#[test]
fn the_hint_after_a_rate_that_is_not_held_has_the_figure_of_the_target() {
    let target = Target::idle();
    let line = "-P how=spin -P us=20000 --workers 1 --rate 200 --max-backlog 1000";
    let watched = watching(&target).args(line).args("--format human").run();
    let parts = ["unsustained: ", "next: the ", " of a core", "; ", "were delivered: try --rate"];
    assert_says(&watched.stdout, &parts);
    let alone = benchmark(BEHAVES).args(line).args("--format human").run();
    assert_says(&alone.stdout, &["unsustained: ", "next: ", "were delivered: try --rate"]);
    assert!(!alone.stdout.contains("target"), "{}", alone.stdout);
}

#[test]
fn several_processes_of_one_name_are_listed_without_secrets_and_one_is_watched() {
    // A name that no other process has, also if these tests run twice.
    let name = format!("dyno-{}", std::process::id());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join(&name);
    std::os::unix::fs::symlink("/bin/sh", &program).expect("writable");
    let start = || {
        let words = ["-c", "read line", "sh", "redis://user:secret@host/", "token=secret"];
        Target::start(Command::new(&program).args(words))
    };
    let (one, two) = (start(), start());
    let run = || benchmark(BEHAVES).args(&format!("-P how=nothing --watch {name}")).run();
    let refused = run();
    let line = refused.refusal();
    let parts =
        [&format!("--watch {name}: 2 processes have this name: "), "; choose one by its id"];
    assert_says(line, &[parts[0], parts[1]]);
    for pid in [one.pid(), two.pid()] {
        assert!(line.contains(&format!("{pid} (`")), "{line}");
    }
    assert!(line.contains("redis://user:***@") && !line.contains("secret"), "{line}");
    drop(two);
    let summary = run().verdict(0, "sustained");
    assert_eq!(summary.parameters.watch, [name]);
    assert!(metric(&summary, "target.threads").max == 1);
}

#[test]
fn a_process_that_can_not_be_watched_is_refused_with_the_way_out() {
    let own = std::process::id().to_string();
    for (line, expected) in [
        ("--watch no-such-process", "no process has this name: start it first"),
        ("--watch 4194304", "no process has this id"),
        ("--watch 0", "a process id is a number from 1 to 4,194,304"),
        ("--watch cat --share 0/1,1", "each host of a shared run has other processes"),
        (&format!("--watch {own}"), "this is the benchmark, or a process that started it"),
    ] {
        let ended = benchmark(BEHAVES).args(line).run();
        let input = line.split(" --share").next().expect("a flag");
        assert_says(ended.refusal(), &[&format!("{input}: "), expected]);
    }
    let variable = benchmark(BEHAVES).env("DYNO_WATCH", "no-such-process").run();
    assert_says(variable.refusal(), &["DYNO_WATCH=no-such-process: no process has this name"]);
}

#[test]
fn a_process_that_proc_does_not_show_is_refused_as_another_users() {
    let target = Target::idle();
    // The option `hidepid` makes `/proc` look so, and needs another user.
    let script = format!("mount -t tmpfs none /proc/{} && exec \"$0\" \"$@\"", target.pid());
    let unshare = "unshare --user --map-root-user --mount sh -c";
    let ended = watching(&target).launched_by(unshare).launched_with(&script).run();
    let line = format!("--watch {}: `/proc` does not show this process", target.pid());
    assert_says(ended.refusal(), &[&line, "run as that user, or as root"]);
}

#[test]
fn a_name_is_looked_up_after_before_which_may_start_the_process() {
    let ended = benchmark(MISBEHAVES).args("--watch no-such-process").logged().run();
    assert_says(&ended.error(), &["--watch no-such-process: no process has this name"]);
    assert_eq!((ended.summary().cycles.issued, ended.logged("primary after")), (0, 1));
}

#[test]
fn each_trial_of_a_study_has_the_metrics_of_its_target() {
    let target = Target::idle();
    let ended = watching(&target).args("--repeat 2").run();
    for trial in ["01", "02"] {
        let text = ended.read(&format!("out/{trial}/run.json"));
        let summary: Summary = serde_json::from_str(&text).expect("a summary");
        metric(&summary, "target.cpu");
        metric(&summary, "target.rss");
    }
}

#[test]
fn a_test_of_one_cycle_watches_nothing() {
    let ended = benchmark(BEHAVES).args("--test").env("DYNO_WATCH", "no-such-process").run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
}

#[test]
fn code_can_watch_a_process_that_its_hook_started() {
    let target = Target::idle();
    let pid = target.pid();
    let summary = dyno::bench("library", || ())
        .worker_exe(LIBRARY)
        .rate(200.0)
        .warmup(Duration::ZERO)
        .duration(Duration::from_millis(600))
        .workers(1)
        .before(move |run| {
            run.watch(pid)?;
            run.watch(pid)
        })
        .run()
        .expect("it starts");
    assert_eq!(metric(&summary, "target.threads").max, 1, "it is counted once");
    let pid = pid.to_string();
    assert_eq!(summary.parameters.watch, [pid.clone(), pid]);
}
