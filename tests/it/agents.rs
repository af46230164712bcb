//! Tests of a run on several hosts: a launcher starts an agent for each of them, here on this machine.
//!
//! The agents have a home folder for this test alone: all processes of a test are found by it.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use dyno::Summary;
use nix::sys::signal::Signal;

use crate::support::{
    BEHAVES, Benchmark, MISBEHAVES, REDIS_EXAMPLE, Running, Sshd, assert_says, benchmark,
    processes_at, send, until,
};

/// The time after which nothing of a run is left on any host, once its end has come: the promise, and
/// what a busy machine may add.
const GONE: Duration = Duration::from_secs(4);

/// A launcher that starts a shell here.
const HERE: &str = "env -u NOTHING";
/// A launcher that stays as a process between coordinator and agent, as ssh does.
const BETWEEN: &str = r#"sh -c 'cat | "$@" | cat' relay"#;

/// Creates a benchmark that two hosts share, each with two workers.
fn on_hosts(program: &'static str, launcher: &str) -> Benchmark {
    benchmark(program).at_home().args("--hosts a,b --hosts-via").word(launcher)
}

/// Returns the processes of the agents and of their workers: those that a test has started below its
/// home folder, without the coordinator.
fn agents(running: &Running) -> Vec<u32> {
    let mut found = processes_at(&running.folder().path().join("home"));
    found.retain(|pid| *pid != running.pid);
    found
}

/// Returns the processes whose command line has this text.
fn named(pids: &[u32], text: &str) -> Vec<u32> {
    let has = |pid: &&u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    };
    pids.iter().filter(has).copied().collect()
}

/// Returns the agents themselves: the processes below which others run.
fn primaries(running: &Running) -> Vec<u32> {
    let all = agents(running);
    let is_worker = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(b"DYNO_WORKER="))
    };
    named(&all, ".cache/dyno/").into_iter().filter(|pid| !is_worker(pid)).collect()
}

#[test]
fn two_hosts_issue_together_the_cycles_of_one_run_and_their_results_are_one() {
    let ended = on_hosts(BEHAVES, HERE).args("--rate 100 --duration 600ms").run();
    let summary = ended.verdict(0, "sustained");
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (60, 60));
    let numbers: Vec<_> = summary.workers.iter().map(|worker| worker.index).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(summary.parameters.rate, Some(100.0));
    for host in ["a", "b"] {
        assert!(ended.path(&format!("out/hosts/{host}/agent.dyno")).is_file(), "{host}");
    }
    let kept = ended.path("home/dyno-runs/behaves");
    let runs = std::fs::read_dir(kept).expect("each agent keeps its run").flatten();
    let runs =
        runs.filter(|run| run.path().join("agent.dyno").is_file() && !run.path().is_symlink());
    assert_eq!(runs.count(), 2);
}

#[test]
fn a_host_whose_start_up_files_print_is_read_from_its_first_line_on() {
    let noisy = r#"sh -c 'echo welcome; echo "to {host}"; exec "$@"' noisy"#;
    on_hosts(BEHAVES, noisy).args("--rate 100").run().verdict(0, "sustained");
    let silent = r#"sh -c 'echo "no shell here"' silent"#;
    let error = on_hosts(BEHAVES, silent).run().error();
    assert_says(&error, &["host `", "the line of its shell never came", "`no shell here`"]);
}

#[test]
fn a_host_that_is_refused_is_named_with_its_launchers_words() {
    let refused = r#"sh -c 'echo "Permission denied" >&2; exit 255' refused"#;
    let error = on_hosts(BEHAVES, refused).run().error();
    assert_says(&error, &["host `", "it wrote nothing", "`Permission denied`"]);
}

#[test]
fn a_host_of_another_system_is_refused_with_the_way_out() {
    let other = "sh -c 'echo dyno-host 1 Plan9 mips; cat' other";
    let error = on_hosts(BEHAVES, other).run().error();
    assert_says(&error, &["host `", "it is Plan9 on mips", "--hosts-exe PATH"]);
}

#[test]
fn an_agent_of_another_version_is_refused_by_name() {
    // A greeting of version 99 without a build, as a frame.
    let lie = r#"sh -c 'echo "dyno-host 1 $(uname -sm)"; echo dyno-has; echo dyno-agent 1;
                        printf "\004\000\000\000\000\143\000\012"; cat >/dev/null' lie"#;
    let error = on_hosts(BEHAVES, lie).run().error();
    assert_says(&error, &["host `", "speaks version 99 of the messages"]);
}

