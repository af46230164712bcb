//! The thread that draws: whatever a terminal does to it, the run goes on.
//!
//! It takes from a [`Queue`], calls the user's `on_tick`, and owns the view. When the run is over
//! it is waited for, but not for long: a terminal that is stopped (Ctrl-S) may never take another
//! byte. Dropped without an end, as by a panic, the view is taken away all the same.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use dyno_observer::List;

use super::OnTick;
use super::error::ReportError;
use super::live::Live;
use super::plain::Plain;
use super::queue::{End, Queue, Taken};
use super::say;
use crate::primary::run::{Tick, Update};

/// How long lines wait where no tick comes: before the first cycle, and while the run drains.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long the end of a run waits for the last of it to be drawn.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where a run is shown.
#[derive(Debug)]
pub(super) enum View {
    /// On a terminal.
    Live(Live),
    /// In lines on stderr.
    Plain(Plain<io::Stderr>),
    /// Nowhere.
    Silent,
}

/// A thread that shows a run.
#[derive(Debug)]
pub(super) struct Screen {
    queue: Arc<Queue>,
    /// Closed by the thread when it ends.
    closed: Receiver<()>,
}

impl Screen {
    /// Starts the thread.
    pub(super) fn start(view: View, on_tick: Option<OnTick>) -> Result<Self, ReportError> {
        let queue = Arc::new(Queue::default());
        let (open, closed) = sync_channel(0);
        let drawing = Drawing { view, on_tick };
        let taking = Arc::clone(&queue);
        let body = move || {
            drawing.run(&taking);
            drop(open);
        };
        thread::Builder::new()
            .name("dyno-report".to_owned())
            .spawn(body)
            .map_err(|source| ReportError::Thread { source })?;
        Ok(Self { queue, closed })
    }

    /// Hands over an update.
    pub(super) fn push(&self, update: Update) {
        self.queue.push(update);
    }

    /// Hands over how the processes stood at the end, and waits until it is drawn, if the
    /// terminal takes it.
    pub(super) fn finish(self, list: List) {
        self.queue.end(End::Over(Box::new(list)));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Only the first end counts.
        self.queue.end(End::GivenUp);
        match self.closed.recv_timeout(FAREWELL) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

/// What the thread owns.
struct Drawing {
    view: View,
    on_tick: Option<OnTick>,
}

impl Drawing {
    fn run(mut self, queue: &Queue) {
        loop {
            let Taken { updates, dropped, tick, end } = queue.take(PATIENCE);
            let mut updates = Vec::from(updates);
            if dropped > 0 {
                updates.push(Update::Warning(say::dropped(dropped)));
            }
            let own = tick.as_ref().and_then(|tick| self.ask(&tick.list, &mut updates));
            self.show(&updates, tick.as_deref(), own);
            match end {
                None => {}
                Some(End::GivenUp) => return,
                Some(End::Over(list)) => {
                    let mut updates = Vec::new();
                    let own = self.ask(&list, &mut updates);
                    self.show(&updates, None, None);
                    return self.close(own);
                }
            }
        }
    }

    /// Asks the user's `on_tick`. One that panics is not asked again.
    fn ask(&mut self, list: &List, updates: &mut Vec<Update>) -> Option<String> {
        let on_tick = self.on_tick.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| on_tick(list))) {
            Ok(own) => own,
            Err(panic) => {
                self.on_tick = None;
                let cause = message(&*panic);
                updates.push(Update::Fault(format!("`on_tick` panicked, and is off: {cause}")));
                None
            }
        }
    }

    fn show(&mut self, updates: &[Update], tick: Option<&Tick>, own: Option<String>) {
        match &mut self.view {
            View::Live(live) => live.show(updates, tick, own),
            View::Plain(plain) => plain.show(updates, tick),
            View::Silent => {}
        }
    }

    fn close(self, own: Option<String>) {
        match self.view {
            View::Live(live) => live.close(own),
            View::Plain(mut plain) => plain.close(own),
            View::Silent => {}
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests;
