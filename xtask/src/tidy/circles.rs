//! The rule against circles among the modules of a crate. Two modules that need each other are one
//! module, or a part of one of them belongs in the other, or in a third.

use std::collections::{BTreeMap, BTreeSet};

use super::arrows::paths;
use super::source::Source;
use super::{File, Finding, Report, is_of_tests};

/// Circles that existed when this rule was made, each as its modules in alphabetical order. The
/// list only shrinks.
const KNOWN: [&str; 0] = [];

/// The modules that each module names, by the path of their parent.
type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Reports the circles in every crate that are not known, and known ones that are gone.
pub(super) fn check(files: &[File], report: &mut Report) {
    let mut found = BTreeMap::new();
    for crate_folder in crates(files) {
        let prefix = format!("{crate_folder}/src/");
        let modules: Vec<_> = files
            .iter()
            .filter_map(|file| Some((file, file.path.strip_prefix(&prefix)?)))
            .filter(|(_, path)| is_code(path))
            .map(|(file, path)| (module(path), &*file.content))
            .collect();
        for circle in circles(&arrows(&modules)) {
            found.insert(format!("{crate_folder}: {circle}"), crate_folder.clone());
        }
    }
    for (circle, folder) in &found {
        if !KNOWN.contains(&circle.as_str()) {
            let path = format!("{folder}/src/lib.rs");
            report.add(&path, vec![Finding::new(1, format!("a circle of modules, {circle}"))]);
        }
    }
    for circle in KNOWN.iter().filter(|circle| !found.contains_key(**circle)) {
        let message = format!("the circle `{circle}` is gone: remove it from the list");
        report.add(file!(), vec![Finding::new(1, message)]);
    }
}

fn crates(files: &[File]) -> BTreeSet<String> {
    let folders = files.iter().filter_map(|file| {
        let name = file.path.strip_prefix("crates/")?.split('/').next()?;
        Some(format!("crates/{name}"))
    });
    folders.collect()
}

/// Returns `true` for the file of a module, unless the module is only for tests.
fn is_code(path: &str) -> bool {
    let is_apart = is_of_tests(path) || path.contains("fuzzing");
    path.ends_with(".rs") && !is_apart && !["lib.rs", "main.rs"].contains(&path)
}

/// Returns the segments of a module's path from the crate's root; `path` is its file below `src`.
fn module(path: &str) -> Vec<&str> {
    path.trim_end_matches(".rs").split('/').collect()
}

/// Returns the arrows between modules with the same parent. `modules` are paths with their code.
fn arrows(modules: &[(Vec<&str>, &str)]) -> Arrows {
    let known: BTreeSet<&[&str]> = modules.iter().map(|(path, _)| path.as_slice()).collect();
    let mut arrows = Arrows::new();
    for (own, content) in modules {
        // The tests of a module are not part of it.
        let content = content.split("mod tests {").next().unwrap_or_default();
        for (_, path) in paths(&Source::new(content).code) {
            let Some(target) = absolute(own, &path) else { continue };
            let common = own.iter().zip(&target).take_while(|(a, b)| a == b).count();
            let (Some(from), Some(to)) = (own.get(common), target.get(common)) else { continue };
            // A name that is not a module is an item of the parent.
            if known.contains(&target[..=common]) {
                let parent = own[..common].join("::");
                let named = arrows.entry(parent).or_default().entry((*from).to_owned());
                named.or_default().insert((*to).to_owned());
            }
        }
    }
    arrows
}

/// Returns a path in the module `own` as one from the crate's root; `None` for a path into another
/// crate.
fn absolute<'a>(own: &[&'a str], path: &'a str) -> Option<Vec<&'a str>> {
    let mut segments = path.split("::").peekable();
    let mut target = match segments.next()? {
        "crate" => Vec::new(),
        "self" => own.to_vec(),
        "super" => own[..own.len() - 1].to_vec(),
        _ => return None,
    };
    while segments.next_if_eq(&"super").is_some() {
        target.pop();
    }
    target.extend(segments);
    Some(target)
}

/// Returns the circles, each as its modules in alphabetical order.
fn circles(arrows: &Arrows) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (parent, arrows) in arrows {
        for start in arrows.keys() {
            // The modules that `start` reaches and that reach `start`; itself too in a circle.
            let circle: Vec<_> = reached(arrows, start)
                .into_iter()
                .filter(|other| reached(arrows, other).contains(start))
                .collect();
            if circle.len() > 1 {
                let place = if parent.is_empty() { "" } else { "::" };
                found.insert(format!("{parent}{place}{{{}}}", circle.join(", ")));
            }
        }
    }
    found
}

/// Returns the modules that `start` reaches by its arrows, directly or through other modules.
fn reached(arrows: &BTreeMap<String, BTreeSet<String>>, start: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start.to_owned()];
    while let Some(module) = open.pop() {
        for next in arrows.get(&module).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(modules: &[(&str, &str)]) -> Vec<String> {
        let modules: Vec<_> = modules.iter().map(|(path, code)| (module(path), *code)).collect();
        circles(&arrows(&modules)).into_iter().collect()
    }

    #[test]
    fn a_circle_is_found_however_long_and_deep() {
        let a = ("a.rs", "use crate::b::B;");
        let b = ("b.rs", "use super::c::{self, C};");
        assert_eq!(found(&[a, b, ("c.rs", "use crate::a::x::A;")]), ["{a, b, c}"]);
        assert_eq!(found(&[a, b, ("c.rs", "use std::fmt;")]), [""; 0]);
        let deep = [("a/x.rs", "use super::y::Y;"), ("a/y.rs", "use crate::a::x::X;")];
        assert_eq!(found(&deep), ["a::{x, y}"]);
    }

    #[test]
    fn children_of_a_module_are_part_of_it_and_tests_are_not() {
        let modules = [("a/x.rs", "use crate::b::B;"), ("b.rs", "use crate::a::A;"), ("a.rs", "")];
        assert_eq!(found(&modules), ["{a, b}"]);
        let test = "struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n";
        assert_eq!(found(&[("a.rs", "use crate::b::B;"), ("b.rs", test)]), [""; 0]);
    }

    #[test]
    fn a_use_of_the_parents_item_is_not_an_arrow() {
        let modules =
            [("a/x.rs", "use super::Item;\nuse super::y::Y;"), ("a/y.rs", "use super::Item;")];
        assert_eq!(found(&modules), [""; 0]);
    }
}
