//! Panics of the user's code in a cycle or a hook: each becomes a message, not the end of the
//! worker.
//!
//! The hook does not print these, since each is reported as a failed cycle, and a thousand a second
//! would bury everything else. Panics anywhere else are printed as always, and so are those that
//! nothing reports: where a panic ends the process (`panic = "abort"`, or a panic while another one
//! unwinds), and where the task itself catches it.
//!
//! The text of a message is the text that the panic carries. The hook only adds the place, because
//! the user may have replaced the hook.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{Write, stderr};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::pin::pin;
use std::sync::Once;

use crate::task::{discard, text_of};

/// The messages of tokio for a client that runs its own event loop inside the worker's.
const NESTED_LOOPS: [&str; 2] = [
    "Cannot start a runtime from within a runtime",
    "Cannot drop a runtime in a context where blocking is not allowed",
];
/// The advice for such a client.
const BLOCKING: &str = "dyno runs cycles on its own event loop: use a client that blocks by \
                        `tokio::task::spawn_blocking` in an async cycle, or in its own thread";

/// The kind of code that this thread runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Anything but the user's code inside [`catch`].
    Other,
    /// The user's code inside [`catch`].
    UserCode,
    /// The same, after a panic began there: it unwinds, or the user's code caught it.
    Panicking,
}

thread_local! {
    static DOING: Cell<Doing> = const { Cell::new(Doing::Other) };
    /// The last panic inside [`catch`].
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// A panic as the hook sees it.
struct Panic {
    text: String,
    /// The text and the place, as the message shows them.
    described: String,
    is_printed: bool,
}

/// Makes panics inside [`catch`] quiet and keeps their places.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    // A panic that aborts is never caught: its text would be kept and then lost.
    if cfg!(panic = "abort") {
        return;
    }
    INSTALLED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| match DOING.get() {
            Doing::Other => before(info),
            Doing::UserCode => {
                DOING.set(Doing::Panicking);
                keep(info);
            }
            // Likely a second panic while the first one unwinds, which ends the process.
            Doing::Panicking => {
                print_last();
                keep(info);
                print_last();
            }
        }));
    });
}

fn keep(info: &PanicHookInfo<'_>) {
    let text = text_of(info.payload()).to_owned();
    let described = match info.location() {
        Some(place) => format!("panicked at {}:{}: {text}", place.file(), place.line()),
        None => format!("panicked: {text}"),
    };
    LAST.set(Some(Panic { text, described, is_printed: false }));
}

/// Prints the last panic, unless it is printed already.
fn print_last() {
    LAST.with_borrow_mut(|last| {
        if let Some(last) = last.as_mut().filter(|last| !last.is_printed) {
            last.is_printed = true;
            // Nobody reads it if standard error is closed.
            let _written = writeln!(stderr(), "{}", last.described);
        }
    });
}

/// Runs the user's code; a panic in it becomes the error.
#[inline]
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let outer = DOING.replace(Doing::UserCode);
    // State that a panic leaves half changed is the user's own: their next cycle meets it, as it
    // would in a service that catches panics of its handlers.
    let result = catch_unwind(AssertUnwindSafe(run));
    // Not by `set`, which is a separate call that could initialize the `const` value.
    let doing = DOING.replace(outer);
    match result {
        Ok(value) => {
            if doing == Doing::Panicking {
                caught_by_the_task();
            }
            Ok(value)
        }
        Err(payload) => Err(message(payload)),
    }
}

/// Prints a panic that came no further than the task: no failed cycle reports it.
#[cold]
fn caught_by_the_task() {
    print_last();
    LAST.set(None);
}

/// Returns the message of a panic that was caught.
#[cold]
fn message(payload: Box<dyn Any + Send>) -> String {
    let text = text_of(&*payload).to_owned();
    discard(payload);
    let hint = NESTED_LOOPS.iter().any(|begin| text.starts_with(begin));
    // The kept panic is another one if this one began without the hook.
    let last = LAST.take().filter(|last| last.text == text);
    let message = last.map_or_else(|| format!("panicked: {text}"), |last| last.described);
    if hint { format!("{message} ({BLOCKING})") } else { message }
}

/// Runs the user's future; a panic in it becomes the error.
pub(crate) async fn catch_async<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch(|| future.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(message) => std::task::Poll::Ready(Err(message)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::panic::{panic_any, resume_unwind};

    use super::*;

    #[test]
    fn a_panic_is_a_message_with_its_text_and_place() {
        install();
        let message = catch(|| panic!("burst {}", 7)).expect_err("it panicked");
        assert_eq!(message, format!("panicked at {}:{}: burst 7", file!(), line!() - 1));
    }

    #[test]
    fn a_panic_without_the_hook_has_its_own_text_and_no_others() {
        install();
        let caught = catch(|| drop(catch_unwind(|| panic!("kept to itself"))));
        assert_eq!(caught, Ok(()));
        let message = catch(|| resume_unwind(Box::new("resumed"))).expect_err("it panicked");
        assert_eq!(message, "panicked: resumed");
        let both = || {
            let _caught = catch_unwind(|| panic!("first"));
            resume_unwind(Box::new("second"));
        };
        assert_eq!(catch(both), Err("panicked: second".into()));
    }

    #[test]
    fn a_payload_whose_destructor_panics_is_that_cycles_failure_and_no_more() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                resume_unwind(Box::new("in the destructor"));
            }
        }
        install();
        let message = catch(|| panic_any(Bomb)).expect_err("it panicked");
        assert!(message.ends_with("(with a value that is not text)"), "{message}");
        assert_eq!(catch(|| 5), Ok(5));
    }

    #[test]
    fn the_panic_of_a_client_with_its_own_loop_names_the_way_out() {
        install();
        let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let outer = runtime();
        let message = outer.block_on(async { catch(|| runtime().block_on(async {})) });
        let message = message.expect_err("it panicked");
        assert!(message.ends_with(&format!("({BLOCKING})")), "{message}");
    }
}
