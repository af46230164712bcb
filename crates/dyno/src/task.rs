//! What a benchmark runs: closures, async functions, or a type with state.
//!
//! [`bench`](crate::bench()) takes any of them by [`IntoTask`]. A closure is the whole task; a type
//! that implements [`Task`] is made once in each worker, before the first cycle, and taken apart
//! after the last. Cycles of one worker overlap where the task is async: they get `&self`.
//!
//! This module knows nothing of processes, time or messages.

mod context;
mod outcome;
mod runnable;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

pub use context::{Context, Cycle};
pub use outcome::CycleReturn;
pub(crate) use outcome::{describe, discard, text_of};
pub(crate) use runnable::Runnable;
use runnable::{AsyncClosure, AsyncCycleClosure, Stateful, SyncClosure, SyncCycleClosure};

/// Any error: `?` turns every error type into it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What hooks and cycles return.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// A task with state: one value of the type in each worker.
///
/// ```
/// struct Counter(std::cell::Cell<u64>);
///
/// impl dyno::Task for Counter {
///     async fn before(_context: &dyno::Context) -> dyno::Result<Self> {
///         Ok(Self(Default::default()))
///     }
///
///     async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
///         self.0.set(self.0.get() + cycle.index());
///         Ok(())
///     }
/// }
///
/// let _benchmark = dyno::bench("counter", dyno::task::<Counter>());
/// ```
pub trait Task: Sized + 'static {
    /// Makes the worker's state: opens its connections, loads what it needs.
    ///
    /// # Errors
    /// Any error ends the run before a cycle has been issued.
    fn before(context: &Context) -> impl Future<Output = Result<Self>>;

    /// One execution: what is measured.
    ///
    /// # Errors
    /// Any error makes it a failed cycle.
    fn cycle(&self, cycle: &Cycle) -> impl Future<Output = Result>;

    /// Takes the state apart, once, after the worker's last cycle has ended.
    ///
    /// # Errors
    /// Any error makes the run an error.
    fn after(self) -> impl Future<Output = Result> {
        async { Ok(()) }
    }
}

/// A task type as a value, for [`bench`](crate::bench()).
#[must_use]
pub fn task<T: Task>() -> Typed<T> {
    Typed(PhantomData)
}

/// What [`task`] returns.
pub struct Typed<T>(PhantomData<fn() -> T>);

impl<T> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed")
    }
}

/// Anything that [`bench`](crate::bench()) can run; `Shape` is inferred.
///
/// Closures and functions, sync or async, with or without a [`&Cycle`](Cycle), and
/// [`task::<T>()`](task) for a type with state. What they return is a [`CycleReturn`]. A closure
/// that takes the cycle has to say so: `|cycle: &Cycle| …`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task that dyno can run",
    label = "not a task",
    note = "a task is a closure or function, sync or async, that takes nothing or `&dyno::Cycle` \
            (write the type: `|cycle: &dyno::Cycle| …`) and returns a `dyno::CycleReturn`; or a \
            type that implements `dyno::Task`, passed as `dyno::task::<T>()`"
)]
pub trait IntoTask<Shape>: 'static {
    /// What the worker runs.
    #[doc(hidden)]
    type Runnable: Runnable;

    /// Makes it.
    #[doc(hidden)]
    fn into_task(self) -> Self::Runnable;
}

/// The shapes of tasks, so that one function takes all: never named in user code.
#[doc(hidden)]
pub mod shape {
    use std::marker::PhantomData;

    #[derive(Debug)]
    pub struct Sync<R>(PhantomData<R>);
    #[derive(Debug)]
    pub struct SyncCycle<R>(PhantomData<R>);
    #[derive(Debug)]
    pub struct Async<R>(PhantomData<R>);
    #[derive(Debug)]
    pub struct AsyncCycle<R>(PhantomData<R>);
    #[derive(Debug)]
    pub struct Typed;
}

impl<F: Fn() -> R + 'static, R: CycleReturn + 'static> IntoTask<shape::Sync<R>> for F {
    type Runnable = SyncClosure<F, R>;

    fn into_task(self) -> SyncClosure<F, R> {
        SyncClosure(self, PhantomData)
    }
}

impl<F: Fn(&Cycle) -> R + 'static, R: CycleReturn + 'static> IntoTask<shape::SyncCycle<R>> for F {
    type Runnable = SyncCycleClosure<F, R>;

    fn into_task(self) -> SyncCycleClosure<F, R> {
        SyncCycleClosure(self, PhantomData)
    }
}

impl<F: AsyncFn() -> R + 'static, R: CycleReturn + 'static> IntoTask<shape::Async<R>> for F {
    type Runnable = AsyncClosure<F, R>;

    fn into_task(self) -> AsyncClosure<F, R> {
        AsyncClosure(self, PhantomData)
    }
}

impl<F: AsyncFn(&Cycle) -> R + 'static, R: CycleReturn + 'static> IntoTask<shape::AsyncCycle<R>>
    for F
{
    type Runnable = AsyncCycleClosure<F, R>;

    fn into_task(self) -> AsyncCycleClosure<F, R> {
        AsyncCycleClosure(self, PhantomData)
    }
}

impl<T: Task> IntoTask<shape::Typed> for Typed<T> {
    type Runnable = Stateful<T>;

    fn into_task(self) -> Stateful<T> {
        Stateful(PhantomData)
    }
}
