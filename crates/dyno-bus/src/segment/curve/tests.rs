//! Due times and counts against exact arithmetic in integers.

use proptest::prelude::*;

use super::*;

/// The units of a rate and of a lead in these tests: both are exact floats.
const UNITS: i128 = 1_024;
/// The lowest and the highest rate, in units: 0.1 and a million.
const RATES: std::ops::RangeInclusive<i128> = 103..=1_024_000_000;

/// A ramp with rates in units of 1 / [`UNITS`] cycles per second.
#[derive(Debug, Clone, Copy)]
struct Exact {
    from: i128,
    to: i128,
    length_ns: i128,
}

impl Exact {
    fn curve(self) -> Curve {
        let rate = |units: i128| units as f64 / UNITS as f64;
        Curve::Ramp(Ramp::new(rate(self.from), rate(self.to), self.length_ns as u64))
    }

    /// Returns the cycles due within a time, in units of a cycle ÷ [`per_cycle`](Self::per_cycle).
    fn cycles(self, ns: i128) -> i128 {
        let within = ns.min(self.length_ns);
        let ramp =
            2 * self.length_ns * self.from * within + (self.to - self.from) * within * within;
        ramp + 2 * self.length_ns * self.to * (ns - within)
    }

    fn per_cycle(self) -> i128 {
        UNITS * 1_000_000_000 * 2 * self.length_ns
    }
}

/// Ramps of up to twelve hours: the integers have room for no longer ones.
fn ramps() -> impl Strategy<Value = Exact> {
    let log = |range: std::ops::RangeInclusive<i128>| {
        let (low, high) = (*range.start(), *range.end());
        ((low as f64).ln()..=(high as f64).ln())
            .prop_map(move |log| (log.exp() as i128).clamp(low, high))
    };
    let rate = move || prop_oneof![Just(*RATES.start()), Just(*RATES.end()), log(RATES)];
    (rate(), rate(), log(1_000_000..=43_200_000_000_000)).prop_map(|(from, to, length_ns)| Exact {
        from,
        to,
        length_ns,
    })
}

proptest! {
    #[test]
    fn due_times_in_a_ramp_are_exact_to_a_nanosecond(
        ramp in ramps(),
        share in 0.0f64..1.0,
        lead in 0i128..UNITS,
    ) {
        let total = ramp.cycles(ramp.length_ns) / ramp.per_cycle();
        for whole in [0, 1, total / 2, (total as f64 * share) as i128, total - 1, total, total + 1] {
            let whole = whole.max(0);
            let due = ramp.curve().offset_ns(whole as u64, lead as f64 / UNITS as f64).round() as i128;
            let cycles = whole * ramp.per_cycle() + lead * (ramp.per_cycle() / UNITS);
            let before = if due > 0 { ramp.cycles(due - 1) } else { 0 };
            prop_assert!(before <= cycles && cycles <= ramp.cycles(due + 1), "{whole}: {due}");
        }
    }

    #[test]
    fn the_cycles_of_a_whole_ramp_are_exact_to_a_billionth_of_a_cycle(ramp in ramps()) {
        let exact = ramp.cycles(ramp.length_ns);
        let (whole, rest) = (exact / ramp.per_cycle(), exact % ramp.per_cycle());
        let part = rest as f64 / ramp.per_cycle() as f64;
        let count = ramp.curve().exact(ramp.length_ns as u64);
        prop_assert!(count.until(whole as u64, part).abs() < 1e-9, "{count:?}");
    }

    #[test]
    fn a_ramp_that_is_cut_off_has_counted_what_its_due_times_have(ramp in ramps(), share in 0.0f64..1.5) {
        let ns = (ramp.length_ns as f64 * share) as i128;
        let count = ramp.curve().exact(ns as u64);
        let exact = ramp.cycles(ns) as f64 / ramp.per_cycle() as f64;
        prop_assert!((count.rounded() - exact).abs() <= 1e-9 * exact.max(1.0), "{count:?} {exact}");
        prop_assert!((ramp.curve().cycles(ns as u64) - exact).abs() <= 1e-9 * exact.max(1.0));
    }

    #[test]
    fn a_constant_rate_counts_its_cycles_exactly(rate in RATES, ns in 0i128..43_200_000_000_000) {
        let per_cycle = UNITS * 1_000_000_000;
        let (whole, rest) = (rate * ns / per_cycle, rate * ns % per_cycle);
        let count = Curve::Constant { rate: rate as f64 / UNITS as f64 }.exact(ns as u64);
        prop_assert!(count.until(whole as u64, rest as f64 / per_cycle as f64).abs() < 1e-9);
    }
}

#[test]
fn rates_of_any_size_have_a_count() {
    for rate in [f64::MIN_POSITIVE / 8.0, 1e-300, 1e-12, 3.6e-12, 3.7e-12, 1e-9] {
        let count = Curve::Constant { rate }.exact(u64::MAX);
        let cycles = rate * u64::MAX as f64 / 1e9;
        assert!((count.rounded() - cycles).abs() <= 1e-9 * cycles, "{rate}: {count:?}");
    }
}
