//! Breaks the view: its `on_tick` draws lines wider than most terminals, or panics.
//!
//! `DRAWS=panic` makes it panic at once, and `DRAWS=panic-later` after it has drawn something.

struct Draws;

impl dyno::Task for Draws {
    async fn before(_context: &dyno::Context) -> dyno::Result<Self> {
        Ok(Self)
    }

    async fn cycle(&self, _cycle: &dyno::Cycle) -> dyno::Result {
        Ok(())
    }
}

/// The number of ticks before it panics: enough for something to be drawn.
const TICKS: u32 = 3;

fn main() -> dyno::Outcome {
    let mut left = match std::env::var("DRAWS").as_deref() {
        Ok("panic") => 0,
        Ok("panic-later") => TICKS,
        _ => u32::MAX,
    };
    dyno::bench("draws", dyno::task::<Draws>())
        .rate(200.0)
        .on_tick(move |_| {
            assert!(left > 0, "told to panic");
            left -= 1;
            Some(format!("begin {} end\nsecond row\n", "wide ".repeat(20)))
        })
        .main()
}
