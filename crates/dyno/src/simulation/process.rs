//! The state of a simulated process, as the primary's system knows it: its wire, its output, its
//! end. Each event is reported once, as a real system reports it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use nix::sys::signal::Signal;

use super::chance::Chance;
use super::lies::{Liar, Lie};
use super::wire::WireState;
use crate::primary::run::Stream;
use crate::primary::{Exit, WorkerSource};

/// The most lines that one read of an output stream returns.
const LINES_PER_READ: usize = 2;

/// The state of one worker's process.
#[derive(Debug)]
pub(super) struct ProcessState {
    lie: Lie,
    /// Set once its worker has sent a lie.
    pub(super) lied: Rc<Cell<bool>>,
    /// The primary's end of its wire, once it is started.
    wire: RefCell<Option<Rc<WireState>>>,
    /// Set while there are bytes from it, or the end of them, that were not reported.
    pub(super) has_written: Cell<bool>,
    /// Set while there is room for it to be written to that was not reported.
    pub(super) has_read: Cell<bool>,
    watches_room: Cell<bool>,
    output: RefCell<[Output; 2]>,
    /// The end of the process, and `true` while it was not reported.
    exit: Cell<Option<(Exit, bool)>>,
    /// Set if it has been killed since the last look.
    pub(super) is_killed: Cell<bool>,
    /// Set while it is stopped.
    pub(super) is_stopped: Cell<bool>,
}

/// An output stream of a process.
#[derive(Debug, Default)]
struct Output {
    /// The lines that nobody has read.
    lines: VecDeque<String>,
    /// Set while there are lines that were not reported.
    is_new: bool,
    /// All lines that were ever written.
    written: Vec<String>,
}

impl ProcessState {
    pub(super) fn new(lie: Lie) -> Self {
        Self {
            lie,
            lied: Rc::default(),
            wire: RefCell::default(),
            has_written: Cell::default(),
            has_read: Cell::default(),
            watches_room: Cell::default(),
            output: RefCell::default(),
            exit: Cell::default(),
            is_killed: Cell::default(),
            is_stopped: Cell::default(),
        }
    }

    /// Returns the liar of its worker, if it is not honest.
    pub(super) fn liar(&self) -> Option<Liar> {
        (self.lie != Lie::None).then(|| Liar::new(self.lie, Rc::clone(&self.lied)))
    }

    /// Notes that it is started; `wire` is the primary's end.
    pub(super) fn begin(&self, wire: &Rc<WireState>) {
        *self.wire.borrow_mut() = Some(Rc::clone(wire));
    }

    /// Returns the primary's end of its wire, once it is started.
    pub(super) fn wire(&self) -> Option<Rc<WireState>> {
        self.wire.borrow().clone()
    }

    /// Returns the sources that have something new to read. More bytes of its wire arrive.
    pub(super) fn ready(&self, chance: &mut Chance) -> impl Iterator<Item = WorkerSource> + use<> {
        let mut found = [None; 4];
        if let Some(wire) = self.wire() {
            let room = self.watches_room.get() && self.has_read.take();
            if self.has_written.take() || wire.is_held() || room {
                wire.turn(chance);
                found[0] = Some(WorkerSource::Link);
            }
            for (index, stream) in [(1, Stream::Stdout), (2, Stream::Stderr)] {
                let is_new = std::mem::take(&mut self.output.borrow_mut()[stream as usize].is_new);
                found[index] = is_new.then_some(WorkerSource::Output(stream));
            }
            if let Some((exit, true)) = self.exit.get() {
                self.exit.set(Some((exit, false)));
                // The end may be reported before the last bytes are, or after.
                found[3] = Some(WorkerSource::Exit);
                found.rotate_right(chance.between(0, 3) as usize);
            }
        }
        found.into_iter().flatten()
    }

    /// Returns `true` while room in its wire is watched.
    pub(super) fn is_room_watched(&self) -> bool {
        self.watches_room.get()
    }

    /// Notes if room in its wire is watched.
    pub(super) fn watch_room(&self, watches: bool) {
        self.watches_room.set(watches);
    }

    /// Delivers a signal to it.
    pub(super) fn signal(&self, signal: Signal) {
        match signal {
            Signal::SIGKILL => self.is_killed.set(true),
            Signal::SIGSTOP => self.is_stopped.set(true),
            Signal::SIGCONT => self.is_stopped.set(false),
            other => unreachable!("the primary sends no {other}"),
        }
    }

    /// Notes that its end can be seen.
    pub(super) fn end(&self, exit: Exit) {
        self.exit.set(Some((exit, true)));
    }

    /// Returns its end, once it can be seen.
    pub(super) fn reap(&self) -> Option<Exit> {
        self.exit.get().map(|(exit, _)| exit)
    }

    /// Writes a line to one of its output streams.
    pub(super) fn print(&self, stream: Stream, line: String) {
        let output = &mut self.output.borrow_mut()[stream as usize];
        output.written.push(line.clone());
        output.lines.push_back(line);
        output.is_new = true;
    }

    /// Reads once from one of its output streams. Returns `false` if nothing is left.
    pub(super) fn read_lines(&self, stream: Stream, take: impl FnMut(String)) -> bool {
        let lines = &mut self.output.borrow_mut()[stream as usize].lines;
        let count = lines.len().min(LINES_PER_READ);
        lines.drain(..count).for_each(take);
        count > 0
    }

    /// Returns the number of reads that empty an output stream and find its end.
    pub(super) fn reads_max(&self, stream: Stream) -> usize {
        self.output.borrow()[stream as usize].lines.len().div_ceil(LINES_PER_READ) + 1
    }

    /// Returns all lines that it has written to one of its output streams.
    pub(super) fn written(&self, stream: Stream) -> Vec<String> {
        self.output.borrow()[stream as usize].written.clone()
    }
}
