//! The hosts of a run as one of them sees them: the workers of the others, and so the numbers of this
//! host's workers.
//!
//! The workers of all hosts are numbered in turns: the first worker of each host, then the second of
//! each host that has one, and so on. So neighbouring cycles go to different hosts, no number is
//! left out and no number is given twice, whether or not all hosts have the same number of workers. A
//! run on one host is the case without others.
//!
//! Nothing here reaches a host: the numbers follow from the counts alone.

use serde::{Deserialize, Serialize};

/// The numbers of workers on the other hosts of a run; the default is a run on one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherHosts {
    /// The workers of each host that has its turn before this one.
    before: Vec<u32>,
    /// The workers of each host that has its turn after this one.
    after: Vec<u32>,
}

impl OtherHosts {
    /// Creates the others of one host, by the workers of all of them; `None` if the list has no host
    /// at this place, or if there are more workers than can be numbered.
    pub(crate) fn of(host: usize, workers: &[u32]) -> Option<Self> {
        let after = workers.get(host + 1..)?;
        workers.iter().try_fold(0_u32, |sum, count| sum.checked_add(*count))?;
        Some(Self { before: workers.get(..host)?.to_vec(), after: after.to_vec() })
    }

    /// Returns `true` for a run on one host.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Returns the number of workers on the other hosts.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.before.iter().chain(&self.after).sum()
    }

    /// Returns the numbers of this host's workers in the run, if it has this many; they rise.
    #[must_use]
    pub fn own_numbers(&self, own: u32) -> Vec<u32> {
        let number = |worker: u32| {
            // Each host has had `worker` turns before, as far as it has workers for them. In this
            // turn, the hosts before this one come first.
            let others = self.before.iter().chain(&self.after);
            let earlier: u32 = others.map(|count| *count.min(&worker)).sum();
            let in_turn = self.before.iter().filter(|count| **count > worker).count();
            worker + earlier + in_turn as u32
        };
        (0..own).map(number).collect()
    }

    /// Returns the host's share as it is written, such as `1/4,2`: its place, and the workers of
    /// each host.
    #[must_use]
    pub fn share(&self, own: u32) -> String {
        let all: Vec<_> = self.all(own).iter().map(u32::to_string).collect();
        format!("{}/{}", self.place(), all.join(","))
    }

    /// Returns this host's place among all, counted from 0.
    #[must_use]
    pub(crate) fn place(&self) -> usize {
        self.before.len()
    }

    /// Returns the workers of each host, if this one has `own`.
    #[must_use]
    pub(crate) fn all(&self, own: u32) -> Vec<u32> {
        self.before.iter().chain([&own]).chain(&self.after).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn workers_are_numbered_in_turns_over_the_hosts_that_have_one_left() {
        let counts = [4, 2, 1];
        let of = |host| OtherHosts::of(host, &counts).unwrap().own_numbers(counts[host]);
        assert_eq!([of(0), of(1), of(2)], [vec![0, 3, 5, 6], vec![1, 4], vec![2]]);
    }

    #[test]
    fn a_host_without_others_numbers_its_workers_from_zero() {
        let alone = OtherHosts::of(0, &[3]).unwrap();
        assert_eq!(alone, OtherHosts::default());
        assert_eq!((alone.own_numbers(3), alone.share(3)), (vec![0, 1, 2], "0/3".to_owned()));
    }

    #[test]
    fn a_place_beyond_the_hosts_and_too_many_workers_have_no_others() {
        assert_eq!(OtherHosts::of(2, &[1, 1]), None);
        assert_eq!(OtherHosts::of(0, &[]), None);
        assert_eq!(OtherHosts::of(0, &[u32::MAX, 1]), None);
    }

    proptest! {
        #[test]
        fn each_number_is_given_to_one_worker(
            counts in proptest::collection::vec(1_u32..40, 1..12),
        ) {
            let of_host = |(host, own): (usize, &u32)| {
                let numbers = OtherHosts::of(host, &counts).unwrap().own_numbers(*own);
                assert!(numbers.is_sorted());
                numbers
            };
            let mut all: Vec<u32> = counts.iter().enumerate().flat_map(of_host).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..counts.iter().sum()).collect::<Vec<_>>());
        }
    }
}
