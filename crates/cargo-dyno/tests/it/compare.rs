//! `cargo dyno compare`, `baselines` and `ab`. The benchmarks of `ab` leave a summary and do nothing
//! else.

use std::process::Command;

use crate::workbench::{Ended, Workbench, package};

/// A benchmark that leaves the summary of its package's `run.json`.
const BENCHMARK: &str = r#"
fn main() {
    // As every program that links dyno does.
    assert!(std::env::var_os("DYNO_WORKER").is_none());
    let out = std::path::PathBuf::from(std::env::var_os("DYNO_OUT").unwrap());
    std::fs::create_dir_all(&out).unwrap();
    let mut text = include_str!("../run.json").to_owned();
    if std::env::args().any(|word| word == "--slow") {
        text = text.replace("\"mean\": 1000", "\"mean\": 2000");
    }
    std::fs::write(out.join("run.json"), text).unwrap();
}
"#;

/// Returns a summary whose service takes this long on average, and its response at p50.
fn summary(nanos: u64) -> String {
    let mut summary: dyno::Summary =
        serde_json::from_str(include_str!("run.json")).expect("a summary");
    "io".clone_into(&mut summary.benchmark);
    let mut response = summary.metrics["response"].clone();
    response.count = 250;
    response.mean = nanos as f64;
    response.p50 = Some(nanos);
    summary.metrics.insert("service".to_owned(), response.clone());
    summary.metrics.insert("response".to_owned(), response);
    dyno::internal::render(&summary, dyno::internal::Format::Json)
}

/// Returns a repetition of eight trials that take about this long.
fn study(nanos: u64) -> String {
    let mut study = dyno::Study::default();
    study.schema = 1;
    study.benchmark = "io".to_owned();
    study.study = "repeat".to_owned();
    study.started_at = "2026-01-04T10:00:00Z".to_owned();
    study.end = Some("done".to_owned());
    study.trials = (0..8)
        .map(|index| {
            let mut trial = dyno::summary::StudyTrial::default();
            trial.folder = format!("0{index}");
            trial.rate = Some(50.0);
            trial.verdict = dyno::Verdict::Sustained;
            trial.service_mean_ns = Some((nanos + index % 3) as f64);
            trial.response_p50_ns = Some(nanos + index % 3);
            trial
        })
        .collect();
    dyno::internal::render_study(&study, dyno::internal::Format::Json)
}

/// Returns a package with a baseline `main`, two later repetitions and a single run.
fn with_results() -> Workbench {
    let bench = Workbench::new();
    bench.write("Cargo.toml", &package("a"));
    bench.write("src/lib.rs", "");
    for (run, nanos) in [("1", 1_000), ("2", 1_000), ("3", 1_500)] {
        bench.write(&format!("target/dyno/io/{run}/study.json"), &study(nanos));
    }
    bench.write("target/dyno/io/4/run.json", &summary(1_500));
    let link = bench.path("target/dyno/io/baseline-main");
    std::os::unix::fs::symlink("1", link).expect("writable");
    bench
}

/// Returns the answer of a comparison, whose exit code it checks.
#[track_caller]
fn answer(ended: &Ended, code: i32) -> dyno::Comparison {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    serde_json::from_str(&ended.stdout).expect("a comparison")
}

#[test]
fn the_exit_code_of_a_comparison_is_its_answer() {
    let bench = with_results();
    for (new, code, finding) in [("io/2", 0, "same"), ("io/3", 1, "worse"), ("io/4", 4, "unclear")]
    {
        let ended = bench.dyno("", &format!("compare main {new} --format json"));
        let comparison = answer(&ended, code);
        assert_eq!(comparison.finding.name(), finding, "{ended:?}");
        assert_eq!((&*comparison.base.name, &*comparison.new.name), ("main", new));
    }
    let better = bench.dyno("", "compare io/3 main --format json");
    assert_eq!(answer(&better, 0).finding.name(), "better");
}

#[test]
fn a_comparison_has_every_form_that_a_run_has() {
    let bench = with_results();
    let words = "compare main io/3 --format";
    let human = bench.dyno("", &format!("{words} human"));
    assert!(human.stdout.contains("NEW is worse: service.mean is 50 % to 50 % worse"), "{human:?}");
    let markdown = bench.dyno("", &format!("{words} markdown"));
    assert!(markdown.stdout.starts_with("### io: NEW is worse: "), "{markdown:?}");
    let csv = bench.dyno("", &format!("{words} csv"));
    assert_eq!(csv.stdout.lines().count(), 3, "{csv:?}");
}

