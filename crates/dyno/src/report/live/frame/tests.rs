//! Tests of frames, at the widths of terminals.

use dyno_bus::message::{Batch, CycleTimes};
use dyno_bus::segment::PerPhase;
use dyno_bus::{Pace, Time};
use dyno_observer::{Observer, ProcessId};

use super::*;
use crate::plan::profile::Stage;
use crate::plan::threshold::{LimitKind, LimitOperator, Threshold, ThresholdLimit, ThresholdStat};
use crate::result::fixture;

const FRAME: &str = "\
measuring   ━━━━━━━━━──────────────────────── 1.5 s of 5.0 s
issued 75  completed 70  failed 1  backlog 4  uptime 2.5 s
backlog                 4  ▃▅▆█
response max      25.0 ms  █▇
worker  service  response p99  loop lag p99
0       20.0 ms             –             –
1       20.0 ms             –             –";

fn course() -> LiveCourse {
    let mut course = LiveCourse::new(&fixture::plan());
    for waiting in [0, 1, 2, 4] {
        let mut tick = fixture::tick();
        tick.backlog.waiting = waiting;
        course.note(&tick);
    }
    course
}

fn drawn(tick: &Tick, columns: usize, rows: usize) -> String {
    render(&course(), tick, Room { columns, rows }, Palette::Plain)
}

#[test]
fn a_measuring_run_shows_its_time_its_counts_and_its_workers() {
    assert_eq!(drawn(&fixture::tick(), 60, 24), FRAME);
}

