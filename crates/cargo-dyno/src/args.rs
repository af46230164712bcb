//! The command line: cargo's flags, and the words that belong to the benchmark.
//!
//! `run` mixes two command lines in one. Cargo's flags, those of [`Build`] and
//! [`TargetKindArguments`], are recognised anywhere before `--`. All else is the benchmark's, and is
//! passed on unread: a benchmark may have flags that this version of dyno does not know.

mod arrange;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use dyno::internal::Format;

pub(crate) use self::arrange::arrange;

/// Does this code sustain this rate?
#[derive(Debug, Parser)]
#[command(name = "cargo-dyno", bin_name = "cargo dyno", version, max_term_width = 100)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: DynoCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DynoCommand {
    /// Build a benchmark in release, and run it
    ///
    /// The exit code is the benchmark's own: 0 sustained or completed, 1 unsustained, 2 refused,
    /// 3 failed, 4 invalid, 5 error, 6 inconclusive, 128 + signal interrupted; 101 where cargo could
    /// not build it.
    Run(Box<RunArguments>),
    /// List the benchmarks of the package or workspace
    List(ListArguments),
    /// Run a command as the task, a process for each cycle
    ///
    /// Its flags are those of every benchmark, and it reads them itself: `exec --help` lists them.
    Exec(Exec),
    /// Run a command that stays as the task: a line for each cycle in, a reply out
    ///
    /// Its flags are those of every benchmark, and it reads them itself: `pipe --help` lists them.
    Pipe(Exec),
    /// Send requests to a URL as the task
    ///
    /// Its flags are those of every benchmark, and it reads them itself: `http --help` lists them.
    Http { url: OsString },
    /// Write a first benchmark, and what the manifest needs for it
    ///
    /// Nothing that exists is overwritten, and the manifest keeps its comments and its order. An
    /// empty folder gets a package.
    Init(Init),
    /// List the saved runs, the newest first
    Runs(Runs),
    /// Print a saved run again
    Show(Show),
    /// Write the page of a saved run or study again
    ///
    /// Each run leaves `report.html` in its folder. This writes it for a run of an earlier version,
    /// or one of `--no-report`. The path of the page is printed.
    Report(PageArguments),
    /// Merge the shares of a run that several hosts took part in
    ///
    /// Each host leaves `agent.dyno` in the folder of its share. The result is that of one run with
    /// all workers; the exit code is that of its verdict.
    Merge(MergeArguments),
    /// Compare two saved results: is NEW worse than BASE?
    ///
    /// The exit code is 0 if nothing is worse, 1 if something is, 4 if that is unclear.
    Compare(CompareArguments),
    /// Run two versions of a benchmark in turn: is NEW worse than BASE?
    ///
    /// The versions are another revision (--base) and the code as it is, two sets of flags (--a, --b),
    /// or two programs (--a-exe, --b-exe). The exit code is 0 if nothing is worse, 1 if something is,
    /// 4 if that is unclear.
    Ab(Box<AbArguments>),
    /// List the results that `--save NAME` keeps, or remove one
    Baselines(Baselines),
    /// Print a Kubernetes Job whose pods are the hosts of a run
    ///
    /// It is JSON, for `kubectl apply -f -`. Each pod is on a node without another one, and only
    /// waits: `kubectl exec` starts the benchmark in it. What to type next is printed on stderr. The
    /// form of the Job is checked against Kubernetes's types, but dyno's authors have not run it on
    /// a cluster.
    Manifest(ManifestArguments),
    /// Print a Containerfile that builds a benchmark into an image
    ///
    /// The build is that of `run`, in the image of Rust; the image of the benchmark is a slim
    /// Debian with a user that is not root. The context is the folder of the workspace.
    Containerfile(ContainerfileArguments),
    /// Print a script that completes `cargo-dyno` in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Clone, Args)]
#[command(override_usage = "cargo dyno run [OPTIONS] [NAME] [FLAGS]...")]
// A repeated flag replaces the earlier one: the caller of a script overrides its default.
#[command(args_override_self = true)]
pub(crate) struct RunArguments {
    /// The benchmark: a bench, example or bin target; not needed where there is only one
    pub(crate) name: Option<String>,

    /// The benchmark's own flags, with or without `--` before them: NAME --help lists them
    #[arg(last = true, value_name = "FLAGS")]
    pub(crate) flags: Vec<OsString>,

    #[command(flatten)]
    pub(crate) pick: TargetKindArguments,

    #[command(flatten)]
    pub(crate) place: PackageArguments,

    #[command(flatten)]
    pub(crate) build: Build,
}

