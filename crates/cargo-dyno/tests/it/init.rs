//! `cargo dyno init`: what it writes, and what it leaves alone.

use std::process::Command;

use crate::workbench::{Workbench, package};

/// Returns the targets that cargo finds by the manifest: their kinds and names, in one line.
fn targets(bench: &Workbench, folder: &str) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version=1"]);
    let metadata = bench.end(folder, cargo);
    let json: serde_json::Value = serde_json::from_str(metadata.printed()).expect("JSON");
    let targets = json["packages"][0]["targets"].as_array().expect("targets");
    let names = targets.iter().map(|target| format!("{} {}", target["kind"][0], target["name"]));
    names.collect::<Vec<_>>().join(", ").replace('"', "")
}

#[test]
fn an_empty_folder_gets_a_package() {
    let bench = Workbench::new();
    bench.write("my bench/.git/HEAD", "");
    let ended = bench.dyno("my bench", "init");
    assert_eq!(
        ended.printed(),
        "created benches/fibonacci.rs\n\
         created Cargo.toml: [[bench]] fibonacci, [dev-dependencies] dyno-bench, \
         [dev-dependencies] serde\n\
         created .gitignore\n\n\
         Run it: cargo dyno run fibonacci\n"
    );
    assert_eq!(bench.read("my bench/.gitignore"), "/target\n");
    assert_eq!(targets(&bench, "my bench"), "bench fibonacci");
    let manifest = bench.read("my bench/Cargo.toml");
    assert!(manifest.starts_with("[package]\nname = \"my-bench\"\n"), "{manifest}");
    assert!(manifest.contains("[[bench]]\nname = \"fibonacci\"\nharness = false\n"), "{manifest}");
    let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/../dyno");
    let checkout = std::fs::canonicalize(checkout).expect("the checkout");
    let dependency = format!("dyno-bench = {{ path = \"{}\" }}\n", checkout.display());
    assert!(manifest.contains(&dependency), "{manifest}");
    // `list` finds the new benchmark at once.
    assert_eq!(bench.dyno("my bench", "list").printed(), "fibonacci  bench  my-bench\n");
}

#[test]
fn an_empty_folder_below_a_package_gets_its_own_package() {
    let bench = Workbench::new();
    let above = format!("{}\n[workspace]\n", package("above"));
    bench.write("Cargo.toml", &above);
    bench.write("src/lib.rs", "");
    bench.write("new/.gitignore", "mine");
    bench.write("benches/.keep", "");
    assert!(bench.dyno("new", "init").printed().contains("created Cargo.toml: "));
    assert_eq!(bench.read("Cargo.toml"), above);
    assert_eq!(bench.read("new/.gitignore"), "mine");
    // Cargo reads the manifest, and looks for no workspace above it.
    assert_eq!(targets(&bench, "new"), "bench fibonacci");
    // An empty folder such as `benches` belongs to the package, and gets no package itself.
    bench.dyno("benches", "init").printed();
    assert_eq!(targets(&bench, ""), "lib above, bench fibonacci");
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let bench = Workbench::new();
    bench.write("notes.txt", "mine");
    let ended = bench.dyno("", "init");
    assert!(ended.refusal().contains("the folder is not empty"), "{ended:?}");
    assert!(!bench.path("Cargo.toml").exists() && !bench.path("benches").exists());
}

#[test]
fn an_existing_package_keeps_its_comments_and_gains_what_it_needs() {
    let bench = Workbench::new();
    let manifest = format!("# Mine.\n{}\n[dependencies] # none yet\n", package("a"));
    bench.write("Cargo.toml", &manifest);
    bench.write("src/lib.rs", "");
    bench.write("src/main.rs", "fn main() {}");
    let ended = bench.dyno("src", "init io --dep git");
    let path = bench.path("benches/io.rs");
    assert!(ended.printed().starts_with(&format!("created {}\n", path.display())), "{ended:?}");
    let edited = bench.read("Cargo.toml");
    let added = edited.strip_prefix(&manifest).expect("all that was there");
    assert!(added.contains("[lib]\n# `cargo bench` gives"), "{added}");
    assert!(added.contains("[[bin]]\nname = \"a\"\nbench = false\n"), "{added}");
    assert!(added.contains("dyno-bench = { git = \"https://"), "{added}");
    assert!(added.contains("serde = { version = \"1\", features = [\"derive\"] }"), "{added}");
    assert_eq!(targets(&bench, ""), "lib a, bin a, bench io");
    assert!(bench.read("benches/io.rs").contains("dyno::bench(\"io\""));
}

