//! The place of a collector, read from its flag and from the variables of OpenTelemetry.

use super::OutputFlags;
use crate::report::{OtlpPlace, OtlpPlaceError};

/// A flag that names no collector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--otlp: {0}")]
pub(crate) struct OtlpFlagError(#[from] OtlpPlaceError);

/// Reads the place of a collector; `None` if none is requested.
pub(super) fn read(output: &OutputFlags) -> Result<Option<OtlpPlace>, OtlpFlagError> {
    let variable = |name: &str| std::env::var(name).ok();
    let place = output.otlp.as_deref().map(|url| OtlpPlace::read(url, variable));
    Ok(place.transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        let output = OutputFlags { otlp: Some(url.to_owned()), ..OutputFlags::default() };
        read(&output).unwrap_err().to_string()
    }

    #[test]
    #[cfg(feature = "otlp")]
    fn a_bad_url_is_refused_with_the_flag() {
        let error = refusal("shop");
        assert!(error.starts_with("--otlp: invalid URL `shop`: expected http://HOST"), "{error}");
    }

    #[test]
    #[cfg(not(feature = "otlp"))]
    fn a_program_without_otlp_names_the_command_that_adds_it() {
        let error = refusal("http://shop");
        assert!(error.ends_with("add it by `cargo add dyno-bench --features otlp`"), "{error}");
    }

    #[test]
    fn without_the_flag_nothing_is_sent() {
        assert_eq!(read(&OutputFlags::default()), Ok(None));
    }
}
