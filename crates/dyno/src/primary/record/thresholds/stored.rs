//! The thresholds of one host in a form to store, and those of several hosts judged together.
//!
//! A threshold over the whole window follows from the values of all hosts. One over sliding windows
//! needs the values of each piece: the pieces of all hosts that end at the same beat are one piece,
//! and the beats are passed again, with the sums of the counts. So the windows of the whole run are
//! judged by the code that judges those of one host.

use std::time::Duration;

use dyno_bus::{Time, clock};
use dyno_observer::{Observer, Series, StoredSeries};
use dyno_summary::Unit;
use serde::{Deserialize, Serialize};

use super::{TappedValues, ThresholdWatch};
use crate::primary::record::beats::{BeatGrid, BeatRecord};

/// The instant of the last piece, which ends with the run.
const END: u64 = u64::MAX;

/// The facts that one host keeps of a threshold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::primary::record) struct StoredThreshold {
    /// The first beat at which the metric was known, in nanoseconds since the window's start.
    known_at: Option<u64>,
    /// `true` if a breach was certain on this host while the run went on.
    was_certain: bool,
    /// The pieces of a sliding window: the end of each, in nanoseconds since the window's start, and
    /// its values.
    pieces: Vec<(u64, StoredSeries)>,
}

impl StoredThreshold {
    pub(super) fn known(&mut self, at: Duration) {
        self.known_at.get_or_insert(clock::nanos(at));
    }

    pub(super) fn push(&mut self, at: Option<Time>, begun: Time, values: &Series) {
        let at = at.map_or(END, |at| at.nanos_since(begun));
        self.pieces.push((at, StoredSeries::of(values, begun)));
    }

    /// Returns `true` if the parts agree with each other.
    pub(in crate::primary::record) fn is_valid(&self) -> bool {
        self.pieces.iter().all(|(_, values)| values.is_valid())
            && self.pieces.is_sorted_by_key(|(at, _)| *at)
    }
}

impl ThresholdWatch {
    /// Returns what this host keeps of each threshold.
    pub(in crate::primary::record) fn stored(&self) -> Vec<StoredThreshold> {
        let stored = self.watched.iter().map(|one| StoredThreshold {
            was_certain: one.was_certain,
            ..one.kept.clone().unwrap_or_default()
        });
        stored.collect()
    }

    /// Passes the beats of all hosts again, and returns the pieces that are left for the end.
    pub(in crate::primary::record) fn replay<'a>(
        &mut self,
        beats: &[BeatRecord],
        grid: BeatGrid,
        hosts: &'a [&'a [StoredThreshold]],
        observer: &'a Observer,
    ) -> Pieces<'a> {
        let mut pieces = Pieces { taps: Vec::new(), number: 0, grid, known: Vec::new(), observer };
        for (index, one) in self.watched.iter_mut().enumerate() {
            let of_hosts: Vec<_> = hosts.iter().filter_map(|host| host.get(index)).collect();
            one.was_certain = of_hosts.iter().any(|host| host.was_certain) && one.threshold.aborts;
            if one.tap.is_some() {
                pieces.taps.push(of_hosts.iter().map(|host| &host.pieces[..]).collect());
            }
            let known = of_hosts.iter().filter_map(|host| host.known_at).min();
            pieces.known.push((one.threshold.metric.clone(), known));
        }
        for beat in beats.iter().filter(|beat| beat.is_measuring) {
            pieces.number = beat.number;
            self.beat(grid.instant(beat), grid.slack(), &mut pieces, beat.progress);
        }
        pieces.number = END;
        pieces
    }
}

/// The pieces of all hosts that have not been taken.
pub(in crate::primary::record) struct Pieces<'a> {
    /// For each tap, the pieces of each host.
    taps: Vec<Vec<&'a [(u64, StoredSeries)]>>,
    /// The number of the beat that is passed.
    number: u64,
    grid: BeatGrid,
    /// The metrics, each with the first beat at which a host knew it.
    known: Vec<(String, Option<u64>)>,
    observer: &'a Observer,
}

impl TappedValues for Pieces<'_> {
    fn unit_of(&self, metric: &str) -> Option<Unit> {
        if self.number != END {
            let known = self.known.iter().find(|(name, _)| name == metric)?.1?;
            if self.grid.number(known) > self.number {
                return None;
            }
        }
        self.observer.unit_of(metric)
    }

    fn take(&mut self, tap: usize) -> Series {
        let mut all = Series::default();
        let (grid, number) = (self.grid, self.number);
        let is_over = |at: u64| number == END || at != END && grid.number(at) <= number;
        for rest in self.taps.get_mut(tap).into_iter().flatten() {
            while let Some(((at, values), later)) = rest.split_first()
                && is_over(*at)
            {
                all.merge_stored(values);
                *rest = later;
            }
        }
        all
    }
}
