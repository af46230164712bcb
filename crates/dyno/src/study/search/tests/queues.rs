//! Searches by the verdicts of real runs: simulated queues, judged by the rule that judges runs.
//!
//! The model systems of `matrix` have the verdicts that the search expects. Here they are those of
//! [`judge`], with the backlog's limit, and the load that it measures.

use super::*;
use crate::verdict::judge;
use crate::verdict::simulation::random::Random;
use crate::verdict::simulation::{Kind, Service, System as Queue};
use crate::verdict::trend::Assessment;

/// The capacity of each system, and the noise between its trials.
const CAPACITY: f64 = 400.0;
const NOISE: f64 = 0.02;
/// The blocks of a window whose counts show the error of a delivered rate.
const BLOCK: usize = 10;

/// Runs a trial of a system and returns its answer.
fn run(queue: Queue, request: Request, random: &mut Random) -> Trial {
    let capacity = CAPACITY * (NOISE * random.normal()).exp();
    let Some(rate) = request.rate.per_second() else {
        let rate = capacity * (0.05 * random.normal()).exp();
        let trial = trial(request, |_| TrialVerdict::Completed);
        return Trial { completed: (rate * 1.5) as u64, delivered: rate, ..trial };
    };
    let window = request.window.as_secs_f64();
    let queue = Queue { rate, window, load: rate / capacity, ..queue };
    let evidence = queue.evidence((random.uniform() * 1e15) as u64);
    let verdict = TrialVerdict::of(&judge(&evidence).verdict, None);
    // The limit cuts a run.
    let ended = &evidence.course.timeline.ended;
    let cut = evidence.passed.map(|passed| {
        passed.sample.at.nanos_since(evidence.start) as f64 / evidence.window.as_nanos() as f64
    });
    let slots = cut.map_or(ended.len(), |cut| (cut * ended.len() as f64) as usize);
    let blocks: Vec<f64> =
        ended[..slots].chunks_exact(BLOCK).map(|block| block.iter().sum::<u64>() as f64).collect();
    let count = blocks.len().max(1) as f64;
    let mean = blocks.iter().sum::<f64>() / count;
    let square = blocks.iter().map(|block| (block - mean).powi(2)).sum::<f64>() / count;
    let ran = window * slots as f64 / ended.len() as f64;
    let completed: u64 = ended[..slots].iter().sum();
    let backlog = evidence.course.backlog(slots.max(1)).last().copied().unwrap_or_default();
    Trial {
        rate: request.rate,
        window: Duration::from_secs_f64(ran),
        took: Duration::from_secs_f64(1.3 + ran + (backlog / capacity).min(5.0)),
        verdict,
        completed,
        delivered: completed as f64 / ran.max(1e-9),
        error: (blocks.len() > 4).then(|| (square / count).sqrt() / mean.max(1e-9)),
        load: Assessment::of(&evidence).load,
        enough: None,
    }
}

#[test]
fn the_interval_holds_the_capacity_of_queues_that_are_judged_as_runs_are() {
    let runs: u64 = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(4);
    let pool = Kind::Pool { permits: 4 };
    let sync = Kind::Sync { workers: 2, uneven: false };
    let (mut holds, mut answers, mut all) = (0, 0, 0);
    for (kind, service, poisson) in [
        (pool, Service::Constant, false),
        (pool, Service::Exponential, true),
        (Kind::Pool { permits: 64 }, Service::Exponential, false),
        (sync, Service::Constant, false),
        (sync, Service::Exponential, true),
    ] {
        let queue =
            Queue { kind, service, poisson, rate: 1.0, warmup: 1.0, window: 5.0, load: 1.0 };
        let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Uniform };
        for seed in 0..runs {
            let mut random = Random::new(seed);
            let settings = SearchSettings { arrivals, ..settings(&plain(CAPACITY)) };
            let mut search = Search::new(settings).unwrap();
            let answer = loop {
                match search.next() {
                    Step::Trial(request) => search.take(run(queue, request, &mut random)),
                    Step::Done(answer) => break answer,
                }
            };
            let low = answer.lower.map_or(0.0, |end| end.rate);
            let high = answer.upper.map_or(f64::INFINITY, |end| end.rate);
            println!(
                "{kind:?} {service:?}: {low} to {high}, {:?} ({}), {} trials, {:.0} s",
                answer.end,
                answer.exit_code(),
                search.tried().len(),
                search.elapsed().as_secs_f64()
            );
            all += 1;
            answers += u64::from(answer.exit_code() == 0);
            holds += u64::from(low <= CAPACITY && CAPACITY <= high);
            assert!(low <= 1.06 * CAPACITY, "{kind:?} {service:?}: {low} to {high}");
        }
    }
    assert!(10 * holds >= 9 * all && 10 * answers >= 9 * all, "{holds}, {answers} of {all}");
}
