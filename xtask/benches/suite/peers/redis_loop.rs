//! A bare loop around a Redis client, such as a user would write without a harness.
//!
//! Each connection has its process, as with dyno's workers, and the same client, runtime and
//! command. The loop only counts commands; it measures no durations.

use std::time::Duration;

use anyhow::Result;
use dyno_bus::clock;
use serde::{Deserialize, Serialize};

use crate::child::Child;
use crate::tasks::{redis_command, redis_connection};

/// The number of commands between two reads of the clock.
const COMMANDS_PER_LOOK: u64 = 16;

/// The server, and the times that the loop runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) url: String,
    pub(crate) window: Duration,
    pub(crate) warmup: Duration,
}

/// Runs the loop in this process, and returns the commands per second in the window.
pub(crate) fn run(load: &Load) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let connection = redis_connection(&load.url).await?;
        let mut rate = 0.0;
        for span in [load.warmup, load.window] {
            let start = clock::now();
            let mut commands = 0;
            while clock::now() - start < span {
                for _ in 0..COMMANDS_PER_LOOK {
                    redis_command(&connection).await?;
                }
                commands += COMMANDS_PER_LOOK;
            }
            rate = commands as f64 / (clock::now() - start).as_secs_f64();
        }
        Ok(rate)
    })
}

/// Returns the sum of the commands per second of several processes that run at once.
pub(crate) fn rate(load: &Load, processes: u32) -> Result<f64> {
    let running: Result<Vec<_>> =
        (0..processes).map(|_| Child::RedisLoop(load.clone()).start()).collect();
    running?.into_iter().map(|running| running.reply::<f64>()).sum()
}
