//! The choice of a dashboard, read from its flags.

use std::time::Duration;

use super::OutputFlags;
use crate::report::{DashboardPlace, PlaceFormError};

/// The time for which a page is kept if no time is given: until Ctrl-C.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// A dashboard that the command line requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DashboardChoice {
    /// The place of the page.
    pub(crate) place: DashboardPlace,
    /// The time for which the final page is served; `None` if it ends with the run.
    pub(crate) keep: Option<Duration>,
}

/// Flags that make no dashboard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DashboardFlagError {
    #[error("--dashboard: {0}")]
    Place(#[from] PlaceFormError),
    #[error("{flag}: it needs --dashboard; add that flag, or leave {flag} out")]
    Alone { flag: &'static str },
    #[error(
        "--dashboard-keep: invalid time `{text}`: expected a number with a unit, such as `10m`"
    )]
    Keep { text: String },
}

/// Reads the flags of a dashboard; `None` if none is requested.
pub(super) fn read(output: &OutputFlags) -> Result<Option<DashboardChoice>, DashboardFlagError> {
    let Some(text) = &output.dashboard else {
        let alone = [
            ("--dashboard-keep", output.dashboard_keep.is_some()),
            ("--dashboard-host", !output.dashboard_host.is_empty()),
        ];
        return match alone.into_iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(DashboardFlagError::Alone { flag }),
            None => Ok(None),
        };
    };
    let place = DashboardPlace::read(text, &output.dashboard_host)?;
    let keep = output.dashboard_keep.as_deref().map(time).transpose()?;
    Ok(Some(DashboardChoice { place, keep }))
}

fn time(text: &str) -> Result<Duration, DashboardFlagError> {
    if text.is_empty() {
        return Ok(FOR_EVER);
    }
    let refused = |_| DashboardFlagError::Keep { text: text.to_owned() };
    humantime::parse_duration(text).map_err(refused).map(|time| time.min(FOR_EVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(dashboard: Option<&str>, keep: Option<&str>) -> OutputFlags {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (dashboard, dashboard_keep) = (owned(dashboard), owned(keep));
        OutputFlags { dashboard, dashboard_keep, ..OutputFlags::default() }
    }

    #[test]
    #[cfg(feature = "dashboard")]
    fn a_dashboard_is_read_from_its_flags() {
        let keep = |text| read(&flags(Some(""), text)).map(|choice| choice.and_then(|it| it.keep));
        assert_eq!(keep(None), Ok(None));
        assert_eq!(keep(Some("10m")), Ok(Some(Duration::from_secs(600))));
        assert_eq!(keep(Some("")), Ok(Some(FOR_EVER)));
        let error = keep(Some("10")).unwrap_err().to_string();
        assert!(error.starts_with("--dashboard-keep: invalid time `10`: expected"), "{error}");
        let error = read(&flags(Some("shop"), None)).unwrap_err().to_string();
        assert!(error.starts_with("--dashboard: invalid address `shop`: expected"), "{error}");
    }

    #[test]
    #[cfg(not(feature = "dashboard"))]
    fn a_program_without_a_dashboard_names_the_command_that_adds_it() {
        let error = read(&flags(Some(""), None)).unwrap_err().to_string();
        assert!(
            error.ends_with("add it by `cargo add dyno-bench --features dashboard`"),
            "{error}"
        );
    }

    #[test]
    fn a_flag_of_a_dashboard_alone_is_refused() {
        assert_eq!(read(&flags(None, None)), Ok(None));
        let error = read(&flags(None, Some("1m"))).unwrap_err().to_string();
        assert_eq!(
            error,
            "--dashboard-keep: it needs --dashboard; add that flag, or leave --dashboard-keep out"
        );
    }
}
