//! The thresholds of a run while it goes on, and their values at its end. No I/O, no clock.
//!
//! A threshold over the whole window needs nothing before the end, unless it aborts: then the values
//! beyond its limit are counted. One over a sliding window keeps ten pieces of values, each a tenth
//! of the window, and is judged whenever a piece is complete.
//!
//! A value comes when its cycle ends, and a target that hangs yields none. So cycles that are due
//! and have not ended count with their age, once that is beyond an upper limit. Which cycles these
//! are is not known, but how many were due by each beat is: their ages are at least those of the
//! newest.

mod certain;
pub(super) mod stored;

use std::collections::VecDeque;
use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::builtin::{BACKLOG, RESPONSE, SERVICE, WAIT};
use dyno_observer::{Observer, Series};
use dyno_summary::{Fates, Unit};

pub(crate) use self::certain::{cycles_max, is_certain};
use self::stored::StoredThreshold;
use super::backlog::CycleProgress;
use crate::plan::Plan;
use crate::plan::hosts::OtherHosts;
use crate::plan::threshold::{
    DELIVERED, FAILED, PIECES, Percentile, Threshold, ThresholdStat, WHOLE, builtin_unit,
};
use crate::verdict::threshold::MeasuredThreshold;

/// The thresholds of a run.
#[derive(Debug)]
pub(crate) struct ThresholdWatch {
    watched: Vec<Watched>,
    /// The progress at each beat, from the oldest at which a cycle was due that has not ended.
    history: VecDeque<(Time, CycleProgress)>,
    /// The most cycles that the plan has; `None` in a closed loop.
    cycles_max: Option<f64>,
    begun: Time,
}

/// A threshold on its way.
#[derive(Debug)]
struct Watched {
    threshold: Threshold,
    /// The observer's tap, if values are needed before the end.
    tap: Option<usize>,
    /// The time between two pieces, and the end of the current one.
    step: Duration,
    next: Time,
    pieces: VecDeque<Piece>,
    worst: Option<Worst>,
    /// Values beyond the limit so far.
    beyond: u64,
    /// The number that [`is_certain`] was last judged by.
    judged: u64,
    was_certain: bool,
    /// The pieces so far, if this is a share of a run: the windows of the whole run are made of the
    /// pieces of all hosts.
    kept: Option<StoredThreshold>,
}

/// A piece of a sliding window: its values, and the counts of cycles at its end.
#[derive(Debug, Default)]
struct Piece {
    values: Series,
    ended: CycleProgress,
}

/// The value of the worst sliding window so far.
#[derive(Debug, Clone, Copy)]
struct Worst {
    value: f64,
    count: u64,
    /// The window's end, since the start of the measured window.
    at: Duration,
}

/// The facts of a run that is over.
pub(crate) struct ThresholdEnd {
    pub(crate) now: Time,
    pub(crate) fates: Fates,
    pub(crate) backlog_max: u64,
}

/// The values that thresholds are judged by while the run goes on.
pub(crate) trait TappedValues {
    /// Returns the unit of a metric; `None` as long as it is not known.
    fn unit_of(&self, metric: &str) -> Option<Unit>;
    /// Takes the values of a tap that came since it was last taken.
    fn take(&mut self, tap: usize) -> Series;
}

impl TappedValues for Observer {
    fn unit_of(&self, metric: &str) -> Option<Unit> {
        Self::unit_of(self, metric)
    }

    fn take(&mut self, tap: usize) -> Series {
        self.take_tap(tap)
    }
}

impl ThresholdWatch {
    /// Creates the watch of a plan's thresholds, with the observer's taps that it needs.
    pub(crate) fn new(plan: &Plan, observer: &mut Observer) -> Self {
        let watched = plan.thresholds.iter().map(|threshold| {
            let needs_values = threshold.over.is_some() || threshold.aborts;
            let tap =
                (needs_values && !threshold.is_of_fates()).then(|| observer.tap(&threshold.metric));
            Watched {
                step: threshold.over.map_or(Duration::ZERO, |over| over / PIECES),
                threshold: threshold.clone(),
                tap,
                next: Time::NEVER,
                pieces: VecDeque::new(),
                worst: None,
                beyond: 0,
                judged: 0,
                was_certain: false,
                kept: plan.keeps_record.then(StoredThreshold::default),
            }
        });
        Self {
            watched: watched.collect(),
            history: VecDeque::new(),
            cycles_max: cycles_max(plan),
            begun: Time::ZERO,
        }
    }

