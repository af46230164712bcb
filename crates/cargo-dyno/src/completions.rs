//! `cargo dyno completions`: a script for a shell, from the same definition as the flags.
//!
//! Shells complete executables, and `cargo dyno` is two words to them: what is completed is
//! `cargo-dyno`, which takes the same words.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;

/// The executable.
const NAME: &str = "cargo-dyno";

/// The script that completes `cargo-dyno` in the shell.
pub(crate) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        // Where the executable's name has a hyphen, the script for bash looks for its states under
        // one label and has them under another (https://github.com/clap-rs/clap/issues/6421).
        Shell::Bash => script.replace("cargo__subcmd__dyno", "cargo__dyno"),
        _ => script,
    }
}
