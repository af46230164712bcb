//! The order of the words of a command line: an order that clap can read.
//!
//! `run` and `ab` mix two command lines in one. This file finds out which words are cargo-dyno's and
//! cargo's; it reads none of the benchmark's.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, CommandFactory};

use super::Cli;

/// Puts the words in an order that clap can read: without the `dyno` that cargo puts before the
/// words of its subcommand, and with the benchmark's words of `run` and `ab` behind `--`.
pub(crate) fn arrange(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|word| word == "dyno") {
        args.remove(1);
    }
    let mixed = ["run", "ab"].into_iter().find(|name| args.get(1).is_some_and(|word| word == name));
    if let Some(subcommand) = mixed {
        let words = args.split_off(2);
        args.extend(arrange_mixed(subcommand, words));
    }
    args
}

/// Puts cargo-dyno's `--help` first, then NAME, then cargo's flags, then `--` and the benchmark's
/// words. Behind a flag that lacks its value, NAME would be taken for the value. Behind NAME,
/// `--help` is the benchmark's.
///
/// NAME is the first word that is neither cargo's nor a flag, if no word of the benchmark comes
/// before it: only the benchmark knows which of its flags take a value. `--help` is cargo-dyno's
/// until the benchmark is named.
fn arrange_mixed(subcommand: &str, words: Vec<OsString>) -> Vec<OsString> {
    let cli = Cli::command();
    let run = cli.find_subcommand(subcommand).expect("it is a subcommand");
    let (mut help, mut name, mut cargo, mut benchmark) = (Vec::new(), None, Vec::new(), Vec::new());
    let mut named = false;
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            // Behind it are the words of the command, which `exec` and `pipe` have to tell from
            // their flags.
            if name.as_deref().is_some_and(|name| name == "exec" || name == "pipe") {
                benchmark.push(word);
            }
            benchmark.extend(words);
            break;
        }
        // Only before the benchmark's name and words can a word be `--help` or NAME.
        let untouched = !named && benchmark.is_empty();
        if let Some(flag) = known(run, &word) {
            named |= matches!(flag.get_id().as_str(), "bench" | "example" | "bin");
            let wants_value = matches!(flag.get_action(), ArgAction::Set | ArgAction::Append);
            // The word holds the value too: `--profile=dev`, `-pname`.
            let whole = word.len() > spelling_len(flag, &word);
            cargo.push(word);
            if wants_value && !whole {
                let is_value =
                    |value: &OsString| flag.is_allow_hyphen_values_set() || !is_flag(value);
                cargo.extend(words.next_if(is_value));
            }
        } else if untouched && (word == "--help" || word == "-h") {
            help.push(word);
        } else if untouched && !is_flag(&word) {
            named = true;
            name = Some(word);
        } else {
            benchmark.push(word);
        }
    }
    let mut arranged = help;
    arranged.extend(name.into_iter().chain(cargo));
    arranged.push("--".into());
    arranged.extend(benchmark);
    arranged
}

/// Returns cargo's flag that this word is or begins with: `--profile`, `--profile=dev`, `-p`,
/// `-pname`.
fn known<'a>(run: &'a clap::Command, word: &OsStr) -> Option<&'a Arg> {
    let word = word.to_string_lossy();
    if let Some(long) = word.strip_prefix("--") {
        let (long, _) = long.split_once('=').unwrap_or((long, ""));
        return run.get_arguments().find(|arg| arg.get_long() == Some(long));
    }
    let letter = word.strip_prefix('-')?.chars().next()?;
    run.get_arguments().find(|arg| arg.get_short() == Some(letter))
}

/// Returns the length of the flag alone, in a word that may hold its value too.
fn spelling_len(flag: &Arg, word: &OsStr) -> usize {
    match flag.get_long() {
        Some(long) if word.to_string_lossy().starts_with("--") => "--".len() + long.len(),
        _ => "-x".len(),
    }
}

fn is_flag(word: &OsStr) -> bool {
    word.len() > 1 && word.to_string_lossy().starts_with('-')
}