    /// Lets a breach over the whole window be certain on this host only if it is for the whole run,
    /// whose other hosts may have no value beyond the limit.
    pub(crate) fn judge_as_a_part(&mut self, plan: &Plan) {
        let others = OtherHosts::default();
        self.cycles_max = cycles_max(&Plan { others, ..plan.clone() });
    }

    /// Returns a number for each threshold; [`is_certain`] judges the sums over all hosts.
    pub(crate) fn beyond(&self) -> Vec<u64> {
        self.watched.iter().map(|one| one.judged).collect()
    }

    /// Begins the measured window.
    pub(crate) fn begin(&mut self, at: Time) {
        self.begun = at;
        for watched in &mut self.watched {
            watched.next = at + watched.step;
            watched.pieces.push_back(Piece::default());
        }
    }

    /// Takes what came until `now`. A beat may come early by `slack`. Returns
    /// `true` if the run has to end, because a breach that aborts it is certain.
    pub(crate) fn beat(
        &mut self,
        now: Time,
        slack: Duration,
        values: &mut impl TappedValues,
        progress: CycleProgress,
    ) -> bool {
        if self.watched.iter().all(|watched| !watched.is_needed_before_the_end()) {
            return false;
        }
        while self.history.get(1).is_some_and(|(_, then)| then.due <= progress.ended) {
            self.history.pop_front();
        }
        self.history.push_back((now, progress));
        let Self { watched, history, cycles_max, begun } = self;
        for one in watched.iter_mut().filter(|one| one.is_needed_before_the_end()) {
            let Some(unit) = one.unit(values) else { continue };
            if let Some(kept) = &mut one.kept {
                kept.known(now - *begun);
            }
            let metric = one.threshold.metric.clone();
            let ages = Ages { history, now, metric: &metric };
            if one.threshold.over.is_none() {
                one.count_beyond(unit, &ages, values, progress, *cycles_max);
            } else if now + slack >= one.next {
                one.next = now + one.step;
                one.close_piece(progress, values, (Some(now), *begun));
                one.judge_window(unit, &ages, now - *begun);
            }
        }
        self.watched.iter().any(|one| one.threshold.aborts && one.was_certain)
    }

    /// Returns all thresholds with their values so far; empty before the measured window.
    pub(crate) fn so_far(&self, now: &ThresholdEnd, observer: &Observer) -> Vec<MeasuredThreshold> {
        let so_far = |one: &Watched| {
            let unit = one.unit(observer);
            match (unit, one.threshold.over) {
                (Some(unit), Some(_)) => one.slid(unit),
                _ => one.whole(unit, now, observer),
            }
        };
        let watched = self.watched.iter().filter(|_| self.begun > Time::ZERO);
        watched.map(so_far).collect()
    }

    /// Ends the last piece of each sliding window, once every cycle has its outcome.
    pub(super) fn close(&mut self, progress: CycleProgress, values: &mut impl TappedValues) {
        let begun = self.begun;
        for one in self.watched.iter_mut().filter(|one| one.threshold.over.is_some()) {
            if one.unit(values).is_some() {
                one.close_piece(progress, values, (None, begun));
            }
        }
    }

    /// Returns all thresholds with their values, once the last pieces are [closed](Self::close).
    pub(crate) fn finish(
        &mut self,
        end: &ThresholdEnd,
        observer: &Observer,
    ) -> Vec<MeasuredThreshold> {
        let begun = self.begun;
        let finish = |one: &mut Watched| {
            let unit = one.unit(observer);
            if let (Some(unit), Some(_)) = (unit, one.threshold.over) {
                one.judge_last_window(unit, end.now - begun, observer);
                return one.slid(unit);
            }
            one.whole(unit, end, observer)
        };
        self.watched.iter_mut().map(finish).collect()
    }
}

impl Watched {
    fn is_needed_before_the_end(&self) -> bool {
        self.threshold.over.is_some() || self.threshold.aborts
    }

    /// Returns the unit of the statistic; `None` as long as the metric is not known.
    fn unit(&self, values: &impl TappedValues) -> Option<Unit> {
        let metric = &self.threshold.metric;
        let unit = builtin_unit(metric).or_else(|| values.unit_of(metric));
        unit.map(|unit| self.threshold.unit(unit))
    }

