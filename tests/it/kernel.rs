//! Tests of faults in the kernel: no memory left, system calls that are missing or fail, a tracer
//! that holds a worker.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{BEHAVES, MISBEHAVES, assert_says, benchmark, send, until};

/// The longest wait for a tracer to attach or to end, which takes far less.
const TRACER_DEADLINE: Duration = Duration::from_secs(10);
/// The memory limit in bytes: enough for a primary and two workers, and soon used up.
const MEMORY_MAX: u64 = 256 << 20;

/// A control group with a memory limit, below the group of this process; removed when this value is
/// dropped.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// Creates the group; the error is the reason why it can't be made on this machine.
    fn new() -> Result<Self, String> {
        let groups = std::fs::read_to_string("/proc/self/cgroup").map_err(|e| e.to_string())?;
        let of = |mark: &str| groups.lines().find_map(|line| Some(line.split_once(mark)?.1));
        let (parent, limit) = match (of(":memory:"), of("0::")) {
            (Some(group), _) => (format!("/sys/fs/cgroup/memory{group}"), "memory.limit_in_bytes"),
            (None, Some(group)) => (format!("/sys/fs/cgroup{group}"), "memory.max"),
            (None, None) => return Err("there are no control groups".into()),
        };
        let group = Path::new(&parent).join(format!("dyno-test-{}", std::process::id()));
        let failed = |what: &Path| {
            let what = what.display().to_string();
            move |error: std::io::Error| format!("{what}: {error}")
        };
        std::fs::create_dir(&group).map_err(failed(&group))?;
        let group = Self(group);
        let limit = group.0.join(limit);
        std::fs::write(&limit, MEMORY_MAX.to_string()).map_err(failed(&limit))?;
        Ok(group)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The kernel may need a moment to notice that the group is empty.
        until("the group is gone", TRACER_DEADLINE, || std::fs::remove_dir(&self.0).is_ok());
    }
}

#[test]
fn a_worker_that_the_kernel_kills_for_its_memory_is_named_with_its_signal() {
    let group = match MemoryGroup::new() {
        Ok(group) => group,
        Err(why) => {
            println!("SKIPPED: no control group of memory can be made here: {why}");
            return;
        }
    };
    let script = format!(r#"echo $$ > {}/cgroup.procs && exec "$0" "$@""#, group.0.display());
    let line = "-P how=use-up-memory -P at=cycle -P worker=1 --duration 20s";
    let run = benchmark(MISBEHAVES).args(line).launched_by("sh -c").launched_with(&script);
    let ended = run.logged().run();
    assert_says(&ended.error(), &["worker 1 (pid ", "was killed by SIGKILL"]);
    assert!(ended.elapsed < Duration::from_secs(15), "{ended:#?}");
    // The other worker drained and ran its hook.
    assert_eq!(ended.logged("worker 0 after"), 1);
}

/// Returns a launcher that makes system calls of the program fail as `fault` specifies. The tracer
/// is a separate process, so that the program keeps the id and the parent that it would have
/// without one.
fn failing(fault: &str) -> String {
    let call = fault.split(':').next().expect("a call");
    format!("strace -DDD -qq -o trace -e trace={call} -e inject={fault} --")
}

/// Counts the threads of a primary that wait for a worker's end.
fn waiters(pid: u32) -> usize {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("comm")).ok());
    names.filter(|name| name.starts_with("dyno-wait-")).count()
}

#[test]
fn a_run_works_without_pidfds() {
    let run = benchmark(MISBEHAVES).args("--duration 1s").logged();
    let running = run.launched_by(&failing("pidfd_open:error=ENOSYS")).start();
    running.until_log(" cycle 20");
    assert_eq!(waiters(running.pid), 2, "a thread for each worker");
    assert_eq!(running.end().verdict(0, "sustained").cycles.completed, 200);
}

