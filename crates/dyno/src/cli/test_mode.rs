//! Test mode: a benchmark that behaves as a test.
//!
//! `cargo test --benches` and `cargo nextest run --benches` start every benchmark as if it were a
//! program of the standard test harness: to list its tests, and to run them. A benchmark then has
//! one test, which is one cycle in one worker. `cargo bench` passes `--bench`: then it runs as a
//! benchmark, unless only the list is requested.

use std::ffi::OsString;

use crate::harness::in_deps;

/// The command line of a benchmark that has to behave as a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TestMode {
    list: bool,
    terse: bool,
    exact: bool,
    /// Set if only ignored tests are requested; a benchmark has none.
    ignored: bool,
    filters: Vec<String>,
    skipped: Vec<String>,
}

/// The error of a flag that belongs neither to the test harness nor to test mode.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{flag}: this program is in a `deps` folder and runs as a test, with one cycle; add `--bench` \
     to run it as a benchmark, with its own flags"
)]
pub(crate) struct NotOfTests {
    flag: String,
}

/// Flags of the standard harness that take no value and change nothing here.
const IGNORED_FLAGS: [&str; 9] = [
    "--bench",
    "--test",
    "--nocapture",
    "--no-capture",
    "--show-output",
    "--include-ignored",
    "--quiet",
    "-q",
    "--force-run-in-process",
];
/// Flags of the standard harness that take a value and change nothing here.
const IGNORED_OPTIONS: [&str; 5] =
    ["--test-threads", "--color", "--logfile", "-Z", "--shuffle-seed"];

impl TestMode {
    /// Reads the command line of this process; returns `None` if it is not test mode.
    pub(crate) fn of_this_process() -> Result<Option<Self>, NotOfTests> {
        Self::of(std::env::args_os().skip(1), in_deps())
    }

    /// Reads a command line. It is test mode without `--bench` and with a flag that only a test
    /// harness has, or where cargo builds tests. A request for the list is test mode in any case.
    fn of(
        arguments: impl Iterator<Item = OsString>,
        in_deps: bool,
    ) -> Result<Option<Self>, NotOfTests> {
        let arguments: Vec<_> =
            arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
        let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
        let lists = has("--list");
        if (has("--bench") && !lists) || !(in_deps || has("--test") || has("--exact") || lists) {
            return Ok(None);
        }
        let mut mode = Self::default();
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let (flag, mut value) = match argument.split_once('=') {
                Some((flag, value)) if flag.starts_with('-') => {
                    (flag.to_owned(), Some(value.to_owned()))
                }
                _ => (argument, None),
            };
            let mut take = || value.take().or_else(|| rest.next());
            match flag.as_str() {
                "--list" => mode.list = true,
                "--exact" => mode.exact = true,
                "--ignored" => mode.ignored = true,
                "--format" => mode.terse = take().is_some_and(|format| format == "terse"),
                "--skip" => mode.skipped.extend(take()),
                flag if IGNORED_FLAGS.contains(&flag) => {}
                flag if IGNORED_OPTIONS.contains(&flag) => drop(take()),
                flag if flag.starts_with('-') => return Err(NotOfTests { flag: flag.into() }),
                filter => mode.filters.push(filter.to_owned()),
            }
        }
        Ok(Some(mode))
    }

    /// Returns only the choice by name, as `cargo bench` passes it.
    pub(crate) fn selecting(
        exact: bool,
        ignored: bool,
        filters: &[String],
        skipped: &[String],
    ) -> Self {
        let (filters, skipped) = (filters.to_vec(), skipped.to_vec());
        Self { exact, ignored, filters, skipped, ..Self::default() }
    }

    /// Returns `true` if the one test, which has the benchmark's name, is selected.
    pub(crate) fn selects(&self, name: &str) -> bool {
        let matches = |filter: &String| {
            if self.exact { name == filter } else { name.contains(filter.as_str()) }
        };
        !self.ignored
            && (self.filters.is_empty() || self.filters.iter().any(matches))
            && !self.skipped.iter().any(matches)
    }

    /// Returns the list of tests, if it is requested.
    pub(crate) fn listing(&self, name: &str) -> Option<String> {
        if !self.list {
            return None;
        }
        let count = usize::from(self.selects(name));
        let mut text = if count == 1 { format!("{name}: benchmark\n") } else { String::new() };
        if !self.terse {
            text += &format!("\n0 tests, {count} benchmark{}\n", if count == 1 { "" } else { "s" });
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(line: &str, in_deps: bool) -> Option<TestMode> {
        TestMode::of(line.split_whitespace().map(OsString::from), in_deps).expect("flags of tests")
    }

    #[test]
    fn cargo_bench_does_not_run_a_test() {
        assert_eq!(mode("--bench", true), None);
        assert_eq!(mode("--bench --exact", true), None);
        // The list has names only, also with `--bench`.
        let listing = mode("--bench --list --format terse", true).expect("a list").listing("fib");
        assert_eq!(listing.as_deref(), Some("fib: benchmark\n"));
        assert_eq!(mode("", false), None);
        assert_eq!(mode("--rate 5", false), None);
    }

    #[test]
    fn cargo_test_and_nextest_run_a_test() {
        for line in ["", "--nocapture", "--test-threads=1", "--test-threads 1 fib"] {
            assert!(mode(line, true).is_some(), "{line}");
        }
        assert!(mode("--test", false).is_some());
        let mode = mode("fibonacci --exact --nocapture", false).expect("a test");
        assert!(mode.selects("fibonacci") && !mode.selects("fibonacci2"));
    }

    #[test]
    fn filters_choose_by_part_or_exactly() {
        assert!(mode("bona", true).expect("a test").selects("fibonacci"));
        assert!(!mode("bona --exact", true).expect("a test").selects("fibonacci"));
        assert!(!mode("--skip bona", true).expect("a test").selects("fibonacci"));
        assert!(!mode("--ignored", true).expect("a test").selects("fibonacci"));
    }

    #[test]
    fn the_list_is_what_nextest_reads() {
        let listing = |line| mode(line, false).expect("a test").listing("fib");
        assert_eq!(listing("--list --format terse").as_deref(), Some("fib: benchmark\n"));
        assert_eq!(listing("--list --format terse --ignored").as_deref(), Some(""));
        assert_eq!(listing("--list").as_deref(), Some("fib: benchmark\n\n0 tests, 1 benchmark\n"));
        assert_eq!(mode("--exact fib", false).and_then(|mode| mode.listing("fib")), None);
    }

    #[test]
    fn a_flag_of_the_benchmark_says_how_to_be_one() {
        let refused = TestMode::of(["--rate".into(), "5".into()].into_iter(), true);
        assert_eq!(refused, Err(NotOfTests { flag: "--rate".into() }));
    }
}
