//! The handle that records values, and the types that a value may have.
//!
//! It is named after the observer's use of the values. It holds no values itself, and no histogram:
//! the observer does.

use std::fmt;
use std::time::Duration;

use dyno_bus::clock;
use dyno_bus::value::{ABOVE, BELOW, Unit, VALUE_MAX};

use crate::install;
use crate::name::{self, NameError, RegisteredName};

/// A handle of a user's metric, to record values with: cheap, `Copy`, and usable on any thread.
///
/// ```
/// use std::time::Duration;
/// # use dyno_emitter as dyno;
///
/// let lookup = dyno::histogram("lookup");
/// lookup.record(Duration::from_micros(250));
/// ```
#[derive(Clone, Copy)]
pub struct Histogram(&'static RegisteredName);

/// Returns the handle of the metric with this name; the same name gives the same handle.
///
/// Keep it rather than call this in each cycle, because the call takes a lock.
///
/// ```
/// # use dyno_emitter as dyno;
/// # let answer = [0_u8; 10];
/// let bytes = dyno::histogram("answer");
/// bytes.record(answer.len());
/// ```
///
/// # Panics
/// With the message of a [`NameError`], if no metric can have this name.
#[must_use]
#[track_caller]
pub fn histogram(name: &str) -> Histogram {
    match try_histogram(name) {
        Ok(histogram) => histogram,
        // Not in a closure: there the place of the panic would be this file.
        Err(error) => panic!("{error}"),
    }
}

/// Like [`histogram()`], for names that are not written in the code.
///
/// ```
/// # use dyno_emitter as dyno;
/// for command in ["get", "set"] {
///     dyno::try_histogram(&format!("redis {command}"))?.record(1_u64);
/// }
/// # Ok::<(), dyno::NameError>(())
/// ```
///
/// # Errors
/// If no metric can have this name: it is empty, too long, built in, holds a character that breaks
/// a table, or exceeds the number of names.
pub fn try_histogram(name: &str) -> Result<Histogram, NameError> {
    name::find(name).map(Histogram)
}

impl Histogram {
    /// Records a value, in this metric's unit. Outside a run nothing happens.
    ///
    /// A duration is recorded in nanoseconds, and makes that the unit if no other unit was set; a
    /// floating-point number is rounded. A value below zero, above [`VALUE_MAX`], infinite or not a
    /// number is clamped by the observer, and counted as out of range.
    ///
    /// If the ring of this thread is full, this waits until the bus has caught up.
    ///
    /// A global allocator may record too, with a handle that `main` made before: [`histogram()`]
    /// itself allocates, so an allocator must not call it.
    #[inline]
    pub fn record(self, value: impl Value) {
        install::record(self.0.index, || value.measurement(self));
    }

    /// Sets the unit of the values, which is shown with them. Call it before the first value is
    /// recorded.
    ///
    /// # Panics
    /// If another unit was set under the same name.
    #[must_use]
    #[track_caller]
    pub fn with_unit(self, unit: Unit) -> Self {
        match self.0.set_unit(unit) {
            Ok(()) => self,
            Err(before) => panic!(
                "the metric `{}` can't have two units: {before:?}, and now {unit:?}",
                self.0.name
            ),
        }
    }

    /// Returns the metric's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Returns the handle of a name that this thread is likely to have used before.
    pub(crate) fn again(name: &str) -> Result<Self, NameError> {
        name::find_again(name).map(Self)
    }

    /// Records a duration in nanoseconds.
    #[inline]
    pub(crate) fn record_nanos(self, nanos: u64) {
        self.0.imply_nanoseconds();
        self.record(nanos);
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.0.index == other.0.index
    }
}

impl Eq for Histogram {}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Histogram").field(&self.0.name).finish()
    }
}

/// A type of value that can be recorded: `u64`, `u32`, `usize`, `i64`, `i32`, `f64` and
/// [`Duration`].
///
/// ```
/// # use dyno_emitter as dyno;
/// fn record(name: &str, value: impl dyno::Value) {
///     dyno::histogram(name).record(value);
/// }
///
/// record("rows", 3_usize);
/// record("pause", std::time::Duration::from_millis(2));
/// ```
pub trait Value: private::Sealed {}

mod private {
    use super::Histogram;

    /// The conversion of a value to the number on the wire.
    pub trait Sealed: Copy {
        fn measurement(self, of: Histogram) -> u64;
    }
}

/// Maps numbers above the range to [`ABOVE`].
#[inline]
const fn in_range(number: u64) -> u64 {
    if number > VALUE_MAX { ABOVE } else { number }
}

macro_rules! unsigned {
    ($($number:ty),*) => {$(
        impl Value for $number {}

        impl private::Sealed for $number {
            #[inline]
            fn measurement(self, _of: Histogram) -> u64 {
                in_range(self as u64)
            }
        }
    )*};
}

