//! The axes of a chart: the place of a value, and the values that have a label.

use dyno_bus::value::Unit;
use dyno_observer::format;
use serde_json::{Value, json};

/// The most labels of an axis: more would overlap on a telephone.
const LABELS_MAX: usize = 6;
/// The ratio of the largest to the smallest value from which on an axis of times is logarithmic:
/// with a linear one, the smaller values would lie on the bottom line.
const WIDE: f64 = 20.0;
/// Steps between labels of time that people read easily, in seconds.
const TIME_STEPS: [f64; 13] =
    [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0];
const SECOND: f64 = 1e9;

/// The kind of an axis's values, which decides their labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AxisKind {
    /// A place in the run, in nanoseconds.
    Clock,
    /// A value in a unit.
    In(Unit),
    /// Cycles per second.
    PerSecond,
    /// 1/(1 − p) of a percentile p: 100 is p99.
    Percentile,
}

/// One axis of a chart, from its least to its largest value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    kind: AxisKind,
    is_log: bool,
    from: f64,
    to: f64,
}

impl Axis {
    /// Creates an axis from 0 to a rounded value that is at least `most`.
    pub(super) fn linear(kind: AxisKind, most: f64) -> Self {
        // An axis of zeros has a length too.
        let most = if most > 0.0 { most } else { 1.0 };
        let step = step(kind, most);
        Self { kind, is_log: false, from: 0.0, to: (most / step - 1e-9).ceil() * step }
    }

    /// Creates an axis between two values that are not rounded.
    pub(super) fn exact(kind: AxisKind, from: f64, to: f64) -> Self {
        Self { kind, is_log: false, from, to: if to > from { to } else { from + 1.0 } }
    }

    /// Creates a logarithmic axis around two values above 0.
    pub(super) fn log(kind: AxisKind, from: f64, to: f64) -> Self {
        let to = to.max(from * 1.2);
        Self { kind, is_log: true, from, to }
    }

    /// Creates an axis for these values: logarithmic if they are times that differ widely.
    pub(super) fn of_values(unit: Unit, values: impl Iterator<Item = f64> + Clone) -> Self {
        let most = values.clone().fold(0.0, f64::max);
        let least = values.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        if unit == Unit::Nanoseconds && most > least * WIDE {
            return Self::log(AxisKind::In(unit), least * 0.8, most * 1.25);
        }
        Self::linear(AxisKind::In(unit), most)
    }

    /// Returns `true` if equal ratios have equal lengths.
    pub(super) fn is_log(&self) -> bool {
        self.is_log
    }

    /// Returns the place of a value, from 0 at the begin of the axis to 1 at its end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = if self.is_log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        place.clamp(0.0, 1.0)
    }

    /// Returns the labels with their places.
    pub(super) fn labels(&self) -> Vec<(f64, String)> {
        let values = match (self.kind, self.is_log) {
            (AxisKind::Percentile, _) => self.percentiles(),
            (_, true) => self.ratios(),
            (_, false) => {
                let step = step(self.kind, self.to - self.from);
                let first = (self.from / step - 1e-9).ceil() as i64;
                let last = (self.to / step + 1e-9).floor() as i64;
                (first..=last).map(|count| count as f64 * step).collect()
            }
        };
        values.into_iter().map(|value| (self.place(value), self.text(value))).collect()
    }

    /// Returns a value as a label has it.
    pub(super) fn text(&self, value: f64) -> String {
        match self.kind {
            AxisKind::Clock => clock(value, self.to - self.from),
            AxisKind::In(unit) => short(&format::value(value, unit)),
            AxisKind::PerSecond => format!("{}/s", short(&format::value(value, Unit::None))),
            AxisKind::Percentile => percent(value),
        }
    }

    /// Returns the axis for the page's script.
    pub(super) fn to_json(self) -> Value {
        let unit = match self.kind {
            AxisKind::Clock => "clock",
            AxisKind::In(unit) => unit.name(),
            AxisKind::PerSecond => "/s",
            AxisKind::Percentile => "percentile",
        };
        json!({"unit": unit, "log": self.is_log, "from": self.from, "to": self.to})
    }

    /// Returns 1/(1 − p) of the percentiles that have a label: 50, 90, 99, 99.9 and so on.
    fn percentiles(&self) -> Vec<f64> {
        let nines = (1..).map(|nines| 10_f64.powi(nines)).take_while(|value| *value <= self.to);
        let all = [1.0, 2.0].into_iter().chain(nines);
        all.filter(|value| *value >= self.from).collect()
    }

    /// Returns round values between the ends of a logarithmic axis.
    fn ratios(&self) -> Vec<f64> {
        let decades = self.from.log10().floor() as i32..=self.to.log10().ceil() as i32;
        let all = |digits: &[f64]| -> Vec<f64> {
            let values = decades
                .clone()
                .flat_map(|decade| digits.iter().map(move |digit| digit * 10_f64.powi(decade)));
            values.filter(|value| (self.from..=self.to).contains(value)).collect()
        };
        let choices = [all(&[1.0, 2.0, 5.0]), all(&[1.0, 3.0]), all(&[1.0])];
        let fits = choices.iter().find(|values| values.len() <= LABELS_MAX);
        fits.cloned().unwrap_or_else(|| {
            let [.., tens] = choices;
            let every = tens.len().div_ceil(LABELS_MAX);
            tens.into_iter().step_by(every).collect()
        })
    }
}

