//! A study as a program: its trials are runs that report their faults alone, its result is printed
//! and stored.

use std::sync::{Arc, Mutex};

use dyno_observer::List;
use dyno_summary::{Study, Summary};

use super::args::OutputFlags;
use crate::bench::{Bench, WorkerCommand};
use crate::error::RunError;
use crate::plan::Plan;
use crate::primary::run::OnTick;
use crate::primary::{ProcessOwnership, Run};
use crate::report::{
    self, Onlookers, PageChoice, Progress, ReportError, ReportOptions, RunFolder, StudyReporter,
};
use crate::trials::{StudyPlan, TrialHost};

/// A flag that has no meaning for a study.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag}: it has no meaning for a study, {instead}; leave it out")]
pub(crate) struct NotOfStudies {
    flag: &'static str,
    instead: &'static str,
}

/// Refuses flags of the output that a study does not have.
pub(crate) fn check(output: &OutputFlags) -> Result<(), NotOfStudies> {
    if output.prompt {
        return Err(NotOfStudies { flag: "--prompt", instead: "which is given by flags alone" });
    }
    if output.log_file.is_some() {
        let instead = "each of whose trials has a log in its own folder";
        return Err(NotOfStudies { flag: "--log-file", instead });
    }
    if !output.plot.is_empty() {
        let instead = "each of whose trials is drawn by `cargo dyno show`";
        return Err(NotOfStudies { flag: "--plot", instead });
    }
    Ok(())
}

/// The reason why a study was not performed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum StudyRefusal {
    Bench(#[from] RunError),
    Report(#[from] ReportError),
}

/// Performs a study, and returns the exit code.
pub(crate) fn run(
    bench: &mut Bench,
    study: StudyPlan,
    output: &OutputFlags,
    onlookers: Onlookers,
) -> Result<i32, StudyRefusal> {
    let progress = if output.quiet { Progress::Quiet } else { Progress::Shown };
    let files = output.out.clone().map_or(RunFolder::Default, RunFolder::In);
    let page = output.page();
    let reporter = StudyReporter::start(
        output.format,
        (progress, page),
        &files,
        &study.base,
        &study.title,
        (output.save.clone(), onlookers.board.clone()),
    )?;
    let on_tick = bench.on_tick.take().map(|on_tick| Arc::new(Mutex::new(on_tick)));
    let mut host = Host { reporter, page, onlookers, on_tick };
    let command: Vec<_> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    match study.perform(bench, &command, &mut host) {
        Ok(study) => Ok(host.reporter.finish(study)),
        Err(error) => {
            host.reporter.discard();
            Err(error)
        }
    }
}

/// The host of a study that is a program.
struct Host {
    reporter: StudyReporter,
    page: PageChoice,
    onlookers: Onlookers,
    /// The user's callback, which each trial calls in turn.
    on_tick: Option<Arc<Mutex<OnTick>>>,
}

/// Returns a callback for one trial. After a panic, no trial calls the user's code again.
fn for_one_trial(shared: &Arc<Mutex<OnTick>>) -> Option<OnTick> {
    if shared.is_poisoned() {
        return None;
    }
    let shared = Arc::clone(shared);
    Some(Box::new(move |list: &List| {
        let mut on_tick = shared.lock().ok()?;
        on_tick(list)
    }))
}

impl TrialHost for Host {
    type Failure = StudyRefusal;

    fn reach(&self) -> ProcessOwnership {
        ProcessOwnership::Process
    }

    fn run(
        &mut self,
        bench: &Bench,
        command: WorkerCommand,
        plan: Plan,
        folder: &str,
    ) -> Result<(Run, Summary), StudyRefusal> {
        let options = ReportOptions {
            format: None,
            progress: self.reporter.progress_of_trials(),
            files: self.reporter.trial_folder(folder),
            log_file: None,
            save: None,
            plot: Vec::new(),
            above: self.reporter.above(folder, plan.rate),
            page: self.page,
            onlookers: self.onlookers.clone(),
            // A study sets the rates itself.
            keys: None,
        };
        let on_tick = self.on_tick.as_ref().and_then(for_one_trial);
        let mut reporter = report::start(options, &plan, on_tick)?;
        let mut run = bench.launch(command, plan, self.reach(), &mut reporter)?;
        let summary = reporter.finish(&mut run, |_| {});
        Ok((run, summary))
    }

    fn ended(&mut self, study: &Study) {
        self.reporter.ended(study);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trial_calls_the_same_on_tick_until_it_panics() {
        let mut calls = 0;
        let own: OnTick = Box::new(move |_| {
            calls += 1;
            assert!(calls < 3, "enough");
            Some(calls.to_string())
        });
        let shared = Arc::new(Mutex::new(own));
        let list = crate::result::fixture::tick().list;
        let mut call = || for_one_trial(&shared).map(|mut on_tick| on_tick(&list));
        assert_eq!(call(), Some(Some("1".to_owned())));
        assert_eq!(call(), Some(Some("2".to_owned())));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut call));
        assert!(panicked.is_err());
        assert_eq!(call(), None);
    }

    #[test]
    fn a_flag_that_a_study_does_not_have_is_refused_with_the_reason() {
        assert_eq!(check(&OutputFlags::default()), Ok(()));
        for (output, flag) in [
            (OutputFlags { prompt: true, ..OutputFlags::default() }, "--prompt: "),
            (
                OutputFlags { log_file: Some("log".into()), ..OutputFlags::default() },
                "--log-file: ",
            ),
            (OutputFlags { plot: vec!["wait".into()], ..OutputFlags::default() }, "--plot: "),
        ] {
            let refused = check(&output).unwrap_err().to_string();
            assert!(refused.starts_with(flag), "{refused}");
            assert!(refused.ends_with("; leave it out"), "{refused}");
        }
    }
}
