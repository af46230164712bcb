//! Builds a benchmark by cargo, and becomes it.
//!
//! Cargo says in its JSON messages which executable it built; its own words go to the terminal as
//! always. The benchmark then takes this process's place: its signals, its terminal and its exit
//! code are its own, with nobody between it and whoever started us.

mod environment;
mod harness;

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::BufReader;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use anyhow::Context;
use cargo_metadata::{Message, TargetKind};

use crate::args::{Build, Run};
use crate::targets::{self, CargoRefused, Kind, Target, Wanted};

/// Where the system's loader looks for shared libraries, as `cargo run` sets it.
#[cfg(target_os = "macos")]
const LIBRARY_PATH: &str = "DYLD_FALLBACK_LIBRARY_PATH";
/// Where the system's loader looks for shared libraries, as `cargo run` sets it.
#[cfg(not(target_os = "macos"))]
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// The variable by which a benchmark learns where runs are kept, and that `cargo dyno` started it.
pub(crate) const TARGET_VARIABLE: &str = "DYNO_TARGET_DIR";

/// What a build left.
#[derive(Debug, Default)]
struct Built {
    executable: Option<PathBuf>,
    /// Folders of shared libraries that build scripts made.
    libraries: Vec<PathBuf>,
    /// Variables that the package's own build script set.
    variables: Vec<(OsString, OsString)>,
}

/// `cargo dyno run`: returns only if the benchmark could not be started.
pub(crate) fn run(run: &Run) -> anyhow::Result<Infallible> {
    let metadata = targets::metadata(run.place.manifest.path.as_deref())?;
    let wanted = Wanted::of(run);
    let target = targets::find(&metadata, &wanted)?;
    harness::check(&target)?;
    let target_folder = match &run.build.target_dir {
        Some(folder) => targets::current_folder()?.join(folder),
        None => metadata.target_directory.clone().into(),
    };
    let built = build(&target, &run.build, &target_folder)?;
    let package = metadata.packages.iter().find(|package| package.id == target.package_id);
    let mut environment = environment::of_package(package.context("cargo lists its packages")?);
    environment.push((TARGET_VARIABLE.into(), target_folder.into()));
    become_benchmark(&target, &built, environment, &run.flags)
}

/// Builds one target of one package.
fn build(target: &Target, flags: &Build, target_folder: &Path) -> anyhow::Result<Built> {
    let mut cargo = targets::cargo_command()
        .args(["build", "--message-format=json-render-diagnostics", "--manifest-path"])
        .arg(&target.manifest_path)
        .args(["--package", &target.package_id.repr])
        .args([format!("--{}", target.kind.word()), target.name.clone()])
        .args(flags.to_cargo(target.kind.profile()))
        .arg("--target-dir")
        .arg(target_folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| targets::cargo_missing(&error))?;
    let stdout = cargo.stdout.take().expect("it is piped");
    let read = read_messages(stdout, target, target_folder);
    // Cargo is waited for first: what it refuses, it has said itself.
    let status = cargo.wait().context("can't wait for cargo")?;
    if !status.success() {
        return Err(CargoRefused.into());
    }
    read
}

fn read_messages(
    stdout: ChildStdout,
    target: &Target,
    target_folder: &Path,
) -> anyhow::Result<Built> {
    let kind = match target.kind {
        Kind::Bench => TargetKind::Bench,
        Kind::Example => TargetKind::Example,
        Kind::Bin => TargetKind::Bin,
    };
    let mut built = Built::default();
    for message in Message::parse_stream(BufReader::new(stdout)) {
        match message.context("can't read cargo's messages")? {
            Message::CompilerArtifact(artifact)
                if artifact.package_id == target.package_id
                    && artifact.target.name == target.name
                    && artifact.target.kind.contains(&kind) =>
            {
                built.executable = artifact.executable.map(PathBuf::from);
            }
            Message::BuildScriptExecuted(script) => {
                let folders = script.linked_paths.iter().map(|path| {
                    // As cargo writes them: `native=/folder`, or the folder alone.
                    let path = path.as_str();
                    PathBuf::from(path.split_once('=').map_or(path, |(_, folder)| folder))
                });
                built.libraries.extend(folders.filter(|path| path.starts_with(target_folder)));
                if script.package_id == target.package_id {
                    let out = ("OUT_DIR".into(), script.out_dir.into_os_string());
                    let set =
                        script.env.into_iter().map(|(name, value)| (name.into(), value.into()));
                    built.variables = std::iter::once(out).chain(set).collect();
                }
            }
            _ => {}
        }
    }
    Ok(built)
}

/// Becomes the benchmark, in the environment in which cargo would start it.
fn become_benchmark(
    target: &Target,
    built: &Built,
    environment: Vec<(OsString, OsString)>,
    flags: &[OsString],
) -> anyhow::Result<Infallible> {
    let executable = built
        .executable
        .as_deref()
        .with_context(|| format!("cargo built no executable for `{}`", target.name))?;
    harness::check_program(&target.name, executable)?;
    let mut command = Command::new(executable);
    // As `cargo bench` does: by it, a benchmark knows that it isn't run as a test.
    if target.kind == Kind::Bench && !flags.iter().any(|flag| flag == "--bench") {
        command.arg("--bench");
    }
    command.args(flags);
    for (name, value) in environment::configured()? {
        command.env(name, value);
    }
    command.envs(environment).envs(built.variables.iter().cloned());
    // `cargo bench` starts a benchmark in its package, `cargo run` where it was called.
    if target.kind == Kind::Bench
        && let Some(folder) = target.manifest_path.parent()
    {
        command.current_dir(folder);
    }
    if let Some(path) = library_path(&built.libraries, executable)? {
        command.env(LIBRARY_PATH, path);
    }
    let error = command.exec();
    Err(error).with_context(|| format!("can't start {}", executable.display()))
}

/// The loader's path with the build's own folders first; `None` where nothing needs one.
fn library_path(libraries: &[PathBuf], executable: &Path) -> anyhow::Result<Option<OsString>> {
    if libraries.is_empty() {
        return Ok(None);
    }
    let beside = executable.parent().map(Path::to_owned);
    let inherited = std::env::var_os(LIBRARY_PATH).unwrap_or_default();
    let folders = libraries.iter().cloned().chain(beside).chain(std::env::split_paths(&inherited));
    std::env::join_paths(folders).map(Some).context("a library's folder has a `:` in its name")
}
