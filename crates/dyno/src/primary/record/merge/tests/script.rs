//! The script of a run: when each cycle is due, begins and ends, on any number of hosts.

use dyno_bus::message::{Batch, Column, Counts, CycleError, CycleTimes, Declare, Drained, Emitted};
use dyno_bus::segment::PerPhase;
use dyno_bus::timeline::stages::STAGES_OF_RUN_MAX;
use dyno_bus::timeline::{CycleTimeline, Grid};
use dyno_bus::{Phase, Time};
use dyno_observer::ProcessId;
use dyno_summary::Unit;

use super::*;
use crate::plan::profile::{Profile, Stage};
use crate::plan::threshold::{
    LimitKind, LimitOperator, Percentile, Threshold, ThresholdLimit, ThresholdStat,
};
use crate::plan::{Rate, sampling};
use crate::primary::Exit;
use crate::primary::run::WorkerEnd;
use crate::primary::state::schedule::Schedule;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// A run that any number of hosts can play.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// The workers of each host.
    pub(super) hosts: Vec<u32>,
    pub(super) rate: f64,
    /// The mean service.
    pub(super) service_ms: u64,
    pub(super) seed: u64,
    pub(super) on_backlog: OnBacklog,
    /// `true` for two stages at two rates.
    pub(super) is_profile: bool,
}

/// A cycle, in nanoseconds since the first due time.
#[derive(Debug, Clone, Copy)]
struct Scripted {
    index: u64,
    due: u64,
    start: u64,
    end: u64,
    failed: bool,
    phase: Phase,
}

impl Script {
    fn plan(&self) -> Plan {
        let limit = |metric: &str, statistic, number, kind, over: Option<u64>| Threshold {
            metric: metric.to_owned(),
            statistic,
            comparison: LimitOperator::Below,
            limit: ThresholdLimit { number, kind, text: "limit".to_owned() },
            over: over.map(Duration::from_secs),
            aborts: false,
        };
        let p90 = ThresholdStat::Percentile(Percentile(90_000_000));
        let ms = |ms: u64| (ms * MS) as f64;
        let time = LimitKind::Time;
        let number = LimitKind::Number;
        let stage =
            |from, seconds| Stage { from, to: from, duration: Duration::from_secs(seconds) };
        let profile = self
            .is_profile
            .then(|| Profile::new(vec![stage(self.rate, 2), stage(self.rate * 1.5, 3)]).unwrap());
        Plan {
            rate: Rate::PerSecond(self.rate),
            profile,
            workers: self.hosts.iter().sum(),
            seed: self.seed,
            on_backlog: self.on_backlog,
            thresholds: vec![
                limit("response", p90, ms(20), time, None),
                limit("response", p90, ms(15), time, Some(1)),
                limit("service", ThresholdStat::Max, ms(50), time, Some(2)),
                limit("rows", ThresholdStat::Last, 90.0, number, Some(1)),
                limit("failed", ThresholdStat::Share, 0.1, LimitKind::Percent, Some(1)),
                limit("backlog", ThresholdStat::Mean, 9.0, number, None),
                limit("failed", ThresholdStat::Count, 12.0, number, None),
            ],
            ..crate::plan::fixture::plan()
        }
    }

