//! Settings as entries, to be given to another process of the same program.

use super::{Setting, SettingSource, SettingText, Settings};

impl Settings {
    /// Returns all settings that were set, in their order: each with its text and its layer.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Setting, &str, SettingSource)> {
        self.said.iter().flat_map(|(setting, texts)| {
            texts.iter().map(|said| (*setting, said.text.as_str(), said.source))
        })
    }

    /// Adds a setting that another process gives.
    pub(crate) fn add_entry(&mut self, setting: Setting, text: String, source: SettingSource) {
        self.said.entry(setting).or_default().push(SettingText { text, source });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_made_of_entries_are_the_same() {
        let mut settings = Settings::default();
        settings.set(Setting::Rate, 50);
        settings.say(Setting::Threshold, "failed.share < 1%".into(), SettingSource::Environment);
        settings.say(Setting::Threshold, "wait.p99 < 1ms".into(), SettingSource::Flag);
        let mut copy = Settings::default();
        for (setting, text, source) in settings.entries() {
            copy.add_entry(setting, text.to_owned(), source);
        }
        assert_eq!(copy, settings);
    }
}
