//! Spans of the user's code as metrics: which ones, and a warning where they can't be seen.

use dyno_bus::message::Report;

/// Makes metrics of spans where the user installed no subscriber of their own.
#[cfg(feature = "tracing")]
pub(super) fn install() {
    use tracing_subscriber::prelude::*;

    if !tracing::dispatcher::has_been_set() {
        let spans = tracing_subscriber::registry().with(dyno_emitter::layer());
        // Not `try_init`, which takes the place of a logger of `log` too, where the user's own
        // features of `tracing-subscriber` say so. If another thread of the user's is faster, its
        // subscriber stays.
        let _theirs = tracing::subscriber::set_global_default(spans);
    }
}

/// Without the feature `tracing` there are no spans.
#[cfg(not(feature = "tracing"))]
pub(super) fn install() {}

/// Watches the spans that the filter names, besides the benchmark's own.
#[cfg(feature = "tracing")]
pub(super) fn watch(filter: &str) -> Option<Report> {
    if filter.is_empty() {
        return None;
    }
    let error = dyno_emitter::layer::watch_spans(filter).err()?;
    Some(Report::Notice(format!("--spans {filter}: {error}")))
}

/// Returns a warning if the user's own subscriber keeps spans from becoming metrics. Only after
/// `before` is it known which subscriber is in use.
#[cfg(feature = "tracing")]
pub(super) fn missing() -> Option<Report> {
    dyno_emitter::layer::is_missing().then(|| {
        Report::Notice(
            "a tracing subscriber is in use without `dyno::layer()`: no span becomes a metric; \
             add `.with(dyno::layer())` to it"
                .into(),
        )
    })
}

/// Without the feature `tracing` there are no spans.
#[cfg(not(feature = "tracing"))]
pub(super) fn missing() -> Option<Report> {
    None
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
pub(super) fn watch(_filter: &str) -> Option<Report> {
    None
}