    /// Counts the new values beyond the limit, and notes if there are more than the whole plan
    /// allows.
    fn count_beyond(
        &mut self,
        unit: Unit,
        ages: &Ages<'_>,
        values: &mut impl TappedValues,
        progress: CycleProgress,
        cycles_max: Option<f64>,
    ) {
        let Some(limit) = self.threshold.limit_in(unit) else { return };
        let values = self.tap.map(|tap| values.take(tap)).unwrap_or_default();
        let is_kept = |value: f64| self.threshold.is_kept_by(value, limit);
        self.judged = match self.threshold.statistic {
            ThresholdStat::Count if self.threshold.metric != FAILED => {
                self.beyond += values.count();
                self.beyond
            }
            ThresholdStat::Count | ThresholdStat::Share => progress.failed,
            ThresholdStat::Percentile(_) => {
                self.beyond += values.count_of(|value| !is_kept(value as f64));
                self.beyond + ages.beyond(limit).map(|(_, count)| count).sum::<u64>()
            }
            ThresholdStat::Max => {
                let oldest = ages.beyond(limit).next().is_some();
                self.beyond += u64::from(!values.is_empty() && !is_kept(values.max() as f64));
                self.beyond + u64::from(oldest)
            }
            ThresholdStat::Min | ThresholdStat::Mean | ThresholdStat::Last => 0,
        };
        self.was_certain |= is_certain(&self.threshold, limit, self.judged, cycles_max);
    }

    /// Ends a piece at an instant, or at the end of a run that began its window at the second one.
    fn close_piece(
        &mut self,
        ended: CycleProgress,
        values: &mut impl TappedValues,
        (at, begun): (Option<Time>, Time),
    ) {
        let values = self.tap.map(|tap| values.take(tap)).unwrap_or_default();
        if let Some(kept) = self.kept.as_mut().filter(|_| self.tap.is_some()) {
            kept.push(at, begun, &values);
        }
        self.pieces.push_back(Piece { values, ended });
        // The first one is the state before the window.
        if self.pieces.len() > PIECES as usize + 1 {
            self.pieces.pop_front();
        }
    }

    /// Judges the window that ends now, if it is a whole one.
    fn judge_window(&mut self, unit: Unit, ages: &Ages<'_>, at: Duration) {
        if self.pieces.len() <= PIECES as usize {
            return;
        }
        let Some(limit) = self.threshold.limit_in(unit) else { return };
        let mut values = self.values();
        if self.threshold.is_upper() {
            ages.beyond(limit).for_each(|(age, count)| values.add(age, count, Time::ZERO));
        }
        self.weigh(&values, limit, at);
    }

    /// Judges the last window, which reaches to the end of the drain: cycles that never ended count
    /// with their ages.
    fn judge_last_window(&mut self, unit: Unit, at: Duration, observer: &Observer) {
        // A number of values in a window that is longer than others proves nothing.
        let is_count =
            self.threshold.statistic == ThresholdStat::Count && !self.threshold.is_upper();
        if self.pieces.len() <= PIECES as usize || is_count {
            return;
        }
        let Some(limit) = self.threshold.limit_in(unit) else { return };
        let mut values = self.values();
        add_censored(&mut values, &self.threshold, observer);
        self.weigh(&values, limit, at);
    }

    /// Returns the values of the pieces of the window.
    fn values(&self) -> Series {
        let mut values = Series::default();
        self.pieces.iter().skip(1).for_each(|piece| values.merge(&piece.values));
        values
    }

    /// Compares a window with the worst one.
    fn weigh(&mut self, values: &Series, limit: f64, at: Duration) {
        let (value, count) = if self.threshold.metric == FAILED {
            self.failed()
        } else {
            (statistic(self.threshold.statistic, values), values.count())
        };
        let Some(value) = value else { return };
        let is_worse = |worst: f64| {
            if self.threshold.is_upper() { value > worst } else { value < worst }
        };
        if self.worst.is_none_or(|worst| is_worse(worst.value)) {
            self.worst = Some(Worst { value, count, at });
        }
        self.was_certain |= !self.threshold.is_kept_by(value, limit);
    }

    /// Returns the failed cycles of the window, as a number or a share, and the cycles that ended.
    fn failed(&self) -> (Option<f64>, u64) {
        let (Some(first), Some(last)) = (self.pieces.front(), self.pieces.back()) else {
            return (None, 0);
        };
        let failed = (last.ended.failed - first.ended.failed) as f64;
        let ended = last.ended.ended - first.ended.ended;
        match self.threshold.statistic {
            ThresholdStat::Share => ((ended > 0).then(|| failed / ended as f64 * 1_000.0), ended),
            _ => (Some(failed), ended),
        }
    }

