//! The coordinator as a state machine: pure, so that every order of news can be tested.
//!
//! ```text
//!   Gathering ── all hosts know their workers ──▶ Starting ── all are ready, and their clocks
//!       │                                                 │        are measured ──▶ Running
//!       │ a host is refused or lost,                      │                            │
//!       ▼ a signal                                        ▼                            ▼
//!   Ending ◀──────────────────────────────────────────────┴──── the first part is over ┘
//!       │ each host has given its record, or is lost
//!       ▼
//!     Done
//! ```
//!
//! - A host is *lost* if its stream ends before it has given its record, if it is silent for
//!   [`SILENCE`], or if it does not get as far as it should before a deadline. It is named, with its
//!   last account, and the others drain.
//! - The first signal drains all hosts; the second one kills.
//! - After the last message to a host, its stream is closed. A launcher that stays is killed.

mod member;
mod reports;
mod sums;

use std::time::Duration;

use dyno_bus::Time;
use dyno_summary::Unit;

use self::member::{HostMember, HostStage};
pub(crate) use self::sums::Sums;
use super::contact::HostNews;
use super::message::{HostCommand, HostFacts, SettingEntry, VERSION};
use super::offset::ClockOffset;
use crate::plan::hosts::OtherHosts;
use crate::plan::{Deadlines, OnBacklog, Plan};
use crate::primary::{RunPhase, cycles_max, is_certain};

/// The time between two messages that only say that this side is there.
const ALIVE_PERIOD: Duration = Duration::from_secs(1);
/// The silence after which a host is lost: five of these messages.
pub(crate) const SILENCE: Duration = Duration::from_secs(5);
/// An addition to the deadline of the start: the host itself keeps that deadline, and names the worker
/// that does not.
const START_SLACK: Duration = Duration::from_secs(3);
/// The least time from the decision to begin until the first cycle is due on all hosts.
const LEAD_MIN: Duration = Duration::from_millis(200);
/// An addition to it, in round trips to the farthest host.
const LEAD_ROUND_TRIPS: u32 = 4;
/// The time for the record of a host to arrive, once its part of the run is over.
const RECORD_DEADLINE: Duration = Duration::from_secs(60);
/// The time for a launcher to end, once its stream is closed.
const CLOSE_DEADLINE: Duration = Duration::from_millis(2_500);
/// The same after the second signal.
const KILL_DEADLINE: Duration = Duration::from_millis(1_000);

/// Something that the driver must do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HostStep {
    /// Send a message to a host.
    Send(usize, HostCommand),
    /// Close the stream to a host.
    Close(usize),
    /// Kill a host's launcher.
    Kill(usize),
    /// Show a fault to the user.
    Fault(String),
    /// Show a warning to the user.
    Warning(String),
    /// Show a line that a worker wrote.
    Line(u32, String),
    /// Store the record of a host.
    Store(usize),
    /// Note that the whole run has entered a phase.
    Enter(RunPhase),
    /// Show the state of the whole run.
    Show(Sums),
}

/// The phase of the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CoordinatorPhase {
    Gathering,
    Starting,
    Running,
    Ending,
    Done,
}

/// The purpose of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CoordinatorPurpose {
    Run,
    /// Each host is reached, its clock is measured, and it is left again.
    Look,
}

/// A run on several hosts.
#[derive(Debug)]
pub(crate) struct Coordinator {
    plan: Plan,
    build: String,
    settings: Vec<SettingEntry>,
    variables: Vec<(String, String)>,
    parameters: String,
    phase: CoordinatorPhase,
    shown: RunPhase,
    members: Vec<HostMember>,
    /// The instant of the first due time, once the run has begun.
    t0: Option<Time>,
    /// The cycles that waited and ran when the measured window began.
    level: Option<(u64, u64)>,
    next_beat: Time,
    faults: Vec<String>,
    signal: Option<i32>,
    signals: u32,
    purpose: CoordinatorPurpose,
}

impl Coordinator {
    /// Creates a run on hosts of these names, which begins now.
    pub(crate) fn new(
        plan: Plan,
        build: String,
        (settings, variables): (Vec<SettingEntry>, Vec<(String, String)>),
        parameters: String,
        (names, now): (Vec<String>, Time),
    ) -> Self {
        let deadline = now + plan.deadlines.start;
        let members = names.into_iter().map(|name| HostMember::new(name, deadline)).collect();
        Self {
            plan,
            build,
            settings,
            variables,
            parameters,
            phase: CoordinatorPhase::Gathering,
            shown: RunPhase::Starting,
            members,
            t0: None,
            level: None,
            next_beat: now + ALIVE_PERIOD,
            faults: Vec::new(),
            signal: None,
            signals: 0,
            purpose: CoordinatorPurpose::Run,
        }
    }

