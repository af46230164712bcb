//! The processes that are measured. Each is this program again, with its role in an environment
//! variable. So no round inherits memory, caches or threads from another, and processor time is
//! that of the measured code alone.

use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use dyno::{Arrivals, Pacing, Summary};
use dyno_bus::{Time, clock};
use nix::sys::resource::{UsageWho, getrusage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::machine;
use crate::peers::{pipe_loop, probe, redis_loop, rlt, sleepers};
use crate::tasks::TaskName;

/// The environment variable that holds a child's role, as JSON.
const VARIABLE: &str = "SUITE_CHILD";

/// The roles of a process of this program, in addition to the suite and a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Child {
    /// A primary of dyno.
    Dyno(Run),
    /// A primary as its user sees it, with settings from its command line.
    Shown(TaskName),
    /// The harness rlt, with a no-op.
    Rlt(rlt::Load),
    /// Bare threads that sleep until due.
    Sleepers(sleepers::Load),
    /// A bare loop around a Redis client.
    RedisLoop(redis_loop::Load),
    /// A bare loop around a command that stays.
    PipeLoop(pipe_loop::Load),
    /// The wake-ups of the loop-lag probe, and nothing else.
    Probe(probe::Load),
}

impl Child {
    /// Returns the role of this process; `None` for the suite itself.
    pub(crate) fn of_this_process() -> Option<Self> {
        let text = std::env::var(VARIABLE).ok()?;
        Some(serde_json::from_str(&text).expect("set by this program alone"))
    }

    /// Plays the role, and prints its results on standard output, as JSON.
    pub(crate) fn run(self) -> ExitCode {
        let reply = match &self {
            Self::Dyno(run) => run.here().and_then(|seen| Ok(serde_json::to_string(&seen)?)),
            Self::Shown(task) => {
                use std::process::Termination;
                return task.bench().main().report();
            }
            Self::Rlt(load) => return rlt::run(load),
            Self::Sleepers(load) => {
                sleepers::run(load).and_then(|waits| Ok(serde_json::to_string(&waits)?))
            }
            Self::RedisLoop(load) => {
                redis_loop::run(load).and_then(|rate| Ok(serde_json::to_string(&rate)?))
            }
            Self::PipeLoop(load) => {
                pipe_loop::run(load).and_then(|rate| Ok(serde_json::to_string(&rate)?))
            }
            Self::Probe(load) => probe::run(load).map(|()| "null".to_owned()),
        };
        match reply {
            Ok(reply) => {
                println!("{reply}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        }
    }

    /// Returns the command that starts this child.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe().context("this program has a path")?);
        command.env(VARIABLE, serde_json::to_string(self)?);
        if let Self::Shown(_) = self {
            // Cargo passes it too. Without it, a program in cargo's folder takes itself for a test.
            command.arg("--bench");
        }
        Ok(command)
    }

    /// Starts this child; the caller waits for its reply.
    pub(crate) fn start(&self) -> Result<Running> {
        let mut command = self.command()?;
        let spawned = clock::now();
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{self:?} did not start"))?;
        Ok(Running { process, spawned })
    }
}

/// A child that is running.
pub(crate) struct Running {
    process: std::process::Child,
    /// The time just before it was spawned.
    spawned: Time,
}

impl Running {
    /// Waits for its end and reads its reply.
    pub(crate) fn reply<T: DeserializeOwned>(self) -> Result<T> {
        let output = self.process.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "a child failed ({}): {}", output.status, said.trim());
        serde_json::from_slice(&output.stdout).context("a child's reply can't be read")
    }
}

/// Returns the processor time, user and system, of all children that have ended.
pub(crate) fn children_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(time.tv_sec().unsigned_abs())
            + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    Ok(micros(usage.user_time()) + micros(usage.system_time()))
}

/// The settings of a run of dyno.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) task: TaskName,
    /// Cycles per second; `None` for the closed loop.
    pub(crate) rate: Option<f64>,
    pub(crate) workers: u32,
    pub(crate) window: Duration,
    pub(crate) warmup: Duration,
    pub(crate) spin: bool,
    /// `true` for Poisson arrivals.
    pub(crate) poisson: bool,
    /// The time between two samples of the primary's memory; `None` for no samples.
    pub(crate) memory_every: Option<Duration>,
    /// The URL of the server, for the task that needs one.
    pub(crate) url: Option<String>,
}

/// The reply of a primary.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    summary: Summary,
    /// Resident memory of the primary in bytes, one value per sample, during the run.
    rss_bytes: Vec<u64>,
    rss_bytes_max: Option<u64>,
}