    /// Returns the result of sliding windows.
    fn slid(&self, unit: Unit) -> MeasuredThreshold {
        let count = self.pieces.iter().map(|piece| piece.values.count()).sum();
        MeasuredThreshold {
            threshold: self.threshold.clone(),
            unit,
            value: self.worst.map(|worst| worst.value),
            worst_at: self.worst.map(|worst| worst.at),
            count: self.worst.map_or(count, |worst| worst.count),
            was_certain: self.was_certain,
        }
    }

    /// Returns the result over the whole window.
    fn whole(
        &self,
        unit: Option<Unit>,
        end: &ThresholdEnd,
        observer: &Observer,
    ) -> MeasuredThreshold {
        let Threshold { metric, statistic: stat, .. } = &self.threshold;
        let fates = &end.fates;
        let of_cycles = |cycles: u64| match stat {
            ThresholdStat::Share => {
                (fates.issued > 0).then(|| cycles as f64 / fates.issued as f64 * 1_000.0)
            }
            _ => Some(cycles as f64),
        };
        let (value, count) = match &**metric {
            FAILED => (of_cycles(fates.failed + fates.abandoned), fates.issued),
            DELIVERED => (of_cycles(fates.completed), fates.issued),
            // The ends of cycles show a peak between two samples.
            BACKLOG if *stat == ThresholdStat::Max => (Some(end.backlog_max as f64), 1),
            _ => match observer.whole(metric) {
                Some((_, mut values)) => {
                    add_censored(&mut values, &self.threshold, observer);
                    (statistic(*stat, &values), values.count())
                }
                None => (None, 0),
            },
        };
        MeasuredThreshold {
            threshold: self.threshold.clone(),
            unit: unit.unwrap_or_default(),
            value,
            worst_at: None,
            count,
            was_certain: self.was_certain,
        }
    }
}

/// Adds the cycles that never ended to the values of `response`, with the age of the youngest.
fn add_censored(values: &mut Series, threshold: &Threshold, observer: &Observer) {
    let censored = observer.censored();
    if let (RESPONSE, true, Some(age)) =
        (&*threshold.metric, threshold.is_upper(), censored.age_min_ns)
    {
        values.add(age, censored.count, Time::ZERO);
    }
}

/// Returns a statistic of values; `None` if it needs values and there are not any.
fn statistic(statistic: ThresholdStat, values: &Series) -> Option<f64> {
    if statistic == ThresholdStat::Count {
        return Some(values.count() as f64);
    }
    if values.is_empty() {
        return None;
    }
    let stats = values.stats();
    match statistic {
        ThresholdStat::Percentile(Percentile(percent)) => {
            values.at(percent, WHOLE).map(|value| value as f64)
        }
        ThresholdStat::Min => Some(stats.min as f64),
        ThresholdStat::Max => Some(stats.max as f64),
        ThresholdStat::Mean => Some(stats.mean),
        ThresholdStat::Last => Some(stats.last as f64),
        ThresholdStat::Count | ThresholdStat::Share => None,
    }
}

/// The ages of the cycles that have begun to count for a metric and have no value yet.
struct Ages<'a> {
    history: &'a VecDeque<(Time, CycleProgress)>,
    now: Time,
    metric: &'a str,
}

impl Ages<'_> {
    /// Returns the ages beyond a limit, each with a number of cycles that are at least as old, the
    /// oldest first.
    fn beyond(&self, limit: f64) -> impl Iterator<Item = (u64, u64)> {
        let newest = self.history.back().map(|(_, progress)| *progress).unwrap_or_default();
        let (begins, ends): (fn(&CycleProgress) -> u64, u64) = match self.metric {
            RESPONSE => (|at| at.due, newest.ended),
            WAIT => (|at| at.due, newest.begun),
            SERVICE => (|at| at.begun, newest.ended),
            _ => (|_| 0, 0),
        };
        let mut counted = 0;
        self.history
            .iter()
            .map_while(move |(at, progress)| {
                let age = self.now.nanos_since(*at);
                (age as f64 > limit).then(|| {
                    let open = begins(progress).saturating_sub(ends);
                    let new = open - counted.min(open);
                    counted = counted.max(open);
                    (age, new)
                })
            })
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests;
