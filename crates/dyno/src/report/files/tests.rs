//! What the files hold at the end, and what is said where they can't.

use std::fs;

use dyno_observer::ProcessId;

use super::*;
use crate::report::fixture;

/// A file that opens and takes nothing.
const FULL: &str = "/dev/full";

/// Hands over some intervals.
fn hand_over(files: &mut Files) {
    let mut observer = fixture::observer();
    let batch = dyno_bus::message::Batch {
        sequence: 2,
        as_of: Time::from_nanos(1_300_000_000),
        columns: vec![dyno_bus::message::Column {
            metric: 0,
            phase: dyno_bus::Phase::Measured,
            values: vec![1, 2, 3],
        }],
        ..Default::default()
    };
    observer.absorb(ProcessId::Primary, &batch).unwrap();
    observer.rotate(Time::from_nanos(2_000_000_000), |interval| files.interval(&interval));
}

#[test]
fn histograms_are_written_with_their_head() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.hlog");
    let begun = (Time::from_nanos(1_000_000_000), Duration::from_secs(7));
    let mut files = Files::start(Some(File::create(&path).unwrap()), None, begun).unwrap();
    hand_over(&mut files);
    files.entry(Entry::Warning("there is no log to hold it".into()));
    assert_eq!(files.finish(), Vec::<String>::new());

    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "#[Histogram log format version 1.3]");
    assert_eq!(lines[1], "#[StartTime: 7.000 (seconds since epoch)]");
    assert_eq!(lines[2], "#[BaseTime: 7.000 (seconds since epoch)]");
    assert!(lines[4].starts_with("Tag=loop_lag@primary,0.200,0.800,3.0"), "{}", lines[4]);
    assert_eq!(lines.len(), 5);
}

#[test]
fn a_full_disk_is_said_once_and_holds_up_nothing() {
    if !std::path::Path::new(FULL).exists() {
        return;
    }
    let full = File::options().write(true).open(FULL).unwrap();
    let mut files = Files::start(Some(full), None, (Time::ZERO, Duration::ZERO)).unwrap();
    hand_over(&mut files);
    files.flush();
    let said = files.finish();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("metrics.hlog is not whole: "), "{said:?}");
}

#[test]
fn what_a_slow_disk_can_not_take_is_dropped_and_counted_and_faults_are_kept() {
    let (records, incoming) = channel();
    let (_, failures) = sync_channel(1);
    let mut files = Files {
        records,
        gathered: (Vec::new(), 0),
        waiting: Arc::new(AtomicUsize::new(WAITING_MAX + 1)),
        rows: Kept::But(0),
        entries: Kept::But(0),
        failures,
    };
    hand_over(&mut files);
    let stream = crate::primary::Stream::Stdout;
    files.entry(Entry::Line { worker: 0, stream, text: "x".into() });
    files.entry(Entry::Fault("worker 0 died".into()));
    assert!(matches!(incoming.try_recv(), Ok(Record::Entry(Entry::Fault(_)))));
    assert!(incoming.try_recv().is_err());
    let said = files.finish();
    assert_eq!(said[1], "1 intervals of histograms were not written: the disk was too slow");
    assert_eq!(said[2], "1 lines of the log were not written: the disk was too slow");
}
