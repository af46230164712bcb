//! One shape for all tasks: the worker's loop runs it without knowing the form that the user wrote.
//!
//! A sync closure is a future that is ready when it is first polled. The compiler inlines it, and
//! the loop has one path for all tasks.

use std::future::Future;
use std::marker::PhantomData;

use super::{Context, Cycle, CycleReturn, Result, Task};

/// A task as the worker's loop runs it.
pub trait Runnable: 'static {
    /// The state that its cycles share in one worker.
    type State: 'static;

    /// Creates the state.
    fn before(self, context: &'static Context) -> impl Future<Output = Result<Self::State>>;

    /// Runs one cycle; an error is the failed cycle's message.
    fn cycle(
        state: &Self::State,
        cycle: Cycle,
    ) -> impl Future<Output = std::result::Result<(), String>>;

    /// Takes the state apart.
    fn after(state: Self::State) -> impl Future<Output = Result>;
}

/// A sync closure without an argument: `|| …`.
#[derive(Debug)]
pub struct SyncClosure<F, R>(pub(super) F, pub(super) PhantomData<fn() -> R>);

impl<F: Fn() -> R + 'static, R: CycleReturn + 'static> Runnable for SyncClosure<F, R> {
    type State = F;

    async fn before(self, _context: &'static Context) -> Result<F> {
        Ok(self.0)
    }

    async fn cycle(run: &F, _cycle: Cycle) -> std::result::Result<(), String> {
        run().outcome()
    }

    async fn after(_state: F) -> Result {
        Ok(())
    }
}

/// A sync closure that takes the cycle: `|cycle: &Cycle| …`.
#[derive(Debug)]
pub struct SyncCycleClosure<F, R>(pub(super) F, pub(super) PhantomData<fn() -> R>);

impl<F: Fn(&Cycle) -> R + 'static, R: CycleReturn + 'static> Runnable for SyncCycleClosure<F, R> {
    type State = F;

    async fn before(self, _context: &'static Context) -> Result<F> {
        Ok(self.0)
    }

    async fn cycle(run: &F, cycle: Cycle) -> std::result::Result<(), String> {
        run(&cycle).outcome()
    }

    async fn after(_state: F) -> Result {
        Ok(())
    }
}

/// An async closure without an argument: `async || …`.
#[derive(Debug)]
pub struct AsyncClosure<F, R>(pub(super) F, pub(super) PhantomData<fn() -> R>);

impl<F: AsyncFn() -> R + 'static, R: CycleReturn + 'static> Runnable for AsyncClosure<F, R> {
    type State = F;

    async fn before(self, _context: &'static Context) -> Result<F> {
        Ok(self.0)
    }

    async fn cycle(run: &F, _cycle: Cycle) -> std::result::Result<(), String> {
        run().await.outcome()
    }

    async fn after(_state: F) -> Result {
        Ok(())
    }
}

/// An async closure that takes the cycle: `async |cycle: &Cycle| …`.
#[derive(Debug)]
pub struct AsyncCycleClosure<F, R>(pub(super) F, pub(super) PhantomData<fn() -> R>);

impl<F: AsyncFn(&Cycle) -> R + 'static, R: CycleReturn + 'static> Runnable
    for AsyncCycleClosure<F, R>
{
    type State = F;

    async fn before(self, _context: &'static Context) -> Result<F> {
        Ok(self.0)
    }

    async fn cycle(run: &F, cycle: Cycle) -> std::result::Result<(), String> {
        run(&cycle).await.outcome()
    }

    async fn after(_state: F) -> Result {
        Ok(())
    }
}

/// A type that implements [`Task`].
#[derive(Debug)]
pub struct Stateful<T>(pub(super) PhantomData<fn() -> T>);

impl<T: Task> Runnable for Stateful<T> {
    type State = T;

    async fn before(self, context: &'static Context) -> Result<T> {
        T::before(context).await
    }

    async fn cycle(task: &T, cycle: Cycle) -> std::result::Result<(), String> {
        task.cycle(&cycle).await.map_err(|error| super::describe(&error))
    }

    async fn after(task: T) -> Result {
        task.after().await
    }
}
