//! The facts that a task may read: its worker, its parameters, and the present cycle.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::OnceLock;

use dyno_bus::Time;
use serde::de::DeserializeOwned;

/// The facts about the worker that runs a task.
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

    /// Returns this worker's index, from 0.
    #[must_use]
    pub fn worker(&self) -> u32 {
        self.worker
    }

    /// Returns the number of workers of the run.
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

    /// Returns its number, from 0 over the whole run and all workers: no two cycles share one.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns the instant at which it should have started, on the monotonic clock.
    #[must_use]
    pub fn due(&self) -> Time {
        self.due
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
    #[should_panic(expected = "are not a `bool`")]
    fn parameters_of_another_type_are_named() {
        let _: &bool = Context::new(0, 1, "{}".into()).parameters();
    }
}
