//! cargo's own commands, in a package as `cargo dyno init` leaves it: `cargo test`, `cargo bench`,
//! and `cargo nextest`, which starts a separate process for each test.

use std::path::PathBuf;
use std::process::Command;

use crate::workbench::{Ended, Workbench, package};

/// The folder where a run leaves its files.
const LEFT: &str = "left";

/// Returns a package with a library and a program, to which a benchmark was added.
fn scaffolded() -> Workbench {
    scaffolded_as("a")
}

/// Returns the same package under another name. Tests that build other code have packages of other
/// names, since all of them build into one folder.
fn scaffolded_as(name: &str) -> Workbench {
    let bench = Workbench::new();
    bench.write("Cargo.toml", &package(name));
    bench.write("src/lib.rs", "#[test]\nfn of_the_library() {}\n");
    bench.write("src/main.rs", "fn main() {}");
    bench.dyno("", "init").printed();
    bench.use_what_is_here();
    bench
}

fn cargo(bench: &Workbench, line: &str) -> Ended {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(line.split_whitespace());
    for (name, value) in [("DURATION", "100ms"), ("WARMUP", "0s"), ("OUT", LEFT)] {
        cargo.env(format!("DYNO_{name}"), value);
    }
    bench.end("", cargo)
}

/// Returns the benchmark's executable, as cargo builds it for a test.
fn executable(bench: &Workbench) -> PathBuf {
    let built = cargo(bench, "test --benches --no-run --message-format json");
    let messages = built.printed().lines().map(serde_json::from_str::<serde_json::Value>);
    let path = messages.map(|message| message.expect("JSON")).find_map(|message| {
        (message["target"]["name"] == "fibonacci").then(|| message["executable"].clone())
    });
    PathBuf::from(path.as_ref().and_then(|path| path.as_str()).expect("it was built"))
}

/// Checks that a test has written no files.
#[track_caller]
fn nothing_is_left(bench: &Workbench) {
    assert!(!bench.path(LEFT).exists());
}

#[test]
fn a_scaffolded_benchmark_is_a_test_of_cargo_test() {
    let bench = scaffolded();
    for line in [
        "test --benches",
        "test",
        "test --all-targets",
        "test --benches -- --nocapture",
        "test --benches -- --test-threads 1 --skip nonesuch",
        "test --bench fibonacci -- --exact fibonacci",
        "test --benches -- nonesuch",
    ] {
        assert_eq!(cargo(&bench, line).code, Some(0), "{line}");
    }
    let ended = cargo(&bench, "test --benches -- --list");
    assert!(ended.printed().contains("fibonacci: benchmark\n"), "{ended:?}");
    nothing_is_left(&bench);
}

#[test]
fn a_scaffolded_benchmark_is_one_of_cargo_bench() {
    let bench = scaffolded();
    for line in ["bench --profile dev", "bench --profile dev -- -R 100 --plot response"] {
        let ended = cargo(&bench, line);
        assert!([0, 1, 4].map(Some).contains(&ended.code), "a verdict: {ended:?}");
        assert!(ended.stdout.contains("cycles "), "{ended:?}");
        assert!(bench.path(LEFT).join("run.json").exists(), "{ended:?}");
        std::fs::remove_dir_all(bench.path(LEFT)).expect("it is there");
    }
}

#[test]
fn cargo_bench_and_cargo_dyno_run_build_the_same() {
    let bench = scaffolded();
    cargo(&bench, "bench --profile dev --no-run").printed();
    let ended = bench.dyno("", "run --profile dev -d 100ms --warmup 0s -w 1 --out left");
    assert!(ended.stdout.contains("cycles "), "{ended:?}");
    assert!(!ended.stderr.contains("Compiling"), "{ended:?}");
}

#[test]
fn each_call_that_nextest_makes_is_answered() {
    let bench = scaffolded();
    let executable = executable(&bench);
    let call = |line: &str| {
        let mut program = Command::new(&executable);
        program.args(line.split_whitespace()).env("DYNO_OUT", LEFT);
        bench.end("", program)
    };
    assert_eq!(call("--list --format terse").printed(), "fibonacci: benchmark\n");
    assert_eq!(call("--list --format terse --ignored").printed(), "");
    call("fibonacci --exact --nocapture").printed();
    let ended = call("nonesuch --exact --nocapture");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    nothing_is_left(&bench);
}

#[test]
fn a_scaffolded_benchmark_is_a_test_of_nextest_where_that_is_installed() {
    let bench = scaffolded();
    if cargo(&bench, "nextest --version").code != Some(0) {
        // The calls that nextest makes are tested above, each by itself.
        return;
    }
    let ended = cargo(&bench, "nextest run --benches --no-fail-fast --color never");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("1 test run: 1 passed"), "{ended:?}");
    assert!(ended.stderr.contains("a::bench/fibonacci fibonacci"), "{ended:?}");
    nothing_is_left(&bench);
}

#[test]
fn a_benchmark_that_is_declared_and_never_run_is_an_error_of_cargo_dyno_run() {
    let bench = scaffolded_as("forgetful");
    let source =
        |end: &str| format!("fn main() {{ let bench = dyno::bench(\"fibonacci\", || ()); {end} }}");
    bench.write("benches/fibonacci.rs", &source("drop(bench);"));
    let line = "run fibonacci --profile dev -d 100ms --warmup 0s -w 1 --out left";
    let ended = bench.dyno("", line);
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{ended:?}");
    let error = "error: this program declared a benchmark and ran none: end the declaration";
    assert!(ended.stderr.contains(error), "{ended:?}");

    // A program that runs the benchmark itself, and goes on, has done its part too.
    let end = "let of_library = bench.rate(100.0).duration(std::time::Duration::from_millis(50));
        println!(\"{}\", of_library.run().is_ok());";
    bench.write("benches/fibonacci.rs", &source(end));
    assert_eq!(bench.dyno("", line).printed(), "true\n");
}
