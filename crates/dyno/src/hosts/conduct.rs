//! The conduct of a run on several hosts: it starts the launchers, turns what comes into events of the
//! [`Coordinator`], and performs its steps.

use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dyno_bus::clock;
use dyno_observer::Observer;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};

use super::bootstrap::ProgramLines;
use super::contact::{Contact, HostInput, HostNews, Inbox, Program};
use super::coordinator::{Coordinator, HostStep, Sums};
use super::launcher::Launcher;
use super::message::{HostFacts, SettingEntry};
use super::offset::ClockOffset;
use crate::plan::{Plan, Rate};
use crate::primary::run::{Run, Silent, Stream, Tick, Update};
use crate::primary::{
    HostRecord, ProcessOwnership, Remote, SignalRequest, Signals, Sink, StartError, merge,
};
use crate::settings::{Setting, SettingSource, Settings};
use crate::sha256;
use crate::verdict::BacklogSample;

/// The token of the waker.
const WOKEN: Token = Token(0);
/// The token of the signals' pipes.
const SIGNALS: Token = Token(1);

/// The warning of a run whose `before` watches a process.
const UNWATCHED: &str = "the process that `before` watches is not watched: each host of a run on several has \
                         other processes";

/// The hosts that a benchmark's runs are shared by.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    launchers: Vec<Launcher>,
    /// The file of the program that hosts run.
    exe: PathBuf,
    /// `true` if the user has named that file, which may be for another system.
    is_foreign: bool,
    /// The words that lead the program to the benchmark.
    words: Vec<String>,
    /// The settings of the run, as they were given.
    settings: Settings,
    /// Variables of this process that the workers get.
    variables: Vec<(String, String)>,
    program: OnceLock<Program>,
}

impl Hosts {
    /// Creates the hosts of these launchers, for runs with these settings. `exe` is the program for
    /// them; unless it is set, they run this one.
    pub(crate) fn new(
        launchers: Vec<Launcher>,
        exe: Option<&Path>,
        words: Vec<String>,
        (settings, variables): (Settings, Vec<(String, String)>),
    ) -> Self {
        Self {
            launchers,
            exe: exe.map_or_else(|| "/proc/self/exe".into(), Path::to_owned),
            is_foreign: exe.is_some(),
            words,
            settings,
            variables,
            program: OnceLock::new(),
        }
    }

    /// Reads the program for the hosts, if that is not done.
    ///
    /// # Errors
    /// If it can't be read.
    fn program(&self, benchmark: &str) -> io::Result<Program> {
        if let Some(program) = self.program.get() {
            return Ok(program.clone());
        }
        let bytes = std::fs::read(&self.exe)?;
        let lines = ProgramLines {
            hash: sha256::hex(&bytes),
            length: bytes.len() as u64,
            benchmark: benchmark.to_owned(),
            words: self.words.clone(),
        };
        let program = Program { bytes: bytes.into(), lines, is_foreign: self.is_foreign };
        Ok(self.program.get_or_init(|| program).clone())
    }

    /// Runs a plan on the hosts. The remote can end it, and signals of a process that is ours.
    ///
    /// # Errors
    /// Only if this process lacks the means. A host that can't take part is a fault of the [`Run`].
    pub(crate) fn run(
        &self,
        mut plan: Plan,
        remote: &Remote,
        reach: ProcessOwnership,
        sink: &mut dyn Sink,
    ) -> Result<Run, StartError> {
        let watched = std::mem::take(&mut plan.watch);
        let mut result = self.drive(plan, remote, reach, (sink, |_| {}))?.finish();
        result.warnings.extend((!watched.is_empty()).then(|| UNWATCHED.to_owned()));
        Ok(result)
    }

    /// Reaches each host, and measures its clock; nothing is run.
    ///
    /// # Errors
    /// Only if this process lacks the means.
    pub(crate) fn look(&self, plan: Plan, remote: &Remote) -> Result<Vec<HostCheck>, StartError> {
        let reach = ProcessOwnership::Process;
        let mut sink = Silent;
        let mut run = self.drive(plan, remote, reach, (&mut sink, Coordinator::only_look))?;
        let of = |(host, launcher): (usize, &Launcher)| HostCheck {
            name: launcher.name.clone(),
            found: run.coordinator.look(host),
        };
        let found = self.launchers.iter().enumerate().map(of).collect();
        run.end_launchers();
        Ok(found)
    }

