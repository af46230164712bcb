//! The help texts, word for word, and the errors about wrong flags.

use std::process::Command;

use crate::workbench::Workbench;

#[test]
fn help_texts_are_what_they_were() {
    trycmd::TestCases::new().case("tests/help/*.trycmd");
}

#[test]
fn every_shell_is_offered_completions() {
    let bench = Workbench::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = bench.dyno("", &format!("completions {shell}"));
        assert!(ended.printed().contains("cargo-dyno"), "{shell}");
    }
}

#[test]
fn bash_completes_commands_and_their_flags() {
    let bench = Workbench::new();
    let script = bench.dyno("", "completions bash").printed().to_owned();
    for (line, word, offered) in
        [("", "li", "list\n"), ("run", "--ex", "--example\n"), ("init --dep", "g", "git\n")]
    {
        let ask = format!(
            "{script}\nCOMP_WORDS=(cargo-dyno {line} {word}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             $(complete -p cargo-dyno | grep -o '_cargo[_-]*dyno') cargo-dyno {word} \
             ${{COMP_WORDS[COMP_CWORD - 1]}}; echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &ask]);
        assert_eq!(bench.end("", bash).printed(), offered, "{line} {word}");
    }
}

#[test]
fn help_before_the_name_is_that_of_cargo_dyno_and_after_it_the_benchmarks() {
    let bench = Workbench::with_package();
    assert!(bench.dyno("a", "run --help").printed().contains("--manifest-path"));
    assert_eq!(bench.dyno("a", "run fibonacci --help").printed(), "fibonacci --bench --help\n");
}
