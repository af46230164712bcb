//! `cargo dyno containerfile`: a Containerfile that builds a benchmark into an image.
//!
//! The build is that of `cargo dyno run`, with the workspace as its context. Cargo reports where it
//! put the program, since the file of a bench target has a hash in its name.

use std::path::Path;

use cargo_metadata::Metadata;

use crate::args::ContainerfileArguments;
use crate::init::check_name;
use crate::manifest::USER;
use crate::note;
use crate::targets::{self, Target, Wanted};

/// The images of the build and of the benchmark: one system, so that the libraries are the same.
const BUILD_IMAGE: &str = "docker.io/library/rust:1-slim-trixie";
const IMAGE: &str = "docker.io/library/debian:trixie-slim";
/// The files that keep folders out of an image.
const IGNORE_FILES: [&str; 2] = [".containerignore", ".dockerignore"];

/// Returns the Containerfile, and prints on stderr how to use it.
///
/// # Errors
/// If no target, or more than one, is meant.
pub(crate) fn containerfile(line: &ContainerfileArguments) -> anyhow::Result<String> {
    let metadata = targets::metadata(line.place.manifest.path.as_deref())?;
    let wanted = Wanted::of(line.name.as_deref(), &line.pick, &line.place);
    let target = targets::find(&metadata, &wanted)?;
    check_name(&target.name)?;
    let context = metadata.workspace_root.as_std_path();
    for outside in outside(&metadata) {
        note(&format!("warning: {outside}"));
    }
    note(&steps(&target.name, context));
    Ok(text(&target, context.join("Cargo.lock").is_file()))
}

/// Returns the Containerfile of a target. All of its words are those of names that cargo accepts.
fn text(target: &Target, is_locked: bool) -> String {
    let (name, kind) = (&target.name, target.kind.word());
    let profile = target.kind.profile();
    let package = &target.package;
    let locked = if is_locked { " --locked" } else { "" };
    format!(
        r#"# The benchmark `{name}`, to be built with the folder of the workspace as the context.

FROM {BUILD_IMAGE} AS build
WORKDIR /build
COPY . .
RUN cargo build --profile={profile} --package={package} --{kind}={name}{locked} \
      --message-format=json-render-diagnostics >/messages \
 && cp "$(sed -n '/"kind":\["{kind}"\].*"name":"{name}"/s/.*"executable":"\([^"]*\)".*/\1/p' /messages)" /{name}

FROM {IMAGE}
RUN useradd --uid {USER} --user-group --create-home dyno
COPY --from=build /{name} /usr/local/bin/{name}
# A number, by which Kubernetes can tell that it is not root.
USER {USER}:{USER}
WORKDIR /home/dyno
ENTRYPOINT ["/usr/local/bin/{name}"]
"#
    )
}

/// Returns a message for each dependency of the workspace that is not in the context.
fn outside(metadata: &Metadata) -> Vec<String> {
    let context = &metadata.workspace_root;
    let dependencies = metadata.workspace_packages().into_iter().flat_map(|package| {
        package.dependencies.iter().map(move |dependency| (&package.name, dependency))
    });
    let outside = dependencies.filter_map(|(package, dependency)| {
        let path = dependency.path.as_ref().filter(|path| !path.starts_with(context))?;
        let name = &dependency.name;
        Some(format!(
            "the build will not find `{name}`, which `{package}` takes from {path}: it is outside \
             of {context}; depend on its repository or a version instead"
        ))
    });
    outside.collect()
}

/// Returns the command that builds the image, and what to do before it.
fn steps(name: &str, context: &Path) -> String {
    let context_text = context.display();
    let mut text = format!(
        "next, with this output as the input:\n  docker build -t {name} -f - {context_text}"
    );
    if !IGNORE_FILES.iter().any(|file| context.join(file).is_file()) {
        text += &format!(
            "\nnote: a line `target` in {context_text}/.dockerignore keeps what is built here out \
             of it"
        );
    }
    text
}
