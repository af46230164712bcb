//! The sentences of a verdict: its reasons, with numbers, and the next step to try.

use std::time::Duration;

use dyno_bus::segment::RATE_MAX;
use dyno_bus::timeline::SLOTS;
use nix::sys::signal::Signal;

use super::trend::{Assessment, Bounds, Doubt, DoubtKind};
use super::{BacklogSample, Evidence, LimitPassed, StoodStill};
use crate::plan::{DURATION_MAX, OnBacklog, RATE_MIN, Rate, thousands};

pub(crate) const AFTER_ERROR: &str =
    "fix the error first: these numbers are from a run that went wrong";
pub(crate) const AFTER_SIGNAL: &str =
    "run again to the end for a verdict: these numbers cover a part of the window";
pub(crate) const AFTER_NOTHING: &str = "give a longer --duration";
pub(crate) const AFTER_UNLEASED: &str =
    "leave the primary a core: use fewer --workers, or end what else runs on this machine";
pub(crate) const AFTER_STALL: &str =
    "record fewer values per cycle, or lower the --rate: the bus holds up the task";
pub(crate) const AFTER_PAUSE: &str = "run again without stopping it";

/// The most processes that a sentence about standing still names.
const STILL_LISTED: usize = 3;
/// The next rate to try, as a share of the rate that was delivered: queues are short at 90 %.
const NEXT_RATE_SHARE: f64 = 0.9;
/// The longest duration that a hint suggests.
pub(super) const LONGEST_TRY: Duration = Duration::from_secs(60 * 60);
/// The next rate to try, as a multiple of the rate that was held.
const NEXT_RATE_FACTOR: f64 = 2.0;

pub(crate) fn sustained(evidence: &Evidence, assessment: &Assessment) -> String {
    let highest = evidence.backlog.iter().map(BacklogSample::total).max();
    let fate = fate(evidence);
    let busy = assessment.load.map_or(String::new(), |load| format!("; {}", busy(load)));
    format!(
        "{} came due at {} over {}, {fate}, and the backlog stayed bounded: {} at first, {} at \
         last on average, {} at most{busy}",
        cycles(evidence.cycles.issued),
        evidence.rate,
        seconds(evidence.window),
        decimal(assessment.first),
        decimal(assessment.last),
        thousands(highest.unwrap_or(0)),
    )
}

/// Returns how busy the workers of a run with one cycle at a time were, as a clause.
fn busy(load: Bounds) -> String {
    format!("workers were busy for {} of the time", share(load))
}

/// Returns bounds as a share: `83 %`, `83 to 91 %` or `less than 1 %`.
fn share(bounds: Bounds) -> String {
    let (low, high) = ((bounds.low * 100.0).round(), (bounds.high * 100.0).round());
    if high < 1.0 {
        "less than 1 %".to_owned()
    } else if low >= high {
        format!("{high} %")
    } else {
        format!("{low} to {high} %")
    }
}

pub(crate) fn completed(evidence: &Evidence) -> String {
    format!(
        "a closed loop ran {} in {}, {}",
        cycles(evidence.cycles.issued),
        seconds(evidence.window),
        fate(evidence),
    )
}

/// Returns the outcomes of the cycles of a run that went well, as a clause.
pub(super) fn fate(evidence: &Evidence) -> String {
    let counts = &evidence.cycles;
    let failed = counts.failed + counts.abandoned;
    let waiting = counts.unstarted;
    match (failed, waiting) {
        (0, 0) => "all completed".to_owned(),
        (0, _) => format!("all that began completed ({} still waited)", thousands(waiting)),
        _ => format!("{} failed, within the {} allowed", thousands(failed), evidence.max_failed),
    }
}

pub(crate) fn limit_passed(evidence: &Evidence, passed: LimitPassed) -> String {
    let LimitPassed { sample, limit } = passed;
    // Hosts that are started one by one don't stop when the sum of their backlogs is too large.
    let was_cut = evidence.window < evidence.planned;
    let end = match evidence.on_backlog {
        OnBacklog::Stop if was_cut => ", and the run stopped there",
        OnBacklog::Stop | OnBacklog::Skip | OnBacklog::Queue => "",
    };
    let limit = if sample.waiting > limit.waiting && limit.waiting < limit.total {
        format!("{} waiting cycles", thousands(limit.waiting))
    } else {
        cycles(limit.total)
    };
    format!(
        "the backlog passed its limit of {limit} {} into the window, with {} waiting and {} \
         running{end}",
        seconds(sample.at - evidence.start),
        thousands(sample.waiting),
        thousands(sample.running),
    )
}

