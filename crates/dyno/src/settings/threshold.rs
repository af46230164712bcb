//! The parser of thresholds: `METRIC.STAT OP VALUE [over DURATION] [abort]`.
//!
//! An error names the place in the text and what is taken there. The parser knows the units of
//! dyno's own metrics; that of a user's metric is known once the run has it.

use dyno_summary::Unit;

use super::value::{number, span};
use crate::plan::threshold::{
    FAILED, LimitKind, LimitOperator, Percentile, Threshold, ThresholdLimit, ThresholdStat,
    builtin_unit,
};

/// The form of a threshold, for errors.
const FORM: &str = "expected `METRIC.STAT OP VALUE [over TIME] [abort]`, such as \
                    `response.p99 < 20ms over 10s`";
const STATS: &str = "p99 (or any other percentile), min, max, mean, count, last and share";
/// The decimals that a percentile may have.
const PERCENTILE_DECIMALS: usize = 6;
/// The units that a value may be written with, each with its size in the base unit of its kind.
const UNITS: [(&str, f64, LimitKind); 21] = [
    ("ns", 1.0, LimitKind::Time),
    ("us", 1e3, LimitKind::Time),
    ("µs", 1e3, LimitKind::Time),
    ("μs", 1e3, LimitKind::Time),
    ("ms", 1e6, LimitKind::Time),
    ("s", 1e9, LimitKind::Time),
    ("min", 60e9, LimitKind::Time),
    ("m", 60e9, LimitKind::Time),
    ("h", 3_600e9, LimitKind::Time),
    ("B", 1.0, LimitKind::Size),
    ("kB", 1e3, LimitKind::Size),
    ("KB", 1e3, LimitKind::Size),
    ("MB", 1e6, LimitKind::Size),
    ("GB", 1e9, LimitKind::Size),
    ("KiB", 1_024.0, LimitKind::Size),
    ("MiB", 1_048_576.0, LimitKind::Size),
    ("GiB", 1_073_741_824.0, LimitKind::Size),
    ("%", 0.01, LimitKind::Percent),
    ("k", 1e3, LimitKind::Number),
    ("K", 1e3, LimitKind::Number),
    ("M", 1e6, LimitKind::Number),
];

/// Parses a threshold.
pub(super) fn threshold(text: &str) -> Result<Threshold, String> {
    let Some(operator) = text.find(['<', '>']) else {
        return Err(format!("there is no comparison such as `<`: {FORM}"));
    };
    let (left, right) = text.split_at(operator);
    let (comparison, right) = comparison(right);
    let (metric, statistic) = left_side(left)?;
    // The words after the comparison: the value, then the options.
    let mut words = Words { text, rest: right };
    let Some(value) = words.next() else {
        return Err(format!("there is no value after `{comparison}`: {FORM}"));
    };
    // `20 ms` is two words.
    let limit = match words.peek() {
        Some(unit) if UNITS.iter().any(|(name, ..)| *name == unit) => {
            words.next();
            limit(&format!("{value}{unit}"))
        }
        _ => limit(value),
    };
    let limit = limit.map_err(|remedy| words.at(value, &remedy))?;
    let (mut over, mut aborts) = (None, false);
    while let Some(word) = words.next() {
        match word {
            "over" if over.is_none() && !aborts => {
                let Some(time) = words.next() else {
                    return Err("there is no time after `over`: expected one such as `10s`".into());
                };
                over = Some(span(time).map_err(|remedy| words.at(time, &remedy))?);
            }
            "abort" if !aborts => aborts = true,
            _ => {
                let remedy = "expected `over` with a time such as `10s`, `abort`, or the end";
                return Err(words.at(word, remedy));
            }
        }
    }
    let threshold =
        Threshold { metric: metric.to_owned(), statistic, comparison, limit, over, aborts };
    check(&threshold)?;
    Ok(threshold)
}

fn comparison(text: &str) -> (LimitOperator, &str) {
    let operators = [
        ("<=", LimitOperator::AtMost),
        (">=", LimitOperator::AtLeast),
        ("<", LimitOperator::Below),
        (">", LimitOperator::Above),
    ];
    operators
        .into_iter()
        .find_map(|(operator, comparison)| Some((comparison, text.strip_prefix(operator)?)))
        .expect("the text begins with a comparison")
}

/// Parses the metric and its statistic. A metric's name may have dots, and a percentile one.
fn left_side(text: &str) -> Result<(&str, ThresholdStat), String> {
    let text = text.trim();
    let dots = text.match_indices('.').map(|(at, _)| at);
    let parts = dots.map(|at| (text[..at].trim_end(), &text[at + 1..]));
    let mut last = None;
    for (metric, name) in parts {
        match statistic(name) {
            Some(Ok(statistic)) if !metric.is_empty() => return Ok((metric, statistic)),
            Some(Err(remedy)) => {
                return Err(format!(
                    "`{name}` at character {}: {remedy}",
                    1 + text[..text.len() - name.len()].chars().count()
                ));
            }
            _ => last = Some(name),
        }
    }
    match last {
        Some(name) => Err(format!("no statistic is named `{name}`: the names are {STATS}")),
        None => Err(format!("`{text}` names no statistic: {FORM}")),
    }
}

