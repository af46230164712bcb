//! `cargo dyno runs`, `show` and `report`: saved runs, damaged ones among them.

use std::process::Command;

use crate::workbench::{Workbench, package};

/// Returns a summary as a run leaves it; `rate` is the requested rate.
fn summary(benchmark: &str, started_at: &str, rate: Option<f64>) -> String {
    let mut summary: dyno::Summary =
        serde_json::from_str(include_str!("run.json")).expect("a summary");
    benchmark.clone_into(&mut summary.benchmark);
    started_at.clone_into(&mut summary.started_at);
    summary.rate.asked = rate;
    dyno::internal::render(&summary, dyno::internal::Format::Json)
}

/// Returns a folder with two runs of `io`, the newer linked as `latest`, and one of `fibonacci`.
fn with_runs() -> Workbench {
    let bench = Workbench::new();
    bench.write("Cargo.toml", &package("a"));
    bench.write("src/lib.rs", "");
    for (run, benchmark, started_at, rate) in [
        ("1", "io", "2026-01-01T10:00:00Z", Some(50.0)),
        ("2", "io", "2026-01-03T10:00:00Z", None),
        ("1", "fibonacci", "2026-01-02T10:00:00Z", Some(0.5)),
    ] {
        let path = format!("target/dyno/{benchmark}/{run}/run.json");
        bench.write(&path, &summary(benchmark, started_at, rate));
    }
    let latest = bench.path("target/dyno/io/latest");
    std::os::unix::fs::symlink("2", latest).expect("writable");
    bench
}

#[test]
fn runs_lists_the_newest_first() {
    let bench = with_runs();
    assert_eq!(
        bench.dyno("src", "runs").printed(),
        "STARTED               BENCHMARK  VERDICT    RATE   DELIVERED  P99     RUN\n\
         2026-01-03T10:00:00Z  io         sustained  max    50.0/s     1.23ms  io/2\n\
         2026-01-02T10:00:00Z  fibonacci  sustained  0.5/s  50.0/s     1.23ms  fibonacci/1\n\
         2026-01-01T10:00:00Z  io         sustained  50/s   50.0/s     1.23ms  io/1\n"
    );
    let lines = bench.dyno("", "runs fibonacci").printed().lines().count();
    assert_eq!(lines, 2);
    let ended = bench.dyno("", "runs fibonaci");
    assert!(ended.refusal().ends_with("; did you mean `fibonacci`?"), "{ended:?}");
}

#[test]
fn show_finds_a_run_by_its_name_its_benchmark_or_its_folder() {
    let bench = with_runs();
    let newest = summary("io", "2026-01-03T10:00:00Z", None);
    for run in ["", "io", "io/2", "2", "target/dyno/io/latest"] {
        let line = format!("show {run} --format json");
        assert_eq!(bench.dyno("", &line).printed(), newest, "{line}");
    }
    let oldest = summary("io", "2026-01-01T10:00:00Z", Some(50.0));
    for run in ["io/1", "target/dyno/io/1/run.json"] {
        let line = format!("show {run} --format json");
        assert_eq!(bench.dyno("", &line).printed(), oldest, "{line}");
    }
    let ended = bench.dyno("", "show oi/2");
    assert!(ended.refusal().starts_with("no run `oi/2` in "), "{ended:?}");
}

#[test]
fn show_prints_a_run_in_every_form_that_a_run_has() {
    let bench = with_runs();
    let show = |flags: &str| bench.dyno("", &format!("show io/1 {flags}")).printed().to_owned();
    let summary = serde_json::from_str(&show("--format json")).expect("a summary");
    for (word, format) in [
        ("human", dyno::internal::Format::Human),
        ("csv", dyno::internal::Format::Csv),
        ("markdown", dyno::internal::Format::Markdown),
    ] {
        let text = show(&format!("--format {word}"));
        assert_eq!(text, dyno::internal::render(&summary, format));
        assert!(text.contains("sustained"), "{text}");
    }
    assert_eq!(show(""), show("--format human"));
}

#[test]
fn report_writes_the_page_of_a_saved_run_and_prints_its_path() {
    let bench = with_runs();
    for (run, folder) in
        [("", "io/2"), ("io/1", "io/1"), ("target/dyno/fibonacci/1", "fibonacci/1")]
    {
        let path = format!("target/dyno/{folder}/report.html");
        assert!(!bench.path(&path).exists());
        let ended = bench.dyno("", &format!("report {run}"));
        assert!(ended.printed().ends_with(&format!("{path}\n")), "{ended:?}");
        let saved = bench.read(&format!("target/dyno/{folder}/run.json"));
        let saved = serde_json::from_str(&saved).expect("a summary");
        assert_eq!(bench.read(&path), dyno::internal::page_of_run(&saved, None));
    }
    assert!(bench.dyno("", "report oi").refusal().starts_with("no run `oi` in "));
}

