//! The events that come from outside: shocks, requests, and the ends of processes.

use dyno_bus::Time;

use super::scenario::{Asked, Shock};
use super::{SIGINT, Simulation};
use crate::primary::{Exit, SignalRequest};

impl Simulation<'_> {
    /// Lets the next shock happen.
    pub(super) fn shock(&mut self) {
        let (_, shock) = self.scenario.shocks[self.shocks_done];
        self.shocks_done += 1;
        self.say(|| format!("{shock:?}"));
        match shock {
            Shock::Ask(asked) => {
                self.ask(asked);
                self.wake_primary();
            }
            Shock::Pause(still) => {
                self.driver.world.pause = still;
                self.driver.world.signals.push(SignalRequest::Pause);
                self.wake_primary();
            }
            Shock::FreezePrimary(still) => {
                self.primary_frozen_until = self.primary_frozen_until.max(self.now + still);
                self.primary_was_frozen = true;
            }
            Shock::Freeze(worker, still) => {
                let host = &mut self.hosts[worker as usize];
                host.frozen_until = host.frozen_until.max(self.now + still);
                host.was_frozen = true;
            }
            Shock::Close(index) => {
                let stuck = self.chance.one_in(2);
                self.close(index as usize, stuck);
            }
            Shock::Crash(index, exit) => {
                if self.lives(index as usize) {
                    self.hosts[index as usize].crashed = Some(exit);
                    self.close(index as usize, true);
                    self.end(index as usize, exit);
                }
            }
        }
    }

    fn ask(&mut self, asked: Asked) {
        match asked {
            Asked::Signal => {
                self.signals += 1;
                self.driver.world.signals.push(SignalRequest::End(SIGINT));
            }
            Asked::Stop => self.remote.stop(),
            Asked::Backlog => self.backlog_passed = true,
            Asked::Rate(rate) => self.remote.set_rate(rate),
            Asked::Key(key) => self.remote.press(key),
        }
    }

    fn lives(&self, host: usize) -> bool {
        self.hosts[host].worker.is_some() && self.hosts[host].exit.is_none()
    }

    /// Closes the socket of a worker. A bus that is not `stuck` notices it.
    fn close(&mut self, index: usize, stuck: bool) {
        if !self.lives(index) {
            return;
        }
        let host = &mut self.hosts[index];
        host.closed |= host.crashed.is_none();
        if let Some(worker) = &mut host.worker {
            worker.close(&mut self.chance, stuck);
        }
        host.state.has_written.set(true);
        host.bus_at = host.bus_at.min(self.now + self.chance.delay());
        self.wake_primary();
    }

    /// Ends the process of a worker.
    pub(super) fn end(&mut self, index: usize, exit: Exit) {
        self.say(|| format!("worker {index} ends: {exit:?}"));
        let leaks = self.scenario.leaks;
        let host = &mut self.hosts[index];
        host.exit = Some(exit);
        host.ended_at = self.now;
        host.exit_seen_at = self.now + self.chance.delay();
        if let Some(worker) = &mut host.worker
            && let Some(socket) = worker.die()
            && leaks
        {
            host.leaked.push(Box::new(socket));
        }
        // The primary may notice the end of the file before it notices the exit.
        host.state.has_written.set(true);
        self.wake_primary();
    }

    /// Shows the end of a process to the primary.
    pub(super) fn see_exit(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.exit_seen_at = Time::NEVER;
        host.state.end(host.exit.expect("it ended"));
        self.primary_at = self.now;
    }
}
