//! The histograms of a run as an HdrHistogram log, version 1.3, which other tools read.
//!
//! A row is one interval of one metric of one process, tagged `metric@process`. The sum of all rows
//! is the whole run, and the sum of some of them a part of it. Values are in the metric's own unit.
//! Rows are written about a second after their interval ended at the latest, so that a run that is
//! killed leaves the rows that it had.

use std::io::{self, Write};
use std::time::Duration;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use dyno_bus::Time;
use dyno_observer::{Interval, ProcessId, Series};

use self::encoder::Encoder;

mod encoder;

/// The names of a row's fields, as readers of the format expect them.
const LEGEND: &str =
    "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"";

/// One interval of one metric of one process, on its way to the log.
///
/// It holds the values and no bytes of the log. Copying the values costs the thread that drives the
/// run some microseconds; compressing many of them would cost a hundred times that.
#[derive(Debug)]
pub(crate) struct HistogramRow {
    tag: String,
    from: Time,
    until: Time,
    series: Series,
}

impl HistogramRow {
    pub(crate) fn of(interval: &Interval<'_>) -> Self {
        Self {
            tag: tag(&interval.label.name, interval.process),
            from: interval.from,
            until: interval.until,
            series: interval.series.clone(),
        }
    }

    /// Returns the approximate size of the row in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.series.size()
    }
}

/// A log that is being written.
pub(crate) struct HistogramLog<W> {
    out: W,
    encoder: Encoder,
    begun: Time,
}

impl<W: Write> HistogramLog<W> {
    /// Begins a log: `begun` is its begin on the clock that stamps the intervals, and `wall` the
    /// same instant since the Unix epoch.
    pub(crate) fn begin(mut out: W, begun: Time, wall: Duration) -> io::Result<Self> {
        let wall = wall.as_secs_f64();
        writeln!(out, "#[Histogram log format version 1.3]")?;
        writeln!(out, "#[StartTime: {wall:.3} (seconds since epoch)]")?;
        writeln!(out, "#[BaseTime: {wall:.3} (seconds since epoch)]")?;
        writeln!(out, "{LEGEND}")?;
        out.flush()?;
        Ok(Self { out, encoder: Encoder::default(), begun })
    }

    /// Writes a row.
    pub(crate) fn write(&mut self, row: &HistogramRow) -> io::Result<()> {
        let [start, length] =
            [row.from - self.begun, row.until - row.from].map(|span| span.as_secs_f64());
        // The exact maximum is known; other writers give the bound of its bucket.
        let max = row.series.max() as f64;
        let histogram = Base64Display::new(self.encoder.encode(&row.series), &STANDARD);
        writeln!(self.out, "Tag={},{start:.3},{length:.3},{max:.3},{histogram}", row.tag)
    }

    /// Hands all rows that are still buffered to the system.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns a log of everything that an observer has received, as one interval.
pub(crate) fn of_observer(
    observer: &mut dyno_observer::Observer,
    begun: Time,
    until: Time,
) -> io::Result<Vec<u8>> {
    let mut log = HistogramLog::begin(Vec::new(), begun, Duration::ZERO)?;
    let mut written = Ok(());
    observer.rotate(until, |interval| {
        if written.is_ok() {
            written = log.write(&HistogramRow::of(&interval));
        }
    });
    written.map(|()| log.out)
}

/// Returns a row's tag, such as `response@worker-0`. A character that would end a tag in the format
/// is written as in a URL, so that two names never share a tag.
fn tag(metric: &str, process: ProcessId) -> String {
    let mut kept = String::with_capacity(metric.len());
    for c in metric.chars() {
        if matches!(c, ',' | '%') || c.is_whitespace() {
            let bytes = c.to_string().into_bytes();
            kept.extend(bytes.iter().map(|byte| format!("%{byte:02X}")));
        } else {
            kept.push(c);
        }
    }
    format!("{kept}@{}", process.to_string().replace(' ', "-"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::Engine;
    use dyno_bus::message::{Batch, CycleTimes, Declare};
    use dyno_bus::segment::PerPhase;
    use dyno_bus::value::Unit;
    use dyno_bus::{Pace, clock};
    use dyno_observer::Observer;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    #[test]
    fn rows_added_up_are_the_run() {
        let begun = clock::now();
        let mut observer = Observer::new(Pace::Closed { in_flight: 1 });
        observer.hello(ProcessId::Worker(3), 1).unwrap();
        let declare = Declare { metric: 0, name: "a, b".into(), unit: Unit::None };
        observer.declare(ProcessId::Worker(3), &declare).unwrap();
        observer.begin(begun);
        let mut log = HistogramLog::begin(Vec::new(), begun, Duration::from_secs(7)).unwrap();
        for sequence in 0..3 {
            // The first interval keeps its single values; the second has enough for a histogram.
            let count = [10, 5_000, 1][sequence as usize];
            let service: Vec<u64> = (0..count).map(|value| 1_000_000 + value * 1_000).collect();
            let measured = CycleTimes { wait: vec![0; service.len()], service };
            let cycles = PerPhase { measured, ..PerPhase::default() };
            let batch = Batch { sequence, cycles, ..Batch::default() };
            observer.absorb(ProcessId::Worker(3), &batch).unwrap();
            observer.rotate(begun + Duration::from_secs(sequence + 1), |interval| {
                log.write(&HistogramRow::of(&interval)).unwrap();
            });
        }
        log.flush().unwrap();

        let mut whole: BTreeMap<String, Histogram<u64>> = BTreeMap::new();
        let mut times = Vec::new();
        for entry in IntervalLogIterator::new(&log.out) {
            match entry.expect("it parses") {
                LogEntry::Interval(row) => {
                    let bytes = STANDARD.decode(row.encoded_histogram()).unwrap();
                    let histogram: Histogram<u64> =
                        Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
                    let tag = row.tag().unwrap().as_str().to_owned();
                    if tag == "service@worker-3" {
                        times.push((row.start_timestamp(), row.duration()));
                    }
                    let into = whole.entry(tag).or_insert_with(|| Histogram::new(3).unwrap());
                    into.add(histogram).unwrap();
                }
                LogEntry::StartTime(time) | LogEntry::BaseTime(time) => {
                    assert_eq!(time, Duration::from_secs(7));
                }
            }
        }
        assert_eq!(whole.keys().collect::<Vec<_>>(), ["response@worker-3", "service@worker-3"]);
        let seconds = Duration::from_secs;
        assert_eq!(times, [0, 1, 2].map(|start| (seconds(start), seconds(1))));
        let stats = observer.merged().into_iter().find(|one| &*one.label.name == "service");
        let (stats, read) = (stats.unwrap().stats, &whole["service@worker-3"]);
        assert_eq!(read.len(), stats.count);
        for (quantile, value) in [(0.5, stats.p50), (0.9, stats.p90), (0.99, stats.p99)] {
            let value = value.expect("there are thousands");
            assert!(read.equivalent(read.value_at_quantile(quantile), value), "{quantile}");
        }
    }

    #[test]
    fn a_tag_holds_nothing_that_ends_it_and_no_two_metrics_share_one() {
        assert_eq!(tag("a, b\tc", ProcessId::Worker(3)), "a%2C%20b%09c@worker-3");
        let names = ["a b", "a_b", "a\u{2003}b", "a%20b", "a  b"];
        let tags = names.map(|name| tag(name, ProcessId::Primary));
        assert_eq!(tags.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
        assert_eq!(tag("loop_lag", ProcessId::Primary), "loop_lag@primary");
    }
}
