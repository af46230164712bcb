//! `cargo dyno run` and `list`: targets, builds, passthrough, exit codes.

use std::process::Command;

use crate::workbench::{BENCHMARK, Workbench, folder_of_cargo_dyno, package};

#[test]
fn flags_pass_through_with_and_without_dashes() {
    let bench = Workbench::with_package();
    for line in ["run fibonacci -R 50 --plot x", "run fibonacci -- -R 50 --plot x"] {
        assert_eq!(bench.dyno("a", line).printed(), "fibonacci --bench -R 50 --plot x\n");
    }
    // Words behind `--` are never cargo's, and only bench targets get `--bench`.
    let line = "run --example io -R 50 --profile dev -- --profile z";
    assert_eq!(bench.dyno("a", line).printed(), "io -R 50 --profile z\n");
}

#[test]
fn exit_code_pid_and_signals_are_the_benchmarks_own() {
    let bench = Workbench::with_package();
    for code in [0, 1, 3, 5, 143] {
        assert_eq!(bench.dyno("a", &format!("run fibonacci exit={code}")).code, Some(code));
    }
    let ended = bench.dyno("a", "run fibonacci pid");
    assert!(ended.printed().ends_with(&format!("pid {}\n", ended.pid)), "{ended:?}");
    assert_eq!(bench.dyno("a", "run fibonacci abort").code, None);
}

#[test]
fn cargo_finds_the_subcommand() {
    let bench = Workbench::with_package();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder_of_cargo_dyno().to_owned());
    let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).expect("valid");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["dyno", "run", "fibonacci", "-R", "50"]).env("PATH", path);
    assert_eq!(bench.end("a", cargo).printed(), "fibonacci --bench -R 50\n");
}

#[test]
fn a_compile_error_is_shown_as_cargo_shows_it() {
    let bench = Workbench::with_package();
    bench.write("a/benches/io.rs", "fn main() { wrong() }");
    let ended = bench.dyno("a", "run --bench io");
    assert_eq!(ended.code, Some(101));
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("error[E0425]: cannot find function `wrong`"), "{ended:?}");
    assert!(ended.stderr.contains("\nerror: could not compile `a` (bench \"io\")"), "{ended:?}");
}

#[test]
fn a_broken_manifest_is_shown_as_cargo_shows_it() {
    let bench = Workbench::new();
    bench.write("Cargo.toml", "[package\n");
    let ended = bench.dyno("", "run io");
    assert_eq!(ended.code, Some(101));
    assert!(ended.stderr.starts_with("error: "), "{ended:?}");
}

#[test]
fn features_and_profiles_are_cargos() {
    let bench = Workbench::with_package();
    bench.add_package("b", "[features]\nfast = []\n");
    let source = "fn main() { let _of_dyno = std::env::var_os(\"DYNO_WORKER\"); \
         println!(\"{} {}\", cfg!(feature = \"fast\"), cfg!(debug_assertions)) }";
    bench.write("b/benches/io.rs", source);
    assert_eq!(bench.dyno("b", "run --bench io").printed(), "false false\n");
    assert_eq!(bench.dyno("b", "run --bench io -F fast").printed(), "true false\n");
    assert_eq!(bench.dyno("b", "run --bench io --profile dev").printed(), "false true\n");
    let ended = bench.dyno("b", "run --bench io -F slow");
    assert_eq!(ended.code, Some(101), "{ended:?}");
}

#[test]
fn a_benchmark_gets_cargos_configuration_and_runs_in_the_folder_that_cargo_would_use() {
    let bench = Workbench::with_package();
    bench.write(".cargo/config.toml", "[env]\nFROM_CONFIG = \"7\"\n[build]\ntarget-dir = \"t\"\n");
    bench.write("a/build.rs", r#"fn main() { println!("cargo::rustc-env=FROM_SCRIPT=8"); }"#);
    let source = r#"fn main() {
        let _of_dyno = std::env::var("DYNO_WORKER");
        for name in ["FROM_CONFIG", "FROM_SCRIPT", "CARGO_PKG_NAME", "CARGO_PKG_VERSION_MINOR"] {
            println!("{name}={}", std::env::var(name).unwrap_or_default());
        }
        println!("out {}", std::path::Path::new(&std::env::var("OUT_DIR").unwrap()).is_dir());
        println!("target {}", std::env::var("DYNO_TARGET_DIR").unwrap());
        println!("in {}", std::env::current_dir().unwrap().display());
    }"#;
    bench.write("a/benches/io.rs", source);
    bench.write("a/examples/io.rs", source);
    let variables = "FROM_CONFIG=7\nFROM_SCRIPT=8\nCARGO_PKG_NAME=a\nCARGO_PKG_VERSION_MINOR=1\n";
    let (target, package) = (bench.path("t"), bench.path("a"));
    let said = |folder: &std::path::Path| {
        format!("{variables}out true\ntarget {}\nin {}\n", target.display(), folder.display())
    };
    let path = "--manifest-path ../Cargo.toml";
    assert_eq!(bench.dyno("a/src", &format!("run --bench io {path}")).printed(), said(&package));
    let ended = bench.dyno("a/src", &format!("run --example io {path}"));
    assert_eq!(ended.printed(), said(&package.join("src")));
    // `[env]` does not replace a variable that is set.
    let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    dyno.args(["run", "--bench", "io"]).env("FROM_CONFIG", "9");
    assert!(bench.end("a", dyno).printed().starts_with("FROM_CONFIG=9\n"));
}

