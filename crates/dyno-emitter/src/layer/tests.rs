//! Tests that spans become metrics: nested and asynchronous ones, those of the own crate and those
//! of a filter.
//!
//! The own crate is this one, because the test's executable is named after it.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Poll, Waker};

use dyno_bus::message::Batch;
use tracing::{Instrument, info_span, subscriber, trace_span};
use tracing_subscriber::Registry;
use tracing_subscriber::prelude::*;

use super::*;
use crate::harness::Emitter;
use crate::install::tests::alone;

/// Returns the values that spans recorded while `run` ran under these layers, by name.
fn recorded(layers: impl Layer<Registry> + Send + Sync, run: impl FnOnce()) -> Recorded {
    let _turn = alone();
    let mut emitter = Emitter::new(|| {});
    let _installed = emitter.install().expect("alone");
    subscriber::with_default(tracing_subscriber::registry().with(layers), run);
    let (mut batch, mut declare) = (Batch::default(), Vec::new());
    let collected = emitter.collect(&mut batch, &mut declare);
    assert!(!collected.more);
    let name = |metric: u32| declare[metric as usize].name.clone();
    batch.columns.into_iter().map(|column| (name(column.metric), column.values)).collect()
}

type Recorded = BTreeMap<String, Vec<u64>>;

fn names(recorded: &Recorded) -> Vec<&str> {
    recorded.keys().map(String::as_str).collect()
}

#[test]
fn nested_spans_are_metrics_of_their_names() {
    let spans = recorded(layer(), || {
        for _ in 0..3 {
            let _outer = info_span!("layer::outer").entered();
            trace_span!("layer::inner").in_scope(|| tracing::info!("an event is no span"));
        }
    });
    assert_eq!(names(&spans), ["layer::inner", "layer::outer"]);
    for (inner, outer) in spans["layer::inner"].iter().zip(&spans["layer::outer"]) {
        assert!(inner <= outer, "{inner} within {outer}");
    }
    assert_eq!(spans["layer::inner"].len(), 3);
}

#[test]
fn a_span_of_a_future_is_open_from_its_making_to_its_end() {
    let mut polls = 0;
    let spans = recorded(layer(), || {
        let work = std::future::poll_fn(|_| {
            polls += 1;
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut context = std::task::Context::from_waker(Waker::noop());
        let mut future = pin!(work.instrument(info_span!("layer::future")));
        while future.as_mut().poll(&mut context).is_pending() {
            info_span!("layer::meanwhile").in_scope(|| {});
        }
    });
    // One value, although it was entered several times.
    assert_eq!(spans["layer::future"].len(), 1);
    assert_eq!(spans["layer::meanwhile"].len(), 2);
    assert!(spans["layer::future"][0] >= spans["layer::meanwhile"].iter().sum());
}

#[test]
fn spans_of_other_crates_are_metrics_only_if_a_filter_selects_them() {
    let run = || {
        let _own = info_span!("layer::own").entered();
        let _near = info_span!(target: "dyno_emitter_too", "layer::near").entered();
        let _asked = info_span!(target: "asked::module", "layer::asked").entered();
        let _below = trace_span!(target: "asked::module", "layer::below").entered();
    };
    assert_eq!(names(&recorded(layer(), run)), ["layer::own"]);
    let asked = layer_for("asked=debug,other").expect("a filter");
    assert_eq!(names(&recorded(asked, run)), ["layer::asked", "layer::own"]);
    assert_eq!(names(&recorded(layer_for("").expect("none"), run)), ["layer::own"]);
}

#[test]
fn a_filter_can_be_given_after_the_layer() {
    let run = || {
        let spans = || info_span!(target: "watched", "layer::watched").in_scope(|| {});
        spans();
        watch_spans("watched").expect("a filter");
        spans();
    };
    assert_eq!(recorded(layer(), run)["layer::watched"].len(), 1);
}

#[test]
fn an_invalid_filter_is_an_error_that_shows_a_valid_one() {
    let error = watch_spans("my_lib=loud").expect_err("no level");
    assert!(error.to_string().starts_with("invalid span filter `my_lib=loud`: "), "{error}");
    assert!(error.to_string().ends_with("such as `my_lib,my_lib::db=info`"), "{error}");
    assert!(layer_for::<Registry>("my_lib=loud").is_err());
}

#[test]
fn a_span_whose_name_is_built_in_is_left_out_with_a_notice() {
    let spans = recorded(layer(), || {
        for _ in 0..2 {
            info_span!("service").in_scope(|| info_span!("layer::kept").in_scope(|| {}));
        }
    });
    assert_eq!(names(&spans), ["layer::kept"]);
    let notices = take_notices();
    let about = "a span of `dyno_emitter::layer::tests` is not a metric: the metric name `service`";
    assert_eq!(notices.iter().filter(|notice| notice.starts_with(about)).count(), 1, "{notices:?}");
}

#[test]
fn a_layer_that_was_added_twice_records_once() {
    let spans = recorded(layer().and_then(layer()), || {
        info_span!("layer::twice").in_scope(|| {});
    });
    assert_eq!(spans["layer::twice"].len(), 1);
}

#[test]
fn outside_a_run_and_without_the_layer_spans_are_nothing() {
    let run = || info_span!("layer::outside").in_scope(|| {});
    let turn = alone();
    subscriber::with_default(tracing_subscriber::registry().with(layer()), run);
    assert!(!is_missing(), "the layer is known to be in use");
    drop(turn);
    assert!(recorded(tracing_subscriber::layer::Identity::new(), run).is_empty());
}

#[test]
fn a_crate_is_found_by_its_executable() {
    let found = |name: &str| crate_of(OsStr::new(name)).expect("a name");
    assert_eq!(found("spans"), "spans");
    assert_eq!(found("my-bench-0123456789abcdef"), "my_bench");
    assert_eq!(found("my-bench (deleted)"), "my_bench");
    assert_eq!(own_crate().as_deref(), Some("dyno_emitter"));
}
