//! Rules for every text file: white space, line width, and no unfinished work.

use super::Finding;
use super::source::{Source, numbered, words};

/// The widest a line may be, in characters; a wider one does not fit next to another file.
const WIDTH_MAX: usize = 120;
/// Marks of unfinished work, which belongs in an issue, where others see it.
const UNFINISHED: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// Returns `true` for a file that people write. Files that programs write are skipped: lock files,
/// and golden files, whose white space is part of the test.
pub(super) fn is_text(path: &str) -> bool {
    let written = ["rs", "md", "toml", "yml", "yaml", "sh"];
    path == ".ci/run" || path.rsplit_once('.').is_some_and(|(_, kind)| written.contains(&kind))
}

pub(super) fn check(path: &str, content: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !content.ends_with('\n') || content.ends_with("\n\n") {
        findings.push(Finding::new(
            content.lines().count().max(1),
            "the file ends in other than one newline",
        ));
    }
    let is_rust = path.ends_with(".rs");
    let mut in_fence = false;
    for (number, line) in numbered(content) {
        in_fence ^= path.ends_with(".md") && line.starts_with("```");
        if line.ends_with(char::is_whitespace) {
            findings.push(Finding::new(number, "white space at the line's end"));
        }
        if is_rust && line.contains('\t') {
            findings.push(Finding::new(number, "a tab"));
        }
        let width = line.chars().count();
        if width > WIDTH_MAX && !may_be_wide(path, line, in_fence) {
            findings.push(Finding::new(number, format!("{width} characters, over {WIDTH_MAX}")));
        }
    }
    findings.extend(unfinished(content, is_rust));
    findings
}

/// Returns `true` for a line that may pass the limit: a table's row or a dependency can't be
/// broken, and the text in a document's fence comes from another file.
fn may_be_wide(path: &str, line: &str, in_fence: bool) -> bool {
    path.ends_with(".toml") || path.ends_with(".md") && (in_fence || line.starts_with('|'))
}

/// Finds marks of unfinished work; in Rust, text in quotes does not count.
fn unfinished(content: &str, is_rust: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut look = |text: &str| {
        for (number, line) in numbered(text) {
            if let Some(mark) = words(line).find(|word| UNFINISHED.contains(word)) {
                findings.push(Finding::new(number, format!("{mark}: finish it, or open an issue")));
            }
            if is_rust && ["todo!", "unimplemented!"].iter().any(|stub| line.contains(stub)) {
                findings.push(Finding::new(number, "a stub"));
            }
        }
    };
    if is_rust {
        let source = Source::new(content);
        look(&source.code);
        look(&source.comments);
    } else {
        look(content);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, content: &str) -> Vec<String> {
        check(path, content).into_iter().map(|f| format!("{}: {}", f.line, f.message)).collect()
    }

    #[test]
    fn a_tidy_file_has_no_findings() {
        assert!(messages("a.rs", "//! A.\nfn a() {}\n").is_empty());
        assert!(messages("a.md", "# A\n").is_empty());
    }

    #[test]
    fn a_file_ends_in_one_newline() {
        for content in ["a", "a\n\n", ""] {
            assert_eq!(check("a.md", content).len(), 1, "{content:?}");
        }
    }

    #[test]
    fn white_space_at_the_end_and_tabs_are_found() {
        assert_eq!(messages("a.md", "a \n"), ["1: white space at the line's end"]);
        assert_eq!(messages("a.rs", "a\n\tb\n"), ["2: a tab"]);
        assert!(messages("a.sh", "\ta\n").is_empty());
    }

    #[test]
    fn wide_lines_are_found_unless_they_can_not_be_broken() {
        let wide = "é".repeat(WIDTH_MAX + 1);
        assert_eq!(messages("a.rs", &format!("{wide}\n")), ["1: 121 characters, over 120"]);
        assert_eq!(check("a.md", &format!("{wide}\n")).len(), 1);
        assert!(messages("a.md", &format!("|{wide}\n```text\n{wide}\n```\n")).is_empty());
        assert!(messages("a.toml", &format!("{wide}\n")).is_empty());
        assert!(messages("a.rs", &format!("{}\n", "é".repeat(WIDTH_MAX))).is_empty());
    }

    #[test]
    fn unfinished_work_is_found_in_comments_and_code_but_not_in_strings() {
        assert_eq!(messages("a.rs", "// TODO: b\n"), ["1: TODO: finish it, or open an issue"]);
        assert_eq!(messages("a.rs", "a\ntodo!()\n"), ["2: a stub"]);
        assert_eq!(messages("a.sh", "# FIXME\n").len(), 1);
        assert!(messages("a.rs", "const A: &str = \"TODO\"; // a method\n").is_empty());
    }

    #[test]
    fn only_what_people_write_is_looked_at() {
        assert!(
            ["a.rs", "docs/a.md", ".ci/run", ".github/workflows/ci.yml"]
                .map(is_text)
                .iter()
                .all(|is| *is)
        );
        assert!(
            !["Cargo.lock", "tests/golden/a.stdout", "a.png", "LICENSE-MIT"]
                .map(is_text)
                .contains(&true)
        );
    }
}