    /// Drives the hosts until none is left to wait for.
    fn drive<'a>(
        &'a self,
        plan: Plan,
        remote: &Remote,
        reach: ProcessOwnership,
        (sink, prepare): (&'a mut dyn Sink, fn(&mut Coordinator)),
    ) -> Result<HostsRun<'a>, StartError> {
        let need = |what| move |source: io::Error| StartError::Primary { what, source };
        let program = self.program(&plan.benchmark);
        let program =
            program.map_err(|source| StartError::WorkerExe { path: self.exe.clone(), source })?;
        let mut poll = Poll::new().map_err(need("poll"))?;
        let waker = Arc::new(Waker::new(poll.registry(), WOKEN).map_err(need("poll"))?);
        let mut signals = match reach {
            ProcessOwnership::Guest => None,
            ProcessOwnership::Process => {
                Some(Signals::take_over().map_err(need("take over signals"))?)
            }
        };
        for source in signals.iter().flat_map(Signals::sources) {
            let mut source = SourceFd(&source.as_raw_fd());
            let registered = poll.registry().register(&mut source, SIGNALS, Interest::READABLE);
            registered.map_err(need("poll"))?;
        }
        remote.listen(Arc::clone(&waker));
        let mut run = HostsRun::begin(self, plan, program, waker, sink);
        prepare(&mut run.coordinator);
        let mut events = Events::with_capacity(16);
        let mut is_stopped = false;
        while !run.coordinator.is_done() {
            let wait = run.coordinator.next_tick() - clock::now();
            // EINTR is a wake without a reason; any other error shows in the calls that follow.
            let _woken = poll.poll(&mut events, Some(wait.min(Duration::from_secs(1))));
            for request in signals.as_mut().map(Signals::read).unwrap_or_default() {
                let number = match request {
                    SignalRequest::End(number) => number,
                    // A run on other hosts can't be stopped and continued.
                    SignalRequest::Pause => libc::SIGTSTP,
                };
                run.signal(number);
            }
            if remote.is_stopped() && !std::mem::replace(&mut is_stopped, true) {
                run.stop();
            }
            run.turn();
        }
        Ok(run)
    }

    /// Returns the settings that each host gets for a plan. A study changes some of them.
    fn entries(&self, plan: &Plan) -> Vec<SettingEntry> {
        let mut settings = self.settings.clone();
        let mut left_out = vec![Setting::Param, Setting::Share, Setting::Watch];
        if plan.thresholds.is_empty() {
            left_out.push(Setting::Threshold);
        }
        if plan.profile.is_none() {
            left_out.push(Setting::Stages);
        }
        settings = settings.without(&left_out);
        let mut set = |setting, text: String| settings.say(setting, text, SettingSource::Flag);
        set(Setting::Seed, plan.seed.to_string());
        set(Setting::OnBacklog, plan.on_backlog.to_string());
        if plan.profile.is_none() {
            set(Setting::Duration, humantime::format_duration(plan.duration).to_string());
            set(
                Setting::Rate,
                match plan.rate {
                    Rate::PerSecond(rate) => rate.to_string(),
                    Rate::Max => "max".to_owned(),
                },
            );
        }
        let entry = |(setting, text, source): (Setting, &str, SettingSource)| SettingEntry {
            flag: setting.flag().to_owned(),
            text: text.to_owned(),
            layer: match source {
                SettingSource::Code => 0,
                SettingSource::Environment => 1,
                SettingSource::Flag => 2,
            },
        };
        settings.entries().map(entry).collect()
    }
}

/// The result of a look at a host.
#[derive(Debug)]
pub(crate) struct HostCheck {
    pub(crate) name: String,
    /// Its facts, its clock and the number of its workers, or why it can't take part.
    pub(crate) found: Result<(HostFacts, ClockOffset, u32), String>,
}

/// A run on its way.
struct HostsRun<'a> {
    coordinator: Coordinator,
    contacts: Vec<Option<Contact>>,
    inputs: std::sync::mpsc::Receiver<HostInput>,
    launchers: &'a [Launcher],
    plan: Plan,
    sink: &'a mut dyn Sink,
    /// For the list of a tick, which has no process.
    observer: Observer,
}

impl<'a> HostsRun<'a> {
    /// Starts all launchers.
    fn begin(
        hosts: &'a Hosts,
        plan: Plan,
        program: Program,
        waker: Arc<Waker>,
        sink: &'a mut dyn Sink,
    ) -> Self {
        let (sender, inputs) = channel();
        let names = hosts.launchers.iter().map(|launcher| launcher.name.clone()).collect();
        let coordinator = Coordinator::new(
            plan.clone(),
            program.lines.hash.clone(),
            (hosts.entries(&plan), hosts.variables.clone()),
            crate::primary::parameters_of(&plan),
            (names, clock::now()),
        );
        let start = |(host, launcher): (usize, &Launcher)| {
            let (sender, waker) = (sender.clone(), Arc::clone(&waker));
            let inbox = Inbox { host, sender: sender.clone(), waker };
            match Contact::start(launcher, program.clone(), inbox) {
                Ok(contact) => Some(contact),
                Err(error) => {
                    let news = HostNews::Refused(format!("its launcher can't be started: {error}"));
                    // The receiver is here.
                    let _sent = sender.send(HostInput { host, at: clock::now(), news });
                    None
                }
            }
        };
        let contacts = hosts.launchers.iter().enumerate().map(start).collect();
        let observer = Observer::new(plan.pace());
        let launchers = &hosts.launchers;
        Self { coordinator, contacts, inputs, launchers, plan, sink, observer }
    }

