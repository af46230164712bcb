//! The statistics of a metric, and a name for each of them.
//!
//! These are plain data; [`crate::series`] computes them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use dyno_bus::value::Unit;
use serde::{Deserialize, Serialize};

/// A metric's statistics at one moment, in its unit. All are zero until the first value.
///
/// A percentile is `None` if it needs more values than there are ([`Stat::values_min`]): the p99 of
/// twenty values would be the largest of them.
///
/// `count`, `min`, `max`, `mean`, `stddev`, `last` and `out_of_range` are exact. Percentiles are
/// within three digits, and exact for few values (see [`crate::series::RAW_MAX`]).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The number of values, clamped ones included.
    pub count: u64,
    /// The smallest value.
    pub min: u64,
    /// The largest value.
    pub max: u64,
    /// The arithmetic mean of the values.
    pub mean: f64,
    /// The standard deviation of the values as a population: the divisor is their count.
    pub stddev: f64,
    /// The most recent value.
    pub last: u64,
    /// Half of the values are at most this.
    pub p50: Option<u64>,
    /// 90 % of the values are at most this.
    pub p90: Option<u64>,
    /// 99 % of the values are at most this.
    pub p99: Option<u64>,
    /// 99.9 % of the values are at most this.
    pub p999: Option<u64>,
    /// The number of values that were clamped, because they were not in the range from 0 to
    /// [`dyno_bus::value::VALUE_MAX`].
    pub out_of_range: u64,
}

impl Stats {
    /// Returns the number that `stat` names; `None` if there are too few values for it.
    ///
    /// The conversion is exact, since no value exceeds 2^53.
    ///
    /// ```
    /// use dyno_observer::{Stat, Stats};
    ///
    /// assert_eq!(Stats::default().of(Stat::Max), None);
    /// assert_eq!(Stats::default().of(Stat::Count), Some(0.0));
    /// ```
    #[must_use]
    pub fn of(&self, stat: Stat) -> Option<f64> {
        let number = match stat {
            Stat::Count => return Some(self.count as f64),
            Stat::OutOfRange => return Some(self.out_of_range as f64),
            Stat::Min => self.min as f64,
            Stat::Max => self.max as f64,
            Stat::Mean => self.mean,
            Stat::Stddev => self.stddev,
            Stat::Last => self.last as f64,
            Stat::P50 => return self.p50.map(|value| value as f64),
            Stat::P90 => return self.p90.map(|value| value as f64),
            Stat::P99 => return self.p99.map(|value| value as f64),
            Stat::P999 => return self.p999.map(|value| value as f64),
        };
        (self.count > 0).then_some(number)
    }
}

/// The name of one number in [`Stats`].
///
/// ```
/// use dyno_observer::Stat;
///
/// assert_eq!("p99".parse(), Ok(Stat::P99));
/// assert_eq!(Stat::P99.values_min(), 100);
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stat {
    /// The number of values: [`Stats::count`].
    Count,
    /// The smallest value: [`Stats::min`].
    Min,
    /// The largest value: [`Stats::max`].
    Max,
    /// The arithmetic mean: [`Stats::mean`].
    Mean,
    /// The standard deviation: [`Stats::stddev`].
    Stddev,
    /// The most recent value: [`Stats::last`].
    Last,
    /// The median: [`Stats::p50`].
    P50,
    /// The value that 90 % of the values do not exceed: [`Stats::p90`].
    P90,
    /// The value that 99 % of the values do not exceed: [`Stats::p99`].
    P99,
    /// The value that 99.9 % of the values do not exceed: [`Stats::p999`].
    P999,
    /// The number of values that were clamped to the range: [`Stats::out_of_range`].
    OutOfRange,
}

impl Stat {
    /// All variants, in the order of the fields of [`Stats`].
    pub const ALL: [Self; 11] = [
        Self::Count,
        Self::Min,
        Self::Max,
        Self::Mean,
        Self::Stddev,
        Self::Last,
        Self::P50,
        Self::P90,
        Self::P99,
        Self::P999,
        Self::OutOfRange,
    ];

    /// The choice of snapshots rather than of a number. It is not a variant, because its result has
    /// another type.
    #[expect(non_upper_case_globals, reason = "it reads as one of the names that can be picked")]
    pub const Snapshots: Snapshots = Snapshots;

