//! `--format json`: the summary as one object.

use dyno_summary::Summary;

/// Returns the indented object; a line feed ends it.
pub(crate) fn render(summary: &Summary) -> String {
    let mut text = serde_json::to_string_pretty(summary)
        .expect("a summary holds numbers, texts, and maps of texts");
    text.push('\n');
    text
}
