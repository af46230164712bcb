//! The help texts, word for word, and what is said about a wrong flag.

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
fn help_before_the_name_is_ours_and_after_it_the_benchmarks() {
    let bench = Workbench::with_package();
    assert!(bench.dyno("a", "run --help").printed().contains("--manifest-path"));
    assert_eq!(bench.dyno("a", "run fibonacci --help").printed(), "fibonacci --bench --help\n");
}
