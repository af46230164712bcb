//! Simulated load profiles: the systems of the matrix, under a rate that changes.
//!
//! A small part runs with all other tests. The whole takes some minutes, prints its table, and
//! asserts the same limits:
//!
//! ```sh
//! cargo test -p dyno-bench --lib -- --ignored all_profiles --nocapture
//! ```
//!
//! `RUNS` sets the number of runs of a row.

use std::time::Duration;

use dyno_bus::Time;
use dyno_bus::timeline::{CycleTimeline, Grid, PLACES, SLOTS};

use super::queue::{self, Ran};
use super::random::Random;
use super::{Kind, Service, System, at, running_max, undisturbed};
use crate::plan::fixture::plan;
use crate::plan::profile::{Profile, Stage};
use crate::plan::{OnBacklog, Plan};
use crate::verdict::course::Course;
use crate::verdict::stages::{Recovery, StageEvidence};
use crate::verdict::{BacklogSample, Evidence, Fates, Judgement, Verdict, judge};

/// The capacity of each system, in cycles per second.
const CAPACITY: f64 = 200.0;
/// The length of the warm-up, in seconds.
const WARMUP: f64 = 2.0;
/// The samples of the backlog over the window.
const SAMPLES: usize = 200;

/// A system under a load profile.
#[derive(Debug, Clone, Copy)]
struct Loaded<'a> {
    kind: Kind,
    service: Service,
    poisson: bool,
    /// Each stage: its length in seconds, and its rates at its ends as shares of the capacity.
    stages: &'a [(u64, f64, f64)],
}

impl Loaded<'_> {
    fn profile(&self) -> Profile {
        let stage = |(seconds, from, to): &(u64, f64, f64)| Stage {
            from: from * CAPACITY,
            to: to * CAPACITY,
            duration: Duration::from_secs(*seconds),
        };
        Profile::new(self.stages.iter().map(stage).collect()).expect("valid stages")
    }

    fn judgement(&self, seed: u64) -> Judgement {
        judge(&self.evidence(seed))
    }

    /// Returns the evidence of one run.
    fn evidence(&self, seed: u64) -> Evidence {
        let profile = self.profile();
        let mut random = Random::new(seed);
        let system = System {
            kind: self.kind,
            service: self.service,
            poisson: self.poisson,
            rate: CAPACITY,
            warmup: WARMUP,
            window: profile.duration().as_secs_f64(),
            load: 1.0,
        };
        let workers = system.workers();
        let arrivals = arrivals(&profile, self.poisson, workers, &mut random);
        let cycles = queue::serve(&system, &arrivals, &mut random);
        let samples = samples(&cycles, system.window);
        let plan = Plan { workers, ..plan() };
        let level = samples.first().map(|first| (first.waiting, first.running));
        let limit = |stage: &Stage| plan.backlog_rule_of(stage)?.limit(level);
        let stages: Vec<_> = profile
            .stages()
            .iter()
            .zip(courses(&profile, &cycles, workers))
            .map(|(stage, course)| StageEvidence {
                stage: *stage,
                run: stage.duration,
                course,
                is_complete: true,
                is_ended_by_hand: false,
                limit: limit(stage),
            })
            .collect();
        let mut counts = Fates::default();
        counts.issued = cycles.iter().filter(|cycle| cycle.due >= 0.0).count() as u64;
        counts.completed = counts.issued;
        Evidence {
            cycles: counts,
            asked: profile.cycles(),
            delivered: counts.completed,
            backlog: samples,
            on_backlog: OnBacklog::Queue,
            stages,
            ..undisturbed(profile.mean_rate(), Duration::from_secs_f64(WARMUP), profile.duration())
        }
    }
}

