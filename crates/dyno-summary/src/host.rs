//! The hosts of a run over several, each with its part of the run.

use serde::{Deserialize, Serialize};

use crate::fates::Fates;
use crate::number::number;

/// One host of a run over several.
///
/// ```
/// use dyno_summary::{HostSummary, Summary};
///
/// fn slowest(summary: &Summary) -> Option<&HostSummary> {
///     summary.hosts.iter().min_by(|one, other| one.delivered.total_cmp(&other.delivered))
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostSummary {
    /// The host's name; empty if it is not known.
    pub name: String,
    /// The number of its workers.
    pub workers: u32,
    /// The outcomes of its cycles that were due in the measured window.
    pub cycles: Fates,
    /// The number of its cycles that completed inside its window, divided by the window's length.
    #[serde(serialize_with = "number")]
    pub delivered: f64,
    /// The number of its measured cycles that came due while no lease covered them.
    pub unleased: u64,
    /// The time for which its recording threads waited for the bus, in nanoseconds, in the worker
    /// where they waited most.
    pub bus_stall_ns: u64,
    /// The longest time for which one of its processes got no processor time, in nanoseconds.
    pub stood_still_ns: u64,
    /// The p99 of the delay of its primary's own timer, in nanoseconds; `None` if it fired fewer
    /// than 100 times.
    pub loop_lag_p99: Option<u64>,
    /// Its primary's processor time over the run, as a share of one core.
    #[serde(serialize_with = "number")]
    pub cpu_share: f64,
    /// Its clock against that of the host that started the run; `None` if it was not compared.
    pub clock: Option<ClockSummary>,
}

/// The clock of a host against that of another one.
///
/// ```
/// use dyno_summary::{ClockSummary, Summary};
///
/// fn least_certain(summary: &Summary) -> Option<&ClockSummary> {
///     summary.hosts.iter().filter_map(|host| host.clock.as_ref()).max_by_key(|clock| clock.bound_ns)
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClockSummary {
    /// The host's time less the other's, in nanoseconds.
    pub offset_ns: i64,
    /// The change of the offset over the run, in nanoseconds.
    pub drift_ns: i64,
    /// The greatest error of the offset, in nanoseconds.
    pub bound_ns: u64,
}
