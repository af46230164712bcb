//! The facts that a task may read: its worker, its parameters, and the present cycle.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use dyno_bus::Time;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The worker that runs a task: its index, the number of workers, and the task's parameters.
///
/// Each worker process has one, which lives as long as the process.
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Parameters {
///     folder: String,
/// }
///
/// /// Each worker writes to a file named after it.
/// struct Append(std::fs::File);
///
/// impl dyno::Task for Append {
///     async fn before(context: &dyno::Context) -> dyno::Result<Self> {
///         let folder = &context.parameters::<Parameters>().folder;
///         Ok(Self(std::fs::File::create(format!("{folder}/{}", context.worker()))?))
///     }
///
///     async fn cycle(&self, _cycle: &dyno::Cycle) -> dyno::Result {
///         Ok(std::io::Write::write_all(&mut &self.0, b"a line\n")?)
///     }
/// }
/// ```
pub struct Context {
    worker: u32,
    workers: u32,
    /// The parameters as a JSON object, checked by the primary.
    json: String,
    /// The same parameters, decoded once.
    decoded: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Context {
    pub(crate) fn new(worker: u32, workers: u32, json: String) -> Self {
        Self { worker, workers, json, decoded: OnceLock::new() }
    }

    /// Creates the context of one of several workers, so that a test can call a task as a worker
    /// does, without processes. [`Cycle::for_test`] creates a cycle in it.
    ///
    /// It lives as long as the process, as the context of a worker does. A task without parameters
    /// is tested with `()`.
    ///
    /// ```
    /// use dyno::{Context, Cycle, Task};
    ///
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Parameters {
    ///     limit: u64,
    /// }
    ///
    /// struct Limited(u64);
    ///
    /// impl Task for Limited {
    ///     async fn before(context: &Context) -> dyno::Result<Self> {
    ///         Ok(Self(context.parameters::<Parameters>().limit))
    ///     }
    ///
    ///     async fn cycle(&self, cycle: &Cycle) -> dyno::Result {
    ///         if cycle.index() < self.0 { Ok(()) } else { Err("beyond the limit".into()) }
    ///     }
    /// }
    ///
    /// // In a test: worker 0 of 2.
    /// let context = Context::for_test(0, 2, Parameters { limit: 10 });
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// runtime.block_on(async {
    ///     let task = Limited::before(context).await?;
    ///     assert!(task.cycle(&Cycle::for_test(9, context)).await.is_ok());
    ///     assert!(task.cycle(&Cycle::for_test(10, context)).await.is_err());
    ///     task.after().await
    /// })?;
    /// # Ok::<(), dyno::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the index is not below the number of workers, or the parameters are not a struct with named fields.
    #[must_use]
    #[track_caller]
    pub fn for_test<P: Serialize>(worker: u32, workers: u32, parameters: P) -> &'static Self {
        assert!(
            worker < workers,
            "invalid worker {worker} of {workers}: expected an index below the number of workers"
        );
        let json = match serde_json::to_value(parameters) {
            Ok(Value::Null) => "{}".to_owned(),
            Ok(values @ Value::Object(_)) => values.to_string(),
            Ok(_) => panic!(
                "the parameters `{}` are not a struct: expected named fields, such as those of \
                 `Parameters {{ n: 30 }}`",
                type_name::<P>()
            ),
            Err(error) => panic!("the parameters `{}` are not JSON: {error}", type_name::<P>()),
        };
        Box::leak(Box::new(Self::new(worker, workers, json)))
    }

    /// Returns this worker's index in the run, from 0, over all hosts.
    #[must_use]
    pub fn worker(&self) -> u32 {
        self.worker
    }

    /// Returns the number of workers of the run, over all hosts.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.workers
    }

    /// Returns the task's parameters, decoded at the first call.
    ///
    /// # Panics
    /// If `P` is not the type that was given to [`parameters`](crate::Bench::parameters).
    #[must_use]
    #[track_caller]
    pub fn parameters<P: DeserializeOwned + Send + Sync + 'static>(&self) -> &P {
        let decoded = match self.decoded.get() {
            Some(decoded) => decoded,
            None => {
                let decoded = self.decode::<P>();
                self.decoded.get_or_init(|| decoded)
            }
        };
        match decoded.downcast_ref() {
            Some(parameters) => parameters,
            // Not in a closure: there the place of the panic would be this file.
            None => panic!(
                "the parameters were read as another type before: `{}` is not the type that was \
                 given to `.parameters(…)`, or the call before named a wrong one",
                type_name::<P>()
            ),
        }
    }

    #[cold]
    #[track_caller]
    fn decode<P: DeserializeOwned + Send + Sync + 'static>(&self) -> Box<dyn Any + Send + Sync> {
        match serde_json::from_str::<P>(&self.json) {
            Ok(parameters) => Box::new(parameters),
            Err(error) => panic!(
                "the parameters {} are not a `{}` ({error}): read them as the type that is given \
                 to `.parameters(…)`",
                self.json,
                type_name::<P>(),
            ),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("worker", &self.worker)
            .field("workers", &self.workers)
            .field("parameters", &self.json)
            .finish_non_exhaustive()
    }
}

