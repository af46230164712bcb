//! `--prompt`: asks for each parameter on the terminal, before anything is started.
//!
//! What flags, the environment and the code say is offered, and each answer is checked by the
//! reading that a flag gets: a refusal is the same line here as there. The questions that are
//! rarely answered otherwise (the seed, pacing, deadlines) stay flags.
//!
//! It refuses to ask where nobody could answer, and a Ctrl-C starts nothing.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use console::Term;
use dialoguer::Input;
use dialoguer::theme::SimpleTheme;
use signal_hook::consts::SIGINT;
use signal_hook::low_level::unregister;
use signal_hook::{SigId, flag};

use crate::parameters::{Machine, Setting, Settings, SettingsError, Source, TaskParameters};
use crate::report::redacted;

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
    #[error("--prompt: there is no terminal to ask on; leave it out, and give flags")]
    NoTerminal,
    #[error("interrupted: nothing was started")]
    Interrupted,
    /// Something that is not asked for can't be taken.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("--prompt: the terminal can't be read: {0}")]
    Terminal(io::Error),
}

impl From<dialoguer::Error> for PromptError {
    fn from(error: dialoguer::Error) -> Self {
        let dialoguer::Error::IO(error) = error;
        match error.kind() {
            io::ErrorKind::Interrupted => Self::Interrupted,
            io::ErrorKind::NotConnected => Self::NoTerminal,
            _ => Self::Terminal(error),
        }
    }
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
    let _caught = CtrlC::catch().map_err(PromptError::Terminal)?;
    let term = Term::stderr();
    let head = format!("{benchmark}: Enter takes what is in brackets");
    (&term).write_all(format!("{head}\n").as_bytes()).map_err(PromptError::Terminal)?;
    for question in interview.questions() {
        let shown = redacted(&question.offered);
        // What is offered is taken by Enter as it is, and shown without its passwords.
        let is_secret = shown != question.offered;
        let text =
            if is_secret { format!("{} [{shown}]", question.text) } else { question.text.clone() };
        let input = Input::<String>::with_theme(&SimpleTheme)
            .with_prompt(text)
            .default(question.offered.clone())
            .show_default(!is_secret && !question.offered.is_empty())
            .report(!is_secret)
            .validate_with(|answer: &String| interview.check(&question, answer).map(drop))
            .interact_text_on(&term);
        let answer = input.inspect_err(|_| {
            // Where the question stood, what is said next would follow on its line.
            let _left = term.show_cursor().and_then(|()| term.write_line(""));
        })?;
        interview.take(&question, &answer)?;
    }
    Ok(interview.answers)
}

/// Keeps a Ctrl-C from ending the process: what reads the terminal then returns, and the terminal
/// is as it was.
struct CtrlC(SigId);

impl CtrlC {
    fn catch() -> io::Result<Self> {
        // That it was pressed is told by the reading itself.
        flag::register(SIGINT, Arc::new(AtomicBool::new(false))).map(Self)
    }
}

impl Drop for CtrlC {
    fn drop(&mut self) {
        unregister(self.0);
    }
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
