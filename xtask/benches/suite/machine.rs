//! The machine that is measured on: its processor, its cores, and the load of other programs.

use std::fs;

/// Describes the machine in one line for people.
pub(crate) fn described() -> String {
    let load = load().map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
    format!("{}, {} cores, load {load}", cpu(), cores())
}

/// Returns the processor's name.
pub(crate) fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "an unnamed processor".to_owned(), |(_, name)| name.to_owned())
}

/// Returns the number of processes that can run at once.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the mean number of processes that were ready to run in the last minute; `None` without
/// `/proc/loadavg`.
pub(crate) fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// Reads a field of this process's `/proc/self/status`, in bytes.
pub(crate) fn memory_bytes(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}
