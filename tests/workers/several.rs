//! Breaks the order of declarations on request: two benchmarks in one program.
//!
//! Without the variable `SEVERAL`, `first` and `second` are declared, then run in turn. With
//! `late`, `second` is declared only after `first` has run, so that its workers don't reach it.
//! With `inside`, a benchmark runs inside an event loop; with `thread`, in another thread. With
//! `twice`, another task is declared as `first` too; with `again`, `first` is declared again for a
//! second run. With `mains`, both read the command line; with
//! `late-mains`, `second` is declared too late for that.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what ran is told to the test")]

use std::process::ExitCode;
use std::time::Duration;

fn first() -> dyno::Bench {
    dyno::bench("first", || 1).rate(200.0).warmup(Duration::ZERO).duration(SHORT).workers(1)
}

fn second() -> dyno::Bench {
    dyno::bench("second", async || 2).rate(200.0).warmup(Duration::ZERO).duration(SHORT).workers(1)
}

const SHORT: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    match std::env::var("SEVERAL").as_deref() {
        Ok("late") => {
            say(first().run());
            say(second().run());
        }
        Ok("twice") => {
            let (first, other) = (first(), dyno::bench("first", || 2));
            say(first.run());
            say(other.run());
        }
        Ok("again") => {
            say(first().run());
            say(first().run());
        }
        Ok("mains") => {
            let (first, second) = (first(), second());
            let _verdict = first.main();
            return second.main().exit_code().into();
        }
        Ok("late-mains") => {
            let _verdict = first().main();
            return second().main().exit_code().into();
        }
        Ok("inside") => {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(async { say(first().run()) });
        }
        Ok("thread") => {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let run = async { std::thread::spawn(|| first().run()).join().expect("no panic") };
            say(runtime.expect("a runtime").block_on(run));
        }
        _ => {
            let (first, second) = (first(), second());
            say(first.run());
            say(second.run());
        }
    }
    ExitCode::SUCCESS
}

fn say(result: Result<dyno::Summary, dyno::RunError>) {
    match result {
        Ok(summary) => {
            println!("{}: {} {:?}", summary.benchmark, summary.verdict, summary.reasons);
        }
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(2);
        }
    }
}