#[test]
fn a_host_that_never_begins_is_given_up_at_the_deadline_of_the_start() {
    let deaf = "sh -c 'sleep 60' deaf";
    let running = on_hosts(BEHAVES, deaf).args("--start-deadline 500ms").start();
    let home = running.folder();
    let error = running.end().error();
    assert_says(&error, &["host `", "its agent did not begin within 500ms (--start-deadline)"]);
    let none = || processes_at(&home.path().join("home")).is_empty();
    until("the launchers are gone", GONE, none);
}

#[test]
fn an_agent_that_is_killed_is_lost_by_name_and_the_other_drains() {
    let running = on_hosts(BEHAVES, HERE).args("--rate 100 --duration 60s").start();
    running.until_said("measuring");
    let [agent, _] = primaries(&running)[..] else { panic!("two agents") };
    send(agent, Signal::SIGKILL);
    let folder = running.folder();
    let ended = running.end();
    assert!(ended.elapsed < Duration::from_secs(20), "the other one drains: {ended:#?}");
    let error = ended.error();
    assert_says(&error, &["host `", "its launcher was ended by SIGKILL", "its last account: "]);
    let none = || processes_at(&folder.path().join("home")).is_empty();
    until("no process is left on any host", GONE, none);
}

#[test]
fn a_worker_that_is_killed_on_a_host_ends_the_run_by_name() {
    let running = on_hosts(MISBEHAVES, HERE).args("--rate 100 --duration 60s").start();
    running.until_said("measuring");
    let all = agents(&running);
    let primaries = primaries(&running);
    let worker = named(&all, ".cache/dyno/").into_iter().find(|pid| !primaries.contains(pid));
    send(worker.expect("there are workers"), Signal::SIGKILL);
    let ended = running.end();
    let summary = ended.verdict(5, "error");
    assert_says(&summary.reasons[0], &["worker ", "SIGKILL"]);
}

#[test]
fn nothing_is_left_two_seconds_after_the_coordinator_is_killed() {
    let running = on_hosts(BEHAVES, BETWEEN)
        .args("-P how=sleep -P us=300000 --rate 20 --duration 60s")
        .start();
    running.until_said("measuring");
    let folder = running.folder();
    let home = folder.path().join("home");
    running.kill(GONE);
    until("no process is left on any host", GONE, || processes_at(&home).is_empty());
    // Each agent has had the time to write what it knows.
    let runs = std::fs::read_dir(home.join("dyno-runs/behaves")).expect("they are kept").flatten();
    let texts = runs
        .filter(|run| !run.path().is_symlink())
        .map(|run| std::fs::read_to_string(run.path().join("run.json")).expect("the run is whole"));
    let texts: Vec<_> = texts.collect();
    assert_eq!(texts.len(), 2);
    assert!(texts.iter().all(|text| text.contains(r#""verdict": "interrupted""#)), "{texts:?}");
}

#[test]
fn one_signal_drains_all_hosts() {
    let running = on_hosts(BEHAVES, HERE).args("--rate 100 --duration 60s").start();
    running.until_said("measuring");
    running.signal(Signal::SIGINT);
    let folder = running.folder();
    let summary = running.end().verdict(130, "interrupted");
    assert!(summary.cycles.completed > 0 && summary.cycles.lost == 0, "{summary:?}");
    let none = || processes_at(&folder.path().join("home")).is_empty();
    until("no process is left on any host", GONE, none);
}

#[test]
fn two_signals_kill_everything_on_all_hosts() {
    let line = "-P how=sleep -P us=30000000 --rate 20 --duration 60s --drain-deadline 30s";
    let running = on_hosts(BEHAVES, BETWEEN).args(line).start();
    running.until_said("measuring");
    running.signal(Signal::SIGINT);
    running.until_said("draining");
    running.signal(Signal::SIGINT);
    let folder = running.folder();
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(130), "{ended:#?}");
    let none = || processes_at(&folder.path().join("home")).is_empty();
    until("no process is left on any host", GONE, none);
}

#[test]
fn a_silent_link_lets_the_agent_drain_and_keep_its_result() {
    let running = on_hosts(BEHAVES, BETWEEN).args("--rate 100 --duration 60s").start();
    running.until_said("measuring");
    // The link of one host is stopped in both directions: nothing is closed.
    let [agent, _] = primaries(&running)[..] else { panic!("two agents") };
    let relays = relays_of(&agents(&running), agent);
    assert_eq!(relays.len(), 2, "one for each direction");
    relays.iter().for_each(|relay| send(*relay, Signal::SIGSTOP));
    let folder = running.folder();
    let home = folder.path().join("home");
    let ended = running.end();
    assert_says(&ended.error(), &["host `", "it was silent for 5s", "its last account: "]);
    until("no process is left on any host", GONE, || processes_at(&home).is_empty());
    let runs = std::fs::read_dir(home.join("dyno-runs/behaves")).expect("they are kept").flatten();
    let whole =
        runs.filter(|run| !run.path().is_symlink() && run.path().join("run.json").is_file());
    assert_eq!(whole.count(), 2, "both agents have kept their results");
}

/// Returns the relays of an agent: the processes `cat` in its session.
fn relays_of(all: &[u32], agent: u32) -> Vec<u32> {
    let session = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        rest.split(' ').nth(3).map(str::to_owned)
    };
    let is_one = |pid: &u32| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == "cat" && session(*pid) == session(agent)
    };
    all.iter().copied().filter(is_one).collect()
}

