//! The facts about this machine and this program that one must know to compare two runs.
//!
//! They are read from files and from values that were stored when dyno was compiled; no process is
//! started for them. A fact that can't be found out is an empty text, never an error, because no
//! verdict depends on it.

use std::fs;
use std::path::{Path, PathBuf};

use dyno_summary::Environment;

/// Reads the environment of this process.
pub(crate) fn here() -> Environment {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut environment = Environment::default();
    env!("CARGO_PKG_VERSION").clone_into(&mut environment.dyno);
    env!("DYNO_RUSTC").clone_into(&mut environment.rustc);
    environment.os = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    environment.cpu = cpu(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default());
    environment.cores = u32::try_from(cores).unwrap_or(u32::MAX);
    environment.git = std::env::current_dir().ok().and_then(|here| git(&here));
    environment
}

/// Returns the name of this machine; empty if it is not known.
pub(crate) fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Returns a number that follows from the bytes of this program, so that two programs that were built
/// differently have different ones; 0 if they can't be read.
pub(crate) fn program() -> u64 {
    let path = match cfg!(target_os = "linux") {
        // This path names this program even if its file has been replaced since.
        true => PathBuf::from("/proc/self/exe"),
        false => std::env::current_exe().unwrap_or_default(),
    };
    let words = fs::read(path).unwrap_or_default();
    let words = words.chunks(size_of::<u64>()).map(|bytes| {
        let mut word = [0; size_of::<u64>()];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    });
    // FNV-1a by words: it only has to tell builds apart that were not meant to differ.
    words
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3))
}

/// Returns the name that the kernel gives the first processor; empty if it gives none.
fn cpu(info: &str) -> String {
    let fields = info.lines().filter_map(|line| line.split_once(':'));
    let mut names = fields.filter(|(key, _)| matches!(key.trim(), "model name" | "Model"));
    names.next().map(|(_, name)| name.trim().to_owned()).unwrap_or_default()
}

/// Returns the commit that is checked out in a folder or in the nearest one above it.
fn git(folder: &Path) -> Option<String> {
    let git = folder.ancestors().map(|above| above.join(".git")).find(|git| git.exists())?;
    // In a worktree and in a submodule, `.git` is a file that names the folder.
    let git = match fs::read_to_string(&git) {
        Ok(text) => git.parent()?.join(text.strip_prefix("gitdir:")?.trim()),
        Err(_) => git,
    };
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(reference) = head.trim().strip_prefix("ref: ") else {
        return Some(head.trim().to_owned());
    };
    // A worktree has its own HEAD, but its branches are in the main repository's folder.
    let common = fs::read_to_string(git.join("commondir")).ok();
    let common = common.map_or_else(|| git.clone(), |common| git.join(common.trim()));
    let loose = fs::read_to_string(common.join(reference)).ok();
    loose.map(|commit| commit.trim().to_owned()).or_else(|| packed(&common, reference))
}

/// Returns the commit of a branch that git has moved to `packed-refs`, together with others.
fn packed(git: &Path, reference: &str) -> Option<String> {
    let packed: PathBuf = git.join("packed-refs");
    let text = fs::read_to_string(packed).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(_, name)| *name == reference).map(|(commit, _)| commit.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_has_the_name_that_the_kernel_gives() {
        assert_eq!(cpu("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), "Some CPU @ 2 GHz");
        assert_eq!(cpu("processor\t: 0\nModel\t\t: Board 5\n"), "Board 5");
        assert_eq!(cpu(""), "");
    }

    #[test]
    fn the_commit_is_found_detached_loose_packed_and_from_a_worktree() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let below = folder.path().join("a/b");
        fs::create_dir_all(&below).unwrap();

        write(".git/HEAD", "aaaa\n");
        assert_eq!(git(&below).as_deref(), Some("aaaa"));
        write(".git/HEAD", "ref: refs/heads/main\n");
        assert_eq!(git(&below), None, "a branch without a commit");
        write(".git/packed-refs", "# pack-refs\nbbbb refs/heads/main\n");
        assert_eq!(git(&below).as_deref(), Some("bbbb"));
        write(".git/refs/heads/main", "cccc\n");
        assert_eq!(git(&below).as_deref(), Some("cccc"));
        write("tree/.git", "gitdir: ../.git/worktrees/tree\n");
        write(".git/worktrees/tree/HEAD", "ref: refs/heads/main\n");
        write(".git/worktrees/tree/commondir", "../..\n");
        assert_eq!(git(&folder.path().join("tree")).as_deref(), Some("cccc"));
    }
}
