//! The variables of a benchmark: those that are set, and their values.
//!
//! A variable that is empty is not set: that is how CI systems and compose files leave one out.
//! Blanks and a carriage return around a value are not part of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, ValueEnum};

use super::{Format, OutputFlags};
use crate::answer::PROCESS_VARIABLE;
use crate::identity::MARK_VARIABLE;
use crate::settings::{Setting, Settings, StudySetting, nearest};

/// The folder of all runs of a build, set by `cargo dyno run`, which knows it from cargo.
pub(crate) const TARGET_VARIABLE: &str = "DYNO_TARGET_DIR";

const PREFIX: &str = "DYNO_";
const FORMAT: &str = "DYNO_FORMAT";
const OUT: &str = "DYNO_OUT";
const LOG_FILE: &str = "DYNO_LOG_FILE";
const SAVE: &str = "DYNO_SAVE";
const PLOT: &str = "DYNO_PLOT";
const QUIET: &str = "DYNO_QUIET";
const PROMPT: &str = "DYNO_PROMPT";
/// A switch that is on unless it is set to 0.
const REPORT: &str = "DYNO_REPORT";
/// Switches that may have a value instead.
const DASHBOARD: &str = "DYNO_DASHBOARD";
const DASHBOARD_KEEP: &str = "DYNO_DASHBOARD_KEEP";
const DASHBOARD_HOST: &str = "DYNO_DASHBOARD_HOST";
const OTLP: &str = "DYNO_OTLP";
/// The variables of a run on several hosts.
pub(super) const HOSTS: &str = "DYNO_HOSTS";
pub(super) const HOSTS_VIA: &str = "DYNO_HOSTS_VIA";
pub(super) const HOSTS_EXE: &str = "DYNO_HOSTS_EXE";
pub(super) const HOSTS_ENV: &str = "DYNO_HOSTS_ENV";
/// The variables of dyno that are not settings of a run.
const OTHERS: [&str; 19] = [
    FORMAT,
    OUT,
    LOG_FILE,
    SAVE,
    PLOT,
    QUIET,
    PROMPT,
    REPORT,
    DASHBOARD,
    DASHBOARD_HOST,
    DASHBOARD_KEEP,
    OTLP,
    HOSTS,
    HOSTS_VIA,
    HOSTS_EXE,
    HOSTS_ENV,
    TARGET_VARIABLE,
    MARK_VARIABLE,
    PROCESS_VARIABLE,
];

/// The variables that concern dyno and are not empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, OsString>);