/// The result of a run of dyno, measured from inside and from outside.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) summary: Summary,
    /// Resident memory of the primary in bytes, one value per sample, during the run.
    pub(crate) rss_bytes: Vec<u64>,
    /// The highest resident memory of the primary, in bytes; `None` without `/proc`.
    pub(crate) rss_bytes_max: Option<u64>,
    /// Processor time, user and system, of all its processes.
    pub(crate) cpu: Duration,
    /// The time just before the primary was started.
    pub(crate) spawned: Time,
}

impl Run {
    /// Creates a run with two workers, a second of warm-up, and pacing by sleeping.
    pub(crate) fn of(task: TaskName, rate: Option<f64>, window: Duration) -> Self {
        let warmup = Duration::from_secs(1);
        let (spin, poisson, memory_every, url) = (false, false, None, None);
        Self { task, rate, workers: 2, window, warmup, spin, poisson, memory_every, url }
    }

    /// Runs in this process, as the primary.
    fn here(&self) -> Result<Seen> {
        let mut bench = self.task.bench();
        if let Some(url) = &self.url {
            bench = bench.parameters(serde_json::json!({ "url": url }));
        }
        bench = match self.rate {
            Some(rate) => bench.rate(rate),
            None => bench.closed_loop(),
        };
        if self.poisson {
            bench = bench.arrivals(Arrivals::Poisson);
        }
        if self.spin {
            bench = bench.pacing(Pacing::Spin);
        }
        let (over, is_over) = channel::<()>();
        let looking = self.memory_every.map(|period| {
            thread::spawn(move || {
                // Dropping `over` after the run ends this wait, and with it the sampling.
                let on = || is_over.recv_timeout(period) == Err(RecvTimeoutError::Timeout);
                std::iter::from_fn(|| on().then(|| machine::memory_bytes("VmRSS")).flatten())
                    .collect()
            })
        });
        let summary = bench
            .workers(self.workers)
            .duration(self.window)
            .warmup(self.warmup)
            .start_deadline(START_DEADLINE)
            .run()?;
        drop(over);
        let looked = looking.map(|thread| thread.join().expect("it does not panic"));
        let rss_bytes = looked.unwrap_or_default();
        Ok(Seen { summary, rss_bytes, rss_bytes_max: machine::memory_bytes("VmHWM") })
    }

    /// Runs in a new process.
    ///
    /// # Errors
    /// If the run ended with an error or was interrupted. A rate that was not sustained does not
    /// count as an error: the summary has the verdict.
    pub(crate) fn run(&self) -> Result<Ran> {
        let cpu_before = children_cpu()?;
        let running = Child::Dyno(self.clone()).start()?;
        let spawned = running.spawned;
        let Seen { summary, rss_bytes, rss_bytes_max } = running.reply()?;
        if ["error", "interrupted"].contains(&summary.verdict.name()) {
            bail!("{self:?}: {}: {}", summary.verdict, summary.reasons.join(" "));
        }
        let cpu = children_cpu()?.saturating_sub(cpu_before);
        Ok(Ran { summary, rss_bytes, rss_bytes_max, cpu, spawned })
    }
}

/// The longest wait for all workers to become ready: enough for a thousand workers on two cores.
const START_DEADLINE: Duration = Duration::from_secs(120);

impl Ran {
    /// Returns a note if the verdict is neither sustained nor completed.
    pub(crate) fn reservation(&self) -> Option<String> {
        let Summary { verdict, reasons, .. } = &self.summary;
        let is_clean = ["sustained", "completed"].contains(&verdict.name());
        (!is_clean).then(|| format!("a run was {verdict}: {}", reasons.join(" ")))
    }

    /// Returns the number of completed cycles, including those of the warm-up.
    pub(crate) fn cycles(&self) -> u64 {
        self.summary.cycles.completed + self.summary.warmup.completed
    }

    /// Returns the statistics of a metric over all workers.
    ///
    /// # Errors
    /// If the run has no such metric.
    pub(crate) fn metric(&self, name: &str) -> Result<&dyno::summary::Metric> {
        self.summary.metric(name).with_context(|| format!("the run has no metric `{name}`"))
    }

    /// Returns the 50th and the 99th percentile of a metric.
    ///
    /// # Errors
    /// If the run has no such metric, or too few values of it.
    pub(crate) fn p50_p99(&self, name: &str) -> Result<[f64; 2]> {
        let metric = self.metric(name)?;
        let both = metric.p50.zip(metric.p99);
        let (p50, p99) = both.with_context(|| format!("the run has too few values of `{name}`"))?;
        Ok([p50 as f64, p99 as f64])
    }
}
