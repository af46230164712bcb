//! Tests of `.run()`: a benchmark inside another program, such as this test.

use std::time::Duration;

use dyno::Summary;

use crate::support::{BEHAVES, LIBRARY, State, assert_says, benchmark, state_of};

/// The parameters of the program `behaves`, declared again in this process.
#[derive(serde::Serialize, serde::Deserialize)]
struct Parameters {
    how: String,
    us: u64,
    at: u64,
}

fn behaves() -> dyno::Bench {
    dyno::bench("behaves", || ())
        .parameters(Parameters { how: "nothing".into(), us: 0, at: 0 })
        .worker_exe(BEHAVES)
        .rate(200.0)
        .warmup(Duration::ZERO)
        .duration(Duration::from_millis(300))
        .workers(2)
}

#[track_caller]
fn check(summary: &Summary, verdict: &str, completed: u64) {
    assert_eq!(
        (summary.verdict.name(), summary.cycles.completed),
        (verdict, completed),
        "{summary:#?}"
    );
    for worker in &summary.workers {
        assert_eq!(state_of(worker.pid.expect("it started")), State::Gone);
    }
    assert_eq!(summary.primary.pid, std::process::id());
}

#[test]
fn a_test_runs_a_benchmark_whose_workers_are_another_program() {
    check(&behaves().run().expect("it starts"), "sustained", 60);
}

#[test]
fn a_repetition_in_code_is_a_run_for_each_trial_and_its_hooks_run_once() {
    let hooks = std::rc::Rc::new(std::cell::Cell::new((0, 0)));
    let (before, after) = (std::rc::Rc::clone(&hooks), std::rc::Rc::clone(&hooks));
    let study = behaves()
        .before(move |_| {
            before.update(|(before, after)| (before + 1, after));
            Ok(())
        })
        .after(move |last| {
            assert_eq!(last.parameters.rate, Some(200.0));
            after.update(|(before, after)| (before, after + 1));
            Ok(())
        })
        .repeat(2)
        .expect("it starts");
    let delivered: Vec<_> = study.trials.iter().map(|trial| trial.completed).collect();
    assert_eq!(delivered, [60, 60], "{study:#?}");
    assert_eq!(hooks.get(), (1, 1));
    assert_eq!((study.study.as_str(), study.end.as_deref()), ("repeat", Some("done")));
}

#[test]
fn a_study_in_code_that_is_wrong_names_its_call() {
    let refused =
        |study: Result<dyno::Study, dyno::RunError>| study.expect_err("wrong").to_string();
    assert_says(&refused(behaves().repeat(1)), &[".repeat(1): ", "2 to 1000"]);
    assert_says(&refused(behaves().sweep([50.0])), &[".sweep([50]): ", "at least two"]);
    assert_says(&refused(behaves().sweep([])), &[".sweep([]): ", "at least two"]);
    let upside_down = behaves().search_from(200.0).search_to(100.0).search();
    assert_says(&refused(upside_down), &[".search_from(200) .search_to(100): "]);
    assert_says(&refused(behaves().search_precision(0.0).search()), &[".search_precision(0%): "]);
}

#[test]
fn a_test_without_a_worker_program_is_refused_with_the_way_out() {
    let error = dyno::bench("alone", || ()).run().expect_err("it would run the tests");
    assert_says(&error.to_string(), &["would run its tests", "`alone`", ".worker_exe(path)"]);
}

#[test]
fn a_worker_program_that_does_not_exist_is_named() {
    let summary = behaves().worker_exe("/nowhere/at/all").run();
    let text = format!("{summary:?}");
    assert_says(&text, &["/nowhere/at/all"]);
}

