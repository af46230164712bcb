//! Rules for a Rust file: its first line, its length, its `unsafe`, and the functions that it must
//! not call.

use super::Finding;
use super::arrows::paths;
use super::source::{Source, words};

/// Limits, in lines; a longer file or function is a finding.
const LIMITS: Lengths = Lengths { file: 500, function: 100 };
/// Aims, in lines; a longer file or function gets a note.
const AIMS: Lengths = Lengths { file: 400, function: 70 };

/// The most lines that a file and a function may have.
struct Lengths {
    file: usize,
    function: usize,
}

pub(super) fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = lengths(source, &LIMITS);
    if !source.text.starts_with("//!") {
        findings
            .push(Finding::new(1, "opens without `//!`: what it owns, what it refuses, and why"));
    }
    for (number, line) in source.code_lines() {
        if line.contains("#[allow(") || line.contains("#![allow(") {
            findings.push(Finding::new(number, "`allow`: say `#[expect(…, reason = \"…\")]`"));
        }
    }
    findings.extend(unsafe_without_reason(source));
    findings
}

/// Finds the file and functions that miss an aim but keep within the limits.
pub(super) fn aims(source: &Source<'_>) -> Vec<Finding> {
    let broken: Vec<_> = lengths(source, &LIMITS).iter().map(|finding| finding.line).collect();
    let mut missed = lengths(source, &AIMS);
    missed.retain(|note| !broken.contains(&note.line));
    missed
}

/// Finds fixed waits. Code must wait for an event, with a deadline.
pub(super) fn sleeps(source: &Source<'_>) -> Vec<Finding> {
    let is_sleep = |path: &str| path.ends_with("thread::sleep") || path.ends_with("time::sleep");
    let found = paths(&source.code).into_iter().filter(|(_, path)| is_sleep(path));
    found.map(|(line, path)| Finding::new(line, format!("`{path}`: wait for an event"))).collect()
}

/// Finds the file itself and its functions that are longer than `max`.
fn lengths(source: &Source<'_>, max: &Lengths) -> Vec<Finding> {
    let count = source.text.lines().count();
    let file = (count > max.file)
        .then(|| Finding::new(count, format!("a file of {count} lines, over {}", max.file)));
    let functions = functions(&source.code).into_iter().filter(|f| f.lines > max.function);
    let functions = functions.map(|Function { line, name, lines }| {
        Finding::new(line, format!("`{name}` has {lines} lines, over {}", max.function))
    });
    file.into_iter().chain(functions).collect()
}

struct Function<'a> {
    line: usize,
    name: &'a str,
    lines: usize,
}

/// Returns all functions with a body, in order. A type such as `fn(u32)` has no name and is
/// skipped.
fn functions(code: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while let Some(start) = rest.find("fn ") {
        let is_keyword = !rest[..start].ends_with(super::source::is_word);
        line += rest[..start].matches('\n').count();
        rest = &rest[start + "fn ".len()..];
        let Some(name) = words(rest).next().filter(|_| is_keyword) else { continue };
        if let Some(body) = body(rest) {
            found.push(Function { line, name, lines: body.matches('\n').count() + 1 });
        }
    }
    found
}

/// Returns the text up to the end of its first block; `None` if a `;` comes before the block, as in
/// a trait that only declares the function. The `;` in an array type such as `[u8; 4]` does not
/// count.
fn body(text: &str) -> Option<&str> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            // Only before the body: a `;` in parentheses or brackets is part of a type there.
            '(' | '[' if braces == 0 => others += 1,
            ')' | ']' if braces == 0 => others = others.saturating_sub(1),
            ';' if braces == 0 && others == 0 => return None,
            '{' => braces += 1,
            '}' if braces <= 1 => return Some(&text[..=at]),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

/// Finds `unsafe` blocks and impls whose statement has no `// SAFETY:` right above.
fn unsafe_without_reason(source: &Source<'_>) -> Vec<Finding> {
    let code: Vec<_> = source.code.lines().map(str::trim).collect();
    let comments: Vec<_> = source.comments.lines().map(str::trim).collect();
    let has_reason = |index: usize| {
        // Go up through the statement's lines and the comment above them.
        let above = (0..index).rev().take_while(|at| {
            let is_blank = code[*at].is_empty() && comments[*at].is_empty();
            !is_blank && !code[*at].ends_with([';', '{', '}', ','])
        });
        above.into_iter().any(|at| comments[at].starts_with("// SAFETY:"))
    };
    let is_unsafe = |line: &str| {
        let mut words = words(line).skip_while(|word| *word != "unsafe").skip(1);
        let opens = line.split("unsafe").skip(1).any(|after| after.trim_start().starts_with('{'));
        opens || words.next() == Some("impl")
    };
    let found = (0..code.len()).filter(|index| is_unsafe(code[*index]) && !has_reason(*index));
    found
        .map(|index| Finding::new(index + 1, "`unsafe` without a `// SAFETY:` right above"))
        .collect()
}

#[cfg(test)]
mod tests;
