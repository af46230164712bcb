//! Builds a benchmark by cargo, and becomes it.
//!
//! Cargo reports in its JSON messages which executable it built; its own output goes to the
//! terminal as always. The benchmark then takes this process's place: its signals, its terminal
//! and its exit code are its own, with nothing between it and the caller. `cargo bench` would stay
//! between them: it changes the exit code, prints another message, and passes no signal on.
//! So the program is started here, as cargo would start it: with its variables, its library path
//! and the configured runner.

mod configuration;
mod environment;
mod harness;
mod libraries;
mod platform;

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::BufReader;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use anyhow::Context;
use cargo_metadata::{Artifact, Message, Metadata, TargetKind};

use self::configuration::Configuration;
pub(crate) use self::harness::has_own_main;
use self::platform::Platform;
use crate::args::{Build, RunArguments};
use crate::targets::{self, CargoRefused, Kind, Target, Wanted};

/// The variable that tells a benchmark where runs are kept, and that `cargo dyno` started it.
pub(crate) const TARGET_VARIABLE: &str = "DYNO_TARGET_DIR";
/// The variable that holds the id of the process that has to run a benchmark: the one that
/// `cargo dyno run` becomes, and none of the processes that it starts.
const PROCESS_VARIABLE: &str = "DYNO_RUN_PROCESS";

/// The results of a build.
#[derive(Debug, Default)]
struct Built {
    executable: Option<PathBuf>,
    /// Folders of shared libraries that build scripts made.
    script_folders: Vec<PathBuf>,
    /// Shared libraries that cargo built.
    libraries: Vec<PathBuf>,
    /// Variables that the package's own build script set, and those that name its programs.
    variables: Vec<(OsString, OsString)>,
}

/// The folders for what cargo builds.
struct Folders {
    /// The folder for files that are kept, runs among them.
    target: PathBuf,
    /// The folder for intermediate files; the same one unless `build.build-dir` names another.
    build: PathBuf,
}

impl Folders {
    fn of(metadata: &Metadata, flags: &Build) -> anyhow::Result<Self> {
        let target = match &flags.target_dir {
            Some(folder) => targets::current_folder()?.join(folder),
            None => metadata.target_directory.clone().into(),
        };
        let build = metadata.build_directory.clone().map(PathBuf::from);
        Ok(Self { build: build.unwrap_or_else(|| target.clone()), target })
    }

    fn hold(&self, path: &Path) -> bool {
        path.starts_with(&self.target) || path.starts_with(&self.build)
    }
}

/// Runs `cargo dyno run`; returns only if the benchmark could not be started.
pub(crate) fn run(run: &RunArguments) -> anyhow::Result<Infallible> {
    let (mut command, not_started) = prepared(run)?;
    command.env(PROCESS_VARIABLE, std::process::id().to_string());
    Err(command.exec()).context(not_started)
}

/// Builds a benchmark, and returns the command that starts it.
pub(crate) fn command(run: &RunArguments) -> anyhow::Result<Command> {
    Ok(prepared(run)?.0)
}

/// Builds a benchmark, and returns the command that starts it, with the message for its failure.
fn prepared(run: &RunArguments) -> anyhow::Result<(Command, String)> {
    let metadata = targets::metadata(run.place.manifest.path.as_deref())?;
    let wanted = Wanted::of(run.name.as_deref(), &run.pick, &run.place);
    let target = targets::find(&metadata, &wanted)?;
    harness::check(&target)?;
    let folders = Folders::of(&metadata, &run.build)?;
    let built = build(&target, &run.build, &folders)?;
    let package = metadata.packages.iter().find(|package| package.id == target.package_id);
    let mut environment = environment::of_package(package.context("cargo lists its packages")?);
    environment.extend(built.variables.iter().cloned());
    environment.push((TARGET_VARIABLE.into(), folders.target.clone().into()));
    starter(&target, &built, &folders, environment, run)
}

/// Builds one target of one package.
fn build(target: &Target, flags: &Build, folders: &Folders) -> anyhow::Result<Built> {
    let mut cargo = targets::cargo_command()
        .args(["build", "--message-format=json-render-diagnostics", "--manifest-path"])
        .arg(&target.manifest_path)
        .args(["--package", &target.package_id.repr])
        .args([format!("--{}", target.kind.word()), target.name.clone()])
        .args(flags.to_cargo(target.kind.profile()))
        .arg("--target-dir")
        .arg(&folders.target)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| targets::cargo_missing(&error))?;
    let stdout = cargo.stdout.take().expect("it is piped");
    let read = read_messages(stdout, target, folders);
    // Cargo's status is checked before `read`: if cargo refused, it has printed the reason itself.
    let status = cargo.wait().context("can't wait for cargo")?;
    if !status.success() {
        return Err(CargoRefused.into());
    }
    read
}