impl Variables {
    pub(crate) fn of_this_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect()
    }

    /// Returns `true` if `cargo dyno run` started this process: then every word on the command
    /// line was typed for this benchmark alone.
    pub(crate) fn is_started_by_cargo_dyno(&self) -> bool {
        self.0.contains_key(TARGET_VARIABLE)
    }

    /// Returns the settings. Refuses text that is not UTF-8.
    pub(crate) fn settings(&self) -> Result<Settings, String> {
        for setting in Setting::ALL {
            self.text(&setting.variable())?;
        }
        Ok(Settings::from_environment(|name| self.text(name).ok().flatten()))
    }

    /// Fills in the output's settings that no flag gives.
    pub(crate) fn complete(
        &self,
        output: &mut OutputFlags,
        flags: &ArgMatches,
    ) -> Result<(), String> {
        let unsaid = |id: &str| flags.value_source(id) != Some(ValueSource::CommandLine);
        if unsaid("format")
            && let Some(text) = self.text(FORMAT)?
        {
            output.format = Format::from_str(&text, true).map_err(|_| {
                let names: Vec<_> = Format::value_variants()
                    .iter()
                    .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
                    .collect();
                format!("invalid format `{FORMAT}={text}`: expected one of {}", names.join(", "))
            })?;
        }
        if unsaid("out") {
            output.out = self.path(OUT);
        }
        if unsaid("log_file") {
            output.log_file = self.path(LOG_FILE);
        }
        if unsaid("save") {
            output.save = self.text(SAVE)?;
        }
        if unsaid("plot")
            && let Some(text) = self.text(PLOT)?
        {
            output.plot = text.split(',').map(|metric| metric.trim().to_owned()).collect();
        }
        if unsaid("dashboard") {
            output.dashboard = self.switch_or_text(DASHBOARD)?;
        }
        if unsaid("dashboard_keep") {
            output.dashboard_keep = self.switch_or_text(DASHBOARD_KEEP)?;
        }
        if unsaid("dashboard_host")
            && let Some(text) = self.text(DASHBOARD_HOST)?
        {
            output.dashboard_host = text.split(',').map(|host| host.trim().to_owned()).collect();
        }
        if unsaid("otlp") {
            output.otlp = self.switch_or_text(OTLP)?;
        }
        output.quiet |= self.switch(QUIET)?;
        output.prompt |= self.switch(PROMPT)?;
        let is_without = self.text(REPORT)?.is_some() && !self.switch(REPORT)?;
        output.no_report |= is_without;
        Ok(())
    }

    /// Returns the settings of a study. A switch that is off is not set.
    pub(crate) fn study(&self) -> Result<Vec<(StudySetting, String)>, String> {
        let mut set = Vec::new();
        for setting in StudySetting::ALL {
            let name = setting.variable();
            match (setting, self.text(name)?) {
                (StudySetting::KeepGoing | StudySetting::Shuffle, Some(text)) => {
                    if self.switch(name)? {
                        set.push((setting, text));
                    }
                }
                (_, None) => {}
                (_, Some(text)) => set.push((setting, text)),
            }
        }
        Ok(set)
    }

    /// Returns a warning for each unknown variable that has dyno's prefix and resembles a known one.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let settings = Setting::ALL.map(Setting::variable);
        let study = StudySetting::ALL.map(StudySetting::variable);
        let known = OTHERS.into_iter().chain(study).chain(settings.iter().map(String::as_str));
        // Names are compared without the prefix: it would make all of them look alike.
        let known: Vec<&str> = known.filter_map(|name| name.strip_prefix(PREFIX)).collect();
        let names = self.0.keys().filter_map(|name| name.strip_prefix(PREFIX));
        names
            .filter(|name| !known.contains(name))
            .filter_map(|name| Some((name, nearest(name, known.iter().copied())?)))
            .map(|(name, near)| {
                format!(
                    "the variable {PREFIX}{name} is unknown and ignored; did you mean \
                     {PREFIX}{near}?"
                )
            })
            .collect()
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let text = value.to_str().ok_or_else(|| {
            format!("invalid value of {name}: `{}` is not UTF-8", value.to_string_lossy())
        })?;
        Ok(Some(text.to_owned()))
    }

    /// Returns a variable's path, which need not be UTF-8.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(name).map(PathBuf::from)
    }

    /// Returns the value of a switch that may have one: an empty text if it is only on.
    fn switch_or_text(&self, name: &str) -> Result<Option<String>, String> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        Ok(match self.switch(name) {
            Ok(true) => Some(String::new()),
            Ok(false) => None,
            Err(_) => Some(text),
        })
    }

    fn switch(&self, name: &str) -> Result<bool, String> {
        let Some(text) = self.text(name)? else { return Ok(false) };
        match text.to_lowercase().as_str() {
            "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
            "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
            _ => Err(format!("invalid switch `{name}={text}`: expected 1 or 0, true or false")),
        }
    }
}

impl FromIterator<(String, OsString)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, OsString)>>(variables: I) -> Self {
        let ours = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX));
        let cleaned = ours.map(|(name, value)| match value.to_str() {
            Some(text) => (name, OsString::from(text.trim())),
            None => (name, value),
        });
        Self(cleaned.filter(|(_, value)| !value.is_empty()).collect())
    }
}
