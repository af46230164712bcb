//! The messages between a coordinator and its agents: one closed enum for each direction.
//!
//! They are frames of the bus, over the standard streams of a launcher. Both ends are the same build
//! of the same program, which the first message of each direction makes sure of.

use dyno_bus::frame::{FRAME_MAX, PREFIX};
use dyno_bus::{CodecError, Time, codec};
use serde::{Deserialize, Serialize};

use super::offset::ClockOffset;
use crate::primary::RunPhase;

/// The version of these messages.
pub(crate) const VERSION: u32 = 1;
/// The line with which an agent begins, before its first frame.
pub(crate) const FIRST_LINE: &str = "dyno-agent 1";
/// The most bytes of a record in one message: less than a frame holds.
pub(crate) const PIECE_MAX: usize = 512 << 10;

/// A message to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum HostCommand {
    /// The first message. It comes first in this enum, so that any version can decode it.
    Hello { version: u32, build: String },
    /// The name that the coordinator has for this host, the settings of the run as they were given, and
    /// variables for the workers. The agent answers with the number of its workers.
    Prepare { name: String, settings: Vec<SettingEntry>, variables: Vec<(String, String)> },
    /// The host's share of the run, and the task's parameters as JSON: the workers start.
    Begin { share: String, parameters: String },
    /// A question for the time of the agent's clock.
    Ping { number: u32 },
    /// The instant of the first due time, in the agent's clock.
    Go { at: Time },
    /// The coordinator is there.
    Alive,
    /// No cycle starts any more, and those that run may end; with the signal that requested it.
    Drain { signal: Option<i32> },
    /// All workers are killed.
    Kill,
    /// The agent's clock, as the coordinator has measured it before and after the run.
    Measured(Option<ClockOffset>),
    /// The record has arrived.
    Received,
}

/// A message from an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum HostReport {
    /// The answer to the first message; it comes first in this enum, too.
    Hello { version: u32, build: String },
    /// The agent can't take part, and why.
    Refused(String),
    /// The number of workers that the settings mean on this host, and facts about its machine.
    Workers(u32, HostFacts),
    /// All workers are ready.
    Ready,
    /// The agent's time, for the question with this number.
    Pong { number: u32, at: Time },
    /// The agent is there.
    Alive,
    /// The state of the host's part of the run.
    Progress(HostProgress),
    /// Something went wrong on the host.
    Fault(String),
    /// A fact that the user should know.
    Warning(String),
    /// A line that a worker wrote.
    Line { worker: u32, text: String },
    /// The host's part of the run is over.
    Over,
    /// The next bytes of its record.
    Piece(Vec<u8>),
    /// The length of the whole record, and the folder that the agent keeps it in.
    Record { length: u64, folder: String },
}

/// Facts about the machine of a host, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostFacts {
    /// The name of its processor; may be empty.
    pub(crate) processor: String,
    /// The number of its processors.
    pub(crate) cores: u32,
    /// The free bytes of the disk that its runs are kept on; `None` if they are not known.
    pub(crate) disk_free: Option<u64>,
}

/// The state of a host's part of the run at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostProgress {
    /// The phase, counted in the order of [`RunPhase`].
    pub(crate) phase: u8,
    /// Cycles that came due: in the warm-up, and measured.
    pub(crate) issued: [u64; 2],
    /// Cycles that completed.
    pub(crate) completed: [u64; 2],
    /// Cycles that failed.
    pub(crate) failed: [u64; 2],
    /// Cycles that are due and have not begun.
    pub(crate) waiting: u64,
    /// Cycles that have begun and not ended.
    pub(crate) running: u64,
    /// A number for each threshold, whose sum over all hosts is judged.
    pub(crate) beyond: Vec<u64>,
}

/// A setting as it was given: its flag without dashes, its text, and its layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SettingEntry {
    pub(crate) flag: String,
    pub(crate) text: String,
    pub(crate) layer: u8,
}

/// Returns a report as a frame whose last byte is a line feed: a launcher such as `srun` passes on
/// what ends a line, and may keep the rest.
///
/// # Errors
/// If the report is too long for a frame.
pub(crate) fn to_frame(report: &HostReport) -> Result<Vec<u8>, CodecError> {
    let mut frame = Vec::new();
    codec::encode(report, &mut frame)?;
    frame.push(b'\n');
    let length = frame.len() - PREFIX;
    if length > FRAME_MAX {
        return Err(CodecError::TooLong { length, max: FRAME_MAX });
    }
    // At most a mebibyte.
    frame[..PREFIX].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(frame)
}

/// Returns the report in a frame, which is given without its prefix.
///
/// # Errors
/// If it does not decode.
pub(crate) fn from_frame(frame: &[u8]) -> Result<HostReport, CodecError> {
    codec::decode(frame.strip_suffix(b"\n").unwrap_or(frame))
}

/// Returns the number of a phase.
pub(crate) fn number_of(phase: RunPhase) -> u8 {
    match phase {
        RunPhase::Starting => 0,
        RunPhase::WarmingUp => 1,
        RunPhase::Measuring => 2,
        RunPhase::Draining => 3,
        RunPhase::Finishing => 4,
        RunPhase::Killing => 5,
        RunPhase::Done => 6,
    }
}

/// Returns the phase with this number; a number that is not known is the last phase.
pub(crate) fn phase_of(number: u8) -> RunPhase {
    match number {
        0 => RunPhase::Starting,
        1 => RunPhase::WarmingUp,
        2 => RunPhase::Measuring,
        3 => RunPhase::Draining,
        4 => RunPhase::Finishing,
        5 => RunPhase::Killing,
        _ => RunPhase::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_has_the_number_that_means_it() {
        let mut last = None;
        for number in 0..=6 {
            let phase = phase_of(number);
            assert_eq!(number_of(phase), number);
            assert!(Some(phase) > last, "in the order of the phases");
            last = Some(phase);
        }
    }

    #[test]
    fn a_piece_of_a_record_fits_a_frame_that_ends_a_line() {
        let piece = HostReport::Piece(vec![255; PIECE_MAX]);
        let frame = to_frame(&piece).expect("it fits");
        assert_eq!(frame.last(), Some(&b'\n'));
        let mut buffer = dyno_bus::frame::FrameBuffer::default();
        let mut received = None;
        for part in frame.chunks(1_000) {
            buffer.room()[..part.len()].copy_from_slice(part);
            buffer.filled(part.len());
            let frame = buffer.next_frame().expect("a length");
            received = received.or(frame.map(|frame| from_frame(frame).expect("a report")));
        }
        assert_eq!(received, Some(piece));
    }
}
