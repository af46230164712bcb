//! Taps: metrics whose values are also collected apart, merged over the workers, until the caller
//! takes them. A threshold needs them for a sliding window.

use std::sync::Arc;

use dyno_bus::builtin::{BACKLOG, COMPLETED, ISSUED, SURROUNDINGS, UPTIME};
use dyno_bus::value::Unit;

use super::Observer;
use crate::id::ProcessId;
use crate::metric::OF_CYCLES;
use crate::process::ProcessRecord;
use crate::series::Series;
use crate::stats::{Censored, Label};

/// The metrics of the primary, in addition to those of the run's surroundings. All others are those
/// of the workers.
const OF_PRIMARY: [&str; 4] = [ISSUED, COMPLETED, BACKLOG, UPTIME];

/// The names of the tapped metrics, and the values that came since they were last taken.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    names: Vec<Arc<str>>,
    pub(super) values: Vec<Series>,
}

impl Taps {
    pub(super) const fn new() -> Self {
        Self { names: Vec::new(), values: Vec::new() }
    }

    /// Returns the taps of a metric in a process.
    fn of(&self, process: ProcessId, name: &str) -> Box<[usize]> {
        if !is_counted(process, name) {
            return Box::default();
        }
        (0..self.names.len()).filter(|tap| *self.names[*tap] == *name).collect()
    }

    /// Connects the metrics of a process with their taps.
    pub(super) fn connect(&self, process: ProcessId, record: &mut ProcessRecord) {
        for metric in &mut record.metrics {
            metric.taps = self.of(process, &metric.label.name);
        }
    }
}

/// Returns `true` if a metric of this name counts if it is of this process.
fn is_counted(process: ProcessId, name: &str) -> bool {
    let is_of_primary = OF_PRIMARY.contains(&name) || SURROUNDINGS.contains(&name);
    is_of_primary == (process == ProcessId::Primary)
}

impl Observer {
    /// Taps a metric, before any process has been added. Returns the number of the tap.
    pub fn tap(&mut self, name: &str) -> usize {
        self.taps.names.push(Arc::from(name));
        self.taps.values.push(Series::default());
        self.taps.values.len() - 1
    }

    /// Takes the values of a tap that came since it was last taken.
    pub fn take_tap(&mut self, tap: usize) -> Series {
        std::mem::take(&mut self.taps.values[tap])
    }

    /// Returns all values of a metric so far, merged over the workers, or those of the primary for
    /// its own metrics; `None` if no process has it.
    #[must_use]
    pub fn whole(&self, name: &str) -> Option<(Label, Series)> {
        let mut found: Option<(Label, Series)> = None;
        for (process, state) in &self.processes {
            let of_name = |metric: &&crate::metric::MetricRecord| &*metric.label.name == name;
            let metric = state.metrics.iter().find(of_name);
            let Some(metric) = metric.filter(|_| is_counted(*process, name)) else { continue };
            let (_, series) =
                found.get_or_insert_with(|| (metric.label.clone(), Series::default()));
            metric.merge_into(series);
        }
        found
    }

    /// Returns the unit of a metric; `None` if no process has declared it.
    #[must_use]
    pub fn unit_of(&self, name: &str) -> Option<Unit> {
        if OF_CYCLES.contains(&name) {
            return Some(Unit::Nanoseconds);
        }
        self.names.get(name).copied()
    }

    /// Returns the cycles that never ended, of all workers.
    #[must_use]
    pub fn censored(&self) -> Censored {
        self.processes.values().fold(Censored::default(), |sum, one| sum.merge(one.censored))
    }
}

#[cfg(test)]
mod tests {
    use dyno_bus::message::{Batch, Column, CycleTimes, Declare};
    use dyno_bus::segment::{Arrivals, PerPhase};
    use dyno_bus::{Pace, Phase};

    use super::*;

    fn batch(sequence: u64) -> Batch {
        let measured = CycleTimes { wait: vec![1, 2], service: vec![10, 20] };
        let column = Column { metric: 0, phase: Phase::Measured, values: vec![sequence] };
        Batch {
            sequence,
            cycles: PerPhase { measured, ..PerPhase::default() },
            columns: vec![column],
            ..Batch::default()
        }
    }

    #[test]
    fn a_tap_has_the_values_of_all_workers_since_it_was_last_taken() {
        let mut observer = Observer::new(Pace::Open { rate: 1.0, arrivals: Arrivals::Uniform });
        let taps = ["response", "own", "own"].map(|name| observer.tap(name));
        observer.hello(ProcessId::Primary, 1).unwrap();
        for worker in 0..2 {
            let process = ProcessId::Worker(worker);
            observer.hello(process, worker + 2).unwrap();
            let declare = Declare { metric: 0, name: "own".into(), unit: Unit::Bytes };
            observer.declare(process, &declare).unwrap();
        }
        for sequence in 0..2 {
            for worker in 0..2 {
                observer.absorb(ProcessId::Worker(worker), &batch(sequence)).unwrap();
            }
            let [response, own, again] = taps.map(|tap| observer.take_tap(tap));
            assert_eq!((response.count(), response.max()), (4, 22));
            assert_eq!((own.count(), again.max()), (2, sequence));
        }
        assert!(observer.take_tap(0).is_empty());
        let (label, own) = observer.whole("own").unwrap();
        assert_eq!((label.unit, own.count()), (Unit::Bytes, 4));
        assert!(observer.whole("other").is_none() && observer.whole("backlog").is_none());
        assert_eq!(observer.unit_of("own"), Some(Unit::Bytes));
        assert_eq!(observer.unit_of("wait"), Some(Unit::Nanoseconds));
    }
    #[test]
    fn the_surroundings_are_those_that_the_primary_records_and_not_those_of_a_worker() {
        let mut observer = Observer::new(Pace::Open { rate: 1.0, arrivals: Arrivals::Uniform });
        for (process, value) in [(ProcessId::Primary, 250), (ProcessId::Worker(0), 999)] {
            observer.hello(process, 1).unwrap();
            let declare = |metric, name: &str, unit| Declare { metric, name: name.into(), unit };
            observer.declare(process, &declare(0, "backlog", Unit::None)).unwrap();
            observer.declare(process, &declare(1, "target.cpu", Unit::Permille)).unwrap();
            let column = Column { metric: 1, phase: Phase::Measured, values: vec![value] };
            observer.absorb(process, &Batch { columns: vec![column], ..Batch::default() }).unwrap();
        }
        let whole = observer.whole("target.cpu").expect("the primary has it").1;
        assert_eq!((whole.count(), whole.max()), (1, 250));
        let rotated = observer.rotate(dyno_bus::Time::from_nanos(1), |_| {});
        for merged in [observer.merged(), rotated.merged.to_vec()] {
            let of_target: Vec<_> =
                merged.iter().filter(|one| &*one.label.name == "target.cpu").collect();
            let [one] = of_target[..] else { panic!("{merged:?}") };
            assert_eq!((one.stats.count, one.stats.max), (1, 250));
        }
    }
}
