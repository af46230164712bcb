//! Whether output can be written where it is asked for: found out before anything is started, by
//! writing, since permissions alone don't say. Whatever that creates is removed again.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::Output;

/// A place that can't be written to.
#[derive(Debug, thiserror::Error)]
#[error("{flag} {}: can't be written to ({source}); name another, or leave it out", path.display())]
pub(super) struct PlaceError {
    flag: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Tries every place that the output names.
pub(super) fn check(output: &Output) -> Result<(), PlaceError> {
    let refuse = |flag, path: &Path| {
        let path = path.to_owned();
        move |source| PlaceError { flag, path, source }
    };
    if let Some(folder) = &output.out {
        try_folder(folder).map_err(refuse("--out", folder))?;
    }
    if let Some(file) = &output.log_file {
        try_file(file).map_err(refuse("--log-file", file))?;
    }
    Ok(())
}

fn try_folder(folder: &Path) -> io::Result<()> {
    // From the deepest up, as they have to be removed.
    let missing: Vec<&Path> = folder
        .ancestors()
        .filter(|ancestor| !ancestor.as_os_str().is_empty())
        .take_while(|ancestor| !ancestor.exists())
        .collect();
    let tried = fs::create_dir_all(folder)
        .and_then(|()| try_file(&folder.join(format!(".dyno-{}", std::process::id()))));
    for folder in missing {
        // One that was not created is not there, and one that is in use by now stays.
        let _gone = fs::remove_dir(folder);
    }
    tried
}

fn try_file(file: &Path) -> io::Result<()> {
    let existed = file.exists();
    OpenOptions::new().create(true).append(true).open(file)?;
    if existed { Ok(()) } else { fs::remove_file(file) }
}