fn read_messages(stdout: ChildStdout, target: &Target, folders: &Folders) -> anyhow::Result<Built> {
    let mut built = Built::default();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        match message.context("can't read cargo's messages")? {
            Message::CompilerArtifact(artifact) if is_of(&artifact, target) => {
                built.executable = artifact.executable.map(PathBuf::from);
            }
            Message::CompilerArtifact(artifact) => {
                // Only tests and benches can start the programs of their package.
                if target.kind == Kind::Bench && artifact.package_id == target.package_id {
                    built.variables.extend(program_variable(&artifact));
                }
                built.libraries.extend(shared(artifact));
            }
            Message::BuildScriptExecuted(script) => {
                let linked = script.linked_paths.iter().map(|path| {
                    // As cargo writes them: `native=/folder`, or the folder alone.
                    let path = path.as_str();
                    PathBuf::from(path.split_once('=').map_or(path, |(_, folder)| folder))
                });
                built.script_folders.extend(linked.filter(|path| folders.hold(path)));
                if script.package_id == target.package_id {
                    let out = ("OUT_DIR".into(), script.out_dir.into_os_string());
                    let set =
                        script.env.into_iter().map(|(name, value)| (name.into(), value.into()));
                    built.variables.extend(std::iter::once(out).chain(set));
                }
            }
            _ => {}
        }
    }
    Ok(built)
}

/// Returns `true` if cargo made the artifact from the target.
fn is_of(artifact: &Artifact, target: &Target) -> bool {
    let kind = match target.kind {
        Kind::Bench => TargetKind::Bench,
        Kind::Example => TargetKind::Example,
        Kind::Bin => TargetKind::Bin,
    };
    artifact.package_id == target.package_id
        && artifact.target.name == target.name
        && artifact.target.kind.contains(&kind)
}

/// Returns the variable that names a program of the package; `None` for other artifacts.
fn program_variable(artifact: &Artifact) -> Option<(OsString, OsString)> {
    let program = artifact.executable.as_ref().filter(|_| artifact.target.is_bin())?;
    Some((format!("CARGO_BIN_EXE_{}", artifact.target.name).into(), program.as_str().into()))
}

/// Returns the shared libraries of an artifact that a program may need.
fn shared(artifact: Artifact) -> impl Iterator<Item = PathBuf> {
    let is_for_programs = artifact.target.is_dylib() || artifact.target.is_cdylib();
    let files = artifact.filenames.into_iter().filter(move |_| is_for_programs);
    let is_shared =
        |file: &PathBuf| file.extension().is_some_and(|ending| ending == "so" || ending == "dylib");
    files.map(PathBuf::from).filter(is_shared)
}

/// Returns the command of the benchmark, in the environment that cargo would give it.
fn starter(
    target: &Target,
    built: &Built,
    folders: &Folders,
    environment: Vec<(OsString, OsString)>,
    run: &RunArguments,
) -> anyhow::Result<(Command, String)> {
    let executable = built
        .executable
        .as_deref()
        .with_context(|| format!("cargo built no executable for `{}`", target.name))?;
    harness::check_program(&target.name, executable, &built.libraries)?;
    let configuration = Configuration::here()?;
    let platform = Platform::of(run.build.target.as_deref(), &configuration);
    let runner = configuration.runner(&platform.triple, &platform.cfg);
    let mut command = Command::new(runner.as_ref().map_or(executable, |runner| &runner.program));
    if let Some(runner) = &runner {
        command.args(&runner.arguments).arg(executable);
    }
    // `cargo bench` passes it too: it tells a benchmark that it isn't run as a test.
    if target.kind == Kind::Bench && !run.flags.iter().any(|flag| flag == "--bench") {
        command.arg("--bench");
    }
    command.args(&run.flags).envs(configuration.variables()).envs(environment);
    let of_artifacts: Vec<PathBuf> =
        built.libraries.iter().filter_map(|file| Some(file.parent()?.to_owned())).collect();
    let of_build = libraries::of_build(executable, &folders.target, &folders.build);
    let of_rust = platform.libraries.as_deref();
    let path = libraries::search_path(&built.script_folders, &of_artifacts, &of_build, of_rust)?;
    command.env(libraries::VARIABLE, path);
    // `cargo bench` starts a benchmark in its package, `cargo run` where it was called.
    if target.kind == Kind::Bench
        && let Some(folder) = target.manifest_path.parent()
    {
        command.current_dir(folder);
    }
    let not_started = match &runner {
        Some(runner) => format!(
            "can't start `{}`, the `runner` that cargo's configuration names for {}",
            runner.program.display(),
            platform.triple
        ),
        None => format!("can't start {}", executable.display()),
    };
    Ok((command, not_started))
}
