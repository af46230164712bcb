//! A one-shot timer on the loop, as exact as the kernel allows.
//!
//! The runtime's own timers turn a wheel of one millisecond. On Linux a timer is a `timerfd` with
//! an absolute time on the same clock as everything else; elsewhere it falls back to the wheel.

use std::io;
use std::task::{Context, Poll};

use dyno_bus::Time;

#[cfg(target_os = "linux")]
pub(crate) use linux::Timer;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Timer;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::{AsFd, AsRawFd, RawFd};

    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::{Context, Poll, Time, io};

    /// A timer that can be set again and again.
    pub(crate) struct Timer {
        fd: AsyncFd<Descriptor>,
        /// The time to which it is set; `None` once it has fired.
        set: Option<Time>,
    }

    struct Descriptor(TimerFd);

    impl AsRawFd for Descriptor {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    impl Timer {
        /// Creates a timer that is not set, on the current runtime.
        pub(crate) fn new() -> io::Result<Self> {
            let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            // SAFETY: the descriptor is owned, is the same for as long as it lives, and is
            // dropped only with the registration.
            #[expect(unsafe_code, reason = "the runtime's only registration of a descriptor")]
            let fd =
                unsafe { AsyncFd::register_with_interest(Descriptor(timer), Interest::READABLE)? };
            Ok(Self { fd, set: None })
        }

        /// Returns ready once `time` has come; sets the timer if it is set to another time.
        pub(crate) fn poll_at(
            &mut self,
            context: &mut Context<'_>,
            time: Time,
        ) -> Poll<io::Result<()>> {
            let anew = self.set != Some(time);
            if anew {
                // Zero would disarm the timer.
                let nanos = time.as_nanos().clamp(1, i64::MAX.cast_unsigned());
                let at = std::time::Duration::from_nanos(nanos);
                self.fd.get_ref().0.set(
                    Expiration::OneShot(TimeSpec::from_duration(at)),
                    TimerSetTimeFlags::TFD_TIMER_ABSTIME,
                )?;
                self.set = Some(time);
            }
            // The readiness is edge-triggered, and setting the timer makes a new edge, so the
            // descriptor is never read. The runtime learns of edges only where it sleeps, so a
            // readiness right after setting the timer is of an earlier time.
            if anew && let Poll::Ready(stale) = self.fd.poll_read_ready(context) {
                stale?.clear_ready();
            }
            match self.fd.poll_read_ready(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(mut ready)) => {
                    ready.clear_ready();
                    self.set = None;
                    Poll::Ready(Ok(()))
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use super::{Context, Poll, Time, io};
    use std::future::Future;
    use std::pin::Pin;

    /// A timer that can be set again and again.
    pub(crate) struct Timer {
        sleep: Pin<Box<tokio::time::Sleep>>,
        /// The time to which it is set; `None` once it has fired.
        set: Option<Time>,
    }

    impl Timer {
        /// Creates a timer that is not set, on the current runtime.
        pub(crate) fn new() -> io::Result<Self> {
            let now = tokio::time::Instant::now();
            Ok(Self { sleep: Box::pin(tokio::time::sleep_until(now)), set: None })
        }

        /// Returns ready once `time` has come; sets the timer if it is set to another time.
        pub(crate) fn poll_at(
            &mut self,
            context: &mut Context<'_>,
            time: Time,
        ) -> Poll<io::Result<()>> {
            if self.set != Some(time) {
                let left = time - dyno_bus::clock::now();
                self.sleep.as_mut().reset(tokio::time::Instant::now() + left);
                self.set = Some(time);
            }
            self.sleep.as_mut().poll(context).map(|()| {
                self.set = None;
                Ok(())
            })
        }
    }
}
