//! The target for the histogram log: with any names of metrics and any values, an independent
//! reader can read it, and finds the same number of values.

#![no_main]

use std::collections::BTreeMap;

use base64::Engine;
use dyno_bus::message::{Batch, Column, Declare};
use dyno_bus::value::Unit;
use dyno_bus::{Pace, Phase, Time};
use dyno_observer::{Observer, ProcessId};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, u64, u8, Vec<(String, Vec<u64>)>)| {
    let (begun, until, repeat, metrics) = input;
    let worker = ProcessId::Worker(u32::from(repeat));
    let (begun, until) = (Time::from_nanos(begun), Time::from_nanos(until));
    let mut observer = Observer::new(Pace::Closed { in_flight: 1 });
    observer.hello(worker, 1).expect("the first");
    observer.begin(begun);
    let mut columns = Vec::new();
    for (name, values) in metrics {
        let metric = columns.len() as u32;
        let declare = Declare { metric, name, unit: Unit::Nanoseconds };
        if observer.declare(worker, &declare).is_ok() {
            // More than some thousand values are stored as a histogram.
            let values = values.repeat(1 + 16 * usize::from(repeat));
            columns.push(Column { metric, phase: Phase::Measured, values });
        }
    }
    let batch = Batch { columns, ..Batch::default() };
    if observer.absorb(worker, &batch).is_err() {
        return;
    }
    let log = dyno::internal::histogram_log(&mut observer, begun, until).expect("into memory");
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for entry in IntervalLogIterator::new(&log) {
        let LogEntry::Interval(row) = entry.expect("it parses") else { continue };
        let bytes = base64::engine::general_purpose::STANDARD.decode(row.encoded_histogram());
        let bytes = bytes.expect("base64");
        let histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut &bytes[..]).expect("a histogram");
        let tag = row.tag().expect("a tag").as_str().to_owned();
        *counts.entry(tag).or_default() += histogram.len();
    }
    let (logged, taken): (u64, u64) = (
        counts.values().sum(),
        observer.metrics(worker).iter().map(|metric| metric.stats.count).sum(),
    );
    assert_eq!(logged, taken, "{counts:?}");
});
