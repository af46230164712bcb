//! What the worker's process uses of the machine: a sample of `cpu` and `rss` a second.

use std::fs::File;
use std::io::Read;

use dyno_bus::Time;
use nix::time::{ClockId, clock_gettime};

use super::bus::LoopEnd;

/// Between two samples.
const PERIOD_NS: u64 = 1_000_000_000;

/// Samples once a second, as long as the loop turns.
pub(super) struct Usage {
    last: Time,
    /// Processor time of all threads up to then.
    cpu_ns: u64,
}

impl Usage {
    pub(super) fn new(now: Time) -> Self {
        Self { last: now, cpu_ns: cpu_ns() }
    }

    /// Records a sample if it is time.
    #[inline]
    pub(super) fn sample(&mut self, now: Time, end: &LoopEnd) {
        let elapsed_ns = now.nanos_since(self.last);
        if elapsed_ns >= PERIOD_NS {
            self.sample_now(now, elapsed_ns, end);
        }
    }

    #[cold]
    fn sample_now(&mut self, now: Time, elapsed_ns: u64, end: &LoopEnd) {
        let cpu_ns = cpu_ns();
        // The share over the time that really passed: a loop that was blocked samples late.
        let permille = (cpu_ns - self.cpu_ns) * 1_000 / elapsed_ns;
        (self.last, self.cpu_ns) = (now, cpu_ns);
        end.usage(permille, rss_bytes());
    }
}

/// Processor time that this process has used, in nanoseconds.
fn cpu_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(0, |time| {
        time.tv_sec().cast_unsigned() * 1_000_000_000 + time.tv_nsec().cast_unsigned()
    })
}

/// Memory that this process holds, where the kernel tells.
fn rss_bytes() -> Option<u64> {
    // Seven numbers on a line; into a buffer of its own, for the loop's thread allocates nothing.
    let mut statm = [0; 7 * 21];
    let length = File::open("/proc/self/statm").ok()?.read(&mut statm).ok()?;
    let statm = std::str::from_utf8(&statm[..length]).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * page.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_this_process_uses() {
        let before = cpu_ns();
        assert!(before > 0);
        assert!(cpu_ns() >= before);
        if cfg!(target_os = "linux") {
            assert!(rss_bytes().is_some_and(|bytes| bytes > 100_000));
        }
    }
}
