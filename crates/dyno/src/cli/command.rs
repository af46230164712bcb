//! A benchmark as a program: its command line, its test mode, its exit code.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use dyno_summary::Verdict;

use super::agent;
use super::args::{Arguments, OutputFlags};
use super::hosts::{self, HostsRefusal};
use super::outcome::Outcome;
use super::prompt::{self, PromptError};
use super::study::{self, NotOfStudies, StudyRefusal};
use super::test_mode::TestMode;
use super::views::{OpenViews, ViewRefusal};
use crate::bench::Bench;
use crate::error::RunError;
use crate::hosts::agent_of_this_process;
use crate::primary::run::Silent;
use crate::primary::{ProcessOwnership, let_file_limit_be_an_error};
use crate::report::{self, Format, Onlookers, Progress, ReportError, RunFolder};
use crate::result::{environment, summary_of};
use crate::settings::{Setting, Settings};
use crate::trials::StudyPlan;

/// The exit code of a benchmark that was refused before anything was started.
const REFUSED: i32 = super::args::USAGE_EXIT;
/// The exit code of a test that failed, the same as in the standard harness.
const TEST_FAILED: i32 = 101;

impl Bench {
    /// Runs the benchmark as a program: reads the command line and the environment, shows the
    /// progress of the run, writes its result and its files, and handles signals.
    ///
    /// Return the outcome from `main`. An invalid setting is reported in one line, before anything
    /// is started, and the exit code is then 2.
    pub fn main(self) -> Outcome {
        if let Some(benchmark) = agent_of_this_process() {
            return agent::outcome(self, &benchmark);
        }
        if let Err(error) = self.begin() {
            return refuse(&error);
        }
        match TestMode::of_this_process() {
            Ok(None) => with_line(self, std::env::args_os()),
            Ok(Some(mode)) => Outcome::new(test(self, &mode)),
            Err(error) => refuse(&error),
        }
    }

    /// Like [`main`](Self::main), with a command line other than this process's own: the program's
    /// name, then flags. It never selects test mode.
    ///
    /// Workers are still started with the command line of this process, because they have to reach
    /// the same [`bench()`](crate::bench()).
    pub fn main_with(self, line: impl IntoIterator<Item = OsString>) -> Outcome {
        if let Some(benchmark) = agent_of_this_process() {
            return agent::outcome(self, &benchmark);
        }
        match self.begin() {
            Ok(()) => with_line(self, line),
            Err(error) => refuse(&error),
        }
    }
}

/// Runs a benchmark that has begun by this command line, which begins with the program's name.
fn with_line(mut bench: Bench, line: impl IntoIterator<Item = OsString>) -> Outcome {
    let arguments = match Arguments::read(line, &bench.name, &bench.settings, &bench.parameters) {
        Ok(arguments) => arguments,
        Err(usage) => {
            usage.print();
            return Outcome::new(usage.exit_code());
        }
    };
    for warning in &arguments.warnings {
        report::print_note(&format!("warning: {warning}"));
    }
    if let Some(filter) = &arguments.left_out_by {
        report::print_note(&format!("`{}` was not run: the filter is `{filter}`", bench.name));
        return Outcome::new(0);
    }
    let_file_limit_be_an_error();
    match run(&mut bench, &arguments) {
        Ok(code) => Outcome::new(code),
        Err(Refusal::Prompt(interrupted @ PromptError::Interrupted { signal })) => {
            report::print_error(&interrupted.to_string());
            Outcome::new(Verdict::Interrupted.exit_code(Some(signal)))
        }
        Err(error) => refuse(&error),
    }
}

