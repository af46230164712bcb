//! The server: one thread that sleeps until a connection or a newer state has something to do.

use std::io::Read;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use dyno_bus::{Time, clock};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::board::Board;
use super::connection::Connection;
use super::site::Site;

/// The most connections at once: enough for a screen of tabs. Further ones are closed.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// The longest sleep if nothing is due.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// The wait after an error of `accept`, such as too many open files: it would come again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// The server of a dashboard.
#[derive(Debug)]
pub(super) struct Server {
    listener: TcpListener,
    woken: UnixStream,
    board: Board,
    site: Site,
    /// Gets one message, once the last state is sent to all who look.
    sent: Option<SyncSender<()>>,
    connections: Vec<Connection>,
    /// No connection is accepted before this instant.
    accepts_from: Time,
}

/// The sources that have something to do.
#[derive(Debug, Default)]
struct ReadyConnections {
    is_woken: bool,
    has_client: bool,
    /// By the place of the connection.
    connections: Vec<bool>,
}

impl Server {
    pub(super) fn new(
        listener: TcpListener,
        woken: UnixStream,
        board: Board,
        site: Site,
        sent: SyncSender<()>,
    ) -> Self {
        let (connections, accepts_from) = (Vec::new(), Time::ZERO);
        Self { listener, woken, board, site, sent: Some(sent), connections, accepts_from }
    }

    /// Serves until the board is stopped.
    pub(super) fn run(mut self) {
        while self.turn().is_continue() {}
    }

    fn turn(&mut self) -> ControlFlow<()> {
        let ready = self.wait();
        if ready.is_woken {
            // The bytes mean nothing: the board has the newest state.
            while self.woken.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
        }
        let state = self.board.state();
        if state.is_stopped {
            return ControlFlow::Break(());
        }
        self.site.renew(state);
        let now = clock::now();
        let mut ready_ones = ready.connections.into_iter();
        let site = &mut self.site;
        self.connections.retain_mut(|connection| {
            let is_ready = ready_ones.next().unwrap_or(false);
            connection.turn(is_ready, now, site).is_continue()
        });
        if ready.has_client {
            self.accept(now);
        }
        if !self.connections.is_empty() {
            self.board.watch(now);
        }
        let number = self.site.number();
        let is_sent = !self.connections.iter().any(|connection| connection.is_behind(number));
        if self.site.is_last()
            && is_sent
            && let Some(sent) = self.sent.take()
        {
            // The receiver may have given up waiting.
            let _sent = sent.send(());
        }
        ControlFlow::Continue(())
    }

    fn wait(&self) -> ReadyConnections {
        let now = clock::now();
        let deadlines = self.connections.iter().map(Connection::deadline);
        let pause = (self.accepts_from > now).then_some(self.accepts_from);
        let due = deadlines.chain(pause).min().unwrap_or(Time::NEVER);
        // A millisecond more: the timeout is cut to whole ones, and must not end too early.
        let timeout = (due - now).min(SLEEP_MAX) + Duration::from_millis(1);
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let mut sources = vec![
            PollFd::new(self.woken.as_fd(), PollFlags::POLLIN),
            PollFd::new(
                self.listener.as_fd(),
                if pause.is_some() { PollFlags::empty() } else { PollFlags::POLLIN },
            ),
        ];
        let of_clients = self.connections.iter();
        sources.extend(of_clients.map(|one| PollFd::new(one.stream.as_fd(), one.interest())));
        // An error is the interruption by a signal: then nothing is ready.
        if poll(&mut sources, timeout).is_err() {
            return ReadyConnections::default();
        }
        let mut ready = sources.iter().map(|source| source.any().unwrap_or(false));
        ReadyConnections {
            is_woken: ready.next().unwrap_or(false),
            has_client: ready.next().unwrap_or(false),
            connections: ready.collect(),
        }
    }

    fn accept(&mut self, now: Time) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) if self.connections.len() < CONNECTIONS_MAX => {
                    self.connections.extend(Connection::new(stream, now));
                }
                // Dropped, and so closed.
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.accepts_from = now + PAUSE;
                    return;
                }
            }
        }
    }
}