pub(crate) fn passed_between(limit: u64, least: u64) -> String {
    format!(
        "the backlog passed its limit of {} for a short time: it was {} or more, as the times at \
         which cycles ended show",
        cycles(limit),
        thousands(least),
    )
}

pub(crate) fn perhaps_passed(evidence: &Evidence, limit: u64) -> String {
    format!(
        "the backlog may have passed its limit of {} for less than {}: the window shows its \
         backlog no more finely",
        cycles(limit),
        seconds(evidence.planned * 2 / SLOTS as u32),
    )
}

pub(crate) fn skipped(evidence: &Evidence) -> String {
    let counts = &evidence.cycles;
    format!(
        "{} of {} were skipped ({}), because the backlog was at its limit",
        thousands(counts.skipped),
        cycles(counts.issued),
        percent(counts.skipped as f64 / counts.issued as f64),
    )
}

pub(crate) fn unstarted(evidence: &Evidence) -> String {
    let counts = &evidence.cycles;
    format!(
        "{} of {} had not begun when the drain deadline came",
        thousands(counts.unstarted),
        cycles(counts.issued),
    )
}

/// Returns the hint after a drain that its deadline cut.
pub(crate) fn drain_longer(evidence: &Evidence) -> String {
    let rate = lower_rate(evidence);
    format!("{rate}; or give the backlog longer to drain: --drain-deadline 1m")
}

/// The cycles and the length of the window that is judged, or of one of its stages.
#[derive(Debug, Clone, Copy)]
pub(super) struct JudgedSpan {
    /// The number of cycles that were due in it.
    pub(super) due: u64,
    pub(super) length: Duration,
    /// Its name: `window` or `stage`.
    pub(super) name: &'static str,
}

impl JudgedSpan {
    /// Returns the span of a run at one rate.
    pub(super) fn of(evidence: &Evidence) -> Self {
        Self { due: evidence.cycles.issued, length: evidence.window, name: "window" }
    }
}

pub(super) fn overloaded(assessment: &Assessment, span: &JudgedSpan) -> String {
    let grew = format!(
        "the backlog grew by {} cycles, from {} in the {}'s first tenth to {} in its last, \
         where {} are allowed",
        decimal(assessment.growth()),
        decimal(assessment.first),
        span.name,
        decimal(assessment.last),
        decimal(assessment.allowed),
    );
    match assessment.load {
        Some(load) if load.low > 1.0 => {
            format!("{grew}: cycles due take {} of the time that the workers have", share(load))
        }
        _ => grew,
    }
}

/// Returns the reason why a window or a stage does not show whether the rate is held.
pub(super) fn unclear(span: &JudgedSpan, assessment: &Assessment, doubt: Doubt) -> String {
    let JudgedSpan { due, length, name } = *span;
    let due = thousands(due);
    match doubt.kind {
        DoubtKind::FewCycles => format!(
            "{due} cycles over {} are too few to tell whether the backlog grows",
            seconds(length)
        ),
        DoubtKind::LongCycles { quartile } => format!(
            "cycles take too long for a {name} of {}: of the earliest, one of four took {} or \
             more, so that a rising number in flight ({} at first, {} at last) may be overload or \
             not",
            seconds(length),
            seconds(length.mul_f64(quartile.min(1.0))),
            decimal(assessment.first),
            decimal(assessment.last),
        ),
        DoubtKind::Load => {
            let load = assessment.load.unwrap_or(Bounds { low: 0.0, high: f64::INFINITY });
            format!(
                "cycles due take {} of the time that the workers have: with {due} cycles it is not \
                 clear whether that is below 100 %",
                share(load),
            )
        }
        DoubtKind::Chance => format!(
            "the backlog went from {} in the {name}'s first tenth to {} in its last: with {due} \
             cycles that may be chance or overload",
            decimal(assessment.first),
            decimal(assessment.last),
        ),
    }
}

/// Returns the hint after an unclear run: a duration that is expected to make it clear or, if that
/// is too long, the message that the rate is at capacity.
pub(crate) fn longer(evidence: &Evidence, assessment: &Assessment, doubt: Doubt) -> String {
    let duration = enough(evidence, doubt).as_secs_f64();
    if duration > LONGEST_TRY.as_secs_f64() {
        let near = assessment.load.map(|load| (load.high - 1.0).max(1.0 - load.low) * 100.0);
        let near = near.filter(|near| *near < 10.0);
        let near = near.map_or(String::new(), |near| format!(" within {near:.0} %"));
        return format!(
            "this rate is at capacity{near}, where even an hour would hardly tell: try another \
             --rate"
        );
    }
    format!("try --duration {}", round_duration(duration))
}

