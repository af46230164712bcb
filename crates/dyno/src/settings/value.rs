//! The parsers of values as people write them: `1.5k`, `250ms`, `1%`, `auto`.
//!
//! Each parser returns the value or, as its error, a description of the allowed values. The caller
//! adds the input and its source, which are not known here.

use std::fmt;
use std::time::Duration;

use dyno_bus::segment::RATE_MAX;

use crate::plan::hosts::OtherHosts;
use crate::plan::{DURATION_MAX, MaxFailed, RATE_MIN, Rate, WatchChoice, thousands};

/// A value, or a description of the allowed values.
type Reading<T> = Result<T, String>;

/// The text of a setting that follows from the machine (the number of workers) or from the plan
/// (the limit of the backlog).
pub(crate) const AUTO: &str = "auto";

/// The most cycles in flight per worker: each takes some memory in the worker.
const IN_FLIGHT_MAX: u32 = 1_000_000;

pub(crate) fn rate(text: &str) -> Reading<Rate> {
    if text.eq_ignore_ascii_case("max") {
        return Ok(Rate::Max);
    }
    // Reports print a rate with `/s`, so that it can be copied from them.
    match number(text.strip_suffix("/s").unwrap_or(text)) {
        Some(rate) if (RATE_MIN..=RATE_MAX).contains(&rate) => Ok(Rate::PerSecond(rate)),
        _ => Err(format!(
            "a rate is between {RATE_MIN} and {} cycles per second, like 50, 1.5k or 1M, or \"max\"",
            thousands(RATE_MAX as u64),
        )),
    }
}

/// Parses a rate of a list or of a bound, which can't be `max`.
pub(crate) fn cycles_per_second(text: &str) -> Reading<f64> {
    rate(text)?.per_second().ok_or_else(|| "expected a rate in numbers, such as `500`".to_owned())
}

/// Parses a share such as `5%`.
pub(crate) fn share(text: &str) -> Reading<f64> {
    let percent = text.strip_suffix('%').and_then(|digits| number(digits.trim_end()));
    percent
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "expected a share from 0.5% to 100%, such as `5%`".to_owned())
}

/// Parses a number of trials.
pub(crate) fn trials(text: &str) -> Reading<usize> {
    let trials = ungrouped(text).and_then(|digits| digits.parse().ok());
    trials.ok_or_else(|| "expected a number of trials, such as `5`".to_owned())
}

/// Parses the targets whose spans become metrics.
#[cfg(feature = "tracing")]
pub(crate) fn spans(text: &str) -> Reading<String> {
    use std::error::Error as _;
    dyno_emitter::harness::check_filter(text).map_err(|error| {
        // Not the whole message: the setting is named already.
        let reason = error.source().map(ToString::to_string).unwrap_or_default();
        format!("{reason}; targets are written as in `my_lib,my_lib::db=info`")
    })?;
    Ok(text.to_owned())
}

/// Accepts only an empty text, since spans need the feature `tracing`.
#[cfg(not(feature = "tracing"))]
pub(crate) fn spans(text: &str) -> Reading<String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    Err("spans need dyno's feature `tracing`, without which this was built".into())
}

/// Parses a span of time above zero.
pub(crate) fn span(text: &str) -> Reading<Duration> {
    span_from(text, Duration::from_nanos(1), "above zero")
}

/// Parses a span of time that may be zero.
pub(crate) fn span_or_none(text: &str) -> Reading<Duration> {
    span_from(text, Duration::ZERO, "of zero or more")
}

fn span_from(text: &str, least: Duration, range: &str) -> Reading<Duration> {
    // A bare zero needs no unit.
    let text = if text == "0" { "0s" } else { text };
    match humantime::parse_duration(text) {
        Ok(span) if (least..=DURATION_MAX).contains(&span) => Ok(span),
        Ok(_) => Err(format!(
            "expected a time {range} and at most {}",
            humantime::format_duration(DURATION_MAX),
        )),
        Err(_) => Err("a time is a number with its unit, like 250ms, 5s or 2m".to_owned()),
    }
}

/// Parses a number of workers; `None` for `auto`, which is as many as the machine runs at once.
pub(crate) fn workers(text: &str) -> Reading<Option<u32>> {
    if text.eq_ignore_ascii_case(AUTO) {
        return Ok(None);
    }
    let workers = count(text, 1, u64::MAX)
        .ok_or("a run needs at least one worker: give a number, or \"auto\"")?;
    let workers = u32::try_from(workers);
    workers
        .map(Some)
        .map_err(|_| "no machine runs that many workers: give a number, or \"auto\"".to_owned())
}

/// Parses a host's share of a run, `HOST/WORKERS,WORKERS`: its place, from 0, and the workers of each
/// host.
pub(crate) fn share_of_host(text: &str) -> Reading<(OtherHosts, u32)> {
    const FORM: &str = "expected `HOST/WORKERS,WORKERS`: the host's place, from 0, and the workers of \
                        each host, such as `1/4,2` for the second of two hosts";
    let (host, workers) = text.split_once('/').ok_or(FORM)?;
    let host: usize = host.trim().parse().map_err(|_| FORM)?;
    let count = |word: &str| count(word.trim(), 1, u32::MAX.into())?.try_into().ok();
    let workers: Vec<u32> = workers.split(',').map(count).collect::<Option<_>>().ok_or(FORM)?;
    let Some(own) = workers.get(host) else {
        let hosts = workers.len();
        return Err(format!("there are {hosts} hosts, from 0 to {}: {FORM}", hosts - 1));
    };
    let others = OtherHosts::of(host, &workers).ok_or("no run has that many workers")?;
    Ok((others, *own))
}

