//! The thread that draws. The run goes on even if the terminal blocks or is gone.
//!
//! The thread takes updates from an [`UpdateQueue`], calls the user's `on_tick`, and owns the view.
//! When the run is over, its end is awaited, but not for long: a terminal that is stopped (Ctrl-S)
//! may never accept another byte. Output that goes to that same terminal next waits for the thread
//! all the same: it would be stopped too, and then be mixed with the view. If [`Screen`] is dropped
//! without an end, as by a panic, the view is removed.

use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use dyno_observer::List;
use nix::sys::stat::fstat;

use super::plain::Plain;
use super::queue::{ShowEnd, TakenUpdates, UpdateQueue};
use super::{Live, notices};
use crate::primary::run::{OnTick, Tick, Update};
use crate::report::error::ReportError;
use crate::report::formats::printable::printable;
use crate::result::redact;
use crate::task;

/// The longest time that lines wait if no tick comes: before the first cycle, and while the run
/// drains. It is longer than the time between two ticks of a live view, so that it does not wake
/// the thread for nothing.
const PATIENCE: Duration = Duration::from_millis(300);
/// The longest time that the end of a run waits for its last drawing.
const FAREWELL: Duration = Duration::from_secs(1);

/// The view that shows a run.
#[derive(Debug)]
pub(crate) enum View {
    /// The live view, on a terminal.
    Live(Live),
    /// Lines on stderr, without a terminal or for faults alone.
    Plain(Plain<io::Stderr>),
}

/// The thread that shows a run, and the queue to it.
#[derive(Debug)]
pub(crate) struct Screen {
    queue: Arc<UpdateQueue>,
    /// Closed by the thread when it ends.
    closed: Receiver<()>,
    /// `true` while the thread writes, or waits for the terminal to accept its output.
    writing: Arc<AtomicBool>,
    /// `true` once the end of the thread was awaited, even without success.
    waited: bool,
}

impl Screen {
    /// Starts the thread.
    pub(crate) fn start(view: View, on_tick: Option<OnTick>) -> Result<Self, ReportError> {
        let queue = Arc::new(UpdateQueue::default());
        let (open, closed) = sync_channel(0);
        let writing = Arc::<AtomicBool>::default();
        let drawing = ScreenThread { view, on_tick, writing: Arc::clone(&writing) };
        let taking = Arc::clone(&queue);
        let body = move || {
            drawing.run(&taking);
            drop(open);
        };
        thread::Builder::new()
            .name("dyno-report".to_owned())
            .spawn(body)
            .map_err(|source| ReportError::Thread { source })?;
        Ok(Self { queue, closed, writing, waited: false })
    }

    /// Hands over an update.
    pub(crate) fn push(&self, update: Update) {
        self.queue.push(update);
    }

    /// Hands over the final state of the processes, and waits until it is drawn, if the terminal
    /// accepts it.
    pub(crate) fn finish(&mut self, list: List) {
        self.queue.end(ShowEnd::Over(Box::new(list)));
        self.wait();
    }

    /// Waits until standard output can be written to without being mixed with the view. If it goes
    /// to the view's terminal, this takes for as long as that terminal is stopped.
    pub(crate) fn clear_for_stdout(&self) {
        if self.writing.load(Ordering::Acquire) && is_one_terminal() {
            // Nothing is ever sent: the channel is closed after the thread's last drawing.
            let _closed = self.closed.recv();
        }
    }

    fn wait(&mut self) {
        if !self.waited {
            self.waited = true;
            match self.closed.recv_timeout(FAREWELL) {
                Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Only the first end counts.
        self.queue.end(ShowEnd::GivenUp);
        self.wait();
    }
}

/// Returns `true` if standard output and standard error are the same terminal.
fn is_one_terminal() -> bool {
    let device = |stat: nix::Result<nix::sys::stat::FileStat>| stat.map(|stat| stat.st_rdev).ok();
    let (out, err) = (device(fstat(io::stdout())), device(fstat(io::stderr())));
    io::stdout().is_terminal() && io::stderr().is_terminal() && out == err
}

/// The values that the thread owns.
struct ScreenThread {
    view: View,
    on_tick: Option<OnTick>,
    writing: Arc<AtomicBool>,
}

impl ScreenThread {
    fn run(mut self, queue: &UpdateQueue) {
        loop {
            let TakenUpdates { updates, dropped, tick, end } = queue.take(PATIENCE);
            let mut updates = Vec::from(updates);
            // A warning takes the place of the lines that the queue dropped.
            if dropped > 0 {
                updates.push(Update::Warning(notices::dropped(dropped)));
            }
            let own = tick.as_ref().and_then(|tick| self.ask(&tick.list, &mut updates));
            self.show(&updates, tick.as_deref(), own);
            match end {
                None => {}
                Some(ShowEnd::GivenUp) => return,
                // `on_tick` is called once more, with the final list. If it panics, the fault is
                // shown before the view closes.
                Some(ShowEnd::Over(list)) => {
                    let mut updates = Vec::new();
                    let own = self.ask(&list, &mut updates);
                    self.show(&updates, None, None);
                    return self.close(own);
                }
            }
        }
    }

    /// Calls the user's `on_tick`, and cleans its text like any other text of the user's. If it
    /// panics, it is not called again.
    fn ask(&mut self, list: &List, updates: &mut Vec<Update>) -> Option<String> {
        let on_tick = self.on_tick.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| on_tick(list))) {
            Ok(own) => own.map(|own| printable(&redact::text(own.trim_end()))),
            Err(panic) => {
                self.on_tick = None;
                // The panic's own message was printed below the view.
                if let View::Live(live) = &mut self.view {
                    live.leave();
                }
                let cause = task::text_of(&*panic);
                updates.push(Update::Fault(format!("`on_tick` panicked, and is off: {cause}")));
                task::discard(panic);
                None
            }
        }
    }

    fn show(&mut self, updates: &[Update], tick: Option<&Tick>, own: Option<String>) {
        self.writing.store(true, Ordering::Release);
        match &mut self.view {
            View::Live(live) => live.show(updates, tick, own),
            View::Plain(plain) => plain.show(updates, tick),
        }
        self.writing.store(false, Ordering::Release);
    }

    fn close(self, own: Option<String>) {
        // This stays `true` until the thread ends.
        self.writing.store(true, Ordering::Release);
        match self.view {
            View::Live(live) => live.close(own),
            View::Plain(mut plain) => plain.close(own),
        }
    }
}

#[cfg(test)]
mod tests;
