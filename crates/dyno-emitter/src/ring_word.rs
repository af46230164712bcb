//! The meaning of the words in a ring: a value with its key in one word, a cycle in two.

use dyno_bus::Phase;
use dyno_bus::message::METRICS_MAX;
use dyno_bus::timeline::PLACE_BITS;
use dyno_bus::value::{ABOVE, BELOW, VALUE_MAX};

/// Packs a value with its key above it into one word: moving the ring's words from core to core is
/// most of the cost of recording.
#[inline]
pub(crate) const fn pack_value(key: u64, value: u64) -> u64 {
    let value = if value <= VALUE_MAX || value == BELOW { value } else { ABOVE };
    key << VALUE_BITS | value & VALUE_MASK
}

/// Returns the key and the value in a word.
#[inline]
pub(crate) const fn unpack_value(word: u64) -> (u64, u64) {
    let value = word & VALUE_MASK;
    // A marker for an invalid value lacks only its upper bits, which are all ones.
    (word >> VALUE_BITS, if value <= VALUE_MAX { value } else { value | !VALUE_MASK })
}

/// The bits next to a key: enough for a value, and for a marker of an invalid one.
const VALUE_BITS: u32 = 54;
const VALUE_MASK: u64 = (1 << VALUE_BITS) - 1;
const _: () = assert!(VALUE_MAX < BELOW & VALUE_MASK, "a value is none of what is no value");
const _: () = assert!(pack_key(METRICS_MAX as u32, Phase::Warmup) <= 1 << (u64::BITS - VALUE_BITS));

/// Packs the key of a value: the number of its metric or name, then the phase as the lowest bit.
#[inline]
pub(crate) const fn pack_key(number: u32, phase: Phase) -> u64 {
    (number as u64) << 1 | phase as u64
}

/// Returns the number and the phase in a key.
#[inline]
pub(crate) const fn unpack_key(word: u64) -> (u32, Phase) {
    let phase = if word & 1 == 0 { Phase::Warmup } else { Phase::Measured };
    // As it was packed: the number has 32 bits.
    ((word >> 1) as u32, phase)
}

/// Packs the first word of a cycle: its place above its wait. The longest wait that fits is 104
/// days.
#[inline]
pub(crate) const fn pack_wait(wait_ns: u64, place: u64) -> u64 {
    let wait_ns = if wait_ns < WAIT_MASK { wait_ns } else { WAIT_MASK };
    place << WAIT_BITS | wait_ns
}

/// Returns the wait and the place in the first word of a cycle.
#[inline]
pub(crate) const fn unpack_wait(word: u64) -> (u64, u64) {
    (word & WAIT_MASK, word >> WAIT_BITS)
}

const WAIT_BITS: u32 = u64::BITS - PLACE_BITS;
const WAIT_MASK: u64 = (1 << WAIT_BITS) - 1;
const _: () = assert!(WAIT_MASK == VALUE_MAX - 1, "a place leaves room for any wait");

/// Packs the second word of a cycle: its phase, its outcome and its stage above its service. The
/// longest service that fits is 208 days.
#[inline]
pub(crate) const fn pack_service(service_ns: u64, phase: Phase, stage: u8, failed: bool) -> u64 {
    let service_ns = if service_ns < SERVICE_MASK { service_ns } else { SERVICE_MASK };
    service_ns | (stage as u64) << SERVICE_BITS | (phase as u64) << 63 | (failed as u64) << 62
}

/// Returns the service in the second word of a cycle.
#[inline]
pub(crate) const fn unpack_service(word: u64) -> u64 {
    word & SERVICE_MASK
}

/// Returns the stage in the second word of a cycle.
#[inline]
pub(crate) const fn unpack_stage(word: u64) -> u8 {
    // The eight bits above the service.
    (word >> SERVICE_BITS) as u8
}

/// Returns the phase of a cycle and `true` if it failed: batches group cycles by both.
#[inline]
pub(crate) const fn unpack_kind(word: u64) -> (Phase, bool) {
    let phase = if word & SERVICE_MEASURED == 0 { Phase::Warmup } else { Phase::Measured };
    (phase, word & SERVICE_FAILED != 0)
}

const SERVICE_MEASURED: u64 = 1 << 63;
const SERVICE_FAILED: u64 = 1 << 62;
const SERVICE_BITS: u32 = SERVICE_FAILED.ilog2() - u8::BITS;
const SERVICE_MASK: u64 = (1 << SERVICE_BITS) - 1;
const _: () = assert!(VALUE_MAX < SERVICE_MASK, "what does not fit is out of range anyway");

#[cfg(test)]
mod tests {
    use dyno_bus::timeline::PLACES;

    use super::*;

    #[test]
    fn words_come_back_as_they_were_packed() {
        for phase in [Phase::Warmup, Phase::Measured] {
            for number in [0, 1, u32::MAX] {
                assert_eq!(unpack_key(pack_key(number, phase)), (number, phase));
            }
            for number in [0, 1, METRICS_MAX as u32 - 1] {
                let key = pack_key(number, phase);
                for value in [0, 1, VALUE_MAX - 1, VALUE_MAX, BELOW, ABOVE] {
                    assert_eq!(unpack_value(pack_value(key, value)), (key, value));
                }
                assert_eq!(unpack_value(pack_value(key, VALUE_MAX + 1)), (key, ABOVE));
            }
            for (wait_ns, place) in [(0, 0), (1, PLACES - 1), (WAIT_MASK, 1)] {
                assert_eq!(unpack_wait(pack_wait(wait_ns, place)), (wait_ns, place));
                assert_eq!(unpack_wait(pack_wait(u64::MAX, place)), (WAIT_MASK, place));
            }
            for (service_ns, failed) in [(0, false), (1, true), (SERVICE_MASK, false), (0, true)] {
                for stage in [0, 1, u8::MAX] {
                    let word = pack_service(service_ns, phase, stage, failed);
                    assert_eq!(unpack_service(word), service_ns);
                    assert_eq!(unpack_stage(word), stage);
                    assert_eq!(unpack_kind(word), (phase, failed));
                }
                let word = pack_service(u64::MAX, phase, 0, failed);
                assert_eq!((unpack_service(word), unpack_stage(word)), (SERVICE_MASK, 0));
            }
        }
    }
}