    /// Handles all that has come, then the deadlines.
    fn turn(&mut self) {
        while let Ok(HostInput { host, at, news }) = self.inputs.try_recv() {
            let steps = self.coordinator.news(clock::now(), host, at, news);
            self.perform(steps);
        }
        let now = clock::now();
        if now >= self.coordinator.next_tick() {
            let steps = self.coordinator.tick(now);
            self.perform(steps);
        }
    }

    fn signal(&mut self, number: i32) {
        let steps = self.coordinator.signalled(clock::now(), number);
        self.perform(steps);
    }

    fn stop(&mut self) {
        let steps = self.coordinator.stop(clock::now());
        self.perform(steps);
    }

    fn perform(&mut self, steps: Vec<HostStep>) {
        for step in steps {
            match step {
                HostStep::Send(host, command) => {
                    if let Some(contact) = &self.contacts[host] {
                        contact.send(&command);
                    }
                }
                HostStep::Close(host) => {
                    if let Some(contact) = &mut self.contacts[host] {
                        contact.close();
                    }
                }
                HostStep::Kill(host) => {
                    if let Some(contact) = &mut self.contacts[host] {
                        contact.kill();
                    }
                }
                HostStep::Fault(text) => self.sink.update(Update::Fault(text)),
                HostStep::Warning(text) => self.sink.update(Update::Warning(text)),
                HostStep::Line(worker, text) => {
                    self.sink.update(Update::Line { worker, stream: Stream::Stdout, text });
                }
                HostStep::Store(host) => {
                    let bytes = self.coordinator.record(host).unwrap_or_default();
                    self.sink.record(&self.launchers[host].folder(), bytes);
                }
                HostStep::Enter(phase) => self.sink.update(Update::Entered(phase)),
                HostStep::Show(sums) => self.show(&sums),
            }
        }
    }

    /// Passes the state of the whole run on, if the sink wants it.
    fn show(&mut self, sums: &Sums) {
        if self.sink.tick_period().is_none() {
            return;
        }
        let Sums { phase, elapsed, totals, waiting, running, .. } = *sums;
        let backlog = BacklogSample { at: clock::now(), waiting, running };
        let (list, thresholds) = (self.observer.list(), Vec::new());
        let tick = Tick { phase, elapsed, totals, backlog, list, thresholds, beyond: Vec::new() };
        self.sink.update(Update::Tick(Box::new(tick)));
    }

    /// Ends all launchers, and makes the result from the records of all hosts.
    fn finish(mut self) -> Run {
        self.end_launchers();
        let faults = self.coordinator.faults().to_vec();
        let signal = self.coordinator.signal();
        let records = (0..self.launchers.len()).map(|host| self.coordinator.record(host));
        let Some(records) = records.collect::<Option<Vec<_>>>().filter(|_| faults.is_empty())
        else {
            return self.without_result(faults, signal);
        };
        let read = |(bytes, launcher): (&[u8], &Launcher)| {
            let named =
                |error: &dyn std::fmt::Display| format!("host `{}`: {error}", launcher.name);
            let mut record = HostRecord::from_bytes(bytes).map_err(|error| named(&error))?;
            record.source = named(&"its record");
            Ok(record)
        };
        let records = records.into_iter().zip(self.launchers).map(read);
        let merged = records
            .collect::<Result<Vec<_>, String>>()
            .and_then(|records| merge(records).map_err(|error| error.to_string()));
        match merged {
            Ok(run) => run,
            Err(fault) => {
                self.sink.update(Update::Fault(fault.clone()));
                self.without_result(vec![fault], signal)
            }
        }
    }

    fn end_launchers(&mut self) {
        self.contacts.drain(..).flatten().for_each(Contact::reap);
    }

    /// Returns the result of a run that lacks the record of a host.
    fn without_result(self, mut faults: Vec<String>, signal: Option<i32>) -> Run {
        if faults.is_empty() && signal.is_none() {
            faults.push("it was stopped before it had begun".to_owned());
        }
        Run::without_cycles(self.plan, faults, signal)
    }
}
