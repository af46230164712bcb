//! The argument of the primary's `before`: what this hook may read and change of the run to come.

use std::any::type_name;
use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::watch;
use crate::plan::{Deadlines, Plan, WatchChoice};
use crate::settings::{ParameterError, TaskParameters};
use crate::task;

/// A run before any worker is started: the argument of [`before`](crate::Bench::before).
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Parameters {
///     url: String,
///     rows: u32,
/// }
///
/// let _benchmark = dyno::bench("insert", |cycle: &dyno::Cycle| {
///     let Parameters { url, rows } = cycle.parameters();
///     format!("{rows} rows into {url}")
/// })
/// .parameters(Parameters { url: String::new(), rows: 10 })
/// .before(|run| {
///     if run.parameters::<Parameters>().url.is_empty() {
///         run.set("url", "redis://localhost")?;
///     }
///     Ok(())
/// });
/// ```
#[derive(Debug)]
pub struct Setup {
    parameters: TaskParameters,
    seed: u64,
    deadlines: Deadlines,
    watched: Vec<WatchChoice>,
}

impl Setup {
    pub(super) fn new(parameters: TaskParameters, plan: &Plan) -> Self {
        Self { parameters, seed: plan.seed, deadlines: plan.deadlines, watched: Vec::new() }
    }

    /// Returns the seed of the run, for `cargo dyno pipe`, whose data follow from it.
    #[doc(hidden)]
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the start deadline, for `cargo dyno pipe`, whose first reply it limits too.
    #[doc(hidden)]
    #[must_use]
    pub fn start_deadline(&self) -> Duration {
        self.deadlines.start
    }

    /// Returns the deadline of the workers' `after`, for `cargo dyno pipe`, which names the command
    /// that does not keep it.
    #[doc(hidden)]
    #[must_use]
    pub fn after_deadline(&self) -> Duration {
        self.deadlines.after
    }

    /// Returns the task's parameters and the processes to watch, as the hook has left them.
    pub(super) fn into_parts(self) -> (TaskParameters, Vec<WatchChoice>) {
        (self.parameters, self.watched)
    }

    /// Returns the task's parameters: those of the code, changed by the environment, by flags, and
    /// by [`set`](Self::set).
    ///
    /// # Panics
    /// If `P` is not the type that was given to [`parameters`](crate::Bench::parameters).
    #[must_use]
    #[track_caller]
    pub fn parameters<P: DeserializeOwned>(&self) -> P {
        match self.parameters.decoded() {
            Ok(parameters) => parameters,
            // Not in a closure: there the place of the panic would be this file.
            Err(error) => panic!(
                "the task's parameters are not a `{}` ({error}): read them as the type that is \
                 given to `.parameters(…)`",
                type_name::<P>(),
            ),
        }
    }

    /// Sets a parameter of the task for all workers, as `-P name=value` does: the value's text is
    /// read as the type of the parameter's default.
    ///
    /// # Errors
    /// If the task has no parameter of this name, or the text is not a value of its type.
    pub fn set(&mut self, name: &str, value: impl fmt::Display) -> Result<(), ParameterError> {
        self.parameters.set(name, &value.to_string())
    }

    /// Watches a process of the system under test, such as a server that this hook has started: its
    /// processor time, its memory and its threads, those of its children included, become metrics
    /// that begin with `target.`. It is the same as `--watch PID`. Several processes are one target,
    /// whose metrics are sums.
    ///
    /// ```no_run
    /// fn main() -> dyno::Outcome {
    ///     dyno::bench("shop", || ())
    ///         .before(|run| {
    ///             let server = std::process::Command::new("shop-server").spawn()?;
    ///             run.watch(server.id())
    ///         })
    ///         .main()
    /// }
    /// ```
    ///
    /// # Errors
    /// If the process does not exist, if it is this one or has started this one, or on a system other
    /// than Linux.
    pub fn watch(&mut self, pid: u32) -> task::Result {
        let choice = WatchChoice::Pid(pid);
        watch::find(&choice).map_err(|remedy| format!("run.watch({pid}): {remedy}"))?;
        self.watched.push(choice);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Parameters {
        url: String,
        rows: u32,
    }

    fn setup() -> Setup {
        let defaults = Parameters { url: String::new(), rows: 10 };
        Setup::new(TaskParameters::of(&defaults).expect("a struct"), &crate::plan::fixture::plan())
    }

    #[test]
    fn before_reads_back_the_parameters_that_it_set() {
        let mut setup = setup();
        setup.set("rows", 20).expect("a number");
        setup.set("url", "redis://localhost").expect("a text");
        let read = Parameters { url: "redis://localhost".into(), rows: 20 };
        assert_eq!(setup.parameters::<Parameters>(), read);
        assert_eq!(setup.into_parts().0.into_map()["rows"], 20);
    }

    #[test]
    fn before_can_set_only_what_a_flag_could() {
        let mut setup = setup();
        let error = setup.set("row", 20).expect_err("no such field");
        assert!(error.to_string().contains("did you mean \"rows\"?"), "{error}");
        let error = setup.set("rows", "many").expect_err("no number");
        assert_eq!(error.to_string(), "rows is a whole number");
        assert_eq!(setup.parameters::<Parameters>().rows, 10);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn before_can_watch_a_process_that_it_started_and_not_the_benchmark() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("`cat` is everywhere");
        let mut setup = setup();
        setup.watch(child.id()).expect("it runs");
        let error = setup.watch(std::process::id()).expect_err("this process");
        let expected = format!("run.watch({}): this is the benchmark", std::process::id());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!(setup.into_parts().1, [WatchChoice::Pid(child.id())]);
        drop(child.stdin.take());
        child.wait().expect("it ends");
    }

    #[test]
    #[should_panic(expected = "the task's parameters are not a `bool`")]
    fn parameters_of_another_type_are_named_in_before_too() {
        let _another: bool = setup().parameters();
    }
}
