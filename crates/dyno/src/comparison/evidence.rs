//! The evidence of one side: its trials with their figures, and the facts that both sides have to
//! share.

use std::collections::{BTreeMap, BTreeSet};

use dyno_summary::{Metric, SearchFinding, Study, StudyTrial, Summary, Unit, Verdict};

use super::options::{CAPACITY, ComparisonOptions, DELIVERED, STATISTICS};
use crate::settings::{self, Setting};
use crate::study::compare::ComparedFigure;

/// The evidence of one side of a comparison: the trials of a run or a study. It is made from a
/// [`Summary`] or a [`Study`].
///
/// ```
/// use dyno::{SideEvidence, Study};
///
/// let study = Study::default();
/// let evidence = SideEvidence::from(&study).named("main");
/// assert!(dyno::compare(evidence, &study).is_err(), "it has no trial");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SideEvidence {
    pub(super) name: String,
    pub(super) benchmark: String,
    pub(super) git: Option<String>,
    pub(super) trials: Vec<TrialFigures>,
    /// The facts that both sides have to share, by name.
    facts: BTreeMap<String, String>,
}

/// The figures of a trial.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TrialFigures {
    /// The requested rate; `None` for a closed loop.
    rate: Option<f64>,
    /// `false` if the rate was not sustained, or cycles failed.
    pub(super) is_held: bool,
    /// `false` if the trial shows nothing of the code.
    pub(super) is_usable: bool,
    values: BTreeMap<String, (f64, Unit)>,
}

impl SideEvidence {
    /// Returns the evidence of a study whose trials have these summaries, in their order. It has the
    /// figures of all metrics, where a study alone has the usual ones.
    #[must_use]
    pub fn of_trials(study: &Study, trials: &[Summary]) -> Self {
        let mut evidence = Self::from(study);
        if study.search.is_some() {
            if let Some(trial) = trials.first() {
                evidence.add_facts(trial, &[Setting::Rate, Setting::Duration]);
            }
            return evidence;
        }
        if let Some(trial) = trials.first() {
            let varied: &[Setting] = if study.sweep.is_some() { &[Setting::Rate] } else { &[] };
            evidence.add_facts(trial, varied);
            evidence.git.clone_from(&trial.environment.git);
        }
        if trials.len() == evidence.trials.len() {
            evidence.trials = trials.iter().map(TrialFigures::from).collect();
        }
        evidence
    }

    /// Gives the side the name that the user wrote.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    fn add_facts(&mut self, summary: &Summary, varied: &[Setting]) {
        let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let machine = &summary.environment;
        self.facts.extend([
            fact("system", &machine.os),
            fact("processor", &machine.cpu),
            fact("processors", &machine.cores.to_string()),
            fact("profile", &summary.profile),
        ]);
        // Arrivals differ from trial to trial in any case, and processes have other ids.
        let differs = |setting| [Setting::Seed, Setting::Watch].contains(&setting);
        let is_shared = |setting: Setting| !differs(setting) && !varied.contains(&setting);
        let rows = settings::rows(&summary.parameters).filter(|(setting, _)| is_shared(*setting));
        self.facts.extend(rows.map(|(setting, text)| fact(setting.flag(), &text)));
        // The seed of a task that draws by the run's own seed differs with it.
        let seed = summary.parameters.seed.to_string();
        let is_own = |(name, text): &(&str, String)| name != &"seed" || *text != seed;
        let task = summary.parameters.task.texts().filter(is_own);
        self.facts.extend(task.map(|(name, text)| (format!("-P {name}"), text)));
    }

    /// Returns all rates, in order; a closed loop counts as one.
    fn rates(&self) -> Vec<Option<f64>> {
        let mut rates: Vec<_> = self.trials.iter().map(|trial| trial.rate).collect();
        rates.sort_by(|a, b| a.unwrap_or(f64::MAX).total_cmp(&b.unwrap_or(f64::MAX)));
        rates.dedup();
        rates
    }

    /// Returns `true` if any trial has a value of this figure.
    fn has(&self, name: &str) -> bool {
        self.trials.iter().any(|trial| trial.values.contains_key(name))
    }

    /// Returns the values of a figure over the trials that held their rate, and the unit.
    pub(super) fn values(&self, figure: &SavedFigure) -> (Vec<f64>, Unit) {
        let counts = |trial: &&TrialFigures| {
            trial.is_held && trial.is_usable && figure.rate.is_none_or(|rate| trial.rate == rate)
        };
        let trials = self.trials.iter().filter(counts);
        let values: Vec<_> =
            trials.filter_map(|trial| trial.values.get(&figure.compared.name)).collect();
        let unit = values.first().map_or(Unit::None, |(_, unit)| *unit);
        (values.into_iter().map(|(value, _)| *value).collect(), unit)
    }
}

/// A figure of saved results, at one rate if there are several.
#[derive(Debug, Clone)]
pub(super) struct SavedFigure {
    pub(super) compared: ComparedFigure,
    /// The rate of the trials that count; `None` for all trials.
    pub(super) rate: Option<Option<f64>>,
}

