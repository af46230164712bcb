//! The options of a comparison: its figures, their tolerances, and the consent to differences.

use crate::study::compare::{BetterWhen, ComparedFigure};

/// The figures that the exit code depends on, unless others are requested.
const DECISIVE: [&str; 3] = ["service.mean", "response.p50", CAPACITY];
/// A figure that is shown in addition: between processes it varies too much for a usual tolerance.
const SHOWN: &str = "response.p99";
/// The rate of a closed loop, and the answer of a search.
pub(super) const DELIVERED: &str = "delivered";
pub(super) const CAPACITY: &str = "capacity";
/// The tolerances of means, medians and rates, and of statistics of the tail.
const TOLERANCE: f64 = 0.05;
const TAIL_TOLERANCE: f64 = 0.25;
/// The statistics of the tail.
const TAIL: [&str; 3] = ["p99", "p999", "max"];
/// The statistics of a metric that can be compared.
pub(super) const STATISTICS: [&str; 7] = ["mean", "p50", "p90", "p99", "p999", "max", "min"];
/// The least and the greatest tolerance.
const TOLERANCES: std::ops::RangeInclusive<f64> = 0.001..=10.0;

/// An option that is not valid, and the way out.
///
/// ```
/// use dyno::{ComparisonOptions, OptionError};
///
/// let error: OptionError = ComparisonOptions::default().tolerance("5").expect_err("no share");
/// assert!(error.to_string().starts_with("invalid --tolerance `5`: expected "), "{error}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {flag} `{text}`: {remedy}")]
pub struct OptionError {
    flag: &'static str,
    text: String,
    remedy: &'static str,
}

/// The options of a comparison.
///
/// ```
/// use dyno::ComparisonOptions;
///
/// let options = ComparisonOptions::default();
/// let options = options.metric("rows.mean=higher")?.tolerance("p99=10%")?;
/// # let _ = options;
/// # Ok::<(), dyno::OptionError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComparisonOptions {
    /// The requested figures, with the direction that is better.
    figures: Vec<(String, BetterWhen)>,
    /// The tolerances by figure or statistic; an empty name is that of all figures.
    tolerances: Vec<(String, f64)>,
    /// `true` if results of different runs are compared.
    pub(super) is_forced: bool,
}

impl ComparisonOptions {
    /// Compares results of different runs too.
    #[must_use]
    pub fn forced(mut self, is_forced: bool) -> Self {
        self.is_forced = is_forced;
        self
    }

    /// Adds a figure, such as `response.p99`, a metric of the user such as `rows`, which means its
    /// mean, or `rows.mean=higher`, if it is better when it is higher. The exit code then depends on
    /// the added figures alone.
    ///
    /// # Errors
    /// If the text is not a metric with a statistic.
    pub fn metric(mut self, text: &str) -> Result<Self, OptionError> {
        let refuse = |remedy| OptionError { flag: "--metric", text: text.to_owned(), remedy };
        let (name, better) = match text.trim().split_once('=') {
            None => (text.trim(), None),
            Some((name, "higher")) => (name.trim(), Some(BetterWhen::Higher)),
            Some((name, "lower")) => (name.trim(), Some(BetterWhen::Lower)),
            Some(_) => {
                return Err(refuse(
                    "expected `higher` or `lower` after `=`, as in `rows.mean=higher`",
                ));
            }
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(refuse("expected a metric and a statistic, such as `response.p99`"));
        }
        let is_rate = [DELIVERED, CAPACITY].contains(&name);
        let name = match name.rsplit_once('.') {
            Some((metric, "p99.9")) => format!("{metric}.p999"),
            // `p99.9` has a dot itself.
            Some((metric, "9")) if metric.ends_with(".p99") => format!("{metric}9"),
            Some((_, statistic)) if STATISTICS.contains(&statistic) => name.to_owned(),
            _ if is_rate => name.to_owned(),
            _ => format!("{name}.mean"),
        };
        let usual = if is_rate { BetterWhen::Higher } else { BetterWhen::Lower };
        self.figures.push((name, better.unwrap_or(usual)));
        Ok(self)
    }

    /// Sets a tolerance: `5%` for all figures, `p99=10%` for a statistic, `rows.mean=1%` for a figure.
    ///
    /// # Errors
    /// If the text is not a share.
    pub fn tolerance(mut self, text: &str) -> Result<Self, OptionError> {
        let (name, share) = text.rsplit_once('=').unwrap_or(("", text));
        let percent = share.trim().strip_suffix('%').and_then(|digits| digits.trim().parse().ok());
        let share = percent.map(|percent: f64| percent / 100.0);
        let Some(share) = share.filter(|share| TOLERANCES.contains(share)) else {
            let remedy = "expected a share from 0.1% to 1000%, such as `5%` or `p99=10%`";
            return Err(OptionError { flag: "--tolerance", text: text.to_owned(), remedy });
        };
        self.tolerances.push((name.trim().replace("p99.9", "p999"), share));
        Ok(self)
    }

