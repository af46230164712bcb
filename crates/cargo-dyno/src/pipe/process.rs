//! The process of a command, and its two streams: pipes, or Node's channel.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};

use super::{PipeParameters, StderrTarget};
use crate::command::{WORKER_VARIABLE, program};

/// The stream to a command. Its drop is the end of the command's input.
#[derive(Debug)]
pub(super) enum LineStream {
    Pipe(Sender),
    Channel(OwnedWriteHalf),
}

/// The stream from a command.
#[derive(Debug)]
pub(super) enum ReplyStream {
    Pipe(Receiver),
    Channel(OwnedReadHalf),
}

/// The outcome of a write that does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    All,
    /// The pipe is full.
    Part,
    /// The command no longer reads.
    Closed,
}

/// A command that was started.
#[derive(Debug)]
pub(super) struct StartedCommand {
    pub(super) child: Child,
    pub(super) input: LineStream,
    pub(super) output: ReplyStream,
}

/// Starts the command of a worker.
///
/// # Errors
/// If it can't be found or started.
pub(super) fn start(parameters: &PipeParameters, worker: u32) -> anyhow::Result<StartedCommand> {
    let name = parameters.argv.first().ok_or_else(|| anyhow::anyhow!("`argv` is empty"))?;
    let words = parameters.argv[1..].iter();
    let mut command = Command::new(program::find(name)?);
    command
        .arg0(name)
        .args(words.map(|word| word.replace("{worker}", &worker.to_string())))
        .env_remove(WORKER_VARIABLE)
        .kill_on_drop(true);
    // The command's ends of the streams are closed here as soon as it has them: else the end of its
    // output would never be seen.
    if parameters.ipc {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty()))?;
        command
            .stdin(File::open("/dev/null")?)
            .env("NODE_CHANNEL_FD", theirs.as_raw_fd().to_string())
            .env("NODE_CHANNEL_SERIALIZATION_MODE", "json")
            .env("THREAD_INDEX", worker.to_string());
        if std::env::var_os("parameters").is_none() {
            command.env("parameters", "{}");
        }
        let child = command.spawn()?;
        drop(theirs);
        let (output, input) = UnixStream::from_std(ours)?.into_split();
        let (input, output) = (LineStream::Channel(input), ReplyStream::Channel(output));
        return Ok(StartedCommand { child, input, output });
    }
    let (their_input, input) = std::io::pipe()?;
    let (output, their_output) = std::io::pipe()?;
    command.stdin(their_input);
    if parameters.stderr == StderrTarget::Reply {
        command.stderr(their_output.try_clone()?);
    }
    command.stdout(Stdio::from(their_output));
    let child = command.spawn()?;
    drop(command);
    Ok(StartedCommand {
        child,
        input: LineStream::Pipe(Sender::from_owned_fd(OwnedFd::from(input))?),
        output: ReplyStream::Pipe(Receiver::from_owned_fd(OwnedFd::from(output))?),
    })
}

impl LineStream {
    /// Writes bytes while there is room, and keeps the others.
    pub(super) fn write_now(&self, unsent: &mut Vec<u8>) -> Written {
        let mut written = 0;
        let outcome = loop {
            if written == unsent.len() {
                break Written::All;
            }
            match self.try_write(&unsent[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => break Written::Part,
                    _ => break Written::Closed,
                },
            }
        };
        unsent.drain(..written);
        outcome
    }

    /// Writes as much as there is room for.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.try_write(bytes),
            Self::Channel(channel) => channel.try_write(bytes),
        }
    }

    /// Returns once there may be room.
    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.writable().await,
            Self::Channel(channel) => channel.writable().await,
        }
    }
}

impl AsyncRead for ReplyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Pipe(pipe) => Pin::new(pipe).poll_read(context, buffer),
            Self::Channel(channel) => Pin::new(channel).poll_read(context, buffer),
        }
    }
}

impl AsFd for ReplyStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Pipe(pipe) => pipe.as_fd(),
            Self::Channel(channel) => channel.as_ref().as_fd(),
        }
    }
}
