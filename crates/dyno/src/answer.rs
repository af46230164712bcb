//! The answer that `cargo dyno run` waits for: the program that it became runs a benchmark.
//!
//! A declaration without `.main()` runs nothing, and its program would end with exit code 0, the
//! same as for a sustained rate. After the declaration, dyno's code runs again only at the
//! process's exit.

use std::io::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// The variable with the id of the process that has to run a benchmark. `cargo dyno run` sets it,
/// and becomes this process.
pub(crate) const PROCESS_VARIABLE: &str = "DYNO_RUN_PROCESS";
/// The exit code of a program that ran nothing, the same as of one that refused to.
const NOTHING_RAN: i32 = 2;

/// Set once a benchmark of this process ran, or was refused.
static GIVEN: AtomicBool = AtomicBool::new(false);

/// Notes that a benchmark is declared: this process has to run one, if `cargo dyno run` became it.
pub(crate) fn expect() {
    static WATCHED: Once = Once::new();
    let is_expected = || std::env::var(PROCESS_VARIABLE).is_ok_and(|id| is_ours(&id));
    WATCHED.call_once(|| {
        if is_expected() {
            watch();
        }
    });
}

/// Notes that a benchmark runs now, or is refused with a message.
pub(crate) fn give() {
    GIVEN.store(true, Ordering::Relaxed);
}

/// Returns `true` if it is the id of this process, and not of one that started it.
fn is_ours(id: &str) -> bool {
    id.parse::<u32>().is_ok_and(|id| id == std::process::id())
}

#[expect(unsafe_code, reason = "the standard library calls nothing at the process's exit")]
fn watch() {
    // SAFETY: the function takes no arguments, never unwinds, and lives as long as the program.
    // Where it can't be registered, a forgotten `.main()` goes unnoticed.
    let _registered = unsafe { libc::atexit(check) };
}

/// Ends a process that ran nothing, with an exit code that shows it.
#[expect(unsafe_code, reason = "an exit that has begun is not begun again")]
extern "C" fn check() {
    if GIVEN.load(Ordering::Relaxed) {
        return;
    }
    // A write that fails leaves the exit code, which shows the same.
    let _unread = writeln!(
        std::io::stderr(),
        "error: this program declared a benchmark and ran none: end the declaration \
         `dyno::bench(..)` with `.main()`, and return its value from `main`"
    );
    // SAFETY: it ends the process at once. The standard library has flushed its output before.
    unsafe { libc::_exit(NOTHING_RAN) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_that_is_named_owes_an_answer() {
        assert!(is_ours(&std::process::id().to_string()));
        assert!(!is_ours(&std::process::id().wrapping_add(1).to_string()));
        assert!(!is_ours(""));
    }
}
