//! Flags in one text, as `--a '-w 4 -P name="two words"'`: split as a shell splits them, without its
//! variables and patterns.

use std::ffi::OsString;

use anyhow::bail;

/// Returns the words of a text. Quotes hold blanks together, and a backslash keeps the next character.
///
/// # Errors
/// If a quote has no end.
pub(super) fn split(text: &str) -> anyhow::Result<Vec<OsString>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('\'' | '"', None) => {
                quote = Some(c);
                // Quotes alone are an empty word.
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take().map(OsString::from)),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(quote) = quote {
        bail!("invalid flags `{text}`: the quote {quote} has no end; add it");
    }
    words.extend(word.map(OsString::from));
    Ok(words)
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
