//! What the worker's process uses of the machine: a sample of `cpu` and `rss` a second.
//!
//! The bus thread takes them: it wakes as often, whatever the loop does.

use dyno_bus::Time;
use dyno_bus::builtin;
use dyno_bus::value::Unit;
use dyno_emitter::{Emitter, Recorder};
use nix::time::{ClockId, clock_gettime};

/// Between two samples.
const PERIOD_NS: u64 = 1_000_000_000;

/// Samples once a second, while cycles run.
pub(super) struct ProcessUsage {
    recorder: Recorder,
    cpu: u32,
    rss: u32,
    /// When it sampled last, and the processor time of all threads up to then.
    last: Option<(Time, u64)>,
}

impl ProcessUsage {
    pub(super) fn new(emitter: &mut Emitter) -> Self {
        Self {
            recorder: emitter.recorder(),
            cpu: emitter.metric(builtin::CPU, Unit::Permille),
            rss: emitter.metric(builtin::RSS, Unit::Bytes),
            last: None,
        }
    }

    /// The first second begins, if none has.
    pub(super) fn begin(&mut self, now: Time) {
        self.last.get_or_insert_with(|| (now, cpu_ns()));
    }

    /// No sample follows.
    pub(super) fn end(&mut self) {
        self.last = None;
    }

    /// Records a sample if it is time.
    pub(super) fn sample(&mut self, now: Time) {
        let Some((last, cpu_before)) = self.last else { return };
        let elapsed_ns = now.nanos_since(last);
        if elapsed_ns >= PERIOD_NS {
            let cpu_ns = cpu_ns();
            // The share over the time that really passed.
            self.recorder.record(self.cpu, (cpu_ns - cpu_before) * 1_000 / elapsed_ns);
            if let Some(bytes) = rss_bytes() {
                self.recorder.record(self.rss, bytes);
            }
            self.last = Some((now, cpu_ns));
        }
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
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
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
