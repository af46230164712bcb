//! The study that a user requests: its rate, as text, says which one.

use super::{StudyQuestion, repeated};
use crate::settings::{SettingsError, StudySetting, StudySettings, value};

/// The rate that requests a search.
const SEARCH: &str = "search";

impl StudyQuestion {
    /// Reads the question from the rate, as text and as the user wrote it; `None` if it requests a
    /// single run.
    ///
    /// # Errors
    /// If the rates or the settings of the study are invalid, or do not belong to this study.
    pub(crate) fn of(
        rate: Option<&str>,
        input: impl FnOnce() -> String,
        settings: &StudySettings,
    ) -> Result<Option<Self>, SettingsError> {
        let rate = rate.unwrap_or_default().trim();
        if rate.eq_ignore_ascii_case(SEARCH) {
            refuse(settings, &[StudySetting::KeepGoing, StudySetting::Shuffle], "a search")?;
            return Self::search(settings).map(Some);
        }
        // A comma may also group the digits of one rate. A text that is both is refused, in any order
        // of its rates: taken for the other, it would ask for a thousand times as much.
        let is_one_rate = value::rate(rate).is_ok();
        let are_rates = rate.split(',').all(|part| value::rate(part.trim()).is_ok());
        if rate.contains(',') && is_one_rate && are_rates {
            return Err(SettingsError { input: input(), remedy: both_ways(rate) });
        }
        if rate.contains("..") || rate.contains(',') && !is_one_rate {
            let others =
                [StudySetting::From, StudySetting::To, StudySetting::Precision, StudySetting::Time];
            refuse(settings, &others, "a sweep")?;
            return Self::sweep(rate, input, settings).map(Some);
        }
        let count = repeated(settings)?;
        let others: Vec<_> =
            StudySetting::ALL.into_iter().filter(|one| *one != StudySetting::Repeat).collect();
        let study = if count.is_some() { "a repetition" } else { "a single run" };
        refuse(settings, &others, study)?;
        Ok(count.map(Self::Repeat))
    }
}

/// Returns how to write a text that is both one rate and several.
fn both_ways(rate: &str) -> String {
    let one = rate.replace(',', "");
    let mut parts: Vec<_> = rate.split(',').map(str::trim).collect();
    // The rates of a sweep rise. All parts have three digits but for the first, which may have less.
    parts.sort_by_key(|part| (part.len(), *part));
    let several: Vec<_> = parts.iter().map(|part| format!("{part}/s")).collect();
    format!(
        "it may be one rate or several: write `{one}` for one rate, or `{}` for a sweep",
        several.join(",")
    )
}

/// Refuses settings of another study. Those in code may be meant for another call.
fn refuse(
    settings: &StudySettings,
    others: &[StudySetting],
    study: &str,
) -> Result<(), SettingsError> {
    let Some(setting) = settings.requested(others) else { return Ok(()) };
    let owner = match setting {
        StudySetting::Repeat => "a study or a run, such as `--rate 500 --repeat 5`",
        StudySetting::KeepGoing | StudySetting::Shuffle => "a sweep, such as `--rate 1k,2k,4k`",
        StudySetting::From | StudySetting::To | StudySetting::Precision | StudySetting::Time => {
            "a search, `--rate search`"
        }
    };
    let remedy = format!("it has no meaning for {study}: expected {owner}; or leave it out");
    Err(SettingsError { input: settings.input(setting), remedy })
}
