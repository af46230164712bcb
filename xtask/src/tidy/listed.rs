//! The rule for `unsafe`: docs/architecture.md lists every file that has it, with the reason. A
//! file that is missing from the list, or that is listed without need, is a finding, so that each
//! new `unsafe` is a decision.

use std::collections::BTreeMap;

use super::source::{Source, numbered, words};
use super::{File, Finding, Report};

/// The path of the document with the list.
const DOCUMENT: &str = "docs/architecture.md";
/// The heading of the list, a table whose first column is the file.
const HEADING: &str = "## Where `unsafe` is";

/// Compares the list with the tree.
pub(super) fn check(files: &[File], report: &mut Report) {
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else { return };
    let rust = files.iter().filter(|file| file.path.ends_with(".rs"));
    let found: Vec<_> = rust.filter(|file| is_unsafe(&file.content)).map(|f| &*f.path).collect();
    report.add(DOCUMENT, differences(&document.content, &found));
}

/// Returns `true` if a file's code has the keyword `unsafe`; comments and strings don't count.
fn is_unsafe(content: &str) -> bool {
    Source::new(content).code_lines().any(|(_, line)| words(line).any(|word| word == "unsafe"))
}

/// Finds files that are only in the document's list or only among the `found` ones of the tree.
fn differences(document: &str, found: &[&str]) -> Vec<Finding> {
    let section = numbered(document).skip_while(|(_, line)| *line != HEADING);
    let mut heading = 1;
    let mut listed = BTreeMap::new();
    for (number, line) in section {
        if line == HEADING {
            heading = number;
        } else if line.starts_with("## ") {
            break;
        } else if let Some((path, _)) = line.strip_prefix("| `").and_then(|row| row.split_once('`'))
        {
            listed.insert(path, number);
        }
    }
    let missing = found.iter().filter(|path| !listed.contains_key(**path));
    let missing = missing.map(|path| {
        Finding::new(heading, format!("`{path}` has `unsafe`, and no row below `{HEADING}`"))
    });
    let gone = listed.iter().filter(|(path, _)| !found.contains(*path));
    let gone =
        gone.map(|(path, line)| Finding::new(*line, format!("`{path}` has no `unsafe` any more")));
    missing.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# A\n| `other.rs` | b |\n## Where `unsafe` is\n\n| file | why |\n\
                            |---|---|\n| `a.rs` | b |\n| `c.rs` | d |\n## E\n| `f.rs` | g |\n";

    #[test]
    fn every_file_with_unsafe_code_is_in_the_list() {
        assert!(differences(DOCUMENT, &["a.rs", "c.rs"]).is_empty());
        let missing = "`b.rs` has `unsafe`, and no row below `## Where `unsafe` is`";
        assert_eq!(differences(DOCUMENT, &["a.rs", "b.rs", "c.rs"]), [Finding::new(3, missing)]);
        let gone = "`c.rs` has no `unsafe` any more";
        assert_eq!(differences(DOCUMENT, &["a.rs"]), [Finding::new(8, gone)]);
    }

    #[test]
    fn the_word_unsafe_in_a_comment_or_an_attribute_is_not_code() {
        assert!(!is_unsafe("// unsafe\n#[expect(unsafe_code, reason = \"unsafe\")]\nfn a() {}\n"));
        assert!(is_unsafe("fn a() { unsafe { b() } }\n"));
        assert!(is_unsafe("unsafe impl A for B {}\n"));
    }
}
