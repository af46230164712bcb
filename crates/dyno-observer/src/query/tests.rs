//! Lists, tables and plots, as users read them.

use dyno_bus::message::{Batch, Column, CycleTimes, Declare};
use dyno_bus::segment::{Arrivals, PerPhase};
use dyno_bus::{Pace, Phase};

use super::*;
use crate::Observer;

const RATE: Pace = Pace::Open { rate: 1.0, arrivals: Arrivals::Uniform };
const PRIMARY: ProcessId = ProcessId::Primary;

/// Returns a primary that has issued 1,200 cycles, and three workers; the last one has no values.
fn observer() -> Observer {
    let mut observer = Observer::new(RATE);
    observer.begin(Time::from_nanos(1_000));
    for process in [PRIMARY, worker(0), worker(1), worker(2)] {
        observer.hello(process, 1).unwrap();
    }
    declare(&mut observer, PRIMARY, "issued", Unit::None);
    declare(&mut observer, worker(0), "rss", Unit::Bytes);
    observer
}

fn worker(index: u32) -> ProcessId {
    ProcessId::Worker(index)
}

fn declare(observer: &mut Observer, process: ProcessId, name: &str, unit: Unit) {
    observer.declare(process, &Declare { metric: 0, name: name.into(), unit }).unwrap();
}

/// Sends the second batch of each process, an interval later.
fn fill(observer: &mut Observer, sequence: u64) {
    let column =
        |value| Column { metric: 0, phase: Phase::Measured, values: vec![value * (sequence + 1)] };
    let cycles = |service: u64| PerPhase {
        measured: CycleTimes { wait: vec![500], service: vec![service * (sequence + 1)] },
        ..PerPhase::default()
    };
    let batch = Batch { sequence, ..Batch::default() };
    for (process, batch) in [
        (PRIMARY, Batch { columns: vec![column(600)], ..batch.clone() }),
        (
            worker(0),
            Batch { columns: vec![column(8_000_000)], cycles: cycles(10_000), ..batch.clone() },
        ),
        (worker(1), Batch { cycles: cycles(40_000), ..batch }),
    ] {
        observer.absorb(process, &batch).unwrap();
    }
    observer.rotate(Time::from_nanos(1_000 + (sequence + 1) * 100_000_000), |_| {});
}

fn filled() -> List {
    let mut observer = observer();
    fill(&mut observer, 0);
    fill(&mut observer, 1);
    observer.list()
}

#[test]
fn a_picked_list_prints_a_row_for_each_process_and_a_column_for_each_metric() {
    assert_eq!(
        filled().pick(Stat::Mean).to_string(),
        "\
process  issued    wait  service  response      rss
primary     900       –        –         –        –
0             –  500 ns  15.0 µs   15.5 µs  12.0 MB
1             –  500 ns  60.0 µs   60.5 µs        –
2             –       –        –         –        –
"
    );
}

#[test]
fn counts_have_no_unit() {
    assert_eq!(
        filled().workers().metrics(["service"]).pick(Stat::Count).to_string(),
        "process  service\n0              2\n1              2\n2              0\n"
    );
}

#[test]
fn the_primary_has_its_own_list() {
    let picked = filled().primary().pick(Stat::Last);
    assert_eq!(picked.cell(PRIMARY, "issued"), Some(1_200.0));
    assert_eq!(picked.rows().count(), 1);
    assert_eq!(picked.labels().len(), 1);
}

#[test]
fn a_missing_number_is_an_empty_cell() {
    let picked = filled().workers().metrics(["nothing", "rss", "rss"]).pick(Stat::Max);
    let names: Vec<_> = picked.labels().iter().map(|label| &*label.name).collect();
    assert_eq!(names, ["nothing", "rss"]);
    assert_eq!(picked.cell(worker(0), "nothing"), None);
    assert_eq!(picked.cell(worker(1), "rss"), None);
    assert_eq!(picked.cell(worker(9), "rss"), None);
    assert_eq!(picked.cell(worker(0), "service"), None, "not asked for");
    assert_eq!(filled().metrics(["rss"]).stats(worker(0), "service"), None);
    assert_eq!(picked.sort_by("service", Order::Ascending).rows().count(), 3);
}

#[test]
fn sorting_puts_empty_cells_last_either_way() {
    for (order, expected) in [(Order::Ascending, [0, 1, 2]), (Order::Descending, [1, 0, 2])] {
        let picked = filled().workers().pick(Stat::Mean).sort_by("service", order);
        let processes: Vec<_> = picked.rows().map(|(process, _)| process).collect();
        assert_eq!(processes, expected.map(ProcessId::Worker), "{order:?}");
    }
}

#[test]
fn snapshots_group_into_a_plot_for_each_metric_with_a_line_for_each_process() {
    let history = filled().workers().metrics(["service", "nothing", "rss"]).pick(Stat::Snapshots);
    let groups = history.of(Stat::Mean).group();
    let names: Vec<_> = groups.iter().map(|group| &*group.label.name).collect();
    assert_eq!(names, ["service", "rss"]);
    let lines = &groups[0].lines;
    assert_eq!(lines.iter().map(|line| line.process).collect::<Vec<_>>(), [0, 1, 2].map(worker));
    let points = |line: &Line| line.points.iter().map(|p| (p.at_ns, p.value)).collect::<Vec<_>>();
    assert_eq!(points(&lines[0]), [(100_000_000, 10_000.0), (200_000_000, 20_000.0)]);
    assert_eq!(points(&lines[2]), []);
    let so_far = history.so_far(Stat::Mean).group();
    assert_eq!(points(&so_far[0].lines[0]), [(100_000_000, 10_000.0), (200_000_000, 15_000.0)]);
}

#[test]
fn a_timeline_prints_a_row_for_each_snapshot() {
    let timeline = filled().metrics(["issued", "rss"]).pick(Stat::Snapshots).of(Stat::Last);
    assert_eq!(
        timeline.to_string(),
        "\
time    issued primary    rss 0
100 ms             600  8.00 MB
200 ms           1,200  16.0 MB
"
    );
}

#[test]
fn an_empty_list_prints_its_header() {
    let mut observer = Observer::new(RATE);
    assert_eq!(observer.list().pick(Stat::Mean).to_string(), "process\n");
    assert_eq!(observer.list().pick(Stat::Snapshots).of(Stat::Mean).to_string(), "time\n");
}

#[test]
fn a_list_can_be_sent_to_another_thread() {
    const fn assert_send<T: Send + Sync + Clone + 'static>() {}
    assert_send::<List>();
    assert_send::<Picked>();
    assert_send::<Timeline>();
}
