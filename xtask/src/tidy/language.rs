//! Plain English: turns of phrase that readers stumble over, counted over all comments, names of
//! tests and documents.
//!
//! Each has a number that it may not pass, and that is lowered whenever there are fewer: so the
//! project's own dialect goes, and does not come back.

use super::source::{Source, is_word, numbered};
use super::{File, Finding, Report};

/// A turn of phrase, what to write in its place, and how often it may still occur.
struct Phrase {
    words: &'static [&'static str],
    better: &'static str,
    max: usize,
}

const PHRASES: [Phrase; 8] = [
    Phrase {
        words: &["is none", "are none", "is no", "are no"],
        better: "is not a valid …, is empty, is missing",
        max: 4,
    },
    Phrase {
        words: &["said", "told", "hears", "heard"],
        better: "message, report, output, setting",
        max: 0,
    },
    Phrase { words: &["stands", "stand"], better: "is, waits, is stored", max: 0 },
    Phrase {
        words: &["of ours", "of its own", "of their own", "of one's own"],
        better: "our, its, their",
        max: 0,
    },
    Phrase {
        words: &["whoever", "whatever", "however few", "however many"],
        better: "name the case",
        max: 0,
    },
    Phrase { words: &["by which", "of which", "in which"], better: "two sentences", max: 2 },
    Phrase {
        words: &["so many", "so long as", "so much"],
        better: "this many, or the parameter's name",
        max: 0,
    },
    Phrase {
        words: &["anew", "mend", "mended", "belongs into", "takes in", "in the end", "asked for"],
        better: "again, fix, belongs in, reads, finally, requested",
        max: 1,
    },
];
/// Doc comments that begin with a question word in place of a noun or a verb.
const OPENERS_MAX: usize = 3;
const OPENERS: [&str; 7] = ["What", "Whether", "Which", "Whose", "Who", "How", "When"];
/// Doc comments of one or two words, which say no more than the name below them.
const SHORT_MAX: usize = 4;
const SHORT_WORDS: usize = 2;

/// Counts over all files.
pub(super) fn check(files: &[File], report: &mut Report) {
    let texts: Vec<_> = files.iter().filter_map(|file| Some((&file.path, text(file)?))).collect();
    let total = |count: fn(&str) -> usize| -> usize {
        texts.iter().filter(|(path, _)| path.ends_with(".rs")).map(|(_, text)| count(text)).sum()
    };
    let mut found = vec![
        (
            "doc comments that open with a question word".to_owned(),
            total(openers),
            OPENERS_MAX,
            "a noun for a type, a verb for a function, \"Returns `true` if …\"",
        ),
        (
            "doc comments of at most two words".to_owned(),
            total(short_docs),
            SHORT_MAX,
            "the unit and the invariant",
        ),
    ];
    for phrase in &PHRASES {
        let count = texts.iter().map(|(_, text)| occurrences(text, phrase.words)).sum();
        found.push((format!("{:?}", phrase.words), count, phrase.max, phrase.better));
    }
    for (what, count, max, better) in found {
        if let Some(message) = verdict(&what, count, max, better) {
            report.add(file!(), vec![Finding::new(1, message)]);
        }
    }
}

/// Returns the finding about a count; `None` if it equals its limit.
fn verdict(what: &str, count: usize, max: usize, better: &str) -> Option<String> {
    match count.cmp(&max) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => {
            Some(format!("{what}: {count}, and {max} are allowed; write instead: {better}"))
        }
        std::cmp::Ordering::Less => Some(format!(
            "{what}: {count}, fewer than the {max} that are allowed: lower the number"
        )),
    }
}

/// Returns the comments of Rust code and the names of its tests, or a document without its code.
/// This file quotes everything, and is left out.
fn text(file: &File) -> Option<String> {
    if file.path == file!() || file.path == "CHANGELOG.md" {
        return None;
    }
    if file.path.ends_with(".rs") {
        let source = Source::new(&file.content);
        let tests = test_names(&source.code);
        return Some(source.comments + "\n" + &tests);
    }
    let is_document = file.path.ends_with(".md");
    is_document.then(|| {
        let mut in_fence = false;
        let lines = file.content.lines().map(|line| {
            in_fence ^= line.starts_with("```");
            if in_fence { "" } else { line }
        });
        lines.collect::<Vec<_>>().join("\n")
    })
}

/// Returns the names of the tests, each as the words of a sentence on a line of its own.
fn test_names(code: &str) -> String {
    let mut is_test = false;
    let mut names = String::new();
    for line in code.lines().map(str::trim) {
        is_test |= line == "#[test]";
        let name = line.strip_prefix("fn ").and_then(|rest| rest.split(['(', '<']).next());
        if let Some(name) = name.filter(|_| is_test) {
            names += &format!("{}\n", name.replace('_', " "));
            is_test = false;
        }
    }
    names
}

/// How often any of the phrases occurs, each of its words whole and on one line.
fn occurrences(text: &str, phrases: &[&str]) -> usize {
    let text = text.to_lowercase();
    let count = |phrase: &&str| {
        let found = text.match_indices(*phrase).filter(|(at, _)| {
            !text[..*at].ends_with(is_word) && !text[at + phrase.len()..].starts_with(is_word)
        });
        found.count()
    };
    phrases.iter().map(count).sum()
}

/// The doc comments: of each its first line, and whether more follow.
fn docs(text: &str) -> Vec<(&str, bool)> {
    let lines: Vec<&str> = numbered(text).map(|(_, line)| line.trim()).collect();
    let doc = |line: &str| line.starts_with("///") && !line.starts_with("////");
    (0..lines.len())
        .filter(|at| doc(lines[*at]) && !at.checked_sub(1).is_some_and(|before| doc(lines[before])))
        .map(|at| {
            let follows = lines.get(at + 1).is_some_and(|next| doc(next));
            (lines[at].trim_start_matches('/').trim(), follows)
        })
        .collect()
}

fn openers(text: &str) -> usize {
    let opens = |line: &str| {
        let first = line.split(|c: char| !is_word(c)).next().unwrap_or_default();
        OPENERS.contains(&first)
    };
    docs(text).into_iter().filter(|(line, _)| opens(line)).count()
}

fn short_docs(text: &str) -> usize {
    let is_short = |line: &str| line.split_whitespace().count() <= SHORT_WORDS;
    docs(text).into_iter().filter(|(line, follows)| !follows && is_short(line)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_as_whole_words() {
        assert_eq!(occurrences("It IS NONE; that is nonesuch.", &["is none", "are none"]), 1);
        assert_eq!(occurrences("mend, amends, mending", &["mend"]), 1);
    }

    #[test]
    fn phrases_are_found_in_names_of_tests_and_not_of_functions() {
        let code = "fn told() {}\n    #[test]\n    #[ignore]\n    fn a_fault_is_told_once() {}\n";
        assert_eq!(test_names(code), "a fault is told once\n");
    }

    #[test]
    fn openers_and_short_docs_are_counted_by_the_comment() {
        let text = "/// What it is.\n/// What follows.\nx\n/// Whether so.\nx\n/// A noun.\n/// Whatever.\n";
        assert_eq!(openers(text), 2);
        assert_eq!(short_docs(text), 1);
        assert_eq!(short_docs("/// One.\n"), 1);
    }

    #[test]
    fn a_number_is_held_from_both_sides() {
        assert_eq!(verdict("x", 3, 3, "y"), None);
        assert!(verdict("x", 4, 3, "y").is_some_and(|text| text.contains("write instead: y")));
        assert!(verdict("x", 2, 3, "y").is_some_and(|text| text.contains("lower the number")));
    }
}
