//! The arrows of the design: the dependencies that are allowed between crates, and between the
//! modules of `dyno`.
//!
//! ```text
//!            ┌─ emitter ←┐
//! summary ← bus            ├ dyno ← cargo-dyno   inside dyno, from the lowest to the highest:
//!            └─ observer ←┘                      task · plan · settings · verdict · study
//!                                                worker · primary · result · report · bench · cli
//! ```
//!
//! All crates but the emitter and `xtask` may use the summary too: it is the contract of a result.
//!
//! Worker and primary never name each other: they share messages only. `primary` prints nothing,
//! `report` starts no process, `observer` reads no clock and does no I/O, and the emitter holds no
//! histogram.

use std::collections::BTreeMap;

use cargo_metadata::Package;

use super::source::{Source, is_word, words};
use super::{File, Finding, Report, is_of_tests};

/// The crates of this workspace that each crate may depend on.
const CRATES: [(&str, &[&str]); 6] = [
    ("dyno-summary", &[]),
    ("dyno-bus", &["dyno-summary"]),
    ("dyno-emitter", &["dyno-bus"]),
    ("dyno-observer", &["dyno-summary", "dyno-bus"]),
    ("dyno-bench", &["dyno-summary", "dyno-bus", "dyno-emitter", "dyno-observer"]),
    ("cargo-dyno", &["dyno-summary", "dyno-bus", "dyno-bench"]),
];
/// Dependencies from elsewhere that would break a promise of a crate.
const BANNED: [(&str, &str); 1] = [("dyno-emitter", "hdrhistogram")];

/// The modules of `dyno`, from the lowest to the highest, and the modules that each may name. A
/// module that is missing from the list is a finding.
const MODULES: [(&str, &[&str]); 21] = [
    ("identity", &[]),
    ("answer", &[]),
    ("lateness", &[]),
    ("keyboard", &[]),
    ("sha256", &[]),
    ("task", &[]),
    ("processes", &["identity"]),
    ("harness", &["answer"]),
    ("plan", &[]),
    ("settings", &["plan"]),
    ("verdict", &["plan"]),
    ("study", &["plan", "verdict"]),
    ("worker", &["identity", "processes", "lateness", "keyboard", "task"]),
    ("primary", &["identity", "processes", "lateness", "plan", "verdict"]),
    ("result", &["plan", "settings", "primary"]),
    ("hosts", &["identity", "plan", "primary", "settings", "sha256", "verdict"]),
    ("error", &["settings", "primary"]),
    (
        "report",
        &[
            "comparison",
            "harness",
            "keyboard",
            "task",
            "plan",
            "settings",
            "verdict",
            "primary",
            "result",
            "sha256",
        ],
    ),
    (
        "bench",
        &[
            "answer",
            "error",
            "harness",
            "hosts",
            "identity",
            "plan",
            "primary",
            "processes",
            "result",
            "settings",
            "task",
            "worker",
        ],
    ),
    ("trials", &["bench", "error", "plan", "primary", "result", "settings", "study", "verdict"]),
    ("comparison", &["plan", "primary", "settings", "study"]),
];
/// The modules that may name all others, and that none of those names: the command line, and what
/// exists for tests and this workspace's own programs.
const ABOVE: [&str; 3] = ["cli", "simulation", "internal"];

/// Names that files below a folder must not use, as part of a path or as a macro, and the reason.
/// Files of tests may use them, because they act as the caller.
const REFUSED: [(&str, &[&str], &str); 3] = [
    (
        "crates/dyno-observer/src/",
        &["clock::now", "clock::wall", "time::Instant", "time::SystemTime", "std::fs", "std::net"],
        "the observer asks no clock and does no I/O: its caller passes the time",
    ),
    (
        "crates/dyno/src/primary",
        &["print!", "println!", "eprint!", "eprintln!"],
        "the primary prints nothing: it tells the reporter",
    ),
    ("crates/dyno/src/report", &["process::Command", "Command::new"], "the report starts nothing"),
];

/// The folder of the modules with arrows.
const DYNO: &str = "crates/dyno/src/";

/// Finds dependencies between crates that point the wrong way.
pub(super) fn crates(package: &Package) -> Vec<Finding> {
    let names: Vec<_> =
        package.dependencies.iter().map(|dependency| dependency.name.as_str()).collect();
    wrong_crates(&package.name, &names)
        .into_iter()
        .map(|message| Finding::new(1, message))
        .collect()
}

fn wrong_crates(package: &str, dependencies: &[&str]) -> Vec<String> {
    let Some((_, allowed)) = CRATES.iter().find(|(name, _)| *name == package) else {
        return vec![];
    };
    let is_ours = |name: &str| CRATES.iter().any(|(ours, _)| *ours == name);
    let is_wrong =
        |name: &str| is_ours(name) && !allowed.contains(&name) || BANNED.contains(&(package, name));
    let wrong = dependencies.iter().filter(|name| is_wrong(name));
    wrong.map(|name| format!("{package} depends on {name}: the arrows forbid it")).collect()
}

/// Checks every module of every crate that has arrows.
pub(super) fn check_modules(files: &[File], report: &mut Report) {
    let library = files.iter().find(|file| file.path == format!("{DYNO}lib.rs"));
    let aliases = library.map(|file| aliases(&Source::new(&file.content))).unwrap_or_default();
    for File { path, content } in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let source = Source::new(content);
        report.add(path, refused(path, &source));
        if let Some(file) = path.strip_prefix(DYNO) {
            // The tests of a module are not part of it.
            let code = content.split("mod tests {").next().unwrap_or_default();
            report.add(path, wrong_modules(file, &Source::new(code), &aliases));
        }
    }
}

