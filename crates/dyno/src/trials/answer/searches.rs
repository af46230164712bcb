//! The answer of one or several searches: their findings as data, and in one sentence.

use dyno_summary::{RepeatedSearch, SearchBound, SearchFinding, Study};

use super::{interval, rate, sentence, word};
use crate::study::search::{Answer, End, SearchEnd, Step};
use crate::study::searches::{Agreement, Searches};

/// Writes the state of searches that go on.
pub(super) fn so_far(study: &mut Study, searches: &Searches) {
    let current = searches.current();
    let answer = current.answer(SearchEnd::Unclear);
    study.study = "search".to_owned();
    study.exit_code = answer.exit_code();
    let rows = study.trials.iter_mut().skip(searches.trials_before());
    for (row, tried) in rows.zip(current.tried()) {
        row.is_overruled = tried.is_overruled;
    }
    study.search = Some(finding(&answer));
    study.answer = format!("{}, so far", interval(study));
    if searches.count() > 1 {
        let number = searches.answers().count() + 1;
        study.answer = format!("search {number} of {}: {}", searches.count(), study.answer);
        let ended: Vec<_> = searches.answers().collect();
        let all: Vec<_> = searches.answers().chain([answer]).collect();
        together(study, searches.count(), &ended, &all);
    }
}

/// Writes the result of searches that are over. Returns the reason of their end as a word; `None` if
/// they are not over.
pub(super) fn at_end(study: &mut Study, searches: &mut Searches) -> Option<&'static str> {
    let Step::Done(last) = searches.next() else { return None };
    so_far(study, searches);
    study.search = Some(finding(&last));
    study.answer = sentence(study, &last);
    study.exit_code = last.exit_code();
    if searches.count() == 1 {
        return Some(word(last.end));
    }
    let all: Vec<_> = searches.answers().chain([last]).collect();
    let of_last = std::mem::take(&mut study.answer);
    study.answer = repeated_sentence(searches.count(), &all, &of_last);
    together(study, searches.count(), &all, &all);
    study.exit_code =
        all.iter().map(Answer::exit_code).max_by_key(|code| severity(*code)).unwrap_or_default();
    let is_cut = matches!(last.end, SearchEnd::Interrupted { .. });
    Some(if is_cut { "interrupted" } else { "done" })
}

/// Returns the numbers of an answer.
fn finding(answer: &Answer) -> SearchFinding {
    let bound = |end: End| {
        let mut bound = SearchBound::default();
        (bound.rate, bound.is_confirmed) = (end.rate, end.is_confirmed);
        bound
    };
    let mut finding = SearchFinding::default();
    finding.lower = answer.lower.map(bound);
    finding.upper = answer.upper.map(bound);
    finding.estimate = answer.bracket.estimate;
    (finding.low, finding.high) = (answer.bracket.low, answer.bracket.high);
    finding.precision = answer.precision;
    finding.noise = answer.noise;
    finding
}

/// Writes the findings of searches, each by itself and all together: the range of all of them.
fn together(study: &mut Study, count: usize, ended: &[Answer], all: &[Answer]) {
    let mut searches = RepeatedSearch::default();
    searches.count = count as u64;
    searches.findings = ended.iter().map(finding).collect();
    if let Some(common) = Agreement::of(ended).and_then(|agreement| agreement.common) {
        searches.common_low = Some(common.0);
        searches.common_high = Some(common.1).filter(|high| high.is_finite());
    }
    study.searches = Some(searches);
    let findings: Vec<_> = all.iter().map(finding).collect();
    let ends = |end: fn(&SearchFinding) -> f64| findings.iter().map(end);
    let mut whole = SearchFinding::default();
    let bounds = |bound: fn(&SearchFinding) -> &Option<SearchBound>| {
        findings.iter().filter_map(move |one| bound(one).clone())
    };
    whole.lower = bounds(|one| &one.lower).min_by(|a, b| a.rate.total_cmp(&b.rate));
    whole.upper = bounds(|one| &one.upper).max_by(|a, b| a.rate.total_cmp(&b.rate));
    whole.low = ends(|one| one.low).fold(f64::INFINITY, f64::min);
    whole.high = ends(|one| one.high).fold(0.0, f64::max);
    whole.noise = ends(|one| one.noise).fold(0.0, f64::max);
    whole.estimate = median(ends(|one| one.estimate).collect());
    let rates = whole.lower.as_ref().zip(whole.upper.as_ref());
    whole.precision = rates.map(|(lower, upper)| upper.rate / lower.rate - 1.0);
    study.search = Some(whole);
}

