//! An index of words: the library that is benchmarked.

/// The words of a text, sorted, each of them once.
pub struct Index {
    words: Vec<String>,
}

impl Index {
    /// Returns the index of a text's words, in lower case.
    pub fn of(text: &str) -> Self {
        let mut words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
        words.sort_unstable();
        words.dedup();
        Self { words }
    }

    /// Returns the number of words that begin with `beginning`.
    pub fn count(&self, beginning: &str) -> usize {
        let from = self.words.partition_point(|word| word.as_str() < beginning);
        self.words[from..].iter().take_while(|word| word.starts_with(beginning)).count()
    }
}
