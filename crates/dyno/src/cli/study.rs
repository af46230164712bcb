//! A study as a program: its trials are runs that report their faults alone, its result is printed
//! and stored.

use dyno_summary::{Study, Summary};

use super::args::OutputFlags;
use crate::bench::{Bench, WorkerCommand};
use crate::error::RunError;
use crate::plan::Plan;
use crate::primary::{ProcessOwnership, Run};
use crate::report::{self, Progress, ReportError, ReportOptions, RunFolder, StudyReporter};
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
) -> Result<i32, StudyRefusal> {
    let progress = if output.quiet { Progress::Quiet } else { Progress::Shown };
    let files = output.out.clone().map_or(RunFolder::Default, RunFolder::In);
    let reporter =
        StudyReporter::start(output.format, progress, &files, &study.base, &study.title)?;
    let mut host = Host { reporter };
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
            progress: Progress::Quiet,
            files: self.reporter.trial_folder(folder),
            log_file: None,
            plot: Vec::new(),
        };
        let mut reporter = report::start(options, &plan, None)?;
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