/// The reason why nothing was started.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Refusal {
    Bench(#[from] RunError),
    Report(#[from] ReportError),
    Prompt(#[from] PromptError),
    Study(#[from] StudyRefusal),
    View(#[from] ViewRefusal),
    StudyFlag(#[from] NotOfStudies),
    Hosts(#[from] HostsRefusal),
    /// An earlier run of this program wrote to this path.
    #[error(
        "{flag} {}: an earlier run of this program left its files there; leave {flag} out, and \
         each run has a folder of its own",
        path.display()
    )]
    Taken {
        flag: &'static str,
        path: PathBuf,
    },
}

fn run(bench: &mut Bench, arguments: &Arguments) -> Result<i32, Refusal> {
    let settings = bench.settings.clone().layered_with(arguments.settings.clone());
    bench.hosts = hosts::requested(&arguments.hosts, &settings, bench)?;
    if let (Some(hosts), true) = (&bench.hosts, arguments.hosts.hosts_check) {
        let plan = bench.plan(&arguments.settings)?;
        let checks = hosts.look(plan, &bench.remote()).map_err(RunError::from)?;
        return Ok(hosts::show(&checks));
    }
    if let Some(study) = StudyPlan::requested(bench, &arguments.settings, &arguments.study)? {
        study::check(&arguments.output)?;
        claim(&arguments.output)?;
        let views = OpenViews::requested(&arguments.output)?;
        let code = study::run(bench, study, &arguments.output, views.onlookers())?;
        views.close(code);
        return Ok(code);
    }
    let mut over = arguments.settings.clone();
    if arguments.output.prompt {
        let said = bench.settings.clone().layered_with(over.clone());
        over = over.layered_with(prompt::ask(&bench.name, &said, &bench.parameters)?);
    }
    let plan = bench.plan(&over)?;
    claim(&arguments.output)?;
    let views = OpenViews::requested(&arguments.output)?;
    let mut settings = report_settings(&arguments.output, &bench.plot);
    settings.onlookers = views.onlookers();
    settings.keys = bench.steered_by_keys(&plan);
    let mut reporter = report::start(settings, &plan, bench.on_tick.take())?;
    let mut run = bench.drive(plan, ProcessOwnership::Process, &mut reporter)?;
    let summary =
        reporter.finish(&mut run, |summary| bench.run_after(ProcessOwnership::Process, summary));
    views.close(summary.exit_code);
    Ok(summary.exit_code)
}

/// Reserves the named folder and log for this run alone: another run of this program would replace
/// the files of this one.
fn claim(output: &OutputFlags) -> Result<(), Refusal> {
    static TAKEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    for (flag, path) in [("--out", &output.out), ("--log-file", &output.log_file)] {
        let Some(path) = path else { continue };
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        // A pipe or a device may be shared.
        if taken.contains(&absolute) && (absolute.is_dir() || absolute.is_file()) {
            return Err(Refusal::Taken { flag, path: path.clone() });
        }
        taken.push(absolute);
    }
    Ok(())
}

fn report_settings(output: &OutputFlags, plots: &[String]) -> report::ReportOptions {
    // Plots on the command line replace those in the code.
    let plot = if output.plot.is_empty() { plots } else { &output.plot };
    // Quiet keeps only the result. If the result is for a program, the code's own plots would go to
    // stderr: they are left out.
    let is_drawn = !output.quiet || output.format == Format::Human || !output.plot.is_empty();
    // An empty name means no plot.
    let plot = plot.iter().filter(|metric| is_drawn && !metric.is_empty()).cloned().collect();
    report::ReportOptions {
        format: Some(output.format),
        progress: if output.quiet { Progress::Quiet } else { Progress::Shown },
        files: output.out.clone().map_or(RunFolder::Default, RunFolder::In),
        log_file: output.log_file.clone(),
        save: output.save.clone(),
        plot,
        above: Vec::new(),
        page: output.page(),
        onlookers: Onlookers::default(),
        keys: None,
    }
}

/// Runs one cycle in one worker as a test with the benchmark's name, and returns the exit code.
fn test(mut bench: Bench, mode: &TestMode) -> i32 {
    if let Some(listing) = mode.listing(&bench.name) {
        for line in listing.lines() {
            report::print_line(line);
        }
        return 0;
    }
    let selected = mode.selects(&bench.name);
    let count = usize::from(selected);
    report::print_line(&format!("\nrunning {count} test{}", if count == 1 { "" } else { "s" }));
    let failure = if selected { one_cycle(&mut bench).err() } else { None };
    if selected {
        let result = if failure.is_some() { "FAILED" } else { "ok" };
        report::print_line(&format!("test {} ... {result}", bench.name));
    }
    if let Some(failure) = &failure {
        report::print_line(&format!("\n{}", crate::result::redacted(failure)));
    }
    let (result, failed) = if failure.is_some() { ("FAILED", 1) } else { ("ok", 0) };
    let (passed, filtered) = (count - failed, 1 - count);
    report::print_line(&format!(
        "\ntest result: {result}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
         {filtered} filtered out\n"
    ));
    if failed == 0 { 0 } else { TEST_FAILED }
}

/// Runs one cycle, and returns the reasons if it does not complete.
fn one_cycle(bench: &mut Bench) -> Result<(), String> {
    let mut settings = Settings::default();
    settings.set(Setting::Rate, 1_000);
    settings.set(Setting::Duration, "1ms");
    settings.set(Setting::Warmup, "0s");
    settings.set(Setting::Workers, 1);
    settings.set(Setting::MaxFailed, 0);
    // One cycle shows nothing of a threshold or a watched process, has no stages, and is not shared.
    let others = [Setting::Threshold, Setting::Watch, Setting::Stages, Setting::Share];
    bench.settings = std::mem::take(&mut bench.settings).without(&others);
    let plan = bench.plan(&settings).map_err(|error| error.to_string())?;
    let mut run = bench
        .drive(plan, ProcessOwnership::Process, &mut Silent)
        .map_err(|error| error.to_string())?;
    let mut summary = summary_of(&mut run, &[], environment::here());
    bench.run_after(ProcessOwnership::Process, &mut summary);
    // A test does not measure speed: among others that all run at once, nothing is fast.
    let is_well = !matches!(
        summary.verdict,
        Verdict::Failed | Verdict::Interrupted | Verdict::Error | Verdict::Unknown(_)
    );
    if summary.cycles.completed == 1 && is_well {
        return Ok(());
    }
    let errors = summary.errors.iter().map(|error| error.message.clone());
    Err(summary.reasons.iter().cloned().chain(errors).collect::<Vec<_>>().join("\n"))
}

/// Reports in one line why nothing was started.
fn refuse(error: &dyn std::error::Error) -> Outcome {
    report::print_error(&error.to_string());
    Outcome::new(REFUSED)
}
