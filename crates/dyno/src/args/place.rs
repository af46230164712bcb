//! Whether output can be written where it is asked for: found out before anything is started, by
//! writing, since permissions alone don't say. What is tried has a name of its own beside the
//! place: another run that begins at the same moment never sees its own file come and go.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::OutputFlags;

/// A place that can't be written to.
#[derive(Debug, thiserror::Error)]
#[error("{flag} {}: can't be written to ({source}); name another, or leave it out", path.display())]
pub(super) struct PlaceError {
    flag: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Tries every place that the output names.
pub(super) fn check(output: &OutputFlags) -> Result<(), PlaceError> {
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

/// Tries the folder, or the nearest one above it that is there already.
fn try_folder(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let nearest = folder.ancestors().find(|ancestor| ancestor.exists());
    let probe = nearest.unwrap_or(&folder).join(format!(".dyno-{}", std::process::id()));
    OpenOptions::new().create(true).append(true).open(&probe)?;
    fs::remove_file(probe)
}

/// Tries the file, or else the folder that it is to stand in, which may be the run's own.
fn try_log(file: &Path, out: Option<&Path>) -> io::Result<()> {
    if file.exists() {
        return OpenOptions::new().append(true).open(file).map(drop);
    }
    let file = std::path::absolute(file)?;
    let Some(folder) = file.parent() else { return Err(io::ErrorKind::IsADirectory.into()) };
    let out = out.map(std::path::absolute).transpose()?;
    if !folder.exists() && out.as_deref() != Some(folder) {
        // As the system says it.
        return fs::metadata(folder).map(drop);
    }
    try_folder(folder)
}
