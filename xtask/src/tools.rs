//! Programs that the tasks need and that the Rust toolchain does not include.
//!
//! The tests need a real Redis server, a real Postgres, a real browser, a real Prometheus, a real
//! terminal, system calls that fail, programs that are driven through a pipe, and an independent
//! reader of histogram logs. For root, apt installs what is missing; for everyone else, the error
//! names the command. Packages of cargo and pip are installed once, for any user, into the target
//! folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{cargo, find, metadata, root, run};

/// Each program, and the Debian package that contains it.
const TOOLS: [(&str, &str); 13] = [
    ("chromium", "chromium"),
    ("prometheus", "prometheus"),
    ("initdb", POSTGRES),
    ("openssl", "openssl"),
    ("redis-server", "redis-server"),
    ("ssh", "openssh-client"),
    ("/usr/sbin/sshd", "openssh-server"),
    ("strace", "strace"),
    ("tmux", "tmux"),
    ("python3", "python3"),
    ("pip3", "python3-pip"),
    ("node", "nodejs"),
    ("sqlite3", "sqlite3"),
];
const POSTGRES: &str = "postgresql";
/// The folder of Debian's Postgres, with a folder for each version: its programs are not in `PATH`.
const POSTGRES_FOLDER: &str = "/usr/lib/postgresql";
/// The file that decides whether the package makes a server that starts with the machine. The tests
/// start their own.
const POSTGRES_SETTINGS: &str = "/etc/postgresql-common/createcluster.conf";
/// The Python package that reads histogram logs, and the module that shows that it is installed.
/// Pinned: another version may read differently, and a test must not change by itself.
const PYTHON: (&str, &str) = ("hdrhistogram==0.10.3", "hdrh.log");

/// Makes sure that all tools of the tests are installed.
///
/// # Errors
/// If a tool is missing and can't be installed here; the error names the command that installs it.
pub(crate) fn ensure() -> Result<()> {
    programs()?;
    python()
}

/// Installs the missing [`TOOLS`] by apt, if the user is root.
fn programs() -> Result<()> {
    let packages = missing(|program| find(program).is_some() || is_of_postgres(program));
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if find("apt-get").is_none() {
        bail!(
            "the tests need {list}: install them by your package manager \
             (brew install redis prometheus tmux python node sqlite postgresql; strace is Linux's, \
             and chromium a browser)"
        );
    }
    if !nix::unistd::Uid::effective().is_root() {
        bail!("the tests need {list}: sudo apt-get update && sudo apt-get install --yes {list}");
    }
    if packages.contains(&POSTGRES) {
        without_a_cluster()?;
    }
    run(apt_get().arg("update"))?;
    run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&packages))
}

/// Installs Slurm and its keeper of keys by apt, as root.
///
/// # Errors
/// If they are missing and can't be installed.
pub(crate) fn slurm() -> Result<()> {
    let programs = [("slurmctld", "slurm-wlm"), ("munged", "munge"), ("setpriv", "util-linux")];
    let missing = programs.iter().filter(|(program, _)| find(program).is_none());
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    ensure!(find("apt-get").is_some(), "Slurm is missing: install {}", packages.join(" "));
    run(apt_get().arg("update"))?;
    run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&packages))
}

/// Returns `true` if a program is among those of Debian's Postgres, in any version.
fn is_of_postgres(program: &str) -> bool {
    let versions = fs::read_dir(POSTGRES_FOLDER).into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin").join(program)).any(|path| path.is_file())
}

/// Lets the package of Postgres install programs only, unless there are settings already.
fn without_a_cluster() -> Result<()> {
    let settings = Path::new(POSTGRES_SETTINGS);
    if let (false, Some(folder)) = (settings.exists(), settings.parent()) {
        fs::create_dir_all(folder)?;
        fs::write(settings, "create_main_cluster = false\n")?;
    }
    Ok(())
}

/// Installs the package for Python in `target/python`: apart from the user's packages, and without
/// a virtual environment, since some systems lack a part of what that needs.
fn python() -> Result<()> {
    let (package, module) = PYTHON;
    // Not cargo's target folder, which differs between the ways to run the tests.
    let folder = root().join("target/python");
    let is_there = || {
        let import = ["-c", &format!("import {module}")];
        let python = Command::new("python3").args(import).env("PYTHONPATH", &folder).output();
        python.is_ok_and(|output| output.status.success())
    };
    if is_there() {
        return Ok(());
    }
    // The advice for machines whose Python no wheel fits.
    let hint = "if pip had to compile it, that needs a C compiler and Python's headers \
                (apt-get install python3-dev)";
    let pip = ["-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"];
    let mut install = Command::new("python3");
    install.args(pip).args(["--upgrade", "--target"]).arg(&folder).arg(package);
    // pip warns root that it may break the system's packages; in a separate folder it can't.
    install.env("PIP_ROOT_USER_ACTION", "ignore");
    run(install.current_dir(root())).context(hint)?;
    ensure!(
        is_there(),
        "python3 does not find `{module}` in {}, where pip put it",
        folder.display()
    );
    Ok(())
}

/// Returns the path of a program from cargo's registry: the one on `PATH`, else the one that an
/// earlier task built, else one that is built now.
///
/// It is built without optimisation: the build takes half the time, and running the program takes a
/// second either way.
///
/// # Errors
/// If it can't be built.
pub(crate) fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    if let Some(program) = find(name) {
        return Ok(program);
    }
    let folder = metadata()?.target_directory.join(format!("tools/{name}-{version}"));
    let program = folder.join("bin").join(name);
    if !program.is_file() {
        println!("{name} is missing: built once into {folder}, which takes a minute or two");
        let mut install = cargo("install --quiet --locked --debug --root");
        // In a shared target folder the intermediate files would stay for ever.
        run(install
            .arg(&folder)
            .args(["--version", version, name])
            .env_remove("CARGO_TARGET_DIR"))?;
    }
    Ok(program.into())
}

/// Returns the packages of the tools that are missing.
fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    TOOLS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // A package that asks a question would wait for an answer for ever.
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        assert_eq!(missing(|program| program != "strace"), ["strace"]);
        let are_there = |program: &str| program != "initdb" && program != "pip3";
        assert_eq!(missing(are_there), ["postgresql", "python3-pip"]);
        assert!(missing(|_| true).is_empty());
    }
}
