//! Passwords in URLs: wherever one stands in a text, it is not in what is shown, and what is shown
//! is not changed by showing it again.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

/// What RFC 3986 lets a password hold beside letters, digits and escapes.
const MARKS: &[u8] = b"-._~!$&'()*+,;=:%";
/// In no other part of a text.
const SECRET: &str = "Hunter2Hunter2";

#[derive(Debug, Arbitrary)]
struct Input {
    before: String,
    user: String,
    /// Marks around the secret.
    marks: Vec<u8>,
    after: String,
    is_cut: bool,
}

fuzz_target!(|input: Input| {
    let Input { before, user, marks, after, is_cut } = input;
    let user: String = user.chars().filter(char::is_ascii_alphanumeric).collect();
    if [&before, &user, &after].iter().any(|text| text.contains(SECRET)) {
        return;
    }
    let marks = |skip| -> String {
        let chosen = marks.iter().skip(skip).step_by(2);
        chosen.map(|mark| char::from(MARKS[usize::from(*mark) % MARKS.len()])).collect()
    };
    let password = format!("{}{SECRET}{}", marks(0), marks(1));
    // Behind a space, so that the text before is no part of the URL.
    let text = match is_cut {
        true => format!("{before} redis://{user}:{password}"),
        false => format!("{before} redis://{user}:{password}@host{after}"),
    };
    let shown = dyno::fuzzing::redacted(&text);
    assert!(!shown.contains(SECRET), "{text:?} is shown as {shown:?}");
    assert_eq!(dyno::fuzzing::redacted(&shown), shown);
    let _of_any_text = (dyno::fuzzing::redacted(&before), dyno::fuzzing::redacted(&after));
});
