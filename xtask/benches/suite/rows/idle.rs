//! S11: what watching costs where there is nothing to watch.
//!
//! Two runs of different length are compared, so that what starting and ending costs is no part of
//! it. The live view is drawn on a pseudo-terminal, as for a person.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::pty::{Winsize, openpty};

use crate::child::{Child, children_cpu};
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::peers::probe;
use crate::tasks::TaskName;

/// How much longer than the short run the long one is, in windows.
const TIMES: u32 = 2;
const SHORT: Duration = Duration::from_secs(2);
/// The probe's wake-ups, on two loops.
const PROBES: u32 = 2;
const PROBE_PERIOD: Duration = Duration::from_millis(31);
const TERMINAL: Winsize = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut all = Figure::new("of a core", "%", Goal::AtMost(2.0));
    let mut probes = Figure::reported("the probe's wake-ups alone, in bare loops", "%");
    let long = SHORT + options.window() * TIMES;
    options.rounds(|| {
        let spent = shown(long)?.as_secs_f64() - shown(SHORT)?.as_secs_f64();
        all.push(spent / (long - SHORT).as_secs_f64() * 100.0);
        let spent = probed(long)?.as_secs_f64() - probed(SHORT)?.as_secs_f64();
        probes.push(spent / (long - SHORT).as_secs_f64() * 100.0);
        anyhow::Ok(())
    })?;
    Ok(vec![all, probes])
}

/// Processor time of a run that is watched on a terminal.
fn shown(window: Duration) -> Result<Duration> {
    let before = children_cpu()?;
    let out = tempfile::tempdir()?;
    let terminal = openpty(&TERMINAL, None).context("no pseudo-terminal")?;
    let mut command = Child::Shown(TaskName::Noop).command()?;
    command
        // `--bench` as cargo passes it: in its folder a program would take itself for a test.
        .args(["--bench", "--rate", "50", "--workers", "2", "--warmup", "0s", "--duration"])
        .arg(format!("{}ms", window.as_millis()))
        .arg("--out")
        .arg(out.path())
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .stdout(terminal.slave.try_clone()?)
        .stderr(terminal.slave);
    let mut process = command.spawn()?;
    // What holds the other end of the terminal has to go, or the reading would never end.
    drop(command);
    let screen = std::thread::spawn(move || {
        let mut master = std::fs::File::from(terminal.master);
        let mut drawn = Vec::new();
        let mut buffer = [0; 4096];
        // When no one writes any more, reading a terminal is an error rather than an end.
        while let Ok(count @ 1..) = master.read(&mut buffer) {
            drawn.extend_from_slice(&buffer[..count]);
        }
        drawn
    });
    let status = process.wait()?;
    let drawn = screen.join().expect("it does not panic");
    ensure!(status.success(), "it failed: {}", String::from_utf8_lossy(&drawn));
    Ok(children_cpu()?.saturating_sub(before))
}

/// Processor time of the probe's wake-ups.
fn probed(window: Duration) -> Result<Duration> {
    let before = children_cpu()?;
    let load = probe::Load { period: PROBE_PERIOD, window };
    let running: Result<Vec<_>> = (0..PROBES).map(|_| Child::Probe(load.clone()).start()).collect();
    for running in running? {
        running.reply::<()>()?;
    }
    Ok(children_cpu()?.saturating_sub(before))
}
