//! The threads of the target: the busiest one, their waits for a processor, their context switches.
//!
//! The files of up to [`THREADS_MAX`] threads are read at each sample. If there are more, each sample
//! reads that many of them in turn, uses the last rates of the others, and projects the sums to all of
//! them: a target with ten times as many threads has its first figures after ten more samples. A
//! thread that starts and ends between two samples is missing here, and not in the time of its
//! process.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read;

use dyno_bus::Time;

use crate::processes::SystemProcess;
use crate::processes::usage::{TICK_NS, ThreadTotals};

/// The most threads that one sample reads: two files of each took 30 µs on a small virtual machine, so
/// that all of them take about a hundredth of a core.
const THREADS_MAX: usize = 400;
/// The bytes of a file that are read: no `status` is longer, even with hundreds of groups.
const FILE_MAX: usize = 16 * 1024;

/// The rates of the target's threads. `None` is a number that the kernel does not count, or that is
/// not known yet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct TargetRates {
    /// The processor time of the busiest thread, as a share of one core.
    pub(super) cpu_max: Option<f64>,
    /// The time for which threads could run and waited for a processor, as a share of one core.
    pub(super) delay: Option<f64>,
    /// Context switches per second.
    pub(super) switches: Option<f64>,
    /// Involuntary ones of them per second.
    pub(super) preemptions: Option<f64>,
}

/// The threads of the target, as they were read last.
#[derive(Debug, Default)]
pub(super) struct TargetThreads {
    /// The threads that exist, as the ids of their process and of themselves.
    listed: Vec<(u32, u32)>,
    known: HashMap<(u32, u32), ReadThread>,
    /// The place in the list at which the next sample begins.
    first: usize,
    /// The instant of the last sample; `None` if it did not read all threads.
    complete: Option<Time>,
    samples: u64,
    file: ProcFile,
}

/// A thread that was read at least once.
#[derive(Debug)]
struct ReadThread {
    totals: ThreadTotals,
    at: Time,
    /// The rates between its last two readings; `None` before the second.
    rates: Option<ThreadRates>,
    /// The number of the last sample whose list has it.
    listed: u64,
}

/// The rates of a thread between two readings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct ThreadRates {
    cpu: f64,
    delay: Option<f64>,
    switches: Option<f64>,
    preemptions: Option<f64>,
}

impl TargetThreads {
    /// Reads the threads of these processes. Returns their rates since they were read last.
    pub(super) fn read(&mut self, now: Time, processes: &[SystemProcess]) -> TargetRates {
        self.list(processes);
        let count = self.listed.len();
        self.read_some(now, count.min(THREADS_MAX));
        self.known.retain(|_, thread| thread.listed == self.samples);
        self.complete = (count <= THREADS_MAX).then_some(now);
        sum(self.known.values().filter_map(|thread| thread.rates), count)
    }

    /// Returns `true` if no thread could be read so far.
    pub(super) fn are_hidden(&self) -> bool {
        self.known.is_empty()
    }

    /// Lists all threads.
    fn list(&mut self, processes: &[SystemProcess]) {
        self.samples += 1;
        self.listed.clear();
        for process in processes.iter().filter(|process| !process.is_zombie) {
            let Ok(entries) = std::fs::read_dir(format!("/proc/{}/task", process.pid)) else {
                // It has ended since it was read, or is hidden.
                continue;
            };
            let ids =
                entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            self.listed.extend(ids.map(|id| (process.pid, id)));
        }
        for id in &self.listed {
            if let Some(thread) = self.known.get_mut(id) {
                thread.listed = self.samples;
            }
        }
    }

    /// Reads this many of the listed threads, from where the last sample stopped.
    fn read_some(&mut self, now: Time, count: usize) {
        let all = self.listed.len();
        let first = if count < all { self.first % all } else { 0 };
        for place in first..first + count {
            let (process, thread) = self.listed[place % all];
            if let Some(totals) = read_thread(&mut self.file, process, thread) {
                self.update((process, thread), now, totals);
            }
        }
        self.first = first + count;
    }

