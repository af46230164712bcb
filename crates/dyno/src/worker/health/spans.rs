//! Spans of the user's code as metrics: their selection, and a warning where they cannot be seen.

use dyno_bus::message::Report;

/// Makes spans metrics, unless the user installed their own subscriber.
#[cfg(feature = "tracing")]
pub(crate) fn install() {
    use tracing_subscriber::prelude::*;

    if !tracing::dispatcher::has_been_set() {
        let spans = tracing_subscriber::registry().with(dyno_emitter::layer());
        // Not `try_init`: if the user's own features of `tracing-subscriber` include it, that also
        // takes the place of a logger of `log`. If another of the user's threads is faster, its
        // subscriber stays.
        let _theirs = tracing::subscriber::set_global_default(spans);
    }
}

/// Does nothing: without the feature `tracing` spans do not exist.
#[cfg(not(feature = "tracing"))]
pub(crate) fn install() {}

/// Watches the spans that the filter names, in addition to the benchmark's own.
#[cfg(feature = "tracing")]
pub(crate) fn watch(filter: &str) -> Option<Report> {
    if filter.is_empty() {
        return None;
    }
    let error = dyno_emitter::harness::watch_spans(filter).err()?;
    Some(Report::Notice(format!("--spans {filter}: {error}")))
}

/// Returns a warning if the user's own subscriber keeps spans from becoming metrics. The subscriber
/// in use is known only after `before`.
#[cfg(feature = "tracing")]
pub(crate) fn missing() -> Option<Report> {
    dyno_emitter::harness::is_missing().then(|| {
        Report::Notice(
            "a tracing subscriber is in use without `dyno::layer()`: no span becomes a metric; \
             add `.with(dyno::layer())` to it"
                .into(),
        )
    })
}

/// Returns `None`: without the feature `tracing` spans do not exist.
#[cfg(not(feature = "tracing"))]
pub(crate) fn missing() -> Option<Report> {
    None
}

/// Takes the problems with spans since the last call.
#[cfg(feature = "tracing")]
pub(crate) fn notices() -> Vec<Report> {
    dyno_emitter::harness::take_notices().into_iter().map(Report::Notice).collect()
}

/// Returns an empty list: without the feature `tracing` spans do not exist.
#[cfg(not(feature = "tracing"))]
pub(crate) fn notices() -> Vec<Report> {
    Vec::new()
}

/// Returns `None`: without the feature `tracing` spans do not exist, and the primary has refused
/// the filter.
#[cfg(not(feature = "tracing"))]
pub(crate) fn watch(_filter: &str) -> Option<Report> {
    None
}
