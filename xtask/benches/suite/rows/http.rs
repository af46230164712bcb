//! S14: `cargo dyno http` beside oha and h2load at the same rate, and beside oha and wrk in the
//! closed loop, on a server that stamps each request.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use dyno_bus::clock;

use super::arrivals::Arrived;
use crate::build::cargo_dyno;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::peers::stamps::Stamps;

/// The rate of the comparison of arrivals, per second.
const RATE: u32 = 1_000;
const WORKERS: u32 = 2;
/// The connections of each side.
const CONNECTIONS: u32 = 4;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let server = Stamps::http()?;
    let mut figures = arrivals(options, &server)?;
    figures.extend(closed(options, &server)?);
    Ok(figures)
}

/// Measures how evenly requests arrive, and how many.
fn arrivals(options: &Options, server: &Stamps) -> Result<Vec<Figure>> {
    let (window, url) = (options.window().as_secs(), server.url());
    let mut ratio = Figure::new("off the grid p50 ÷ the better peer", "×", Goal::AtMost(1.0));
    let mut dyno = Seen::new("");
    let each = RATE / CONNECTIONS;
    let mut peers = [
        Peer::new(
            "oha",
            format!("--no-tui --latency-correction -q {RATE} -c {CONNECTIONS} -z {window}s {url}"),
        ),
        Peer::new(
            "h2load",
            format!("--h1 -t {WORKERS} -c {CONNECTIONS} --rps {each} -D {window} {url}"),
        ),
    ]
    .map(|peer| (Seen::new(&format!(", {}", peer.program)), peer));
    let in_flight = CONNECTIONS / WORKERS;
    let line = format!(
        "http {url} --rate {RATE} --workers {WORKERS} --in-flight {in_flight} \
         --duration {window}s --warmup 1s"
    );
    options.rounds(|| {
        cargo_dyno(&line)?;
        let own = dyno.push(server)?;
        let mut best = f64::INFINITY;
        for (seen, peer) in &mut peers {
            if peer.run(&mut seen.p50)? {
                best = best.min(seen.push(server)?);
            }
        }
        if best.is_finite() {
            ratio.push(own / best);
        }
        anyhow::Ok(())
    })?;
    let seen = [dyno].into_iter().chain(peers.map(|(seen, _)| seen));
    Ok([ratio].into_iter().chain(seen.flat_map(|seen| [seen.p50, seen.p99, seen.share])).collect())
}

/// The figures of one side's arrivals.
struct Seen {
    p50: Figure,
    p99: Figure,
    share: Figure,
}

impl Seen {
    fn new(side: &str) -> Self {
        Self {
            p50: Figure::reported(format!("off the grid p50 at 1k/s{side}"), "µs"),
            p99: Figure::reported(format!("off the grid p99 at 1k/s{side}"), "µs"),
            share: Figure::reported(format!("rate of arrivals ÷ requested{side}"), "×"),
        }
    }

    /// Adds the requests that the server stamped; returns the median distance from the grid, in
    /// microseconds.
    fn push(&mut self, server: &Stamps) -> Result<f64> {
        let arrived = Arrived::of(&server.take(), f64::from(RATE))?;
        self.p50.push(arrived.off_p50 / 1e3);
        self.p99.push(arrived.off_p99 / 1e3);
        self.share.push(arrived.share);
        Ok(arrived.off_p50 / 1e3)
    }
}

/// Measures requests per second.
fn closed(options: &Options, server: &Stamps) -> Result<Vec<Figure>> {
    let (window, url) = (options.window().as_secs(), server.url());
    let mut ratio = Figure::new("closed loop ÷ oha", "×", Goal::AtLeast(0.8));
    let mut dyno = Figure::reported("closed loop", "/s");
    let mut peers = [
        Peer::new("oha", format!("--no-tui -c {CONNECTIONS} -z {window}s {url}")),
        Peer::new("wrk", format!("-t {WORKERS} -c {CONNECTIONS} -d {window}s {url}")),
    ]
    .map(|peer| (Figure::reported(format!("closed loop, {}", peer.program), "/s"), peer));
    let in_flight = CONNECTIONS / WORKERS;
    let line = format!(
        "http {url} --rate max --workers {WORKERS} --in-flight {in_flight} --duration {window}s \
         --warmup 1s"
    );
    options.rounds(|| {
        let own = cargo_dyno(&line)?.rate.delivered;
        server.take();
        dyno.push(own);
        for (place, (figure, peer)) in peers.iter_mut().enumerate() {
            let start = clock::now();
            if peer.run(figure)? {
                let theirs = server.take().len() as f64 / (clock::now() - start).as_secs_f64();
                figure.push(theirs);
                if place == 0 {
                    ratio.push(own / theirs);
                }
            }
        }
        anyhow::Ok(())
    })?;
    Ok([ratio, dyno].into_iter().chain(peers.map(|(figure, _)| figure)).collect())
}

/// Another program that sends requests.
struct Peer {
    program: &'static str,
    line: String,
}

impl Peer {
    fn new(program: &'static str, line: String) -> Self {
        Self { program, line }
    }

    /// Runs it to its end; returns `false`, with a note at `figure`, if it is not installed.
    fn run(&self, figure: &mut Figure) -> Result<bool> {
        let mut command = Command::new(self.program);
        command.args(self.line.split_whitespace()).stdin(Stdio::null());
        match command.output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "`{}` failed: {}", self.program, said.trim());
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                figure.note(format!("missing: `{}` is not installed", self.program));
                Ok(false)
            }
            Err(error) => Err(error).with_context(|| format!("`{}` did not start", self.program)),
        }
    }
}
