//! The question of a study, read from its settings: a sweep, a repetition or a search.
//!
//! The rate says which one: `1k,2k,4k`, `1k..64k` or `search`. Everything that is wrong with it is
//! refused here, in one line, before anything is started.

mod requested;

use std::time::Duration;

use dyno_bus::segment::RATE_MAX;

use crate::settings::{SettingsError, StudySetting, StudySettings, value};
use crate::study::repeat;
use crate::study::search::{
    PRECISION_DEFAULT, SearchError, SearchSettings, TIME_DEFAULT, Thresholds,
};
use crate::study::sweep::{OnLimit, Rates, SweepOptions, SweepOrder};

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

#[cfg(test)]
mod tests;
