//! A run that never took place, with numbers that are the same each time: for tests of reports.

use std::time::Duration;

use dyno_bus::message::{Batch, Column, Counts, CycleTimes, Declare};
use dyno_bus::segment::{Arrivals, PerPhase};
use dyno_bus::{Pace, Phase, Time};
use dyno_observer::{Account, Interval, Observer, ProcessId};
use dyno_summary::{CycleErrors, Environment, StageSummary, Summary, Unit, Verdict};

use super::summary_of;
use crate::plan::Plan;
#[cfg(any(feature = "dashboard", feature = "otlp"))]
use crate::primary::run::Interim;
use crate::primary::run::Totals;
use crate::primary::run::{
    BacklogSummary, HarnessSummary, HostClock, HostEnd, Run, RunSample, Tick, WorkerEnd,
};
use crate::primary::{self, Exit};
use crate::verdict::{BacklogSample, Judgement};

const MS: u64 = 1_000_000;

/// Returns a plan of 50 cycles a second for 5 s on 2 workers, with a URL among the task's
/// parameters.
pub(crate) fn plan() -> Plan {
    let task = serde_json::json!({"n": 35, "url": "redis://user:secret@host/0"});
    Plan {
        benchmark: "shop".into(),
        seed: 7,
        task: task.as_object().cloned().unwrap_or_default(),
        ..crate::plan::fixture::plan()
    }
}

/// Returns an observer of three processes and two intervals: each worker's cycles took 18 to 24 ms.
pub(crate) fn observer() -> Observer {
    let mut observer = Observer::new(Pace::Open { rate: 50.0, arrivals: Arrivals::Uniform });
    let workers = [ProcessId::Worker(0), ProcessId::Worker(1)];
    for (process, pid) in [ProcessId::Primary].into_iter().chain(workers).zip(100..) {
        observer.hello(process, pid).expect("a new process");
        let units =
            [("loop_lag", Unit::Nanoseconds), ("cpu", Unit::Permille), ("rss", Unit::Bytes)];
        for ((name, unit), metric) in units.into_iter().zip(0..) {
            observer
                .declare(process, &Declare { metric, name: name.into(), unit })
                .expect("a new metric");
        }
    }
    observer.begin(Time::from_nanos(1_000 * MS));
    for interval in 0..2 {
        for process in [ProcessId::Primary].into_iter().chain(workers) {
            let cycles = if process == ProcessId::Primary {
                CycleTimes::default()
            } else {
                CycleTimes {
                    wait: vec![MS, 2 * MS, 3 * MS],
                    service: vec![18 * MS, (20 - 2 * interval) * MS, (24 - 2 * interval) * MS],
                }
            };
            let ended = 3 * (interval + 1) * u64::from(process != ProcessId::Primary);
            let counts = Counts { started: ended, completed: ended, ..Counts::default() };
            let column = |metric, values| Column { metric, phase: Phase::Measured, values };
            let batch = Batch {
                sequence: interval,
                as_of: Time::from_nanos((1_100 + 100 * interval) * MS),
                counts: PerPhase { measured: counts, ..PerPhase::default() },
                cycles: PerPhase { measured: cycles, ..PerPhase::default() },
                columns: vec![
                    column(0, vec![80_000, 250_000]),
                    column(1, vec![450]),
                    column(2, vec![24_000_000]),
                ],
                ..Batch::default()
            };
            observer.absorb(process, &batch).expect("it can be true");
        }
        observer.rotate(Time::from_nanos((1_100 + 100 * interval) * MS), |_| {});
    }
    observer
}