#[test]
fn a_second_benchmark_adds_only_itself() {
    let bench = Workbench::new();
    bench.write("Cargo.toml", &package("a"));
    bench.write("src/lib.rs", "");
    bench.dyno("", "init").printed();
    let first = bench.read("Cargo.toml");
    let ended = bench.dyno("", "init second --dep version");
    assert!(ended.printed().contains("changed Cargo.toml: [[bench]] second\n"), "{ended:?}");
    let second = bench.read("Cargo.toml");
    assert_eq!(second.replace("\n[[bench]]\nname = \"second\"\nharness = false\n", ""), first);
    assert_eq!(targets(&bench, ""), "lib a, bench fibonacci, bench second");
}

#[test]
fn nothing_is_ever_overwritten() {
    let bench = Workbench::new();
    let manifest = format!("{}autobenches = false\n", package("a"));
    bench.write("Cargo.toml", &manifest);
    bench.write("src/lib.rs", "");
    bench.write("benches/fibonacci.rs", "mine");
    let line = "a benchmark `fibonacci` exists in benches/fibonacci.rs, and nothing is \
                overwritten: `cargo dyno init NAME` takes another name";
    assert_eq!(bench.dyno("", "init").refusal(), line);
    assert_eq!(bench.read("benches/fibonacci.rs"), "mine");
    assert_eq!(bench.read("Cargo.toml"), manifest);

    bench.dyno("", "init other").printed();
    let manifest = bench.read("Cargo.toml");
    bench.write("benches/other.rs", "fn main() {} // mine");
    bench.dyno("", "init other").refusal();
    assert_eq!(bench.read("benches/other.rs"), "fn main() {} // mine");
    assert_eq!(bench.read("Cargo.toml"), manifest);
}

#[test]
fn a_virtual_workspace_needs_a_package() {
    let bench = Workbench::new();
    bench.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\"]\n");
    for member in ["a", "b"] {
        bench.write(&format!("{member}/Cargo.toml"), &package(member));
        bench.write(&format!("{member}/src/lib.rs"), "");
    }
    assert_eq!(
        bench.dyno("", "init").refusal(),
        "this workspace has several packages: say with --package which gets the benchmark, of a, b"
    );
    let ended = bench.dyno("", "init --package b");
    assert!(ended.printed().starts_with("created b/benches/fibonacci.rs\n"), "{ended:?}");
    // The line runs the benchmark that was written, and not another one of the same name.
    assert!(ended.printed().ends_with("Run it: cargo dyno run fibonacci --package b\n"));
    assert_eq!(bench.read("a/Cargo.toml"), package("a"));
    let ended = bench.dyno("a", "init");
    assert!(ended.printed().starts_with("created benches/fibonacci.rs\n"), "{ended:?}");
    assert!(ended.printed().ends_with("Run it: cargo dyno run fibonacci\n"), "{ended:?}");
    bench.write("a/examples/io.rs", "fn main() {}");
    let ended = bench.dyno("b", "init io --manifest-path ../a/Cargo.toml");
    let end = "Run it: cargo dyno run --bench io --manifest-path ../a/Cargo.toml\n";
    assert!(ended.printed().ends_with(end), "{ended:?}");
    let ended = bench.dyno("", "init -p c");
    assert_eq!(ended.refusal(), "no package `c` in this workspace, which has a, b");
}

#[test]
fn the_redis_task_brings_its_client() {
    let bench = Workbench::new();
    bench.write("x/.keep", "");
    bench.dyno("x", "init cache --task redis --package mine").printed();
    let manifest = bench.read("x/Cargo.toml");
    assert!(manifest.contains("name = \"mine\""), "{manifest}");
    let client = "redis = { version = \"1\", default-features = false, features = [";
    assert!(manifest.contains(client), "{manifest}");
    assert!(bench.read("x/benches/cache.rs").contains("dyno::bench(\"cache\""));
}

#[test]
fn an_invalid_name_is_refused() {
    let bench = Workbench::new();
    let ended = bench.dyno("", "init ../up");
    assert!(ended.refusal().starts_with("`../up` can't be a benchmark's name"), "{ended:?}");
}

