//! The usage of a process, a thread and the machine, as the files of `/proc` have it. Pure: texts
//! in, numbers out.
//!
//! A text that lacks a number is not refused: kernels leave out what they don't count. All numbers
//! are totals since a start, so that the difference of two readings is the usage between them.

/// The nanoseconds of one of the kernel's ticks: programs see a hundred in a second on each processor
/// in use.
pub(crate) const TICK_NS: u64 = 10_000_000;

/// The usage of a process since its start, from the same text as its parent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ProcessTotals {
    /// Its processor time, that of threads that have ended included, in the kernel's ticks.
    pub(crate) own_ticks: u64,
    /// The processor time of its children that have ended and that it has reaped, in the kernel's
    /// ticks.
    pub(crate) reaped_ticks: u64,
    /// The number of its threads at that moment.
    pub(crate) threads: u64,
    /// The pages of its resident memory at that moment; zero for a thread of the kernel.
    pub(crate) rss_pages: u64,
}

impl ProcessTotals {
    /// Reads the fields of proc_pid_stat(5) that follow the process's name.
    pub(super) fn parse(fields: &[&str]) -> Self {
        let number = |field: usize| -> u64 {
            fields.get(field).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
        };
        Self {
            own_ticks: number(11).saturating_add(number(12)),
            reaped_ticks: number(13).saturating_add(number(14)),
            threads: number(17),
            rss_pages: number(21),
        }
    }
}

/// The usage of a thread since its start. `None` is a number that the kernel does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ThreadTotals {
    /// Its processor time, in nanoseconds.
    pub(crate) run_ns: u64,
    /// The time for which it could run and waited for a processor, in nanoseconds.
    pub(crate) delay_ns: Option<u64>,
    /// Its context switches, of both kinds.
    pub(crate) switches: Option<u64>,
    /// Those of them that were involuntary.
    pub(crate) preemptions: Option<u64>,
}

impl ThreadTotals {
    /// Reads a thread's `schedstat`; `None` if the kernel keeps no such figures.
    pub(crate) fn parse(schedstat: &str) -> Option<Self> {
        let mut numbers = schedstat.split_ascii_whitespace().map(|text| text.parse().ok());
        let (run_ns, delay_ns) = (numbers.next()??, numbers.next()??);
        Some(Self { run_ns, delay_ns: Some(delay_ns), ..Self::default() })
    }

    /// Adds the context switches that a thread's `status` has.
    pub(crate) fn add_switches(&mut self, status: &str) {
        // Its last lines, so that the search begins there.
        let mut lines = status.lines().rev();
        let mut number = |name: &str| -> Option<u64> {
            let text = lines.find_map(|line| line.strip_prefix(name))?;
            text.trim().parse().ok()
        };
        self.preemptions = number("nonvoluntary_ctxt_switches:");
        let voluntary = number("voluntary_ctxt_switches:");
        self.switches = voluntary
            .zip(self.preemptions)
            .map(|(voluntary, forced)| voluntary.saturating_add(forced));
    }
}

/// The time of all processors of the machine since its start, in the kernel's ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MachineTotals {
    /// The time without anything to run; the wait for a disk is a part of it.
    pub(crate) idle_ticks: u64,
    /// The time in all.
    pub(crate) all_ticks: u64,
}

impl MachineTotals {
    /// Reads the first line of proc_stat(5), the sum over all processors.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        // User, nice, system, idle, wait for a disk, interrupts of both kinds, stolen. The guests'
        // time, which follows, is in the user's already.
        let mut ticks = [0_u64; 8];
        let mut count = 0;
        for (tick, text) in ticks.iter_mut().zip(line.split_ascii_whitespace()) {
            *tick = text.parse().ok()?;
            count += 1;
        }
        let all_ticks = ticks.iter().fold(0_u64, |sum, tick| sum.saturating_add(*tick));
        let idle_ticks = ticks[3].saturating_add(ticks[4]);
        // Old kernels have only the first four.
        (count >= 4).then_some(Self { idle_ticks, all_ticks })
    }

    /// Returns the share of time since `before` without anything to run, in thousandths; `None` if
    /// no tick has passed.
    pub(crate) fn idle_permille_since(&self, before: &Self) -> Option<u64> {
        let all = self.all_ticks.saturating_sub(before.all_ticks);
        // The wait for a disk may go down: it is not exact.
        let idle = self.idle_ticks.saturating_sub(before.idle_ticks).min(all);
        (idle * 1_000).checked_div(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_of_a_process_is_read_from_the_fields_after_its_name() {
        let text =
            "S 7 8 9 0 -1 4194304 1 2 3 4 18446744073709551615 6 70 80 20 0 33 0 4711 8 100 9";
        let fields: Vec<_> = text.split(' ').collect();
        let expected =
            ProcessTotals { own_ticks: u64::MAX, reaped_ticks: 150, threads: 33, rss_pages: 100 };
        assert_eq!(ProcessTotals::parse(&fields), expected);
        assert_eq!(ProcessTotals::parse(&fields[..12]).threads, 0, "what is missing is zero");
    }

    #[test]
    fn a_thread_has_its_run_and_its_delay_and_the_switches_that_are_counted() {
        let mut thread = ThreadTotals::parse("1234567890123 456 789\n").expect("two numbers");
        assert_eq!((thread.run_ns, thread.delay_ns), (1_234_567_890_123, Some(456)));
        assert_eq!(thread.switches, None);
        thread.add_switches(
            "Name:\tvoluntary_ctxt_switches: 9\nPid:\t42\nvoluntary_ctxt_switches:\t150\n\
             nonvoluntary_ctxt_switches:\t20\n",
        );
        assert_eq!((thread.switches, thread.preemptions), (Some(170), Some(20)));
        thread.add_switches("Name:\tsh\n");
        assert_eq!((thread.switches, thread.preemptions), (None, None));
        for text in ["", "12", "12 x", "a b c", "-1 2 3"] {
            assert_eq!(ThreadTotals::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_machine_is_idle_for_the_share_of_all_its_processors() {
        let text = |idle: u64, user: u64| {
            format!("cpu  {user} 10 20 {idle} 5 1 2 3 {user} 0\ncpu0 1 1 1 1\nintr 5\n")
        };
        let (before, after) = (text(1_000, 500), text(1_150, 550));
        let read = |text: &str| MachineTotals::parse(text).expect("a first line");
        assert_eq!(read(&before), MachineTotals { idle_ticks: 1_005, all_ticks: 1_541 });
        assert_eq!(read(&after).idle_permille_since(&read(&before)), Some(750));
        assert_eq!(read(&after).idle_permille_since(&read(&after)), None);
        assert_eq!(
            read(&before).idle_permille_since(&read(&after)),
            None,
            "a clock that went back"
        );
        for text in ["", "cpu0 1 2 3 4", "cpu  1 2 3", "cpu  1 2 x 4"] {
            assert_eq!(MachineTotals::parse(text), None, "{text}");
        }
    }
}