/// Parses a statistic; `None` if it has another name.
fn statistic(name: &str) -> Option<Result<ThresholdStat, String>> {
    let named = match name {
        "min" => ThresholdStat::Min,
        "max" => ThresholdStat::Max,
        "mean" => ThresholdStat::Mean,
        "count" => ThresholdStat::Count,
        "last" => ThresholdStat::Last,
        "share" => ThresholdStat::Share,
        _ => return percentile(name.strip_prefix('p')?),
    };
    Some(Ok(named))
}

/// Parses the digits of a percentile; `None` if they are not a number.
fn percentile(digits: &str) -> Option<Result<ThresholdStat, String>> {
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.chars().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(decimals) || digits.ends_with('.') {
        return None;
    }
    let refused =
        || "a percentile is above 0 and at most 100, with up to six decimals, such as p99 or p99.9";
    if decimals.len() > PERCENTILE_DECIMALS {
        return Some(Err(refused().to_owned()));
    }
    let millionths = format!("{whole}{decimals:0<PERCENTILE_DECIMALS$}").parse::<u32>();
    Some(match millionths {
        Ok(millionths @ 1..=crate::plan::threshold::WHOLE) => {
            Ok(ThresholdStat::Percentile(Percentile(millionths)))
        }
        _ => Err(refused().to_owned()),
    })
}

/// Parses a value with its unit.
fn limit(text: &str) -> Result<ThresholdLimit, String> {
    // The longest unit that fits: `20ms` ends with `s` too.
    let unit =
        UNITS.iter().filter(|(name, ..)| text.ends_with(name)).max_by_key(|unit| unit.0.len());
    let (digits, size, kind) = match unit {
        Some((name, size, kind)) => (&text[..text.len() - name.len()], *size, *kind),
        None => (text, 1.0, LimitKind::Number),
    };
    let value = number(digits).filter(|value| *value >= 0.0 && !digits.ends_with(['k', 'K', 'M']));
    let value = value.map(|value| value * size).filter(|value| value.is_finite());
    value.map(|number| ThresholdLimit { number, kind, text: text.to_owned() }).ok_or_else(|| {
        "expected a number of at least 0 with the unit of the metric: `20ms`, `64MB`, `2%`, `500` \
         or `1.5k`"
            .to_owned()
    })
}

/// Refuses a statistic that a metric of dyno does not have, and a value of another kind.
fn check(threshold: &Threshold) -> Result<(), String> {
    let Threshold { metric, statistic, limit, .. } = threshold;
    let counts = matches!(statistic, ThresholdStat::Count | ThresholdStat::Share);
    if threshold.is_of_fates() && !counts {
        return Err(format!(
            "`{metric}` is a number of cycles and has no `{statistic}`: limit `{metric}.share`, \
             such as `{FAILED}.share < 1%`, or `{metric}.count`"
        ));
    }
    if *statistic == ThresholdStat::Share && !threshold.is_of_fates() {
        return Err(format!(
            "`{metric}` has no share: only `failed.share` and `delivered.share` are shares of the \
             cycles"
        ));
    }
    let unit = match statistic {
        ThresholdStat::Count | ThresholdStat::Share => threshold.unit(Unit::None),
        _ => match builtin_unit(metric) {
            Some(unit) => threshold.unit(unit),
            None => return Ok(()),
        },
    };
    match threshold.limit_in(unit) {
        Some(_) => Ok(()),
        None => Err(format!(
            "`{}` is {}, and `{metric}.{statistic}` is {}: write a value such as `{}`",
            limit.text,
            kind_name(limit.kind),
            unit_name(unit).0,
            unit_name(unit).1
        )),
    }
}

/// Returns a kind of value in words.
fn kind_name(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::Time => "a time",
        LimitKind::Size => "a size",
        LimitKind::Percent => "a share",
        LimitKind::Number => "a plain number",
    }
}

/// Returns a unit in words, and a value in it.
fn unit_name(unit: Unit) -> (&'static str, &'static str) {
    match unit {
        Unit::Nanoseconds => ("a time", "20ms"),
        Unit::Bytes => ("a size", "64MB"),
        Unit::Permille => ("a share", "2%"),
        _ => ("a plain number", "500"),
    }
}

/// The words of a text, which know their places in it.
struct Words<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.rest.split_whitespace().next()
    }

    /// Returns an error with the place of a word of the text.
    fn at(&self, word: &str, remedy: &str) -> String {
        let offset = (word.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = self.text.get(..offset).unwrap_or_default();
        format!("`{word}` at character {}: {remedy}", before.chars().count() + 1)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        let end = word.as_ptr() as usize - self.rest.as_ptr() as usize + word.len();
        self.rest = &self.rest[end..];
        Some(word)
    }
}

#[cfg(test)]
mod tests;
