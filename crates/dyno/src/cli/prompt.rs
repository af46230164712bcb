//! `--prompt`: reads each parameter from the terminal, before anything is started.
//!
//! Each question offers the value from flags, the environment and the code. Each answer is checked
//! by the code that reads a flag, so that a refusal is the same line here as there. The table of
//! settings names those that have a question; settings that are rarely changed (the seed, pacing,
//! deadlines) stay flags.
//!
//! A prompt without a terminal is refused, and a Ctrl-C starts nothing.

mod line;
mod terminal;

use std::io::{self, IsTerminal};

use self::terminal::Terminal;
use crate::report::print_error;
use crate::result::redacted;
use crate::settings::{Machine, Setting, SettingSource, Settings, SettingsError, TaskParameters};

/// A window long enough for a cycle at any rate. It replaces the duration, whose question
/// comes after the rate's.
const LONG_ENOUGH: &str = "1h";

/// The reason why the questions have no answers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptError {
    #[error("--prompt: it needs a terminal to ask on; leave it out, and give flags")]
    NoTerminal,
    #[error("interrupted: nothing was started")]
    Interrupted { signal: i32 },
    /// A setting that has no question is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("--prompt: the terminal can't be read: {0}")]
    Terminal(#[from] io::Error),
}

/// Reads the parameters of a benchmark from the terminal, and offers those of all layers so far.
pub(crate) fn ask(
    benchmark: &str,
    said: &Settings,
    task: &TaskParameters,
) -> Result<Settings, PromptError> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(PromptError::NoTerminal);
    }
    let mut interview = Interview::new(benchmark, said, task, Machine::here())?;
    let mut terminal = Terminal::open()?;
    terminal.say(&format!("{benchmark}: Enter takes what is in brackets"))?;
    for question in interview.questions() {
        while let Err(refusal) = interview.take(&question, &terminal.ask(&question)?) {
            print_error(&refusal.to_string());
        }
    }
    Ok(interview.answers)
}

/// Returns the settings with a question, in the order of the table: a duration is refused if it is
/// too short for the rate.
fn asked() -> impl Iterator<Item = Setting> {
    Setting::ALL.into_iter().filter(|setting| setting.row().is_asked)
}

/// The setting or the parameter that a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Setting(Setting),
    Parameter(String),
}

/// A question, and the value that it offers as the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    subject: Subject,
    text: String,
    /// The value that an empty answer takes; if it is empty too, the setting stays unset.
    offered: String,
}

impl Question {
    /// Returns the text before the answer, with the offered value in brackets.
    fn label(&self) -> String {
        match redacted(&self.offered) {
            offered if offered.is_empty() => self.text.clone(),
            offered => format!("{} [{offered}]", self.text),
        }
    }
}

/// The questions of one benchmark and the answers so far.
struct Interview<'a> {
    benchmark: &'a str,
    said: &'a Settings,
    task: &'a TaskParameters,
    /// The task's parameters with the values that are offered.
    offered: serde_json::Map<String, serde_json::Value>,
    machine: Machine,
    answers: Settings,
}

impl<'a> Interview<'a> {
    /// Creates the interview. Refuses settings that no answer could fix, as they have no question.
    fn new(
        benchmark: &'a str,
        said: &'a Settings,
        task: &'a TaskParameters,
        machine: Machine,
    ) -> Result<Self, SettingsError> {
        // The answers decide whether the run is long enough for its thresholds.
        let asked: Vec<_> = asked().chain([Setting::Threshold]).collect();
        let offered = said.clone().without(&asked).plan(benchmark, &machine, task)?.task;
        Ok(Self { benchmark, said, task, offered, machine, answers: Settings::default() })
    }

    /// Returns all questions: dyno's settings first, then the task's parameters.
    fn questions(&self) -> Vec<Question> {
        // The stages of a load profile have rates and times, and let the backlog grow.
        let of_profile = [Setting::Rate, Setting::Duration, Setting::OnBacklog];
        let has_stages = self.said.has_stages();
        let asked = asked().filter(|setting| !(has_stages && of_profile.contains(setting)));
        let settings = asked.map(|setting| {
            let text = match setting.choices().as_slice() {
                [] => setting.flag().to_owned(),
                choices => format!("{} ({})", setting.flag(), choices.join(", ")),
            };
            let offered = self.said.text(setting).or(setting.default_text()).unwrap_or_default();
            Question { subject: Subject::Setting(setting), text, offered: offered.to_owned() }
        });
        let parameters = self.offered.iter().map(|(name, value)| {
            let offered = match value {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Question { subject: Subject::Parameter(name.clone()), text: name.clone(), offered }
        });
        settings.chain(parameters).collect()
    }

    /// Returns the answers so far with this one added, or the reason why it is refused. Settings
    /// without an answer yet are left to their own questions.
    fn check(&self, question: &Question, answer: &str) -> Result<Settings, SettingsError> {
        let mut answers = self.answers.clone();
        match &question.subject {
            Subject::Setting(setting) => {
                answers.say(*setting, answer.to_owned(), SettingSource::Flag)
            }
            Subject::Parameter(_) if answer.is_empty() => {}
            Subject::Parameter(name) => {
                answers.say_parameter(format!("{name}={answer}"), SettingSource::Flag);
            }
        }
        let mut checked = answers.clone();
        if checked.text(Setting::Duration).is_none() {
            checked.set(Setting::Duration, LONG_ENOUGH);
        }
        checked.plan(self.benchmark, &self.machine, self.task)?;
        Ok(answers)
    }

    /// Keeps an answer, or returns the reason why it is refused.
    fn take(&mut self, question: &Question, answer: &str) -> Result<(), SettingsError> {
        self.answers = self.check(question, answer)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