/// Finds names that [`REFUSED`] forbids in a file.
fn refused(file: &str, source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.ends_with("/tests.rs") {
        return findings;
    }
    for (_, names, why) in REFUSED.iter().filter(|(folder, ..)| file.starts_with(folder)) {
        for (line, path) in paths(&source.code) {
            if names.iter().any(|name| has_segments(&path, name)) {
                findings.push(Finding::new(line, format!("`{path}`: {why}")));
            }
        }
        for (line, code) in source.code_lines() {
            for name in names.iter().filter(|name| calls(code, name)) {
                findings.push(Finding::new(line, format!("`{name}`: {why}")));
            }
        }
    }
    findings
}

/// Returns `true` if a line calls the macro `name`, such as `print!`. A macro whose name only ends
/// the same does not count.
fn calls(code: &str, name: &str) -> bool {
    let mut before = code.match_indices(name).map(|(at, _)| &code[..at]);
    name.ends_with('!') && before.any(|before| !before.ends_with(is_word))
}

/// Returns `true` if the segments of `name` follow each other in `path`.
fn has_segments(path: &str, name: &str) -> bool {
    format!("::{path}::").contains(&format!("::{name}::"))
}

/// Finds uses between modules of `dyno` that point the wrong way. `file` is a path below `src/`.
fn wrong_modules(file: &str, source: &Source<'_>, aliases: &Aliases) -> Vec<Finding> {
    let module: Vec<_> = file.trim_end_matches(".rs").split('/').collect();
    if file == "lib.rs" || ABOVE.contains(&module[0]) || is_of_tests(file) {
        return vec![];
    }
    let Some((own, allowed)) = MODULES.iter().find(|(name, _)| *name == module[0]) else {
        let message = format!("`{}` is not in the list of arrows, in {}", module[0], file!());
        return vec![Finding::new(1, message)];
    };
    let mut findings = Vec::new();
    for (line, path) in paths(&source.code) {
        let Some(named) = top_module(&module, &path) else { continue };
        let named = aliases.get(named).map_or(named, String::as_str);
        let is_module = MODULES.iter().any(|(name, _)| *name == named) || ABOVE.contains(&named);
        if is_module && named != *own && !allowed.contains(&named) {
            let message = format!("`{path}`: {own} must not know {named}");
            findings.push(Finding::new(line, message));
        }
    }
    findings
}

/// Returns the segment right below the crate's root in a path; `None` for a path that does not
/// begin in this crate.
fn top_module<'a>(module: &[&'a str], path: &'a str) -> Option<&'a str> {
    let mut segments = path.split("::").peekable();
    match segments.next()? {
        "crate" => segments.next(),
        "super" => {
            // The first `super` leads to the parent, each further one a module up. At the root, the
            // next segment names the module.
            let mut above = &module[..module.len() - 1];
            while segments.next_if_eq(&"super").is_some() {
                above = above.split_last().map_or(above, |(_, above)| above);
            }
            above.first().copied().or_else(|| segments.next())
        }
        _ => None,
    }
}

/// Names that the crate's root exports from its modules, each with its module: `crate::Verdict` is
/// from `primary`.
type Aliases = BTreeMap<String, String>;

fn aliases(library: &Source<'_>) -> Aliases {
    let exported = paths(&library.code).into_iter().filter_map(|(_, path)| {
        let path = path.trim_start_matches("crate::");
        let (module, rest) = path.split_once("::")?;
        let name = rest.rsplit("::").next()?;
        let has_arrows = MODULES.iter().any(|(name, _)| *name == module);
        has_arrows.then(|| (name.to_owned(), module.to_owned()))
    });
    exported.collect()
}

/// Returns all paths of two segments or more, with their line, counted from 1. Those of a `use`
/// tree are listed one by one, without the names after `as`.
pub(super) fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in code.lines().enumerate() {
        let trimmed = line.trim();
        if open.is_none() && words(trimmed).any(|word| word == "use") && !trimmed.contains("use<") {
            // A `use` begins. Its tree may go on over several lines, so that it is collected up to
            // its `;`.
            let tree = trimmed.split_once("use ").map_or("", |(_, tree)| tree);
            open = Some((index + 1, tree.to_owned()));
        } else if let Some((_, tree)) = &mut open {
            tree.push_str(trimmed);
        } else {
            // Outside of a `use`, each run of names and colons is a path.
            let pieces =
                line.split(|c| !is_word(c) && c != ':').map(|piece| piece.trim_matches(':'));
            found.extend(pieces.filter(|p| p.contains("::")).map(|p| (index + 1, p.to_owned())));
        }
        // The tree is complete: its paths all get the line on which the `use` begins.
        if let Some((start, tree)) = open.take_if(|(_, tree)| tree.contains(';')) {
            let mut flat = Vec::new();
            flatten(tree.split(';').next().unwrap_or_default(), "", &mut flat);
            found.extend(flat.into_iter().map(|path| (start, path)));
        }
    }
    found
}

/// Appends the paths of a `use` tree to `found`: `a::{b, c::{self, d}}` is `a::b`, `a::c`,
/// `a::c::d`.
fn flatten(tree: &str, prefix: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        let path = format!("{prefix}{path}");
        found.push(path.strip_suffix("::self").map(str::to_owned).unwrap_or(path));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in inner.char_indices() {
        match c {
            // A part on this level ends here; the recursion takes apart what it has in deeper
            // braces.
            ',' | '}' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    flatten(&inner[start..at], &prefix, found);
                }
                start = at + 1;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
