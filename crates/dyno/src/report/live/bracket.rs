//! The part of the live view that belongs to a study: the trial that runs, and in a search the
//! interval of the capacity, which becomes narrower from row to row. Pure.

use dyno_summary::{Study, StudyTrial, Verdict};

use crate::report::formats::figures;
use crate::report::formats::palette::Palette;

/// The most rows: the trials before are in the lines above the view.
const ROWS_MAX: usize = 10;
/// The columns before an interval: the trial, its rate and its verdict.
const LABEL: usize = 28;
/// The columns after an interval: its two ends.
const ENDS: usize = 26;
/// The narrowest interval that still shows something, in columns.
const BAR_MIN: usize = 12;

/// The intervals of a search, trial by trial.
#[derive(Debug, Clone, Default)]
pub(in crate::report) struct BracketHistory {
    rows: Vec<BracketRow>,
}

/// The interval after a trial.
#[derive(Debug, Clone)]
struct BracketRow {
    trial: StudyTrial,
    low: f64,
    estimate: f64,
    high: f64,
}

impl BracketHistory {
    /// Remembers the state of a study after a trial. Only a search has an interval.
    pub(in crate::report) fn note(&mut self, study: &Study) {
        if let (Some(search), Some(trial)) = (&study.search, study.trials.last()) {
            let (low, estimate, high) = (search.low, search.estimate, search.high);
            self.rows.push(BracketRow { trial: trial.clone(), low, estimate, high });
        }
    }

    /// Returns the newest rows, all on one logarithmic scale of rates, in a terminal of this size.
    /// They are empty for other studies, and in a terminal that is too small.
    pub(in crate::report) fn lines(
        &self,
        columns: usize,
        rows: usize,
        palette: Palette,
    ) -> Vec<String> {
        let width = columns.saturating_sub(LABEL + ENDS + 2);
        let shown = ROWS_MAX.min(rows / 3);
        let newest = &self.rows[self.rows.len().saturating_sub(shown)..];
        let Some(scale) = Scale::of(newest, width).filter(|_| width >= BAR_MIN) else {
            return Vec::new();
        };
        newest.iter().map(|row| row.line(&scale, palette)).collect()
    }
}

impl BracketRow {
    fn line(&self, scale: &Scale, palette: Palette) -> String {
        let rate = figures::asked(self.trial.rate);
        let label = format!("{} {rate} {}", self.trial.folder, self.trial.verdict);
        let (low, high) = (scale.place(self.low), scale.place(self.high));
        let estimate = scale.place(self.estimate);
        let tried = self.trial.rate.map(|rate| scale.place(rate));
        let cell = |place: usize| {
            if tried == Some(place) {
                return palette.bold(mark(&self.trial.verdict));
            }
            match place {
                _ if place == estimate => palette.accent("◆"),
                _ if (low..=high).contains(&place) => palette.accent("━"),
                _ => palette.dim("·"),
            }
        };
        let bar: String = (0..scale.width).map(cell).collect();
        let ends = format!("{} to {}", shown(self.low), shown(self.high));
        format!("{label:<LABEL$} {bar} {}", palette.dim(&ends))
    }
}

/// A logarithmic scale of rates over the columns of a terminal.
struct Scale {
    low: f64,
    high: f64,
    width: usize,
}

impl Scale {
    /// Returns the scale of all rates that were tried and of the newest interval; `None` if there are
    /// none. The first intervals are so wide that the newest would be a single column next to them.
    fn of(rows: &[BracketRow], width: usize) -> Option<Self> {
        let newest = rows.last()?;
        let rates = rows.iter().filter_map(|row| row.trial.rate);
        let rates = rates.chain([newest.low, newest.high]).filter(|rate| *rate > 0.0).map(f64::ln);
        let (low, high) = rates.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), rate| {
            (low.min(rate), high.max(rate))
        });
        (low < high).then_some(Self { low, high, width })
    }

    fn place(&self, rate: f64) -> usize {
        let share = (rate.max(f64::MIN_POSITIVE).ln() - self.low) / (self.high - self.low);
        let last = self.width.saturating_sub(1);
        ((share.clamp(0.0, 1.0) * last as f64).round() as usize).min(last)
    }
}

/// Returns the sign of a trial at its rate.
fn mark(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Sustained => "✓",
        Verdict::Unsustained | Verdict::Failed | Verdict::Error => "✗",
        _ => "?",
    }
}

/// Returns a rate with three digits, as estimates have.
fn shown(rate: f64) -> String {
    let scale = 10_f64.powi(2 - rate.max(1e-3).log10().floor() as i32);
    figures::asked(Some((rate * scale).round() / scale))
}

#[cfg(test)]
mod tests {
    use dyno_summary::SearchFinding;

    use super::*;

    fn history(brackets: &[(Option<f64>, Verdict, f64, f64, f64)]) -> BracketHistory {
        let mut history = BracketHistory::default();
        for (index, (rate, verdict, low, estimate, high)) in brackets.iter().enumerate() {
            let mut trial = StudyTrial::default();
            (trial.folder, trial.rate) = (format!("{:02}", index + 1), *rate);
            trial.verdict = verdict.clone();
            let mut search = SearchFinding::default();
            (search.low, search.estimate, search.high) = (*low, *estimate, *high);
            let mut study = Study::default();
            (study.trials, study.search) = (vec![trial], Some(search));
            history.note(&study);
        }
        history
    }

    #[test]
    fn the_interval_of_a_search_becomes_narrower_from_row_to_row() {
        let history = history(&[
            (None, Verdict::Completed, 500.0, 1_000.0, 2_000.0),
            (Some(750.0), Verdict::Sustained, 800.0, 1_000.0, 1_400.0),
            (Some(1_100.0), Verdict::Unsustained, 960.0, 1_000.0, 1_040.0),
        ]);
        let lines = history.lines(LABEL + ENDS + 2 + 21, 30, Palette::Plain);
        let ends = ["500/s to 2,000/s", "800/s to 1,400/s", "960/s to 1,040/s"];
        let bars = ["━━━━━━━━━━━━━━━◆━━━━━", "✓··━━━━━━━━━━━━◆━━━━━", "·············━━◆━━··✗"];
        let labels = ["01 max completed", "02 750/s sustained", "03 1,100/s unsustained"];
        let expected: Vec<_> = (0..3)
            .map(|row| format!("{:<LABEL$} {} {}", labels[row], bars[row], ends[row]))
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_small_terminal_has_the_newest_rows_or_none() {
        let row = |rate| (Some(rate), Verdict::Sustained, 500.0, 1_000.0, 2_000.0);
        let history = history(&[row(600.0), row(700.0), row(800.0)]);
        let lines = history.lines(100, 6, Palette::Plain);
        assert!(lines.len() == 2 && lines[1].starts_with("03 800/s"), "{lines:?}");
        assert_eq!(history.lines(40, 24, Palette::Plain), [""; 0]);
    }

    #[test]
    fn other_studies_have_no_interval() {
        let mut history = BracketHistory::default();
        let mut study = Study::default();
        study.trials.push(StudyTrial::default());
        history.note(&study);
        assert_eq!(history.lines(100, 24, Palette::Plain), [""; 0]);
    }
}
