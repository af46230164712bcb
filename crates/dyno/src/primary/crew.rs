//! The workers of this host, each with a value: a table by the number that a worker has in the run.
//!
//! On one host the numbers are 0, 1, 2, and so on. If a run has several hosts, each has some of the
//! numbers, and its primary knows only these.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// A value for each worker of this host.
#[derive(Debug)]
pub(crate) struct Crew<T> {
    /// The numbers of the workers; they rise.
    numbers: Arc<[u32]>,
    /// The values, in the same order.
    values: Vec<T>,
}

impl<T> Crew<T> {
    /// Creates a table of workers with these numbers, which rise.
    pub(crate) fn new(numbers: Vec<u32>, value: impl FnMut(u32) -> T) -> Self {
        let values = numbers.iter().copied().map(value).collect();
        Self { numbers: numbers.into(), values }
    }

    /// Returns the numbers of all workers, apart from the table.
    pub(crate) fn numbers(&self) -> Arc<[u32]> {
        Arc::clone(&self.numbers)
    }

    /// Returns all values.
    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }

    /// Returns all values, to change them.
    pub(crate) fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// Returns all workers: the number and the value of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.numbers.iter().copied().zip(&self.values)
    }

    /// Returns all workers, to change the values.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.numbers.iter().copied().zip(&mut self.values)
    }

    /// Returns the place of a worker's value.
    ///
    /// # Panics
    /// If this host has no worker of this number: numbers come from the table itself.
    fn place(&self, worker: u32) -> usize {
        self.numbers.binary_search(&worker).expect("the number is one of this host's workers")
    }
}

impl<T> Index<u32> for Crew<T> {
    type Output = T;

    fn index(&self, worker: u32) -> &T {
        &self.values[self.place(worker)]
    }
}

impl<T> IndexMut<u32> for Crew<T> {
    fn index_mut(&mut self, worker: u32) -> &mut T {
        let place = self.place(worker);
        &mut self.values[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_has_its_value_by_its_number_in_the_run() {
        let mut crew = Crew::new(vec![1, 4, 6], |number| number * 10);
        crew[4] += 1;
        crew.iter_mut().for_each(|(number, value)| *value += number);
        let all: Vec<_> = crew.iter().map(|(number, value)| (number, *value)).collect();
        assert_eq!(all, [(1, 11), (4, 45), (6, 66)]);
        assert_eq!((&*crew.numbers(), crew.values()), (&[1, 4, 6][..], &[11, 45, 66][..]));
    }
}