#[test]
fn a_load_profile_is_drawn_with_a_mark_where_the_run_is() {
    let stage = |seconds, from, to| Stage { from, to, duration: Duration::from_secs(seconds) };
    let stages = vec![stage(2, 50.0, 50.0), stage(2, 50.0, 400.0), stage(1, 100.0, 100.0)];
    let profile = Profile::new(stages).expect("three stages");
    let plan = Plan { profile: Some(profile), ..fixture::plan() };
    let mut tick = fixture::tick();
    let mut line = |millis| {
        tick.elapsed = plan.warmup + Duration::from_millis(millis);
        let room = Room { columns: 60, rows: 24 };
        let text = render(&LiveCourse::new(&plan), &tick, room, Palette::Plain);
        text.lines().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(line(0), "stage 1 of 3         50/s  │▂▂▂▂▂▂▂▂▂▂▂▂▂▂▃▃▄▄▅▅▆▆▇▇██▃▃▃▃▃▃");
    assert_eq!(line(3_000), "stage 2 of 3        225/s  ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▃▃▄▄▅│▅▆▆▇▇██▃▃▃▃▃▃");
    assert_eq!(line(9_000), "stage 3 of 3        100/s  ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▃▃▄▄▅▅▆▆▇▇██▃▃▃▃▃▃│");
}

#[test]
fn a_rate_that_keys_change_is_shown_with_the_keys() {
    let line = |rate: HandRate, phase| {
        let mut course = LiveCourse::new(&fixture::plan()).with_keys(&fixture::plan());
        course.set_rate(rate);
        let tick = Tick { phase, ..fixture::tick() };
        let text = render(&course, &tick, Room { columns: 60, rows: 24 }, Palette::Plain);
        text.lines().nth(1).unwrap_or_default().to_owned()
    };
    let rate = HandRate::new(1_100.0);
    let measuring = RunPhase::Measuring;
    assert_eq!(line(rate, measuring), "rate 1,100/s   + − rate   p pause");
    let paused = HandRate { is_paused: true, ..rate };
    assert_eq!(line(paused, measuring), "paused at 1,100/s   + − rate   p resume");
    let end = HandRate { is_final: true, ..rate };
    assert_eq!(line(end, measuring), "rate 1,100/s   it can't be changed any more");
    let factor = HandRate { steered: Steered::Factor(1.21), ..rate };
    assert_eq!(line(factor, measuring), "rate × 1.21   + − rate   p pause");
    assert!(line(rate, RunPhase::WarmingUp).starts_with("issued"), "only in the window");
}

#[test]
fn each_threshold_has_a_line_with_its_value_so_far_a_mark_and_words() {
    let measured = |metric: &str, over: Option<u64>, value| MeasuredThreshold {
        threshold: Threshold {
            metric: metric.to_owned(),
            statistic: ThresholdStat::Max,
            comparison: LimitOperator::Below,
            limit: ThresholdLimit { number: 20e6, kind: LimitKind::Time, text: "20ms".to_owned() },
            over: over.map(Duration::from_secs),
            aborts: false,
        },
        unit: Unit::Nanoseconds,
        value,
        worst_at: None,
        count: 1_000,
        was_certain: false,
    };
    let lines = |thresholds| {
        let tick = Tick { thresholds, ..fixture::tick() };
        let text = drawn(&tick, 70, 30);
        text.lines()
            .skip(2)
            .take_while(|row| !row.starts_with("backlog "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let kept = measured("response", None, Some(12.5e6));
    let broken = measured("service", Some(1), Some(25e6));
    let unknown = measured("loop_lag", None, None);
    assert_eq!(
        lines(vec![kept.clone(), broken.clone(), unknown]),
        [
            "✓ response.max < 20ms met: 12.5 ms so far",
            "✗ service.max < 20ms over 1s not met: 25.0 ms in the worst window",
            "– loop_lag.max < 20ms: no values yet",
        ]
    );
    let mut many = vec![kept; 7];
    many.push(broken);
    let many = lines(many);
    assert!(many[0].starts_with("✗ service.max") && many.len() == 7, "{many:#?}");
    assert_eq!(many[6], "… 2 more thresholds");
}

#[test]
fn no_line_is_longer_than_the_terminal_is_wide() {
    for columns in [20, 40, 60, 80, 120, 250] {
        let tick = fixture::tick();
        let text = render(&course(), &tick, Room { columns, rows: 24 }, Palette::Colours);
        for line in text.lines() {
            let width = console::measure_text_width(line);
            assert!(width <= columns, "{width} > {columns}: {line}");
        }
    }
}

#[test]
fn the_bar_goes_from_nothing_to_full_in_each_phase() {
    let bar = |phase, millis| {
        let tick = Tick { phase, elapsed: Duration::from_millis(millis), ..fixture::tick() };
        let text = drawn(&tick, 60, 24);
        let line = text.lines().next().unwrap().to_owned();
        (line.matches('━').count(), line.matches('─').count(), line)
    };
    assert!(matches!(bar(RunPhase::WarmingUp, 0), (0, 10.., _)));
    assert!(matches!(bar(RunPhase::WarmingUp, 1_000), (10.., 0, _)));
    assert!(matches!(bar(RunPhase::Measuring, 1_000), (0, 10.., _)));
    let (_, rest, line) = bar(RunPhase::Measuring, 9_000);
    assert_eq!(rest, 0);
    assert!(line.ends_with("5.0 s of 5.0 s"), "{line}");
    assert_eq!(bar(RunPhase::Draining, 6_000).2, "draining");
}

#[test]
fn counts_that_have_no_room_go_on_in_the_next_line() {
    let text = drawn(&fixture::tick(), 40, 24);
    assert!(
        text.contains("\nissued 75  completed 70  failed 1\nbacklog 4  uptime 2.5 s\n"),
        "{text}"
    );
}

#[test]
fn before_the_first_cycle_there_is_little_to_see() {
    let mut tick = fixture::tick();
    (tick.phase, tick.elapsed) = (RunPhase::Starting, Duration::ZERO);
    assert_eq!(drawn(&tick, 60, 24).lines().count(), 2);
}

#[test]
fn the_slowest_of_many_workers_are_shown_in_the_rows_that_there_are() {
    let mut observer = Observer::new(Pace::Closed { in_flight: 1 });
    for worker in 0..20 {
        observer.hello(ProcessId::Worker(worker), 1).unwrap();
        let service = vec![u64::from(worker + 1) * 1_000_000];
        let cycles =
            PerPhase { measured: CycleTimes { wait: vec![0], service }, ..PerPhase::default() };
        observer.absorb(ProcessId::Worker(worker), &Batch { cycles, ..Batch::default() }).unwrap();
    }
    observer.rotate(Time::from_nanos(1), |_| {});
    let tick = Tick { list: observer.list(), ..fixture::tick() };
    for (rows, shown) in [(24, 8), (11, 3), (5, 1)] {
        let text = drawn(&tick, 80, rows);
        let workers: Vec<_> =
            text.lines().skip_while(|line| !line.starts_with("worker")).skip(1).collect();
        assert!(workers[0].starts_with("19 "), "{text}");
        let more = format!("… {} more, whose response is shorter", 20 - shown);
        assert_eq!(workers[shown], more);
    }
}