#[test]
fn what_can_not_be_run_on_several_hosts_is_refused_in_one_line() {
    for (line, expected) in [
        ("--hosts -oProxyCommand=x", "--hosts `-oProxyCommand=x`: a name does not begin with `-`"),
        ("--hosts a,,b", "--hosts ``: a name is empty"),
        ("--hosts a,a --hosts-via sh", "--hosts `a`: it is named twice"),
        ("--hosts slurm", "--hosts slurm: this is not a Slurm allocation"),
        ("--hosts a --hosts-via nowhere", "`nowhere` is in no folder of PATH"),
        ("--hosts-via sh", "--hosts-via: it needs --hosts"),
        ("--hosts a --hosts-via sh --share 0/1", "--share 0/1: the hosts get their shares"),
        ("--hosts a --hosts-via sh --watch 1", "--watch 1: a process of this host is not on"),
        ("--hosts a --hosts-via sh --hosts-exe /nowhere", "--hosts-exe /nowhere: No such file"),
    ] {
        let ended = benchmark(BEHAVES).args(line).run();
        assert_says(ended.refusal(), &[expected]);
    }
}

#[test]
fn more_hosts_than_cycles_start_no_worker() {
    let line = "--rate 1 --duration 1s --workers 1";
    let ended = on_hosts(MISBEHAVES, HERE).logged().args(line).run();
    assert_says(&ended.error(), &["host `", "no cycle of this plan is due there"]);
    assert_eq!(ended.log, "primary before\nprimary after\n", "no worker has begun");
}

#[test]
fn hosts_by_ssh_get_the_program_once_and_give_one_result() {
    let sshd = Sshd::start();
    let on_ssh = || benchmark(BEHAVES).at_home().env("PATH", &sshd.path());
    let run = || on_ssh().args("--hosts").word(&sshd.hosts()).args("--rate 100").run();
    let ended = run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}\n{}", sshd.log());
    let summary = ended.verdict(0, "sustained");
    assert_eq!((summary.cycles.issued, summary.workers.len()), (30, 4));
    let copied = || {
        let [program] = &sshd.programs()[..] else { panic!("one program") };
        std::fs::metadata(program).and_then(|file| file.modified()).expect("it is there")
    };
    let first = copied();
    run().verdict(0, "sustained");
    assert_eq!(copied(), first, "it was not copied again");
    until("no process is left", GONE, || processes_at(&sshd.home()).is_empty());
}

#[test]
fn a_connection_of_ssh_that_is_cut_leaves_nothing_on_the_host() {
    let sshd = Sshd::start();
    let running = benchmark(BEHAVES)
        .at_home()
        .env("PATH", &sshd.path())
        .args("--hosts")
        .word(&sshd.hosts())
        .args("-P how=sleep -P us=30000000 --rate 20 --duration 60s")
        .start();
    running.until_said("measuring");
    let clients = agents(&running);
    let client = named(&clients, "@localhost");
    assert_eq!(client.len(), 1, "{clients:?}");
    send(client[0], Signal::SIGKILL);
    until("the agent of that host is gone", GONE, || {
        named(&processes_at(&sshd.home()), ".cache/dyno/").len() <= 3
    });
    let ended = running.end();
    assert_says(
        &ended.error(),
        &["@localhost:", "its launcher was ended by SIGKILL", "its last account"],
    );
    until("no process is left", GONE, || processes_at(&sshd.home()).is_empty());
}

