//! S11: the processor time of an idle run with its live view.
//!
//! The processor time of its processes is read twice during the run, so that the costs of starting
//! and ending are excluded. The live view is drawn on a pseudo-terminal, as for a person.

use std::io::Read;
use std::process::Stdio;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dyno_bus::clock;
use nix::pty::{Winsize, openpty};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::child::{Child, children_cpu};
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::peers::probe;
use crate::tasks::TaskName;

/// The number of windows of the other rows that the run is watched for.
const TIMES: u32 = 2;
/// The time that the run goes on before and after the watched time.
const EDGE: Duration = Duration::from_secs(1);
/// The watched time that makes up, with both edges, dyno's default window of 5 s.
const DEFAULT: Duration = Duration::from_secs(3);
const WORKERS: usize = 2;
const PROBE_PERIOD: Duration = Duration::from_millis(31);
const TERMINAL: Winsize = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut all = Figure::new("of a core", "%", Goal::AtMost(2.0));
    let mut default = Figure::new("in the default window of 5 s", "%", Goal::AtMost(2.0));
    let mut probes = Figure::reported("the probe's wake-ups alone, in bare loops", "%");
    let window = options.window() * TIMES;
    options.rounds(|| {
        all.push(shown(window)? * 100.0);
        default.push(shown(DEFAULT)? * 100.0);
        let spent = probed(EDGE + window)?.saturating_sub(probed(EDGE)?);
        probes.push(spent.as_secs_f64() / window.as_secs_f64() * 100.0);
        anyhow::Ok(())
    })?;
    Ok(vec![all, default, probes])
}

/// Returns the share of a core that a run takes while a terminal shows it.
fn shown(window: Duration) -> Result<f64> {
    let out = tempfile::tempdir()?;
    let terminal = openpty(&TERMINAL, None).context("no pseudo-terminal")?;
    let mut command = Child::Shown(TaskName::Noop).command()?;
    command
        .args(["--rate", "50", "--warmup", "0s"])
        .args(["--workers", &WORKERS.to_string()])
        .args(["--duration", &format!("{}ms", (EDGE + window + EDGE).as_millis())])
        .arg("--out")
        .arg(out.path())
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .stdout(terminal.slave.try_clone()?)
        .stderr(terminal.slave);
    let mut process = command.spawn()?;
    // The command holds the other end of the terminal; as long as it exists, reading would never
    // end.
    drop(command);
    let (over, is_over) = channel::<()>();
    let screen = std::thread::spawn(move || {
        let _over = over;
        let mut master = std::fs::File::from(terminal.master);
        let mut drawn = Vec::new();
        let mut buffer = [0; 4096];
        // After the last writer has gone, reading a terminal returns an error rather than an end.
        while let Ok(count @ 1..) = master.read(&mut buffer) {
            drawn.extend_from_slice(&buffer[..count]);
        }
        drawn
    });
    let runs_for = |span| is_over.recv_timeout(span) == Err(RecvTimeoutError::Timeout);
    let primary = Pid::from_raw(process.id().cast_signed());
    let watched = || -> Result<f64> {
        ensure!(runs_for(EDGE), "it ended before it was watched");
        let processes = family(primary)?;
        let (begun, before) = (clock::now(), cpu(&processes)?);
        ensure!(runs_for(window), "it ended while it was watched");
        let (spent, passed) = (cpu(&processes)? - before, clock::now() - begun);
        Ok(spent.as_secs_f64() / passed.as_secs_f64())
    };
    let share = watched();
    let status = process.wait()?;
    let drawn = screen.join().expect("it does not panic");
    ensure!(status.success(), "it failed: {}", String::from_utf8_lossy(&drawn));
    share
}

/// Lists the primary and its workers.
fn family(primary: Pid) -> Result<Vec<Pid>> {
    let path = format!("/proc/{primary}/task/{primary}/children");
    let children = std::fs::read_to_string(&path).with_context(|| format!("no {path}"))?;
    let children = children.split_ascii_whitespace().map(|pid| Ok(Pid::from_raw(pid.parse()?)));
    let family: Vec<_> = [Ok(primary)].into_iter().chain(children).collect::<Result<_>>()?;
    ensure!(family.len() == 1 + WORKERS, "of the primary and its workers there are {family:?}");
    Ok(family)
}

/// Returns the processor time of running processes.
fn cpu(processes: &[Pid]) -> Result<Duration> {
    let of = |pid: &Pid| Ok(Duration::from(ClockId::pid_cpu_clock_id(*pid)?.now()?));
    processes.iter().map(of).sum()
}

/// Returns the processor time of the probe's wake-ups, in as many processes as there are workers.
fn probed(window: Duration) -> Result<Duration> {
    let before = children_cpu()?;
    let load = probe::Load { period: PROBE_PERIOD, window };
    let running: Result<Vec<_>> =
        (0..WORKERS).map(|_| Child::Probe(load.clone()).start()).collect();
    for running in running? {
        running.reply::<()>()?;
    }
    Ok(children_cpu()?.saturating_sub(before))
}
