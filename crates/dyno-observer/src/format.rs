//! A value and its unit as text for people: three significant digits, the precision of a
//! histogram.
//!
//! For tables and reports only; files hold whole numbers in the metric's unit.

use dyno_bus::value::Unit;

const NANOSECONDS: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
const BYTES: [(f64, &str); 4] = [(1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB")];
/// The least value that rounds to 1.00 in three digits: in the scale below it would be 1,000.
const ROUNDS_TO_ONE: f64 = 0.9995;

/// Writes a value in the scale of its unit that suits it. Whole numbers that need no scale stay
/// whole.
///
/// ```
/// use dyno_bus::value::Unit;
/// use dyno_observer::format::value;
///
/// assert_eq!(value(1_234_567.0, Unit::Nanoseconds), "1.23 ms");
/// assert_eq!(value(24_000_000.0, Unit::Bytes), "24.0 MB");
/// assert_eq!(value(452.0, Unit::Permille), "45.2 %");
/// assert_eq!(value(1_234_567.0, Unit::None), "1,234,567");
/// ```
#[must_use]
pub fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Permille => format!("{} %", digits(value / 10.0)),
        Unit::Nanoseconds => scaled(value, &NANOSECONDS),
        Unit::Bytes => scaled(value, &BYTES),
        // A unit that is added later reads as a plain number until it has a scale here.
        _ => plain(value),
    }
}

/// Writes a value in the largest scale that makes it, once rounded, at least 1.
fn scaled(value: f64, scales: &[(f64, &str); 4]) -> String {
    let fits = |scale: &&(f64, &str)| (value / scale.0).abs() >= ROUNDS_TO_ONE;
    match scales[1..].iter().rev().find(fits) {
        Some((size, name)) => format!("{} {name}", digits(value / size)),
        None => format!("{} {}", plain(value), scales[0].1),
    }
}

fn plain(value: f64) -> String {
    if value.fract() == 0.0 { grouped(value) } else { digits(value) }
}

/// Writes three significant digits, but always all digits before the decimal point.
fn digits(value: f64) -> String {
    let size = value.abs();
    if size >= 99.95 {
        grouped(value)
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// Writes the nearest whole number, with its digits in groups of three.
fn grouped(value: f64) -> String {
    let whole = format!("{value:.0}");
    let (sign, whole) = whole.strip_prefix('-').map_or(("", &*whole), |whole| ("-", whole));
    let mut text = sign.to_owned();
    for (position, digit) in whole.char_indices() {
        if position > 0 && (whole.len() - position) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits_across_every_scale() {
        for (nanos, text) in [
            (0.0, "0 ns"),
            (7.0, "7 ns"),
            (7.25, "7.25 ns"),
            (999.0, "999 ns"),
            (999.4, "999 ns"),
            (999.6, "1.00 µs"),
            (1_000.0, "1.00 µs"),
            (9_996.0, "10.0 µs"),
            (99_960.0, "100 µs"),
            (999_499.0, "999 µs"),
            (999_500.0, "1.00 ms"),
            (50_123_456.0, "50.1 ms"),
            (1e9, "1.00 s"),
            (1.234e12, "1,234 s"),
        ] {
            assert_eq!(value(nanos, Unit::Nanoseconds), text, "{nanos}");
        }
    }

    #[test]
    fn plain_numbers_stay_whole_where_they_are() {
        for (number, text) in
            [(0.0, "0"), (5.0, "5"), (2.5, "2.50"), (999.0, "999"), (1_000.0, "1,000")]
        {
            assert_eq!(value(number, Unit::None), text);
        }
        assert_eq!(value(-12_345.0, Unit::None), "-12,345");
        assert_eq!(value(1_000.0, Unit::Permille), "100 %");
        assert_eq!(value(512.0, Unit::Bytes), "512 B");
    }
}
