//! What the suite is asked for.

use std::time::Duration;

/// The speed of dyno beside its peers'.
#[derive(Debug, clap::Parser)]
#[command(bin_name = "cargo xtask bench")]
pub(crate) struct Options {
    /// The rows to measure, such as S1: all unless named
    rows: Vec<String>,
    /// How often each thing is measured, in turn with what it is compared to
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Windows of 2 s instead of 10 s, to see that it works rather than how fast
    #[arg(long)]
    quick: bool,
    /// Where a row asks for ten minutes, take them
    #[arg(long)]
    pub(crate) long: bool,
    /// cargo's own
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Whether a row is to be measured.
    pub(crate) fn asks_for(&self, id: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row.eq_ignore_ascii_case(id))
    }

    /// How long each thing is measured.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 10 })
    }

    /// Calls it once for each round.
    pub(crate) fn rounds<E>(&self, mut round: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        (0..self.rounds.max(1)).try_for_each(|_| round())
    }

    /// How this run differs from one whose figures count; empty if it doesn't.
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