#[test]
fn report_writes_the_pages_of_a_study_and_of_its_trials() {
    let bench = with_runs();
    let mut of: dyno::Study = serde_json::from_str(&study(Some("found"))).expect("a study");
    for folder in ["01", "../1"] {
        let mut trial = dyno::summary::StudyTrial::default();
        folder.clone_into(&mut trial.folder);
        of.trials.push(trial);
    }
    let text = dyno::internal::render_study(&of, dyno::internal::Format::Json);
    bench.write("target/dyno/io/3/study.json", &text);
    bench.write("target/dyno/io/3/01/run.json", &summary("io", "2026-01-04T10:00:01Z", Some(1.0)));
    let ended = bench.dyno("", "report io");
    assert!(ended.printed().ends_with("target/dyno/io/3/report.html\n"), "{ended:?}");
    assert_eq!(bench.read("target/dyno/io/3/report.html"), dyno::internal::page_of_study(&of));
    assert!(bench.path("target/dyno/io/3/01/report.html").is_file());
    assert!(!bench.path("target/dyno/io/1/report.html").exists(), "a path leads out of the study");
}

#[test]
#[cfg(target_os = "linux")]
fn report_opens_the_page_on_request() {
    use std::os::unix::fs::PermissionsExt;
    let bench = with_runs();
    bench.write("bin/xdg-open", "#!/bin/sh\necho \"$1\" > opened\n");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bench.path("bin/xdg-open"), executable).expect("writable");
    let path = std::env::var("PATH").expect("a path");
    let report = |path: String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
        command.args(["report", "target/dyno/io/1", "--open"]).env("PATH", path);
        bench.end("", command)
    };
    let ended = report(format!("{}:{path}", bench.path("bin").display()));
    assert_eq!(bench.read("opened"), ended.printed());
    bench.write("bin/xdg-open", "#!/bin/sh\nexit 3\n");
    let ended = report(format!("{}:{path}", bench.path("bin").display()));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("in a browser by hand"), "{ended:?}");
}

/// Returns a study as a search leaves it.
fn study(end: Option<&str>) -> String {
    let mut study = dyno::Study::default();
    study.schema = 1;
    study.benchmark = "io".to_owned();
    study.study = "search".to_owned();
    study.started_at = "2026-01-04T10:00:00Z".to_owned();
    study.end = end.map(str::to_owned);
    let mut lower = dyno::summary::SearchBound::default();
    lower.rate = 8_200.0;
    let mut finding = dyno::summary::SearchFinding::default();
    finding.lower = Some(lower);
    study.search = Some(finding);
    dyno::internal::render_study(&study, dyno::internal::Format::Json)
}

#[test]
fn a_study_is_one_run_in_the_list_and_is_shown_by_its_name() {
    let bench = with_runs();
    let text = study(Some("found"));
    bench.write("target/dyno/io/3/study.json", &text);
    bench.write("target/dyno/io/3/01/run.json", &summary("io", "2026-01-04T10:00:01Z", Some(1.0)));
    let ended = bench.dyno("", "runs");
    let lines: Vec<_> = ended.printed().lines().collect();
    assert_eq!(lines.len(), 5, "{ended:?}");
    let row = "2026-01-04T10:00:00Z  io         search     8,200/s  -          -       io/3";
    assert_eq!(lines[1], row);
    for run in ["", "io", "io/3", "target/dyno/io/3", "target/dyno/io/3/study.json"] {
        assert_eq!(bench.dyno("", &format!("show {run} --format json")).printed(), text, "{run}");
    }
    assert!(bench.dyno("", "show target/dyno/io/3/01").printed().contains("sustained"));
    bench.write("target/dyno/io/3/study.json", &study(None));
    assert!(bench.dyno("", "runs").printed().contains("unfinished"), "it was killed");
}

