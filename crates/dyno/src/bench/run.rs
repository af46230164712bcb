//! The run of a declared benchmark: its checks, its plan, and the hooks around the primary.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use dyno_bus::frame::FRAME_MAX;
use dyno_summary::Summary;

use super::declared::{self, Declaration};
use super::{Bench, Setup, watch};
use crate::error::RunError;
use crate::plan::threshold::Threshold;
use crate::plan::{Plan, WatchChoice};
use crate::primary::{Launch, ProcessOwnership, Run, Sink, StartError, Update, drive};
use crate::result::{fail, redacted};
use crate::settings::{Machine, ParameterError, Setting, Settings, SettingsError};
use crate::task;

/// The most bytes of the task's parameters as JSON: the rest of the frame is small.
const PARAMETERS_MAX: usize = FRAME_MAX - (64 << 10);

impl Bench {
    /// Notes that this benchmark runs, or is refused with a message.
    ///
    /// # Errors
    /// If this process is a worker of another benchmark, which can no longer be reached.
    pub(crate) fn begin(&self) -> Result<(), RunError> {
        crate::answer::give();
        if let Some(benchmark) = &self.worker_of {
            let (benchmark, ran) = (benchmark.clone(), self.name.clone());
            return Err(RunError::WorkerOfAnother { benchmark, ran });
        }
        declared::runs(&self.name);
        Ok(())
    }

    /// Returns the plan of this benchmark's settings with another layer over them, all checked.
    pub(crate) fn plan(&self, over: &Settings) -> Result<Plan, RunError> {
        // Another program has its own declarations.
        if self.declaration == Declaration::Hidden && self.worker_exe.is_none() {
            return Err(RunError::NameTaken { benchmark: self.name.clone() });
        }
        if tokio::runtime::Handle::try_current().is_ok() {
            return Err(RunError::InsideRuntime);
        }
        if let Some(error) = &self.parameters_error {
            return Err(RunError::Parameters(error.clone()));
        }
        self.check_program()?;
        if let Declaration::Late { ran } = &self.declaration
            && self.worker_exe.is_none()
        {
            return Err(RunError::DeclaredLate { benchmark: self.name.clone(), ran: ran.clone() });
        }
        let settings = self.settings.clone().layered_with(over.clone());
        let plan = settings.plan(&self.name, &Machine::here(), &self.parameters)?;
        self.check_watch(&settings, &plan)?;
        self.check_aborts(&settings, &plan)?;
        match too_long(&plan) {
            Some(error) => Err(RunError::Parameters(error)),
            None => Ok(plan),
        }
    }

    /// Runs the primary's `before`, then the plan. If `before` fails, the result is a failed run.
    pub(crate) fn drive(
        &mut self,
        mut plan: Plan,
        reach: ProcessOwnership,
        sink: &mut dyn Sink,
    ) -> Result<Run, RunError> {
        let command = self.worker_command();
        if let Err(fault) = self.run_before(reach, &mut plan) {
            sink.update(Update::Fault(fault.clone()));
            return Ok(Run::never_begun(plan, fault));
        }
        self.launch(command, plan, reach, sink)
    }

    /// Returns the command that starts a worker. The primary's `before` may leave the current
    /// folder, so this is called before that hook runs.
    pub(crate) fn worker_command(&self) -> WorkerCommand {
        // The arguments of this program mean nothing to another program. A relative path among them
        // starts at the folder that `before` may leave.
        let line = match self.worker_exe {
            None => crate::harness::command_line(),
            Some(_) => Vec::new(),
        };
        WorkerCommand { exe: self.program(), line }
    }

    /// Runs the primary's `before`, which may set the task's parameters and the processes to watch;
    /// returns its fault, if it fails. Then finds all processes to watch.
    pub(crate) fn run_before(
        &mut self,
        reach: ProcessOwnership,
        plan: &mut Plan,
    ) -> Result<(), String> {
        if let Some(before) = self.before.take() {
            let mut setup = Setup::new(self.parameters.with_values(plan.task.clone()), plan);
            let result = call(reach, || before(&mut setup));
            let (parameters, watched) = setup.into_parts();
            let given = std::mem::replace(&mut plan.task, parameters.into_map());
            let is_too_long = || too_long(plan).map(|error| error.to_string());
            if let Some(error) = result.err().or_else(is_too_long) {
                return Err(redacted(&format!("the primary's `before` failed: {error}")));
            }
            self.check_reach(&given, plan)?;
            plan.watch.extend(watched);
        }
        self.targets = watch::find_all(&plan.watch)?;
        Ok(())
    }

    /// Refuses sliding windows that end the run, if several hosts share it: only sums over the whole
    /// window are known while it goes on.
    fn check_aborts(&self, settings: &Settings, plan: &Plan) -> Result<(), SettingsError> {
        let slides = |threshold: &Threshold| threshold.aborts && threshold.over.is_some();
        let inputs = plan.thresholds.iter().zip(settings.inputs(Setting::Threshold));
        let mut refused = inputs.filter(|(threshold, _)| self.hosts.is_some() && slides(threshold));
        match refused.next() {
            None => Ok(()),
            Some((_, input)) => {
                let remedy = "a sliding window can't end a run on several hosts: leave out `abort`, \
                              or `over`";
                Err(SettingsError { input, remedy: remedy.to_owned() })
            }
        }
    }

