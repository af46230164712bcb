//! Spans of the user's code as metrics: which ones, and a warning where they can't be seen.

use dyno_bus::message::Report;

/// Makes metrics of spans where the user installed no subscriber of their own.
#[cfg(feature = "tracing")]
pub(super) fn install() {
    use tracing_subscriber::prelude::*;

    if !tracing::dispatcher::has_been_set() {
        // Another thread of the user's may be faster: then theirs it is.
        let _theirs = tracing_subscriber::registry().with(dyno_emitter::layer()).try_init();
    }
}

/// Without the feature `tracing` there are no spans.
#[cfg(not(feature = "tracing"))]
pub(super) fn install() {}

/// Watches the spans that the filter names, beside the benchmark's own.
#[cfg(feature = "tracing")]
pub(super) fn watch(filter: &str) -> Vec<Report> {
    use dyno_emitter::layer;

    let mut notices = Vec::new();
    if !filter.is_empty()
        && let Err(error) = layer::watch_spans(filter)
    {
        notices.push(Report::Notice(format!("--spans {filter}: {error}")));
    }
    if layer::is_missing() {
        notices.push(Report::Notice(
            "a tracing subscriber is in use without `dyno::layer()`: no span becomes a metric; \
             add `.with(dyno::layer())` to it"
                .into(),
        ));
    }
    notices
}

/// What went wrong with spans since.
#[cfg(feature = "tracing")]
pub(super) fn notices() -> Vec<Report> {
    dyno_emitter::layer::take_notices().into_iter().map(Report::Notice).collect()
}

/// Without the feature `tracing` there are no spans.
#[cfg(not(feature = "tracing"))]
pub(super) fn notices() -> Vec<Report> {
    Vec::new()
}

/// Without the feature `tracing` there are no spans, and the primary has refused the filter.
#[cfg(not(feature = "tracing"))]
pub(super) fn watch(_filter: &str) -> Vec<Report> {
    Vec::new()
}
