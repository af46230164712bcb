//! The target for the arithmetic of due times. For any valid segments, counting cycles gives the
//! same number as walking them, the workers' shares do not overlap, and nothing overflows; invalid
//! segments are refused.

#![no_main]

use arbitrary::Arbitrary;
use dyno_bus::segment::{Arrivals, INDEX_MAX, RAMP_NS_MAX, RATE_MAX, Share};
use dyno_bus::{Cursor, Pace, Phase, Segment, Time};
use libfuzzer_sys::fuzz_target;

/// The most cycles that are walked one by one.
const WALK_MAX: u64 = 2_000;

#[derive(Debug, Arbitrary)]
struct Input {
    workers: u8,
    segments: Vec<Part>,
    /// The instants up to which cycles are passed, each as nanoseconds after the one before.
    steps: Vec<u64>,
}

#[derive(Debug, Arbitrary)]
struct Part {
    first: u64,
    /// Nanoseconds after the beginning of the segment before.
    after: u64,
    /// The length over which the rate of a ramp changes.
    length_ns: u64,
    rate: Rate,
    /// The last rate of a ramp.
    to: Rate,
    /// The part of a cycle until the first one, in shares of 200, so that it is mostly valid.
    lead: u8,
    kind: u8,
    seed: u64,
}

/// A rate: any bits of a float, or a whole number of tenths, which is mostly valid.
#[derive(Debug, Arbitrary)]
enum Rate {
    Bits(u64),
    Whole(u32),
}

impl Rate {
    fn value(&self) -> f64 {
        match self {
            Self::Bits(bits) => f64::from_bits(*bits),
            Self::Whole(rate) => f64::from(*rate) / 10.0,
        }
    }
}

fuzz_target!(|input: Input| {
    let workers = u32::from(input.workers % 5) + 1;
    let Some(segments) = segments(&input.segments) else { return };
    let mut until = Time::ZERO;
    let mut walks: Vec<_> = (0..workers).map(|worker| walk(worker, workers, &segments)).collect();
    let mut passes = walks.clone();
    for step in input.steps.iter().take(8) {
        until = Time::from_nanos(until.as_nanos().saturating_add(*step));
        if too_many(&segments, until) {
            return;
        }
        for (worker, (walk, pass)) in walks.iter_mut().zip(&mut passes).enumerate() {
            let mut walked = 0;
            while let Some(due) = walk.peek(until).filter(|due| due.at < until) {
                // A closed segment has any number of cycles.
                if walk.in_flight_max().is_some() {
                    break;
                }
                assert_eq!(due.index % u64::from(workers), worker as u64);
                walked += 1;
                walk.advance();
            }
            let passed = pass.pass(until).total();
            assert_eq!(passed, walked);
            assert_eq!(pass.peek(until), walk.peek(until));
        }
    }
});

fn walk(worker: u32, workers: u32, segments: &[Segment]) -> Cursor {
    let mut cursor = Cursor::new(Share { worker, workers });
    segments.iter().for_each(|segment| cursor.push(*segment));
    cursor
}

/// Builds the segments in their order, and checks each as the bus does; `None` if one is refused.
fn segments(parts: &[Part]) -> Option<Vec<Segment>> {
    let (mut t0, mut first) = (0_u64, 0_u64);
    let mut segments = Vec::new();
    for part in parts.iter().take(4) {
        t0 = t0.saturating_add(part.after);
        first = first.saturating_add(part.first);
        let (rate, to, lead) = (part.rate.value(), part.to.value(), f64::from(part.lead) / 200.0);
        let pace = match part.kind % 5 {
            0 => Pace::Open { rate, arrivals: Arrivals::Uniform },
            1 => Pace::Open { rate, arrivals: Arrivals::Poisson },
            2 => Pace::Ramp { from: rate, to, arrivals: Arrivals::Uniform },
            3 => Pace::Ramp { from: rate, to, arrivals: Arrivals::Poisson },
            _ => Pace::Closed { in_flight: u32::from(part.kind) / 5 },
        };
        let phase = if part.seed % 2 == 0 { Phase::Warmup } else { Phase::Measured };
        let segment = Segment {
            first,
            t0: Time::from_nanos(t0),
            length_ns: part.length_ns,
            pace,
            lead,
            seed: part.seed,
            phase,
            stage: part.kind,
        };
        let is_rate = |rate: f64| rate.is_finite() && rate > 0.0 && rate <= RATE_MAX;
        let is_valid = first <= INDEX_MAX
            && lead < 1.0
            && match pace {
                Pace::Open { rate, .. } => is_rate(rate),
                Pace::Ramp { from, to, .. } => {
                    is_rate(from) && is_rate(to) && (1..=RAMP_NS_MAX).contains(&part.length_ns)
                }
                Pace::Closed { in_flight } => in_flight > 0,
            };
        assert_eq!(segment.check().is_ok(), is_valid, "{segment:?}");
        if !is_valid {
            return None;
        }
        segments.push(segment);
    }
    Some(segments)
}

/// Returns `true` if walking the cycles up to `until` would take too long. Uniform segments can
/// then still be counted, so that their shares are checked here.
fn too_many(segments: &[Segment], until: Time) -> bool {
    let mut due = 0.0;
    let mut counts = true;
    for (at, segment) in segments.iter().enumerate() {
        let end = segments.get(at + 1).map_or(until, |next| next.t0.min(until));
        if let Some(arrivals) = segment.pace.arrivals() {
            due += segment.cycles_before(end);
            counts &= arrivals == Arrivals::Uniform;
        }
    }
    let too_many = due > WALK_MAX as f64;
    if too_many && counts {
        shares_are_the_grid(segments, until);
    }
    too_many
}

/// Asserts by counting alone that the shares of two and of three workers add up to those of one.
fn shares_are_the_grid(segments: &[Segment], until: Time) {
    let [segment] = segments else { return };
    let counted = |workers| {
        let all = (0..workers).map(|worker| walk(worker, workers, &[*segment]).pass(until).total());
        all.sum::<u64>()
    };
    assert_eq!(counted(1), counted(2));
    assert_eq!(counted(1), counted(3));
}