#[test]
fn a_comparison_is_also_written_as_a_page_on_request() {
    let bench = with_results();
    let ended = bench.dyno("", "compare main io/3 --report comparison.html --format json");
    assert_eq!(answer(&ended, 1).finding.name(), "worse");
    assert!(ended.stderr.ends_with("page: comparison.html\n"), "{ended:?}");
    let page = std::fs::read_to_string(bench.path("comparison.html")).expect("it was written");
    assert!(page.contains("<bdi>NEW is worse: service.mean is 50 % to 50 % worse"), "{page}");
    // What can't be written is refused before anything is compared.
    for (place, remedy) in [
        ("nowhere/comparison.html", "there is no folder `nowhere`; create it first"),
        ("target", "expected a file, such as comparison.html"),
    ] {
        let ended = bench.dyno("", &format!("compare main io/3 --report {place}"));
        let expected = format!("invalid --report `{place}`: {remedy}");
        assert_eq!(ended.refusal(), expected);
    }
}

#[test]
fn a_secret_among_the_flags_of_a_side_is_not_in_its_name() {
    let bench = with_revisions();
    bench.write("a/run.json", &summary(1_000));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    command.args(["ab", "--bench", "io", "--a", "", "--b", "-P token=hidden-1 'x y'"]);
    command.args(["--format", "json"]);
    let ended = bench.end("a", command);
    assert_eq!(answer(&ended, 0).new.name, "`-P token=… x y`");
    assert!(!ended.stderr.contains("hidden-1"), "{ended:?}");
}

#[test]
fn a_tolerance_and_a_figure_change_the_answer() {
    let bench = with_results();
    let ended = bench.dyno("", "compare main io/3 --tolerance 60% --format json");
    assert_eq!(answer(&ended, 0).finding.name(), "same");
    let ended = bench.dyno("", "compare main io/3 --metric response.p99 --format json");
    let comparison = answer(&ended, 4);
    assert!(comparison.answer.contains("response.p99 is unclear"), "{ended:?}");
}

#[test]
fn results_that_can_not_be_compared_are_refused_with_the_way_out() {
    let bench = with_results();
    let other = study(1_000).replace("\"io\"", "\"shop\"");
    bench.write("target/dyno/shop/1/study.json", &other);
    let ended = bench.dyno("", "compare main shop");
    let refusal = ended.refusal();
    assert!(refusal.contains("benchmark is io in BASE and shop in NEW"), "{refusal}");
    assert!(refusal.contains("--force"), "{refusal}");
    let forced = bench.dyno("", "compare main shop --force --format json");
    assert_eq!(answer(&forced, 0).differences.len(), 1);
    for (line, part) in [
        ("compare mian", "no run `mian` in "),
        ("compare main --tolerance x", "invalid --tolerance `x`: expected a share from "),
        ("compare main --metric a=b", "invalid --metric `a=b`: expected `higher` or `lower`"),
    ] {
        let ended = bench.dyno("", line);
        assert!(ended.refusal().contains(part), "{line}: {ended:?}");
    }
}

#[test]
fn a_baseline_is_listed_shown_by_its_name_and_removed() {
    let bench = with_results();
    let listed = bench.dyno("", "baselines");
    assert_eq!(
        listed.printed(),
        "BENCHMARK  BASELINE  STARTED               RESULT              RUN\n\
         io         main      2026-01-04T10:00:00Z  repeat of 8 trials  1\n"
    );
    assert_eq!(bench.dyno("", "show main --format json").printed(), study(1_000));
    let ended = bench.dyno("", "baselines --remove mian");
    assert!(ended.refusal().ends_with("; did you mean `main`?"), "{ended:?}");
    assert_eq!(bench.dyno("", "baselines --remove main").printed(), "removed io/main\n");
    assert!(bench.dyno("", "baselines").refusal().starts_with("no baselines in "));
    assert!(bench.path("target/dyno/io/1/study.json").is_file());
}

/// Returns a repository with a package whose first revision is `old`, and which became slower.
fn with_revisions() -> Workbench {
    let bench = Workbench::with_package();
    bench.write("a/.gitignore", "target\nCargo.lock\n");
    for source in ["a/benches/fibonacci.rs", "a/benches/io.rs", "a/examples/io.rs"] {
        bench.write(source, BENCHMARK);
    }
    bench.write("a/run.json", &summary(1_000));
    git(&bench, "init -q");
    git(&bench, "add .");
    git(&bench, "-c user.name=a -c user.email=a@b commit -q -m old");
    git(&bench, "tag old");
    bench.write("a/run.json", &summary(1_500));
    bench
}

