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
    let (is_complete, is_ended_by_hand) = (true, false);
    let run = stage.duration;
    StageEvidence { stage, run, course, is_complete, is_ended_by_hand, limit: None }
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

#[test]
fn a_stretch_ends_where_the_next_one_begins_and_is_judged_as_far_as_it_was_run() {
    let stretch = |seconds: u64, run: u64| {
        let mut of = evidence(stage(seconds, 100.0), 0, 0);
        of.run = Duration::from_secs(run);
        of.is_ended_by_hand = run < seconds;
        let slots = SLOTS * run as usize / seconds as usize;
        of.course.due[SLOTS..][..slots].fill(10);
        of
    };
    // The second and the third begin after 20 s and after 22 s of a window of 40 s.
    let all = [stretch(40, 20), stretch(20, 2), stretch(18, 18)];
    let stages = prepared(&all);
    let offsets: Vec<_> = stages.iter().map(|stage| stage.offset.as_secs()).collect();
    assert_eq!(offsets, [0, 20, 22]);
    let before = |stage: &Judged<'_>| {
        stage.course.due_earlier + stage.course.due[..SLOTS].iter().sum::<u64>()
    };
    assert_eq!(stages.iter().map(before).collect::<Vec<_>>(), [0, 1_200, 1_440]);
    let judged = stages.iter().map(|stage| stage.is_judged_by_itself(0.001));
    assert_eq!(judged.collect::<Vec<_>>(), [true, false, true], "2 s of 20 s show no trend");
    let shown: Vec<_> = all.iter().map(|of| of.as_run().to_string()).collect();
    assert_eq!(shown, ["20s:100", "2s:100", "18s:100"]);
}