/// Returns the distance between labels on an axis of this length.
fn step(kind: AxisKind, length: f64) -> f64 {
    let mut least = length / (LABELS_MAX - 1) as f64;
    if kind == AxisKind::In(Unit::None) {
        // Numbers without a unit are counts.
        least = least.max(1.0);
    }
    if kind == AxisKind::Clock && least > TIME_STEPS[0] * SECOND {
        let fits = TIME_STEPS.into_iter().map(|step| step * SECOND).find(|step| *step >= least);
        return fits.unwrap_or_else(|| rounded(least / 3_600e9) * 3_600e9);
    }
    rounded(least)
}

/// Returns the least number of the form 1, 2 or 5 × 10ⁿ that is at least `least`.
fn rounded(least: f64) -> f64 {
    let decade = 10_f64.powi(least.log10().floor() as i32);
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * decade >= least * (1.0 - 1e-9));
    digit.unwrap_or(10.0) * decade
}

/// Returns a place in a run of this length.
fn clock(nanos: f64, length: f64) -> String {
    let seconds = nanos / SECOND;
    // Finer than the columns of any chart.
    let rounded = |number: f64| (number * 1e3).round() / 1e3;
    if nanos == 0.0 {
        "0 s".to_owned()
    } else if length >= 18_000.0 * SECOND {
        format!("{} h", rounded(seconds / 3_600.0))
    } else if length >= 300.0 * SECOND {
        format!("{} min", rounded(seconds / 60.0))
    } else if length >= SECOND {
        format!("{} s", rounded(seconds))
    } else {
        format!("{} ms", rounded(seconds * 1e3))
    }
}

/// Returns a percentile p of 1/(1 − p).
fn percent(inverse: f64) -> String {
    let share = 100.0 - 100.0 / inverse;
    // One more digit than the nines need.
    let digits = (inverse.log10().ceil() as usize).saturating_sub(2).min(9);
    format!("{share:.digits$} %")
}

/// Returns a value without the zeros after its decimal point.
fn short(text: &str) -> String {
    let (number, unit) = text.split_once(' ').map_or((text, ""), |(number, unit)| (number, unit));
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    format!("{number} {unit}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(axis: Axis) -> Vec<String> {
        axis.labels().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn labels_are_round_values_in_the_unit() {
        let milliseconds = Axis::linear(AxisKind::In(Unit::Nanoseconds), 47e6);
        assert_eq!(texts(milliseconds), ["0 ns", "10 ms", "20 ms", "30 ms", "40 ms", "50 ms"]);
        let rate = Axis::linear(AxisKind::PerSecond, 4_800.0);
        assert_eq!(texts(rate)[5], "5,000/s");
        let hour = Axis::exact(AxisKind::Clock, 0.0, 3_610e9);
        assert_eq!(texts(hour), ["0 s", "15 min", "30 min", "45 min", "60 min"]);
        let short = Axis::exact(AxisKind::Clock, 0.0, 6e9);
        assert_eq!(texts(short), ["0 s", "2 s", "4 s", "6 s"]);
        let instant = Axis::exact(AxisKind::Clock, 0.0, 0.3e9);
        assert_eq!(texts(instant), ["0 s", "100 ms", "200 ms", "300 ms"]);
    }

    #[test]
    fn times_that_differ_widely_have_a_logarithmic_axis() {
        let axis = Axis::of_values(Unit::Nanoseconds, [1e6, 2e6, 90e6].into_iter());
        assert!(axis.is_log());
        assert_eq!(texts(axis), ["1 ms", "3 ms", "10 ms", "30 ms", "100 ms"]);
        assert!(!Axis::of_values(Unit::Nanoseconds, [1e6, 2e6].into_iter()).is_log());
        assert!(!Axis::of_values(Unit::Bytes, [1.0, 2e6].into_iter()).is_log());
    }

    #[test]
    fn percentiles_have_as_many_nines_as_the_values_carry() {
        let axis = Axis::log(AxisKind::Percentile, 1.0, 12_000.0);
        assert_eq!(texts(axis), ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        let upper = Axis::log(AxisKind::Percentile, 2.0, 100.0);
        assert_eq!(texts(upper), ["50 %", "90 %", "99 %"]);
    }

    proptest! {
        #[test]
        fn every_axis_has_labels_on_it(most in 0.0..1e19_f64, least in 1e-3..1e9_f64) {
            let axes = [
                Axis::linear(AxisKind::PerSecond, most),
                Axis::exact(AxisKind::Clock, 0.0, most),
                Axis::log(AxisKind::In(Unit::Nanoseconds), least, most),
                Axis::log(AxisKind::Percentile, 1.0, most),
            ];
            for axis in axes {
                let labels = axis.labels();
                prop_assert!(labels.len() <= 2 * LABELS_MAX + 10, "{labels:?}");
                prop_assert!(labels.iter().all(|(place, _)| (0.0..=1.0).contains(place)));
            }
        }
    }
}
