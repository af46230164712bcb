//! The worker process's use of the machine: a sample of `cpu` and `rss` per second.
//!
//! The bus thread takes the samples, because it wakes regularly even if the loop is blocked.

use dyno_bus::Time;
use dyno_bus::builtin;
use dyno_bus::value::Unit;
use dyno_emitter::harness::{Emitter, Recorder};
use nix::time::{ClockId, clock_gettime};

/// The nanoseconds between two samples.
const PERIOD_NS: u64 = 1_000_000_000;

/// A sampler that takes one sample per second while cycles run.
pub(crate) struct ProcessUsage {
    recorder: Recorder,
    cpu: u32,
    rss: u32,
    /// The time of the last sample, and the processor time of all threads up to then, in
    /// nanoseconds; `None` while no cycles run.
    last: Option<(Time, u64)>,
}

impl ProcessUsage {
    pub(crate) fn new(emitter: &mut Emitter) -> Self {
        Self {
            recorder: emitter.recorder(),
            cpu: emitter.metric(builtin::CPU, Unit::Permille),
            rss: emitter.metric(builtin::RSS, Unit::Bytes),
            last: None,
        }
    }

    /// Begins the first second, unless one has begun.
    pub(crate) fn begin(&mut self, now: Time, cpu_ns: impl FnOnce() -> u64) {
        self.last.get_or_insert_with(|| (now, cpu_ns()));
    }

    /// Ends the sampling.
    pub(crate) fn end(&mut self) {
        self.last = None;
    }

    /// Records a sample if a second has passed.
    pub(crate) fn sample(
        &mut self,
        now: Time,
        cpu_ns: impl FnOnce() -> u64,
        rss_bytes: impl FnOnce() -> Option<u64>,
    ) {
        let Some((last, cpu_before)) = self.last else { return };
        let elapsed_ns = now.nanos_since(last);
        if elapsed_ns >= PERIOD_NS {
            let cpu_ns = cpu_ns();
            // The share of the time that really passed.
            self.recorder.record(self.cpu, (cpu_ns - cpu_before) * 1_000 / elapsed_ns);
            if let Some(bytes) = rss_bytes() {
                self.recorder.record(self.rss, bytes);
            }
            self.last = Some((now, cpu_ns));
        }
    }
}

/// Returns the processor time that this process has used, in nanoseconds.
pub(crate) fn cpu_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(0, |time| {
        time.tv_sec().cast_unsigned() * 1_000_000_000 + time.tv_nsec().cast_unsigned()
    })
}

/// Returns the memory that this process holds, in bytes; `None` where the kernel does not report
/// it.
pub(crate) fn rss_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * page.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_and_memory_are_those_of_this_process() {
        let before = cpu_ns();
        assert!(before > 0);
        assert!(cpu_ns() >= before);
        if cfg!(target_os = "linux") {
            assert!(rss_bytes().is_some_and(|bytes| bytes > 100_000));
        }
    }
}