/// Which kind of target, where a name alone does not say it.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub(crate) struct TargetKindArguments {
    /// The bench target of this name
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub(crate) bench: Option<String>,

    /// The example of this name
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub(crate) example: Option<String>,

    /// The binary of this name
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub(crate) bin: Option<String>,
}

/// The package.
#[derive(Debug, Clone, Args)]
pub(crate) struct PackageArguments {
    /// The package, where the workspace has several
    #[arg(short, long, value_name = "NAME")]
    pub(crate) package: Option<String>,

    #[command(flatten)]
    pub(crate) manifest: Manifest,
}

/// The manifest.
#[derive(Debug, Clone, Args)]
pub(crate) struct Manifest {
    /// Path to Cargo.toml
    #[arg(long = "manifest-path", value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
}

/// How cargo builds. Each flag means what it means in cargo.
#[derive(Debug, Clone, Args)]
pub(crate) struct Build {
    /// Features to activate, separated by spaces or commas
    #[arg(short = 'F', long)]
    features: Vec<String>,

    /// Activate all features
    #[arg(long)]
    all_features: bool,

    /// Do not activate the `default` feature
    #[arg(long)]
    no_default_features: bool,

    /// The profile; `bench` for bench targets and `release` for others where none is given
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The profile `release`
    #[arg(short, long, conflicts_with = "profile")]
    release: bool,

    /// The triple to build for
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<String>,

    /// Folder for what is built, and for the runs
    #[arg(long, value_name = "DIR")]
    pub(crate) target_dir: Option<PathBuf>,

    /// Parallel jobs of the build
    #[arg(short, long, value_name = "N")]
    jobs: Option<String>,

    /// Ignore the Rust version that a package asks for
    #[arg(long)]
    ignore_rust_version: bool,

    /// Require that Cargo.lock stays as it is
    #[arg(long)]
    locked: bool,

    /// Build without the network
    #[arg(long)]
    offline: bool,

    /// Both --locked and --offline
    #[arg(long)]
    frozen: bool,
}

impl Build {
    /// Returns the flags as cargo takes them, with `default_profile` if no profile was given.
    pub(crate) fn to_cargo(&self, default_profile: &str) -> Vec<String> {
        let profile = match &self.profile {
            Some(profile) => profile,
            None if self.release => "release",
            None => default_profile,
        };
        let mut flags = vec![format!("--profile={profile}")];
        flags.extend(self.features.iter().map(|features| format!("--features={features}")));
        flags.extend(self.jobs.iter().map(|jobs| format!("--jobs={jobs}")));
        flags.extend(self.target.iter().map(|triple| format!("--target={triple}")));
        let switches = [
            (self.all_features, "--all-features"),
            (self.no_default_features, "--no-default-features"),
            (self.ignore_rust_version, "--ignore-rust-version"),
            (self.locked, "--locked"),
            (self.offline, "--offline"),
            (self.frozen, "--frozen"),
        ];
        flags.extend(switches.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()));
        flags
    }
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) place: PackageArguments,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct Init {
    /// The benchmark's name [default: the task's]
    pub(crate) name: Option<String>,

    /// The kind of task to generate [default: asked on a terminal, else blank]
    #[arg(long, value_enum)]
    pub(crate) task: Option<Template>,

    /// Where the dependency comes from
    #[arg(long, value_enum, default_value_t = Dep::Path)]
    pub(crate) dep: Dep,

    #[command(flatten)]
    pub(crate) place: PackageArguments,
}

/// The task of a new benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// A function to replace with yours, a parameter, a metric and a plot
    Blank,
    /// Requests to an HTTP server
    Http,
    /// Prepared queries to a Postgres server
    Postgres,
    /// Writes and reads on a Redis server
    Redis,
}

/// The source of the dependency on dyno.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dep {
    /// The checkout that this cargo-dyno was built from
    Path,
    /// dyno's repository
    Git,
    /// The registry, in this cargo-dyno's version
    Version,
}

/// For the list of commands and for completions, as `http`: see [`crate::exec`] and [`crate::pipe`].
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The command and its arguments, behind the flags and `--`
    #[arg(last = true, value_name = "COMMAND")]
    _command: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct Runs {
    /// Only the runs of this benchmark
    pub(crate) benchmark: Option<String>,

    #[command(flatten)]
    pub(crate) place: RunsPlace,
}

/// The place of the saved runs: that of the package, or of another target folder.
#[derive(Debug, Args)]
pub(crate) struct RunsPlace {
    #[command(flatten)]
    pub(crate) manifest: Manifest,

