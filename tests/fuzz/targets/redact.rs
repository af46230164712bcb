//! The target for passwords in URLs: a password anywhere in a text is not in the redacted text, and
//! redacting a text twice changes nothing more.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

/// The characters that RFC 3986 allows in a password, in addition to letters and digits, and the
/// `%` of escapes.
const MARKS: &[u8] = b"-._~!$&'()*+,;=:%";
/// The password; inputs that contain it in another part are skipped.
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
    // The space separates the URL from the text before it.
    let text = match is_cut {
        true => format!("{before} redis://{user}:{password}"),
        false => format!("{before} redis://{user}:{password}@host{after}"),
    };
    let shown = dyno::internal::redacted(&text);
    assert!(!shown.contains(SECRET), "{text:?} is shown as {shown:?}");
    assert_eq!(dyno::internal::redacted(&shown), shown);
    let _of_any_text = (dyno::internal::redacted(&before), dyno::internal::redacted(&after));
});
