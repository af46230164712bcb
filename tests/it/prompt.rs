//! Tests of `--prompt` on a terminal: how the questions are shown, and how the answers are used.

use nix::sys::signal::Signal;

use crate::support::{MISBEHAVES, Terminal, assert_says, benchmark, send};

/// Starts a benchmark with `--prompt`, and waits until its first question is shown.
#[track_caller]
fn asks(columns: u32) -> Terminal {
    asks_in(columns, 20)
}

#[track_caller]
fn asks_in(columns: u32, rows: u32) -> Terminal {
    let terminal = benchmark(MISBEHAVES).args("--prompt").logged().on_terminal(columns, rows);
    terminal.until_shows("rate [200]:");
    terminal
}

/// Asserts that the benchmark ends with this code, and that it has started nothing.
#[track_caller]
fn assert_interrupted(terminal: &Terminal, code: i32) {
    assert_eq!(terminal.end(), code);
    assert_says(&terminal.screen(), &["\nerror: interrupted: nothing was started"]);
    assert_eq!(terminal.read("log"), "");
}

/// Joins the rows of the screen, which the terminal may have broken anywhere.
fn unbroken(screen: &str) -> String {
    screen.replace('\n', "")
}

#[test]
fn a_refusal_wider_than_the_terminal_leaves_nothing_behind() {
    let terminal = asks(40);
    for refused in ["0", "1e9"] {
        terminal.types(refused);
        terminal.keys(&["Enter"]);
        terminal.until_shown("the question again", |screen| {
            screen.contains(&format!("--rate {refused}:")) && screen.ends_with("rate [200]:")
        });
    }
    terminal.types("50");
    terminal.keys(&["Enter"]);
    let screen = terminal.until_shows("duration [300ms]:");
    let whole = unbroken(&screen);
    assert_says(&whole, &["rate: 0error: --rate 0:", "rate: 1e9error: --rate 1e9:", "rate: 50"]);
    // Each sentence is shown once and whole, and no row of an answered question is left.
    assert_eq!(whole.matches("or \"max\"").count(), 2, "{screen}");
    assert!(!screen.contains("rate [200]"), "{screen}");
    terminal.keys(&["C-c"]);
    assert_interrupted(&terminal, 130);
}

#[test]
fn an_answer_longer_than_the_terminal_takes_one_row_and_can_be_changed() {
    let terminal = asks(40);
    terminal.types(&"1234567890".repeat(12));
    terminal.until_shows("4567890");
    terminal.types("x");
    let screen = terminal.until_shown("its end", |screen| screen.ends_with("567890x"));
    assert_eq!(screen.lines().filter(|line| line.contains("67890")).count(), 1, "{screen}");
    let keys = vec!["BSpace"; 119];
    terminal.keys(&keys);
    terminal.until_shown("what is left", |screen| screen.ends_with("\nrate [200]: 12"));
    // Edit in the middle of the answer, and at both ends.
    terminal.keys(&["Left", "5", "Home", "DC", "Right", "Right", "0", "Enter"]);
    terminal.until_shows("\nrate: 520\nduration [300ms]:");
    terminal.keys(&["C-c"]);
    assert_interrupted(&terminal, 130);
}

#[test]
fn a_terminal_that_changes_its_width_shows_each_question_once() {
    // The question is in the last row: if rows below it were empty, tmux would push broken rows off
    // the screen.
    let terminal = asks_in(100, 4);
    terminal.keys(&["Enter"; 5]);
    terminal.until_shows("max-backlog [auto]:");
    terminal.types("123456789012345678901234567890123456789");
    terminal.until_shows("6789");
    for (columns, key) in [(30, "a"), (120, "b")] {
        terminal.resize(columns);
        terminal.types(key);
        let screen = terminal.until_shown(key, |screen| screen.ends_with(key));
        // Below the last answer there is only the row of this question, whose label may be cut.
        let whole = unbroken(&screen);
        let row = whole.rsplit("poisson): uniform").next().expect("all that follows");
        assert!(row.starts_with("max-bac") && row.len() <= columns as usize, "{screen}");
        assert_eq!(whole.matches("max-bac").count(), 1, "{columns}: {screen}");
    }
    terminal.keys(&["C-c"]);
    assert_interrupted(&terminal, 130);
}

#[test]
fn text_that_is_typed_ahead_answers_the_questions() {
    let terminal = asks(80);
    let keys =
        ["5", "0", "Enter", "1", "0", "0", "m", "s", "Enter", "0", "s", "Enter", "1", "Enter"];
    terminal.keys(&keys);
    let screen = terminal.until_shows("arrivals (uniform, poisson) [uniform]:");
    let answers = "\nrate: 50\nduration: 100ms\nwarmup: 0s\nworkers: 1\narrivals";
    assert_says(&screen, &[answers]);
    terminal.keys(&["Enter"; 9]);
    assert_eq!(terminal.end(), 0);
    let summary = terminal.read("out/run.json");
    let summary: dyno::Summary = serde_json::from_str(&summary).expect("a summary");
    assert_eq!((summary.cycles.completed, summary.workers.len()), (5, 1));
}

#[test]
fn a_password_that_is_offered_is_taken_and_never_shown() {
    let terminal = benchmark(MISBEHAVES)
        .args("--prompt --duration 100ms -P url=redis://u:seldom@host")
        .on_terminal(60, 20);
    terminal.until_shows("rate [200]:");
    terminal.keys(&["Enter"; 13]);
    assert_eq!(terminal.end(), 0);
    assert_says(&terminal.screen(), &["\nurl: redis://u:***@host"]);
    assert!(!terminal.read("written").contains("seldom"), "{}", terminal.screen());
}

#[test]
fn a_signal_from_elsewhere_gives_the_terminal_back() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGINT, 130)] {
        let terminal = asks(60);
        send(terminal.primary(), signal);
        assert_interrupted(&terminal, code);
    }
}