    /// The folder that `run --target-dir` was given
    #[arg(long, value_name = "DIR")]
    pub(crate) target_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct Show {
    /// A run as `runs` names it, a benchmark's name for its newest, or a path to a run's folder
    /// [default: the newest]
    pub(crate) run: Option<String>,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) place: RunsPlace,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct PageArguments {
    /// A run as `runs` names it, a benchmark's name for its newest, or a path to a run's folder
    /// [default: the newest]
    pub(crate) run: Option<String>,

    /// Open the page in the browser
    #[arg(long)]
    pub(crate) open: bool,

    #[command(flatten)]
    pub(crate) place: RunsPlace,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct MergeArguments {
    /// The folder of each host's share, in any order
    #[arg(required = true, value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,

    /// Format of the result
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,

    /// Keep the result in this folder, as that of a run
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct CompareArguments {
    /// A baseline, a run as `runs` names it, a benchmark's name for its newest, or a path
    pub(crate) base: String,

    /// The result that is judged, as BASE [default: the newest]
    pub(crate) new: Option<String>,

    #[command(flatten)]
    pub(crate) figures: CompareFigures,

    /// Compare even if benchmark, flags, workers or machine differ
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) place: RunsPlace,
}

#[derive(Debug, Args)]
#[command(override_usage = "cargo dyno ab [OPTIONS] [NAME] [FLAGS]...")]
#[command(args_override_self = true)]
pub(crate) struct AbArguments {
    /// The revision to compare with, such as main or v1.2: it is built in a separate worktree
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<String>,

    /// More flags for BASE, such as '-w 2 -P size=10'
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    pub(crate) a: Option<String>,

    /// More flags for NEW
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    pub(crate) b: Option<String>,

    /// The program of BASE: a benchmark; of `ab exec` and `ab pipe`, the command
    #[arg(long, value_name = "PROGRAM", requires = "b_exe")]
    pub(crate) a_exe: Option<PathBuf>,

    /// The program of NEW
    #[arg(long, value_name = "PROGRAM", requires = "a_exe")]
    pub(crate) b_exe: Option<PathBuf>,

    /// The longest time of all runs, after the build
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub(crate) time: String,

    #[command(flatten)]
    pub(crate) figures: CompareFigures,

    #[command(flatten)]
    pub(crate) run: RunArguments,
}

/// The figures of a comparison, and its form.
#[derive(Debug, Args)]
pub(crate) struct CompareFigures {
    /// A figure that the exit code depends on, such as response.p99 or rows.mean=higher; may be
    /// repeated [default: service.mean, response.p50]
    #[arg(long, value_name = "METRIC.STAT", value_delimiter = ',')]
    pub(crate) metric: Vec<String>,

    /// The difference that counts as none, such as 2% or p99=10%; may be repeated [default: 5%,
    /// p99=25%]
    #[arg(long, value_name = "SHARE", value_delimiter = ',')]
    pub(crate) tolerance: Vec<String>,

    /// Format of the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,

    /// Write the answer also as a page for browsers, such as comparison.html
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct Baselines {
    /// Only the baselines of this benchmark
    pub(crate) benchmark: Option<String>,

    /// Remove the baseline of this name; its run is then one of the others
    #[arg(long, value_name = "NAME")]
    pub(crate) remove: Option<String>,

    #[command(flatten)]
    pub(crate) place: RunsPlace,
}

/// The hosts of a run on Kubernetes. The values are texts, so that each is refused in one line.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct ManifestArguments {
    /// The image of the pods: it needs `sh`, and what the benchmark needs
    #[arg(long)]
    pub(crate) image: String,

    /// The number of hosts: each is a pod, on a node without another one
    #[arg(long, value_name = "N")]
    pub(crate) hosts: String,

    /// The name of the Job
    #[arg(long, default_value = "dyno")]
    pub(crate) name: String,

    /// The namespace [default: that of kubectl]
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// Whole processors that each pod requests; it may use more if they are idle
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) cpus: String,

    /// Memory that each pod requests, such as 512Mi or 4Gi
    #[arg(long, value_name = "SIZE", default_value = "1Gi")]
    pub(crate) memory: String,

    /// The time after which Kubernetes ends the pods, with the run in them
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(crate) deadline: String,
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct ContainerfileArguments {
    /// The benchmark: a bench, example or bin target; not needed where there is only one
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) pick: TargetKindArguments,

    #[command(flatten)]
    pub(crate) place: PackageArguments,
}

#[cfg(test)]
mod tests;
