//! The flags of a study. The rate says which study it is; these steer it.

use clap::{ArgMatches, Args};

use super::environment::Variables;
use crate::settings::{SettingSource, StudySetting, StudySettings};

/// The flags of a study.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Study")]
pub(super) struct StudyFlags {
    /// Repeats the run, each rate of a sweep or the search N times, and shows how far they differ.
    #[arg(long, value_name = "N", env = "DYNO_REPEAT", hide_env_values = true)]
    #[arg(allow_hyphen_values = true)]
    repeat: Option<String>,
    /// First rate of `--rate search`; a closed loop gives it unless set.
    #[arg(long, value_name = "RATE", env = "DYNO_FROM", hide_env_values = true)]
    #[arg(allow_hyphen_values = true)]
    from: Option<String>,
    /// Highest rate that `--rate search` tries.
    #[arg(long, value_name = "RATE", env = "DYNO_TO", hide_env_values = true)]
    #[arg(allow_hyphen_values = true)]
    to: Option<String>,
    /// Distance between the two rates of the answer of `--rate search`; 5% unless set.
    #[arg(long, value_name = "SHARE", env = "DYNO_PRECISION", hide_env_values = true)]
    #[arg(allow_hyphen_values = true)]
    precision: Option<String>,
    /// Longest time of `--rate search`, over all its trials; 3m unless set.
    #[arg(long, value_name = "TIME", env = "DYNO_TIME", hide_env_values = true)]
    #[arg(allow_hyphen_values = true)]
    time: Option<String>,
    /// Runs all rates of a sweep (`--rate 1k,2k,4k`), also beyond the first that is not sustained.
    #[arg(long, env = "DYNO_KEEP_GOING", hide_env_values = true)]
    keep_going: bool,
    /// Runs the rates of a sweep in a random order, which follows from the seed.
    #[arg(long, env = "DYNO_SHUFFLE", hide_env_values = true)]
    shuffle: bool,
}

impl StudyFlags {
    /// Returns the settings of the variables, overridden by those of the flags.
    pub(super) fn settings(
        matches: &ArgMatches,
        environment: &Variables,
    ) -> Result<StudySettings, String> {
        use clap::FromArgMatches as _;
        let flags = Self::from_arg_matches(matches).map_err(|error| error.to_string())?;
        let mut settings = StudySettings::default();
        for (setting, text) in environment.study()? {
            settings.say(setting, text, SettingSource::Environment);
        }
        let Self { repeat, from, to, precision, time, keep_going, shuffle } = flags;
        for (setting, text) in [
            (StudySetting::Repeat, repeat),
            (StudySetting::From, from),
            (StudySetting::To, to),
            (StudySetting::Precision, precision),
            (StudySetting::Time, time),
            (StudySetting::KeepGoing, keep_going.then(String::new)),
            (StudySetting::Shuffle, shuffle.then(String::new)),
        ] {
            if let Some(text) = text {
                settings.say(setting, text, SettingSource::Flag);
            }
        }
        Ok(settings)
    }
}
