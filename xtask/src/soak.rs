//! `cargo xtask soak`: a long and fast run. It fails unless every cycle is counted once and memory
//! does not grow; lines of the workers that are missing from the log are reported.
//!
//! The task is that of `tests/workers/incr.rs`, which increments a counter in a private Redis
//! server. The run has a terminal, so that the live view is drawn as it is for people. It is
//! observed from outside: its memory by `/proc`, its number of cycles by Redis. Linux only.

mod memory;
mod server;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::command::{self, cargo, find, metadata};
use memory::{Bound, Memory};
use server::Server;

/// The program that runs.
const PROGRAM: &str = "incr";
/// The Redis key of the counter that each cycle increments.
const KEY: &str = "count";
/// The number of cycles after which a worker prints a line.
const SAY_EVERY: u64 = 1_000;
/// The start of such a line in the log, where it is a JSON string.
const LINE: &str = "\"counted ";
/// The time between two samples of memory.
const PERIOD: Duration = Duration::from_secs(1);
/// Time in addition to the plan's: to start, to drain, to clean up.
const OVERTIME: Duration = Duration::from_secs(60);
/// The number of bytes of the terminal's output that are printed at a failure: the result's page,
/// and the lines above it.
const SHOWN: usize = 8 << 10;

/// The duration, the rate and the bounds of the run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds that it runs
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u64,
    /// Cycles per second over all workers
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    rate: u64,
    /// Number of worker processes
    #[arg(long, value_name = "N", default_value_t = 2)]
    workers: u32,
    /// Growth that a process may show once it has settled, in KiB per minute
    #[arg(long, value_name = "KIB", default_value_t = 256)]
    growth: u64,
}

/// Runs the soak, and prints its result.
///
/// # Errors
/// If counts differ, the rate is not sustained, or memory grows beyond the bound; if a program that
/// it needs is missing.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    for (program, package) in [("redis-server", "redis-server"), ("script", "bsdutils")] {
        ensure!(
            find(program).is_some(),
            "a soak needs `{program}`: sudo apt-get install --yes {package}"
        );
    }
    command::run(&mut cargo(&format!(
        "build --quiet --release --package dyno-tests --bin {PROGRAM}"
    )))?;
    let program = metadata()?.target_directory.join("release").join(PROGRAM);
    // The path as `/proc` names it.
    let program = fs::canonicalize(&program).with_context(|| format!("{program} is not there"))?;
    // Not in the target folder: a socket's path may have only about a hundred bytes.
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let mut server = Server::start(folder.path())?;
    let out = folder.path().join("run");
    println!(
        "soaking for {} s: {} cycles a second, {} workers",
        arguments.seconds, arguments.rate, arguments.workers
    );
    let (memory, drawn) = soak(arguments, &program, &server, &out)?;
    let Ok(result) = fs::read_to_string(out.join("run.json")) else {
        bail!("it left no result:\n{}", end_of(&drawn));
    };
    let result: Value = serde_json::from_str(&result).context("run.json is no JSON")?;
    let log = fs::read_to_string(out.join("log.jsonl")).context("log.jsonl can't be read")?;
    let bound = Bound { kib_per_minute: arguments.growth };
    let faults = report(&result, server.count(KEY)?, &log, &memory, &bound);
    println!("live view    {} KiB drawn", drawn.len() >> 10);
    if faults.is_empty() {
        return Ok(());
    }
    println!("\n{}", end_of(&drawn));
    bail!("{}", faults.join("; "))
}