/// Returns the window that is expected to make an unclear run clear, at most [`DURATION_MAX`].
pub(crate) fn enough(evidence: &Evidence, doubt: Doubt) -> Duration {
    up_to_the_longest(evidence.window.as_secs_f64() * doubt.factor)
}

/// Returns a length in seconds as a time, at most [`DURATION_MAX`].
pub(super) fn up_to_the_longest(seconds: f64) -> Duration {
    // `min` also leaves out a factor that is not a number.
    Duration::from_secs_f64(seconds.min(DURATION_MAX.as_secs_f64()).max(0.0))
}

/// Returns this number of seconds, rounded up to about two digits.
pub(super) fn round_duration(seconds: f64) -> humantime::FormattedDuration {
    let step = match seconds {
        ..60.0 => 1.0,
        ..600.0 => 10.0,
        _ => 60.0,
    };
    humantime::format_duration(Duration::from_secs(((seconds / step).ceil() * step) as u64))
}

pub(crate) fn failed(evidence: &Evidence) -> String {
    let counts = &evidence.cycles;
    let abandoned = match counts.abandoned {
        0 => String::new(),
        abandoned => format!(" and {} had not ended at the drain deadline", thousands(abandoned)),
    };
    format!(
        "{} of {} failed{abandoned}; at most {} may (--max-failed)",
        thousands(counts.failed),
        cycles(counts.issued),
        evidence.max_failed,
    )
}

pub(crate) fn unleased(evidence: &Evidence) -> String {
    let issued = evidence.cycles.issued;
    format!(
        "{} of {} came due before the primary had leased them ({}): {}",
        thousands(evidence.unleased),
        cycles(issued),
        percent(evidence.unleased as f64 / issued.max(1) as f64),
        match evidence.stood_still.first() {
            Some(_) => stood_still(evidence),
            None => "the harness was late, not the task".to_owned(),
        },
    )
}

pub(crate) fn stalled(evidence: &Evidence) -> String {
    let stall = Duration::from_nanos(evidence.bus_stall_ns);
    format!(
        "the bus held up the task for {} of the window's {} ({})",
        seconds(stall),
        seconds(evidence.window),
        percent(stall.as_secs_f64() / evidence.window.as_secs_f64()),
    )
}

/// Returns the warning about waits between the cycles of a closed loop, with their cost.
pub(crate) fn stalled_between(evidence: &Evidence) -> String {
    let stall = Duration::from_nanos(evidence.bus_stall_between_ns);
    let lost = stall.as_secs_f64() / evidence.window.as_secs_f64();
    format!(
        "workers waited for {} of the window's {} to hand over what they measured: no measured \
         time is wrong because of it, but about {} more cycles could have run",
        seconds(stall),
        seconds(evidence.window),
        percent(lost / (1.0 - lost).max(0.01)),
    )
}

pub(crate) fn paused(evidence: &Evidence) -> String {
    let times = match evidence.pauses.count {
        1 => "once".to_owned(),
        count => format!("{} times", thousands(count)),
    };
    format!("the run was stopped {times}, for {} in all", seconds(evidence.pauses.total))
}

pub(crate) fn stood_still(evidence: &Evidence) -> String {
    let name = |still: &StoodStill| match still.worker {
        Some(worker) => format!("worker {worker} stood still for {}", seconds(still.total)),
        None => format!("the primary stood still for {}", seconds(still.total)),
    };
    let listed: Vec<_> = evidence.stood_still.iter().take(STILL_LISTED).map(name).collect();
    let others = match evidence.stood_still.len().saturating_sub(STILL_LISTED) {
        0 => String::new(),
        1 => ", and one more process for less".to_owned(),
        others => format!(", and {others} more processes for less"),
    };
    format!(
        "{}{others}: stopped from outside, or without a processor; cycles that came due meanwhile \
         waited",
        listed.join(", ")
    )
}

pub(crate) fn nothing_issued(evidence: &Evidence) -> String {
    format!("no cycle came due in the window of {}", seconds(evidence.window))
}

