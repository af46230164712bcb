//! The words of a command in one text, such as `docker exec -i {host}`: split as a shell splits them,
//! without its variables and patterns.

/// Returns the words of a text. Quotes hold blanks together, and a backslash keeps the next character.
///
/// # Errors
/// The quote that has no end.
pub(crate) fn split(text: &str) -> Result<Vec<String>, char> {
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
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.map_or(Ok(words), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        for (text, expected) in [
            ("", &[][..]),
            ("  docker exec\t-i {host} ", &["docker", "exec", "-i", "{host}"]),
            (r#"a name="two words""#, &["a", "name=two words"]),
            (r"'a\b' c\ d ''", &[r"a\b", "c d", ""]),
        ] {
            assert_eq!(split(text).expect("closed"), expected, "{text}");
        }
        assert_eq!(split("a 'b"), Err('\''));
    }
}
