//! The end of a run: what is left behind is swept, and the record becomes the result.

use super::Driver;
use super::peer::Peer;
use crate::primary::record::RunEnd;
use crate::primary::run::{Run, WorkerEnd};
use crate::primary::state::event::RunPhase;
use crate::primary::state::schedule::Schedule;
use crate::primary::world::{PrimaryWorld, ProcessHandle};

/// The most process ids that the warning about left processes names.
const PIDS_NAMED: usize = 5;

impl<W: PrimaryWorld> Driver<'_, W> {
    /// Ends the run: sweeps orphans, closes the primary's own emitter, and makes the result.
    pub(crate) fn finish(mut self) -> Run {
        let now = self.world.now();
        let peers = self.peers.values().iter().flatten();
        let swept = self.world.sweep(peers.map(|peer| peer.process.pid()));
        if let Some(warning) = left_behind(&swept) {
            self.warn(warning);
        }
        // Its last values come before the end of the emitter.
        self.surroundings.close();
        self.note_surroundings();
        let mut faults = self.faults.sentences();
        if let Err(error) = self.beat.close(now, RunPhase::Done, &mut self.record, self.sink) {
            faults.push(format!("the primary lost measurements of its own: {error}"));
        }
        let window = self.state.schedule().and_then(|schedule| {
            let from = schedule.measured_from();
            let cut = self.cut.unwrap_or(now);
            (cut > from).then_some((from, cut))
        });
        let elapsed = now - self.begun;
        let cpu = self.world.cpu_time().saturating_sub(self.cpu_begun);
        let end_of = |(index, peer): (u32, &Option<Peer<W::Process>>)| WorkerEnd {
            index,
            pid: peer.as_ref().map(|peer| peer.process.pid()),
            exit: peer.as_ref().and_then(|peer| peer.process.exit()),
        };
        let workers = self.peers.iter().map(end_of).collect();
        self.record.finish(RunEnd {
            plan: self.plan,
            started_at: self.started_at,
            elapsed,
            window,
            dues: self.state.schedule().map(Schedule::dues).unwrap_or_default(),
            stretches: self.state.schedule().map(Schedule::stretches).unwrap_or_default(),
            faults,
            signal: self.ended_by,
            pauses: self.pauses,
            stood_still: self.stood_still,
            cpu_share: cpu.as_secs_f64() / elapsed.as_secs_f64().max(f64::EPSILON),
            workers,
        })
    }
}

/// Returns the warning about processes that were killed at the end of the run.
fn left_behind(pids: &[u32]) -> Option<String> {
    match pids {
        [] => None,
        [pid] => Some(format!("a process that a worker left behind (pid {pid}) was killed")),
        pids => {
            let named = pids.iter().take(PIDS_NAMED).map(u32::to_string).collect::<Vec<_>>();
            let more = if pids.len() > PIDS_NAMED { ", …" } else { "" };
            Some(format!(
                "{} processes that workers left behind were killed (pids {}{more})",
                pids.len(),
                named.join(", ")
            ))
        }
    }
}
