//! The settings that steer a study: how often, from where, how long.
//!
//! They are layered as the settings of a run are, and are not a part of a plan: each trial of a study
//! is a run like any other. The rate itself says which study it is, so that it is not here.

use std::collections::BTreeMap;

use super::{SettingSource, SettingText, SettingsError};

/// A setting of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StudySetting {
    /// The number of times that a run, each rate of a sweep or a search is repeated.
    Repeat,
    /// The first rate of a search.
    From,
    /// The highest rate of a search.
    To,
    /// The distance between the two rates of a search's answer.
    Precision,
    /// The longest time of a search.
    Time,
    /// All rates of a sweep are run, also beyond the first one that is not sustained.
    KeepGoing,
    /// The rates of a sweep are run in a random order.
    Shuffle,
}

impl StudySetting {
    /// All settings of studies, in the order of the help.
    pub const ALL: [Self; 7] = [
        Self::Repeat,
        Self::From,
        Self::To,
        Self::Precision,
        Self::Time,
        Self::KeepGoing,
        Self::Shuffle,
    ];

    /// Returns the flag's long name, without its dashes.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::From => "from",
            Self::To => "to",
            Self::Precision => "precision",
            Self::Time => "time",
            Self::KeepGoing => "keep-going",
            Self::Shuffle => "shuffle",
        }
    }

    /// Returns the name of the variable that sets it.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Repeat => "DYNO_REPEAT",
            Self::From => "DYNO_FROM",
            Self::To => "DYNO_TO",
            Self::Precision => "DYNO_PRECISION",
            Self::Time => "DYNO_TIME",
            Self::KeepGoing => "DYNO_KEEP_GOING",
            Self::Shuffle => "DYNO_SHUFFLE",
        }
    }

    /// Returns the call that sets it in code, without its value.
    const fn call(self) -> &'static str {
        match self {
            Self::Repeat => "repeated",
            Self::From => "search_from",
            Self::To => "search_to",
            Self::Precision => "search_precision",
            Self::Time => "search_time",
            Self::KeepGoing => "keep_going",
            Self::Shuffle => "shuffle",
        }
    }
}

/// The settings of a study as text; each of them may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StudySettings {
    said: BTreeMap<StudySetting, SettingText>,
}

impl StudySettings {
    /// Sets a setting from its text, in place of an earlier one.
    pub(crate) fn say(&mut self, setting: StudySetting, text: String, source: SettingSource) {
        self.said.insert(setting, SettingText { text, source });
    }

    /// Returns these settings, overridden by those of a later layer.
    #[must_use]
    pub(crate) fn layered_with(mut self, later: Self) -> Self {
        self.said.extend(later.said);
        self
    }

    /// Returns `true` if a setting was set.
    #[must_use]
    pub(crate) fn has(&self, setting: StudySetting) -> bool {
        self.said.contains_key(&setting)
    }

    /// Returns the first setting of these that a flag or a variable set.
    pub(crate) fn requested(&self, among: &[StudySetting]) -> Option<StudySetting> {
        let is_requested = |setting: &&StudySetting| {
            self.said.get(setting).is_some_and(|said| said.source != SettingSource::Code)
        };
        among.iter().find(is_requested).copied()
    }

    /// Returns a setting as the user wrote it.
    #[must_use]
    pub(crate) fn input(&self, setting: StudySetting) -> String {
        let Some(SettingText { text, source }) = self.said.get(&setting) else {
            return format!("--{}", setting.flag());
        };
        let input = match source {
            SettingSource::Code => format!(".{}({text})", setting.call()),
            SettingSource::Environment => format!("{}={text}", setting.variable()),
            SettingSource::Flag => format!("--{} {text}", setting.flag()),
        };
        input.trim_end().to_owned()
    }

    /// Reads a setting, if it was set. `read` returns its value, or the values that are allowed.
    ///
    /// # Errors
    /// If the text is not a valid value.
    pub(crate) fn read<T>(
        &self,
        setting: StudySetting,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        let Some(said) = self.said.get(&setting) else { return Ok(None) };
        let value = read(said.text.trim());
        value.map(Some).map_err(|remedy| SettingsError { input: self.input(setting), remedy })
    }
}
