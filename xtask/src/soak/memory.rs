//! The memory of a run's processes, second by second, read from `/proc`: resident pages, since they
//! are what a machine runs out of.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// The first samples, one in this many, are ignored: buffers and histograms still grow to their
/// size.
const SETTLING: usize = 10;
/// The least number of samples that growth is computed from; fewer prove nothing.
const SAMPLES_MIN: usize = 10;
/// At each end, one sample in this many goes into the median that is compared: a single sample may
/// be a peak.
const END: usize = 10;
/// The growth that is allowed in a run of any length, in KiB: a histogram that meets a larger value
/// takes some hundred at once, and there are some dozens of histograms. In a long run this is
/// little; in a short one it would be a high rate.
const SLACK_KIB: u64 = 4 << 10;

/// The growth that is allowed.
pub(super) struct Bound {
    pub(super) kib_per_minute: u64,
}

/// The samples of each process, by its id.
#[derive(Default)]
pub(super) struct Memory {
    tracks: BTreeMap<u32, Track>,
}

struct Track {
    process: String,
    /// The second of the run, and the resident memory in KiB.
    samples: Vec<(u64, u64)>,
}

/// The growth of one process's memory after it has settled.
#[derive(Debug, PartialEq)]
pub(super) struct Growth {
    pub(super) process: String,
    start_kib: u64,
    end_kib: u64,
    max_kib: u64,
    seconds: u64,
}

impl Memory {
    /// Takes a sample of the primary, which is the child of `terminal` that runs `program`, and of
    /// its workers.
    pub(super) fn sample(&mut self, second: u64, terminal: u32, program: &Path) {
        // Compare the files, not the names: a worker was started as `/proc/self/exe` and has that
        // name.
        let is_program =
            |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        let Some(primary) = children(terminal).into_iter().find(is_program) else { return };
        self.add("primary", primary, second);
        let workers = children(primary).into_iter().filter(is_program);
        for (index, worker) in workers.enumerate() {
            self.add(&format!("worker {index}"), worker, second);
        }
    }

    fn add(&mut self, process: &str, pid: u32, second: u64) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        // A process that has just ended has no memory to read.
        let Some(kib) = resident(&status) else { return };
        let new = || Track { process: process.to_owned(), samples: vec![] };
        self.tracks.entry(pid).or_insert_with(new).samples.push((second, kib));
    }

    /// Returns the growth of each process that has enough samples.
    pub(super) fn growths(&self) -> Vec<Growth> {
        self.tracks.values().filter_map(Track::growth).collect()
    }
}

impl Track {
    fn growth(&self) -> Option<Growth> {
        let settled = self.samples.get(self.samples.len() / SETTLING..)?;
        if settled.len() < SAMPLES_MIN {
            return None;
        }
        // Compare the medians of both ends, so that a peak does not count as growth.
        let length = settled.len().div_ceil(END);
        let (first, last) = (&settled[..length], &settled[settled.len() - length..]);
        Some(Growth {
            process: self.process.clone(),
            start_kib: median(first),
            end_kib: median(last),
            max_kib: settled.iter().map(|(_, kib)| *kib).max()?,
            seconds: last[length / 2].0 - first[length / 2].0,
        })
    }
}

impl Growth {
    /// Returns `true` if the memory grew by more than the bound allows in that time.
    pub(super) fn is_over(&self, bound: &Bound) -> bool {
        let most = SLACK_KIB + bound.kib_per_minute * self.seconds / 60;
        self.end_kib.saturating_sub(self.start_kib) > most
    }

    fn kib_per_minute(&self) -> f64 {
        (self.end_kib as f64 - self.start_kib as f64) * 60.0 / self.seconds as f64
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, start_kib, end_kib, max_kib, seconds } = self;
        let rate = self.kib_per_minute();
        write!(
            f,
            "{process}: {start_kib} KiB after the warm-up, {end_kib} KiB {seconds} s later, "
        )?;
        write!(f, "{max_kib} KiB at most: {rate:+.1} KiB a minute")
    }
}

fn median(samples: &[(u64, u64)]) -> u64 {
    let mut sorted: Vec<_> = samples.iter().map(|(_, kib)| *kib).collect();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// Returns the children of a process, made by any of its threads, in order.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let mut all: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().map(str::parse).collect::<Vec<_>>())
        .flatten()
        .collect();
    all.sort_unstable();
    all
}

/// Reads the resident memory, in KiB, from the text of `/proc/PID/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(kib: impl Fn(u64) -> u64, seconds: u64) -> Option<Growth> {
        let samples = (0..seconds).map(|second| (second, kib(second))).collect();
        Track { process: "primary".into(), samples }.growth()
    }

    #[test]
    fn memory_that_settles_is_accepted_and_endless_growth_is_found() {
        let bound = Bound { kib_per_minute: 256 };
        let settles = growth(|second| 10_000 + 100 * second.min(50), 600).expect("enough");
        assert!(!settles.is_over(&bound), "{settles}");
        assert_eq!(settles.kib_per_minute(), 0.0);
        let grows = growth(|second| 10_000 + 20 * second, 600).expect("enough");
        assert!(grows.is_over(&bound), "{grows}");
        assert_eq!(grows.kib_per_minute(), 1_200.0);
        let peak = growth(|second| if second == 590 { 90_000 } else { 10_000 }, 600);
        assert!(!peak.expect("enough").is_over(&bound));
    }

    #[test]
    fn a_short_run_may_grow_by_the_slack_and_a_shorter_one_decides_nothing() {
        let bound = Bound { kib_per_minute: 256 };
        let steps = growth(|second| 10_000 + 4_000 * u64::from(second > 10), 20).expect("enough");
        assert!(!steps.is_over(&bound), "{steps}");
        assert_eq!(growth(|_| 10_000, 9), None);
    }

    #[test]
    fn the_memory_of_a_process_is_read() {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if cfg!(target_os = "linux") {
            assert!(resident(&status).expect("of this process") > 0);
        }
        assert_eq!(resident("Name:\tincr\nVmRSS:\t   10240 kB\n"), Some(10_240));
        assert_eq!(resident("Name:\tzombie\n"), None);
    }
}