    fn update(&mut self, id: (u32, u32), now: Time, totals: ThreadTotals) {
        let before = match self.known.get(&id) {
            // Its totals only grow, unless its id has passed to another thread.
            Some(thread) if totals.run_ns >= thread.totals.run_ns => {
                Some((thread.totals, thread.at))
            }
            // It has started since the last sample, which would have read it otherwise.
            _ => self.complete.map(|at| (ThreadTotals::default(), at)),
        };
        let rates = before.and_then(|(before, at)| ThreadRates::between(&before, &totals, at, now));
        let thread = ReadThread { totals, at: now, rates, listed: self.samples };
        self.known.insert(id, thread);
    }
}

impl ThreadRates {
    /// Returns the rates between two readings at these instants; `None` if they are the same.
    fn between(before: &ThreadTotals, after: &ThreadTotals, from: Time, to: Time) -> Option<Self> {
        let elapsed_ns = to.nanos_since(from) as f64;
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / elapsed_ns;
        let known = |before: Option<u64>, after: Option<u64>| {
            after.map(|after| rate(before.unwrap_or(0), after))
        };
        (elapsed_ns > 0.0).then(|| Self {
            cpu: rate(before.run_ns, after.run_ns),
            delay: known(before.delay_ns, after.delay_ns),
            switches: known(before.switches, after.switches).map(|rate| rate * 1e9),
            preemptions: known(before.preemptions, after.preemptions).map(|rate| rate * 1e9),
        })
    }
}

/// Returns the rates of `count` threads. Those that are known are of some of them.
fn sum(rates: impl Iterator<Item = ThreadRates> + Clone, count: usize) -> TargetRates {
    let of_all = |rate: fn(&ThreadRates) -> Option<f64>| {
        let (sum, known) = rates
            .clone()
            .filter_map(|thread| rate(&thread))
            .fold((0.0, 0_usize), |(sum, known), rate| (sum + rate, known + 1));
        (known > 0).then(|| sum * count as f64 / known as f64)
    };
    TargetRates {
        cpu_max: rates.clone().map(|thread| thread.cpu).max_by(f64::total_cmp),
        delay: of_all(|thread| thread.delay),
        switches: of_all(|thread| thread.switches),
        preemptions: of_all(|thread| thread.preemptions),
    }
}

/// Reads a thread; `None` if it has ended.
fn read_thread(file: &mut ProcFile, process: u32, thread: u32) -> Option<ThreadTotals> {
    let run = file.read(format_args!("/proc/{process}/task/{thread}/schedstat"));
    let mut totals = match run.and_then(|run| ThreadTotals::parse(&run)) {
        Some(totals) => totals,
        None => {
            // A kernel without these figures has the processor time elsewhere, in ticks.
            let stat = file.read(format_args!("/proc/{process}/task/{thread}/stat"))?;
            let ticks = SystemProcess::parse(thread, &stat)?.totals.own_ticks;
            ThreadTotals { run_ns: ticks.saturating_mul(TICK_NS), ..ThreadTotals::default() }
        }
    };
    if let Some(status) = file.read(format_args!("/proc/{process}/task/{thread}/status")) {
        totals.add_switches(&status);
    }
    Some(totals)
}

/// A buffer for the files of `/proc`, which allocates nothing once it was used.
#[derive(Debug, Default)]
pub(super) struct ProcFile {
    path: String,
    bytes: Vec<u8>,
}