/// A program that prints its variables except dyno's own, its folder, and its arguments.
const TELLS_HOW_IT_STARTED: &str = r#"fn main() {
    let _of_dyno = std::env::var("DYNO_WORKER");
    let variables = std::env::vars().filter(|(name, _)| !name.starts_with("DYNO_"));
    let mut lines: Vec<_> = variables.map(|(name, value)| format!("{name}={value}\n")).collect();
    lines.sort();
    println!("{}", lines.concat());
    println!("in {}", std::env::current_dir().unwrap().display());
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    arguments.sort();
    println!("{arguments:?}");
}"#;

/// Returns the compiler's own triple.
fn host() -> String {
    let output = Command::new("rustc").args(["--print", "host-tuple"]).output().expect("rustc");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

#[test]
fn a_benchmark_starts_as_cargo_would_start_it() {
    let bench = Workbench::with_package();
    let script = r#"fn main() {
        println!("cargo::rustc-env=FROM_SCRIPT=8");
        println!("cargo::rustc-link-search=native={}", std::env::var("OUT_DIR").unwrap());
    }"#;
    // Cargo does not know the libraries of a build script in a `build-dir`.
    let script_alone = r#"fn main() { println!("cargo::rustc-env=FROM_SCRIPT=8"); }"#;
    bench.write("a/benches/io.rs", TELLS_HOW_IT_STARTED);
    bench.write("a/examples/io.rs", TELLS_HOW_IT_STARTED);
    bench.write(
        "tools/runner",
        "#!/bin/sh\necho runner \"$1 ${2##*/}\"\nshift\nRUNNER=1 exec \"$@\"\n",
    );
    let mut chmod = Command::new("chmod");
    chmod.args(["+x", "tools/runner"]);
    bench.end("", chmod).printed();
    let env = "[env]\nFROM_CONFIG = \"7\"\nCARGO_PKG_NAME = \"other\"\n";
    let runner = "[target.'cfg(unix)']\nrunner = [\"tools/runner\", \"a b\"]\n";
    let target = format!("[build]\ntarget = \"{}\"\n", host());
    for (settings, script, has_runner) in [
        (String::new(), script, false),
        ("[build]\nbuild-dir = \"between\"\n".to_owned(), script_alone, false),
        (format!("{target}{runner}"), script, true),
    ] {
        bench.write("a/build.rs", script);
        bench.write(".cargo/config.toml", &format!("{env}{settings}"));
        for (cargo_line, dyno_line) in [
            ("bench --bench io -- -R 50", "run --bench io -R 50"),
            ("run --release --example io -- -R 50", "run --example io -R 50"),
        ] {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(cargo_line.split(' '));
            let (cargos, ours) = (bench.end("a", cargo), bench.dyno("a", dyno_line));
            assert_eq!(ours.printed(), cargos.printed(), "{dyno_line} with {settings}");
            assert!(ours.printed().contains("FROM_CONFIG=7\n"), "{ours:?}");
            assert_eq!(ours.printed().contains("runner a b io"), has_runner, "{ours:?}");
        }
    }
}

#[test]
fn the_runner_of_the_environment_wins_and_one_that_is_missing_is_named() {
    let bench = Workbench::with_package();
    bench.write(".cargo/config.toml", "[target.'cfg(unix)']\nrunner = \"nowhere/runner\"\n");
    let ended = bench.dyno("a", "run fibonacci");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let runner = bench.path("nowhere/runner").display().to_string();
    let start = format!("error: can't start `{runner}`, the `runner` that cargo's configuration");
    assert!(ended.stderr.contains(&start), "{ended:?}");
    let variable = format!("CARGO_TARGET_{}_RUNNER", host().to_uppercase().replace('-', "_"));
    let mut dyno = Command::new("env");
    dyno.arg(format!("{variable}=env -u CARGO RUNNER=1"));
    dyno.args([env!("CARGO_BIN_EXE_cargo-dyno"), "run", "fibonacci", "-R", "50"]);
    assert_eq!(bench.end("a", dyno).printed(), "fibonacci --bench -R 50\n");
}

#[test]
fn a_benchmark_that_links_the_standard_library_dynamically_starts() {
    let bench = Workbench::with_package();
    let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    dyno.args(["run", "fibonacci", "-R", "50"]);
    dyno.env("RUSTFLAGS", "-C prefer-dynamic").env_remove("LD_LIBRARY_PATH");
    assert_eq!(bench.end("a", dyno).printed(), "fibonacci --bench -R 50\n");
}

