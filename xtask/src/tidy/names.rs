//! The rule for names of types: each is declared once in all crates, so that a search for a name
//! finds one thing.

use std::collections::BTreeMap;

use super::source::{Source, words};
use super::{File, Finding, Report, is_of_tests};

/// Keywords that declare a type.
const KEYWORDS: [&str; 5] = ["struct", "enum", "trait", "type", "union"];
/// Conventional names, which any module may declare.
const USUAL: [&str; 3] = ["Error", "Result", "Arguments"];
/// Names that were declared several times when this rule was made, with the number of declarations.
/// The list only shrinks: a name that is declared once is taken off it.
const REPEATED: [(&str, usize); 0] = [];

/// The file and the line of a type's declaration.
struct Place {
    path: String,
    line: usize,
}

/// Reports names that are declared several times in the files of all crates.
pub(super) fn check(files: &[File], report: &mut Report) {
    let mut places: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for File { path, content } in files.iter().filter(|file| is_looked_at(&file.path)) {
        for (line, name) in declared(&Source::new(content)) {
            let places = places.entry(name).or_default();
            // A name that is twice in one file is one type in two forms: a `cfg` picks one of them.
            if places.last().is_none_or(|last| last.path != *path) {
                places.push(Place { path: path.clone(), line });
            }
        }
    }
    for (path, finding) in repeated(&places, &REPEATED) {
        report.add(&path, vec![finding]);
    }
}

/// Returns `true` for the sources of crates, except code that only tests use; `false` for tools
/// such as xtask.
fn is_looked_at(path: &str) -> bool {
    let is_code = path.contains("/src/") && path.ends_with(".rs");
    path.starts_with("crates/") && is_code && !is_of_tests(path)
}

/// Returns the types that a file declares outside of its tests and functions, with their lines.
fn declared(source: &Source<'_>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let until_tests = source.code_lines().take_while(|(_, line)| !line.contains("#[cfg(test)]"));
    for (number, line) in until_tests {
        // A line that is indented further belongs to a function or an impl, and one with `$` to a
        // macro.
        if line.len() - line.trim_start().len() > 4 || line.contains('$') {
            continue;
        }
        let mut words = words(without_visibility(line.trim_start()));
        let is_type = words.next().is_some_and(|word| KEYWORDS.contains(&word));
        // A type of a trait or an impl is indented.
        let is_associated = line.trim_start().starts_with("type ") && line.starts_with(' ');
        if let Some(name) = words.next().filter(|_| is_type && !is_associated) {
            found.push((number, name.to_owned()));
        }
    }
    found
}

/// Returns a line of code without the `pub` or `pub(…)` that it begins with.
fn without_visibility(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("pub") else { return line };
    let rest = match rest.strip_prefix('(') {
        Some(inside) => inside.split_once(')').map_or(rest, |(_, rest)| rest),
        None => rest,
    };
    rest.trim_start()
}

/// Finds the names that are declared more often than `allowed` permits, and entries of `allowed`
/// that are higher than the number of declarations.
fn repeated(
    places: &BTreeMap<String, Vec<Place>>,
    allowed: &[(&str, usize)],
) -> Vec<(String, Finding)> {
    let mut findings = Vec::new();
    for (name, places) in places.iter().filter(|(name, _)| !USUAL.contains(&name.as_str())) {
        let count = allowed.iter().find(|(known, _)| known == name).map_or(1, |(_, count)| *count);
        for place in places.iter().skip(count) {
            let first = &places[0];
            let message = format!(
                "`{name}` is a type of {}:{} too: name this one by what it is",
                first.path, first.line
            );
            findings.push((place.path.clone(), Finding::new(place.line, message)));
        }
    }
    for (name, count) in allowed {
        let found = places.get(*name).map_or(0, Vec::len);
        if found < *count {
            let message = format!("`{name}` is declared {found} times: lower its number");
            findings.push((file!().to_owned(), Finding::new(1, message)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(code: &str) -> Vec<String> {
        declared(&Source::new(code)).into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn types_of_every_visibility_are_found() {
        let code = "pub(crate) struct A;\nenum B {}\npub(in crate::x) trait C {}\ntype D = u8;\n\
                    mod json {\n    pub struct E;\n}\n";
        assert_eq!(names(code), ["A", "B", "C", "D", "E"]);
    }

    #[test]
    fn types_inside_functions_traits_and_tests_do_not_count() {
        let code = "trait A {\n    type Item;\n}\nfn f() {\n        struct B;\n}\n\
                    #[cfg(test)]\nmod tests {\n    struct C;\n}\n// struct D\n";
        assert_eq!(names(code), ["A"]);
    }

    #[test]
    fn a_second_type_of_a_name_is_found_and_a_vain_allowance_too() {
        let place = |line| Place { path: "a.rs".to_owned(), line };
        let places: BTreeMap<_, _> = [("Line".to_owned(), vec![place(1), place(7)])].into();
        let lines = |allowed: &[(&str, usize)]| -> Vec<_> {
            repeated(&places, allowed).iter().map(|(_, finding)| finding.line).collect()
        };
        assert_eq!(lines(&[]), [7]);
        assert_eq!(lines(&[("Line", 2)]), [0; 0]);
        assert_eq!(lines(&[("Line", 3)]), [1]);
    }
}