/// Returns the worker and the due time of each cycle, in seconds from the window's start.
fn arrivals(
    profile: &Profile,
    poisson: bool,
    workers: u32,
    random: &mut Random,
) -> Vec<(u32, f64)> {
    let mut arrivals = Vec::new();
    let first = profile.stages()[0].from;
    let mut number = 0;
    let gap = |random: &mut Random| if poisson { random.exponential() } else { 1.0 };
    // The place on the curve of the cycles that are due so far: the warm-up, then each stage.
    let mut place = if poisson { gap(random) } else { 0.0 };
    let mut offset = -WARMUP;
    let warmup = Stage { from: first, to: first, duration: Duration::from_secs_f64(WARMUP) };
    for stage in std::iter::once(&warmup).chain(profile.stages()) {
        while place < stage.cycles() {
            let worker =
                if poisson { (random.uniform() * f64::from(workers)) as u32 } else { number };
            arrivals.push((worker % workers, offset + after(stage, place)));
            number = (number + 1) % workers;
            place += gap(random);
        }
        place -= stage.cycles();
        offset += stage.duration.as_secs_f64();
    }
    arrivals
}

/// Returns the time at which this many cycles of a stage were due, in seconds from its beginning.
fn after(stage: &Stage, cycles: f64) -> f64 {
    let slope = (stage.to - stage.from) / stage.duration.as_secs_f64();
    2.0 * cycles / (stage.from + (stage.from.powi(2) + 2.0 * slope * cycles).sqrt())
}

/// Returns the course of each stage, as workers and the primary record it.
fn courses(profile: &Profile, cycles: &[Ran], workers: u32) -> Vec<Course> {
    let most = running_max(cycles, workers);
    let mut offset = 0.0;
    let mut courses = Vec::new();
    for (index, stage) in profile.stages().iter().enumerate() {
        let length = stage.duration.as_secs_f64();
        let begin = if index == 0 { at(-WARMUP) } else { at(offset) };
        let grid = Grid::new(begin, at(offset), stage.duration);
        let mut course = Course { cohort_slots: grid.cohort_slots(), ..Course::default() };
        let mut timelines = vec![CycleTimeline::default(); workers as usize];
        let is_own =
            |cycle: &&Ran| (cycle.due >= offset || index == 0) && cycle.due < offset + length;
        for cycle in cycles.iter().filter(is_own) {
            let [due, start, end] = [cycle.due, cycle.start, cycle.end].map(at);
            let place = grid.place(due);
            course.due[(place * SLOTS as u64 * 2 / PLACES) as usize] += 1;
            if end < Time::NEVER {
                let (wait, service) = (start.nanos_since(due), end.nanos_since(start));
                timelines[cycle.worker as usize].record(&grid, place, wait, service);
            }
        }
        // An end counts in the stage where it is, not in that of the due time.
        for (worker, timeline) in timelines.iter_mut().enumerate() {
            timeline.ended_before = 0;
            timeline.ended.fill(0);
            for cycle in cycles.iter().filter(|cycle| cycle.worker as usize == worker) {
                let slot = (cycle.end - offset) / length * SLOTS as f64;
                if slot < 0.0 {
                    timeline.ended_before += 1;
                } else if slot < SLOTS as f64 {
                    timeline.ended[slot as usize] += 1;
                }
            }
        }
        timelines.iter().zip(&most).for_each(|(timeline, most)| course.add(timeline, *most));
        courses.push(course);
        offset += length;
    }
    courses
}