    /// Refuses processes that can't be watched. A name is looked up later if there is a `before`, which
    /// may start the process.
    fn check_watch(&self, settings: &Settings, plan: &Plan) -> Result<(), SettingsError> {
        for (choice, input) in plan.watch.iter().zip(settings.inputs(Setting::Watch)) {
            let is_there = self.before.is_none() || self.starts_nothing;
            if is_there || matches!(choice, WatchChoice::Pid(_)) {
                watch::find(choice).map_err(|remedy| SettingsError { input, remedy })?;
            }
        }
        Ok(())
    }

    /// Refuses parameters that `before` has set to an address that only this host reaches, if others
    /// take part.
    fn check_reach(
        &self,
        given: &serde_json::Map<String, serde_json::Value>,
        plan: &Plan,
    ) -> Result<(), String> {
        if self.hosts.is_none() {
            return Ok(());
        }
        let set = plan.task.iter().filter(|(name, value)| given.get(*name) != Some(*value));
        let local = set.filter(|(_, value)| crate::hosts::is_local(value)).map(|(name, _)| name);
        match local.collect::<Vec<_>>().first() {
            None => Ok(()),
            Some(name) => Err(format!(
                "the primary's `before` has set the parameter `{name}` to an address of this host, \
                 which other hosts can't reach: let it listen on an address of the network, or \
                 leave out --hosts"
            )),
        }
    }

    /// Runs the plan in new workers.
    pub(crate) fn launch(
        &self,
        command: WorkerCommand,
        plan: Plan,
        reach: ProcessOwnership,
        sink: &mut dyn Sink,
    ) -> Result<Run, RunError> {
        if let Some(hosts) = &self.hosts {
            return Ok(hosts.run(plan, &self.remote, reach, sink)?);
        }
        let WorkerCommand { exe: worker_exe, line: worker_line } = command;
        let (remote, targets) = (self.remote.clone(), self.targets.clone());
        let (conduct, variables) = (self.conduct, self.variables.clone());
        let launch =
            Launch { plan, worker_exe, worker_line, variables, reach, remote, conduct, targets };
        drive(launch, sink).map_err(|source| match crate::harness::emulator() {
            Some(emulator) => RunError::Emulated { emulator, source },
            None => source.into(),
        })
    }

    /// Runs the primary's `after`, whose error makes the run an error.
    pub(crate) fn run_after(&mut self, reach: ProcessOwnership, summary: &mut Summary) {
        if let Err(fault) = self.after_of(reach, summary) {
            fail(summary, &fault);
        }
    }

    /// Runs the primary's `after`; returns its fault, if it fails.
    pub(crate) fn after_of(
        &mut self,
        reach: ProcessOwnership,
        summary: &Summary,
    ) -> Result<(), String> {
        let Some(after) = self.after.take() else { return Ok(()) };
        call(reach, || after(summary))
            .map_err(|error| format!("the primary's `after` failed: {error}"))
    }

    /// Returns the workers' program: this one, unless another was set. The path is absolute,
    /// because a plain name would be searched in `PATH`.
    fn program(&self) -> PathBuf {
        match &self.worker_exe {
            Some(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
            // This path names this program even if its file has been replaced since.
            None if cfg!(target_os = "linux") => PathBuf::from("/proc/self/exe"),
            None => std::env::current_exe().unwrap_or_default(),
        }
    }

    /// Returns an error if the workers' program is missing, or is one that would run tests.
    fn check_program(&self) -> Result<(), RunError> {
        if self.worker_exe.is_none() && crate::harness::is_test_program() {
            return Err(RunError::WorkerExeNeeded { benchmark: self.name.clone() });
        }
        let path = self.program();
        match std::fs::metadata(&path) {
            Ok(_) => Ok(()),
            Err(source) => {
                // The path in the error is the one that was set.
                let path = self.worker_exe.clone().unwrap_or(path);
                Err(StartError::WorkerExe { path, source }.into())
            }
        }
    }
}

/// The command that starts a worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerCommand {
    exe: PathBuf,
    line: Vec<OsString>,
}

/// Returns an error if the task's parameters do not fit the one message that brings them to a
/// worker.
fn too_long(plan: &Plan) -> Option<ParameterError> {
    let (length, length_max) = (crate::primary::parameters_of(plan).len(), PARAMETERS_MAX);
    (length > length_max).then_some(ParameterError::TooLong { length, length_max })
}

/// Calls a hook of the primary. If this is the primary's own program, a panic becomes the hook's
/// error, so that the run is reported all the same. In a guest's process, the panic goes on to the
/// user's code.
fn call(reach: ProcessOwnership, hook: impl FnOnce() -> task::Result) -> Result<(), String> {
    // An error's text is the user's code as well.
    let described = || hook().map_err(|error| task::describe(&error));
    match reach {
        ProcessOwnership::Guest => described(),
        ProcessOwnership::Process => {
            catch_unwind(AssertUnwindSafe(described)).unwrap_or_else(|panic| {
                let message = format!("panicked: {}", task::text_of(&*panic));
                task::discard(panic);
                Err(message)
            })
        }
    }
}