    /// Returns the figures to compare, of those that `is_there` knows: the usual ones, and all that
    /// are requested, whether they are there or not.
    pub(super) fn compared(&self, is_there: impl Fn(&str) -> bool) -> Vec<ComparedFigure> {
        let is_open = !is_there(DELIVERED);
        let usual = DECISIVE.iter().chain((!is_open).then_some(&DELIVERED)).chain([&SHOWN]);
        let usual = usual.filter(|name| is_there(name) && !self.requests(name));
        let mut figures: Vec<_> = usual
            .map(|name| ComparedFigure {
                name: (*name).to_owned(),
                better: if [DELIVERED, CAPACITY].contains(name) {
                    BetterWhen::Higher
                } else {
                    BetterWhen::Lower
                },
                tolerance: self.tolerance_of(name),
                is_decisive: self.figures.is_empty() && *name != SHOWN,
            })
            .collect();
        figures.extend(self.figures.iter().map(|(name, better)| ComparedFigure {
            name: name.clone(),
            better: *better,
            tolerance: self.tolerance_of(name),
            is_decisive: true,
        }));
        figures
    }

    /// Returns `true` if a figure is requested by its name.
    pub(super) fn requests(&self, name: &str) -> bool {
        self.figures.iter().any(|(requested, _)| requested == name)
    }

    /// Returns the tolerance of a figure: the last one for its name, else for its statistic, else for
    /// all.
    fn tolerance_of(&self, figure: &str) -> f64 {
        let statistic = figure.rsplit_once('.').map_or(figure, |(_, statistic)| statistic);
        let set = |name: &str| self.tolerances.iter().rev().find(|(set, _)| set == name);
        let set = set(figure).or_else(|| set(statistic)).or_else(|| set(""));
        let usual = if TAIL.contains(&statistic) { TAIL_TOLERANCE } else { TOLERANCE };
        set.map_or(usual, |(_, share)| *share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(options: &ComparisonOptions) -> Vec<(String, f64, bool)> {
        let open = |name: &str| !["capacity", "delivered"].contains(&name);
        let figures = options.compared(open).into_iter();
        figures.map(|figure| (figure.name, figure.tolerance, figure.is_decisive)).collect()
    }

    #[test]
    fn the_usual_figures_are_two_that_decide_and_one_that_is_shown() {
        let usual = compared(&ComparisonOptions::default());
        let expected = [
            ("service.mean".to_owned(), 0.05, true),
            ("response.p50".to_owned(), 0.05, true),
            ("response.p99".to_owned(), 0.25, false),
        ];
        assert_eq!(usual, expected);
    }

    #[test]
    fn the_exit_code_depends_on_the_requested_figures_alone() {
        let options = ComparisonOptions::default().metric("response.p99").unwrap();
        let decisive: Vec<_> = compared(&options)
            .into_iter()
            .filter(|figure| figure.2)
            .map(|figure| figure.0)
            .collect();
        assert_eq!(decisive, ["response.p99"]);
    }

    #[test]
    fn a_metric_alone_means_its_mean_and_may_be_better_when_higher() {
        let options = ComparisonOptions::default().metric("rows=higher").unwrap();
        assert_eq!(options.figures, [("rows.mean".to_owned(), BetterWhen::Higher)]);
        for (text, name) in [
            ("db.read.p99.9", "db.read.p999"),
            ("db.read", "db.read.mean"),
            ("delivered", "delivered"),
        ] {
            let options = ComparisonOptions::default().metric(text).unwrap();
            assert_eq!(options.figures[0].0, name);
        }
        for text in ["", "a b", "rows=up"] {
            let error = ComparisonOptions::default().metric(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("invalid --metric `{text}`: expected ")), "{error}");
        }
    }

    #[test]
    fn a_tolerance_is_that_of_the_figure_else_of_the_statistic_else_of_all() {
        let options = ComparisonOptions::default();
        let options = options.tolerance("2%").unwrap().tolerance("p99=10%").unwrap();
        let options = options.tolerance("response.p50 = 1 %").unwrap();
        let tolerances: Vec<_> = compared(&options).into_iter().map(|figure| figure.1).collect();
        assert_eq!(tolerances, [0.02, 0.01, 0.10]);
        for text in ["", "5", "0%", "p99", "p99=", "-5%", "nan%"] {
            let error = ComparisonOptions::default().tolerance(text).unwrap_err().to_string();
            let expected = format!("invalid --tolerance `{text}`: expected a share from 0.1% ");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