fn git(bench: &Workbench, line: &str) -> Ended {
    let mut command = Command::new("git");
    command.args(line.split(' '));
    let ended = bench.end("a", command);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

#[test]
fn another_revision_is_built_apart_and_compared_with_the_code_as_it_is() {
    let bench = with_revisions();
    bench.write("a/notes", "mine");
    let before = git(&bench, "status --porcelain").stdout;
    let ended = bench.dyno("a", "ab --bench io --base old --format json");
    let comparison = answer(&ended, 1);
    assert_eq!(comparison.finding.name(), "worse");
    assert!(comparison.base.name.starts_with("old ("), "{comparison:?}");
    assert!(ended.stderr.contains("NEW is the working tree with its uncommitted changes"));
    assert_eq!(git(&bench, "status --porcelain").stdout, before);
    // The worktree is used again, for another revision too.
    let again = bench.dyno("a", "ab --bench io --base HEAD --format json");
    assert_eq!(answer(&again, 1).finding.name(), "worse");
    let ended = bench.dyno("a", "ab --bench io --base nowhere");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("no revision `nowhere` in "), "{ended:?}");
}

#[test]
fn two_sets_of_flags_of_one_benchmark_are_compared() {
    let bench = with_revisions();
    bench.write("a/run.json", &summary(1_000));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
    command.args(["ab", "--bench", "io", "--a", "", "--b", "--slow 'x y'", "--format", "json"]);
    let ended = bench.end("a", command);
    let comparison = answer(&ended, 1);
    assert!(comparison.answer.contains("service.mean is 100 % to 100 % worse"), "{ended:?}");
}

#[test]
fn two_programs_are_compared_and_a_missing_one_is_named() {
    let bench = Workbench::new();
    let program = |name: &str, nanos: u64| {
        let script = format!(
            "#!/bin/sh\nmkdir -p \"$DYNO_OUT\"\ncat > \"$DYNO_OUT/run.json\" <<'END'\n{}\nEND\n",
            summary(nanos)
        );
        bench.write(name, &script);
        let mut mode = std::fs::metadata(bench.path(name)).expect("it exists").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
        std::fs::set_permissions(bench.path(name), mode).expect("writable");
    };
    program("old", 1_000);
    program("new", 1_000);
    let ended = bench.dyno("", "ab --a-exe ./old --b-exe ./new --format json");
    assert_eq!(answer(&ended, 0).finding.name(), "same");
    let ended = bench.dyno("", "ab --a-exe ./old --b-exe ./nowhere");
    assert!(ended.refusal().starts_with("can't use the program `./nowhere`"), "{ended:?}");
}

#[test]
fn two_commands_that_stay_are_compared() {
    let bench = Workbench::new();
    let line = "ab pipe -R 200 -w 1 --a-exe cat --b-exe cat --time 10s --format json --";
    let ended = bench.dyno("", line);
    let comparison: dyno::Comparison = serde_json::from_str(&ended.stdout).expect("a comparison");
    // The same command twice: the machine decides whether ten seconds are enough for an answer.
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    assert_eq!(comparison.base.name, "`cat`");
    assert!(comparison.pairs.is_some_and(|pairs| pairs >= 1), "{ended:?}");
    assert!(comparison.figures.iter().all(|figure| figure.ratio.is_some()), "{ended:?}");
}

#[test]
fn two_servers_are_compared() {
    let (a, _requests_of_a) = crate::http::server(crate::http::HELLO);
    let (b, _requests_of_b) = crate::http::server(crate::http::HELLO);
    let line = format!("ab http -R 200 -w 1 --a {a} --b {b} --time 10s --format json");
    let ended = Workbench::new().dyno("", &line);
    let comparison: dyno::Comparison = serde_json::from_str(&ended.stdout).expect("a comparison");
    // One server may be faster by chance: only the machine knows.
    assert!(matches!(ended.code, Some(0 | 1 | 4)), "{ended:?}");
    assert_eq!(comparison.base.name, format!("`{a}`"));
    assert!(comparison.pairs.is_some_and(|pairs| pairs >= 1), "{ended:?}");
    let ended = Workbench::new().dyno("", "ab http -R 200 --a-exe cat --b-exe cat");
    assert!(ended.refusal().starts_with("`ab http` sends requests: give two sets"), "{ended:?}");
}

#[test]
fn an_ab_without_two_sides_is_refused() {
    let bench = Workbench::new();
    let ended = bench.dyno("", "ab io");
    assert!(ended.refusal().starts_with("nothing to compare: give --base REV"), "{ended:?}");
    let ended = bench.dyno("", "ab io --a -w2 --time 1s");
    assert!(ended.refusal().starts_with("invalid --time `1s`: expected 10s to 24h"), "{ended:?}");
    let ended = bench.dyno("", "ab exec --base main -- true");
    assert!(ended.refusal().starts_with("--base: a command has no revision"), "{ended:?}");
}
