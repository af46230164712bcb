//! `cargo xtask tidy`: rules that no compiler checks, and that reviewers would otherwise repeat.
//!
//! Each rule is a pure function of a file's content, in the module for the kind of file. This file
//! owns the walk over the tree, the choice of rules for each file, and the report.

mod arrows;
mod changelog;
mod circles;
mod docs;
mod language;
mod listed;
mod manifest;
mod names;
mod rust;
mod source;
mod text;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::command::{metadata, root};
use source::Source;

/// The treatment of findings.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Rewrite the code that the docs show from the files that it comes from
    #[arg(long)]
    fix: bool,
}

/// Files that must be in the repository's root.
const REQUIRED: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// A rule's message about one line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// The number of the line, counted from 1.
    line: usize,
    message: String,
}

impl Finding {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// A file of the tree.
struct File {
    /// The path from the repository's root, with slashes.
    path: String,
    content: String,
}

/// The findings and notes of all files.
#[derive(Default)]
struct Report {
    /// Each as `path:line: message`; one is enough to fail the task.
    findings: Vec<String>,
    /// In the same form, lengths that miss an aim without breaking a limit.
    notes: Vec<String>,
}

impl Report {
    fn add(&mut self, path: &str, findings: Vec<Finding>) {
        let shown = findings.into_iter().map(|f| format!("{path}:{}: {}", f.line, f.message));
        self.findings.extend(shown);
    }

    fn note(&mut self, path: &str, notes: Vec<Finding>) {
        let shown = notes.into_iter().map(|f| format!("{path}:{}: {}", f.line, f.message));
        self.notes.extend(shown);
    }
}

/// Checks the tree; with `--fix`, first updates the code that the docs show of other files.
///
/// # Errors
/// If there is a finding, or a file can't be read.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut files = Vec::new();
    walk(root(), "", &mut files)?;
    if arguments.fix {
        fix(&mut files)?;
    }
    let mut report = Report::default();
    for path in REQUIRED.into_iter().filter(|path| !root().join(path).is_file()) {
        report.add(path, vec![Finding::new(1, "is missing")]);
    }
    for file in &files {
        check(file, &mut report);
    }
    arrows::check_modules(&files, &mut report);
    listed::check(&files, &mut report);
    circles::check(&files, &mut report);
    names::check(&files, &mut report);
    language::check(&files, &mut report);
    let metadata = metadata()?;
    for package in &metadata.packages {
        let path = &package.manifest_path;
        let content = fs::read_to_string(path).with_context(|| format!("{path} can't be read"))?;
        let path = path.strip_prefix(root()).unwrap_or(path);
        report.add(path.as_str(), manifest::inherits(&content));
        report.add(path.as_str(), arrows::crates(package));
    }
    for note in &report.notes {
        println!("note: {note}");
    }
    for finding in &report.findings {
        println!("{finding}");
    }
    match report.findings.len() {
        0 => Ok(()),
        1 => bail!("one thing is untidy"),
        count => bail!("{count} things are untidy"),
    }
}

/// Applies every rule that needs one file alone.
fn check(file: &File, report: &mut Report) {
    let File { path, content } = file;
    report.add(path, text::check(path, content));
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    match extension {
        Some("rs") => {
            let source = Source::new(content);
            report.add(path, rust::check(&source));
            report.note(path, rust::aims(&source));
            if path.starts_with("crates/") && path.contains("/src/") {
                report.add(path, rust::sleeps(&source));
            }
        }
        Some("md") => {
            report.add(path, docs::stale(content, read));
            report.add(
                path,
                docs::broken_links(path, content, |target| root().join(target).exists()),
            );
        }
        _ => {}
    }
    match path.as_str() {
        "README.md" => report.add(path, docs::copies(content)),
        "CHANGELOG.md" => report.add(path, changelog::check(content, env!("CARGO_PKG_VERSION"))),
        "Cargo.toml" => report.add(path, manifest::reasons(content)),
        _ => {}
    }
}

/// Updates the code that documents show of other files.
fn fix(files: &mut [File]) -> Result<()> {
    for file in files.iter_mut().filter(|file| file.path.ends_with(".md")) {
        let fresh = docs::refreshed(&file.content, read);
        if fresh != file.content {
            fs::write(root().join(&file.path), &fresh)
                .with_context(|| format!("{} can't be written", file.path))?;
            println!("wrote {}", file.path);
            file.content = fresh;
        }
    }
    Ok(())
}

/// Reads a file that a document shows; `None` if it can't be read.
fn read(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// Returns `true` for a file of a crate that serves its tests alone.
fn is_of_tests(path: &str) -> bool {
    ["tests", "simulat", "fixture"].iter().any(|part| path.contains(part))
}

/// Collects the text files below a folder, in order. Skips build output, saved runs and git's
/// files; skips links too, because their targets are in the tree themselves.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<()> {
    let unreadable = || format!("{} can't be read", folder.display());
    let entries = fs::read_dir(folder).with_context(unreadable)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().with_context(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().with_context(unreadable)?;
        if kind.is_dir() && !["target", "dyno-runs", ".git"].contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && text::is_text(&path) {
            let content =
                fs::read_to_string(entry.path()).with_context(|| format!("{path} is no text"))?;
            files.push(File { path, content });
        }
    }
    Ok(())
}
