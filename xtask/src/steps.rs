//! Steps of a longer task: one line for each, with the time it took.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use dyno_bus::{Time, clock};

/// The steps done so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
}

impl Steps {
    /// Runs the step, and prints how long it took.
    ///
    /// # Errors
    /// The step's error, with the step's name.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let start: Time = clock::now();
        let outcome = work();
        let step = Step { name: name.to_owned(), took: clock::now() - start };
        match &outcome {
            Ok(()) => println!("ok      {step}"),
            Err(_) => println!("FAILED  {step}"),
        }
        self.done.push(step);
        outcome.with_context(|| format!("step `{name}`"))
    }

    /// Returns all steps, one per line, and the sum of their times.
    pub(crate) fn summary(&self) -> String {
        let total = Step { name: "in all".into(), took: self.done.iter().map(|s| s.took).sum() };
        self.done.iter().chain([&total]).map(|step| format!("{step}\n")).collect()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.1} s  {}", self.took.as_secs_f64(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_is_named_and_counted() {
        let mut steps = Steps::default();
        steps.step("first", || Ok(())).expect("does nothing");
        let error = steps.step("second", || anyhow::bail!("no")).expect_err("fails");
        assert_eq!(format!("{error:#}"), "step `second`: no");
        let summary = steps.summary();
        let names: Vec<_> = summary.lines().map(|line| line.split("  ").last()).collect();
        assert_eq!(names, [Some("first"), Some("second"), Some("in all")]);
    }
}