/// Returns samples of the backlog that are evenly spread over the window.
fn samples(cycles: &[Ran], window: f64) -> Vec<BacklogSample> {
    let sorted = |of: fn(&Ran) -> f64| {
        let mut times: Vec<_> = cycles.iter().map(of).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let [due, start, end] = [sorted(|c| c.due), sorted(|c| c.start), sorted(|c| c.end)];
    let sample = |index: usize| {
        let time = window * (index as f64 + 0.5) / SAMPLES as f64;
        let count = |times: &[f64]| times.partition_point(|other| *other <= time) as u64;
        let (due, started, ended) = (count(&due), count(&start), count(&end));
        BacklogSample { at: at(time), waiting: due - started, running: started - ended }
    };
    (0..SAMPLES).map(sample).collect()
}

/// The answers to the runs of one row, in its three stages.
#[derive(Debug, Clone, Default)]
struct Answers {
    runs: u32,
    /// For each stage, the number of runs with each verdict: sustained, inconclusive, unsustained.
    verdicts: Vec<[u32; 3]>,
    /// The times after which the backlog was back at its level, in seconds.
    recoveries: Vec<f64>,
}

impl Answers {
    fn of(loaded: &Loaded<'_>, runs: u32, seed: u64) -> Self {
        let mut answers =
            Self { runs, verdicts: vec![[0; 3]; loaded.stages.len()], recoveries: Vec::new() };
        for run in 0..runs {
            let judgement = loaded.judgement(seed * 1_000_003 + u64::from(run));
            for (counts, stage) in answers.verdicts.iter_mut().zip(&judgement.stages) {
                let place = match stage.verdict {
                    Some(Verdict::Sustained) => 0,
                    Some(Verdict::Inconclusive) => 1,
                    Some(Verdict::Unsustained) => 2,
                    _ => panic!("{loaded:?} {judgement:?}"),
                };
                counts[place] += 1;
            }
            answers.recoveries.extend(judgement.stages.iter().filter_map(|stage| {
                match stage.recovery? {
                    Recovery::After(time) => Some(time.as_secs_f64()),
                    Recovery::Never => None,
                }
            }));
        }
        answers.recoveries.sort_by(f64::total_cmp);
        answers
    }

    /// Returns the share of runs whose stage had this verdict, in percent.
    fn share(&self, stage: usize, verdict: usize) -> f64 {
        f64::from(self.verdicts[stage][verdict]) / f64::from(self.runs) * 100.0
    }

    /// Returns the recovery below which this share of them is.
    fn recovery(&self, share: f64) -> f64 {
        let place = (self.recoveries.len().saturating_sub(1)) as f64 * share;
        self.recoveries.get(place.round() as usize).copied().unwrap_or(f64::NAN)
    }
}

/// A rate that is held, one that is not, and the first one again: 0.8, 1.3 and 0.8 of capacity.
const SPIKE: [(u64, f64, f64); 3] = [(10, 0.8, 0.8), (10, 1.3, 1.3), (45, 0.8, 0.8)];
/// The time until 3,000 cycles that were due in ten seconds at 1.3 are done, at 0.8: the surplus is
/// 600, and shrinks by 40 each second.
const RECOVERY: f64 = 15.0;

fn systems() -> Vec<Loaded<'static>> {
    let mut all = Vec::new();
    for kind in [
        Kind::Pool { permits: 1 },
        Kind::Pool { permits: 4 },
        Kind::Pool { permits: 64 },
        Kind::Sync { workers: 1, uneven: false },
        Kind::Sync { workers: 2, uneven: false },
        Kind::Sync { workers: 8, uneven: false },
    ] {
        for service in [Service::Constant, Service::Exponential] {
            for poisson in [false, true] {
                all.push(Loaded { kind, service, poisson, stages: &SPIKE });
            }
        }
    }
    all
}

fn label(loaded: &Loaded<'_>) -> String {
    let kind = match loaded.kind {
        Kind::Pool { permits: 1 } => "1 permit".to_owned(),
        Kind::Pool { permits } => format!("{permits} permits"),
        Kind::Sync { workers: 1, .. } => "1 sync worker".to_owned(),
        Kind::Sync { workers, .. } => format!("{workers} sync workers"),
        other => format!("{other:?}"),
    };
    let arrivals = if loaded.poisson { "Poisson" } else { "uniform" };
    format!("{kind} | {:?}, {arrivals}", loaded.service)
        .to_lowercase()
        .replace("poisson", "Poisson")
}

/// Checks the answers to a spike. A share is above its limit only beyond chance.
fn check(loaded: &Loaded<'_>, answers: &Answers) {
    let label = label(loaded);
    let limit =
        |share: f64| share + 3.0 * (share * (100.0 - share) / f64::from(answers.runs)).sqrt();
    for (stage, wrong) in [(0, 2), (1, 0), (2, 2)] {
        let found = answers.share(stage, wrong);
        assert!(found <= limit(1.0), "{label}: stage {}: {found} % {answers:?}", stage + 1);
    }
    // The slowest of several queues is back last.
    let most = if loaded.kind == (Kind::Sync { workers: 8, uneven: false }) { 2.0 } else { 1.4 };
    let median = answers.recovery(0.5);
    assert!((RECOVERY * 0.7..RECOVERY * most).contains(&median), "{label}: {median} s");
}