/// Runs the program in a new terminal. Returns the memory of its processes, and the bytes that it
/// drew.
fn soak(
    arguments: &Arguments,
    program: &Path,
    server: &Server,
    out: &Path,
) -> Result<(Memory, Vec<u8>)> {
    let mut terminal = Command::new("script");
    // A new terminal has no size, and the live view needs one.
    let line = "stty rows 40 cols 120 && exec \"$SOAK_PROGRAM\"";
    terminal.args(["--quiet", "--return", "--command", line, "/dev/null"]);
    terminal.env("SHELL", "/bin/sh").env("SOAK_PROGRAM", program);
    terminal.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    terminal.env("DYNO_RATE", arguments.rate.to_string());
    terminal.env("DYNO_DURATION", format!("{}s", arguments.seconds));
    terminal.env("DYNO_WORKERS", arguments.workers.to_string());
    terminal.env("DYNO_PARAM", format!("url={} key={KEY} say_every={SAY_EVERY}", server.url()));
    terminal.env("DYNO_OUT", out);
    terminal.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut terminal = Terminal(terminal.spawn().context("`script` did not start")?);
    let mut drawn = terminal.0.stdout.take().context("it has a pipe")?;
    let (ended, end) = channel();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = drawn.read_to_end(&mut bytes);
        // If the run took too long, the receiver is gone.
        let _unheard = ended.send(());
        read.map(|_| bytes)
    });
    let mut memory = Memory::default();
    let most = (Duration::from_secs(arguments.seconds) + OVERTIME).as_secs();
    let mut is_over = false;
    for second in 0..most {
        // The end of the terminal's output is the end of the run; until then, sample each second.
        if end.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
            is_over = true;
            break;
        }
        memory.sample(second + 1, terminal.0.id(), program);
    }
    ensure!(is_over, "it did not end within {most} s");
    terminal.0.wait().context("`script` can't be waited for")?;
    let bytes = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))?;
    Ok((memory, bytes.context("the terminal can't be read")?))
}

/// The process of the terminal; when it ends, the run gets SIGHUP and ends too.
struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already, unless the run took too long.
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Prints the result; returns a message for each thing that is wrong.
fn report(result: &Value, counted: u64, log: &str, memory: &Memory, bound: &Bound) -> Vec<String> {
    let mut faults = Vec::new();
    let verdict = result["verdict"].as_str().unwrap_or("none");
    println!("\nverdict      {verdict}: {}", result["reasons"][0].as_str().unwrap_or("no reason"));
    for warning in result["warnings"].as_array().into_iter().flatten() {
        println!("warning      {}", warning.as_str().unwrap_or_default());
    }
    if verdict != "sustained" {
        faults.push(format!("the verdict is {verdict}"));
    }
    let (issued, completed) = (cycles(result, "issued"), cycles(result, "completed"));
    println!("cycles       {issued} issued, {completed} completed, {counted} counted by Redis");
    if issued != completed || completed != counted {
        faults.push(format!("{issued} issued, {completed} completed, {counted} counted"));
    }
    let (said, written) = (counted / SAY_EVERY, lines(log));
    let lost = said.saturating_sub(written);
    println!("lines        {said} said by workers, {written} in the log, {lost} lost");
    for growth in memory.growths() {
        println!("memory       {growth}");
        if growth.is_over(bound) {
            let most = bound.kib_per_minute;
            faults.push(format!("{} grows by over {most} KiB a minute", growth.process));
        }
    }
    if memory.growths().is_empty() {
        println!("memory       too short a run to tell");
    }
    faults
}

/// Returns a count of cycles, summed over the warm-up and the measured window.
fn cycles(result: &Value, name: &str) -> u64 {
    let of = |window: &str| result[window][name].as_u64().unwrap_or_default();
    of("warmup") + of("cycles")
}

/// Counts the lines of the log that workers printed.
fn lines(log: &str) -> u64 {
    log.lines().filter(|line| line.contains(LINE)).count() as u64
}

/// Returns the last [`SHOWN`] bytes of the terminal's output.
fn end_of(drawn: &[u8]) -> String {
    String::from_utf8_lossy(&drawn[drawn.len().saturating_sub(SHOWN)..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(verdict: &str, completed: u64) -> Value {
        serde_json::json!({
            "verdict": verdict,
            "reasons": ["why"],
            "warnings": [],
            "warmup": { "issued": 1_000, "completed": 1_000 },
            "cycles": { "issued": 2_000, "completed": completed },
        })
    }

    #[test]
    fn counts_that_differ_and_a_rate_that_is_not_sustained_are_faults() {
        let faults = |result, counted| {
            report(&result, counted, "", &Memory::default(), &Bound { kib_per_minute: 1 })
        };
        assert!(faults(result("sustained", 2_000), 3_000).is_empty());
        let differ = "3000 issued, 3000 completed, 3001 counted";
        assert_eq!(faults(result("sustained", 2_000), 3_001), [differ]);
        let verdict = "the verdict is unsustained";
        let lost = "3000 issued, 2999 completed, 2999 counted";
        assert_eq!(faults(result("unsustained", 1_999), 2_999), [verdict, lost]);
    }

    #[test]
    fn only_lines_of_workers_count_as_such() {
        let log = "{\"message\":\"tick\"}\n{\"message\":\"line\",\"text\":\"counted 1000\"}\n";
        assert_eq!(lines(log), 1);
    }
}