#[test]
fn a_target_folder_and_a_triple_are_cargos() {
    let bench = Workbench::with_package();
    let ended = bench.dyno("a", "run fibonacci --target-dir elsewhere -R 50");
    assert_eq!(ended.printed(), "fibonacci --bench -R 50\n");
    assert!(bench.path("a/elsewhere/release").is_dir());
    assert!(!bench.path("a/target").exists());
    let ended = bench.dyno("a", "run fibonacci --target no-such-triple");
    assert_eq!(ended.code, Some(101), "{ended:?}");
}

#[test]
fn a_program_that_does_not_use_dyno_is_refused() {
    let bench = Workbench::with_package();
    bench.write("a/examples/io.rs", "fn main() {}");
    let ended = bench.dyno("a", "run --example io");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("error: `io` is not a benchmark of dyno: "), "{ended:?}");
    // A bench that cargo finds by its file alone has the standard test harness.
    bench.write("a/benches/tests.rs", BENCHMARK);
    let ended = bench.dyno("a", "run tests");
    let start = "`tests` has the standard test harness in place of its own `main`: add";
    assert!(ended.refusal().starts_with(start), "{ended:?}");
}

#[test]
fn a_missing_cargo_is_reported() {
    let bench = Workbench::with_package();
    let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    dyno.arg("list").env("CARGO", "/nowhere/cargo");
    let ended = bench.end("a", dyno);
    assert!(ended.refusal().starts_with("can't start `/nowhere/cargo`: "), "{ended:?}");
}

#[test]
fn a_missing_manifest_is_reported() {
    let bench = Workbench::new();
    for line in ["run", "run io", "list"] {
        let ended = bench.dyno("", line);
        let here = bench.path("").display().to_string();
        let start = format!("no Cargo.toml in {} or above: ", here.trim_end_matches('/'));
        assert!(ended.refusal().starts_with(&start), "{ended:?}");
    }
    let ended = bench.dyno("", "run --manifest-path nowhere/Cargo.toml");
    assert_eq!(ended.refusal(), "--manifest-path nowhere/Cargo.toml: no such file");
}

#[test]
fn an_unknown_name_names_the_nearest_and_those_that_exist() {
    let bench = Workbench::with_package();
    assert_eq!(
        bench.dyno("a", "run fibonaci -R 50").refusal(),
        "no benchmark `fibonaci`; did you mean `fibonacci`? There are: fibonacci, io"
    );
    assert_eq!(
        bench.dyno("a", "run -p b fibonacci").refusal(),
        "no package `b` in this workspace, which has a"
    );
}

#[test]
fn a_target_that_is_not_a_benchmark_is_refused() {
    let bench = Workbench::with_package();
    let ended = bench.dyno("a", "run server");
    assert!(
        ended.refusal().starts_with("`server` (bin of package `a`) does not use dyno"),
        "{ended:?}"
    );
}

#[test]
fn without_a_name_it_runs_the_only_one_or_lists() {
    let bench = Workbench::with_package();
    let ended = bench.dyno("a", "run -R 50");
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "error: which benchmark? Name one of these:\n\
         fibonacci  bench    a\nio         bench    a\nio         example  a\n"
    );
    let ended = bench.dyno("a", "run io");
    assert!(ended.refusal().contains("say which, with --bench, --example"), "{ended:?}");

    for gone in ["a/benches/fibonacci.rs", "a/benches/io.rs"] {
        std::fs::remove_file(bench.path(gone)).expect("it exists");
    }
    let dyno = bench.path("dyno").display().to_string();
    let dependency = format!("[dev-dependencies]\ndyno-bench = {{ path = \"{dyno}\" }}\n");
    bench.write("a/Cargo.toml", &(package("a") + &dependency));
    assert_eq!(bench.dyno("a", "run -R 50").printed(), "io -R 50\n");
}

#[test]
fn in_a_workspace_the_members_own_benchmarks_come_first() {
    let bench = Workbench::with_package();
    bench.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"in/b\"]\n");
    bench.add_package("in/b", "");
    let member = bench.dyno("in/b/src", "run fibonacci pid");
    assert!(member.printed().starts_with("fibonacci --bench pid\n"));
    assert!(bench.path("target").is_dir(), "cargo's own target folder");

    let root = bench.dyno("", "run fibonacci");
    assert_eq!(
        root.refusal(),
        "`fibonacci` is bench of package `a` and bench of package `b`: say which, with --bench, \
         --example, --bin or --package"
    );
    assert_eq!(bench.dyno("", "run fibonacci -p b").printed(), "fibonacci --bench\n");
    let path = "run --manifest-path in/b/Cargo.toml fibonacci";
    assert_eq!(bench.dyno("", path).printed(), "fibonacci --bench\n");
}

#[test]
fn list_has_a_line_for_each_benchmark() {
    let bench = Workbench::with_package();
    let lines = "fibonacci  bench    a\nio         bench    a\nio         example  a\n";
    assert_eq!(bench.dyno("a", "list").printed(), lines);
    let ended = bench.dyno("dyno", "list");
    assert_eq!(
        ended.refusal(),
        "no target here depends on dyno-bench: `cargo dyno init` writes a first benchmark"
    );
}
