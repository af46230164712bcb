//! The task of `pipe`: one command for each worker, which answers the lines of its cycles.
//!
//! `before` starts the command and the tasks of the loop that serve its pipe, and `after` waits for
//! its end. A command that does not end is killed.

use std::future::poll_fn;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::timeout;

use super::dialogue::Dialogue;
use super::exchange::{Pipe, show};
use super::loops::{exited, read, wait, watch_first_reply, write};
use super::process::{StartedCommand, start};
use super::{PipeParameters, channel};
use crate::command::ending;

/// The share of the deadline of `after` that is kept for the message about a command that does not
/// keep it.
const AFTER_RESERVE: u32 = 10;

/// The state of one worker: its command, and the cycles that wait for a reply.
pub(super) struct PipeTask {
    pipe: Rc<Pipe>,
    reader: JoinHandle<()>,
    exit: watch::Receiver<Option<ExitStatus>>,
    after_deadline: Duration,
    pid: Option<u32>,
}

impl dyno::Task for PipeTask {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let parameters = context.parameters::<PipeParameters>().clone();
        let describe = |error: anyhow::Error| format!("{error:#}");
        let (dialogue, replies) = Dialogue::read(&parameters).map_err(describe)?;
        let StartedCommand { child, input, output } =
            start(&parameters, context.worker()).map_err(describe)?;
        let after_deadline = Duration::from_millis(parameters.after_deadline_ms);
        let (pid, (exited, exit)) = (child.id(), watch::channel(None));
        let input = Rc::new(input);
        let pipe = Pipe::new(
            parameters,
            context.worker(),
            (dialogue, replies),
            Rc::clone(&input),
            exit.clone(),
        );
        let pipe = Rc::new(pipe);
        spawn_local(wait(child, exited));
        spawn_local(write(Rc::clone(&pipe), input));
        spawn_local(watch_first_reply(Rc::clone(&pipe)));
        let reader = spawn_local(read(Rc::clone(&pipe), output));
        Ok(Self { pipe, reader, exit, after_deadline, pid })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        let ticket = self.pipe.send(cycle.index());
        let outcome = poll_fn(|context| ticket.poll(context.waker())).await;
        outcome.map_err(Into::into)
    }

    async fn after(mut self) -> dyno::Result {
        let pipe = Rc::clone(&self.pipe);
        pipe.is_over.set(true);
        let is_mute = pipe.is_mute();
        if pipe.parameters.ipc {
            pipe.state.borrow_mut().unsent.extend_from_slice(channel::DISCONNECT);
        }
        // The writer holds the other end of the input, and drops it once all is written.
        pipe.input.borrow_mut().take();
        pipe.write.notify_one();
        let name = pipe.command();
        let limit = self.after_deadline - self.after_deadline / AFTER_RESERVE;
        let Ok(status) = timeout(limit, exited(&mut self.exit)).await else {
            if let Some(pid) = self.pid {
                let _gone = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
            let deadline = humantime::format_duration(self.after_deadline);
            let mute = if is_mute { format!("; {}", pipe.mute()) } else { String::new() };
            return Err(format!(
                "`{name}` did not end within {deadline} (--after-deadline) of the end of its input, \
                 and was killed{mute}"
            )
            .into());
        };
        // All that it printed is read, to its last value of a metric.
        let _ended = (&mut self.reader).await;
        if is_mute {
            return Err(pipe.mute().into());
        }
        if !status.success() {
            show(&format!("warning: `{name}` {} after the end of its input", ending(status)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
