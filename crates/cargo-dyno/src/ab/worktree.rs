//! Another revision of the code, checked out in a git worktree below the target folder.
//!
//! The user's checkout, index and stash are never touched: git gets a separate folder and index.
//! The worktree and what cargo builds there are kept, so that the next comparison builds little.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use nix::fcntl::{Flock, FlockArg};

/// The folder in the target folder.
const FOLDER: &str = "dyno-base";
/// The variables that let a hook of git point another git at the user's checkout.
const GIT_VARIABLES: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"];

/// A revision that is checked out.
#[derive(Debug)]
pub(super) struct Worktree {
    /// The whole name of the commit.
    commit: String,
    /// The manifest there that belongs to the user's one.
    pub(super) manifest: PathBuf,
    /// The target folder for what cargo builds there.
    pub(super) target: PathBuf,
    /// `true` if the user's checkout has uncommitted changes.
    pub(super) is_dirty: bool,
    /// The lock on the worktree: another comparison must not check out another revision.
    _lock: Flock<File>,
}

impl Worktree {
    /// Checks out a revision of the repository that `root`, the workspace's folder, lies in.
    pub(super) fn at(
        revision: &str,
        root: &Path,
        manifest: &Path,
        target: &Path,
    ) -> anyhow::Result<Self> {
        ensure!(!revision.starts_with('-'), "invalid --base `{revision}`: expected a revision");
        let top = PathBuf::from(git(root, &["rev-parse", "--show-toplevel"])?);
        let commit = format!("{revision}^{{commit}}");
        let commit = git(root, &["rev-parse", "--verify", "--quiet", &commit]).map_err(|_| {
            anyhow::anyhow!(
                "no revision `{revision}` in {}: expected a branch, a tag or a commit; a shallow \
                 clone has few of them (git fetch --unshallow)",
                top.display()
            )
        })?;
        let is_dirty = !git(root, &["status", "--porcelain"])?.is_empty();
        let folder = target.join(FOLDER);
        fs::create_dir_all(&folder)
            .with_context(|| format!("can't make the folder {}", folder.display()))?;
        let lock = locked(&folder)?;
        let source = folder.join("source");
        check_out(&top, &source, &commit)?;
        let manifest = of_worktree(manifest, &top, &source)?;
        keep_lock_file(root, &top, &source);
        Ok(Self { commit, manifest, target: folder.join("target"), is_dirty, _lock: lock })
    }

    /// Returns the first letters of the commit.
    pub(super) fn commit_short(&self) -> &str {
        self.commit.get(..7).unwrap_or(&self.commit)
    }
}

/// Checks out a commit in the worktree, which is made if it is missing.
fn check_out(top: &Path, source: &Path, commit: &str) -> anyhow::Result<()> {
    let text = source.display().to_string();
    let is_there = source.join(".git").is_file() && git(source, &["rev-parse", "HEAD"]).is_ok();
    if !is_there {
        if source.exists() {
            fs::remove_dir_all(source)
                .with_context(|| format!("can't remove {}", source.display()))?;
        }
        // A worktree whose folder `cargo clean` has removed is still on git's list.
        git(top, &["worktree", "prune"])?;
        git(top, &["worktree", "add", "--detach", "--force", &text, commit])?;
        return Ok(());
    }
    git(source, &["checkout", "--detach", "--force", "--quiet", commit])?;
    git(source, &["clean", "-d", "--force", "--quiet"])?;
    Ok(())
}

/// Returns the path in the worktree of a manifest in the user's checkout.
fn of_worktree(manifest: &Path, top: &Path, source: &Path) -> anyhow::Result<PathBuf> {
    let whole =
        manifest.canonicalize().with_context(|| format!("can't find {}", manifest.display()))?;
    let top = top.canonicalize().unwrap_or_else(|_| top.to_owned());
    let below = whole.strip_prefix(&top).map_err(|_| {
        anyhow::anyhow!("{} is not in the repository {}", whole.display(), top.display())
    })?;
    let there = source.join(below);
    ensure!(there.is_file(), "that revision has no {}: name a later one", below.display());
    Ok(there)
}

/// Copies a lock file that git does not keep, so that both sides have the same dependencies.
fn keep_lock_file(root: &Path, top: &Path, source: &Path) {
    let Ok(below) = root.strip_prefix(top) else { return };
    let there = source.join(below).join("Cargo.lock");
    if !there.exists() {
        // Without it, cargo resolves the dependencies by itself.
        let _copied = fs::copy(root.join("Cargo.lock"), there);
    }
}

fn locked(folder: &Path) -> anyhow::Result<Flock<File>> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err(_) => bail!(
            "another comparison uses {}: wait for its end, or give another --target-dir",
            folder.display()
        ),
    }
}

/// Runs git in a folder, and returns its output without the line feed at its end.
fn git(folder: &Path, words: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(words);
    for variable in GIT_VARIABLES {
        command.env_remove(variable);
    }
    let output = command.output().context("can't start git, which --base needs: install it")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        let first = error.lines().find(|line| !line.trim().is_empty()).unwrap_or("no message");
        bail!("git {} failed in {}: {first}", words.join(" "), folder.display());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
