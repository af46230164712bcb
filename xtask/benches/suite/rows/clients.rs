//! S16: what the clients of a dashboard cost a run: cycles that are delivered, and `wait`, with ten
//! clients and without a dashboard. Two of the clients have stopped: they read nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use dyno::Summary;

use super::at_each;
use crate::child::Child;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::tasks::TaskName;

const RATES: [(f64, &str); 3] = [(1_000.0, "1k/s"), (10_000.0, "10k/s"), (100_000.0, "100k/s")];
const CLIENTS: usize = 10;
/// The clients that read nothing.
const STOPPED: usize = 2;
/// The begin of the line with the address of the dashboard.
const LINE: &str = "dashboard  ";
/// Nanoseconds in a microsecond.
const MICRO: f64 = 1e3;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    at_each(&RATES, |rate, name| at(options, rate, name))
}

fn at(options: &Options, rate: f64, name: &str) -> Result<Vec<Figure>> {
    let without = ", without clients";
    let mut delivered = ["", without].map(|clients| {
        Figure::new(format!("{name} delivered ÷ asked{clients}"), "×", Goal::AtLeast(0.9999))
    });
    let mut waits = ["", without].map(|clients| {
        ["p50", "p99"].map(|q| Figure::reported(format!("{name} wait {q}{clients}"), "µs"))
    });
    let mut ratios =
        ["p50", "p99"].map(|q| Figure::reported(format!("{name} wait {q} ÷ without clients"), "×"));
    options.rounds(|| {
        let runs = [CLIENTS, 0].map(|clients| shown(rate, options.window(), clients));
        let mut both = Vec::new();
        for (of, run) in runs.into_iter().enumerate() {
            let summary = run?;
            delivered[of].push(summary.rate.delivered / rate);
            if !["sustained", "completed"].contains(&summary.verdict.name()) {
                delivered[of].note(format!("a run was {}", summary.verdict));
            }
            let wait = summary.metric("wait").and_then(|wait| wait.p50.zip(wait.p99));
            let (p50, p99) = wait.context("the run has too few values of `wait`")?;
            let wait = [p50 as f64, p99 as f64];
            for (figure, value) in waits[of].iter_mut().zip(wait) {
                figure.push(value / MICRO);
            }
            both.push(wait);
        }
        for (place, ratio) in ratios.iter_mut().enumerate() {
            ratio.push(both[0][place] / both[1][place]);
        }
        anyhow::Ok(())
    })?;
    Ok(delivered.into_iter().chain(ratios).chain(waits.into_iter().flatten()).collect())
}

/// Runs a benchmark as its user does, while this many clients look at its dashboard.
fn shown(rate: f64, window: Duration, clients: usize) -> Result<Summary> {
    let out = tempfile::tempdir()?;
    let mut command = Child::Shown(TaskName::Noop).command()?;
    command
        .args(["--quiet", "--format", "json", "--workers", "2", "--warmup", "1s"])
        .args(["--rate", &rate.to_string()])
        .args(["--duration", &format!("{}ms", window.as_millis())])
        .arg("--out")
        .arg(out.path())
        .args((clients > 0).then_some("--dashboard"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn()?;
    let mut stderr = BufReader::new(process.stderr.take().context("it is piped")?);
    let looking = if clients > 0 { Some(Clients::of(&mut stderr, clients)) } else { None };
    let rest = thread::spawn(move || {
        let mut rest = String::new();
        // What can't be read as text is not worth an error.
        let _read = stderr.read_to_string(&mut rest);
        rest
    });
    let output = process.wait_with_output()?;
    let rest = rest.join().expect("it does not panic");
    if let Some(looking) = looking {
        looking.with_context(|| rest.clone())?.finish()?;
    }
    let summary: Summary = serde_json::from_slice(&output.stdout).context(rest)?;
    if ["error", "interrupted"].contains(&summary.verdict.name()) {
        bail!("{}: {}", summary.verdict, summary.reasons.join(" "));
    }
    Ok(summary)
}

/// The clients of a dashboard.
struct Clients {
    /// Those that read, each with the number of bytes at its end.
    reading: Vec<JoinHandle<usize>>,
    stopped: Vec<TcpStream>,
}

impl Clients {
    /// Connects clients to the dashboard whose address is printed.
    fn of(stderr: &mut impl BufRead, clients: usize) -> Result<Self> {
        let url = loop {
            let mut line = String::new();
            ensure!(stderr.read_line(&mut line)? > 0, "it printed no address of a dashboard");
            if let Some(url) = line.trim_end().strip_prefix(LINE) {
                break url.to_owned();
            }
        };
        let (address, path) = url
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .with_context(|| format!("`{url}` is not an address"))?;
        let path = path.trim_end_matches('/');
        let request = format!("GET /{path}/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut all = Self { reading: Vec::new(), stopped: Vec::new() };
        for client in 0..clients {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(request.as_bytes())?;
            if client < STOPPED {
                all.stopped.push(stream);
            } else {
                all.reading.push(thread::spawn(move || read(stream)));
            }
        }
        Ok(all)
    }

    /// Waits for the end of the clients that read, which comes with that of the server.
    fn finish(self) -> Result<()> {
        drop(self.stopped);
        for client in self.reading {
            let bytes = client.join().expect("it does not panic");
            ensure!(bytes > 0, "a client got nothing");
        }
        Ok(())
    }
}

/// Reads until the end, and returns the number of bytes.
fn read(mut stream: TcpStream) -> usize {
    let (mut buffer, mut bytes) = ([0; 16 << 10], 0);
    // A server that ends may cut the connection, which is an error to its client.
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        bytes += count;
    }
    bytes
}
