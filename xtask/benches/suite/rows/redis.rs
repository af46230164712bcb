//! S7: the share of a real client's speed that the harness leaves.

use std::time::Duration;

use anyhow::Result;

use crate::child::Run;
use crate::figure::{Figure, Goal};
use crate::options::Options;
use crate::peers::redis_loop::{self, Load};
use crate::peers::redis_server::Server;
use crate::tasks::TaskName;

const CONNECTIONS: u32 = 2;
/// The time that each side runs before it is the other's turn. On two cores, clients and server get
/// faster or slower by a third from one second to the next, with either side. So the two take turns
/// many times a round; otherwise a round would measure the moment rather than the sides.
const TURN: Duration = Duration::from_secs(1);
const TURN_WARMUP: Duration = Duration::from_millis(300);

pub(crate) fn measure(options: &Options) -> Result<Vec<Figure>> {
    let mut ratio = Figure::new("dyno ÷ bare loop", "×", Goal::AtLeast(0.95));
    let mut dyno = Figure::reported("dyno", "/s");
    let mut bare = Figure::reported("bare loop", "/s");
    let mut theirs = Figure::reported("redis-benchmark -c 2", "/s");
    let Some(server) = Server::start()? else {
        ratio.note("missing: `redis-server` is not installed");
        return Ok(vec![ratio]);
    };
    let mut run = Run::of(TaskName::Redis, None, TURN);
    run.warmup = TURN_WARMUP;
    run.workers = CONNECTIONS;
    run.url = Some(server.url());
    let load = Load { url: server.url(), window: run.window, warmup: run.warmup };
    // The number of turns for each side: together twice the window of the other rows.
    let turns = options.window().as_secs() * 2 / TURN.as_secs();
    options.rounds(|| {
        let (mut delivered, mut alone) = (0.0, 0.0);
        for turn in 0..turns {
            // The sides take turns at being first, because the second may find the machine warmer.
            let dyno_first = turn % 2 == 0;
            if !dyno_first {
                alone += redis_loop::rate(&load, CONNECTIONS)?;
            }
            let ran = run.run()?;
            delivered += ran.summary.rate.delivered;
            ran.reservation().into_iter().for_each(|note| ratio.note(note));
            if dyno_first {
                alone += redis_loop::rate(&load, CONNECTIONS)?;
            }
        }
        ratio.push(delivered / alone);
        dyno.push(delivered / turns as f64);
        bare.push(alone / turns as f64);
        // About as long as a round of the other rows.
        let commands = (alone / turns as f64 * options.window().as_secs_f64()) as u64;
        match server.benchmark(CONNECTIONS, commands)? {
            Some(rate) => theirs.push(rate),
            None => theirs.note("missing: `redis-benchmark` is not installed"),
        }
        anyhow::Ok(())
    })?;
    Ok(vec![ratio, dyno, bare, theirs])
}
