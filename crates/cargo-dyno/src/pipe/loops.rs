//! The tasks of the worker's loop that serve a pipe: one reads, one writes if the pipe was full, one
//! waits for the command's end, and one watches for the first reply.
//!
//! A command that has ended, closed one of its streams or never answers ends the worker with a
//! message that names it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::ExitStatus;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::timeout;

use super::exchange::Pipe;
use super::process::{LineStream, ReplyStream, Written};
use crate::command::ending;

/// The bytes that are read at once: as many as a pipe holds.
const READ_MAX: usize = 64 << 10;
/// The time that a command has to exit once it has closed its output or its input, so that the
/// message can name its exit code.
const EXIT_GRACE: Duration = Duration::from_millis(500);

/// Writes what had no room, to the end of the run.
pub(super) async fn write(pipe: Rc<Pipe>, input: Rc<LineStream>) {
    loop {
        pipe.write.notified().await;
        let mut outcome = input.write_now(&mut pipe.state.borrow_mut().unsent);
        while outcome == Written::Part && input.writable().await.is_ok() {
            outcome = input.write_now(&mut pipe.state.borrow_mut().unsent);
        }
        if outcome != Written::All && !pipe.is_over.get() {
            let closed = || "closed its standard input and went on".to_owned();
            let end = end_of(&pipe).await.unwrap_or_else(closed);
            if !pipe.is_over.get() {
                pipe.fail(&pipe.lost(&end));
            }
        }
        if pipe.is_over.get() {
            return;
        }
    }
}

/// Reads replies until the command's output ends.
pub(super) async fn read(pipe: Rc<Pipe>, mut output: ReplyStream) {
    let mut buffer = vec![0; READ_MAX];
    let mut exit = pipe.exit.clone();
    let mut gone = pin!(exited(&mut exit));
    loop {
        let mut is_gone = false;
        let read = {
            let mut next = pin!(output.read(&mut buffer));
            poll_fn(|context| {
                if let Poll::Ready(read) = next.as_mut().poll(context) {
                    return Poll::Ready(read);
                }
                // Where a process that it started holds its output open, that never ends.
                is_gone = gone.as_mut().poll(context).is_ready();
                if is_gone { Poll::Ready(Ok(0)) } else { Poll::Pending }
            })
            .await
        };
        match read {
            Ok(0) | Err(_) => {
                while is_gone && let Ok(bytes @ 1..) = nix::unistd::read(&output, &mut buffer) {
                    pipe.take(&buffer[..bytes]);
                }
                break;
            }
            Ok(bytes) => pipe.take(&buffer[..bytes]),
        }
    }
    if !pipe.is_over.get() {
        let end = end_of(&pipe).await;
        // The run may have ended meanwhile.
        if !pipe.is_over.get() {
            let closed = || format!("closed its {} and went on", pipe.output_name());
            pipe.fail(&pipe.lost(&end.unwrap_or_else(closed)));
        }
    }
}

/// Returns how the command ended; `None` if it goes on.
async fn end_of(pipe: &Pipe) -> Option<String> {
    let mut exit = pipe.exit.clone();
    timeout(EXIT_GRACE, exited(&mut exit)).await.ok().map(ending)
}

/// Waits for the command's end.
pub(super) async fn exited(exit: &mut watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    match exit.wait_for(Option::is_some).await.map(|status| *status) {
        Ok(Some(status)) => status,
        // The sender lives until it has sent.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// Waits for the process, and publishes its end.
pub(super) async fn wait(mut child: Child, exit: watch::Sender<Option<ExitStatus>>) {
    if let Ok(status) = child.wait().await {
        let _nobody_waits = exit.send(Some(status));
    }
}

/// Ends the worker if the first line is not answered within the start deadline of it.
pub(super) async fn watch_first_reply(pipe: Rc<Pipe>) {
    pipe.first_line.notified().await;
    let deadline = Duration::from_millis(pipe.parameters.start_deadline_ms);
    let mut exit = pipe.exit.clone();
    let is_late = timeout(deadline, exited(&mut exit)).await.is_err();
    if is_late && pipe.is_mute() && !pipe.is_over.get() {
        let deadline = humantime::format_duration(deadline);
        pipe.fail(&format!("{} (waited {deadline}: --start-deadline)", pipe.mute()));
    }
}
