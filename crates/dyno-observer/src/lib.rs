//! The observer, which turns dyno's measurements into statistics: the only place with histograms.
//!
//! Processes emit values and cumulative counts ([`dyno_bus::message::Batch`]); the [`Observer`]
//! absorbs them, process by process and metric by metric.
//!
//! ```text
//!            absorb             rotate                    list
//!  batches --------> interval --------> whole, snapshots ------> tables, plots
//!                                                        ------> the summary
//! ```
//!
//! - [`stats`]: the statistics of a metric, and their names.
//! - [`rows`]: values counted in few ranges of equal ratio.
//! - [`series`]: values of one metric: exact sums, and buckets once there are many values.
//! - [`metric`]: a series for the current interval and one for all intervals before it.
//! - [`snapshot`]: the statistics of each interval; at most 50 are kept.
//! - [`intervals`]: the interval table: finer intervals, coarser values, all workers merged.
//! - [`id`]: the identity of a process.
//! - [`counts`]: the check that cumulative counts only grow.
//! - [`tally`]: the accounting identity: every lost cycle or value is named.
//! - [`process`]: the measurements of one process, checked before they are recorded.
//! - [`error`]: the reasons why they are refused.
//! - [`observer`]: all processes, and the workers merged.
//! - [`StoredObserver`]: what one host has observed, in a form to store and to merge.
//! - [`query`]: the list that users read, sort, print and plot.
//! - [`mod@format`]: a value and its unit as text for people.
//!
//! It reads no clock and does no I/O: times are passed in. It trusts no byte of a peer: values that
//! can't be true are a named error, and a refused batch changes nothing. Warm-up values are counted
//! as received and are in no result.

mod buckets;
pub mod counts;
pub mod error;
pub mod format;
pub mod id;
pub mod intervals;
pub mod metric;
pub mod observer;
pub mod process;
pub mod query;
pub mod rows;
pub mod series;
pub mod snapshot;
pub mod stats;
pub mod tally;

pub use counts::CountsError;
pub use error::{AbsorbError, DeclareError, HelloError};
pub use id::ProcessId;
pub use intervals::IntervalTable;
pub use observer::stored::{StoredMetric, StoredObserver};
pub use observer::{Interval, Observer};
pub use process::ProcessStatus;
pub use query::{Group, History, Line, List, Order, Pick, Picked, Point, Timeline};
pub use rows::IntervalRows;
pub use series::Series;
pub use series::stored::StoredSeries;
pub use snapshot::{SNAPSHOTS_MAX, Snapshot};
pub use stats::{Censored, Label, MetricStats, Snapshots, Stat, Stats, UnknownStat};
pub use tally::{Account, ReceivedCounts, TallyError};
