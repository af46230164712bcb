//! The code that a benchmark runs: closures, async functions, or a type with state.
//!
//! [`bench`](crate::bench()) accepts any of them through [`IntoTask`]. A closure is the whole task.
//! A type that implements [`Task`] is created once in each worker, before the first cycle, and
//! taken apart after the last. If the task is async, cycles of one worker overlap, so they
//! get `&self`.
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
///
/// ```
/// fn parse(text: &str) -> Result<u32, dyno::Error> {
///     match text.parse()? {
///         0 => Err("zero is not allowed".into()),
///         number => Ok(number),
///     }
/// }
/// # assert!(parse("0").is_err());
/// ```
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of a hook or a cycle.
///
/// ```
/// fn remove(path: &str) -> dyno::Result {
///     Ok(std::fs::remove_file(path)?)
/// }
/// # assert!(remove("/nowhere/at/all").is_err());
/// ```
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
    /// Creates the worker's state: opens its connections, loads its data. It runs once in each
    /// worker, and no cycle is issued before it has returned in all of them.
    ///
    /// # Errors
    /// Any error ends the run before a cycle has been issued.
    fn before(context: &Context) -> impl Future<Output = Result<Self>>;

    /// Runs one cycle. The time until its future is ready is measured.
    ///
    /// All cycles of a worker run on its one event loop. While one of them waits, as for an answer,
    /// others run, so that they share the state by `&self`.
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

/// Returns a task type as a value, for [`bench`](crate::bench()).
///
/// ```
/// # struct Client;
/// # impl dyno::Task for Client {
/// #     async fn before(_context: &dyno::Context) -> dyno::Result<Self> { Ok(Self) }
/// #     async fn cycle(&self, _cycle: &dyno::Cycle) -> dyno::Result { Ok(()) }
/// # }
/// let _benchmark = dyno::bench("client", dyno::task::<Client>());
/// ```
#[must_use]
pub fn task<T: Task>() -> TypedTask<T> {
    TypedTask(PhantomData)
}

/// A task type as a value: the result of [`task`].
///
/// ```
/// # struct Client;
/// # impl dyno::Task for Client {
/// #     async fn before(_context: &dyno::Context) -> dyno::Result<Self> { Ok(Self) }
/// #     async fn cycle(&self, _cycle: &dyno::Cycle) -> dyno::Result { Ok(()) }
/// # }
/// let client: dyno::TypedTask<Client> = dyno::task();
/// let _benchmark = dyno::bench("client", client);
/// ```
pub struct TypedTask<T>(PhantomData<fn() -> T>);

impl<T> fmt::Debug for TypedTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedTask")
    }
}

/// A task that [`bench`](crate::bench()) can run; `Shape` is inferred.
///
/// It is implemented by closures and functions, sync or async, with or without a [`&Cycle`](Cycle)
/// argument, and by the result of [`task::<T>()`](task) for a type with state. Closures and
/// functions return a [`CycleReturn`]. A closure that takes the cycle has to write the type:
/// `|cycle: &Cycle| …`.
///
/// ```
/// use dyno::{Cycle, bench};
///
/// let _closure = bench("closure", || 2 + 2);
/// let _cycle = bench("with the cycle", |cycle: &Cycle| cycle.index() % 7);
/// let _future = bench("async", async || tokio::task::yield_now().await);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task that dyno can run",
    label = "not a task",
    note = "a task is a closure or function, sync or async, that takes nothing or `&dyno::Cycle` \
            (write the type: `|cycle: &dyno::Cycle| …`) and returns a `dyno::CycleReturn`; or a \
            type that implements `dyno::Task`, passed as `dyno::task::<T>()`"
)]
pub trait IntoTask<Shape>: 'static {
    /// The form of the task that the worker runs.
    #[doc(hidden)]
    type Runnable: Runnable;

    /// Turns the task into the form that the worker runs.
    #[doc(hidden)]
    fn into_task(self) -> Self::Runnable;
}

/// The shapes of tasks, so that one function accepts all: never named in user code.
#[doc(hidden)]
pub(crate) mod shape {
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

impl<T: Task> IntoTask<shape::Typed> for TypedTask<T> {
    type Runnable = Stateful<T>;

    fn into_task(self) -> Stateful<T> {
        Stateful(PhantomData)
    }
}
