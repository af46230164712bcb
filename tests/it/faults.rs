//! Tests of `docs/faults.md`: every fault has its row, and every test that the page names exists.

use std::path::{Path, PathBuf};

/// The number of known faults, which are numbered from 1.
const FAULTS: usize = 80;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/faults.md")).expect("the page")
}

/// Returns the joined text of all Rust files below these folders.
fn sources(mut folders: Vec<PathBuf>) -> String {
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text += &std::fs::read_to_string(path).expect("text");
            }
        }
    }
    text
}

/// Returns the rows of the page's tables, each with the number of its fault.
fn rows(page: &str) -> impl Iterator<Item = (usize, &str)> {
    page.lines().filter_map(|line| {
        let (number, row) = line.strip_prefix("| ")?.split_once(' ')?;
        Some((number.parse().ok()?, row))
    })
}

#[test]
fn every_fault_has_its_row() {
    let page = page();
    let numbers: Vec<_> = rows(&page).map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=FAULTS).collect::<Vec<_>>());
}

#[test]
fn every_test_that_is_named_exists() {
    let sources = sources(vec![root().join("crates"), root().join("tests/it")]);
    let page = page();
    let names = rows(&page).flat_map(|(_, row)| row.split('`').skip(1).step_by(2)).filter(|name| {
        name.contains('_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let missing: Vec<_> = names
        .filter(|name| *name != "loop_lag" && !sources.contains(&format!("fn {name}(")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