#[test]
fn two_hosts_and_one_give_the_same_counts_and_the_same_verdict_at_the_same_rate() {
    let line = "-P how=sleep -P us=1000 --rate 200 --duration 600ms --arrivals poisson --seed 7";
    let two = on_hosts(BEHAVES, HERE).args(line).run().verdict(0, "sustained");
    let one = benchmark(BEHAVES).args(line).args("--workers 4").run().verdict(0, "sustained");
    assert_eq!(two.cycles, one.cycles);
    assert_eq!(two.workers.len(), one.workers.len());
    let alone = benchmark(BEHAVES).at_home().args("--hosts a --hosts-via").word(HERE);
    let alone = alone.args(line).args("--workers 4").run().verdict(0, "sustained");
    assert_eq!(alone.cycles, one.cycles);
}

#[test]
fn each_trial_of_a_study_is_a_run_on_all_hosts() {
    let ended = on_hosts(BEHAVES, HERE).args("--rate 50/s,100/s").run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    for trial in ["01", "02"] {
        for host in ["a", "b"] {
            let record = ended.path(&format!("out/{trial}/hosts/{host}/agent.dyno"));
            assert!(record.is_file(), "{record:?}");
        }
    }
    let study: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let completed = |trial: usize| study["trials"][trial]["completed"].as_u64();
    assert_eq!((completed(0), completed(1)), (Some(15), Some(30)), "{study}");
}

#[test]
fn a_server_of_before_that_other_hosts_can_not_reach_starts_nothing_there() {
    let ended = on_hosts(REDIS_EXAMPLE, HERE).run();
    assert_says(&ended.error(), &["`before` has set the parameter `url`", "leave out --hosts"]);
    assert!(!ended.path("home/.cache").exists(), "no host was reached");
}

#[test]
fn variables_that_are_named_reach_the_workers_of_all_hosts() {
    let ended = on_hosts(BEHAVES, "env -u GREETING")
        .env("GREETING", "hello")
        .args("--hosts-env GREETING -P how=variable")
        .run();
    let summary = ended.verdict(0, "sustained");
    assert_eq!(summary.cycles.completed, 60);
    let error = on_hosts(BEHAVES, HERE).args("--hosts-env NOWHERE").run();
    assert_says(error.refusal(), &["--hosts-env NOWHERE: the variable is not set here"]);
}

#[test]
fn clocks_that_are_a_day_apart_change_nothing() {
    let apart = r#"sh -c 'test "$0" = b && exec unshare --time --monotonic 100000 --fork "$@"
                         exec "$@"' {host}"#;
    let line = "-P how=sleep -P us=1000 --rate 200 --duration 600ms";
    let summary = on_hosts(BEHAVES, apart).args(line).run().verdict(0, "sustained");
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (120, 120));
    let clocks = summary.hosts.iter().map(|host| host.clock.expect("it was measured"));
    let [here, there] = clocks.collect::<Vec<_>>()[..] else { panic!("{summary:#?}") };
    let day = 100_000_000_000_000;
    assert!(here.offset_ns.unsigned_abs() <= here.bound_ns, "{here:?}");
    assert!(there.offset_ns.abs_diff(day) <= there.bound_ns, "{there:?}");
}

#[test]
fn the_nodes_of_a_slurm_allocation_are_hosts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (program, script) in [
        ("scontrol", "#!/bin/sh\ntest \"$*\" = 'show hostnames' && echo node1 && echo node2\n"),
        // The words before the command: --overlap -N1 -n1 -w HOST. As the real one, it passes on whole
        // lines.
        (
            "srun",
            "#!/bin/sh\ntest \"$1 $2 $3 $4\" = '--overlap -N1 -n1 -w' || exit 9\nshift 5\n\
             \"$@\" | LC_ALL=C grep -a --line-buffered ''\n",
        ),
    ] {
        let path = folder.path().join(program);
        std::fs::write(&path, script).expect("writable");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("it is set"));
    let ended = benchmark(BEHAVES)
        .at_home()
        .env("PATH", &path)
        .env("SLURM_JOB_ID", "7")
        .args("--hosts slurm --rate 100")
        .run();
    let names: Vec<_> =
        ended.verdict(0, "sustained").hosts.iter().map(|host| host.name.clone()).collect();
    assert_eq!(names, ["node1", "node2"]);
}

#[test]
fn a_threshold_that_aborts_is_judged_by_the_sum_over_all_hosts() {
    // A twentieth of the cycles of the whole run would have to be slower: all are.
    let slow =
        || on_hosts(BEHAVES, HERE).args("-P how=sleep -P us=20000 --rate 100 --duration 30s");
    let ended = slow().args("--threshold").word("response.p95 < 10ms abort").run();
    assert!(ended.elapsed < Duration::from_secs(20), "{ended:#?}");
    let summary = ended.verdict(3, "failed");
    assert_says(&summary.reasons[0], &["response.p95 < 10ms"]);
    let over = slow().args("--threshold").word("response.p95 < 10ms over 2s abort").run();
    assert_says(over.refusal(), &["a sliding window can't end a run on several hosts"]);
}

