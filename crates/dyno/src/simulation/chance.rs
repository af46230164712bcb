//! The randomness of a simulation, from one seed; and a wire whose bytes depend on it.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use dyno_bus::local::Local;

/// The generator `SplitMix64`: small, seedable, the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// Returns `true` once in this many times, on average.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    pub(crate) fn micros(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_nanos(self.between(low * 1_000, high * 1_000))
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.between(0, choices.len() as u64 - 1) as usize]
    }

    /// Returns the time that a wake or a message takes: mostly short, at times long.
    pub(crate) fn delay(&mut self) -> Duration {
        match self.between(0, 49) {
            0 => self.micros(200, 20_000),
            1..8 => self.micros(200, 2_000),
            _ => self.micros(1, 200),
        }
    }
}

/// One end of an in-memory stream whose bytes come in pieces, at times cut off or corrupt.
#[derive(Debug)]
pub(crate) struct Wire {
    local: Local,
    /// The number of bytes that can still be read in this turn.
    arrived: Cell<usize>,
    /// The number of bytes that can still be written, ever.
    writable: Cell<usize>,
    /// The number of bytes, of those written next, that become corrupt.
    spoilt: Cell<usize>,
    /// The number of bytes read and written so far.
    moved: Cell<u64>,
}

impl Wire {
    pub(crate) fn new(local: Local) -> Self {
        Self {
            local,
            arrived: Cell::new(0),
            writable: Cell::new(usize::MAX),
            spoilt: Cell::new(0),
            moved: Cell::new(0),
        }
    }

    /// Begins a turn, with a random number of bytes that can be read in it.
    pub(crate) fn turn(&self, chance: &mut Chance) {
        let some = chance.between(1, 100) as usize;
        self.arrived.set(if chance.one_in(4) { some } else { usize::MAX });
    }

    /// Returns `true` if the turn's bytes are used up, so that more may be there to read.
    pub(crate) fn is_held(&self) -> bool {
        self.arrived.get() == 0
    }

    /// Returns the number of bytes read and written so far.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.get()
    }

    /// Cuts the wire after this many more bytes are written.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.writable.set(bytes);
    }

    /// Corrupts the length of the next frame.
    pub(crate) fn spoil(&self) {
        self.spoilt.set(4);
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = buffer.len().min(self.arrived.get());
        if size == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.local.read(&mut buffer[..size])?;
        self.arrived.set(self.arrived.get().saturating_sub(count));
        self.moved.set(self.moved.get() + count as u64);
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = bytes.len().min(self.writable.get());
        if size == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = match self.spoilt.get() {
            0 => self.local.write(&bytes[..size])?,
            spoilt => {
                let count = self.local.write(&[0xff; 4][..spoilt])?;
                self.spoilt.set(spoilt - count);
                count
            }
        };
        self.writable.set(self.writable.get() - count);
        self.moved.set(self.moved.get() + count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
