//! Frames: a `u32` length, little-endian, then that many bytes. No socket and no message is known
//! here.
//!
//! The length is checked before anything is allocated for it, and only whole frames are returned.

use crate::FrameError;

/// The longest frame, without its prefix: one mebibyte, about 65,000 values.
pub const FRAME_MAX: usize = 1 << 20;
/// Bytes of the length prefix.
pub const PREFIX: usize = size_of::<u32>();
/// The least room for one read, in bytes: larger reads are not faster.
const READ_SIZE: usize = 64 * 1024;

/// Bytes as they arrive, and the whole frames among them.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    /// The bytes at the front that belong to frames that were returned.
    taken: usize,
    /// The bytes that have arrived, those that were taken included; the rest is room.
    filled: usize,
}

impl FrameBuffer {
    /// Returns room for the next bytes; [`filled`](Self::filled) reports how many arrived.
    pub fn room(&mut self) -> &mut [u8] {
        if self.taken == self.filled {
            // No byte waits, so the buffer is used from its start again.
            (self.taken, self.filled) = (0, 0);
        } else if self.bytes.len() - self.filled < READ_SIZE && self.taken > 0 {
            // Only a frame's beginning is ever moved.
            self.bytes.copy_within(self.taken..self.filled, 0);
            self.filled -= self.taken;
            self.taken = 0;
        }
        let free = self.bytes.len() - self.filled;
        if free < READ_SIZE {
            // Copied, because without optimisations, as in tests, `resize` goes byte by byte.
            self.bytes.extend_from_slice(&[0; READ_SIZE][free..]);
        }
        &mut self.bytes[self.filled..]
    }

    /// Records that the first `count` bytes of [`room`](Self::room) have been filled in.
    ///
    /// # Panics
    /// If there was room for fewer bytes.
    pub fn filled(&mut self, count: usize) {
        assert!(self.filled + count <= self.bytes.len(), "more bytes than there was room for");
        self.filled += count;
    }

    /// Returns the next frame, without its prefix; `None` until all of it has arrived.
    ///
    /// # Errors
    /// If the length in a prefix is 0 or more than [`FRAME_MAX`]. The stream is lost then, because
    /// the next frame can't be found.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let waiting = &self.bytes[self.taken..self.filled];
        let Some(length) = length_of(waiting)? else { return Ok(None) };
        if waiting.len() < PREFIX + length {
            return Ok(None);
        }
        let start = self.taken + PREFIX;
        self.taken = start + length;
        Ok(Some(&self.bytes[start..start + length]))
    }

    /// Returns the number of bytes of an incomplete frame and its whole length, which is that of
    /// the prefix alone while the prefix is incomplete; `None` between frames.
    #[must_use]
    pub fn incomplete(&self) -> Option<(usize, usize)> {
        let waiting = &self.bytes[self.taken..self.filled];
        if waiting.is_empty() {
            return None;
        }
        let length = length_of(waiting).ok().flatten().unwrap_or(0);
        Some((waiting.len(), PREFIX + length))
    }
}

/// Returns the length in a prefix; `None` while the prefix is incomplete.
fn length_of(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = bytes.first_chunk::<PREFIX>() else { return Ok(None) };
    let length = u32::from_le_bytes(*prefix) as usize;
    match length {
        0 => Err(FrameError::Empty),
        1..=FRAME_MAX => Ok(Some(length)),
        _ => Err(FrameError::TooLong { length, max: FRAME_MAX }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for payload in payloads {
            bytes.extend((payload.len() as u32).to_le_bytes());
            bytes.extend(payload);
        }
        bytes
    }

    fn feed(buffer: &mut FrameBuffer, bytes: &[u8]) {
        buffer.room()[..bytes.len()].copy_from_slice(bytes);
        buffer.filled(bytes.len());
    }

    #[test]
    fn lengths_out_of_range_are_refused_before_anything_is_allocated() {
        for (prefix, error) in [
            (0, FrameError::Empty),
            (FRAME_MAX as u32 + 1, FrameError::TooLong { length: FRAME_MAX + 1, max: FRAME_MAX }),
            (u32::MAX, FrameError::TooLong { length: u32::MAX as usize, max: FRAME_MAX }),
        ] {
            let mut buffer = FrameBuffer::default();
            feed(&mut buffer, &prefix.to_le_bytes());
            assert_eq!(buffer.next_frame(), Err(error));
            assert!(buffer.bytes.len() <= READ_SIZE);
        }
    }

    #[test]
    fn the_error_of_a_cut_frame_has_the_number_of_its_bytes_that_came() {
        let mut buffer = FrameBuffer::default();
        feed(&mut buffer, &framed(&[vec![1; 10]])[..9]);
        assert_eq!(buffer.next_frame(), Ok(None));
        assert_eq!(buffer.incomplete(), Some((9, 14)));
    }

    proptest! {
        #[test]
        fn frames_survive_being_split_anywhere(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..20),
            chunks in prop::collection::vec(1usize..97, 1..50),
        ) {
            let bytes = framed(&payloads);
            let mut buffer = FrameBuffer::default();
            let mut found = Vec::new();
            let mut rest = &bytes[..];
            let mut sizes = chunks.iter().cycle();
            while !rest.is_empty() {
                let size = rest.len().min(*sizes.next().expect("cycles forever"));
                feed(&mut buffer, &rest[..size]);
                rest = &rest[size..];
                while let Some(frame) = buffer.next_frame().expect("valid lengths") {
                    found.push(frame.to_vec());
                }
            }
            prop_assert_eq!(found, payloads);
            prop_assert_eq!(buffer.incomplete(), None);
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut buffer = FrameBuffer::default();
            feed(&mut buffer, &bytes);
            while let Ok(Some(_)) = buffer.next_frame() {}
        }
    }
}