macro_rules! signed {
    ($($number:ty),*) => {$(
        impl Value for $number {}

        impl private::Sealed for $number {
            #[inline]
            fn measurement(self, _of: Histogram) -> u64 {
                if self < 0 { BELOW } else { in_range(self as u64) }
            }
        }
    )*};
}

unsigned!(u64, u32, usize);
signed!(i64, i32);

impl Value for f64 {}

impl private::Sealed for f64 {
    #[inline]
    fn measurement(self, _of: Histogram) -> u64 {
        let rounded = self.round();
        if rounded < 0.0 {
            BELOW
        } else if rounded <= VALUE_MAX as f64 {
            rounded as u64
        } else {
            // A NaN fails both comparisons.
            ABOVE
        }
    }
}

impl Value for Duration {}

impl private::Sealed for Duration {
    #[inline]
    fn measurement(self, of: Histogram) -> u64 {
        of.0.imply_nanoseconds();
        in_range(clock::nanos(self))
    }
}

#[cfg(test)]
mod tests {
    use super::private::Sealed;
    use super::*;

    #[test]
    fn numbers_are_sent_unchanged_or_as_out_of_range() {
        let any = histogram("histogram::any");
        let max = VALUE_MAX as f64;
        for (measured, expected) in [
            (0_u64.measurement(any), 0),
            (VALUE_MAX.measurement(any), VALUE_MAX),
            ((VALUE_MAX + 1).measurement(any), ABOVE),
            (u64::MAX.measurement(any), ABOVE),
            (7_u32.measurement(any), 7),
            (7_usize.measurement(any), 7),
            (i64::MAX.measurement(any), ABOVE),
            ((-1_i64).measurement(any), BELOW),
            (i32::MIN.measurement(any), BELOW),
            (5_i32.measurement(any), 5),
            (1.5_f64.measurement(any), 2),
            ((-0.4_f64).measurement(any), 0),
            ((-0.6_f64).measurement(any), BELOW),
            (f64::NEG_INFINITY.measurement(any), BELOW),
            (f64::INFINITY.measurement(any), ABOVE),
            (f64::NAN.measurement(any), ABOVE),
            (max.measurement(any), VALUE_MAX),
            ((max * 2.0).measurement(any), ABOVE),
            (Duration::from_micros(3).measurement(any), 3_000),
            (Duration::MAX.measurement(any), ABOVE),
        ] {
            assert_eq!(measured, expected);
        }
    }

    #[test]
    fn a_handle_is_its_name() {
        let handle = histogram("histogram::handle");
        assert_eq!(handle, try_histogram("histogram::handle").expect("valid"));
        assert_ne!(handle, histogram("histogram::another"));
        assert_eq!(format!("{handle:?}"), r#"Histogram("histogram::handle")"#);
        assert_eq!(try_histogram("cpu"), Err(NameError::Reserved { name: "cpu".into() }));
    }

    #[test]
    fn a_refused_name_panics_at_the_line_that_has_the_name() {
        let mut refused: Vec<(u32, fn())> = Vec::new();
        refused.push((line!(), || _ = histogram("")));
        refused.push((line!(), || crate::measure("", || ())));
        refused.push((line!(), || drop(crate::measure_async("", async {}))));
        let _turn = install::tests::alone();
        let emitter = crate::harness::Emitter::new(|| {});
        let _installed = emitter.install().expect("alone");
        for (line, name) in refused {
            assert_eq!(place_of_panic(name), (file!().to_owned(), line));
        }
    }

    /// Returns the file and the line of the panic of `run`.
    fn place_of_panic(run: fn()) -> (String, u32) {
        use std::panic::{catch_unwind, set_hook, take_hook};
        use std::sync::mpsc::channel;
        let (sender, place) = channel();
        let this = std::thread::current().id();
        let before = take_hook();
        set_hook(Box::new(move |info| {
            // Tests of other threads may panic too.
            if std::thread::current().id() == this {
                let at = info.location().expect("it is known");
                sender.send((at.file().to_owned(), at.line())).expect("it is waited for");
            }
        }));
        let caught = catch_unwind(run);
        set_hook(before);
        assert!(caught.is_err());
        place.recv().expect("it panicked")
    }

    #[test]
    #[should_panic(expected = "the metric name `service` is built in: choose another")]
    fn a_name_that_is_built_in_panics_with_a_sentence() {
        let _refused = histogram("service");
    }

    #[test]
    #[should_panic(expected = "can't have two units: Bytes, and now Permille")]
    fn a_second_unit_panics_with_a_sentence() {
        let bytes = histogram("histogram::units").with_unit(Unit::Bytes);
        let _refused = bytes.with_unit(Unit::Permille);
    }
}
