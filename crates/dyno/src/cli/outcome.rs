//! The outcome of a benchmark as a program: the exit code that `main` returns.
//!
//! The verdict itself is in [`crate::verdict`]: this file knows only its code.

use std::process::{ExitCode, Termination};

/// The verdict as an exit code, for `main` to return: 0 if the rate was sustained, or if a closed
/// loop completed.
///
/// ```no_run
/// fn main() -> dyno::Outcome {
///     dyno::bench("sum", || (1..=1_000_u64).sum::<u64>()).main()
/// }
/// ```
#[must_use = "return it from `main`: it is the exit code"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    code: u8,
}

impl Outcome {
    pub(crate) fn new(code: i32) -> Self {
        // Every code of dyno fits; any other becomes 255.
        Self { code: u8::try_from(code).unwrap_or(u8::MAX) }
    }

    /// Returns the exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        self.code
    }
}

impl Termination for Outcome {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code)
    }
}
