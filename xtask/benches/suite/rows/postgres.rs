//! S15: Postgres, beside pgbench with the same prepared query on the same server.

use std::process::Stdio;

use anyhow::{Context, Result};
use dyno::summary::Study;

use crate::child::{Child, Run};
use crate::figure::Figure;
use crate::options::Options;
use crate::peers::postgres_server::Postgres;
use crate::tasks::TaskName;

const RATE: u32 = 1_000;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut ratio = Figure::reported("closed loop ÷ pgbench", "×");
    let Some(server) = Postgres::start()? else {
        ratio.note("missing: Postgres or `pgbench` is not installed");
        return Ok(vec![ratio]);
    };
    let mut dyno = Figure::reported("closed loop", "/s");
    let mut theirs = Figure::reported("closed loop, pgbench", "/s");
    let mut capacity = Figure::reported("capacity found by a search ÷ pgbench's closed loop", "×");
    let mut response = Figure::reported("response at 1k/s, mean", "µs");
    let mut latency = Figure::reported("latency at 1k/s, mean, pgbench", "µs");
    let mut wait = Figure::reported("wait at 1k/s, mean", "µs");
    let mut lag = Figure::reported("lag at 1k/s, mean, pgbench", "µs");
    let run = |asked: Option<f64>| {
        let mut run = Run::of(TaskName::Postgres, asked, options.window());
        run.url = Some(server.url());
        // pgbench's rate has Poisson arrivals, which wait for each other now and then.
        run.poisson = asked.is_some();
        run
    };
    let (window, rate) = (options.window().as_secs().to_string(), RATE.to_string());
    let closed = ["-c", "2", "-j", "2", "-T", &window];
    let paced = [&closed[..], &["-R", &rate]].concat();
    options.rounds(|| {
        let ran = run(None).run()?;
        ran.reservation().into_iter().for_each(|note| ratio.note(note));
        let printed = server.read(&closed)?.context("`pgbench` is gone")?;
        dyno.push(ran.summary.rate.delivered);
        theirs.push(printed.rate);
        ratio.push(ran.summary.rate.delivered / printed.rate);
        let found = search(&server)?;
        let after = server.read(&closed)?.context("`pgbench` is gone")?;
        // A search takes a minute, and meanwhile the machine's speed changes.
        capacity.push(found / (printed.rate * after.rate).sqrt());
        let ran = run(Some(f64::from(RATE))).run()?;
        ran.reservation().into_iter().for_each(|note| response.note(note));
        for (figure, name) in [(&mut response, "response"), (&mut wait, "wait")] {
            figure.push(ran.metric(name)?.mean / 1e3);
        }
        let printed = server.read(&paced)?.context("`pgbench` is gone")?;
        latency.push(printed.latency_ms * 1e3);
        lag.push(printed.lag_ms.context("pgbench printed no lag")? * 1e3);
        anyhow::Ok(())
    })?;
    Ok(vec![ratio, dyno, theirs, capacity, response, latency, wait, lag])
}

/// Searches the highest rate that two connections sustain with one query in flight each, as
/// pgbench has them, in queries per second.
fn search(server: &Postgres) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let output = Child::Shown(TaskName::Postgres)
        .command()?
        .args(["--rate", "search", "--workers", "2", "--in-flight", "1"])
        .args(["--format", "json", "-P", &format!("url={}", server.url())])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let study: Study = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the search ended with {}: {}", output.status, said.trim()))?;
    Ok(study.search.context("the study is not a search")?.estimate)
}
