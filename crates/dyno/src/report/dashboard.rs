//! The dashboard: the page of a run or a study while it goes on, for browsers.
//!
//! ```text
//!  driver, reporters ──▶ [board]: the newest state ──▶ [server] ──▶ [site]: page, events, metrics
//!                                                         ▲
//!                                       [place], [request], [connection]
//! ```
//!
//! The run only replaces the state on the board, and never waits: the page is made from it on the
//! server's own thread, and only when somebody looks. The server answers `GET` on one path, with
//! what it has in memory. It reads no file, writes none, and changes nothing.
//!
//! It is our own small server: one thread and one `poll` over at most some dozens of
//! connections, each with bounded memory and a deadline in every state. A library would bring a
//! runtime or a pool of threads into the primary, and the same deadlines to be written around it.

mod board;
mod connection;
mod openmetrics;
mod place;
mod request;
mod server;
mod site;

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

pub(crate) use self::board::Board;
pub(crate) use self::place::{DashboardPlace, PlaceFormError};
use self::server::Server;
use self::site::Site;
use super::error::ReportError;

/// The longest time that the end of a program waits until the last state is sent to those who look.
const FAREWELL: Duration = Duration::from_millis(500);

/// The server of one program. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Dashboard {
    board: Board,
    url: String,
    is_open: bool,
    /// Receives one message, once the last state is sent to all who look.
    sent: Receiver<()>,
}

impl Dashboard {
    /// Starts to listen.
    ///
    /// # Errors
    /// If the address can't be used.
    pub(crate) fn start(place: DashboardPlace) -> Result<Self, ReportError> {
        let address = place.address;
        Self::listen(place).map_err(|source| ReportError::Dashboard { address, source })
    }

    fn listen(place: DashboardPlace) -> io::Result<Self> {
        let path = place.path()?;
        let listener = TcpListener::bind(place.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let board = Board::new(waker);
        let (sender, sent) = sync_channel(1);
        let url = format!("http://{address}{path}/");
        let is_open = !address.ip().is_loopback();
        let site = Site::new(place, path);
        let server = Server::new(listener, woken, board.clone(), site, sender);
        thread::Builder::new()
            .name("dyno-dashboard".to_owned())
            .spawn(move || server.run())
            .map(drop)?;
        Ok(Self { board, url, is_open, sent })
    }

    /// Returns the address of the page.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns `true` if other machines can reach it.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns the board, on which the run puts its state.
    pub(crate) fn board(&self) -> Board {
        self.board.clone()
    }

    /// Sends the last state to all who look, and waits for that, but not for long.
    pub(crate) fn finish(&self) {
        self.board.finish();
        let _sent = self.sent.recv_timeout(FAREWELL);
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.board.stop();
    }
}

#[cfg(test)]
mod tests;