#[test]
fn a_spike_is_not_sustained_the_stages_around_it_are_and_the_recovery_is_found() {
    for loaded in systems() {
        check(&loaded, &Answers::of(&loaded, 12, 5));
    }
}

#[test]
fn the_verdict_of_a_run_is_that_of_its_worst_stage() {
    let (kind, service) = (Kind::Pool { permits: 4 }, Service::Constant);
    let loaded = Loaded { kind, service, poisson: false, stages: &SPIKE };
    let judgement = loaded.judgement(1);
    assert_eq!(judgement.verdict, Verdict::Unsustained, "{judgement:#?}");
    assert!(
        judgement.reasons[0]
            .starts_with("stage 2 of 3 (10s:260) was not sustained: the backlog grew by"),
        "{judgement:#?}"
    );
    let held = Loaded { stages: &[(10, 0.5, 0.5), (10, 0.8, 0.8), (10, 0.3, 0.3)], ..loaded };
    let judgement = held.judgement(1);
    assert_eq!(judgement.verdict, Verdict::Sustained, "{judgement:#?}");
    assert!(judgement.reasons[0].ends_with("; each stage was sustained"), "{judgement:#?}");
}

#[test]
fn a_ramp_shows_the_rate_at_which_the_backlog_left_its_level() {
    for kind in [Kind::Pool { permits: 4 }, Kind::Sync { workers: 2, uneven: false }] {
        for (service, poisson) in [(Service::Constant, false), (Service::Exponential, true)] {
            let stages: &[_] = &[(10, 0.5, 0.5), (40, 0.5, 2.0), (60, 0.5, 0.5)];
            let loaded = Loaded { kind, service, poisson, stages };
            for seed in 0..10 {
                let judgement = loaded.judgement(seed);
                let point = judgement.stages[1].breaking_point.expect("it is passed") / CAPACITY;
                assert!((0.85..1.15).contains(&point), "{loaded:?}: {point} {judgement:#?}");
                let recovery = judgement.stages[1].recovery;
                assert!(matches!(recovery, Some(Recovery::After(_))), "{judgement:#?}");
                assert_eq!(judgement.stages[2].verdict, Some(Verdict::Sustained), "{judgement:#?}");
            }
        }
    }
}

#[test]
fn a_profile_of_ramps_alone_is_judged_by_its_limit_and_its_end() {
    let (kind, service) = (Kind::Pool { permits: 4 }, Service::Exponential);
    let of = |stages| Loaded { kind, service, poisson: true, stages }.judgement(3);
    let below = of(&[(30, 0.1, 0.8), (30, 0.8, 0.1)]);
    assert_eq!(below.verdict, Verdict::Sustained, "{below:#?}");
    let above = of(&[(60, 0.5, 2.0)]);
    assert_eq!(above.verdict, Verdict::Unsustained, "{above:#?}");
    assert!(above.reasons[0].contains("left its level for good at "), "{above:#?}");
    let few = of(&[(4, 0.1, 0.5)]);
    assert_eq!(few.verdict, Verdict::Inconclusive, "{few:#?}");
}

#[test]
fn a_short_stage_is_not_judged_and_changes_no_verdict() {
    let (kind, service) = (Kind::Pool { permits: 4 }, Service::Constant);
    let stages: &[_] = &[(10, 0.5, 0.5), (1, 1.2, 1.2), (10, 0.5, 0.5)];
    let judgement = Loaded { kind, service, poisson: false, stages }.judgement(1);
    assert_eq!(judgement.verdict, Verdict::Sustained, "{judgement:#?}");
    assert_eq!(judgement.stages[1].verdict, None);
    assert_eq!(
        judgement.stages[1].reason,
        "stage 2 of 3 (1s:240) is not judged by itself: it has 240 cycles, and 250 are needed"
    );
}

