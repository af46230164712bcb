//! The words that are cargo's, and those that are the benchmark's.

use std::collections::BTreeSet;

use clap::CommandFactory;
use dyno::internal::{Settings, TaskParameters};

use super::*;

/// Returns the spellings of flags, such as `--package` and `-p`.
fn spellings(command: &clap::Command) -> BTreeSet<String> {
    let arguments = command.get_arguments();
    let both = arguments.flat_map(|arg| {
        let long = arg.get_long().map(|long| format!("--{long}"));
        long.into_iter().chain(arg.get_short().map(|short| format!("-{short}")))
    });
    both.collect()
}

fn arranged(line: &str) -> String {
    let words = format!("cargo-dyno dyno run {line}");
    let arranged = arrange(words.split_whitespace().map(OsString::from));
    let words: Vec<_> = arranged.iter().map(|word| word.to_string_lossy()).collect();
    words[2..].join(" ")
}

fn run_of(line: &str) -> RunArguments {
    let words = format!("cargo-dyno run {line}");
    let cli = Cli::try_parse_from(arrange(words.split_whitespace().map(OsString::from)));
    match cli.expect("a valid command line").command {
        DynoCommand::Run(run) => *run,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn cargos_flags_and_the_benchmarks_are_disjoint() {
    let cli = Cli::command();
    let mut cargo = spellings(cli.find_subcommand("run").expect("exists"));
    let benchmark =
        dyno::internal::command("any", &Settings::default(), &TaskParameters::default());
    let benchmark = spellings(&benchmark);
    assert!(cargo.contains("--package") && cargo.contains("-p") && cargo.contains("-F"));
    assert!(benchmark.contains("--rate") && benchmark.contains("-R") && benchmark.contains("-P"));
    // Both have `--bench`: the benchmark's is a mark that `cargo bench` passes, and takes no name.
    assert!(cargo.remove("--bench"));
    let both: Vec<_> = benchmark.intersection(&cargo).collect();
    assert!(both.is_empty(), "{both:?}");
}

#[test]
fn cargos_flags_are_recognised_anywhere_before_the_dashes() {
    for line in [
        "-p a --profile dev fib -R 50",
        "fib -p a --profile dev -R 50",
        "fib -R 50 -p a --profile dev",
        "-p a fib -R 50 --profile dev",
        "-p a --profile dev fib -- -R 50",
    ] {
        assert_eq!(arranged(line), "fib -p a --profile dev -- -R 50", "{line}");
    }
    assert_eq!(arranged("fib -- -p a"), "fib -- -p a");
}

#[test]
fn a_flag_may_hold_its_own_value() {
    assert_eq!(arranged("fib -R50 -pa --profile=dev x"), "fib -pa --profile=dev -- -R50 x");
    let run = run_of("fib -pa -Fx,y --features=z --jobs=2 --locked");
    assert_eq!(run.place.package.as_deref(), Some("a"));
    let flags = "--profile=bench --features=x,y --features=z --jobs=2 --locked";
    assert_eq!(run.build.to_cargo("bench").join(" "), flags);
}

#[test]
fn the_last_of_two_equal_flags_counts() {
    let run = run_of("fib -p a --profile dev -p b --profile bench -F x -F y -R 5");
    assert_eq!(run.place.package.as_deref(), Some("b"));
    assert_eq!(run.build.to_cargo("dev").join(" "), "--profile=bench --features=x --features=y");
    let words = ["cargo-dyno", "show", "--format", "csv", "--format", "json"];
    let DynoCommand::Show(show) = Cli::parse_from(words).command else { panic!("it is `show`") };
    assert_eq!(show.format, Format::Json);
}

#[test]
fn a_word_after_the_benchmarks_first_flag_is_not_its_name() {
    assert_eq!(arranged("--rate 50"), "-- --rate 50");
    assert_eq!(arranged("--rate 50 fib"), "-- --rate 50 fib");
    assert_eq!(arranged("-- fib"), "-- fib");
}

#[test]
fn help_before_the_benchmarks_name_is_that_of_cargo_dyno() {
    assert_eq!(arranged("--help"), "--help --");
    assert_eq!(arranged("-p a -h"), "-h -p a --");
    assert_eq!(arranged("--help fib"), "--help fib --");
    assert_eq!(arranged("--profile -h fib"), "-h fib --profile --");
    assert_eq!(arranged("fib --help"), "fib -- --help");
    assert_eq!(arranged("--bench fib --help"), "--bench fib -- --help");
}

#[test]
fn a_flag_does_not_swallow_the_next_flag_as_its_value() {
    assert_eq!(arranged("fib --bench -R 5"), "fib --bench -- -R 5");
}

#[test]
fn a_name_is_not_the_value_that_a_flag_lacks() {
    assert_eq!(arranged("fib --profile"), "fib --profile --");
    let words = ["cargo-dyno", "run", "fib", "--profile"].map(OsString::from);
    let error = Cli::try_parse_from(arrange(words)).expect_err("it has no value");
    assert!(error.to_string().contains("a value is required for '--profile"), "{error}");
}

#[test]
fn a_target_that_a_flag_names_needs_no_name() {
    let run = run_of("--bench fib -R 50");
    assert_eq!(run.pick.bench.as_deref(), Some("fib"));
}

#[test]
fn other_commands_are_left_as_they_are() {
    let words = ["cargo-dyno", "dyno", "init", "run", "--task", "redis"];
    let arranged = arrange(words.map(OsString::from));
    assert_eq!(arranged, ["cargo-dyno", "init", "run", "--task", "redis"]);
}