#[test]
fn a_damaged_run_is_named_and_hides_no_other() {
    let bench = with_runs();
    bench.write("target/dyno/io/2/run.json", "{\"schema\": 1,");
    let ended = bench.dyno("", "runs");
    assert_eq!(ended.printed().lines().count(), 4);
    assert!(ended.printed().contains("damaged"), "{ended:?}");
    let ended = bench.dyno("", "show io/2");
    assert!(ended.refusal().contains("io/2/run.json is damaged: "), "{ended:?}");
    let ended = bench.dyno("", "show io --format json");
    assert_eq!(ended.printed(), summary("io", "2026-01-01T10:00:00Z", Some(50.0)));
    bench.write("target/dyno/io/2/run.json", "{\"schema\": 1}");
    let ended = bench.dyno("", "show io/2");
    assert!(ended.refusal().contains("is damaged: missing field `benchmark`"), "{ended:?}");
    bench.write("target/dyno/io/2/run.json", "{\"schema\": 7}");
    let ended = bench.dyno("", "show io/2");
    assert!(
        ended.refusal().contains("has schema 7, and this version of dyno reads 1"),
        "{ended:?}"
    );
    std::fs::remove_file(bench.path("target/dyno/io/2/run.json")).expect("it exists");
    let ended = bench.dyno("", "show io/2");
    assert!(ended.refusal().contains("run.json is not there: the run has not ended"), "{ended:?}");
    assert!(bench.dyno("", "runs").printed().contains("unfinished"));
}

#[test]
fn a_verdict_of_a_later_version_is_listed_and_shown_by_its_name() {
    let bench = with_runs();
    let text = summary("io", "2026-01-03T10:00:00Z", None);
    let later = text.replacen("\"verdict\": \"sustained\"", "\"verdict\": \"postponed\"", 1);
    bench.write("target/dyno/io/2/run.json", &later);
    assert!(bench.dyno("", "runs io").printed().contains("  io         postponed  max "));
    assert_eq!(bench.dyno("", "show io/2 --format json").printed(), later);
    let page = bench.dyno("", "show io/2");
    assert!(page.printed().contains("\npostponed: "), "{page:?}");
}

#[test]
fn a_run_of_a_clock_that_was_wrong_is_not_the_newest() {
    let bench = with_runs();
    let future = summary("io", "2999-01-01T10:00:00Z", None);
    bench.write("target/dyno/io/9/run.json", &future);
    for run in ["io", ""] {
        let newest = summary("io", "2026-01-03T10:00:00Z", None);
        assert_eq!(bench.dyno("", &format!("show {run} --format json")).printed(), newest);
    }
    assert_eq!(bench.dyno("", "show io/9 --format json").printed(), future);
}

#[test]
fn a_run_that_goes_on_is_listed_as_running() {
    let bench = with_runs();
    let run = "target/dyno/io/2";
    std::fs::remove_file(bench.path(run).join("run.json")).expect("it exists");
    // A run locks its folder too, until its summary is written.
    let folder = std::fs::File::open(bench.path(run)).expect("it exists");
    let lock = nix::fcntl::Flock::lock(folder, nix::fcntl::FlockArg::LockExclusiveNonblock);
    let running = |listed: &str| listed.lines().any(|line| line.contains("running"));
    assert!(running(bench.dyno("", "runs").printed()));
    drop(lock.expect("nobody else has it"));
    assert!(!running(bench.dyno("", "runs").printed()));
}

#[test]
fn a_folder_that_bears_a_benchmarks_name_hides_no_run() {
    let bench = with_runs();
    bench.write("io/notes", "mine");
    let newest = summary("io", "2026-01-03T10:00:00Z", None);
    assert_eq!(bench.dyno("", "show io --format json").printed(), newest);
    let ended = bench.dyno("", "show ./io");
    assert!(ended.refusal().contains("io/run.json is not there"), "{ended:?}");
}

#[test]
fn a_run_is_found_by_its_benchmarks_name_and_not_by_its_folders() {
    let bench = with_runs();
    let text = summary("a/b", "2026-01-01T10:00:00Z", None);
    bench.write("target/dyno/a_b~1/1/run.json", &text);
    for run in ["a/b", "a_b~1/1"] {
        let line = format!("show {run} --format json");
        assert_eq!(bench.dyno("", &line).printed(), text, "{line}");
    }
    assert_eq!(bench.dyno("", "runs a/b").printed().lines().count(), 2);
}

#[test]
fn outside_of_cargo_runs_are_saved_here() {
    let bench = Workbench::new();
    let ended = bench.dyno("", "runs");
    assert!(ended.refusal().contains("no saved runs in "), "{ended:?}");
    let text = summary("curl", "2026-01-01T10:00:00Z", Some(5.0));
    bench.write("dyno-runs/curl/1/run.json", &text);
    assert_eq!(bench.dyno("", "show --format json").printed(), text);
}

#[test]
fn an_error_that_quotes_a_word_holds_nothing_that_a_terminal_obeys() {
    let bench = with_runs();
    for line in ["show x\u{1b}[2J", "runs x\u{1b}[2J", "exec -- x\u{1b}[2J"] {
        let ended = bench.dyno("", line);
        assert!(ended.refusal().contains("`x?[2J`"), "{ended:?}");
    }
}
