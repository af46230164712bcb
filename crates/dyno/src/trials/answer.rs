//! The answer of a study: its findings as data, and in one sentence.

mod searches;

use dyno_bus::value::Unit;
use dyno_observer::format;
use dyno_summary::{
    FigureSpread, RepeatFinding, RepeatedRate, Study, StudyTrial, SweepFinding, Verdict,
};

use super::course::{RunFigures, StudyCourse};
use crate::plan::Rate;
use crate::study::repeat::{HeldShare, Repeat, Spread};
use crate::study::search::{Answer, SearchEnd};
use crate::study::sweep::Sweep;
use crate::study::trial::{Trial, TrialVerdict};

/// Writes the state of a study that goes on.
pub(super) fn so_far(study: &mut Study, course: &StudyCourse) {
    match course {
        StudyCourse::Sweep { sweep, count, figures } => of_sweep(study, sweep, *count, figures),
        StudyCourse::Repeat { repeat, count, figures, .. } => {
            of_repeat(study, repeat, *count, figures);
        }
        StudyCourse::Search(searches) => searches::so_far(study, searches),
    }
}

/// Writes the result of a study that is over.
pub(super) fn at_end(study: &mut Study, course: &mut StudyCourse) {
    so_far(study, course);
    let end = match course {
        StudyCourse::Sweep { sweep, .. } => match cut(sweep.trials()) {
            Some(_) => "interrupted",
            None if sweep.is_cut_short() => "limit",
            None => "done",
        },
        StudyCourse::Repeat { repeat, .. } if cut(repeat.trials()).is_some() => "interrupted",
        StudyCourse::Repeat { .. } => "done",
        StudyCourse::Search(searches) => searches::at_end(study, searches).unwrap_or("error"),
    };
    study.end = Some(end.to_owned());
}

/// Makes a study an error.
pub(super) fn fail(study: &mut Study, fault: &str) {
    study.end = Some("error".to_owned());
    study.exit_code = Verdict::Error.exit_code(None);
    study.warnings.insert(0, fault.to_owned());
}

/// Returns the signal that ended the last trial, if one did; `Some(None)` if it is not known.
fn cut(trials: &[Trial]) -> Option<Option<i32>> {
    match trials.last()?.verdict {
        TrialVerdict::Interrupted { signal } => Some(signal),
        _ => None,
    }
}

fn of_sweep(study: &mut Study, sweep: &Sweep, count: usize, figures: &[(Rate, RunFigures)]) {
    study.study = "sweep".to_owned();
    let limit = sweep.first_not_held().and_then(Rate::per_second);
    let below = |rate: f64| limit.is_none_or(|limit| rate < limit);
    let is_held = |rate: f64| 2 * sweep.held_at(rate).held > sweep.held_at(rate).of;
    let rates = sweep.rates();
    let mut finding = SweepFinding::default();
    finding.rates = rates.to_vec();
    finding.sustained = rates.iter().rev().copied().find(|rate| below(*rate) && is_held(*rate));
    finding.not_sustained = limit;
    if count > 1 {
        let of_rate = |(at, figures): &(Rate, RunFigures)| {
            let mut repeated = RepeatedRate::default();
            repeated.rate = at.per_second()?;
            repeated.repeat = repeat_finding(sweep.held_at(repeated.rate), count, figures);
            Some(repeated)
        };
        finding.repeats = figures.iter().filter_map(of_rate).collect();
        finding.repeats.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    }
    let rate = |at: f64| match sweep.held_at(at) {
        HeldShare { held, of, .. } if count > 1 => format!("{} ({held} of {of} runs)", rate(at)),
        HeldShare { .. } => rate(at),
    };
    study.answer = match (finding.sustained, limit) {
        (Some(held), Some(limit)) => {
            format!("sustained up to {}; {} is not sustained", rate(held), rate(limit))
        }
        (None, Some(limit)) => {
            format!("{} is not sustained, and no lower rate is known to be", rate(limit))
        }
        (Some(held), None) => format!("sustained up to {}", rate(held)),
        (None, None) => "no rate has a verdict".to_owned(),
    };
    study.sweep = Some(finding);
    // The table is the result: a rate that is too high belongs in it. Only if even the lowest rate
    // was not sustained, its verdict is that of the sweep.
    let lowest = lowest(study);
    let of_lowest = study.trials.iter().filter(|trial| trial.rate == lowest);
    let worst = of_lowest.map(|trial| &trial.verdict).max().unwrap_or(&Verdict::Inconclusive);
    let first = if lowest.is_some_and(is_held) { &Verdict::Sustained } else { worst };
    let has_error = study.trials.iter().any(|trial| trial.verdict == Verdict::Error);
    study.exit_code = match cut(sweep.trials()) {
        Some(signal) => Verdict::Interrupted.exit_code(signal),
        None if has_error => Verdict::Error.exit_code(None),
        None => first.exit_code(None),
    };
}

fn of_repeat(study: &mut Study, repeat: &Repeat, count: usize, figures: &RunFigures) {
    study.study = "repeat".to_owned();
    let share = repeat.held();
    study.answer = if share.of == 0 {
        format!("{} trials without a verdict on the rate", study.trials.len())
    } else {
        format!(
            "{} of {} trials were sustained: {:.0} to {:.0} % of all runs would be, with 95 %",
            share.held,
            share.of,
            100.0 * share.interval.0,
            100.0 * share.interval.1
        )
    };
    study.repeat = Some(repeat_finding(share, count, figures));
    let worst = study.trials.iter().map(|trial| &trial.verdict).max();
    study.exit_code = match cut(repeat.trials()) {
        Some(signal) => Verdict::Interrupted.exit_code(signal),
        None => worst.unwrap_or(&Verdict::Inconclusive).exit_code(None),
    };
}

