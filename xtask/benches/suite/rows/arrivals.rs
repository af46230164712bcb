//! S3: how evenly cycles arrive at their server, measured by the server.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result, bail};
use dyno_bus::{Time, clock};

use super::at_each;
use crate::child::Run;
use crate::figure::{Figure, Goal, quantile};
use crate::options::Options;
use crate::peers::sleepers::{Load, each_due};
use crate::peers::stamps::Stamps;
use crate::tasks::TaskName;

const RATES: [(f64, &str); 2] = [(1_000.0, "1k/s"), (10_000.0, "10k/s")];
/// The goal in microseconds: a fiftieth of 4.6 ms, the distance from the grid with memtier's rate
/// limit.
const FAR_BETTER_US: f64 = 92.0;
/// The request of the bare threads, equal to that of dyno's task.
const WRITE: &[u8] = b"*3\r\n$3\r\nSET\r\n$10\r\ndyno:suite\r\n$64\r\n\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    at_each(&RATES, |rate, name| at(options, rate, name))
}

fn at(options: &Options, rate: f64, name: &str) -> Result<Vec<Figure>> {
    let mut ratio = Figure::new(format!("{name} p50 ÷ threads"), "×", Goal::AtMost(3.0));
    let mut dyno = Figure::new(format!("{name} p50"), "µs", Goal::AtMost(FAR_BETTER_US));
    let mut bare = Figure::reported(format!("{name} p50, threads"), "µs");
    let server = Stamps::start()?;
    let mut run = Run::of(TaskName::Redis, Some(rate), options.window());
    run.url = Some(server.url());
    let load = Load { rate, threads: run.workers, window: run.window, warmup: run.warmup };
    options.rounds(|| {
        let ran = run.run()?;
        let ours = Arrived::of(&server.take(), rate)?.off_p50;
        write_bare(&load, &server.path())?;
        let theirs = Arrived::of(&server.take(), rate)?.off_p50;
        dyno.push(ours / 1e3);
        bare.push(theirs / 1e3);
        ratio.push(ours / theirs);
        ran.reservation().into_iter().for_each(|note| ratio.note(note));
        anyhow::Ok(())
    })?;
    Ok(vec![ratio, dyno, bare])
}

/// The arrivals at a server, compared with an even grid of the requested rate. The grid lies where
/// it fits best: the median arrival is on it.
pub(super) struct Arrived {
    /// The median distance from the grid, in nanoseconds.
    pub(super) off_p50: f64,
    /// The 99th percentile of the distance from the grid, in nanoseconds.
    pub(super) off_p99: f64,
    /// The rate of the arrivals ÷ the requested one.
    pub(super) share: f64,
}

impl Arrived {
    /// Compares the arrivals with the grid of `rate` a second.
    ///
    /// # Errors
    /// If fewer than two arrived.
    pub(super) fn of(arrivals: &[Time], rate: f64) -> Result<Self> {
        let [first, .., last] = arrivals else { bail!("nothing arrived") };
        let mut offs: Vec<i64> = arrivals
            .iter()
            .enumerate()
            .map(|(index, at)| {
                (at.as_nanos() - first.as_nanos()).cast_signed()
                    - (index as f64 / rate * 1e9) as i64
            })
            .collect();
        offs.sort_unstable();
        let middle = offs[offs.len() / 2];
        let mut distances: Vec<_> = offs.iter().map(|off| off.abs_diff(middle)).collect();
        let mut off = |share| quantile(&mut distances, share).context("nothing arrived");
        Ok(Self {
            off_p50: off(0.5)?,
            off_p99: off(0.99)?,
            share: (arrivals.len() - 1) as f64 / (*last - *first).as_secs_f64() / rate,
        })
    }
}

/// Runs threads that sleep until due and then write, each on its connection.
fn write_bare(load: &Load, path: &Path) -> Result<()> {
    let t0 = clock::now() + load.warmup;
    let mut threads = Vec::new();
    for thread in 0..load.threads {
        let mut connection = UnixStream::connect(path)?;
        let load = load.clone();
        threads.push(std::thread::spawn(move || {
            each_due(&load, thread, t0, |_due, _now| {
                let mut answer = [0; 64];
                connection.write_all(WRITE)?;
                let _length = connection.read(&mut answer)?;
                Ok(())
            })
        }));
    }
    threads.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
}
