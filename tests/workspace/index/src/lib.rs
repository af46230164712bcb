//! An index of words: the library whose speed is asked for.

/// Words in order, each once.
pub struct Index {
    words: Vec<String>,
}

impl Index {
    /// The words of a text.
    pub fn of(text: &str) -> Self {
        let mut words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
        words.sort_unstable();
        words.dedup();
        Self { words }
    }

    /// How many words begin so.
    pub fn count(&self, beginning: &str) -> usize {
        let from = self.words.partition_point(|word| word.as_str() < beginning);
        self.words[from..].iter().take_while(|word| word.starts_with(beginning)).count()
    }
}
