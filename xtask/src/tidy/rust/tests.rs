//! Tests of each rule, with a file that keeps it and one that breaks it.

use super::*;

fn found(rule: impl Fn(&Source<'_>) -> Vec<Finding>, text: &str) -> Vec<(usize, String)> {
    rule(&Source::new(text)).into_iter().map(|f| (f.line, f.message)).collect()
}

#[test]
fn a_file_opens_with_its_doc() {
    assert!(found(check, "//! A.\nfn a() {}\n").is_empty());
    assert_eq!(found(check, "// A.\n").len(), 1);
    assert_eq!(found(check, "").len(), 1);
}

#[test]
fn a_file_may_be_as_long_as_the_limit_and_no_longer() {
    let file = |lines: usize| format!("//! A.\n{}", "\n".repeat(lines - 1));
    assert!(found(check, &file(500)).is_empty());
    assert_eq!(found(check, &file(501)), [(501, "a file of 501 lines, over 500".into())]);
    assert_eq!(found(aims, &file(401)), [(401, "a file of 401 lines, over 400".into())]);
    assert!(found(aims, &file(400)).is_empty());
    assert!(found(aims, &file(501)).is_empty(), "a broken limit is not noted a second time");
}

#[test]
fn a_function_may_be_as_long_as_the_limit_and_no_longer() {
    let function =
        |lines: usize| format!("//! A.\nfn a(b: [u8; 2]) -> u8 {{{}}}\n", "\n".repeat(lines - 1));
    assert!(found(check, &function(100)).is_empty());
    assert_eq!(found(check, &function(101)), [(2, "`a` has 101 lines, over 100".into())]);
    assert_eq!(found(aims, &function(71)), [(2, "`a` has 71 lines, over 70".into())]);
}

#[test]
fn functions_are_distinguished_from_similar_text() {
    let lines =
        |code| functions(code).iter().map(|f| (f.name, f.line, f.lines)).collect::<Vec<_>>();
    assert_eq!(lines("trait A {\n fn a();\n fn b() {\n }\n}"), [("b", 3, 2)]);
    assert_eq!(lines("type A = fn (u8);\nstruct B {}"), []);
    assert_eq!(lines("fn a() {\n fn b() {}\n}"), [("a", 1, 3), ("b", 2, 1)]);
}

#[test]
fn allow_is_found_and_expect_is_not() {
    assert_eq!(found(check, "//! A.\n#[allow(dead_code)]\nfn a() {}\n")[0].0, 2);
    assert_eq!(found(check, "//! A.\n#![allow(dead_code)]\n")[0].0, 2);
    assert!(
        found(check, "//! `#[allow(a)]`\n#[expect(dead_code, reason = \"#[allow(\")]\n").is_empty()
    );
}

#[test]
fn unsafe_code_needs_a_safety_comment() {
    let good = [
        "// SAFETY: owned.\nunsafe { a() };\n",
        "// SAFETY: owned,\n// by us.\nlet a =\n    unsafe { a() };\n",
        "// SAFETY: owned.\n#[expect(unsafe_code, reason = \"no other way\")]\nlet a = unsafe { a() };\n",
        "// SAFETY: owned.\nunsafe impl Send for A {}\n",
        "/// # Safety\n/// Never.\nunsafe fn a();\n",
        "let a = \"unsafe {\"; // unsafe {\n",
    ];
    for text in good {
        assert!(found(unsafe_without_reason, text).is_empty(), "{text}");
    }
    let bad = [
        "unsafe { a() };\n",
        "// SAFETY: of another.\nb();\nunsafe { a() };\n",
        "// SAFETY: of another.\n\nunsafe { a() };\n",
        "unsafe impl Send for A {}\n",
    ];
    for text in bad {
        assert_eq!(found(unsafe_without_reason, text).len(), 1, "{text}");
    }
}

#[test]
fn fixed_waits_are_found_in_every_spelling() {
    for text in [
        "fn a() { std::thread::sleep(b); }",
        "use std::{thread::{self, sleep}, time};",
        "use tokio::time::sleep as nap;",
        "async fn a() { tokio::time::sleep(b).await; }",
    ] {
        assert_eq!(found(sleeps, text).len(), 1, "{text}");
    }
    assert!(
        found(sleeps, "// thread::sleep\nuse tokio::time::sleep_until;\nfn sleep() {}").is_empty()
    );
}
