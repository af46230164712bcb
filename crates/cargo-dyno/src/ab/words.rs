//! Flags in one text, as `--a '-w 4 -P name="two words"'`: split as a shell splits them, without its
//! variables and patterns.

use std::ffi::OsString;

use anyhow::bail;
use dyno::internal::split_words;

/// Returns the words of a text. Quotes hold blanks together, and a backslash keeps the next character.
///
/// # Errors
/// If a quote has no end.
pub(super) fn split(text: &str) -> anyhow::Result<Vec<OsString>> {
    match split_words(text) {
        Ok(words) => Ok(words.into_iter().map(OsString::from).collect()),
        Err(quote) => bail!("invalid flags `{text}`: the quote {quote} has no end; add it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        for (text, expected) in [
            ("", &[][..]),
            ("  -w 4\t-R 50 ", &["-w", "4", "-R", "50"]),
            (r#"-P name="two words""#, &["-P", "name=two words"]),
            (r"-P 'a\b' c\ d ''", &["-P", r"a\b", "c d", ""]),
            (r#""a\"b""#, &["a\"b"]),
        ] {
            assert_eq!(split(text).expect("words"), expected, "{text}");
        }
    }

    #[test]
    fn a_quote_without_its_end_is_refused() {
        let error = split("-P 'a b").unwrap_err().to_string();
        assert_eq!(error, "invalid flags `-P 'a b`: the quote ' has no end; add it");
    }
}
