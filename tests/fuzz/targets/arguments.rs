//! The target for the settings of a run, in all layers: flags, variables and values in code make up
//! a plan that keeps the promises of a plan, or they are refused in one line.

#![no_main]

use std::ffi::OsString;

use arbitrary::Arbitrary;
use dyno::internal::{Arguments, Machine, Setting, SettingSource, Settings, TaskParameters};
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};

#[derive(Debug, Arbitrary)]
enum Input {
    /// Values of settings from any layer, and pairs of parameters from flags.
    Said(Vec<(u8, u8, String)>, Vec<String>),
    /// Values of the settings' variables, and that of `DYNO_PARAM`.
    Environment(Vec<(u8, String)>, String),
    /// The command line of a benchmark.
    Line(Vec<Word>),
    /// A command line of `cargo dyno`.
    Cargo(Vec<Word>),
}

#[derive(Debug, Arbitrary)]
enum Word {
    Any(String),
    Flag(u8),
    Value(u8),
}

/// Words that a fuzzer would take long to find.
const VALUES: [&str; 24] = [
    "1.5k",
    "max",
    "auto",
    "250ms",
    "5s",
    "1%",
    "stop",
    "poisson",
    "spin",
    "n=3",
    "url=a",
    "-P",
    "--",
    "run",
    "dyno",
    "show",
    "--format",
    "json",
    "--bin",
    "--profile",
    "--help",
    "exec",
    "18446744073709551615",
    "1e300",
];

#[derive(Serialize, Deserialize)]
struct Parameters {
    n: u32,
    ratio: f64,
    url: String,
    list: Vec<u8>,
    option: Option<u8>,
    flag: bool,
}

fuzz_target!(|input: Input| {
    let task = TaskParameters::of(&Parameters {
        n: 1,
        ratio: 0.5,
        url: String::new(),
        list: vec![],
        option: None,
        flag: false,
    });
    let task = task.expect("a struct");
    match input {
        Input::Said(said, pairs) => {
            let mut settings = Settings::default();
            for (setting, source, text) in said {
                settings.say(setting_of(setting), text, source_of(source));
            }
            pairs.into_iter().for_each(|pair| settings.say_parameter(pair, SettingSource::Flag));
            plan(&settings, &task);
        }
        Input::Environment(variables, pairs) => {
            let settings = Settings::from_environment(|name| {
                let mut said = variables.iter();
                let said = said.find(|(setting, _)| setting_of(*setting).variable() == name);
                said.map(|(_, text)| text.clone())
                    .or_else(|| (name == "DYNO_PARAM").then(|| pairs.clone()))
            });
            plan(&Settings::default().layered_with(settings), &task);
        }
        Input::Line(words) => {
            let words = words.into_iter().map(text).filter(|word| !names_a_file(word));
            let line = std::iter::once("fuzzed".to_owned()).chain(words);
            match Arguments::read(line, "fuzzed", &Settings::default(), &task) {
                Ok(arguments) => plan(&arguments.settings, &task),
                Err(usage) => assert!([0, 2].contains(&usage.exit_code())),
            }
        }
        Input::Cargo(words) => {
            let line = std::iter::once("cargo-dyno".to_owned()).chain(words.into_iter().map(text));
            let line: Vec<_> = line.map(OsString::from).collect();
            let (arranged, is_taken) = cargo_dyno::fuzzing::command_line(line);
            if arranged.get(1).is_some_and(|word| word == "run") {
                let (again, is_taken_again) = cargo_dyno::fuzzing::command_line(arranged.clone());
                assert_eq!((again, is_taken_again), (arranged, is_taken));
            }
        }
    }
});

/// Asserts what must hold for every plan and for every refusal.
fn plan(settings: &Settings, task: &TaskParameters) {
    let machine = Machine { parallelism: 2, descriptors: 1024, seed: 7 };
    match settings.plan("fuzzed", &machine, task) {
        Ok(plan) => {
            assert!((1..=198).contains(&plan.workers), "{plan:?}");
            if let Some(rate) = plan.rate.per_second() {
                assert!((0.1..=1_000_000.0).contains(&rate), "{plan:?}");
            }
            assert!(plan.cycles_due().is_none_or(|due| due >= 1.0), "{plan:?}");
            assert!(!plan.duration.is_zero() && !plan.to_string().is_empty());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Returns `true` for flags that name a file. Such a file is checked by writing to it, which a
/// fuzzer must not do.
fn names_a_file(word: &str) -> bool {
    word.starts_with("--out") || word.starts_with("--log-file")
}

fn text(word: Word) -> String {
    match word {
        Word::Any(text) => text,
        Word::Flag(flag) => format!("--{}", setting_of(flag).flag()),
        Word::Value(value) => VALUES[usize::from(value) % VALUES.len()].to_owned(),
    }
}

fn setting_of(number: u8) -> Setting {
    Setting::ALL[usize::from(number) % Setting::ALL.len()]
}

fn source_of(number: u8) -> SettingSource {
    let sources = [SettingSource::Code, SettingSource::Environment, SettingSource::Flag];
    sources[usize::from(number) % sources.len()]
}
