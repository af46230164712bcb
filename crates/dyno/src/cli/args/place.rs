//! The check that output can be written to the requested places, before anything is started. It
//! writes a file there, since permissions alone do not tell. The file has a name that only this
//! process uses, never that of the output: another run that begins at the same moment does not see
//! its own file come and go.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::OutputFlags;

/// A place that can't be written to.
#[derive(Debug, thiserror::Error)]
#[error("{flag} {}: can't be written to ({source}); name another, or leave it out", path.display())]
pub(crate) struct PlaceError {
    flag: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Checks every place that the output's settings name.
pub(crate) fn check(output: &OutputFlags) -> Result<(), PlaceError> {
    let refuse = |flag, path: &Path| {
        let path = path.to_owned();
        move |source| PlaceError { flag, path, source }
    };
    if let Some(folder) = &output.out {
        try_folder(folder).map_err(refuse("--out", folder))?;
    }
    if let Some(file) = &output.log_file {
        try_log(file, output.out.as_deref()).map_err(refuse("--log-file", file))?;
    }
    Ok(())
}

/// Writes a file in the folder, or in the nearest one above it that exists, and removes the file.
fn try_folder(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let nearest = folder.ancestors().find(|ancestor| ancestor.exists());
    let probe = nearest.unwrap_or(&folder).join(format!(".dyno-{}", std::process::id()));
    OpenOptions::new().create(true).append(true).open(&probe)?;
    fs::remove_file(probe)
}

/// Opens the log file if it exists, or else tries its folder. That may be the run's folder, which
/// need not exist yet.
fn try_log(file: &Path, out: Option<&Path>) -> io::Result<()> {
    match fs::metadata(file).map(|metadata| metadata.file_type()) {
        Ok(kind) if kind.is_file() || kind.is_dir() => {
            return OpenOptions::new().append(true).open(file).map(drop);
        }
        // A pipe's reader would take the end of this attempt for the end of the log.
        Ok(_) => return Ok(access(file, AccessFlags::W_OK)?),
        Err(_) => {}
    }
    let file = std::path::absolute(file)?;
    let Some(folder) = file.parent() else { return Err(io::ErrorKind::IsADirectory.into()) };
    let out = out.map(std::path::absolute).transpose()?;
    if !folder.exists() && out.as_deref() != Some(folder) {
        // The error is the system's: the folder does not exist.
        return fs::metadata(folder).map(drop);
    }
    try_folder(folder)
}
