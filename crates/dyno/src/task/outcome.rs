//! The values that a cycle may return, and the rule that makes it a failed one.

use std::any::Any;
use std::fmt::Display;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A value that a cycle may return: most plain values, collections of anything, and `Result`s of
/// them.
///
/// Values pass through [`black_box`], so that the optimiser doesn't delete the work that made them;
/// an `Err` makes the cycle a failed one. For your own type an empty `impl` is enough:
///
/// ```
/// struct Digest([u8; 32]);
/// impl dyno::CycleReturn for Digest {}
/// ```
#[diagnostic::on_unimplemented(
    message = "a cycle can't return `{Self}`",
    label = "not a `CycleReturn`",
    note = "for a type of your own, `impl dyno::CycleReturn for {Self} {{}}` is enough; or end \
            the closure with a semicolon after `std::hint::black_box(…)`"
)]
pub trait CycleReturn: Sized {
    /// Consumes the value.
    ///
    /// # Errors
    /// The error's text, if the cycle failed.
    fn outcome(self) -> Result<(), String> {
        black_box(self);
        Ok(())
    }
}

macro_rules! plain {
    ($($type:ty)*) => { $(impl CycleReturn for $type {})* };
}

plain! {
    () bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64
    String std::time::Duration
}

macro_rules! generic {
    ($($type:ty),* $(,)?) => { $(impl<T> CycleReturn for $type {})* };
}

generic! {
    Vec<T>, Option<T>, Box<T>, std::rc::Rc<T>, std::sync::Arc<T>, std::cell::Cell<T>,
    std::collections::VecDeque<T>, std::collections::BTreeSet<T>, std::collections::BinaryHeap<T>,
}

impl<T: ?Sized> CycleReturn for &T {}
impl<T, const N: usize> CycleReturn for [T; N] {}
impl<T, S> CycleReturn for std::collections::HashSet<T, S> {}
impl<K, V, S> CycleReturn for std::collections::HashMap<K, V, S> {}
impl<K, V> CycleReturn for std::collections::BTreeMap<K, V> {}
impl<A, B> CycleReturn for (A, B) {}
impl<A, B, C> CycleReturn for (A, B, C) {}
impl<A, B, C, D> CycleReturn for (A, B, C, D) {}

impl<T: CycleReturn, E: Display> CycleReturn for Result<T, E> {
    fn outcome(self) -> Result<(), String> {
        match self {
            Ok(value) => value.outcome(),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Returns an error with its causes, in one line.
pub(crate) fn describe(error: &super::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Many errors repeat their cause's text in their own.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// Returns the text of a panic, from the value that it carries.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(with a value that is not text)")
}

/// Drops the value that a panic carried. It belongs to the user, and its destructor may panic as
/// well.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // The destructor of the second value may panic too.
        std::mem::forget(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_has_the_text_that_it_carries_and_its_destructor_harms_nobody() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::resume_unwind(Box::new(Bomb));
            }
        }
        let payloads: [(Box<dyn Any + Send>, &str); 3] = [
            (Box::new("literal"), "literal"),
            (Box::new("formatted".to_owned()), "formatted"),
            (Box::new(Bomb), "(with a value that is not text)"),
        ];
        for (payload, text) in payloads {
            assert_eq!(text_of(&*payload), text);
            discard(payload);
        }
    }

    #[test]
    fn an_err_is_a_failed_cycle_however_deep() {
        assert_eq!(Ok::<_, String>(3).outcome(), Ok(()));
        assert_eq!(Err::<(), _>("no").outcome(), Err("no".into()));
        assert_eq!(Ok::<_, String>(Err::<u8, _>("inner")).outcome(), Err("inner".into()));
        assert_eq!(Some(Err::<(), &str>("kept")).outcome(), Ok(()));
    }

    #[test]
    fn an_error_is_described_with_its_causes_once_each() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        let error: crate::Error = Box::new(Outer(std::io::Error::other("inner")));
        assert_eq!(describe(&error), "outer: inner");
    }
}
