//! HTML and SVG as text. Every text is escaped here, so that none of a user's texts becomes markup.
//!
//! The page refuses styles in attributes, by its own security policy: a style is a class.

/// The attributes of an element: names, with values that are escaped.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

/// A piece of a page that grows at its end.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Returns the text of the page.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Appends an element, whose content `fill` appends.
    pub(super) fn inside(&mut self, tag: &str, of: Attributes<'_>, fill: impl FnOnce(&mut Self)) {
        self.open(tag, of);
        fill(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// Appends an element with a text.
    pub(super) fn element(&mut self, tag: &str, of: Attributes<'_>, text: &str) {
        self.inside(tag, of, |html| html.text(text));
    }

    /// Appends an element with a text of the user's: its direction changes nothing around it.
    pub(super) fn foreign(&mut self, tag: &str, of: Attributes<'_>, text: &str) {
        self.inside(tag, of, |html| html.element("bdi", &[], text));
    }

    /// Appends the beginning of an element; the whole of one that has no content, such as `meta`.
    pub(super) fn open(&mut self, tag: &str, of: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in of {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            // An attribute has no element that could isolate the direction of its text.
            self.text(&flat(value));
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// Appends a text.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '&' => self.0.push_str("&amp;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(c),
                // No character of this kind can be shown, and a parser may refuse it.
                c if c.is_control() => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
    }

    /// Appends text that is markup already: our own style, script and pictures.
    pub(super) fn markup(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Appends data for the script. Inside of a `script` element HTML knows no escapes, so the
    /// characters that could end it are written as JSON writes any character.
    pub(super) fn data(&mut self, id: &str, data: &serde_json::Value) {
        self.inside("script", &[("type", "application/json"), ("id", id)], |html| {
            html.markup(&json(data));
        });
    }
}

/// Returns JSON without the characters that mean something to a parser of HTML or JavaScript.
fn json(data: &serde_json::Value) -> String {
    let mut escaped = String::new();
    for c in data.to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns a text without the characters that change the direction of what follows them.
pub(super) fn flat(text: &str) -> String {
    let is_mark = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}');
    let turns = |c| is_mark(c) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !turns(*c)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Texts that would end an element, an attribute, a comment or a script.
    const HOSTILE: &str = "</script><script>alert(1)</script>\"'&]]></svg>\u{2028}\u{202e}\u{0}";

    #[test]
    fn no_text_becomes_markup() {
        let mut html = Html::default();
        html.foreign("p", &[("title", HOSTILE)], HOSTILE);
        let text = html.into_text();
        let shown = "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;]]&gt;\
                     &lt;/svg&gt;\u{2028}";
        let expected =
            format!("<p title=\"{shown}\u{fffd}\"><bdi>{shown}\u{202e}\u{fffd}</bdi></p>");
        assert_eq!(text, expected);
    }

    #[test]
    fn data_is_read_as_it_was_and_ends_no_script() {
        let mut html = Html::default();
        html.data("data", &json!({"name": HOSTILE}));
        let text = html.into_text();
        let inner = text.strip_prefix("<script type=\"application/json\" id=\"data\">").unwrap();
        let inner = inner.strip_suffix("</script>").unwrap();
        assert!(!inner.contains(['<', '>', '&', '\u{2028}']), "{inner}");
        let read: serde_json::Value = serde_json::from_str(inner).unwrap();
        assert_eq!(read, json!({"name": HOSTILE}));
    }
}