    /// Lets all hosts be looked at, and nothing be run.
    pub(crate) fn only_look(&mut self) {
        self.purpose = CoordinatorPurpose::Look;
    }

    /// Returns what a look at a host has found: its facts and its clock, or why it can't take part.
    pub(crate) fn look(&self, host: usize) -> Result<(HostFacts, ClockOffset, u32), String> {
        let member = &self.members[host];
        let found = || Some((member.facts.clone()?, member.first_offset()?, member.workers?));
        found().ok_or_else(|| member.fault.clone().unwrap_or_default())
    }

    /// Returns `true` once no host is left to wait for.
    pub(crate) fn is_done(&self) -> bool {
        self.phase == CoordinatorPhase::Done
    }

    /// Returns the faults so far, each with the name of its host.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Returns the first signal that requested the end.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.signal
    }

    /// Returns the record of a host; `None` unless all of it has arrived.
    pub(crate) fn record(&self, host: usize) -> Option<&[u8]> {
        self.members[host].record()
    }

    /// Returns the instant of the next `tick`, if nothing comes before.
    pub(crate) fn next_tick(&self) -> Time {
        let deadlines = self.members.iter().map(HostMember::next_deadline);
        deadlines.min().unwrap_or(Time::NEVER).min(self.next_beat)
    }

    /// Handles news of a host, which arrived at `at`.
    #[must_use]
    pub(crate) fn news(
        &mut self,
        now: Time,
        host: usize,
        at: Time,
        news: HostNews,
    ) -> Vec<HostStep> {
        let mut steps = Vec::new();
        self.members[host].heard(at);
        match news {
            HostNews::Copying | HostNews::Agent
                if self.members[host].stage != HostStage::Reaching => {}
            HostNews::Copying => self.members[host].deadline = now + self.plan.deadlines.start,
            HostNews::Agent => self.greet(host, now, &mut steps),
            HostNews::Report(report) => self.report(now, (host, at), report, &mut steps),
            HostNews::Line(line) => {
                steps.push(HostStep::Warning(format!("{}: {line}", self.members[host].name)));
            }
            HostNews::Refused(reason) => self.lose(now, host, &reason, &mut steps),
            HostNews::Closed(reason) => self.closed(now, host, &reason, &mut steps),
        }
        self.advance(now, &mut steps);
        steps
    }

    /// Handles a signal that requests the end.
    #[must_use]
    pub(crate) fn signalled(&mut self, now: Time, signal: i32) -> Vec<HostStep> {
        let mut steps = Vec::new();
        self.signal.get_or_insert(signal);
        self.signals += 1;
        if self.signals > 1 {
            for (host, member) in self.members.iter_mut().enumerate() {
                if !member.is_gone() {
                    steps.extend([HostStep::Send(host, HostCommand::Kill), HostStep::Close(host)]);
                    member.stage = HostStage::Closing;
                    member.deadline = member.deadline.min(now + KILL_DEADLINE);
                }
            }
            self.phase = self.phase.max(CoordinatorPhase::Ending);
        } else {
            self.end(now, Some(signal), &mut steps);
        }
        self.advance(now, &mut steps);
        steps
    }

    /// Handles a request for an early end.
    #[must_use]
    pub(crate) fn stop(&mut self, now: Time) -> Vec<HostStep> {
        let mut steps = Vec::new();
        self.end(now, None, &mut steps);
        self.advance(now, &mut steps);
        steps
    }

    /// Judges the deadlines, and says to all hosts that this side is there.
    #[must_use]
    pub(crate) fn tick(&mut self, now: Time) -> Vec<HostStep> {
        let mut steps = Vec::new();
        for host in 0..self.members.len() {
            if self.members[host].is_silent(now) {
                self.give_up(now, host, &mut steps);
            } else if let Some(reason) = self.members[host].overdue(now, &self.plan.deadlines) {
                self.lose(now, host, &reason, &mut steps);
            }
        }
        if now >= self.next_beat {
            self.next_beat = now + ALIVE_PERIOD;
            for (host, member) in self.members.iter().enumerate() {
                if member.is_in_contact() {
                    steps.push(HostStep::Send(host, HostCommand::Alive));
                }
            }
            self.show(now, &mut steps);
        }
        self.advance(now, &mut steps);
        steps
    }

    fn greet(&mut self, host: usize, now: Time, steps: &mut Vec<HostStep>) {
        let member = &mut self.members[host];
        member.stage = HostStage::Greeted;
        member.deadline = now + self.plan.deadlines.start;
        let hello = HostCommand::Hello { version: VERSION, build: self.build.clone() };
        let prepare = HostCommand::Prepare {
            name: member.name.clone(),
            settings: self.settings.clone(),
            variables: self.variables.clone(),
        };
        steps.extend([HostStep::Send(host, hello), HostStep::Send(host, prepare)]);
    }

    /// Gives a host up, names the reason, and ends the part of the others.
    fn lose(&mut self, now: Time, host: usize, reason: &str, steps: &mut Vec<HostStep>) {
        let member = &mut self.members[host];
        if member.stage >= HostStage::Closing {
            // Its end is late, and its record is here already.
            if member.stage == HostStage::Closing {
                steps.push(HostStep::Kill(host));
                member.deadline = Time::NEVER;
                member.stage = HostStage::Gone;
            }
            return;
        }
        steps.push(HostStep::Kill(host));
        member.stage = HostStage::Gone;
        member.deadline = Time::NEVER;
        self.blame(now, host, reason, steps);
    }

    /// Gives a silent host up. Its agent notices the silence too, and drains: its launcher is left alone
    /// for that time, because its end might end the agent.
    fn give_up(&mut self, now: Time, host: usize, steps: &mut Vec<HostStep>) {
        let Deadlines { drain, after, kill_grace, .. } = self.plan.deadlines;
        self.members[host].stage = HostStage::Closing;
        self.members[host].deadline = now + drain + after + kill_grace * 2;
        let reason = format!("it was silent for {SILENCE:?}");
        self.blame(now, host, &reason, steps);
    }

    /// Notes the fault of a host, and ends the part of the others.
    fn blame(&mut self, now: Time, host: usize, reason: &str, steps: &mut Vec<HostStep>) {
        let member = &mut self.members[host];
        member.fault = Some(reason.to_owned());
        if self.purpose == CoordinatorPurpose::Look {
            return;
        }
        let fault = format!("host `{}`: {reason}{}", member.name, member.account());
        steps.push(HostStep::Fault(fault.clone()));
        self.faults.push(fault);
        self.end(now, None, steps);
    }

    fn closed(&mut self, now: Time, host: usize, reason: &str, steps: &mut Vec<HostStep>) {
        if self.members[host].stage == HostStage::Closing {
            self.members[host].stage = HostStage::Gone;
            self.members[host].deadline = Time::NEVER;
        }
        self.lose(now, host, reason, steps);
    }

    /// Ends the part of each host, or its start.
    fn end(&mut self, now: Time, signal: Option<i32>, steps: &mut Vec<HostStep>) {
        if self.phase >= CoordinatorPhase::Ending {
            return;
        }
        self.phase = CoordinatorPhase::Ending;
        for host in 0..self.members.len() {
            match self.members[host].stage {
                // Nothing has been started there.
                HostStage::Reaching | HostStage::Greeted | HostStage::Counted => {
                    self.close(now, host, steps)
                }
                HostStage::Starting | HostStage::Ready | HostStage::Running => {
                    self.members[host].deadline = Time::NEVER;
                    steps.push(HostStep::Send(host, HostCommand::Drain { signal }));
                }
                HostStage::Over | HostStage::Giving | HostStage::Closing | HostStage::Gone => {}
            }
        }
        self.enter(RunPhase::Draining, steps);
    }

    fn close(&mut self, now: Time, host: usize, steps: &mut Vec<HostStep>) {
        self.members[host].stage = HostStage::Closing;
        self.members[host].deadline = now + CLOSE_DEADLINE;
        steps.push(HostStep::Close(host));
    }

    /// Does what follows from the stages of all hosts.
    fn advance(&mut self, now: Time, steps: &mut Vec<HostStep>) {
        let all = |stage| self.members.iter().all(|member| member.stage == stage);
        match self.phase {
            CoordinatorPhase::Gathering if self.purpose == CoordinatorPurpose::Look => {
                if self.members.iter().all(HostMember::is_gone) {
                    self.phase = CoordinatorPhase::Done;
                }
            }
            CoordinatorPhase::Gathering if all(HostStage::Counted) => self.share(now, steps),
            CoordinatorPhase::Starting if all(HostStage::Ready) => self.go(now, steps),
            CoordinatorPhase::Running => {
                if self.members.iter().any(|member| member.stage >= HostStage::Over) {
                    // The first host's part is over. At the plan's end, that of the others is too.
                    let end = self.t0.map(|t0| t0 + self.plan.warmup + self.plan.duration);
                    if end.is_some_and(|end| now >= end) {
                        self.phase = CoordinatorPhase::Ending;
                        self.enter(RunPhase::Draining, steps);
                    } else {
                        self.end(now, None, steps);
                    }
                }
            }
            CoordinatorPhase::Ending if self.members.iter().all(HostMember::is_gone) => {
                self.phase = CoordinatorPhase::Done
            }
            CoordinatorPhase::Gathering
            | CoordinatorPhase::Starting
            | CoordinatorPhase::Ending
            | CoordinatorPhase::Done => {}
        }
    }

    /// Gives each host its share of the run: the workers of all hosts are numbered in turns.
    fn share(&mut self, now: Time, steps: &mut Vec<HostStep>) {
        let counts: Vec<u32> = self.members.iter().filter_map(|member| member.workers).collect();
        for (host, workers) in counts.iter().enumerate() {
            let Some(others) = OtherHosts::of(host, &counts) else {
                return self.lose(now, host, "no run has that many workers", steps);
            };
            let plan = Plan { workers: *workers, others, ..self.plan.clone() };
            if plan.cycles_due().is_some_and(|due| due < 1.0) {
                let reason = "no cycle of this plan is due there; name fewer hosts, or raise the \
                              rate or the duration";
                return self.lose(now, host, reason, steps);
            }
        }
        let list = counts.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        self.phase = CoordinatorPhase::Starting;
        for (host, member) in self.members.iter_mut().enumerate() {
            member.stage = HostStage::Starting;
            member.deadline = now + self.plan.deadlines.start + START_SLACK;
            let (share, parameters) = (format!("{host}/{list}"), self.parameters.clone());
            steps.push(HostStep::Send(host, HostCommand::Begin { share, parameters }));
        }
    }

    /// Begins the run at one instant on all hosts, once the clock of each is measured.
    fn go(&mut self, now: Time, steps: &mut Vec<HostStep>) {
        let offsets: Option<Vec<_>> = self.members.iter().map(HostMember::first_offset).collect();
        let Some(offsets) = offsets else { return };
        let farthest = self.members.iter().map(HostMember::round_trip).max().unwrap_or_default();
        let t0 = now + LEAD_MIN.max(farthest * LEAD_ROUND_TRIPS);
        for (host, (member, offset)) in self.members.iter_mut().zip(offsets).enumerate() {
            member.stage = HostStage::Running;
            steps.push(HostStep::Send(host, HostCommand::Go { at: offset.there(t0) }));
        }
        self.t0 = Some(t0);
        self.phase = CoordinatorPhase::Running;
        self.enter(RunPhase::WarmingUp, steps);
    }

    /// Shows the sums over all hosts, and ends the run if they pass a limit.
    fn show(&mut self, now: Time, steps: &mut Vec<HostStep>) {
        let Some(t0) = self.t0 else { return };
        let sums =
            Sums::of(now - t0, self.members.iter().filter_map(|member| member.progress.as_ref()));
        let Some(sums) = sums else { return };
        let is_running = self.phase == CoordinatorPhase::Running;
        if is_running && sums.phase == RunPhase::Measuring {
            self.enter(RunPhase::Measuring, steps);
            let level = *self.level.get_or_insert((sums.waiting, sums.running));
            let rule = self.plan.backlog_rule().filter(|_| self.plan.on_backlog == OnBacklog::Stop);
            let limit = rule.and_then(|rule| rule.limit(Some(level)));
            let is_passed =
                limit.is_some_and(|limit| limit.is_passed_by(sums.waiting, sums.running));
            if is_passed || self.is_breached(&sums) {
                self.end(now, None, steps);
            }
        }
        steps.push(HostStep::Show(Sums { phase: self.shown, ..sums }));
    }

    /// Returns `true` if the breach of a threshold that aborts is certain over all hosts.
    fn is_breached(&self, sums: &Sums) -> bool {
        let cycles_max = cycles_max(&self.plan);
        let aborting = self.plan.thresholds.iter().zip(&sums.beyond);
        let mut aborting = aborting.filter(|(one, _)| one.aborts && one.over.is_none());
        aborting.any(|(threshold, beyond)| {
            // A limit that is not a number is one of values, whose kind does not matter here.
            let limit = threshold.limit_in(threshold.unit(Unit::None)).unwrap_or_default();
            is_certain(threshold, limit, *beyond, cycles_max)
        })
    }

    fn enter(&mut self, phase: RunPhase, steps: &mut Vec<HostStep>) {
        if self.shown < phase {
            self.shown = phase;
            steps.push(HostStep::Enter(phase));
        }
    }
}

#[cfg(test)]
mod tests;
