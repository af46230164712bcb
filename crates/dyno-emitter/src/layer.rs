//! Spans of `tracing` as metrics: the time for which each was open, under its name.
//!
//! The span's start is kept in its own extensions. The filter that selects the spans belongs to
//! this layer alone: other layers see the same as before, and a span that no layer wants is
//! disabled at its callsite. A span is recorded when it closes, for any reason: a return, an error,
//! a panic, or a future that was dropped.
//!
//! # Which spans
//!
//! The spans of the benchmark's own crate, which the executable's name gives; those that match the
//! filter of [`layer_for`]; and those that match the filter of [`watch_spans`]. A span with a name
//! that no metric can have is left out, with a [notice](take_notices).

use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use crate::histogram::Histogram;
use crate::install;
use crate::measure::Open;
use crate::reentry::lock;

/// The most notices kept: more names than anyone reads.
const NOTICES_MAX: usize = 32;

/// Set once the layer is part of a subscriber that is in use.
static INSTALLED: AtomicBool = AtomicBool::new(false);
/// The targets given to [`watch_spans`].
static WATCHED: OnceLock<Targets> = OnceLock::new();
static NOTICES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Returns a layer that makes the spans of the benchmark's own crate metrics.
///
/// It is for a program that installs a subscriber itself. The layer belongs to `tracing-subscriber` 0.3.
///
/// ```
/// use tracing_subscriber::prelude::*;
/// # use dyno_emitter as dyno;
///
/// tracing_subscriber::registry().with(dyno::layer()).init();
/// ```
pub fn layer<S>() -> impl Layer<S> + Send + Sync + 'static
where
    S: Subscriber + for<'span> LookupSpan<'span> + 'static,
{
    SpanLayer.with_filter(SpanFilter { own: own_crate(), others: Targets::new() })
}

/// Like [`layer()`], and also for spans of the filter's targets: `my_lib,my_lib::db=info`.
///
/// ```
/// use tracing_subscriber::prelude::*;
/// # use dyno_emitter as dyno;
///
/// let layer = dyno::layer_for("my_lib,my_lib::db=info")?;
/// tracing_subscriber::registry().with(layer).init();
/// # Ok::<(), dyno::FilterError>(())
/// ```
///
/// # Errors
/// If `filter` is not a valid list of targets.
pub fn layer_for<S>(filter: &str) -> Result<impl Layer<S> + Send + Sync + 'static, FilterError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + 'static,
{
    Ok(SpanLayer.with_filter(SpanFilter { own: own_crate(), others: targets(filter)? }))
}

/// Makes the spans of the filter's targets metrics too, in each layer of this process. Only the
/// first call has an effect.
///
/// # Errors
/// If `filter` is not a valid list of targets.
pub fn watch_spans(filter: &str) -> Result<(), FilterError> {
    let targets = targets(filter)?;
    if WATCHED.set(targets).is_ok() {
        // Callsites that were used already have cached that no layer wants them.
        tracing::callsite::rebuild_interest_cache();
    }
    Ok(())
}

/// Checks a filter for [`watch_spans`] and [`layer_for`].
///
/// # Errors
/// If `filter` is not a valid list of targets.
pub fn check_filter(filter: &str) -> Result<(), FilterError> {
    targets(filter).map(drop)
}

/// Returns `true` if spans do not become metrics because a subscriber is in use without this layer.
#[must_use]
pub fn is_missing() -> bool {
    tracing::dispatcher::has_been_set() && !INSTALLED.load(Ordering::Relaxed)
}

/// Takes the notices about spans since the last call, for the user: a sentence each.
#[must_use]
pub fn take_notices() -> Vec<String> {
    std::mem::take(&mut lock(&NOTICES))
}

/// The error of a text that is not a valid list of targets.
///
/// ```
/// # use dyno_emitter as dyno;
/// # use tracing_subscriber::Registry;
/// let error = dyno::layer_for::<Registry>("my_lib=loud").err().expect("no such level");
/// assert_eq!(error.filter(), "my_lib=loud");
/// ```
#[derive(Debug, thiserror::Error)]
#[error(
    "invalid span filter `{filter}`: {source}; expected targets, such as `my_lib,my_lib::db=info`"
)]
pub struct FilterError {
    filter: String,
    /// The error of `tracing-subscriber`, whose type is not part of this API.
    source: ParseError,
}

impl FilterError {
    /// Returns the text that was passed.
    #[must_use]
    pub fn filter(&self) -> &str {
        &self.filter
    }
}

fn targets(filter: &str) -> Result<Targets, FilterError> {
    // An empty text would be the target with an empty name, which matches every span.
    if filter.trim().is_empty() {
        return Ok(Targets::new());
    }
    filter.parse().map_err(|source| FilterError { filter: filter.to_owned(), source })
}

/// The selection of the spans that are metrics.
struct SpanFilter {
    own: Option<String>,
    others: Targets,
}

impl SpanFilter {
    fn wants(&self, span: &Metadata<'_>) -> bool {
        let named = |targets: &Targets| targets.would_enable(span.target(), span.level());
        span.is_span()
            && (self.own.as_deref().is_some_and(|own| is_within(span.target(), own))
                || named(&self.others)
                || WATCHED.get().is_some_and(named))
    }
}

impl<S> Filter<S> for SpanFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if !self.wants(metadata) {
            return Interest::never();
        }
        if let Err(error) = Histogram::again(metadata.name()) {
            notice(format!("a span of `{}` is not a metric: {error}", metadata.target()));
        }
        Interest::always()
    }
}

/// Returns `true` if a target is a crate, or a module in it.
fn is_within(target: &str, own: &str) -> bool {
    target.strip_prefix(own).is_some_and(|path| path.is_empty() || path.starts_with("::"))
}

/// Returns the name of the crate from which this executable was built.
fn own_crate() -> Option<String> {
    std::env::current_exe().ok()?.file_name().and_then(crate_of)
}

/// Returns the crate of an executable: cargo appends a hash of 16 digits to some names.
fn crate_of(executable: &OsStr) -> Option<String> {
    let name = executable.to_str()?;
    // The kernel's mark of an executable that was replaced since it was started.
    let name = name.trim_end_matches(" (deleted)");
    let is_hash =
        |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = match name.rsplit_once('-') {
        Some((name, hash)) if is_hash(hash) => name,
        _ => name,
    };
    Some(name.replace('-', "_"))
}

fn notice(sentence: String) {
    let mut notices = lock(&NOTICES);
    if notices.len() < NOTICES_MAX && !notices.contains(&sentence) {
        notices.push(sentence);
    }
}

/// The layer that times the spans that its filter lets through.
struct SpanLayer;

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_register_dispatch(&self, _subscriber: &Dispatch) {
        INSTALLED.store(true, Ordering::Relaxed);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(run) = install::run() else { return };
        // A name that no metric can have got a notice at its callsite.
        let Ok(histogram) = Histogram::again(attributes.metadata().name()) else { return };
        if let Some(span) = context.span(id) {
            // If this layer was added twice, the later start replaces the earlier one.
            span.extensions_mut().replace(Open::begin(histogram, run));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let open = span.extensions_mut().remove::<Open>();
        if let Some(open) = open {
            open.end();
        }
    }
}

#[cfg(test)]
mod tests;