fn repeat_finding(share: HeldShare, count: usize, figures: &RunFigures) -> RepeatFinding {
    let spreads = figures
        .iter()
        .filter_map(|(name, figures)| Some(((*name).to_owned(), spread(Spread::of(figures)?))));
    let mut finding = RepeatFinding::default();
    finding.count = count as u64;
    finding.sustained = share.held as u64;
    finding.judged = share.of as u64;
    (finding.share_low, finding.share_high) = share.interval;
    finding.spreads = spreads.collect();
    finding
}

fn spread(of: Spread) -> FigureSpread {
    let mut spread = FigureSpread::default();
    // A hundredth of a nanosecond tells nothing.
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    spread.mean_ns = rounded(of.mean);
    spread.between_ns = rounded(of.between);
    spread.within_ns = rounded(of.within);
    spread.differs = of.differs;
    spread
}

/// Returns the end of a search as a word.
fn word(end: SearchEnd) -> &'static str {
    match end {
        SearchEnd::Found => "found",
        SearchEnd::TimeOver => "time-over",
        SearchEnd::AtLeast => "at-least",
        SearchEnd::HarnessLimit => "harness-limit",
        SearchEnd::LowestNotHeld => "lowest-not-sustained",
        SearchEnd::Failed => "failed",
        SearchEnd::Errors => "error",
        SearchEnd::NotRecovered => "not-recovered",
        SearchEnd::Unclear => "unclear",
        SearchEnd::Invalid => "invalid",
        SearchEnd::Interrupted { .. } => "interrupted",
    }
}

/// Returns the answer of a search in one sentence.
fn sentence(study: &Study, answer: &Answer) -> String {
    let (lower, upper) = (answer.lower.map(|end| end.rate), answer.upper.map(|end| end.rate));
    let latency = lower.map_or(String::new(), |lower| latency_at(study, lower));
    let interval = interval(study);
    match answer.end {
        SearchEnd::Found => match (lower, upper) {
            (Some(lower), Some(upper)) => {
                format!("sustains {}{latency}; {} is not sustained", rate(lower), rate(upper))
            }
            _ => interval,
        },
        SearchEnd::TimeOver => match (lower, upper) {
            (Some(lower), Some(upper)) => format!(
                "sustains {}{latency}; {} is not sustained; the time was over before the interval \
                 was as narrow as requested",
                rate(lower),
                rate(upper)
            ),
            (Some(lower), None) => format!("sustains {}{latency}; the time was over", rate(lower)),
            _ => format!("the time was over before a rate was sustained; {interval}"),
        },
        SearchEnd::AtLeast => {
            format!(
                "sustains at least {}{latency}, the highest rate of this search",
                or_zero(lower)
            )
        }
        SearchEnd::HarnessLimit => format!(
            "sustains at least {}{latency}; above it, dyno itself was the limit",
            or_zero(lower)
        ),
        SearchEnd::LowestNotHeld => {
            format!("not even the lowest rate is sustained, {}", or_zero(lowest(study)))
        }
        SearchEnd::Failed => format!("every rate that was tried fails: {}", last_reason(study)),
        SearchEnd::Errors => format!("trials ended in an error: {}", last_reason(study)),
        SearchEnd::Invalid => format!("dyno itself was the limit: {}", last_reason(study)),
        SearchEnd::NotRecovered => format!(
            "the target no longer sustains {}, which it did before {}: it did not recover",
            or_zero(lower),
            or_zero(upper)
        ),
        SearchEnd::Unclear => format!("the trials do not show it: {interval}"),
        SearchEnd::Interrupted { .. } => format!("interrupted: {interval}, so far"),
    }
}

/// Returns the interval of the capacity as a clause.
fn interval(study: &Study) -> String {
    let finding = study.search.clone().unwrap_or_default();
    let (low, high) = (digits(finding.low), digits(finding.high));
    format!("the capacity is from {} to {}", rate(low), rate(high))
}

/// Returns the response at a rate, from the last trial that sustained it, in parentheses.
fn latency_at(study: &Study, at: f64) -> String {
    let is_at = |trial: &&StudyTrial| {
        trial.rate == Some(at) && trial.verdict == Verdict::Sustained && !trial.is_overruled
    };
    let Some(trial) = study.trials.iter().rev().find(is_at) else { return String::new() };
    let part = |name: &str, value: Option<u64>| {
        value.map(|value| format!("{name} {}", format::value(value as f64, Unit::Nanoseconds)))
    };
    let parts = [part("p50", trial.response_p50_ns), part("p99", trial.response_p99_ns)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" (response {})", parts.join(", ")) }
}

fn lowest(study: &Study) -> Option<f64> {
    study.trials.iter().filter_map(|trial| trial.rate).min_by(f64::total_cmp)
}

fn last_reason(study: &Study) -> &str {
    study.trials.last().map_or("no trial was run", |trial| &trial.reason)
}

fn or_zero(per_second: Option<f64>) -> String {
    rate(per_second.unwrap_or(0.0))
}

fn rate(per_second: f64) -> String {
    Rate::PerSecond(per_second).to_string()
}

/// Returns a number rounded to three digits: an estimate has no more.
fn digits(number: f64) -> f64 {
    if number <= 0.0 || !number.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powi(2 - number.log10().floor() as i32);
    (number * scale).round() / scale
}

#[cfg(test)]
mod tests;