    /// Returns a number that follows from the seed and a cycle.
    fn random(&self, index: u64) -> u64 {
        let mixed = (index ^ self.seed.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
    }

    /// Returns the cycles of a worker, which runs one at a time.
    fn cycles(&self, plan: &Plan, worker: u32) -> Vec<Scripted> {
        let workers = u64::from(plan.workers_of_run());
        let stages: Vec<_> = match &plan.profile {
            Some(profile) => profile.stages().to_vec(),
            None => vec![Stage { from: self.rate, to: self.rate, duration: plan.duration }],
        };
        let at = |from: u64, count: u64, rate: f64| from + (count as f64 / rate * 1e9) as u64;
        // The spans of time with one rate: the begin, the end, the rate.
        let mut spans = vec![(0, SECOND, self.rate)];
        for stage in stages {
            let begin = spans[spans.len() - 1].1;
            spans.push((begin, begin + stage.duration.as_nanos() as u64, stage.from));
        }
        let mut first = 0;
        let mut own = Vec::new();
        for (begin, end, rate) in spans {
            let near = ((end - begin) as f64 * rate / 1e9) as u64;
            let count = (near.saturating_sub(2)..).find(|n| at(begin, *n, rate) >= end);
            let count = count.expect("every time passes");
            let skipped = (u64::from(worker) + workers - first % workers) % workers;
            let places = (skipped..count).step_by(workers as usize);
            own.extend(places.map(|n| (first + n, at(begin, n, rate))));
            first += count;
        }
        let mut free = 0;
        let cycle = |(index, due): (u64, u64)| {
            let random = self.random(index);
            let service = 1 + random % (2 * self.service_ms * MS);
            let start = (due + random % 90_000).max(free);
            free = start + service;
            let phase = if due < SECOND { Phase::Warmup } else { Phase::Measured };
            Scripted { index, due, start, end: free, failed: random.is_multiple_of(19), phase }
        };
        own.into_iter().map(cycle).collect()
    }
}

/// A worker as its batches show it.
struct Played {
    number: u32,
    cycles: Vec<Scripted>,
    counts: PerPhase<Counts>,
    sequence: u64,
    begun: usize,
    ended: usize,
    values: u64,
}

/// Plays a run: on one host with all workers, or the share of one of the hosts.
pub(super) fn play(script: &Script, host: Option<usize>) -> Run {
    let mut plan = script.plan();
    if let Some(host) = host {
        plan.workers = script.hosts[host];
        plan.others = OtherHosts::of(host, &script.hosts).unwrap();
        plan.keeps_record = true;
    }
    // Each host has its own clock.
    let booted = Time::from_nanos(77 * SECOND + host.map_or(0, |host| host as u64 + 1) * 1_234_567);
    let mut schedule = Schedule::new(&plan, booted);
    let start = schedule.measured_from();
    let t0 = Time::from_nanos(start.as_nanos() - plan.warmup.as_nanos() as u64);
    let mut record = RunRecord::new(&plan);
    let numbers = plan.worker_numbers();
    hello(&mut record, &numbers);
    let mut workers: Vec<_> = numbers
        .iter()
        .map(|number| Played {
            number: *number,
            cycles: script.cycles(&plan, *number),
            counts: PerPhase::default(),
            sequence: 0,
            begun: 0,
            ended: 0,
            values: 0,
        })
        .collect();
    let period = sampling::period(&plan).as_nanos() as u64;
    let end = SECOND + plan.duration.as_nanos() as u64;
    // The last cycle of all hosts ends before the drain does.
    let all = (0..plan.workers_of_run()).flat_map(|worker| script.cycles(&plan, worker));
    let drained = all.map(|cycle| cycle.end).max().unwrap().max(end);
    let rotation = sampling::rotation(plan.duration, sampling::period(&plan)).as_nanos() as u64;
    let beats = (1..=drained.div_ceil(period)).map(|beat| beat * period);
    let mut has_begun = false;
    for (number, at) in beats.enumerate() {
        if at >= SECOND && !has_begun {
            has_begun = true;
            record.begin_window(start, &plan);
        }
        let now = t0 + Duration::from_nanos(at);
        for worker in &mut workers {
            worker.batch(&mut record, &mut schedule, (now, at), script);
        }
        let is_measuring = has_begun && at <= end;
        gauges(&mut record, now, number as u64, has_begun);
        if has_begun {
            record.beat(now, false);
        }
        if is_measuring {
            record.sample(now);
            assert!(!record.judge_thresholds(now, Duration::from_nanos(period / 2)));
        }
        if has_begun && at <= end && (at - SECOND).is_multiple_of(rotation) && at > SECOND {
            record.observer.cut(now);
            record.rotate(Duration::from_nanos(at), now, |_| {});
        }
    }
    let cut = t0 + Duration::from_nanos(end);
    for worker in &workers {
        worker.drain(&mut record, &mut schedule, &plan, (t0, cut));
    }
    let over = t0 + Duration::from_nanos(drained);
    record.observer.end(over);
    record.rotate(Duration::from_nanos(drained), over, |_| {});
    let ends = numbers.iter().map(|number| WorkerEnd {
        index: *number,
        pid: Some(100 + number),
        exit: Some(Exit::Code(0)),
    });
    record.finish(RunEnd {
        started_at: Duration::from_secs(1_000),
        elapsed: Duration::from_nanos(drained),
        window: Some((start, cut)),
        dues: schedule.dues(),
        stretches: Vec::new(),
        faults: Vec::new(),
        signal: None,
        pauses: Vec::new(),
        stood_still: Duration::ZERO,
        cpu_share: 0.25,
        workers: ends.collect(),
        plan,
    })
}

/// Adds the primary with the gauges, and the workers with a metric that they declare.
fn hello(record: &mut RunRecord, numbers: &[u32]) {
    record.observer.hello(ProcessId::Primary, 99).unwrap();
    for (metric, name) in [(0, ISSUED), (1, COMPLETED), (2, BACKLOG)] {
        let declare = Declare { metric, name: name.to_owned(), unit: Unit::None };
        record.observer.declare(ProcessId::Primary, &declare).unwrap();
    }
    for number in numbers {
        let process = ProcessId::Worker(*number);
        record.observer.hello(process, 100 + number).unwrap();
        let declare = Declare { metric: 0, name: "rows".to_owned(), unit: Unit::None };
        record.observer.declare(process, &declare).unwrap();
    }
}

fn gauges(record: &mut RunRecord, now: Time, sequence: u64, has_begun: bool) {
    let totals = record.totals();
    let phase = if has_begun { Phase::Measured } else { Phase::Warmup };
    let backlog = record.backlog(now).total();
    let values = [totals.issued.total(), totals.completed.total(), backlog];
    let column = |(metric, value): (u32, u64)| Column { metric, phase, values: vec![value] };
    let columns = (0..).zip(values).map(column).collect();
    let batch = Batch { sequence, as_of: now, columns, ..Batch::default() };
    record.observer.absorb(ProcessId::Primary, &batch).unwrap();
}

impl Played {
    /// Sends what has happened since the last batch.
    fn batch(
        &mut self,
        record: &mut RunRecord,
        schedule: &mut Schedule,
        (now, at): (Time, u64),
        script: &Script,
    ) {
        let mut batch = Batch { sequence: self.sequence, as_of: now, ..Batch::default() };
        self.sequence += 1;
        while let Some(cycle) = self.cycles.get(self.begun).filter(|cycle| cycle.start <= at) {
            self.counts[cycle.phase].started += 1;
            self.begun += 1;
        }
        let mut rows = PerPhase::<Vec<u64>>::default();
        while let Some(cycle) = self.cycles.get(self.ended).filter(|cycle| cycle.end <= at) {
            self.ended += 1;
            let (counts, times) = match cycle.failed {
                false => (&mut self.counts[cycle.phase].completed, &mut batch.cycles[cycle.phase]),
                true => (&mut self.counts[cycle.phase].failed, &mut batch.failed[cycle.phase]),
            };
            *counts += 1;
            let CycleTimes { wait, service } = times;
            wait.push(cycle.start - cycle.due);
            service.push(cycle.end - cycle.start);
            rows[cycle.phase].push(script.random(cycle.index) % 100);
            if cycle.failed {
                batch.errors.push(CycleError {
                    message: format!("refused {}", cycle.index % 3),
                    count: 1,
                    first_cycle: cycle.index,
                    phase: cycle.phase,
                });
            }
        }
        for phase in [Phase::Warmup, Phase::Measured] {
            let values = std::mem::take(&mut rows[phase]);
            self.values += values.len() as u64;
            if !values.is_empty() {
                batch.columns.push(Column { metric: 0, phase, values });
            }
        }
        batch.counts = self.counts;
        let due = schedule.due(self.number, now);
        record.absorb(self.number, batch, Some(due)).unwrap();
    }