#[test]
fn a_look_at_the_hosts_shows_them_in_a_table_and_runs_nothing() {
    let ended = on_hosts(BEHAVES, HERE).args("--hosts-check").run();
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:#?}");
    assert_says(lines[0], &["host", "workers", "clock", "free disk", "processor"]);
    assert_says(lines[2], &["b ", " 2 ", " GB"]);
    assert!(!ended.path("home/dyno-runs").exists(), "nothing was run");
    let broken = r#"sh -c 'test "$0" = b && exit 3; exec "$@"' {host}"#;
    let ended = on_hosts(BEHAVES, broken).args("--hosts-check").run();
    assert_eq!(ended.status.code(), Some(5), "{ended:#?}");
    assert_says(&ended.stdout, &["a ", " GB", "\nb ", "error: the line of its shell never came"]);
}

#[test]
fn a_run_on_several_hosts_that_is_to_be_stopped_ends() {
    let running = on_hosts(BEHAVES, HERE).args("--rate 100 --duration 60s").start();
    running.until_said("measuring");
    running.signal(Signal::SIGTSTP);
    running.end().verdict(128 + 20, "interrupted");
}

#[test]
fn the_records_of_the_hosts_merge_to_the_same_result() {
    let line = "-P how=sleep -P us=1000 --rate 200 --duration 600ms --threshold";
    let ended = on_hosts(BEHAVES, HERE).args(line).word("response.p50 < 1s").run();
    let live = ended.verdict(0, "sustained");
    // In another order: the place of a host is in its record.
    let folders = ["b", "a"].map(|host| ended.path(&format!("out/hosts/{host}")));
    let merged = dyno::internal::merge(&folders).expect("the records of one run").summary;
    assert_eq!(merged.reasons, live.reasons);
    let parts = |summary: &Summary| {
        let Summary { verdict, cycles, warmup, metrics, thresholds, workers, series, .. } = summary;
        serde_json::json!([verdict, cycles, warmup, metrics, thresholds, workers, series])
    };
    assert_eq!(parts(&merged), parts(&live));
}

#[test]
fn a_signal_to_one_agent_drains_all_hosts() {
    // So does `scancel --signal=INT`.
    let running = on_hosts(BEHAVES, HERE).args("--rate 100 --duration 60s").start();
    running.until_said("measuring");
    let [agent, _] = primaries(&running)[..] else { panic!("two agents") };
    send(agent, Signal::SIGINT);
    let summary = running.end().verdict(130, "interrupted");
    assert_eq!(summary.cycles.lost, 0, "{summary:?}");
}

#[test]
fn a_link_that_stalls_for_three_seconds_harms_nothing() {
    let running = on_hosts(BEHAVES, BETWEEN).args("--rate 100 --duration 6s").start();
    running.until_said("measuring");
    let [agent, _] = primaries(&running)[..] else { panic!("two agents") };
    let relays = relays_of(&agents(&running), agent);
    relays.iter().for_each(|relay| send(*relay, Signal::SIGSTOP));
    // The other host is still seen: the time of the run goes on.
    running.until_said("   4.");
    relays.iter().for_each(|relay| send(*relay, Signal::SIGCONT));
    let summary = running.end().verdict(0, "sustained");
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (600, 600));
}

#[test]
fn a_host_without_a_disk_and_one_whose_disk_is_full_are_named() {
    let without = r#"sh -c 'test "$0" = b && HOME=/proc; export HOME; exec "$@"' {host}"#;
    let error = on_hosts(BEHAVES, without).run().error();
    assert_says(&error, &["host `b`: ", "mkdir: "]);
    let full = r#"sh -c 'test "$0" = b || exec "$@"
                        exec unshare --mount sh -c "mount -t tmpfs -o size=1m none \"$HOME\" &&
                        exec \"\$@\"" full "$@"' {host}"#;
    let error = on_hosts(BEHAVES, full).run().error();
    assert_says(&error, &["host `b`: ", "No space left on device"]);
}

#[test]
fn a_host_whose_program_does_not_come_to_the_benchmark_is_named() {
    // The name of a benchmark that this program does not have.
    let other = r#"sh -c 'exec env DYNO_AGENT=x "$@"' other"#;
    let error = on_hosts(BEHAVES, other).args("--hosts-exe /bin/true").run().error();
    assert_says(&error, &["host `", "the first line of its agent never came", "it wrote nothing"]);
}
