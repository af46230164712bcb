//! The suggestion for an unknown name: the most similar of the names that exist.

/// Returns the name that `unknown` becomes by the fewest edits: at most one for every three letters,
/// rounded up, and always fewer than there are letters.
pub(crate) fn nearest<'a>(
    unknown: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let letters = unknown.chars().count();
    let edits_max = letters.div_ceil(3).min(letters.saturating_sub(1));
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Returns `; did you mean …?`, or an empty text: the end of an error about an unknown name.
pub(crate) fn did_you_mean<'a>(unknown: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(unknown, names).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_is_named_and_a_stranger_is_not() {
        let names = ["sleep", "fibonacci", "io"];
        assert_eq!(nearest("fibonaci", names), Some("fibonacci"));
        assert_eq!(nearest("oi", names), Some("io"));
        assert_eq!(nearest("redis", names), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(did_you_mean("slep", names), "; did you mean `sleep`?");
        assert_eq!(did_you_mean("slep", []), "");
    }
}
