//! The file of a page: made and written on a thread, so that a slow disk holds nothing up. It is
//! written whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use crate::report::files::folder::{PAGE, write_whole};

/// The longest time that the end of a run waits for its page: as long as for its other files.
const FAREWELL: Duration = Duration::from_secs(5);

/// A page that is being written.
#[derive(Debug)]
pub(in crate::report) struct PageFile {
    path: PathBuf,
    written: Receiver<std::io::Result<()>>,
}

impl PageFile {
    /// Starts a thread that makes the page and writes it in a folder.
    pub(in crate::report) fn start(
        folder: &Path,
        make: impl FnOnce() -> String + Send + 'static,
    ) -> Self {
        let (outgoing, written) = sync_channel(1);
        let of = folder.to_owned();
        let body = move || {
            // This fails only if the receiver has given up waiting.
            let _sent = outgoing.send(write_whole(&of, PAGE, make()));
        };
        // Without a thread, the channel is closed: that is reported as a page that was not made.
        let _thread = thread::Builder::new().name("dyno-page".to_owned()).spawn(body);
        Self { path: folder.join(PAGE), written }
    }

    /// Waits until the page is written, for at most [`FAREWELL`].
    ///
    /// # Errors
    /// The message is for people.
    pub(in crate::report) fn finish(self) -> Result<(), String> {
        let path = self.path.display();
        match self.written.recv_timeout(FAREWELL) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("the page of this run is not written: {path}: {error}")),
            Err(_) => {
                Err(format!("the page of this run is not written within {FAREWELL:?}: {path}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        PageFile::start(folder.path(), || "whole".to_owned()).finish().unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(PAGE)).unwrap(), "whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_page_that_is_not_written_is_reported_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let error = PageFile::start(&gone, String::new).finish().unwrap_err();
        assert!(error.contains("gone/report.html: No such file"), "{error}");
        let panics = || -> String { panic!("on purpose") };
        let error = PageFile::start(folder.path(), panics).finish().unwrap_err();
        assert!(error.contains("is not written within"), "{error}");
    }
}
