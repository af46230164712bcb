//! A bare loop around a Redis client: what a user would write without a harness.
//!
//! A process of its own for each connection, as dyno's workers are, with the same client, the same
//! runtime and the same command; it counts and measures nothing.

use std::time::Duration;

use anyhow::Result;
use dyno_bus::clock;
use serde::{Deserialize, Serialize};

use crate::child::Child;
use crate::tasks::{redis_command, redis_connection};

/// How many commands go between two looks at the clock.
const COMMANDS_PER_LOOK: u64 = 16;

/// What it does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) url: String,
    pub(crate) window: Duration,
    pub(crate) warmup: Duration,
}

/// Runs it in this process: commands per second.
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

/// Commands per second of several at once, each in a process of its own.
pub(crate) fn rate(load: &Load, processes: u32) -> Result<f64> {
    let running: Result<Vec<_>> =
        (0..processes).map(|_| Child::RedisLoop(load.clone()).start()).collect();
    running?.into_iter().map(|running| running.reply::<f64>()).sum()
}
