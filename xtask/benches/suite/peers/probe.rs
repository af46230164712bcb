//! The wake-ups of the loop-lag probe alone: as many as dyno's probe makes in all, from a timerfd
//! in a poll that waits for nothing else. Their cost is the probe's part of the cost of an idle
//! run.

use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Result;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use serde::{Deserialize, Serialize};

/// The period of the timer, and the time that it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) period: Duration,
    pub(crate) window: Duration,
}

/// Waits, in this process, for all expirations of the timer in the window.
pub(crate) fn run(load: &Load) -> Result<()> {
    let timer =
        TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
    let period = Expiration::Interval(TimeSpec::from_duration(load.period));
    timer.set(period, TimerSetTimeFlags::empty())?;
    let poll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    poll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    let wanted = load.window.as_nanos() / load.period.as_nanos();
    let mut fired = 0;
    while fired < wanted {
        poll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)?;
        let mut count = [0; size_of::<u64>()];
        nix::unistd::read(timer.as_fd(), &mut count)?;
        fired += u128::from(u64::from_ne_bytes(count));
    }
    Ok(())
}
