//! The processes of the target: those that the run watches, and all that descend from them.
//!
//! A process that once belongs to the target belongs to it until it ends, even if its parent ends
//! first. The time of a child that starts and ends between two samples is in that of its parent,
//! which has reaped it; a child that nobody reaps is missing since its last sample.
//!
//! To find new children, all processes of the machine are read: about 10 µs for each. That is done
//! at each sample if it takes less than a hundredth of a second, and otherwise so rarely that it
//! takes a hundredth of the time. The known ones are read at each sample.

use std::collections::HashMap;
use std::time::Duration;

use dyno_bus::{Time, clock};

use crate::primary::target::TargetProcess;
use crate::processes::{self, SystemProcess};

/// The time between two looks for new children, as a multiple of the time that one takes.
const SEARCH_SHARE: u32 = 100;

/// The processes of the target, as they were at the last sample.
#[derive(Debug)]
pub(super) struct TargetTree {
    roots: Vec<TargetProcess>,
    ended: Vec<TargetProcess>,
    members: Vec<SystemProcess>,
    times: TreeTimes,
    next_search: Time,
}

impl TargetTree {
    pub(super) fn new(roots: Vec<TargetProcess>) -> Self {
        Self {
            roots,
            ended: Vec::new(),
            members: Vec::new(),
            times: TreeTimes::default(),
            next_search: Time::ZERO,
        }
    }

    /// Reads all processes of the target. Returns the processor time that they used since the last
    /// call, in the kernel's ticks; zero at the first call.
    pub(super) fn read(&mut self, now: Time) -> u64 {
        if now >= self.next_search {
            let all = processes::all();
            self.members = self.members_of(&all);
            let took: Duration = clock::now() - now;
            self.next_search = now + took * SEARCH_SHARE;
        } else {
            let now_of = |known: &SystemProcess| {
                SystemProcess::of(known.pid).filter(|now| now.is_same(known))
            };
            self.members = self.members.iter().filter_map(now_of).collect();
        }
        // The ones that are alive by now are the ones that were read.
        self.ended.extend(self.roots.extract_if(.., |root| root.has_ended()));
        self.times.growth(&self.members)
    }

    /// Returns the processes of the target at the last sample.
    pub(super) fn members(&self) -> &[SystemProcess] {
        &self.members
    }

    /// Takes the watched processes that have ended since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<TargetProcess> {
        std::mem::take(&mut self.ended)
    }

    /// Returns the processes among `all` that belong to the target.
    fn members_of(&self, all: &[SystemProcess]) -> Vec<SystemProcess> {
        let is_known = |process: &&SystemProcess| {
            self.roots.iter().any(|root| root.is(process))
                || self.members.iter().any(|member| member.is_same(process))
        };
        let known = all.iter().filter(is_known).map(|process| process.pid);
        processes::descendants(all, known)
    }
}

/// The processor time of processes that come and go.
#[derive(Debug, Default)]
struct TreeTimes {
    known: HashMap<u32, CountedProcess>,
    /// The number of calls so far.
    calls: u64,
}

/// A process, as it was counted last.
#[derive(Debug)]
struct CountedProcess {
    process: SystemProcess,
    call: u64,
}

impl TreeTimes {
    /// Returns the growth of the processor time since the last call, in ticks. What is new at the
    /// first call was used before it.
    fn growth(&mut self, members: &[SystemProcess]) -> u64 {
        let is_first = self.calls == 0;
        self.calls += 1;
        let call = self.calls;
        for member in members {
            match self.known.get_mut(&member.pid) {
                Some(known) if known.process.is_same(member) => known.call = call,
                // Its id has passed to another process.
                Some(_) => drop(self.known.remove(&member.pid)),
                None => {}
            }
        }
        let counted = self.counted_of_ended();
        let mut growth = 0_u64;
        for member in members {
            let now = member.totals;
            let before = match self.known.get(&member.pid) {
                Some(known) => known.process.totals,
                None if is_first => now,
                None => Default::default(),
            };
            // The time of a child that ended is its parent's from now on; a part of it was counted
            // as the child's.
            let counted = counted.get(&member.pid).copied().unwrap_or(0);
            let reaped = now.reaped_ticks.saturating_sub(before.reaped_ticks);
            growth = growth
                .saturating_add(now.own_ticks.saturating_sub(before.own_ticks))
                .saturating_add(reaped.saturating_sub(counted));
            self.known.insert(member.pid, CountedProcess { process: *member, call });
        }
        self.known.retain(|_, known| known.call == call);
        growth
    }

