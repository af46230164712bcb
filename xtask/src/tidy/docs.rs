//! Rules for documents: the code that they show is equal to the file that it comes from, and
//! relative links lead to files that exist.
//!
//! A document shows a file in a fence below a marker that names it:
//!
//! ````text
//! <!-- examples/fibonacci.rs -->
//! ```rust
//! … the very file …
//! ```
//! ````
//!
//! `cargo xtask tidy` reports a fence that differs from its file, and `cargo xtask tidy --fix`
//! rewrites it.

use std::ops::Range;
use std::path::Path;

use super::Finding;
use super::source::numbered;

/// A fence that shows a file.
struct Shown<'a> {
    /// The path of the file from the root.
    path: &'a str,
    /// The number of the marker's line, counted from 1.
    line: usize,
    /// The lines between the fence's ends, counted from 0.
    body: Range<usize>,
}

/// Finds fences that differ from the file that they show, or whose file does not exist.
pub(super) fn stale(content: &str, read: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let lines: Vec<_> = content.lines().collect();
    let judge = |shown: Shown<'_>| {
        let path = shown.path;
        let message = match read(path) {
            None => format!("shows {path}, which is not there"),
            Some(file) if file.lines().eq(lines[shown.body].iter().copied()) => return None,
            Some(_) => format!("differs from {path}: run `cargo xtask tidy --fix`"),
        };
        Some(Finding::new(shown.line, message))
    };
    shown(&lines).into_iter().filter_map(judge).collect()
}

/// Returns the document with the content of each fence replaced by its file; a fence whose file
/// does not exist stays as it is.
pub(super) fn refreshed(content: &str, read: impl Fn(&str) -> Option<String>) -> String {
    let mut lines: Vec<_> = content.lines().map(str::to_owned).collect();
    // From the end, so that the line numbers of earlier fences stay valid.
    for Shown { path, body, .. } in shown(&content.lines().collect::<Vec<_>>()).into_iter().rev() {
        if let Some(file) = read(path) {
            lines.splice(body, file.lines().map(str::to_owned));
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// Finds Rust code in a fence without a marker: a second copy, which nobody compiles.
pub(super) fn copies(content: &str) -> Vec<Finding> {
    let lines: Vec<_> = content.lines().collect();
    let fences: Vec<_> = shown(&lines).into_iter().map(|shown| shown.body.start).collect();
    // The line after a fence's first, counted from 0, has the number of that first one, counted
    // from 1.
    let found = numbered(content)
        .filter(|(number, line)| line.starts_with("```rust") && !fences.contains(number));
    let message = "Rust that is no file of examples/: put `<!-- examples/NAME.rs -->` above it";
    found.map(|(number, _)| Finding::new(number, message)).collect()
}

/// Finds relative links to files that do not exist. `path` is the document's path from the root;
/// `exists` gets paths from the root too.
pub(super) fn broken_links(
    path: &str,
    content: &str,
    exists: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    let mut in_fence = false;
    for (number, line) in numbered(content) {
        in_fence ^= line.trim_start().starts_with("```");
        if in_fence {
            continue;
        }
        for target in targets(line) {
            let file = target.split('#').next().unwrap_or_default();
            let is_relative =
                !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:");
            if is_relative && !exists(&folder.join(file).to_string_lossy()) {
                findings.push(Finding::new(number, format!("links to {file}, which is not there")));
            }
        }
    }
    findings
}

/// Returns all fences with a marker, in order.
fn shown<'a>(lines: &[&'a str]) -> Vec<Shown<'a>> {
    let mut found = Vec::new();
    for (index, pair) in lines.windows(2).enumerate() {
        let Some(path) = marker(pair[0]) else { continue };
        // The fence begins right below its marker, and ends at a line of as many backticks.
        let ticks = pair[1].len() - pair[1].trim_start_matches('`').len();
        if ticks < 3 {
            continue;
        }
        let start = index + 2;
        let length = lines[start..].iter().position(|line| *line == "`".repeat(ticks));
        let end = length.map_or(lines.len(), |length| start + length);
        found.push(Shown { path, line: index + 1, body: start..end });
    }
    found
}

/// Returns the path in `<!-- path -->`; `None` for other comments, which hold more than one word.
fn marker(line: &str) -> Option<&str> {
    let path = line.strip_prefix("<!--")?.strip_suffix("-->")?.trim();
    (path.contains('.') && !path.contains(' ')).then_some(path)
}

/// Returns the targets of a line's links, both `[text](target)` and `[text]: target`.
fn targets(line: &str) -> Vec<String> {
    // Every second piece is between backticks: code, not a link.
    let prose: String = line.split('`').step_by(2).collect();
    let mut found: Vec<_> = prose
        .split("](")
        .skip(1)
        .filter_map(|after| after.split([')', ' ']).next().map(str::to_owned))
        .collect();
    if let Some((_, target)) = prose.split_once("]: ").filter(|_| prose.starts_with('[')) {
        found.extend(target.split_whitespace().next().map(str::to_owned));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: &str = "# A\n<!-- examples/a.rs -->\n```rust\nfn a() {}\n```\nB\n";
    const STALE: &str = "# A\n<!-- examples/a.rs -->\n```rust\nfn b() {}\n// c\n```\nB\n";

    fn read(path: &str) -> Option<String> {
        (path == "examples/a.rs").then(|| "fn a() {}\n".to_owned())
    }

    #[test]
    fn a_shown_example_must_equal_its_file() {
        assert!(stale(FRESH, read).is_empty());
        let message = "differs from examples/a.rs: run `cargo xtask tidy --fix`";
        assert_eq!(stale(STALE, read), [Finding::new(2, message)]);
        let gone = FRESH.replace("a.rs", "gone.rs");
        assert_eq!(stale(&gone, read)[0].message, "shows examples/gone.rs, which is not there");
    }

    #[test]
    fn only_a_copy_that_differs_is_written_again() {
        assert_eq!(refreshed(STALE, read), FRESH);
        assert_eq!(refreshed(FRESH, read), FRESH);
        assert_eq!(refreshed(&format!("{STALE}{STALE}"), read), format!("{FRESH}{FRESH}"));
        let other = "<!-- two words.rs -->\n```rust\nfn b() {}\n```\n<!-- a.rs -->\ntext\n";
        assert_eq!(refreshed(other, read), other);
    }

    #[test]
    fn rust_code_without_an_example_file_is_found() {
        assert!(copies(FRESH).is_empty());
        assert_eq!(copies("A\n\n```rust\nfn b() {}\n```\n")[0].line, 3);
        assert!(copies("```text\nfn b() {}\n```\n").is_empty());
    }

    #[test]
    fn links_lead_somewhere() {
        let broken = |content| broken_links("docs/a.md", content, |path| path == "docs/b.md");
        assert!(
            broken("[b](b.md), [`b`](b.md#c), [d](#e), [f](https://g.h), `[i](j)`\n").is_empty()
        );
        assert!(broken("```text\n[k](l.md)\n```\n").is_empty());
        assert_eq!(broken("[b](b.md) [c](c.md)\n")[0].message, "links to c.md, which is not there");
        assert_eq!(broken("A\n[c]: ../c.md\n")[0].line, 2);
    }
}