#[test]
fn a_scaffolded_benchmark_compiles_and_runs_at_once() {
    let bench = Workbench::new();
    bench.dyno("", "init --dep path").printed();
    for task in ["http", "postgres", "redis"] {
        bench.dyno("", &format!("init my-{task} --task {task} --dep path")).printed();
    }
    bench.use_what_is_here();
    let flags = "-d 200ms --warmup 0s -w 1 --format json --out";
    let run = |words: &str| {
        let ended = bench.dyno("", &format!("run --profile dev {words} {flags} {}", words.len()));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        serde_json::from_str::<dyno::Summary>(ended.printed()).expect("a summary")
    };
    let summary = run("fibonacci -P n=5");
    assert_eq!((summary.benchmark.as_str(), summary.cycles.completed), ("fibonacci", 10));
    assert_eq!(summary.metric("number").map(|number| number.max), Some(5));
    // Each of them starts its own server.
    for task in ["http", "postgres", "redis"] {
        let summary = run(&format!("my-{task} -R 50"));
        assert_eq!((summary.benchmark, summary.cycles.completed), (format!("my-{task}"), 10));
    }
}

#[test]
fn the_modules_of_a_benchmark_are_in_a_folder_of_its_name() {
    let bench = Workbench::new();
    bench.write("x/.keep", "");
    let ended = bench.dyno("x", "init web --task http");
    let created = "created benches/web.rs\ncreated benches/web/client.rs\n\
                   created benches/web/server.rs\ncreated Cargo.toml: ";
    assert!(ended.printed().starts_with(created), "{ended:?}");
    assert!(bench.read("x/benches/web.rs").contains("#[path = \"web/server.rs\"]"));
    // Cargo does not take them for benchmarks.
    assert_eq!(targets(&bench, "x"), "bench web");
    bench.write("x/benches/other/client.rs", "mine");
    let ended = bench.dyno("x", "init other --task http");
    assert!(ended.refusal().contains("exists in benches/other/client.rs"), "{ended:?}");
    assert!(!bench.path("x/benches/other.rs").exists());
}

#[test]
fn a_package_that_can_not_use_dyno_as_it_has_it_gains_what_is_missing() {
    let bench = Workbench::new();
    let dyno = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("dyno");
    let dependencies = format!(
        "[dependencies]\ndyno = {{ path = \"other\" }}\n\
         serde = {{ version = \"1\", optional = true }}\n\
         [target.'cfg(windows)'.dependencies]\n\
         load = {{ package = \"dyno-bench\", path = {dyno:?}, default-features = false }}\n"
    );
    // In the edition of 2015, `use` does not find crates.
    let manifest = package("aged").replace("2024", "2015") + &dependencies;
    bench.write("Cargo.toml", &manifest);
    bench.write("src/lib.rs", "");
    bench.write("other/Cargo.toml", &package("dyno"));
    bench.write("other/src/lib.rs", "");
    bench.dyno("", "init").printed();
    bench.use_what_is_here();
    let ended = bench.dyno("", "run fibonacci --profile dev --help");
    assert!(ended.printed().contains("-P n=25"), "{ended:?}");
    // Without a dependency on dyno, the library gets a name that is not taken.
    let manifest = format!("{}[dependencies]\ndyno.path = \"other\"\n", package("aged"));
    bench.write("Cargo.toml", &manifest);
    bench.dyno("", "init second").printed();
    let ended = bench.dyno("", "run second --profile dev --help");
    assert!(ended.printed().contains("-P n=25"), "{ended:?}");
}

#[test]
fn a_bench_that_would_refuse_the_flags_of_a_benchmark_is_named() {
    let bench = Workbench::new();
    bench.write("Cargo.toml", &package("a"));
    bench.write("src/lib.rs", "");
    bench.write("benches/old.rs", "");
    let ended = bench.dyno("", "init");
    let note = "note: `cargo bench -- FLAGS` gives a benchmark's flags to `old` too";
    assert!(ended.printed().contains(note), "{ended:?}");
    // The benchmark that was written accepts these flags.
    let ended = bench.dyno("", "init second");
    assert!(!ended.printed().contains("fibonacci`"), "{ended:?}");
}
