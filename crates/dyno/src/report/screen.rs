//! The thread that draws: whatever a terminal does to it, the run goes on.
//!
//! It takes from a [`UpdateQueue`], calls the user's `on_tick`, and owns the view. When the run is over
//! it is waited for, but not for long: a terminal that is stopped (Ctrl-S) may never take another
//! byte. What goes to that same terminal next waits for it all the same: it would be stopped too,
//! and then be mixed with the view. Dropped without an end, as by a panic, the view is taken away.

use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use dyno_observer::List;
use nix::sys::stat::fstat;

use super::OnTick;
use super::error::ReportError;
use super::live::Live;
use super::plain::Plain;
use super::queue::{ShowEnd, TakenUpdates, UpdateQueue};
use super::say;
use crate::primary::run::{Tick, Update};
use crate::task;

/// How long lines wait where no tick comes: before the first cycle, and while the run drains. Longer
/// than from tick to tick of a live view, where it would wake the thread for nothing.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long the end of a run waits for the last of it to be drawn.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where a run is shown.
#[derive(Debug)]
pub(super) enum View {
    /// On a terminal.
    Live(Live),
    /// In lines on stderr.
    Plain(Plain<io::Stderr>),
}

/// A thread that shows a run.
#[derive(Debug)]
pub(super) struct Screen {
    queue: Arc<UpdateQueue>,
    /// Closed by the thread when it ends.
    closed: Receiver<()>,
    /// Whether it is writing just now, or waits for the terminal to take it.
    writing: Arc<AtomicBool>,
    /// Whether it has been waited for.
    waited: bool,
}

impl Screen {
    /// Starts the thread.
    pub(super) fn start(view: View, on_tick: Option<OnTick>) -> Result<Self, ReportError> {
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
    pub(super) fn push(&self, update: Update) {
        self.queue.push(update);
    }

    /// Hands over how the processes stood at the end, and waits until it is drawn, if the
    /// terminal takes it.
    pub(super) fn finish(&mut self, list: List) {
        self.queue.end(ShowEnd::Over(Box::new(list)));
        self.wait();
    }

    /// Waits until standard output can be written to without being mixed with the view: for as
    /// long as the terminal is stopped, if it goes there.
    pub(super) fn clear_for_stdout(&self) {
        if self.writing.load(Ordering::Acquire) && is_one_terminal() {
            // Nothing is ever sent: it is closed once the thread has drawn its last.
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

/// Whether standard output and standard error are the same terminal.
fn is_one_terminal() -> bool {
    let device = |stat: nix::Result<nix::sys::stat::FileStat>| stat.map(|stat| stat.st_rdev).ok();
    let (out, err) = (device(fstat(io::stdout())), device(fstat(io::stderr())));
    io::stdout().is_terminal() && io::stderr().is_terminal() && out == err
}

/// What the thread owns.
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
            if dropped > 0 {
                updates.push(Update::Warning(say::dropped(dropped)));
            }
            let own = tick.as_ref().and_then(|tick| self.ask(&tick.list, &mut updates));
            self.show(&updates, tick.as_deref(), own);
            match end {
                None => {}
                Some(ShowEnd::GivenUp) => return,
                Some(ShowEnd::Over(list)) => {
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
                // The panic's own message stands below the view by now.
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
        // To the end of the thread.
        self.writing.store(true, Ordering::Release);
        match self.view {
            View::Live(live) => live.close(own),
            View::Plain(mut plain) => plain.close(own),
        }
    }
}

#[cfg(test)]
mod tests;
