//! The coordinator's answers to the messages of agents.

use dyno_bus::Time;

use super::member::HostStage;
use super::{Coordinator, CoordinatorPurpose, HostStep, RECORD_DEADLINE};
use crate::hosts::message::{HostCommand, HostReport, VERSION};

impl Coordinator {
    /// Handles a message of an agent, which arrived at `at`.
    pub(super) fn report(
        &mut self,
        now: Time,
        (host, at): (usize, Time),
        report: HostReport,
        steps: &mut Vec<HostStep>,
    ) {
        let stage = self.members[host].stage;
        match report {
            HostReport::Hello { version, .. } if version != VERSION => {
                let reason = format!(
                    "its program speaks version {version} of the messages, this one {VERSION}: it \
                     is another build"
                );
                self.lose(now, host, &reason, steps);
            }
            HostReport::Hello { build, .. } if build != self.build => {
                let reason = "its program is another build than this one";
                self.lose(now, host, reason, steps);
            }
            HostReport::Hello { .. } => {}
            HostReport::Refused(reason) => self.lose(now, host, &reason, steps),
            HostReport::Workers(0, _) => self.lose(now, host, "it has no workers", steps),
            HostReport::Workers(workers, facts) if stage == HostStage::Greeted => {
                self.members[host].stage = HostStage::Counted;
                self.members[host].workers = Some(workers);
                self.members[host].facts = Some(facts);
                self.members[host].deadline = Time::NEVER;
                if self.purpose == CoordinatorPurpose::Look {
                    self.members[host].stage = HostStage::Ready;
                    self.ask(now, host, steps);
                }
            }
            HostReport::Ready if stage == HostStage::Starting => {
                self.members[host].stage = HostStage::Ready;
                self.members[host].deadline = Time::NEVER;
                self.ask(now, host, steps);
            }
            HostReport::Pong { number, at: theirs } => {
                self.members[host].measure().answer(number, theirs, at);
                self.ask(now, host, steps);
            }
            HostReport::Alive => {}
            HostReport::Progress(progress) => self.members[host].progress = Some(progress),
            HostReport::Fault(fault) => {
                let fault = format!("host `{}`: {fault}", self.members[host].name);
                steps.push(HostStep::Fault(fault));
            }
            HostReport::Warning(warning) => {
                let warning = format!("host `{}`: {warning}", self.members[host].name);
                steps.push(HostStep::Warning(warning));
            }
            HostReport::Line { worker, text } => steps.push(HostStep::Line(worker, text)),
            HostReport::Over if stage >= HostStage::Starting && stage < HostStage::Over => {
                let member = &mut self.members[host];
                member.stage = HostStage::Over;
                member.deadline = now + RECORD_DEADLINE;
                self.ask(now, host, steps);
            }
            HostReport::Piece(bytes) if stage == HostStage::Giving => {
                if !self.members[host].add(&bytes) {
                    self.lose(now, host, "its record is too long", steps);
                }
            }
            HostReport::Record { length, .. } if stage == HostStage::Giving => {
                if self.members[host].complete(length) {
                    steps.extend([
                        HostStep::Store(host),
                        HostStep::Send(host, HostCommand::Received),
                    ]);
                    self.close(now, host, steps);
                } else {
                    let reason = format!("its record of {length} bytes did not arrive whole");
                    self.lose(now, host, &reason, steps);
                }
            }
            // A host that is given up may still have sent them.
            HostReport::Workers(..)
            | HostReport::Ready
            | HostReport::Over
            | HostReport::Piece(_)
            | HostReport::Record { .. }
                if stage >= HostStage::Closing => {}
            HostReport::Workers(..)
            | HostReport::Ready
            | HostReport::Over
            | HostReport::Piece(_)
            | HostReport::Record { .. } => {
                self.lose(now, host, "it sent a message out of turn", steps);
            }
        }
    }

    /// Asks a host for the time of its clock, until there are enough answers.
    fn ask(&mut self, now: Time, host: usize, steps: &mut Vec<HostStep>) {
        let member = &mut self.members[host];
        if !matches!(member.stage, HostStage::Ready | HostStage::Over) {
            return;
        }
        if let Some(number) = member.measure().ask(now) {
            steps.push(HostStep::Send(host, HostCommand::Ping { number }));
        } else if self.purpose == CoordinatorPurpose::Look {
            self.close(now, host, steps);
        } else if member.stage == HostStage::Over {
            member.stage = HostStage::Giving;
            steps.push(HostStep::Send(host, HostCommand::Measured(member.offset())));
        }
    }
}