#[test]
fn a_worker_program_that_declares_another_benchmark_is_an_error() {
    // One worker only: with several, any of them may end first.
    let bench = dyno::bench("stranger", || ()).workers(1).worker_exe(BEHAVES);
    let summary = bench.run().expect("it starts");
    assert_eq!(summary.verdict.name(), "error", "{summary:#?}");
    let parts = ["worker 0 (pid ", "exited with code 2", "worker of `stranger`"];
    assert_says(&summary.reasons[0], &parts);
}

#[test]
fn a_setting_that_can_not_be_is_an_error_that_names_the_call() {
    let error = behaves().rate(0.0).run().expect_err("no rate");
    assert_says(&error.to_string(), &[".rate(0)", "between 0.1 and 1,000,000"]);
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let runs = std::thread::scope(|scope| {
        let runs = [200.0, 400.0].map(|rate| scope.spawn(move || behaves().rate(rate).run()));
        runs.map(|run| run.join().expect("no panic").expect("it starts"))
    });
    check(&runs[0], "sustained", 60);
    check(&runs[1], "sustained", 120);
}

#[test]
fn a_program_keeps_its_descriptors_threads_and_signals() {
    let ended = benchmark(LIBRARY).run();
    let parts = ["sustained 200 200\n", "sustained 100 100", "\nas before\n"];
    assert_says(&ended.stdout, &parts);
    assert_eq!(ended.status.code(), Some(0), "{ended:#?}");
    assert_eq!(ended.stderr, "", "it draws nothing");
}

#[test]
fn a_remote_changes_the_rate_while_the_run_goes_on() {
    let bench = behaves().duration(Duration::from_millis(2_500));
    let remote = bench.remote();
    // A rate that is set before the run begins takes effect at the end of the first lease, a second
    // later.
    remote.set_rate(1_000.0);
    let summary = bench.run().expect("it starts");
    let issued = summary.cycles.issued;
    // 200 a second for about a second, 1,000 a second for the rest.
    assert!((1_400..=1_900).contains(&issued), "{issued}");
    assert_eq!(summary.cycles.completed, issued, "{summary:#?}");
    let rates: Vec<_> = summary.stages.iter().map(|stage| stage.from).collect();
    assert_eq!(rates, [200.0, 1_000.0], "a stage for each rate: {summary:#?}");
    let due: u64 = summary.stages.iter().map(|stage| stage.due).sum();
    assert_eq!(due, issued);
}

#[test]
fn a_remote_ends_the_run_early_with_exact_numbers() {
    let bench = behaves().duration(Duration::from_secs(20));
    let remote = bench.remote();
    let other = std::thread::spawn(move || remote.stop());
    let summary = bench.run().expect("it starts");
    other.join().expect("no panic");
    assert!(Duration::from_nanos(summary.elapsed_ns) < Duration::from_secs(10), "{summary:#?}");
    assert_eq!(summary.cycles.completed + summary.cycles.unstarted, summary.cycles.issued);
}

#[test]
fn a_remote_ends_a_whole_study() {
    let bench = behaves().duration(Duration::from_secs(20));
    let remote = bench.remote();
    let other = std::thread::spawn(move || remote.stop());
    let study = bench.sweep([100.0, 200.0, 400.0]).expect("it starts");
    other.join().expect("no panic");
    assert_eq!(study.end.as_deref(), Some("interrupted"), "{study:#?}");
    assert!(study.trials.len() <= 1, "{study:#?}");
    assert_eq!(study.exit_code, 128, "no signal did it");
}

#[test]
fn hooks_of_the_primary_run_in_this_process() {
    let (sender, heard) = std::sync::mpsc::channel();
    let told = sender.clone();
    let summary = behaves()
        .before(move |run| {
            run.set("us", 7)?;
            sender.send("before".to_owned())?;
            Ok(())
        })
        .after(move |summary| Ok(told.send(summary.verdict.to_string())?))
        .run()
        .expect("it starts");
    assert_eq!(summary.parameter("us"), Some(7));
    assert_eq!(heard.iter().collect::<Vec<_>>(), ["before", "sustained"]);
}
