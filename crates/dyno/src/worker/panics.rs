//! Panics of the user's code in a cycle or a hook: a message, not the end of the worker.
//!
//! The hook keeps quiet about those, since each is reported as a failed cycle, and a thousand a
//! second would bury everything else. Panics anywhere else are printed as always.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::pin::pin;
use std::sync::Once;

thread_local! {
    /// This thread runs the user's code inside [`catch`].
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
    /// What the last caught panic said.
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes panics inside [`catch`] quiet and keeps what they say.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if CAUGHT.get() {
                MESSAGE.set(describe(info));
            } else {
                before(info);
            }
        }));
    });
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let what = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text.as_str(),
        (None, None) => "(a value that is not text)",
    };
    match info.location() {
        Some(place) => format!("panicked at {}:{}: {what}", place.file(), place.line()),
        None => format!("panicked: {what}"),
    }
}

/// Runs the user's code; a panic in it is the error.
#[inline]
pub(super) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let outer = CAUGHT.replace(true);
    // What a panic leaves half done is the user's own state: their next cycle meets it as it
    // would in a service whose handlers are caught.
    let result = catch_unwind(AssertUnwindSafe(run));
    // `set` would be a call of its own, ready to initialize what is const.
    CAUGHT.with(|caught| caught.set(outer));
    result.map_err(|_payload| MESSAGE.take())
}

/// Runs a future of the user's; a panic in it is the error.
pub(super) async fn catch_async<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch(|| future.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(message) => std::task::Poll::Ready(Err(message)),
    })
    .await
}