pub(crate) fn interrupted(evidence: &Evidence, signal: i32) -> String {
    let signal = Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |signal| signal.as_str().to_owned());
    format!(
        "{signal} ended the run {} into its window of {}, with {} of {} completed",
        seconds(evidence.window),
        seconds(evidence.planned),
        thousands(evidence.cycles.completed),
        cycles(evidence.cycles.issued),
    )
}

pub(crate) fn lost(evidence: &Evidence) -> String {
    let counts = &evidence.cycles;
    format!("what became of {} of {} is unknown", thousands(counts.lost), cycles(counts.issued))
}

pub(crate) fn after_failure(evidence: &Evidence) -> String {
    if evidence.cycles.abandoned > evidence.cycles.failed {
        "find out why cycles hang, or give them a longer --drain-deadline".to_owned()
    } else {
        "read the errors; where some are expected, allow them: --max-failed 1%".to_owned()
    }
}

pub(crate) fn lower_rate(evidence: &Evidence) -> String {
    match next_below(evidence) {
        Some(rate) => format!(
            "{}/s were delivered: try --rate {rate}, more --workers, or a faster task",
            decimal(delivered(evidence)),
        ),
        None => "try a lower --rate, more --workers, or a faster task".to_owned(),
    }
}

/// The hint after a run of one of several hosts without any trouble.
pub(crate) const OTHER_HOSTS: &str =
    "look at the other hosts: a rate is sustained if each host sustains its share";

pub(crate) fn higher_rate(rate: f64) -> String {
    if rate >= RATE_MAX {
        return "this is the highest rate that dyno issues".to_owned();
    }
    let next = two_digits((rate * NEXT_RATE_FACTOR).min(RATE_MAX));
    format!("try --rate {next}, or --rate search to find the highest rate that is sustained")
}

pub(crate) fn some_rate(evidence: &Evidence) -> String {
    match next_below(evidence) {
        Some(rate) => {
            format!(
                "a closed loop hides waiting: try --rate {rate} to see whether that rate is sustained"
            )
        }
        None => "a closed loop hides waiting: try a --rate".to_owned(),
    }
}

/// Returns the cycles per second that completed inside the window.
fn delivered(evidence: &Evidence) -> f64 {
    evidence.delivered as f64 / evidence.window.as_secs_f64()
}

/// Returns a rate over all hosts, somewhat below the one that the task delivered; `None` if it is out
/// of range.
fn next_below(evidence: &Evidence) -> Option<f64> {
    let delivered = delivered(evidence);
    let below = match evidence.rate {
        // Cycles left behind by the warm-up may bring it above the requested rate.
        Rate::PerSecond(rate) => delivered.min(rate),
        Rate::Max => delivered,
    };
    let rate = two_digits(below * NEXT_RATE_SHARE / evidence.part);
    (RATE_MIN..=RATE_MAX).contains(&rate).then_some(rate)
}

/// Returns a number cut to its two leading digits.
fn two_digits(number: f64) -> f64 {
    if number <= 0.0 || !number.is_finite() {
        return 0.0;
    }
    let exponent = number.log10().floor() as i32 - 1;
    let digits = (number / 10_f64.powi(exponent) + 1e-9).floor();
    // Division is exact here: 0.45 does not become 0.45000000000000001.
    if exponent < 0 { digits / 10_f64.powi(-exponent) } else { digits * 10_f64.powi(exponent) }
}

pub(super) fn cycles(count: u64) -> String {
    let noun = if count == 1 { "cycle" } else { "cycles" };
    format!("{} {noun}", thousands(count))
}

/// Returns a number with at most one decimal, and its thousands grouped.
pub(super) fn decimal(number: f64) -> String {
    let tenths = (number.abs() * 10.0).round() as u64;
    let sign = if number < 0.0 && tenths > 0 { "-" } else { "" };
    match tenths % 10 {
        0 => format!("{sign}{}", thousands(tenths / 10)),
        tenth => format!("{sign}{}.{tenth}", thousands(tenths / 10)),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// Returns a span of time to about three digits: `1.25s`, `430ms`.
pub(super) fn seconds(span: Duration) -> String {
    if span >= Duration::from_secs(60) {
        humantime::format_duration(Duration::from_secs(span.as_secs())).to_string()
    } else if span >= Duration::from_secs(1) || span.is_zero() {
        format!("{}s", (span.as_secs_f64() * 100.0).round() / 100.0)
    } else {
        format!("{}ms", (span.as_secs_f64() * 1e5).round() / 100.0)
    }
}
