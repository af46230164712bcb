//! The log file that the user names: opened before the run, and never one that another output or
//! another run writes to.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::Flock;

use super::print_note;
use crate::report::files::folder::{self, Folder};

/// The lock on the log that the user named; `None` if no log is named, or if it can't be locked.
pub(super) type LogLock = Option<Flock<File>>;

/// Opens the log that the user named. The file is emptied only once it is certain that no other
/// run, and no other output of this run, writes to it.
pub(super) fn open_log_file(path: &Path, folder: Option<&Folder>) -> io::Result<(File, LogLock)> {
    let file = open_to_write(path)?;
    let metadata = file.metadata()?;
    // A pipe or a device may be shared, and has no content to remove.
    if !metadata.is_file() {
        return Ok((file, None));
    }
    let is_same = |other: PathBuf| {
        let other = std::fs::metadata(other);
        other.is_ok_and(|other| (other.dev(), other.ino()) == (metadata.dev(), metadata.ino()))
    };
    let own = [folder::SUMMARY, folder::HISTOGRAMS, folder::INTERVALS, folder::LOG, folder::PAGE];
    if folder.is_some_and(|folder| own.iter().any(|name| is_same(folder.path.join(name)))) {
        return Err(io::Error::other("the run writes another of its files there"));
    }
    let lock = folder::lock_file(file.try_clone()?)?;
    file.set_len(0)?;
    Ok((file, lock))
}

/// Opens a file to write to it. A named pipe that no program reads yet is announced before the wait
/// for its reader, so that nobody takes the wait for a hang.
fn open_to_write(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    let no_wait = nix::fcntl::OFlag::O_NONBLOCK.bits();
    // It stays open until the end, so that the reader of a pipe sees no end of file in between.
    let at_once = options.clone().custom_flags(no_wait).open(path);
    let is_unread =
        |error: &io::Error| error.raw_os_error() == Some(nix::errno::Errno::ENXIO as i32);
    if at_once.as_ref().err().is_some_and(is_unread) {
        let path = path.display();
        print_note(&format!("--log-file {path}: waiting for a program that reads this pipe"));
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_pipe_is_opened_once_a_program_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let reader = std::thread::spawn({
            let path = path.clone();
            move || std::fs::read_to_string(path).unwrap()
        });
        let mut pipe = open_to_write(&path).unwrap();
        pipe.write_all(b"a line\n").unwrap();
        drop(pipe);
        assert_eq!(reader.join().unwrap(), "a line\n");
    }
}