/// One execution of the task.
///
/// A cycle is due at an instant that the rate gives, also if its worker is still busy then. The time
/// from that instant to its start is its `wait`, and the time from its start to its end its
/// `service`.
///
/// ```
/// let _benchmark = dyno::bench("spread", |cycle: &dyno::Cycle| {
///     // Each cycle of the run has another key.
///     format!("key-{}", cycle.index())
/// });
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Cycle {
    index: u64,
    due: Time,
    /// A worker has one context, which lives as long as the worker.
    context: &'static Context,
}

impl Cycle {
    pub(crate) fn new(index: u64, due: Time, context: &'static Context) -> Self {
        Self { index, due, context }
    }

    /// Creates a cycle of the worker with this context, so that a test can call a task without
    /// processes. It was due at zero.
    ///
    /// ```
    /// fn key(cycle: &dyno::Cycle) -> String {
    ///     format!("key-{}", cycle.index())
    /// }
    ///
    /// let context = dyno::Context::for_test(0, 1, ());
    /// assert_eq!(key(&dyno::Cycle::for_test(7, context)), "key-7");
    /// ```
    #[must_use]
    pub fn for_test(index: u64, context: &'static Context) -> Self {
        Self::new(index, Time::ZERO, context)
    }

    /// Returns its number, from 0 over the whole run and all workers: no two cycles share one.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns the instant at which it should have started, on the machine's monotonic clock
    /// (`CLOCK_MONOTONIC`), which all workers share.
    #[must_use]
    pub fn due(&self) -> Duration {
        Duration::from_nanos(self.due.as_nanos())
    }

    /// Returns the worker's index, from 0.
    #[must_use]
    pub fn worker(&self) -> u32 {
        self.context.worker
    }

    /// Returns the context of the worker that runs it.
    #[must_use]
    pub fn context(&self) -> &Context {
        self.context
    }

    /// Returns the task's parameters.
    ///
    /// # Panics
    /// In the same cases as [`Context::parameters`].
    #[must_use]
    #[track_caller]
    pub fn parameters<P: DeserializeOwned + Send + Sync + 'static>(&self) -> &P {
        self.context.parameters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_once() {
        let context = Context::new(1, 2, "[3, 4]".into());
        let first: &Vec<u8> = context.parameters();
        let again: &Vec<u8> = context.parameters();
        assert_eq!(first, &[3, 4]);
        assert!(std::ptr::eq(first, again));
    }

    #[test]
    fn a_test_gets_the_context_and_the_cycle_that_a_worker_would_have() {
        #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
        struct Parameters {
            n: u32,
        }
        let context = Context::for_test(1, 2, Parameters { n: 30 });
        assert_eq!((context.worker(), context.workers()), (1, 2));
        let cycle = Cycle::for_test(7, context);
        assert_eq!((cycle.index(), cycle.worker(), cycle.due()), (7, 1, Duration::ZERO));
        assert_eq!(cycle.parameters::<Parameters>(), &Parameters { n: 30 });
        // A task without parameters gets what the primary sends for one.
        assert_eq!(Context::for_test(0, 1, ()).json, "{}");
    }

    #[test]
    #[should_panic(expected = "the parameters `u32` are not a struct")]
    fn a_test_with_parameters_that_no_flag_could_set_is_refused() {
        let _refused = Context::for_test(0, 1, 30_u32);
    }

    #[test]
    #[should_panic(expected = "invalid worker 2 of 2")]
    fn a_test_of_a_worker_that_no_run_has_is_refused() {
        let _refused = Context::for_test(2, 2, ());
    }

    #[test]
    #[should_panic(expected = "are not a `bool`")]
    fn parameters_of_another_type_are_named() {
        let _: &bool = Context::new(0, 1, "{}".into()).parameters();
    }
}