/// Adds a third interval. Only the primary's loop lag has values in it: `values`.
pub(crate) fn interval(values: &[u64], told: impl FnMut(Interval<'_>)) {
    let mut observer = observer();
    let column = Column { metric: 0, phase: Phase::Measured, values: values.to_vec() };
    let batch = Batch {
        sequence: 2,
        as_of: Time::from_nanos(1_300 * MS),
        columns: vec![column],
        ..Batch::default()
    };
    observer.absorb(ProcessId::Primary, &batch).expect("it can be true");
    observer.rotate(Time::from_nanos(2_000 * MS), told);
}

/// Returns a run that did not hold its rate, with two failed cycles.
pub(crate) fn run() -> Run {
    let measured =
        Counts { started: 200, completed: 198, failed: 2, unstarted: 50, ..Counts::default() };
    let warmup = Counts { started: 50, completed: 50, ..Counts::default() };
    let observer = observer();
    let merged: Vec<_> = observer.snapshots().map(|snapshot| snapshot.merged.clone()).collect();
    let point = |interval: u64| RunSample {
        t: Duration::from_millis(1_100 + 100 * interval),
        issued: 5,
        completed: 4,
        backlog: 1 + interval,
        merged: merged[interval as usize].clone(),
    };
    Run {
        thresholds: Vec::new(),
        plan: plan(),
        started_at: Duration::from_millis(1_767_323_045_678),
        elapsed: Duration::from_millis(6_250),
        window: Duration::from_secs(5),
        judgement: Judgement {
            verdict: Verdict::Unsustained,
            exit_code: 1,
            reasons: vec![
                "the backlog grew by 52 cycles, where 3 are allowed".into(),
                "2 of 250 cycles failed; at most 0 may (--max-failed)".into(),
            ],
            warnings: Vec::new(),
            hint: "try `--rate 35`".into(),
            load: None,
            enough: None,
            stages: Vec::new(),
        },
        warnings: vec!["this is a debug build: add --release".into()],
        account: Account {
            issued: PerPhase { warmup: 50, measured: 250 },
            counts: PerPhase { warmup, measured },
            lost: PerPhase::default(),
        },
        delivered: 198,
        late: 0,
        backlog: BacklogSummary {
            start: 1,
            max: 60,
            end: BacklogSample { at: Time::ZERO, waiting: 50, running: 2 },
        },
        errors: vec![CycleErrors::new("redis://user:secret@host/0 refused", 2, 61)],
        workers: (0..2)
            .map(|index| WorkerEnd { index, pid: Some(101 + index), exit: Some(Exit::Code(0)) })
            .collect(),
        series: vec![point(0), point(1)],
        harness: HarnessSummary {
            unleased: 0,
            bus_stall: Duration::ZERO,
            cpu_share: 0.012,
            pauses: Vec::new(),
        },
        observer,
        hosts: Vec::new(),
        record: None,
    }
}

/// Returns the summary of [`run`].
pub(crate) fn summary() -> Summary {
    let mut environment = Environment::default();
    "0.1.0".clone_into(&mut environment.dyno);
    "rustc 1.95.0".clone_into(&mut environment.rustc);
    "linux x86_64".clone_into(&mut environment.os);
    "Some CPU".clone_into(&mut environment.cpu);
    environment.cores = 2;
    let mut summary =
        summary_of(&mut run(), &["shop".into(), "-R".into(), "50".into()], environment);
    "release".clone_into(&mut summary.profile);
    summary
}

/// Returns the state of [`run`] at the end of its second interval.
pub(crate) fn tick() -> Tick {
    Tick {
        phase: primary::RunPhase::Measuring,
        elapsed: Duration::from_millis(2_500),
        totals: Totals {
            issued: PerPhase { warmup: 50, measured: 75 },
            completed: PerPhase { warmup: 50, measured: 70 },
            failed: PerPhase { warmup: 0, measured: 1 },
        },
        backlog: BacklogSample { at: Time::ZERO, waiting: 2, running: 2 },
        list: observer().list(),
        thresholds: Vec::new(),
        beyond: Vec::new(),
    }
}

/// Returns the result of [`run`] so far, in this phase.
#[cfg(any(feature = "dashboard", feature = "otlp"))]
pub(crate) fn interim(phase: primary::RunPhase) -> Interim {
    let Run { account, backlog, errors, warnings, series, mut observer, .. } = run();
    let processes: Vec<_> = observer.processes().collect();
    let with_metrics = |(process, pid)| (process, pid, observer.metrics(process));
    Interim {
        phase,
        elapsed: Duration::from_millis(2_500),
        account,
        backlog,
        errors,
        warnings,
        series,
        processes: processes.into_iter().map(with_metrics).collect(),
        merged: observer.merged_values(),
        intervals: observer.intervals().clone(),
    }
}

/// Returns the summary of a load profile of three stages, the second of them a ramp.
pub(crate) fn staged() -> Summary {
    let mut summary = summary();
    let stage = |(from, to, seconds): (f64, f64, u64), due, delivered, response_ms: u64| {
        let mut stage = StageSummary::default();
        (stage.from, stage.to, stage.duration_ns) = (from, to, seconds * 1_000 * MS);
        (stage.due, stage.ended, stage.delivered) = (due, due, delivered);
        stage.response_mean_ns = Some(response_ms * MS);
        stage
    };
    let mut stages = [
        stage((50.0, 50.0, 2), 100, 50.0, 20),
        stage((50.0, 400.0, 2), 450, 210.2, 320),
        stage((100.0, 100.0, 1), 100, 130.0, 28),
    ];
    for (stage, (start, end)) in stages.iter_mut().zip([(0, 1), (1, 32), (32, 2)]) {
        (stage.backlog_start, stage.backlog_end) = (start, end);
        stage.backlog_max = start.max(end);
    }
    stages[0].verdict = Some(Verdict::Sustained);
    stages[0].reason = "stage 1 of 3 (2s:50) was sustained".to_owned();
    stages[1].breaking_point = Some(210.6);
    stages[1].recovery_ns = Some(750 * MS);
    summary.stages = stages.into();
    summary.parameters.stages = Some("2s:50, 2s:50..400, 1s:100".to_owned());
    summary
}

/// Returns the summary of a run on two hosts, whose clocks were compared.
pub(crate) fn of_hosts() -> Summary {
    let mut run = run();
    let cycles = run.account.fates(Phase::Measured);
    let host = |name: &str, workers, offset_ns| HostEnd {
        name: name.to_owned(),
        workers,
        cycles,
        delivered: 99,
        window: run.window,
        unleased: 0,
        bus_stall: Duration::from_micros(120),
        stood_still: None,
        cpu_share: 0.012,
        loop_lag_p99: Some(240_000),
        clock: Some(HostClock { offset_ns, drift_ns: -1_200, bound_ns: 52_000 }),
    };
    run.hosts = vec![host("a", 1, 0), host("b", 1, -86_400_000_000_000)];
    summary_of(&mut run, &[], Environment::default())
}
