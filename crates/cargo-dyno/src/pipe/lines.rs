//! The lines of a file, dealt out to the cycles: each cycle gets the line of its number, and so no
//! line goes to two cycles before the file begins again.
//!
//! Each worker reads the whole file, since any cycle may be its own.

use anyhow::{Context, ensure};

/// The lines of a file, without their ends.
#[derive(Debug, Default)]
pub(super) struct FileLines {
    bytes: Vec<u8>,
    /// The end of each line in `bytes`, before its line break.
    ends: Vec<usize>,
}

impl FileLines {
    /// Reads a file; an empty path gives an empty list.
    ///
    /// # Errors
    /// If it can't be read, or has no line.
    pub(super) fn read(path: &str) -> anyhow::Result<Self> {
        if path.is_empty() {
            return Ok(Self::default());
        }
        let bytes = std::fs::read(path).with_context(|| format!("can't read --lines `{path}`"))?;
        ensure!(!bytes.is_empty(), "--lines `{path}` has no line");
        Ok(Self::of(bytes))
    }

    fn of(mut bytes: Vec<u8>) -> Self {
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        let breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let ends = breaks.map(|(at, _)| at).collect();
        Self { bytes, ends }
    }

    /// Returns `true` without a file.
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the line of a cycle: behind the last line, the first one comes again.
    pub(super) fn of_cycle(&self, cycle: u64) -> &[u8] {
        // A file is not longer than what a number of this machine counts.
        let Some(index) = cycle.checked_rem(self.ends.len() as u64) else { return &[] };
        let index = index as usize;
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        let line = &self.bytes[begin..self.ends[index]];
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cycle_has_its_own_line_and_the_file_begins_again_behind_its_end() {
        let lines = FileLines::of(b"one\n\ntwo\r\nthree".to_vec());
        let dealt: Vec<_> = (0..6).map(|cycle| lines.of_cycle(cycle)).collect();
        assert_eq!(dealt, [&b"one"[..], b"", b"two", b"three", b"one", b""]);
        assert_eq!(FileLines::of(b"one\n".to_vec()).of_cycle(7), b"one");
    }

    #[test]
    fn a_file_without_a_line_is_refused() {
        let error = FileLines::read("/dev/null").unwrap_err().to_string();
        assert_eq!(error, "--lines `/dev/null` has no line");
        let error = FileLines::read("/no/file").unwrap_err().to_string();
        assert_eq!(error, "can't read --lines `/no/file`");
        assert!(FileLines::read("").expect("no file").is_empty());
    }
}
