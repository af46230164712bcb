//! A bare loop around a command that stays, such as a user would write without a harness: lines in,
//! lines out, with a number of them in flight.
//!
//! Each line has its own write, as the line of each cycle has. The loop only counts replies; it
//! measures no durations.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dyno_bus::clock;
use serde::{Deserialize, Serialize};

use crate::child::Child;

/// The command of both sides. It answers each line with the same line.
pub(crate) const COMMAND: &str = "cat";
/// The bytes that are read at once.
const READ_MAX: usize = 64 << 10;

/// The number of lines in flight, and the times that the loop runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) in_flight: u64,
    pub(crate) window: Duration,
    pub(crate) warmup: Duration,
}

/// Runs the loop in this process, and returns the replies per second in the window.
pub(crate) fn run(load: &Load) -> Result<f64> {
    let mut command = Command::new(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = command.stdin.take().context("its input is piped")?;
    let mut output = command.stdout.take().context("its output is piped")?;
    let (mut buffer, mut line, mut cycle) = (vec![0; READ_MAX], Vec::new(), 0_u64);
    let mut send = |lines: u64| {
        for _ in 0..lines {
            line.clear();
            writeln!(line, "{cycle}")?;
            input.write_all(&line)?;
            cycle += 1;
        }
        anyhow::Ok(())
    };
    send(load.in_flight)?;
    let mut rate = 0.0;
    for span in [load.warmup, load.window] {
        let start = clock::now();
        let mut replies = 0;
        while clock::now() - start < span {
            let count = output.read(&mut buffer)?;
            ensure!(count > 0, "`{COMMAND}` has ended");
            let lines = buffer[..count].iter().filter(|byte| **byte == b'\n').count() as u64;
            replies += lines;
            send(lines)?;
        }
        rate = replies as f64 / (clock::now() - start).as_secs_f64();
    }
    command.kill()?;
    command.wait()?;
    Ok(rate)
}

/// Returns the sum of the replies per second of several processes that run at once.
pub(crate) fn rate(load: &Load, processes: u32) -> Result<f64> {
    let running: Result<Vec<_>> =
        (0..processes).map(|_| Child::PipeLoop(load.clone()).start()).collect();
    running?.into_iter().map(|running| running.reply::<f64>()).sum()
}