/// Returns the figures to compare: one for each rate that both sides have.
pub(super) fn figures(
    base: &SideEvidence,
    new: &SideEvidence,
    options: &ComparisonOptions,
) -> Vec<SavedFigure> {
    let compared = options.compared(|name| base.has(name) || new.has(name));
    let rates: Vec<_> =
        base.rates().into_iter().filter(|rate| new.rates().contains(rate)).collect();
    let rates: Vec<_> = match rates.as_slice() {
        [] | [_] => vec![None],
        several => several.iter().copied().map(Some).collect(),
    };
    let figure = |rate: &Option<Option<f64>>| {
        let rate = *rate;
        compared.iter().map(move |compared| SavedFigure { compared: compared.clone(), rate })
    };
    rates.iter().flat_map(figure).collect()
}

/// Returns the facts that differ between both sides, in one sentence each.
pub(super) fn differences(base: &SideEvidence, new: &SideEvidence) -> Vec<String> {
    let names: BTreeSet<_> = base.facts.keys().chain(new.facts.keys()).collect();
    let text = |side: &SideEvidence, name: &str| {
        side.facts.get(name).filter(|text| !text.is_empty()).cloned()
    };
    let differs = names.into_iter().filter_map(|name| {
        let (base, new) = (text(base, name), text(new, name));
        // A fact that only one side knows, as a study without its trials does, does not differ.
        let (base, new) = base.zip(new)?;
        (base != new).then(|| format!("{name} is {base} in BASE and {new} in NEW"))
    });
    differs.collect()
}

impl From<&Summary> for SideEvidence {
    fn from(summary: &Summary) -> Self {
        let mut evidence = Self {
            name: summary.benchmark.clone(),
            benchmark: summary.benchmark.clone(),
            git: summary.environment.git.clone(),
            trials: vec![TrialFigures::from(summary)],
            facts: BTreeMap::new(),
        };
        evidence.facts.insert("benchmark".to_owned(), summary.benchmark.clone());
        evidence.facts.insert("study".to_owned(), "a rate".to_owned());
        evidence.add_facts(summary, &[]);
        evidence
    }
}

impl From<&Study> for SideEvidence {
    fn from(study: &Study) -> Self {
        let question = match study.study.as_str() {
            // A single run and a repetition answer the same question.
            "repeat" => "a rate",
            other => other,
        };
        let facts = [
            ("benchmark", study.benchmark.as_str()),
            ("study", question),
            ("profile", &study.profile),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned()));
        // The answer of a search is one figure: its trials are steps to it.
        let of_search = |search: &SearchFinding| TrialFigures {
            rate: None,
            is_held: true,
            is_usable: search.estimate > 0.0,
            values: [(CAPACITY.to_owned(), (search.estimate, Unit::None))].into(),
        };
        let trials = match (&study.searches, &study.search) {
            (Some(searches), _) => searches.findings.iter().map(of_search).collect(),
            (None, Some(search)) => vec![of_search(search)],
            (None, None) => study.trials.iter().map(TrialFigures::from).collect(),
        };
        Self {
            name: study.benchmark.clone(),
            benchmark: study.benchmark.clone(),
            git: None,
            trials,
            facts: facts.into(),
        }
    }
}

impl From<&Summary> for TrialFigures {
    fn from(summary: &Summary) -> Self {
        let mut trial = Self::judged(&summary.verdict);
        trial.rate = summary.rate.asked;
        for (name, metric) in summary.metrics.iter().filter(|(_, metric)| metric.count > 0) {
            for statistic in STATISTICS {
                if let Some(value) = of_metric(metric, statistic) {
                    trial.values.insert(format!("{name}.{statistic}"), (value, metric.unit));
                }
            }
        }
        if summary.rate.asked.is_none() {
            trial.values.insert(DELIVERED.to_owned(), (summary.rate.delivered, Unit::None));
        }
        trial
    }
}

impl From<&StudyTrial> for TrialFigures {
    fn from(row: &StudyTrial) -> Self {
        let mut trial = Self::judged(&row.verdict);
        trial.rate = row.rate;
        let values = [
            ("service.mean", row.service_mean_ns),
            ("response.p50", row.response_p50_ns.map(|ns| ns as f64)),
            ("response.p99", row.response_p99_ns.map(|ns| ns as f64)),
        ];
        for (name, value) in values {
            if let Some(value) = value {
                trial.values.insert(name.to_owned(), (value, Unit::Nanoseconds));
            }
        }
        if row.rate.is_none() {
            trial.values.insert(DELIVERED.to_owned(), (row.delivered, Unit::None));
        }
        trial
    }
}

impl TrialFigures {
    fn judged(verdict: &Verdict) -> Self {
        let is_held =
            matches!(verdict, Verdict::Sustained | Verdict::Completed | Verdict::Inconclusive);
        let is_usable = is_held || matches!(verdict, Verdict::Unsustained | Verdict::Failed);
        Self { is_held, is_usable, ..Self::default() }
    }

    /// Returns the value of a figure.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        self.values.get(name).map(|(value, _)| *value)
    }

    /// Returns the unit of a figure.
    pub(super) fn unit(&self, name: &str) -> Option<Unit> {
        self.values.get(name).map(|(_, unit)| *unit)
    }
}

/// Returns a statistic of a metric; `None` if there are too few values for it.
fn of_metric(metric: &Metric, statistic: &str) -> Option<f64> {
    let whole = |value: u64| value as f64;
    match statistic {
        "mean" => Some(metric.mean),
        "p50" => metric.p50.map(whole),
        "p90" => metric.p90.map(whole),
        "p99" => metric.p99.map(whole),
        "p999" => metric.p999.map(whole),
        "max" => Some(whole(metric.max)),
        "min" => Some(whole(metric.min)),
        _ => None,
    }
}
