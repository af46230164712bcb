//! The settings of a run, and the parameters of its task.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::number::optional_number;

/// The settings of a run, defaults included.
///
/// ```
/// use dyno_summary::Parameters;
///
/// fn is_open(parameters: &Parameters) -> bool {
///     // A closed loop has no rate.
///     parameters.rate.is_some()
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Parameters {
    /// Cycles per second over all hosts, on average over a load profile; `None` is `max`, the closed loop.
    #[serde(serialize_with = "optional_number")]
    pub rate: Option<f64>,
    /// The load profile as it is written, such as `30s:1k, 1m:1k..5k`; missing in JSON for a run at
    /// one rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<String>,
    /// The length of the measured window, in nanoseconds.
    pub duration_ns: u64,
    /// The length of the warm-up before the window, in nanoseconds.
    pub warmup_ns: u64,
    /// The number of worker processes of this host.
    pub workers: u32,
    /// The host's share of a run that other hosts took part in, as it is written, such as `1/4,2`;
    /// missing in JSON for a run on one host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// The limit of the backlog, in cycles; `None` if it followed from the rate, or in a closed
    /// loop.
    pub max_backlog: Option<u64>,
    /// The policy at the backlog's limit: `stop`, `skip` or `queue`.
    pub on_backlog: String,
    /// The most cycles that may fail: a number, or a share such as `1%`.
    pub max_failed: String,
    /// The most cycles in flight per worker; `None` is unlimited, or 1 in a closed loop.
    pub in_flight: Option<u32>,
    /// The pattern of the due times: `uniform` or `poisson`.
    pub arrivals: String,
    /// The seed of the random streams.
    pub seed: u64,
    /// The way to wait for a due time: `sleep` or `spin`.
    pub pacing: String,
    /// The spans that become metrics, in addition to the benchmark's own.
    pub spans: String,
    /// The processes of the system under test that were watched, by id or name; missing in JSON if
    /// there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<String>,
    /// The time limit for every worker to be ready, in nanoseconds.
    pub start_deadline_ns: u64,
    /// The time limit for running cycles to end, in nanoseconds.
    pub drain_deadline_ns: u64,
    /// The time limit for the workers' `after`, in nanoseconds.
    pub after_deadline_ns: u64,
    /// The time between the request that a worker ends and its kill, in nanoseconds.
    pub kill_grace_ns: u64,
    /// The task's own parameters, by name.
    pub task: TaskValues,
}

/// The values of the task's own parameters, by name: in JSON an object with any content.
///
/// ```
/// use dyno_summary::TaskValues;
///
/// #[derive(Debug, PartialEq, serde::Deserialize)]
/// struct Shop {
///     url: String,
///     items: u32,
/// }
///
/// let task: TaskValues = serde_json::from_str(r#"{"items": 3, "url": "http://localhost"}"#)?;
/// assert_eq!(task.get("items"), Some(3));
/// assert_eq!(task.get::<u32>("url"), None);
/// assert_eq!(task.decode(), Some(Shop { url: "http://localhost".into(), items: 3 }));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskValues {
    values: Map<String, Value>,
}

impl TaskValues {
    /// Returns the value of one parameter; `None` if the task has no parameter of this name, or if
    /// its value is not a `T`.
    #[must_use]
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.values.get(name)?).ok()
    }

    /// Returns all parameters as the task's own type; `None` if they are not a valid `T`.
    #[must_use]
    pub fn decode<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(Value::Object(self.values.clone())).ok()
    }

    /// Returns the names with their values as people read them: a text without quotes, any other
    /// value as JSON.
    pub fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.values.iter().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.as_str(), text)
        })
    }
}
