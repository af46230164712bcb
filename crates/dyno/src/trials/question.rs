//! The question of a study, read from its settings: a sweep, a repetition or a search.
//!
//! The rate says which one: `1k,2k,4k`, `1k..64k` or `search`. Everything that is wrong with it is
//! refused here, in one line, before anything is started.

use std::time::Duration;

use dyno_bus::segment::RATE_MAX;

use crate::settings::{SettingsError, StudySetting, StudySettings, value};
use crate::study::repeat;
use crate::study::search::{
    PRECISION_DEFAULT, SearchError, SearchSettings, TIME_DEFAULT, Thresholds,
};
use crate::study::sweep::{OnLimit, Rates, SweepOptions, SweepOrder};

/// The rate that requests a search.
#[cfg(feature = "cli")]
const SEARCH: &str = "search";

/// The question of a study.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StudyQuestion {
    /// A run at each of these rates, or several; the seed of their order is not known yet.
    Sweep(Rates, SweepOptions),
    /// This number of runs at one rate.
    Repeat(usize),
    /// The highest rate that is sustained, once or this many times.
    Search(Option<usize>),
}

impl StudyQuestion {
    /// Reads the question from the rate, as text and as the user wrote it; `None` if it requests a
    /// single run.
    ///
    /// # Errors
    /// If the rates or the settings of the study are invalid, or do not belong to this study.
    #[cfg(feature = "cli")]
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
        // A comma may also group the digits of one rate. A text that is both is refused: taken for
        // the other, it would ask for a thousand times as much.
        let is_one_rate = value::rate(rate).is_ok();
        if rate.contains(',') && is_one_rate && Self::sweep(rate, String::new, settings).is_ok() {
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

    /// Reads how often a search is performed.
    pub(crate) fn search(settings: &StudySettings) -> Result<Self, SettingsError> {
        repeated(settings).map(Self::Search)
    }

    /// Reads the rates of a sweep.
    pub(crate) fn sweep(
        rates: &str,
        input: impl FnOnce() -> String,
        settings: &StudySettings,
    ) -> Result<Self, SettingsError> {
        let keeps_going = settings.has(StudySetting::KeepGoing);
        let on_limit = if keeps_going { OnLimit::KeepGoing } else { OnLimit::Stop };
        // The seed is that of the plan, which is made later.
        let order = match settings.has(StudySetting::Shuffle) {
            true => SweepOrder::Shuffled { seed: 0 },
            false => SweepOrder::Rising,
        };
        let trials = repeated(settings)?.unwrap_or(1);
        let options = SweepOptions { on_limit, order, trials };
        let rates = Rates::parse(rates, |text| value::cycles_per_second(text).ok());
        rates
            .map(|rates| Self::Sweep(rates, options))
            .map_err(|error| SettingsError { input: input(), remedy: error.to_string() })
    }

    /// Checks the number of trials of a repetition.
    pub(crate) fn repeat(
        count: usize,
        input: impl FnOnce() -> String,
    ) -> Result<Self, SettingsError> {
        checked(count, input).map(Self::Repeat)
    }
}

/// Reads how often something is repeated; `None` unless it is.
fn repeated(settings: &StudySettings) -> Result<Option<usize>, SettingsError> {
    let count = settings.read(StudySetting::Repeat, value::trials)?;
    count.map(|count| checked(count, || settings.input(StudySetting::Repeat))).transpose()
}

fn checked(count: usize, input: impl FnOnce() -> String) -> Result<usize, SettingsError> {
    repeat::checked(count)
        .map_err(|error| SettingsError { input: input(), remedy: error.to_string() })
}

/// Returns how to write a text that is both one rate and several.
#[cfg(feature = "cli")]
fn both_ways(rate: &str) -> String {
    let one = rate.replace(',', "");
    let several: Vec<_> = rate.split(',').map(|part| format!("{}/s", part.trim())).collect();
    format!(
        "it may be one rate or several: write `{one}` for one rate, or `{}` for a sweep",
        several.join(",")
    )
}

/// Refuses settings of another study. Those in code may be meant for another call.
#[cfg(feature = "cli")]
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

/// Reads the settings of a search; `plan` has the warm-up and the full-length window.
///
/// # Errors
/// If one of them is invalid.
pub(crate) fn search_settings(
    settings: &StudySettings,
    plan: &crate::plan::Plan,
) -> Result<SearchSettings, SettingsError> {
    let precision = settings.read(StudySetting::Precision, value::share)?;
    let time: Option<Duration> = settings.read(StudySetting::Time, value::span)?;
    Ok(SearchSettings {
        from: settings.read(StudySetting::From, value::cycles_per_second)?,
        to: settings.read(StudySetting::To, value::cycles_per_second)?,
        precision: precision.unwrap_or(PRECISION_DEFAULT),
        time: time.unwrap_or(TIME_DEFAULT),
        warmup: plan.warmup,
        window: plan.duration,
        arrivals: plan.arrivals,
        thresholds: thresholds_of(plan),
    })
}

/// Returns the trials that the thresholds of a plan need.
fn thresholds_of(plan: &crate::plan::Plan) -> Thresholds {
    if plan.thresholds.is_empty() {
        return Thresholds::Absent;
    }
    let of_window = plan.thresholds.iter().filter(|threshold| threshold.over.is_none());
    Thresholds::Present {
        cycles: of_window.map(|threshold| threshold.cycles_min()).max().unwrap_or(1),
        window: plan.thresholds.iter().filter_map(|one| one.over).max().unwrap_or_default(),
    }
}

/// Returns the error of a search's settings, with the input that it is about.
pub(crate) fn refused(settings: &StudySettings, error: &SearchError) -> SettingsError {
    let input = match error {
        SearchError::Precision(_) => settings.input(StudySetting::Precision),
        SearchError::Time(_) => settings.input(StudySetting::Time),
        SearchError::Rate(_) | SearchError::Empty { .. } => {
            let bounds = [StudySetting::From, StudySetting::To];
            let set = bounds.into_iter().filter(|bound| settings.has(*bound));
            set.map(|bound| settings.input(bound)).collect::<Vec<_>>().join(" ")
        }
    };
    SettingsError { input, remedy: error.to_string() }
}

/// Returns the seed of a trial: a different one for each, so that no chance of the arrivals is
/// repeated, and the same ones whenever the seed of the study is the same.
pub(crate) fn seed_of(seed: u64, trial: usize) -> u64 {
    (seed + trial as u64) & value::SEED_MAX
}

/// Returns the rates whose plans are checked before the first trial, as texts of the setting; `None`
/// for the rate that is set.
pub(crate) fn base_rates(question: &StudyQuestion) -> Option<Vec<String>> {
    match question {
        StudyQuestion::Sweep(rates, _) => {
            Some(rates.as_slice().iter().map(f64::to_string).collect())
        }
        StudyQuestion::Repeat(_) => None,
        // A search chooses its rates and windows by itself. At the highest rate any window
        // has enough cycles.
        StudyQuestion::Search(_) => Some(vec![RATE_MAX.to_string()]),
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests;
