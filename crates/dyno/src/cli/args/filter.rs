//! The arguments that `cargo bench` and `cargo nextest` pass to every benchmark of a package:
//! filters by name, and flags of the standard test harness.
//!
//! Without `--bench`, neither of them started this process: a word is then a mistake, and refused.

use clap::Args;

use crate::cli::test_mode::TestMode;

/// The words and flags that select benchmarks by their names.
#[derive(Debug, Clone, Args)]
pub(crate) struct Selection {
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    /// A filter has to be the whole name.
    #[arg(long, hide = true, requires = "bench")]
    exact: bool,
    /// Only ignored benchmarks are wanted, and no benchmark is ignored.
    #[arg(long, hide = true, requires = "bench")]
    ignored: bool,
    /// Benchmarks to leave out.
    #[arg(long, hide = true, requires = "bench", value_name = "FILTER")]
    skip: Vec<String>,
    /// Output is never captured.
    #[arg(long, hide = true, requires = "bench", aliases = ["no-capture", "show-output"])]
    nocapture: bool,
    /// No benchmark is ignored.
    #[arg(long, hide = true, requires = "bench")]
    include_ignored: bool,
    /// One benchmark runs at a time.
    #[arg(long, hide = true, requires = "bench", value_name = "N")]
    test_threads: Option<String>,
    /// Colours follow the terminal.
    #[arg(long, hide = true, requires = "bench", value_name = "WHEN")]
    color: Option<String>,
    /// Filters, each a part of a name.
    #[arg(hide = true)]
    words: Vec<String>,
}

impl Selection {
    /// Refuses words that can't be filters, because they were typed for this benchmark alone or
    /// `--bench` is missing.
    pub(crate) fn check(&self, is_for_this_alone: bool) -> Result<(), String> {
        match self.words.first() {
            Some(word) if is_for_this_alone || !self.bench => Err(format!(
                "unexpected word `{word}`: a benchmark takes flags only, such as `--rate 50`; \
                 `--help` lists them"
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns the filters that leave a benchmark out, as they were typed; `None` if it is selected.
    pub(crate) fn left_out_by(&self, name: &str) -> Option<String> {
        let mode = TestMode::selecting(self.exact, self.ignored, &self.words, &self.skip);
        if mode.selects(name) {
            return None;
        }
        let skips = self.skip.iter().map(|filter| format!("--skip {filter}"));
        let ignored = self.ignored.then(|| "--ignored".to_owned());
        let line: Vec<_> =
            ignored.into_iter().chain(self.words.iter().cloned()).chain(skips).collect();
        Some(line.join(" "))
    }
}
