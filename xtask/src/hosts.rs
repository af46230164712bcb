//! `cargo xtask hosts`: a benchmark on the three nodes of a real Slurm, on this machine.
//!
//! One controller and three daemons run in the foreground, each with its own port and folder, so
//! that the machine's own Slurm, if it has one, is not touched. All of them end with this task. It
//! is root's, as Slurm's daemons are. Debian's packages are installed if they are missing.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dyno_bus::clock;
use serde_json::Value;

use crate::command::{self, cargo, metadata};
use crate::steps::Steps;
use crate::tools;

/// The benchmark that runs: a task that does nothing.
const PROGRAM: &str = "behaves";
const NODES: [&str; 3] = ["node1", "node2", "node3"];
/// The port of the controller; those of the nodes follow it.
const PORT: usize = 16_817;
/// The longest wait for one thing; all of them take a few seconds.
const DEADLINE: Duration = Duration::from_secs(60);
/// The time between two checks of what can't be waited for.
const POLL_PERIOD: Duration = Duration::from_millis(100);
/// The rate, and how long it is kept: 200 cycles for each node, or more than a signal waits for.
const SHORT: &str = "-P how=nothing --rate 300 --duration 2s --warmup 0s --workers 1";
const LONG: &str = "-P how=nothing --rate 300 --duration 50s --warmup 0s --workers 1";
/// The word of the live view once cycles come due.
const MEASURING: &str = "measuring";

/// Starts the cluster, and runs the checks in it.
///
/// # Errors
/// If a check fails, or Slurm can't be started here.
pub(crate) fn run() -> Result<()> {
    ensure!(nix::unistd::Uid::effective().is_root(), "Slurm's daemons are root's: use sudo");
    tools::slurm()?;
    command::run(cargo("build --quiet --package dyno-tests --bin").arg(PROGRAM))?;
    let program = metadata()?.target_directory.join("debug").join(PROGRAM);
    // Not in the target folder: a socket's path may have only about a hundred bytes.
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let cluster = Cluster { folder: folder.path().to_owned(), daemons: Vec::new() };
    let mut steps = Steps::default();
    let cluster = cluster.start()?;
    steps.step("srun on three nodes", || cluster.names())?;
    steps.step("a run under salloc", || cluster.run(program.as_std_path()))?;
    steps.step("scancel --signal=INT", || cluster.drain(program.as_std_path()))?;
    println!("\n{}", steps.summary());
    Ok(())
}

/// A Slurm: a controller, a key and nodes that are its alone; dropped, it ends.
struct Cluster {
    folder: PathBuf,
    daemons: Vec<Child>,
}

impl Cluster {
    fn start(mut self) -> Result<Self> {
        let folder = self.folder.display().to_string();
        fs::create_dir(self.folder.join("state"))?;
        let key = fs::read("/proc/sys/kernel/random/uuid")?;
        fs::write(self.folder.join("key"), key.repeat(4))?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(self.folder.join("key"), mode)?;
        let host = fs::read_to_string("/proc/sys/kernel/hostname")?;
        fs::write(self.configuration(), configuration(&folder, host.trim()))?;
        self.daemon(&format!(
            "munged --foreground --force --key-file={folder}/key --socket={folder}/munge.sock \
             --pid-file={folder}/munged.pid --log-file={folder}/munged.log \
             --seed-file={folder}/seed"
        ))?;
        until("munge's socket", || self.folder.join("munge.sock").exists())?;
        self.daemon(&format!("slurmctld -D -f {folder}/slurm.conf"))?;
        for node in NODES {
            self.daemon(&format!("slurmd -D -N {node} -f {folder}/slurm.conf"))?;
        }
        until("three idle nodes", || {
            let idle = self.command("sinfo -h -t idle -o %D").output();
            idle.is_ok_and(|idle| idle.stdout.trim_ascii() == b"3")
        })?;
        Ok(self)
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("slurm.conf")
    }

    /// Starts a daemon that ends with this process, even if that is killed.
    fn daemon(&mut self, line: &str) -> Result<()> {
        let mut daemon = self.command(&format!("setpriv --pdeathsig TERM {line}"));
        daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.push(daemon.spawn().with_context(|| format!("`{line}` did not start"))?);
        Ok(())
    }

