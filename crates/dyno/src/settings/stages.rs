//! The parser of load profiles: `TIME:RATE` or `TIME:RATE..RATE`, with commas between the stages.
//!
//! An error names the place in the text and the values that are allowed there. The whole is checked
//! by the profile itself.

use std::time::Duration;

use dyno_bus::segment::RATE_MAX;

use super::value::{number, span};
use crate::plan::profile::{Profile, Stage};
use crate::plan::{RATE_MIN, thousands};

/// The form of a stage, for errors.
const FORM: &str = "expected `TIME:RATE` or a ramp `TIME:RATE..RATE`, such as `30s:1k` or \
                    `1m:1k..5k`";

/// Parses a profile.
pub(super) fn profile(text: &str) -> Result<Profile, String> {
    if text.trim().is_empty() {
        return Err(format!("there are no stages: {FORM}, with commas between the stages"));
    }
    let stages = text.split(',').map(|part| stage(text, part)).collect::<Result<Vec<_>, _>>()?;
    Profile::new(stages).map_err(|error| error.to_string())
}

/// Parses one stage, which is a part of `text`.
fn stage(text: &str, part: &str) -> Result<Stage, String> {
    let word = part.trim();
    if word.is_empty() {
        let before = text.get(..offset(text, part)).unwrap_or_default();
        let place = before.chars().count() + 1;
        return Err(format!("there is no stage at character {place}: {FORM}"));
    }
    let Some((time, rates)) = word.split_once(':') else {
        return Err(at(text, word, FORM));
    };
    let duration = duration(time.trim()).map_err(|remedy| at(text, time.trim(), &remedy))?;
    let (from, to) = match rates.split_once("..") {
        Some((from, to)) => (from.trim(), to.trim()),
        None => (rates.trim(), rates.trim()),
    };
    let read = |word: &str| rate(word).map_err(|remedy| at(text, word, &remedy));
    Ok(Stage { from: read(from)?, to: read(to)?, duration })
}

fn duration(word: &str) -> Result<Duration, String> {
    if word.is_empty() {
        return Err("there is no time before `:`: expected one such as `30s`".to_owned());
    }
    span(word)
}

fn rate(word: &str) -> Result<f64, String> {
    if word.eq_ignore_ascii_case("max") {
        return Err(
            "a closed loop has no rate, and so no stages: expected a rate such as `50` or \
                    `1.5k`"
                .to_owned(),
        );
    }
    let rate = number(word.strip_suffix("/s").unwrap_or(word));
    rate.filter(|rate| (RATE_MIN..=RATE_MAX).contains(rate)).ok_or_else(|| {
        let most = thousands(RATE_MAX as u64);
        format!("expected a rate from {RATE_MIN} to {most}, such as `50` or `1.5k`")
    })
}

/// Returns an error with the place of a word, which is a part of `text`.
fn at(text: &str, word: &str, remedy: &str) -> String {
    let before = text.get(..offset(text, word)).unwrap_or_default();
    format!("`{word}` at character {}: {remedy}", before.chars().count() + 1)
}

/// Returns the number of bytes before a part of `text`.
fn offset(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

#[cfg(test)]
mod tests;