#[test]
fn a_stage_whose_backlog_does_not_come_back_is_not_sustained() {
    let (kind, service) = (Kind::Pool { permits: 4 }, Service::Constant);
    let stages: &[_] = &[(10, 0.5, 0.5), (20, 2.0, 2.0), (10, 0.9, 0.9)];
    let judgement = Loaded { kind, service, poisson: false, stages }.judgement(1);
    let last = &judgement.stages[2];
    assert_eq!(last.verdict, Some(Verdict::Unsustained));
    assert!(last.reason.contains("that earlier stages left, and at its end"), "{}", last.reason);
    assert_eq!(judgement.stages[1].recovery, Some(Recovery::Never));
}

/// Ten stages whose rates are held, of 1,000 to 1,700 cycles each.
const TEN: [(u64, f64, f64); 10] = {
    let (low, middle, high) = ((10, 0.5, 0.5), (10, 0.7, 0.7), (10, 0.85, 0.85));
    [low, middle, high, low, high, middle, high, middle, low, middle]
};
/// A ramp to twice the capacity.
const RAMP: [(u64, f64, f64); 2] = [(10, 0.5, 0.5), (60, 0.5, 2.0)];

/// Returns the share of runs, in percent, that had this verdict.
fn share_of_runs(loaded: &Loaded<'_>, runs: u32, verdict: &Verdict) -> f64 {
    let has = |run: &u32| loaded.judgement(u64::from(*run) + 7).verdict == *verdict;
    (0..runs).filter(has).count() as f64 / f64::from(runs) * 100.0
}

#[test]
fn ten_stages_raise_no_more_false_alarms_than_one() {
    for loaded in systems() {
        let loaded = Loaded { stages: &TEN, ..loaded };
        let wrong = share_of_runs(&loaded, 6, &Verdict::Unsustained);
        assert!(wrong <= 20.0, "{}: {wrong} %", label(&loaded));
    }
}

#[test]
#[ignore = "it takes some minutes: RUNS=100 takes less"]
fn all_profiles() {
    let runs: u32 = std::env::var("RUNS").map_or(1_000, |runs| runs.parse().expect("a number"));
    println!("sustained / inconclusive / unsustained, in percent of {runs} runs");
    println!("| system | service, arrivals | 0.8 | 1.3 | 0.8 again | back after, 10 to 90 % |");
    println!("|---|---|---|---|---|---|");
    let all: Vec<_> = systems()
        .iter()
        .map(|loaded| {
            let answers = Answers::of(loaded, runs, 1);
            let cell = |stage| {
                let [held, unclear, over] = [0, 1, 2].map(|place| answers.share(stage, place));
                format!("{held:.1}/{unclear:.1}/{over:.1}")
            };
            let [low, median, high] = [0.1, 0.5, 0.9].map(|share| answers.recovery(share));
            println!(
                "| {} | {} | {} | {} | {median:.1} s, {low:.1} to {high:.1} |",
                label(loaded),
                cell(0),
                cell(1),
                cell(2)
            );
            (*loaded, answers)
        })
        .collect();
    println!("\n| system | service, arrivals | ten stages: unsustained | breaking point |");
    println!("|---|---|---|---|");
    let alarms: Vec<_> = systems()
        .iter()
        .map(|loaded| {
            let ten = Loaded { stages: &TEN, ..*loaded };
            let wrong = share_of_runs(&ten, runs, &Verdict::Unsustained);
            let ramp = Loaded { stages: &RAMP, ..*loaded };
            let points = (0..runs).filter_map(|run| {
                ramp.judgement(u64::from(run)).stages[1].breaking_point.map(|rate| rate / CAPACITY)
            });
            let mut points: Vec<_> = points.collect();
            points.sort_by(f64::total_cmp);
            let at = |share: f64| points[(points.len() as f64 * share) as usize];
            let [low, median, high] = [0.1, 0.5, 0.9].map(at);
            println!("| {} | {wrong:.1} % | {median:.2}, {low:.2} to {high:.2} |", label(loaded));
            wrong
        })
        .collect();
    all.iter().for_each(|(loaded, answers)| check(loaded, answers));
    let most = 1.0 + 3.0 * (99.0 / f64::from(runs)).sqrt();
    assert!(alarms.iter().all(|wrong| *wrong <= most), "{alarms:?}");
}
