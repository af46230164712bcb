//! Breaks nothing: a task whose duration is set by `-P us=…`, and its way of spending it by
//! `-P how=…`.
//!
//! Each worker prints `first cycle` on standard output when that cycle begins, so that a test can
//! wait for it.

#![expect(clippy::print_stdout, reason = "what a worker prints is part of what is tested")]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use dyno_bus::clock;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot::{Sender, channel};

/// The way a cycle spends its time.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// It returns at once.
    Nothing,
    /// It sleeps, so that other cycles go on.
    Sleep,
    /// It sleeps in a spawned task, which holds a value that can't leave the loop's thread.
    SleepInTask,
    /// It is busy, so that no other cycle goes on.
    Spin,
    /// It is busy, and then waits for another task's answer. The metric `late` records the number
    /// of cycles that begin until a timer of a millisecond fires.
    Ask,
    /// The first cycle of each worker is busy; the others return at once.
    SpinOnce,
    /// The cycle with the index `at` is busy; the others return at once.
    SpinAt,
    /// It fails unless the variable `GREETING` is `hello`.
    Variable,
}

#[derive(Serialize, Deserialize)]
struct Parameters {
    how: How,
    /// The time that a cycle spends, in microseconds.
    us: u64,
    /// The index of the busy cycle; programs that name another worker leave it out.
    #[serde(default)]
    at: u64,
}

struct Behaves {
    first: Cell<bool>,
    begun: Rc<Cell<u64>>,
    asked: UnboundedSender<Sender<()>>,
}

impl dyno::Task for Behaves {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let begun = Rc::new(Cell::new(0));
        let (asked, questions) = unbounded_channel();
        if context.parameters::<Parameters>().how == How::Ask {
            tokio::spawn(answer(questions));
            tokio::task::spawn_local(count_late(Rc::clone(&begun)));
        }
        Ok(Self { first: Cell::new(true), begun, asked })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        let parameters = cycle.parameters::<Parameters>();
        let span = Duration::from_micros(parameters.us);
        self.begun.update(|begun| begun + 1);
        let first = self.first.replace(false);
        if first {
            println!("first cycle");
        }
        match parameters.how {
            How::Nothing => {}
            How::Variable if std::env::var("GREETING").is_ok_and(|text| text == "hello") => {}
            How::Variable => return Err("no greeting".into()),
            How::Sleep => tokio::time::sleep(span).await,
            How::SleepInTask => {
                let slept = Rc::new(Cell::new(false));
                let inner = Rc::clone(&slept);
                let task = tokio::task::spawn_local(async move {
                    tokio::time::sleep(span).await;
                    inner.set(true);
                });
                task.await?;
                assert!(slept.get(), "the task ran to its end");
            }
            How::Ask => {
                spin(span);
                let (sender, answer) = channel();
                self.asked.send(sender)?;
                answer.await?;
            }
            How::SpinOnce if !first => {}
            How::SpinAt if cycle.index() != parameters.at => {}
            How::Spin | How::SpinOnce | How::SpinAt => spin(span),
        }
        Ok(())
    }
}

async fn answer(mut questions: UnboundedReceiver<Sender<()>>) {
    while let Some(asker) = questions.recv().await {
        // A cycle that is gone needs no answer.
        let _heard = asker.send(());
    }
}

async fn count_late(begun: Rc<Cell<u64>>) {
    loop {
        let before = begun.get();
        tokio::time::sleep(Duration::from_millis(1)).await;
        dyno::histogram("late").record(begun.get() - before);
    }
}

fn spin(span: Duration) {
    let end = clock::now() + span;
    while clock::now() < end {
        std::hint::spin_loop();
    }
}

fn main() -> dyno::Outcome {
    dyno::bench("behaves", dyno::task::<Behaves>())
        .parameters(Parameters { how: How::Nothing, us: 0, at: 0 })
        .rate(200.0)
        .main()
}
