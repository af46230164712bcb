//! `--prompt`: asks for each parameter on the terminal, before anything is started.
//!
//! What flags, the environment and the code say is offered, and each answer is checked by the
//! reading that a flag gets: a refusal is the same line here as there. The questions that are
//! rarely answered otherwise (the seed, pacing, deadlines) stay flags.
//!
//! It refuses to ask where nobody could answer, and a Ctrl-C starts nothing.

mod line;
mod terminal;

use std::io::{self, IsTerminal};

use self::terminal::Terminal;
use crate::parameters::{Machine, Setting, Settings, SettingsError, Source, TaskParameters};
use crate::report::{print_error, redacted};

/// What is asked for, in this order: a duration is refused if it is too short for the rate.
const ASKED: [Setting; 8] = [
    Setting::Rate,
    Setting::Duration,
    Setting::Warmup,
    Setting::Workers,
    Setting::Arrivals,
    Setting::MaxBacklog,
    Setting::OnBacklog,
    Setting::MaxFailed,
];
/// A window in which a cycle is due at any rate: the rate is asked for before the duration.
const LONG_ENOUGH: &str = "1h";

/// Why the questions have no answers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptError {
    #[error("--prompt: it needs a terminal to ask on; leave it out, and give flags")]
    NoTerminal,
    #[error("interrupted: nothing was started")]
    Interrupted { signal: i32 },
    /// Something that is not asked for can't be taken.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("--prompt: the terminal can't be read: {0}")]
    Terminal(#[from] io::Error),
}

/// Asks for the parameters of a benchmark. `said` is what all layers say so far.
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

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Setting(Setting),
    Parameter(String),
}

/// What is asked, and what is offered as the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    subject: Subject,
    text: String,
    /// Empty where nothing is said: then no answer leaves it so.
    offered: String,
}

impl Question {
    /// What stands before the answer.
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
    /// The task's values as they are offered.
    offered: serde_json::Map<String, serde_json::Value>,
    machine: Machine,
    answers: Settings,
}

impl<'a> Interview<'a> {
    /// Refuses what no answer could mend: the settings that are not asked for.
    fn new(
        benchmark: &'a str,
        said: &'a Settings,
        task: &'a TaskParameters,
        machine: Machine,
    ) -> Result<Self, SettingsError> {
        let offered = said.clone().without(&ASKED).plan(benchmark, &machine, task)?.task;
        Ok(Self { benchmark, said, task, offered, machine, answers: Settings::default() })
    }

    /// All of them: dyno's own, then the task's.
    fn questions(&self) -> Vec<Question> {
        let settings = ASKED.into_iter().map(|setting| {
            let said = self.said.text(setting).map(str::to_owned);
            let text = match setting.choices().as_slice() {
                [] => setting.flag().to_owned(),
                choices => format!("{} ({})", setting.flag(), choices.join(", ")),
            };
            let offered = said.or_else(|| setting.default_text()).unwrap_or_default();
            Question { subject: Subject::Setting(setting), text, offered }
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

    /// The answers so far with this one, or why it is refused. What is not answered yet is left
    /// to its own question.
    fn check(&self, question: &Question, answer: &str) -> Result<Settings, SettingsError> {
        let mut answers = self.answers.clone();
        match &question.subject {
            Subject::Setting(setting) => answers.say(*setting, answer.to_owned(), Source::Flag),
            Subject::Parameter(_) if answer.is_empty() => {}
            Subject::Parameter(name) => {
                answers.say_parameter(format!("{name}={answer}"), Source::Flag);
            }
        }
        let mut checked = answers.clone();
        if checked.text(Setting::Duration).is_none() {
            checked.set(Setting::Duration, LONG_ENOUGH);
        }
        checked.plan(self.benchmark, &self.machine, self.task)?;
        Ok(answers)
    }

    /// Keeps an answer.
    fn take(&mut self, question: &Question, answer: &str) -> Result<(), SettingsError> {
        self.answers = self.check(question, answer)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