/// Returns what several searches agree on, in one sentence.
fn repeated_sentence(count: usize, answers: &[Answer], of_last: &str) -> String {
    let Some(Agreement { answers: found, common, range }) = Agreement::of(answers) else {
        return format!("no search has an answer; the last one: {of_last}");
    };
    let what = match found {
        _ if found < count => format!("{found} of {count} searches have an answer"),
        _ => format!("{count} searches"),
    };
    match common {
        _ if found == 1 => format!("{what}: {}", span(range)),
        Some(common) => {
            format!(
                "{what}: all intervals contain {}; together they are {}",
                span(common),
                span(range)
            )
        }
        None => {
            format!("{what}: no rate is in all of their intervals, which are {}", span(range))
        }
    }
}

fn span((low, high): (f64, f64)) -> String {
    if high.is_finite() {
        format!("{} to {}", rate(low), rate(high))
    } else {
        format!("{} and more", rate(low))
    }
}

/// Returns the place of an exit code among others: the worst has the highest.
fn severity(code: i32) -> i32 {
    match code {
        0 => 0,
        // Not conclusive, which is better than any other finding.
        6 => 1,
        worse => worse + 1,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::search::Bracket;

    fn answer(lower: f64, upper: f64, end: SearchEnd) -> Answer {
        let at = |rate| Some(End { rate, is_confirmed: true });
        let bracket = Bracket { low: lower, estimate: (lower + upper) / 2.0, high: upper };
        Answer { lower: at(lower), upper: at(upper), bracket, precision: None, noise: 0.02, end }
    }

    #[test]
    fn the_answer_of_several_searches_is_what_their_intervals_have_in_common() {
        let two = [
            answer(8_200.0, 8_600.0, SearchEnd::Found),
            answer(8_300.0, 8_700.0, SearchEnd::Found),
        ];
        let sentence = "2 searches: all intervals contain 8,300/s to 8,600/s; together they are \
                        8,200/s to 8,700/s";
        assert_eq!(repeated_sentence(2, &two, ""), sentence);
        let mut study = Study::default();
        together(&mut study, 2, &two, &two);
        let searches = study.searches.unwrap();
        assert_eq!((searches.count, searches.findings.len()), (2, 2));
        assert_eq!((searches.common_low, searches.common_high), (Some(8_300.0), Some(8_600.0)));
        let whole = study.search.unwrap();
        let rates = (whole.lower.unwrap().rate, whole.upper.unwrap().rate);
        assert_eq!((rates, whole.low, whole.high), ((8_200.0, 8_700.0), 8_200.0, 8_700.0));
    }

    #[test]
    fn searches_that_differ_and_searches_without_an_answer_are_named() {
        let two = [
            answer(8_000.0, 8_100.0, SearchEnd::Found),
            answer(8_300.0, 8_700.0, SearchEnd::Found),
        ];
        let apart =
            "2 searches: no rate is in all of their intervals, which are 8,000/s to 8,700/s";
        assert_eq!(repeated_sentence(2, &two, ""), apart);
        let one = [two[0], answer(8_300.0, 8_700.0, SearchEnd::Unclear)];
        let some = "1 of 2 searches have an answer: 8,000/s to 8,100/s";
        assert_eq!(repeated_sentence(2, &one, ""), some);
        let none = repeated_sentence(2, &one[1..], "the time was over");
        assert_eq!(none, "no search has an answer; the last one: the time was over");
    }

    #[test]
    fn the_exit_code_of_several_searches_is_the_worst_one() {
        let mut codes = [5, 0, 130, 6, 1];
        codes.sort_by_key(|code| severity(*code));
        assert_eq!(codes, [0, 6, 1, 5, 130]);
    }
}
