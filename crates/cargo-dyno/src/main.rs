//! The executable that cargo starts for `cargo dyno`. All of its work is done in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_dyno::run(std::env::args_os())
}
