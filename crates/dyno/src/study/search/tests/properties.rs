//! Properties of every search, for any answers at all.

use proptest::prelude::*;

use super::*;

/// The numbers of a trial's answer, for any requested rate.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    verdict: u8,
    /// The delivered rate, as a share of the requested one.
    share: f64,
    /// The part of the requested window that was run.
    ran: f64,
    /// The time besides the window.
    beside_ms: u64,
    error: Option<f64>,
    load: Option<(f64, f64)>,
    enough_ms: Option<u64>,
}

fn numbers() -> impl Strategy<Value = Numbers> {
    let load = (0.0..3.0, 0.0..1.0).prop_map(|(low, width)| (low, low + width));
    (
        0..9_u8,
        prop_oneof![Just(0.0), 0.0..2.0],
        0.0..1.0,
        0..5_000_u64,
        proptest::option::of(0.0..2.0),
        proptest::option::weighted(0.2, load),
        proptest::option::of(0..1_000_000_u64),
    )
        .prop_map(|(verdict, share, ran, beside_ms, error, load, enough_ms)| Numbers {
            verdict,
            share,
            ran,
            beside_ms,
            error,
            load,
            enough_ms,
        })
}

fn answer(request: Request, numbers: Numbers) -> Trial {
    let rate = request.rate.per_second().unwrap_or(1_000.0);
    let window = request.window.mul_f64(numbers.ran);
    let delivered = rate * numbers.share;
    let verdict = match numbers.verdict {
        0..=2 => TrialVerdict::Sustained,
        3 | 4 => TrialVerdict::Unsustained,
        5 => TrialVerdict::Inconclusive,
        6 => TrialVerdict::Failed,
        7 => TrialVerdict::Invalid,
        _ => TrialVerdict::Error,
    };
    Trial {
        rate: request.rate,
        window,
        took: window + Duration::from_millis(numbers.beside_ms),
        verdict: if request.rate == Rate::Max { TrialVerdict::Completed } else { verdict },
        completed: (delivered * window.as_secs_f64()) as u64,
        delivered,
        error: numbers.error,
        load: numbers.load.map(|(low, high)| crate::verdict::trend::Bounds { low, high }),
        enough: numbers.enough_ms.map(Duration::from_millis),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_answers_end_in_time_with_rates_in_range_and_ends_in_order(
        answers in proptest::collection::vec(numbers(), TRIALS_MAX + 1),
        from in proptest::option::of(0.1..100_000.0),
        to in proptest::option::of(100_000.0..1_000_000.0),
        precision in 0.005..1.0,
        seconds in 10..1_000_u64,
        cycles in proptest::option::of(0..100_000_u64),
    ) {
        let settings = SearchSettings {
            from,
            to,
            precision,
            time: Duration::from_secs(seconds),
            thresholds: cycles.map_or(Thresholds::Absent, |cycles| Thresholds::Present {
                cycles,
                window: Duration::ZERO,
            }),
            ..settings(&plain(1.0))
        };
        let (time, most) = (settings.time, settings.to.unwrap_or(RATE_MAX));
        let mut search = Search::new(settings).unwrap();
        let mut answers = answers.into_iter();
        let end = loop {
            let step = search.next();
            prop_assert_eq!(step, search.next(), "the same trials, and another step");
            let Bracket { low, estimate, high } = search.bracket();
            prop_assert!(RATE_MIN <= low && low <= estimate && estimate <= high && high <= most);
            let request = match step {
                Step::Trial(request) => request,
                Step::Done(answer) => break answer,
            };
            if let Rate::PerSecond(rate) = request.rate {
                prop_assert!((RATE_MIN..=most).contains(&rate), "{rate}");
                // Reports print rates with three decimals at most.
                let printed = request.rate.to_string().replace(['/', 's', ','], "");
                prop_assert!(printed.parse() == Ok(rate) || Some(rate) == from || rate == most);
            }
            prop_assert!(search.elapsed() + request.rest + request.window <= time);
            prop_assert!(request.window > Duration::ZERO);
            let next = answers.next();
            prop_assert!(next.is_some(), "endless");
            search.take(answer(request, next.expect("it was checked")));
        };
        if let (Some(lower), Some(upper)) = (end.lower, end.upper) {
            prop_assert!(lower.rate < upper.rate || end.end == SearchEnd::NotRecovered);
        }
        prop_assert!(end.noise > 0.0 && (0..=6).contains(&end.exit_code()));
    }
}
