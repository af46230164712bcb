//! S7: what the harness takes from a real client.

use anyhow::Result;

use crate::child::Run;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::peers::redis_loop::{self, Load};
use crate::peers::redis_server::Server;
use crate::tasks::TaskName;

const CONNECTIONS: u32 = 2;

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut ratio = Figure::new("dyno ÷ bare loop", "×", Goal::AtLeast(0.95));
    let mut dyno = Figure::reported("dyno", "/s");
    let mut bare = Figure::reported("bare loop", "/s");
    let mut theirs = Figure::reported("redis-benchmark -c 2", "/s");
    let Some(server) = Server::start()? else {
        ratio.note("missing: `redis-server` is not installed");
        return Ok(vec![ratio]);
    };
    let mut run = Run::of(TaskName::Redis, None, options.window());
    run.workers = CONNECTIONS;
    run.url = Some(server.url());
    let load = Load { url: server.url(), window: run.window, warmup: run.warmup };
    options.rounds(|| {
        let ran = run.run()?;
        let alone = redis_loop::rate(&load, CONNECTIONS)?;
        dyno.push(ran.summary.rate.delivered);
        bare.push(alone);
        ratio.push(ran.summary.rate.delivered / alone);
        ran.reservation().into_iter().for_each(|note| ratio.note(note));
        // About as long as the others.
        let commands = (alone * options.window().as_secs_f64()) as u64;
        match server.benchmark(CONNECTIONS, commands)? {
            Some(rate) => theirs.push(rate),
            None => theirs.note("missing: `redis-benchmark` is not installed"),
        }
        anyhow::Ok(())
    })?;
    Ok(vec![ratio, dyno, bare, theirs])
}
