//! A wire: one end of a stream in memory whose bytes come in pieces, at times cut off, corrupt, or
//! changed by a worker that lies.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use dyno_bus::local::Local;

use super::chance::Chance;
use super::lies::Liar;

/// One end of a wire.
#[derive(Debug)]
pub(crate) struct Wire {
    /// `None` once this end has been closed, and its process lives on.
    local: RefCell<Option<Local>>,
    state: Rc<WireState>,
    liar: Option<Liar>,
}

/// The state of one end, which the world around it sees too.
#[derive(Debug)]
pub(crate) struct WireState {
    /// The number of bytes that can still be read in this turn.
    arrived: Cell<usize>,
    read: Cell<u64>,
    written: Cell<u64>,
}

impl Wire {
    pub(crate) fn new(local: Local, liar: Option<Liar>) -> Self {
        let state =
            WireState { arrived: Cell::new(usize::MAX), read: Cell::new(0), written: Cell::new(0) };
        Self { local: RefCell::new(Some(local)), state: Rc::new(state), liar }
    }

    /// Returns the state of this end.
    pub(crate) fn state(&self) -> &Rc<WireState> {
        &self.state
    }

    /// Closes this end. From now on its process finds a descriptor that is not open.
    pub(crate) fn close(&self) {
        self.local.take();
    }

    /// Writes the beginning of a frame, as a process does that dies while it writes.
    pub(crate) fn write_part(&self, bytes: &[u8]) {
        if let Some(local) = &mut *self.local.borrow_mut() {
            // Without room in the wire nothing is cut.
            let _written = local.write(bytes);
        }
    }
}

impl WireState {
    /// Begins a turn, with a random number of bytes that can be read in it.
    pub(crate) fn turn(&self, chance: &mut Chance) {
        let some = chance.between(1, 100) as usize;
        self.arrived.set(if chance.one_in(4) { some } else { usize::MAX });
    }

    /// Lets all bytes arrive that the other end has written.
    pub(crate) fn arrive(&self) {
        self.arrived.set(usize::MAX);
    }

    /// Returns `true` if the turn's bytes are used up, so that more may be there to read.
    pub(crate) fn is_held(&self) -> bool {
        self.arrived.get() == 0
    }

    /// Returns the number of bytes that this end has read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read.get()
    }

    /// Returns the number of bytes that this end has written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.get()
    }
}

fn not_open() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let local = self.local.get_mut().as_mut().ok_or_else(not_open)?;
        let size = buffer.len().min(self.state.arrived.get());
        if size == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = local.read(&mut buffer[..size])?;
        self.state.arrived.set(self.state.arrived.get().saturating_sub(count));
        self.state.read.set(self.state.read.get() + count as u64);
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let local = self.local.get_mut().as_mut().ok_or_else(not_open)?;
        let count = match &mut self.liar {
            None => local.write(bytes)?,
            // Its wire has room for everything, so that these are whole frames.
            Some(liar) => {
                let told = liar.retell(bytes);
                if !told.is_empty() {
                    assert_eq!(local.write(&told)?, told.len(), "there is room for all");
                }
                bytes.len()
            }
        };
        self.state.written.set(self.state.written.get() + count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
