//! Tests of the files' content at the end, and of the messages if they can't be written.

use std::fs;

use super::*;
use crate::result::fixture;

/// A file that can be opened, but never written.
const FULL: &str = "/dev/full";

/// Hands over an interval of one metric.
fn row(files: &mut FileWriter) {
    fixture::interval(&[1, 2, 3], |interval| files.interval(&interval));
}

/// Returns files that nobody writes, and the records that would be written.
fn without_a_thread() -> (FileWriter, Receiver<FileRecord>) {
    let (records, incoming) = channel();
    let (_, failures) = sync_channel(1);
    let (gathered, waiting) = (Gathered::default(), Arc::default());
    let (rows, entries) = (Destination::But(0), Destination::But(0));
    (FileWriter { records, gathered, waiting, rows, entries, failures }, incoming)
}

/// Returns the number of rows in the next record; `None` if no record is there.
fn written(incoming: &Receiver<FileRecord>) -> Option<usize> {
    incoming.try_recv().ok().map(|record| match record {
        FileRecord::Rows(rows) => rows.len(),
        FileRecord::Entry(entry) => panic!("{entry:?}"),
    })
}

#[test]
fn rows_wait_for_a_second_or_for_the_end() {
    let (mut files, incoming) = without_a_thread();
    let instant = Duration::from_nanos(1);
    let mut begun = Time::ZERO;
    for _ in 0..2 {
        let second = begun + GATHERED_FOR;
        for (at, expected) in [(begun + instant, None), (second, Some(2)), (second, None)] {
            row(&mut files);
            files.rotated(at);
            assert_eq!(written(&incoming), expected, "{at:?}");
        }
        files.hand_over();
        assert_eq!(written(&incoming), Some(1));
        begun = second;
    }
    files.hand_over();
    assert_eq!(written(&incoming), None);
}

#[test]
fn many_rows_do_not_wait_for_the_second() {
    let (mut files, incoming) = without_a_thread();
    row(&mut files);
    let each = files.gathered.bytes;
    let expected = GATHERED_MAX / each + 1;
    for _ in 1..expected {
        assert_eq!(written(&incoming), None);
        row(&mut files);
    }
    assert_eq!(written(&incoming), Some(expected));
    assert_eq!(files.gathered.bytes, 0);
}

#[test]
fn histograms_are_written_with_their_head() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.hlog");
    let begun = (Time::from_nanos(1_000_000_000), Duration::from_secs(7));
    let mut files = FileWriter::start(Some(File::create(&path).unwrap()), None, begun).unwrap();
    row(&mut files);
    files.entry(LogEntry::Warning { text: "there is no log to hold it".into() });
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
fn a_full_disk_is_reported_once_and_delays_nothing() {
    if !std::path::Path::new(FULL).exists() {
        return;
    }
    let full = File::options().write(true).open(FULL).unwrap();
    let mut files = FileWriter::start(Some(full), None, (Time::ZERO, Duration::ZERO)).unwrap();
    row(&mut files);
    files.hand_over();
    let said = files.finish();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("metrics.hlog is not whole: "), "{said:?}");
}

#[test]
fn a_slow_disk_loses_lines_that_are_counted_and_no_fault() {
    let (mut files, incoming) = without_a_thread();
    files.waiting.store(WAITING_MAX + 1, Ordering::Relaxed);
    row(&mut files);
    let stream = crate::primary::run::Stream::Stdout;
    files.entry(LogEntry::Line { worker: 0, stream, text: "x".into() });
    files.entry(LogEntry::Fault { text: "worker 0 died".into() });
    assert!(matches!(incoming.try_recv(), Ok(FileRecord::Entry(LogEntry::Fault { .. }))));
    assert!(incoming.try_recv().is_err());
    let said = files.finish();
    assert_eq!(said[1], "1 intervals of histograms were not written: the disk was too slow");
    assert_eq!(said[2], "1 lines of the log were not written: the disk was too slow");
}