    /// Returns a command of this cluster. `line` is split at white space.
    fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).env("SLURM_CONF", self.configuration());
        command.env("HOME", &self.folder).current_dir(&self.folder);
        command
    }

    /// Checks the cluster itself: a program on each node, which prints the node's name.
    fn names(&self) -> Result<()> {
        let output = self.command("srun -N3 printenv SLURMD_NODENAME").output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut names: Vec<_> = text.lines().collect();
        names.sort_unstable();
        ensure!(names == NODES, "srun: {names:?}; {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Checks that three nodes together run the cycles of one host.
    fn run(&self, program: &Path) -> Result<()> {
        let result = result(&self.salloc(program, SHORT).output()?)?;
        let counts = (issued(&result), each_issued(&result));
        ensure!(result["verdict"] == "sustained" && counts == (600, vec![200; 3]), "{result:#}");
        Ok(())
    }

    /// Checks that SIGINT to the job's steps drains all nodes, and that no cycle is lost.
    fn drain(&self, program: &Path) -> Result<()> {
        let mut salloc = self.salloc(program, LONG);
        let mut salloc = salloc.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut shown = BufReader::new(salloc.stderr.take().context("it has a pipe")?);
        let mut line = String::new();
        while !line.contains(MEASURING) {
            line.clear();
            ensure!(shown.read_line(&mut line)? > 0, "the run ended before its first cycle");
        }
        // A run must never wait for a reader of what it shows.
        thread::spawn(move || io::copy(&mut shown, &mut io::sink()));
        let jobs = self.command("squeue -h -o %i").output()?;
        let job = String::from_utf8_lossy(&jobs.stdout).trim().to_owned();
        command::run(&mut self.command(&format!("scancel --signal=INT {job}")))?;
        let result = result(&salloc.wait_with_output()?)?;
        let completed = result["cycles"]["completed"].as_u64();
        let is_whole = completed == Some(issued(&result));
        ensure!(result["verdict"] == "interrupted" && is_whole, "{result:#}");
        Ok(())
    }

    fn salloc(&self, program: &Path, flags: &str) -> Command {
        let mut command = self.command("timeout 60 salloc --quiet -N3");
        let words = flags.split_whitespace();
        command.arg(program).args(words).args(["--hosts", "slurm", "--format", "json"]);
        command.args(["--out", if flags == SHORT { "short" } else { "long" }]);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            // SIGTERM, which ends the steps of the daemons too.
            let pid = nix::unistd::Pid::from_raw(daemon.id() as i32);
            let _ended = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            let _ended = daemon.wait();
        }
    }
}

/// Returns the settings of a cluster in `folder`, whose nodes are all this machine.
fn configuration(folder: &str, host: &str) -> String {
    let mut text = format!(
        "ClusterName=dyno\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={PORT}\n\
         AuthType=auth/munge\nAuthInfo=socket={folder}/munge.sock\nSlurmUser=root\n\
         SlurmdUser=root\nStateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/%n\n\
         SlurmctldPidFile={folder}/controller.pid\nSlurmdPidFile={folder}/%n.pid\n\
         SlurmctldLogFile={folder}/controller.log\nSlurmdLogFile={folder}/%n.log\n\
         ProctrackType=proctrack/pgid\nTaskPlugin=task/none\nSelectType=select/cons_tres\n\
         MpiDefault=none\nJobAcctGatherType=jobacct_gather/none\n\
         PartitionName=all Nodes=ALL Default=YES State=UP\n"
    );
    for (place, node) in NODES.iter().enumerate() {
        let port = PORT + 1 + place;
        text += &format!("NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port}\n");
    }
    text
}

/// Waits until `condition` holds.
fn until(what: &str, mut condition: impl FnMut() -> bool) -> Result<()> {
    let end = clock::now() + DEADLINE;
    while !condition() {
        ensure!(clock::now() < end, "not within {DEADLINE:?}: {what}");
        thread::park_timeout(POLL_PERIOD);
    }
    Ok(())
}

/// Reads the result that a run has printed.
fn result(output: &Output) -> Result<Value> {
    let shown = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).with_context(|| format!("no result: {shown}"))
}

fn issued(result: &Value) -> u64 {
    result["cycles"]["issued"].as_u64().unwrap_or_default()
}

fn each_issued(result: &Value) -> Vec<u64> {
    result["hosts"].as_array().into_iter().flatten().map(issued).collect()
}