#[test]
fn a_worker_that_dies_on_a_kernel_without_pidfds_is_named_at_once() {
    let line = "--duration 20s --workers 3";
    let run = benchmark(MISBEHAVES).args(line).logged();
    let running = run.launched_by(&failing("pidfd_open:error=ENOSYS")).start();
    running.until_log(" cycle 10");
    let victim = running.workers()[0];
    send(victim, Signal::SIGKILL);
    let ended = running.end();
    assert_says(&ended.error(), &[&format!("(pid {victim}) was killed by SIGKILL")]);
    assert!(ended.elapsed < Duration::from_secs(10), "{ended:#?}");
}

#[test]
fn a_socket_of_the_primary_without_memory_for_a_moment_loses_nothing() {
    let run = benchmark(MISBEHAVES).args("--duration 2s");
    // The calls before these send `Start`, `Segment` and the first leases.
    let ended = run.launched_by(&failing("sendto:error=ENOBUFS:when=7..10")).run();
    let cycles = ended.summary().cycles;
    assert_eq!((cycles.issued, cycles.completed), (400, 400), "{ended:#?}");
    until("it happened", TRACER_DEADLINE, || ended.read("trace").contains("(INJECTED)"));
}

#[test]
fn a_socket_of_the_primary_that_fails_is_named() {
    let run = benchmark(MISBEHAVES).args("--duration 20s");
    let ended = run.launched_by(&failing("sendto:error=EIO:when=7")).run();
    let parts = ["worker ", "write failed on the link: Input/output error"];
    assert_says(&ended.error(), &parts);
    assert!(ended.elapsed < Duration::from_secs(15), "{:?}", ended.elapsed);
}

/// Attaches a tracer to a process; `arguments` may make its system calls fail.
fn trace(pid: u32, arguments: &[&str]) -> Child {
    let mut tracer = Command::new("strace");
    tracer.args(["-f", "-qq", "-o", "/dev/null", "-p", &pid.to_string()]).args(arguments);
    let tracer = tracer.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(tracer) = tracer else {
        panic!("this test needs `strace`: `cargo xtask test` installs it");
    };
    let is_traced = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    };
    until("it is traced", TRACER_DEADLINE, is_traced);
    tracer
}

/// Waits for the end of a tracer, which ends with the process that it holds.
fn wait_for(mut tracer: Child) {
    until("the tracer ends", TRACER_DEADLINE, || tracer.try_wait().is_ok_and(|end| end.is_some()));
}

#[test]
fn a_socket_of_a_worker_without_memory_for_a_moment_loses_nothing() {
    let running = benchmark(BEHAVES).args("--duration 2s").start();
    running.until_said("first cycle");
    let fault = "inject=sendto:error=ENOBUFS:when=1..50";
    let tracer = trace(running.until_workers(2)[0], &["-e", "trace=sendto", "-e", fault]);
    let cycles = running.end().summary().cycles;
    wait_for(tracer);
    assert_eq!((cycles.issued, cycles.completed), (400, 400));
}

#[test]
fn a_socket_of_a_worker_that_fails_is_named() {
    let running = benchmark(BEHAVES).args("--duration 20s").start();
    running.until_said("first cycle");
    let worker = running.until_workers(2)[0];
    let fault = "inject=sendto:error=EIO";
    let tracer = trace(worker, &["-e", "trace=sendto", "-e", fault]);
    let ended = running.end();
    wait_for(tracer);
    let parts = [&format!("(pid {worker}) exited with code "), "the bus is broken: write failed"];
    assert_says(&ended.error(), &parts.map(|part| -> &str { part }));
    assert!(ended.elapsed < Duration::from_secs(15), "{:?}", ended.elapsed);
}

#[test]
fn a_worker_that_a_tracer_holds_misses_nothing() {
    let running = benchmark(BEHAVES).args("--duration 2s").start();
    running.until_said("first cycle");
    let tracer = trace(running.until_workers(2)[1], &[]);
    let summary = running.end().summary();
    wait_for(tracer);
    assert_eq!((summary.cycles.issued, summary.cycles.completed), (400, 400), "{summary:#?}");
    let exit = summary.worker(1).and_then(|worker| worker.exit.clone());
    assert_eq!(exit, Some(dyno::summary::WorkerExit::Code(0)));
}
