//! A Rust file with its code and its comments separated, so that a rule for code does not see
//! comments or strings. The lexer is one page long: it knows where tokens end, not what they mean.

/// A Rust file in three forms: as written, its code alone, and its comments alone. Removed text is
/// replaced by spaces, so that line numbers are the same in all three.
pub(super) struct Source<'a> {
    /// The file as written.
    pub(super) text: &'a str,
    /// The code, without comments and without literals in quotes.
    pub(super) code: String,
    /// The comments, without code and without literals.
    pub(super) comments: String,
}

enum Kind {
    Code,
    Comment,
    Literal,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (mut code, mut comments) = (String::new(), String::new());
        let mut rest = text;
        while !rest.is_empty() {
            let (kind, length) = token(rest);
            let (piece, after) = rest.split_at(length);
            let blank: String = piece.chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            code.push_str(if matches!(kind, Kind::Code) { piece } else { &blank });
            comments.push_str(if matches!(kind, Kind::Comment) { piece } else { &blank });
            rest = after;
        }
        Self { text, code, comments }
    }

    /// Returns the lines of code, numbered from 1.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.code)
    }
}

/// Returns the lines of a text, numbered from 1.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Returns the names, keywords and numbers of a line.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the kind of the text's first token, and its length in bytes.
fn token(text: &str) -> (Kind, usize) {
    let Some(first) = text.chars().next() else { return (Kind::Code, 0) };
    if text.starts_with("//") {
        return (Kind::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Kind::Comment, block_comment(text));
    }
    if let Some(length) = raw_string(text) {
        return (Kind::Literal, length);
    }
    match first {
        '"' => (Kind::Literal, quoted(text, '"')),
        '\'' => match text[1..].chars().next() {
            Some('\\') => (Kind::Literal, quoted(text, '\'')),
            Some(c) if text[1 + c.len_utf8()..].starts_with('\'') => {
                (Kind::Literal, c.len_utf8() + 2)
            }
            // A single quote without a closing one begins a lifetime.
            _ => (Kind::Code, 1),
        },
        // A whole word, so that an `r` at its end is not mistaken for the beginning of a raw
        // string.
        c if is_word(c) => (Kind::Code, text.find(|c| !is_word(c)).unwrap_or(text.len())),
        c => (Kind::Code, c.len_utf8()),
    }
}

/// Returns the length of a comment between `/*` and `*/`, which may contain others.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if text[at..].starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Returns the length of a raw string, if the text begins with one.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        let after = text.strip_prefix(prefix).unwrap_or_default();
        after.trim_start_matches('#').starts_with('"')
    })?;
    let hashes = text[prefix.len()..].chars().take_while(|c| *c == '#').count();
    let start = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text[start..].find(&end).map_or(text.len(), |length| start + length + end.len()))
}

/// Returns the length of a quoted literal, including its quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new(text).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        assert_eq!(code("a(); // b()"), "a();");
        assert_eq!(code("a /* b /* c */ d */ e"), "a e");
        assert_eq!(code(r#"a("b \" c", d)"#), "a( , d)");
        assert_eq!(code(r##"a(r#"b " c"#, br"d\", e)"##), "a( , , e)");
        assert_eq!(code(r"f('{', '\'', '\u{7f}', 'é') {"), "f( , , , ) {");
    }

    #[test]
    fn lifetimes_and_words_that_end_in_r_are_code() {
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(code(r#"for"x""#), "for");
        assert_eq!(code("r#type"), "r#type");
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "a\n/* b\n */ c \"d\n\" e // f\n";
        let source = Source::new(text);
        assert_eq!(source.code.lines().count(), text.lines().count());
        assert_eq!(
            source.comments.lines().map(str::trim).collect::<Vec<_>>(),
            ["", "/* b", "*/", "// f"]
        );
    }

    #[test]
    fn an_unclosed_comment_or_literal_ends_with_the_file() {
        for text in ["/* a", "\"a", "r#\"a\"", "'\\", "'", "b'"] {
            assert_eq!(Source::new(text).code.len(), text.len(), "{text}");
        }
    }
}
