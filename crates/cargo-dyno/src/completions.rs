//! `cargo dyno completions`: a script for a shell, from the same definition as the flags.
//!
//! A shell completes executables, and `cargo dyno` is two words to it. So the script completes
//! `cargo-dyno`, which takes the same arguments.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;

/// The name of the executable that the script completes.
const NAME: &str = "cargo-dyno";

/// Returns the script that completes `cargo-dyno` in the shell.
pub(crate) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        // If the executable's name has a hyphen, the script for bash defines its states under one
        // label and looks them up under another (https://github.com/clap-rs/clap/issues/6421).
        Shell::Bash => script.replace("cargo__subcmd__dyno", "cargo__dyno"),
        _ => script,
    }
}