/// Parses a limit of the backlog; `None` for `auto`, where the plan sets the limit.
pub(crate) fn count_or_auto(text: &str) -> Reading<Option<u64>> {
    if text.eq_ignore_ascii_case(AUTO) {
        return Ok(None);
    }
    count(text, 1, u64::MAX)
        .map(Some)
        .ok_or("it is a number of cycles of at least 1, like 500 or 2k, or \"auto\"".to_owned())
}

pub(crate) fn in_flight(text: &str) -> Reading<u32> {
    let cycles = count(text, 1, IN_FLIGHT_MAX.into()).and_then(|count| u32::try_from(count).ok());
    cycles.ok_or_else(|| {
        let most = thousands(IN_FLIGHT_MAX.into());
        format!("it is a number of cycles per worker, from 1 to {most}")
    })
}

pub(crate) fn max_failed(text: &str) -> Reading<MaxFailed> {
    let read = match text.strip_suffix('%') {
        Some(percent) => percent
            .trim()
            .parse()
            .ok()
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(|percent: f64| MaxFailed::Share(percent / 100.0)),
        None => count(text, 0, u64::MAX).map(MaxFailed::Count),
    };
    read.ok_or("it is a number of cycles, like 0 or 20, or a share, like 0.5%".to_owned())
}

/// The highest seed: many readers of JSON have only floats, which are not exact above it.
pub(crate) const SEED_MAX: u64 = (1 << 53) - 1;

pub(crate) fn seed(text: &str) -> Reading<u64> {
    let seed = ungrouped(text).and_then(|digits| digits.parse().ok());
    let seed = seed.filter(|seed| *seed <= SEED_MAX);
    seed.ok_or_else(|| format!("a seed is a whole number from 0 to {SEED_MAX}"))
}

/// The highest process id that Linux gives.
const PID_MAX: u32 = 1 << 22;

/// Parses the choice of a process: an id, or any other text as a name.
pub(crate) fn watch(text: &str) -> Reading<WatchChoice> {
    if text.is_empty() {
        return Err("expected the id or the name of a process, such as `redis-server`".to_owned());
    }
    if !text.chars().all(|digit| digit.is_ascii_digit()) {
        return Ok(WatchChoice::Name(text.to_owned()));
    }
    let pid = text.parse().ok().filter(|pid| (1..=PID_MAX).contains(pid));
    pid.map(WatchChoice::Pid)
        .ok_or_else(|| format!("a process id is a number from 1 to {}", thousands(PID_MAX.into())))
}

/// Parses the name of one of these values; upper and lower case are the same.
pub(crate) fn choice<T: Copy + fmt::Display>(text: &str, all: &[T]) -> Reading<T> {
    let names: Vec<_> = all.iter().map(T::to_string).collect();
    let found = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    found.map(|at| all[at]).ok_or_else(|| format!("it is one of {}", names.join(", ")))
}

/// Parses a whole number from `least` to `most`.
fn count(text: &str, least: u64, most: u64) -> Option<u64> {
    // Parsed as an integer if possible, because a float is exact only up to 2^53.
    let count = ungrouped(text).and_then(|digits| digits.parse().ok()).or_else(|| {
        number(text).filter(|number| number.fract() == 0.0 && *number >= 0.0).map(|n| n as u64)
    })?;
    (least..=most).contains(&count).then_some(count)
}

/// Parses a finite number, with the suffixes `k`, `K` and `M`. A lowercase `m` is refused, because
/// it means a thousandth.
pub(super) fn number(text: &str) -> Option<f64> {
    let (digits, factor) = match text.strip_suffix(['k', 'K', 'M']) {
        Some(digits) if text.ends_with('M') => (digits, 1e6),
        Some(digits) => (digits, 1e3),
        None => (text, 1.0),
    };
    let digits = ungrouped(digits.trim_end())?;
    // The characters are checked, because `parse` also accepts `inf` and `nan`.
    let plain = digits.chars().all(|digit| digit.is_ascii_digit() || ".-+e".contains(digit));
    digits.parse::<f64>().ok().filter(|number| plain && number.is_finite()).map(|n| n * factor)
}

/// Removes the separators between groups of digits: `1_000`, as in code, and `1,000`, as reports
/// print it. Returns `None` for a comma that is not followed by three digits, since it may be a
/// decimal one: `1,5` is refused.
pub(crate) fn ungrouped(text: &str) -> Option<String> {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let groups: Vec<&str> = whole.split(',').collect();
    let grouped = |group: &&str| group.len() == 3 && group.chars().all(|c| c.is_ascii_digit());
    let sound = groups.len() == 1
        || (groups[1..].iter().all(grouped) && (1..=3).contains(&groups[0].len()))
            && !groups[0].contains('_');
    let between = text.match_indices('_').all(|(at, _)| {
        is_digit(text[..at].chars().next_back()) && is_digit(text[at + 1..].chars().next())
    });
    let fraction_has_comma = text[whole.len()..].contains(',');
    (sound && between && !fraction_has_comma).then(|| text.replace(['_', ','], ""))
}
