//! The way of values into the columns of a batch: a slot's key leads to its column through a table.
//! It makes no search and, once the buffers have grown, no allocation.

use dyno_bus::Phase;
use dyno_bus::message::{Batch, Column};

use crate::recorder::RecordSource;
use crate::ring_word::unpack_key;

/// The place of a key that has no column in this batch yet.
const NONE: u32 = u32::MAX;

/// The columns of the present batch, and the buffers of those before it.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// The place in the present batch of each key's column; one table for each [`RecordSource`],
    /// whose numbers differ.
    places: [Vec<u32>; RecordSource::COUNT],
    /// The empty buffers of earlier batches.
    spare: Vec<Vec<u64>>,
}

impl Columns {
    /// Removes this emitter's cycles and columns from a batch, and keeps their buffers.
    pub(crate) fn begin(&mut self, batch: &mut Batch) {
        let Batch { cycles, failed, .. } = &mut *batch;
        for cycles in
            [&mut cycles.warmup, &mut cycles.measured, &mut failed.warmup, &mut failed.measured]
        {
            cycles.wait.clear();
            cycles.service.clear();
        }
        for mut column in batch.columns.drain(..) {
            column.values.clear();
            self.spare.push(column.values);
        }
        for places in &mut self.places {
            places.fill(NONE);
        }
    }

    /// Returns the place of a key's column in the batch. If the key has no column yet, `metric`
    /// gives the number of its metric.
    #[inline]
    pub(crate) fn place(
        &mut self,
        columns: &mut Vec<Column>,
        source: RecordSource,
        key: u64,
        metric: impl FnOnce(u32) -> u32,
    ) -> usize {
        match self.places[source as usize].get(key as usize) {
            Some(&place) if place != NONE => place as usize,
            _ => {
                let (number, phase) = unpack_key(key);
                self.append(columns, source, key, metric(number), phase)
            }
        }
    }

    #[cold]
    fn append(
        &mut self,
        columns: &mut Vec<Column>,
        source: RecordSource,
        key: u64,
        metric: u32,
        phase: Phase,
    ) -> usize {
        let (places, key) = (&mut self.places[source as usize], key as usize);
        if key >= places.len() {
            places.resize(key + 1, NONE);
        }
        // At most two columns per metric: far below 2^32.
        places[key] = columns.len() as u32;
        let values = self.spare.pop().unwrap_or_default();
        columns.push(Column { metric, phase, values });
        columns.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring_word::pack_key;

    #[test]
    fn a_column_is_appended_once_for_each_source_metric_and_phase() {
        let (mut columns, mut batch) = (Columns::default(), Batch::default());
        columns.begin(&mut batch);
        let mut put = |source, number, phase, value| {
            let key = pack_key(number, phase);
            let place = columns.place(&mut batch.columns, source, key, |number| number + 100);
            batch.columns[place].values.push(value);
        };
        put(RecordSource::Harness, 1, Phase::Measured, 1);
        put(RecordSource::Harness, 1, Phase::Warmup, 2);
        put(RecordSource::Handles, 1, Phase::Measured, 3);
        put(RecordSource::Harness, 1, Phase::Measured, 4);
        let column = |metric, phase, values| Column { metric, phase, values };
        let expected = [
            column(101, Phase::Measured, vec![1, 4]),
            column(101, Phase::Warmup, vec![2]),
            column(101, Phase::Measured, vec![3]),
        ];
        assert_eq!(batch.columns, expected);
    }

    #[test]
    fn buffers_are_used_again() {
        let (mut columns, mut batch) = (Columns::default(), Batch::default());
        let mut buffer = |phase| {
            columns.begin(&mut batch);
            let key = pack_key(0, phase);
            let place =
                columns.place(&mut batch.columns, RecordSource::Handles, key, |number| number);
            let values = &mut batch.columns[place].values;
            assert!(values.is_empty());
            values.extend(0..100);
            values.as_ptr()
        };
        assert_eq!(buffer(Phase::Warmup), buffer(Phase::Measured));
    }
}