impl ProcFile {
    /// Reads the beginning of a file; `None` if it can't be read.
    pub(super) fn read(&mut self, path: fmt::Arguments<'_>) -> Option<Cow<'_, str>> {
        self.path.clear();
        self.path.write_fmt(path).ok()?;
        self.bytes.resize(FILE_MAX, 0);
        // The kernel writes such a file as a whole into a buffer that is large enough.
        let length = File::open(&self.path).and_then(|mut file| file.read(&mut self.bytes)).ok()?;
        // A thread may have any bytes as its name.
        Some(String::from_utf8_lossy(&self.bytes[..length]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn totals(run_ns: u64, delay_ns: u64, switches: u64) -> ThreadTotals {
        ThreadTotals {
            run_ns,
            delay_ns: Some(delay_ns),
            switches: Some(switches),
            preemptions: Some(switches / 10),
        }
    }

    fn at(seconds: u64) -> Time {
        Time::from_nanos(1 + seconds * SECOND)
    }

    #[test]
    fn a_thread_has_the_rates_between_two_readings() {
        let (before, after) = (totals(SECOND, 0, 1_000), totals(2 * SECOND, SECOND / 2, 1_400));
        let rates = ThreadRates::between(&before, &after, at(0), at(2)).expect("two instants");
        assert_eq!((rates.cpu, rates.delay), (0.5, Some(0.25)));
        assert_eq!((rates.switches, rates.preemptions), (Some(200.0), Some(20.0)));
        assert_eq!(ThreadRates::between(&before, &after, at(2), at(2)), None);
    }

    #[test]
    fn the_busiest_thread_is_one_and_the_other_rates_are_sums() {
        let one = |cpu| ThreadRates { cpu, delay: Some(cpu / 2.0), ..ThreadRates::default() };
        let all = [one(0.25), one(1.0), one(0.5)];
        let rates = sum(all.into_iter(), 3);
        assert_eq!((rates.cpu_max, rates.delay), (Some(1.0), Some(0.875)));
        assert_eq!((rates.switches, rates.preemptions), (None, None));
        // Half of the threads have not been read twice.
        assert_eq!(sum(all.into_iter(), 6).delay, Some(1.75));
        assert_eq!(sum([].into_iter(), 0), TargetRates::default());
    }

    #[test]
    fn a_thread_that_starts_counts_from_its_start_and_one_at_the_first_sample_does_not() {
        let mut threads = TargetThreads::default();
        threads.update((1, 1), at(0), totals(50 * SECOND, 0, 0));
        assert_eq!(threads.known[&(1, 1)].rates, None);
        threads.complete = Some(at(0));
        threads.update((1, 1), at(1), totals(51 * SECOND, 0, 0));
        threads.update((1, 2), at(1), totals(SECOND / 2, 0, 0));
        let cpu = |thread| threads.known[&(1, thread)].rates.expect("read twice").cpu;
        assert_eq!((cpu(1), cpu(2)), (1.0, 0.5));
    }

    #[test]
    fn an_id_that_passed_to_another_thread_does_not_count_backwards() {
        let mut threads = TargetThreads::default();
        threads.update((1, 1), at(0), totals(50 * SECOND, 0, 0));
        threads.complete = Some(at(0));
        threads.update((1, 1), at(1), totals(SECOND / 4, 0, 0));
        assert_eq!(threads.known[&(1, 1)].rates.expect("read twice").cpu, 0.25);
    }

    #[test]
    fn more_threads_than_one_sample_reads_are_read_in_turn() {
        // They have gone by the time that they are read: nothing is known of them.
        let listed = (0..1_000).map(|thread| (u32::MAX, thread)).collect();
        let mut threads = TargetThreads { listed, ..TargetThreads::default() };
        threads.read_some(at(0), 600);
        assert_eq!(threads.first, 600);
        threads.read_some(at(1), 600);
        assert_eq!(threads.first % 1_000, 200);
        assert!(threads.known.is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_threads_of_this_process_are_read() {
        let own = SystemProcess::of(std::process::id()).expect("it runs");
        let mut threads = TargetThreads::default();
        assert_eq!(threads.read(at(0), &[own]), TargetRates::default());
        let count = threads.listed.len();
        assert!(count >= 1 && threads.known.len() <= count);
        let rates = threads.read(at(1), &[own]);
        assert!(rates.cpu_max.is_some() && rates.switches.is_some(), "{rates:?}");
    }
}
