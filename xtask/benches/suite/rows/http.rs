//! S14: `cargo dyno http` beside oha and h2load at the same rate, and beside oha and wrk in the
//! closed loop, on a server that stamps each request.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use dyno_bus::clock;

use super::arrivals::off_grid;
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

/// Measures how evenly requests arrive.
fn arrivals(options: &Options, server: &Stamps) -> Result<Vec<Figure>> {
    let rate = f64::from(RATE);
    let (window, url) = (options.window().as_secs(), server.url());
    let mut ratio = Figure::new("off the grid p50 ÷ the better peer", "×", Goal::AtMost(1.0));
    let mut dyno = Figure::reported("off the grid p50 at 1k/s", "µs");
    let each = RATE / CONNECTIONS;
    let mut peers = [
        Peer::new(
            "off the grid p50 at 1k/s, oha",
            "µs",
            "oha",
            format!("--no-tui --latency-correction -q {RATE} -c {CONNECTIONS} -z {window}s {url}"),
        ),
        Peer::new(
            "off the grid p50 at 1k/s, h2load",
            "µs",
            "h2load",
            format!("--h1 -t {WORKERS} -c {CONNECTIONS} --rps {each} -D {window} {url}"),
        ),
    ];
    let in_flight = CONNECTIONS / WORKERS;
    let line = format!(
        "http {url} --rate {RATE} --workers {WORKERS} --in-flight {in_flight} \
         --duration {window}s --warmup 1s"
    );
    options.rounds(|| {
        cargo_dyno(&line)?;
        let own = off_grid(&server.take(), rate).context("nothing arrived")? / 1e3;
        dyno.push(own);
        let mut best = f64::INFINITY;
        for peer in &mut peers {
            if peer.run()? {
                let theirs = off_grid(&server.take(), rate).context("nothing arrived")? / 1e3;
                peer.figure.push(theirs);
                best = best.min(theirs);
            }
        }
        if best.is_finite() {
            ratio.push(own / best);
        }
        anyhow::Ok(())
    })?;
    Ok([ratio, dyno].into_iter().chain(peers.map(|peer| peer.figure)).collect())
}

/// Measures requests per second.
fn closed(options: &Options, server: &Stamps) -> Result<Vec<Figure>> {
    let (window, url) = (options.window().as_secs(), server.url());
    let mut ratio = Figure::new("closed loop ÷ oha", "×", Goal::AtLeast(0.8));
    let mut dyno = Figure::reported("closed loop", "/s");
    let mut peers = [
        Peer::new(
            "closed loop, oha",
            "/s",
            "oha",
            format!("--no-tui -c {CONNECTIONS} -z {window}s {url}"),
        ),
        Peer::new(
            "closed loop, wrk",
            "/s",
            "wrk",
            format!("-t {WORKERS} -c {CONNECTIONS} -d {window}s {url}"),
        ),
    ];
    let in_flight = CONNECTIONS / WORKERS;
    let line = format!(
        "http {url} --rate max --workers {WORKERS} --in-flight {in_flight} --duration {window}s \
         --warmup 1s"
    );
    options.rounds(|| {
        let own = cargo_dyno(&line)?.rate.delivered;
        server.take();
        dyno.push(own);
        for (place, peer) in peers.iter_mut().enumerate() {
            let start = clock::now();
            if peer.run()? {
                let theirs = server.take().len() as f64 / (clock::now() - start).as_secs_f64();
                peer.figure.push(theirs);
                if place == 0 {
                    ratio.push(own / theirs);
                }
            }
        }
        anyhow::Ok(())
    })?;
    Ok([ratio, dyno].into_iter().chain(peers.map(|peer| peer.figure)).collect())
}

/// Another program that sends requests.
struct Peer {
    figure: Figure,
    program: &'static str,
    line: String,
}

impl Peer {
    fn new(name: &str, unit: &'static str, program: &'static str, line: String) -> Self {
        Self { figure: Figure::reported(name, unit), program, line }
    }

    /// Runs it to its end; returns `false`, with a note, if it is not installed.
    fn run(&mut self) -> Result<bool> {
        let mut command = Command::new(self.program);
        command.args(self.line.split_whitespace()).stdin(Stdio::null());
        match command.output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "`{}` failed: {}", self.program, said.trim());
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.figure.note(format!("missing: `{}` is not installed", self.program));
                Ok(false)
            }
            Err(error) => Err(error).with_context(|| format!("`{}` did not start", self.program)),
        }
    }
}