    /// Gives the account, which the record verifies.
    fn drain(
        &self,
        record: &mut RunRecord,
        schedule: &mut Schedule,
        plan: &Plan,
        (t0, cut): (Time, Time),
    ) {
        let (window, end) = (SECOND, cut.nanos_since(t0));
        let completed = self.cycles.iter().filter(|cycle| !cycle.failed);
        let delivered = completed.clone().filter(|cycle| (window..end).contains(&cycle.end));
        let late = completed.filter(|cycle| cycle.end >= end);
        for timeline in self.timelines(plan, t0) {
            record.observer.timeline(self.number, timeline).unwrap();
        }
        let drained = Drained {
            cut,
            counts: self.counts,
            delivered: delivered.count() as u64,
            late: late.count() as u64,
            emitted: Emitted {
                batches: self.sequence,
                cycles: self.cycles.len() as u64,
                values: vec![self.values],
            },
            running_max: 1,
            ..Drained::default()
        };
        let issued = schedule.issued(self.number, cut);
        record.verify(self.number, Some(issued), &drained).unwrap();
    }

    /// Returns the timelines of the stages.
    fn timelines(&self, plan: &Plan, t0: Time) -> Vec<CycleTimeline> {
        let stages = plan.stages();
        assert!(stages.len() <= STAGES_OF_RUN_MAX);
        let mut begin = SECOND;
        let mut timelines = Vec::new();
        for (stage, (_, length)) in stages.iter().enumerate() {
            let start = t0 + Duration::from_nanos(begin);
            let first = if stage == 0 { t0 } else { start };
            let grid = Grid::new(first, start, *length);
            let until = begin + length.as_nanos() as u64;
            let from = if stage == 0 { 0 } else { begin };
            let mut timeline = CycleTimeline::default();
            for cycle in &self.cycles {
                let place = grid.place(t0 + Duration::from_nanos(cycle.due));
                let (wait, service) = (cycle.start - cycle.due, cycle.end - cycle.start);
                if (from..until).contains(&cycle.due) {
                    timeline.record(&grid, place, wait, service);
                }
            }
            timelines.push(timeline);
            begin = until;
        }
        timelines
    }
}
