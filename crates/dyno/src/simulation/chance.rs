//! All randomness of a simulation, from one seed; and a wire on which it falls.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use dyno_bus::local::Local;

/// `SplitMix64`: small, seedable, the same on every machine.
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

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    pub(crate) fn micros(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_nanos(self.between(low * 1_000, high * 1_000))
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.between(0, choices.len() as u64 - 1) as usize]
    }

    /// How long a wake or a message is under way: mostly short, at times long.
    pub(crate) fn delay(&mut self) -> Duration {
        match self.between(0, 49) {
            0 => self.micros(200, 20_000),
            1..8 => self.micros(200, 2_000),
            _ => self.micros(1, 200),
        }
    }
}

/// One end of an in-memory stream whose bytes come in pieces, at times cut off or spoilt.
#[derive(Debug)]
pub(crate) struct Wire {
    local: Local,
    /// Bytes that have arrived for this turn.
    arrived: Cell<usize>,
    /// Bytes that will still be written, ever.
    writable: Cell<usize>,
    /// So many of the bytes that are written next are spoilt.
    spoilt: Cell<usize>,
    /// Bytes read and written so far.
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

    /// A turn begins: so many bytes can be read in it.
    pub(crate) fn turn(&self, chance: &mut Chance) {
        let some = chance.between(1, 100) as usize;
        self.arrived.set(if chance.one_in(4) { some } else { usize::MAX });
    }

    /// Whether the turn ended before all that may be there was read.
    pub(crate) fn is_held(&self) -> bool {
        self.arrived.get() == 0
    }

    /// Bytes read and written so far.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.get()
    }

    /// Only so many bytes are still written.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.writable.set(bytes);
    }

    /// What is written next begins with a length that is none.
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