    /// Returns its name in files and arguments, which is that of its field.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Stddev => "stddev",
            Self::Last => "last",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p999",
            Self::OutOfRange => "out_of_range",
        }
    }

    /// Returns the fewest values for which this number is shown. For a percentile p it is
    /// 1/(1 − p): of that many values, one is expected beyond the percentile.
    ///
    /// ```
    /// use dyno_observer::Stat;
    ///
    /// assert_eq!(Stat::P50.values_min(), 2);
    /// assert_eq!(Stat::P999.values_min(), 1_000);
    /// assert_eq!(Stat::Max.values_min(), 1);
    /// ```
    #[must_use]
    pub const fn values_min(self) -> u64 {
        match self {
            Self::Count | Self::OutOfRange => 0,
            Self::Min | Self::Max | Self::Mean | Self::Stddev | Self::Last => 1,
            Self::P50 => 2,
            Self::P90 => 10,
            Self::P99 => 100,
            Self::P999 => 1_000,
        }
    }

    /// Returns the unit of this number for values in `unit`.
    #[must_use]
    pub const fn unit(self, unit: Unit) -> Unit {
        match self {
            Self::Count | Self::OutOfRange => Unit::None,
            Self::Min
            | Self::Max
            | Self::Mean
            | Self::Stddev
            | Self::Last
            | Self::P50
            | Self::P90
            | Self::P99
            | Self::P999 => unit,
        }
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The type of [`Stat::Snapshots`].
///
/// ```
/// use dyno_observer::{List, Stat};
///
/// fn course(list: &List) -> String {
///     list.pick(Stat::Snapshots).of(Stat::P99).to_string()
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshots;

/// A text that is not the name of a [`Stat`].
///
/// ```
/// use dyno_observer::Stat;
///
/// let error = "p95".parse::<Stat>().expect_err("no such name");
/// assert_eq!(error.name, "p95");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "no statistic is named {name:?}: the names are count, min, max, mean, stddev, last, p50, p90, \
     p99, p999 and out_of_range"
)]
pub struct UnknownStat {
    /// The text that was to be parsed.
    pub name: String,
}

impl FromStr for Stat {
    type Err = UnknownStat;

    fn from_str(name: &str) -> Result<Self, UnknownStat> {
        Self::ALL
            .into_iter()
            .find(|stat| stat.name() == name)
            .ok_or_else(|| UnknownStat { name: name.to_owned() })
    }
}

/// A metric's name and unit, shared by all processes that have it.
///
/// ```
/// use dyno_observer::List;
///
/// fn names(list: &List) -> Vec<String> {
///     list.labels().into_iter().map(|label| label.name.to_string()).collect()
/// }
/// ```
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The metric's name, at most [`METRIC_NAME_MAX`](dyno_bus::message::METRIC_NAME_MAX) bytes.
    pub name: Arc<str>,
    /// The unit of the values, the same in all processes.
    pub unit: Unit,
}

/// A metric with its statistics over the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricStats {
    /// The metric's name and unit.
    pub label: Label,
    /// The statistics of its values.
    pub stats: Stats,
    /// The cycles that never ended and are missing from the statistics; zero for all metrics but
    /// [`RESPONSE`](dyno_bus::builtin::RESPONSE).
    pub censored: Censored,
}

/// Cycles that never ended: without them, the statistics of the others are too good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Censored {
    /// The number of these cycles, all due in the measured window.
    pub count: u64,
    /// The age of the youngest, in nanoseconds: the response of each is at least that. `None` if
    /// unknown.
    pub age_min_ns: Option<u64>,
}

impl Censored {
    /// Returns the sum of both counts and the lower of both ages.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let ages = [self.age_min_ns, other.age_min_ns];
        Self { count: self.count + other.count, age_min_ns: ages.into_iter().flatten().min() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_listed_in_the_error() {
        let error = "p95".parse::<Stat>().expect_err("not one of them");
        for stat in Stat::ALL {
            assert_eq!(stat.name().parse(), Ok(stat));
            assert!(error.to_string().contains(stat.name()), "{error}");
        }
    }

    #[test]
    fn of_reads_the_field_that_is_named() {
        let stats = Stats {
            count: 1,
            min: 2,
            max: 3,
            mean: 4.5,
            stddev: 5.5,
            last: 6,
            p50: Some(7),
            p90: Some(8),
            p99: Some(9),
            p999: Some(10),
            out_of_range: 11,
        };
        let read: Vec<_> = Stat::ALL.iter().filter_map(|stat| stats.of(*stat)).collect();
        assert_eq!(read, [1.0, 2.0, 3.0, 4.5, 5.5, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    }
}