    /// Returns the ticks of ended processes that were counted before, by the nearest ancestor that is
    /// alive.
    fn counted_of_ended(&self) -> HashMap<u32, u64> {
        let mut counted: HashMap<u32, u64> = HashMap::new();
        for ended in self.known.values().filter(|known| known.call != self.calls) {
            let totals = ended.process.totals;
            let mut parent = ended.process.parent;
            // As many steps as there are processes: ids that were used again could form a circle.
            for _ in 0..self.known.len() {
                match self.known.get(&parent) {
                    Some(known) if known.call != self.calls => parent = known.process.parent,
                    Some(_) => {
                        let sum = counted.entry(parent).or_default();
                        let ticks = totals.own_ticks.saturating_add(totals.reaped_ticks);
                        *sum = sum.saturating_add(ticks);
                        break;
                    }
                    None => break,
                }
            }
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a process with its time and that of the children that it has reaped.
    fn process(pid: u32, parent: u32, (own, reaped): (u64, u64)) -> SystemProcess {
        let fields = format!("S {parent} 1 1 0 -1 0 0 0 0 0 {own} 0 {reaped} 0 20 0 1 0 {pid} 0 5");
        SystemProcess::parse(pid, &format!("{pid} (a b) {fields}")).expect("all fields")
    }

    #[test]
    fn time_before_the_first_sample_does_not_count() {
        let mut times = TreeTimes::default();
        assert_eq!(times.growth(&[process(10, 1, (500, 70))]), 0);
        assert_eq!(times.growth(&[process(10, 1, (530, 70))]), 30);
        assert_eq!(times.growth(&[process(10, 1, (530, 70))]), 0);
    }

    #[test]
    fn a_child_counts_from_its_start_and_its_time_is_not_counted_again_when_it_is_reaped() {
        let mut times = TreeTimes::default();
        times.growth(&[process(10, 1, (0, 0))]);
        let both = [process(10, 1, (1, 0)), process(11, 10, (20, 0))];
        assert_eq!(times.growth(&both), 21);
        // It used 5 ticks more before it ended.
        assert_eq!(times.growth(&[process(10, 1, (1, 25))]), 5);
        assert_eq!(times.growth(&[process(10, 1, (2, 25))]), 1);
    }

    #[test]
    fn a_child_between_two_samples_counts_by_its_parent() {
        let mut times = TreeTimes::default();
        times.growth(&[process(10, 1, (0, 0))]);
        assert_eq!(times.growth(&[process(10, 1, (1, 40))]), 41);
    }

    #[test]
    fn the_time_of_a_family_that_ends_goes_up_to_the_one_that_lives() {
        let mut times = TreeTimes::default();
        let family = |own| {
            [process(10, 1, (0, 0)), process(11, 10, (own, 0)), process(12, 11, (2 * own, 0))]
        };
        times.growth(&family(10));
        assert_eq!(times.growth(&family(20)), 30);
        // The child reaped the grandchild, and was reaped: 60 ticks, and one each before they ended.
        assert_eq!(times.growth(&[process(10, 1, (0, 62))]), 2);
    }

    #[test]
    fn a_child_that_nobody_reaped_takes_nothing_from_the_others() {
        let mut times = TreeTimes::default();
        times.growth(&[process(10, 1, (0, 0)), process(11, 10, (90, 0))]);
        assert_eq!(times.growth(&[process(10, 1, (7, 0))]), 7);
    }

    #[test]
    fn an_orphan_stays_and_goes_on_counting() {
        let mut times = TreeTimes::default();
        times.growth(&[process(10, 1, (0, 0)), process(11, 10, (5, 0))]);
        assert_eq!(times.growth(&[process(11, 1, (9, 0))]), 4);
    }

    #[test]
    fn an_id_that_passed_to_another_process_is_a_new_process() {
        let mut times = TreeTimes::default();
        times.growth(&[process(10, 1, (0, 0)), process(11, 10, (900, 0))]);
        let other =
            SystemProcess::parse(11, "11 (b) S 10 1 1 0 -1 0 0 0 0 0 3 0 0 0 20 0 1 0 999 0 5");
        assert_eq!(times.growth(&[process(10, 1, (0, 0)), other.expect("all fields")]), 3);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_target_that_ends_is_noted_once() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("`cat` is everywhere");
        let root = TargetProcess::hold(child.id()).expect("it runs");
        let mut tree = TargetTree::new(vec![root]);
        tree.read(clock::now());
        assert!(tree.members().len() == 1 && tree.take_ended().is_empty());
        drop(child.stdin.take());
        child.wait().expect("it ends");
        tree.read(clock::now());
        let ended: Vec<_> = tree.take_ended().iter().map(TargetProcess::pid).collect();
        assert!(ended == [child.id()] && tree.members().is_empty(), "{tree:?}");
        tree.read(clock::now());
        assert!(tree.take_ended().is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_and_its_children_are_found_and_strangers_are_not() {
        let root = TargetProcess::hold(std::process::id()).expect("it runs");
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("`cat` is everywhere");
        let mut tree = TargetTree::new(vec![root]);
        tree.read(clock::now());
        let pids: Vec<_> = tree.members().iter().map(|member| member.pid).collect();
        assert!(pids.contains(&std::process::id()) && pids.contains(&child.id()), "{pids:?}");
        assert!(!pids.contains(&1) || std::process::id() == 1, "{pids:?}");
        assert!(tree.take_ended().is_empty());
        drop(child.stdin.take());
        child.wait().expect("it ends");
        tree.read(clock::now());
        assert!(tree.members().iter().all(|member| member.pid != child.id()));
    }
}
