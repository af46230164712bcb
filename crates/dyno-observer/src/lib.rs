//! Where dyno's measurements become statistics: the only place with histograms.
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
//! - [`stats`]: the numbers by which a metric is known, and their names.
//! - [`series`]: values of one metric, as exact sums beside a histogram that is earned.
//! - [`metric`]: a series for the current interval and one for the whole.
//! - [`snapshot`]: what is kept of each interval, at most 50 of them.
//! - [`counts`]: cumulative counts only ever grow.
//! - [`tally`]: the accounting identity: nothing lost without being named.
//! - [`process`]: what one process has sent, checked before it is taken.
//! - [`error`]: why it is refused.
//! - [`observer`]: all processes, merged where that is asked for.
//! - [`query`]: the list that users read, sort, print and plot.
//! - [`mod@format`]: a value and its unit as people read them.
//!
//! It refuses to ask a clock or to do I/O: times are passed in. It trusts no byte of a peer: what
//! can't be true is a named error, and a refused batch leaves everything as it was. Warm-up values
//! are counted as received and are in no result.

mod buckets;
pub mod counts;
pub mod error;
pub mod format;
pub mod metric;
pub mod observer;
pub mod process;
pub mod query;
pub mod series;
pub mod snapshot;
pub mod stats;
pub mod tally;

pub use counts::CountsError;
pub use error::{AbsorbError, DeclareError, HelloError};
pub use metric::{Censored, Label, MetricStats};
pub use observer::{Interval, Observer};
pub use process::{ProcessId, Progress};
pub use query::{Group, History, Line, List, Order, Picked, Point, Timeline};
pub use series::Series;
pub use snapshot::{SNAPSHOTS_MAX, Snapshot};
pub use stats::{Snapshots, Stat, Stats};
pub use tally::{Account, Received, TallyError};
