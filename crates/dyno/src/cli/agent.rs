//! A benchmark as the agent of a run on several hosts: its coordinator is the same program on another
//! host, and gives it the settings. No command line and no environment is read.

use super::outcome::Outcome;
use crate::bench::Bench;
use crate::hosts::{Agent, AgentEnd, ClockOffset, HostFacts, Preparation};
use crate::plan::Plan;
use crate::primary::run::{HostClock, Run};
use crate::primary::{Conduct, HostRecord, ProcessOwnership};
use crate::report::{self, Onlookers, PageChoice, Progress, ReportOptions, RunFolder};
use crate::result::environment;
use crate::settings::{Setting, SettingSource, Settings};

/// The exit code of an agent that did not give its record.
const UNHEARD: i32 = 1;

/// Runs this benchmark as an agent, if it is the one that is wanted.
pub(super) fn outcome(mut bench: Bench, wanted: &str) -> Outcome {
    if bench.name != wanted {
        // Another benchmark of this program is, which may come later.
        crate::answer::give();
        return Outcome::new(0);
    }
    let agent = match Agent::begin() {
        Ok(agent) => agent,
        Err(error) => {
            report::print_error(&format!("this process can't be an agent: {error}"));
            return Outcome::new(UNHEARD);
        }
    };
    match serve(&mut bench, agent) {
        Ok(()) => Outcome::new(0),
        Err(AgentEnd::Alone | AgentEnd::Refused) => Outcome::new(UNHEARD),
    }
}

/// Runs the host's share of the run, and gives its record.
fn serve(bench: &mut Bench, mut agent: Agent) -> Result<(), AgentEnd> {
    let Preparation { name, settings, variables } = agent.prepare()?;
    bench.settings = settings;
    bench.variables = variables;
    let refuse = |agent: &Agent, error: &dyn std::error::Error| agent.refuse(&error.to_string());
    bench.begin().map_err(|error| refuse(&agent, &error))?;
    let workers = bench.plan(&Settings::default()).map_err(|error| refuse(&agent, &error))?.workers;
    let (share, parameters) = agent.share(workers, facts())?;
    let plan = plan(bench, share, &parameters).map_err(|reason| agent.refuse(&reason))?;
    bench.conduct = Conduct::Remote;
    let command = bench.worker_command();
    let reporter = report::start(options(), &plan, None).map_err(|error| refuse(&agent, &error))?;
    let folder = reporter.folder().map(ToOwned::to_owned);
    let mut sink = agent.sink(reporter);
    let steered = agent.steer(bench.remote(), crate::primary::lead(&plan));
    steered.map_err(|error| refuse(&agent, &error))?;
    let mut run = match bench.launch(command, plan, ProcessOwnership::Process, &mut sink) {
        Ok(run) => run,
        Err(error) => return Err(refuse(&agent, &error)),
    };
    let clock = agent.over();
    complete(&mut run, &name, clock).map_err(|reason| agent.refuse(&reason))?;
    sink.into_inner().finish(&mut run, |_| {});
    let Some(folder) = folder else {
        return Err(agent.refuse("its run is not kept: its home folder can't be written to"));
    };
    match std::fs::read(folder.join(report::RECORD)) {
        Ok(record) => agent.give(&record, folder.display().to_string()),
        Err(error) => Err(agent.refuse(&format!("its record is not kept: {error}"))),
    }
}

/// Completes the record of a run by the host's name, and by its clock as the coordinator has measured
/// it.
fn complete(run: &mut Run, name: &str, clock: Option<ClockOffset>) -> Result<(), String> {
    let Some(bytes) = &mut run.record else { return Ok(()) };
    let mut record = HostRecord::from_bytes(bytes).map_err(|error| error.to_string())?;
    name.clone_into(&mut record.name);
    let measured =
        |ClockOffset { offset_ns, bound_ns, drift_ns }| HostClock { offset_ns, drift_ns, bound_ns };
    record.clock = clock.map(measured);
    *bytes = record.to_bytes().map_err(|error| error.to_string())?;
    Ok(())
}

/// Returns the plan of this host's share, with the parameters that the coordinator's `before` has
/// left.
fn plan(bench: &Bench, share: String, parameters: &str) -> Result<Plan, String> {
    let mut over = Settings::default();
    over.say(Setting::Share, share, SettingSource::Flag);
    let mut plan = bench.plan(&over).map_err(|error| error.to_string())?;
    let task = serde_json::from_str(parameters).map_err(|error| error.to_string())?;
    let task = bench.parameters.with_values(task);
    task.check().map_err(|error| format!("the parameters of the task: {error}"))?;
    plan.task = task.into_map();
    Ok(plan)
}

/// Returns the facts about this machine.
fn facts() -> HostFacts {
    let environment = environment::here();
    // A failed look at the disk is a fact that is not known.
    let disk = nix::sys::statvfs::statvfs(".").ok();
    // The types of these numbers differ between systems.
    #[expect(clippy::useless_conversion, reason = "the numbers have other types elsewhere")]
    let free = |disk: nix::sys::statvfs::Statvfs| {
        u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size()))
    };
    HostFacts { processor: environment.cpu, cores: environment.cores, disk_free: disk.map(free) }
}

/// The reports of an agent: its folder alone. The coordinator shows the rest.
fn options() -> ReportOptions {
    ReportOptions {
        format: None,
        progress: Progress::Elsewhere,
        files: RunFolder::Default,
        log_file: None,
        save: None,
        plot: Vec::new(),
        above: Vec::new(),
        page: PageChoice::Written,
        onlookers: Onlookers::default(),
        keys: None,
    }
}
