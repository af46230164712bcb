//! The cycles that were due before a stage, and the level of a backlog.

use proptest::prelude::*;

use super::*;

fn stage(seconds: u64, rate: f64) -> Stage {
    Stage { from: rate, to: rate, duration: Duration::from_secs(seconds) }
}

/// Returns a stage that was run to its end; each slot has the same number of due cycles.
fn evidence(stage: Stage, due: u64, earlier: u64) -> StageEvidence {
    let mut course = Course::default();
    course.due[SLOTS..].fill(due);
    course.due_earlier = earlier;
    StageEvidence { stage, run: stage.duration, course, is_complete: true, limit: None }
}

proptest! {
    #[test]
    fn each_stage_knows_all_cycles_that_were_due_before_it(
        stages in proptest::collection::vec((1..100_u64, 0..50_u64), 1..8),
        earlier in 0..1_000_u64,
    ) {
        let all: Vec<_> = stages
            .iter()
            .enumerate()
            .map(|(index, (seconds, due))| {
                evidence(stage(*seconds, 5.0), *due, if index == 0 { earlier } else { 0 })
            })
            .collect();
        let prepared = prepared(&all);
        let mut before = earlier;
        for (stage, (_, due)) in prepared.iter().zip(&stages) {
            let known = stage.course.due_earlier + stage.course.due[..SLOTS].iter().sum::<u64>();
            prop_assert_eq!(known, before);
            before += due * SLOTS as u64;
        }
    }
}

#[test]
fn the_slots_before_a_stage_have_the_cycles_of_the_stage_before_it() {
    // 240 cycles in ten seconds, then as many in five.
    let all = [evidence(stage(10, 24.0), 1, 7), evidence(stage(5, 48.0), 1, 0)];
    let prepared = prepared(&all);
    let course = &prepared[1].course;
    // Five seconds before it hold half of the first stage's cycles, one in two slots.
    assert_eq!(course.due[..SLOTS].iter().sum::<u64>(), 120);
    assert_eq!(course.due_earlier, 7 + 120);
    assert!(course.due[..SLOTS].iter().all(|due| *due <= 1));
    assert_eq!((course.cohort_from, prepared[0].course.cohort_from), (SLOTS, 1));
}
