//! The command line of the suite.

use std::time::Duration;

/// The speed of dyno next to that of its peers.
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo xtask bench")]
pub(crate) struct Options {
    /// The rows to measure, such as S1: all unless named
    rows: Vec<String>,
    /// Number of times that each thing is measured, in turn with its peer
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Windows of 2 s instead of 10 s, to check that the suite works; such figures don't count
    #[arg(long)]
    quick: bool,
    /// Include the measurements that take ten minutes
    #[arg(long)]
    pub(crate) long: bool,
    /// The flag that `cargo bench` passes to each program
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Returns `true` if a row is to be measured.
    pub(crate) fn asks_for(&self, id: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row.eq_ignore_ascii_case(id))
    }

    /// Returns the length of a measured window.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 10 })
    }

    /// Calls `round` once for each round; stops at the first error.
    pub(crate) fn rounds<E>(&self, mut round: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        (0..self.rounds.max(1)).try_for_each(|_| round())
    }

    /// Returns the reasons why this run's figures don't count; empty if they do.
    pub(crate) fn reservations(&self) -> Vec<String> {
        let mut reservations = Vec::new();
        if self.quick {
            reservations.push("windows of 2 s".to_owned());
        }
        if self.rounds < 5 {
            reservations.push(format!("rounds: {}", self.rounds));
        }
        reservations
    }
}
