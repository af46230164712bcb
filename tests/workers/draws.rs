//! Breaks the view: its `on_tick` draws lines wider than most terminals, or panics.
//!
//! `DRAWS=panic` makes it panic at once, and `DRAWS=panic-later` after it has drawn something.
//! `DRAWS=exit-later` and `DRAWS=abort-later` end the process from within `on_tick` in its window,
//! once there is a file `go-on`.

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

/// Ends the process in this way, once there is a file for it.
fn end(way: &str) {
    if !std::path::Path::new("go-on").exists() {
        return;
    }
    match way {
        "exit-later" => std::process::exit(9),
        "abort-later" => std::process::abort(),
        _ => {}
    }
}

fn main() -> dyno::Outcome {
    let way = std::env::var("DRAWS").unwrap_or_default();
    let mut left = match &*way {
        "panic" => 0,
        "panic-later" => TICKS,
        _ => u32::MAX,
    };
    dyno::bench("draws", dyno::task::<Draws>())
        .rate(200.0)
        .on_tick(move |_| {
            end(&way);
            assert!(left > 0, "told to panic");
            left -= 1;
            Some(format!("begin {} end\nsecond row\n", "wide ".repeat(20)))
        })
        .main()
}
