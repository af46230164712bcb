//! Tests of the live view on a terminal: what it shows of a run, and that no terminal harms the
//! run.

use dyno_bus::clock;
use nix::sys::signal::Signal;

use crate::support::{
    BEHAVES, Benchmark, DEADLINE, DRAWS, MISBEHAVES, Terminal, assert_says, benchmark, send, until,
};

/// The flags of a run that is longer than any test; the test ends it.
const LONG: &str = "--duration 60s --on-backlog queue --workers 3 -P how=sleep -P us=2000";

/// Redirects the result to a file, so that only the view is on the terminal.
fn to_file(benchmark: Benchmark) -> Benchmark {
    benchmark.launched_by("sh -c").launched_with("exec \"$@\" >result").launched_by("sh")
}

/// Counts the rows that begin with this text; more than one means that a part of an older view is
/// left.
fn rows(screen: &str, beginning: &str) -> usize {
    screen.lines().filter(|row| row.starts_with(beginning)).count()
}

/// Returns `true` if the screen has exactly one view, with all its parts.
fn is_whole(screen: &str) -> bool {
    let once = ["measuring ", "issued ", "backlog ", "response max ", "worker ", "0 ", "1 ", "2 "];
    let has_sparklines = ["backlog ", "response max "].iter().all(|name| {
        let mut rows = screen.lines().filter(|row| row.starts_with(name));
        rows.any(|row| row.contains(|c| ('▁'..='█').contains(&c)))
    });
    once.iter().all(|beginning| rows(screen, beginning) == 1) && has_sparklines
}

/// Asserts that no part of a view is left.
#[track_caller]
fn assert_cleared(screen: &str) {
    for beginning in ["measuring", "draining", "issued", "backlog", "response max"] {
        assert_eq!(rows(screen, beginning), 0, "{beginning}: {screen}");
    }
}

fn summary(terminal: &Terminal) -> dyno::Summary {
    serde_json::from_str(&terminal.read("out/run.json")).expect("a summary")
}

/// Waits until the view, which contains this word once, has been drawn six more times. This takes
/// more than a second: tmux reports a new width to programs a quarter of a second after the one
/// before at the earliest.
#[track_caller]
fn until_redrawn(terminal: &Terminal, word: &str) {
    let views = || terminal.read("written").matches(word).count();
    let before = views();
    until("it is drawn anew", DEADLINE, || views() > before + 5);
}

#[test]
fn a_view_has_a_row_for_each_worker_and_the_course_of_backlog_and_response() {
    for columns in [60, 160] {
        let terminal = to_file(benchmark(BEHAVES).args(LONG)).on_terminal(columns, 30);
        let screen = terminal.until_shown("a whole view", is_whole);
        let bar = screen.lines().find(|row| row.starts_with("measuring")).expect("a bar");
        // The last column stays free.
        assert_eq!(bar.chars().count(), columns as usize - 1, "{screen}");
        assert_says(&screen, &["issued", "completed", "uptime", "service", "loop lag p99"]);
        terminal.keys(&["C-c"]);
        assert_eq!(terminal.end(), 130);
        assert_cleared(&terminal.screen());
    }
}

/// Waits until the view's time has advanced by this many seconds.
#[track_caller]
fn until_later(terminal: &Terminal, seconds: f64) {
    let uptime = |screen: &str| -> Option<f64> {
        let (_, rest) = screen.rsplit_once("uptime ")?;
        rest.split_once(' ')?.0.parse().ok()
    };
    let start = uptime(&terminal.until_shows("uptime ")).expect("a number");
    terminal.until_shown("a later time", |screen| {
        uptime(screen).is_some_and(|now| now >= start + seconds)
    });
}

#[test]
fn keys_change_the_rate_and_the_result_has_the_stretches() {
    for (signal, code) in [(None, 130), (Some(Signal::SIGTERM), 143)] {
        let terminal = to_file(benchmark(BEHAVES).args(LONG)).on_terminal(80, 30);
        terminal.until_shows("rate 200/s   + − rate   p pause");
        until_later(&terminal, 1.0);
        terminal.types("+");
        terminal.until_shows("rate 220/s   + − rate   p pause");
        // A stretch begins where the furthest lease ends.
        until_later(&terminal, 2.0);
        terminal.types("p");
        terminal.until_shows("paused at 220/s   + − rate   p resume");
        until_later(&terminal, 3.0);
        terminal.types("p");
        terminal.until_shows("rate 220/s   + − rate   p pause");
        terminal.types("-");
        terminal.until_shows("rate 200/s   + − rate   p pause");
        terminal.types("-");
        terminal.until_shows("rate 181.818/s");
        until_later(&terminal, 2.0);
        assert_ne!(terminal.settings(), terminal.settings_before(), "keys come at once");
        match signal {
            None => terminal.keys(&["C-c"]),
            Some(signal) => send(terminal.primary(), signal),
        }
        assert_eq!(terminal.end(), code);
        let summary = summary(&terminal);
        let rates: Vec<_> = summary.stages.iter().map(|stage| stage.from).collect();
        // The last keys may come before and after the same lease.
        assert!(rates.starts_with(&[200.0, 220.0, 0.0]), "{:#?}", summary.stages);
        assert_eq!(rates.last(), Some(&181.818), "{:#?}", summary.stages);
        let (_, whole) = summary.stages.split_last().expect("stages");
        for stage in whole {
            let seconds = stage.duration_ns as f64 / 1e9;
            let due = stage.from * seconds;
            assert!((stage.due as f64 - due).abs() <= 1.0, "{due} in {stage:#?}");
        }
        let due: u64 = summary.stages.iter().map(|stage| stage.due).sum();
        assert_eq!(due, summary.cycles.issued);
    }
}

#[test]
fn keys_steer_what_is_left_of_a_load_profile() {
    let line = "--stages 2s:100,30s:200,30s:200..400 --warmup 0s -P how=sleep -P us=2000";
    let terminal = to_file(benchmark(BEHAVES).args(line)).on_terminal(80, 30);
    terminal.until_shows("rate × 1   + − rate   p pause");
    terminal.types("+");
    terminal.until_shows("rate × 1.1   + − rate   p pause");
    terminal.until_shown("the stage's rate, times the factor", |screen| {
        screen.lines().any(|row| row.starts_with("stage 2 of 3") && row.contains(" 220/s "))
    });
    until_later(&terminal, 2.0);
    terminal.types("p");
    terminal.until_shows("paused at × 1.1   + − rate   p resume");
    until_later(&terminal, 2.0);
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.end(), 130);
    let summary = summary(&terminal);
    let rates: Vec<_> = summary.stages.iter().map(|stage| stage.from.round() as u64).collect();
    // The key may come before the second stage is leased.
    assert!(matches!(rates[..], [100, 110, 220, 0] | [100, 200, 220, 0]), "{:#?}", summary.stages);
    let due: u64 = summary.stages.iter().map(|stage| stage.due).sum();
    assert_eq!(due, summary.cycles.issued);
}

/// The script of a shell with job control: it puts the benchmark into the background once it was
/// stopped, and back into the foreground.
const JOB_CONTROL: &str = r#""$@" >result
touch stopped
until [ -e go-on ]; do sleep 0.02; done
bg
touch in-background
until [ -e return ]; do sleep 0.02; done
fg"#;

#[test]
fn a_job_in_the_background_leaves_the_terminal_alone_until_it_is_in_the_foreground_again() {
    let program = benchmark(BEHAVES).args(LONG);
    let program = program.launched_by("bash -mc").launched_with(JOB_CONTROL).launched_by("bash");
    let terminal = program.on_terminal(80, 30);
    let is_restored = || terminal.settings() == terminal.settings_before();
    terminal.until_shows("p pause");
    until("keys come at once", DEADLINE, || !is_restored());
    terminal.keys(&["C-z"]);
    until("it is stopped", DEADLINE, || terminal.has("stopped"));
    assert!(is_restored(), "{}", terminal.settings());
    terminal.write("go-on");
    until("it goes on", DEADLINE, || terminal.has("in-background"));
    // It draws its view in the background, too.
    until_redrawn(&terminal, "uptime");
    terminal.types("+");
    until_redrawn(&terminal, "uptime");
    assert!(is_restored(), "{}", terminal.settings());
    assert!(!terminal.screen().contains("rate 220/s"), "the key was for the shell");
    terminal.write("return");
    until("keys come at once again", DEADLINE, || !is_restored());
    terminal.types("-");
    terminal.until_shown("a rate that a key has changed", |screen| {
        screen.contains("rate 181.818/s") || screen.contains("rate 200/s")
    });
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.end(), 130);
}

#[test]
fn a_primary_that_ends_by_itself_in_the_window_has_its_terminal_restored_by_a_worker() {
    for (way, code) in [("exit-later", 9), ("abort-later", 134)] {
        let line = "--duration 60s --workers 3";
        let terminal = to_file(benchmark(DRAWS).args(line).env("DRAWS", way)).on_terminal(100, 30);
        until("keys come at once", DEADLINE, || terminal.settings() != terminal.settings_before());
        terminal.write("go-on");
        assert_eq!(terminal.end(), code, "{way}: {}", terminal.screen());
    }
}

#[test]
fn the_view_has_a_line_for_each_threshold_with_its_value_so_far() {
    let limits = "response.max < 20s; service.min > 20s; response.p50 < 20s over 30s";
    let program = benchmark(BEHAVES).args(LONG).env("DYNO_THRESHOLD", limits);
    let terminal = to_file(program).on_terminal(80, 30);
    let lines = [
        "✓ response.max < 20s met: ",
        "✗ service.min > 20s not met: ",
        "– response.p50 < 20s over 30s: no values yet",
    ];
    let screen = terminal
        .until_shown("the values", |screen| lines.iter().all(|line| rows(screen, line) == 1));
    assert!(screen.lines().any(|row| row.starts_with(lines[0]) && row.ends_with(" so far")));
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.end(), 130);
}

#[test]
fn a_run_that_is_stopped_gives_the_terminal_back_until_it_goes_on() {
    let terminal = to_file(benchmark(BEHAVES).args(LONG)).on_terminal(80, 30);
    terminal.until_shows("p pause");
    let is_restored = || terminal.settings() == terminal.settings_before();
    until("keys come at once", DEADLINE, || !is_restored());
    terminal.keys(&["C-z"]);
    until("it is restored", DEADLINE, is_restored);
    send(terminal.primary(), Signal::SIGCONT);
    until("keys come at once again", DEADLINE, || !is_restored());
    terminal.types("-");
    terminal.until_shows("rate 181.818/s");
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.end(), 130);
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    for term in ["dumb", ""] {
        let line = "--duration 300ms --rate 50";
        let program = benchmark(BEHAVES)
            .args(line)
            .env("DYNO_FORMAT", "human")
            .launched_by(&format!("env TERM={term}"));
        let terminal = program.on_terminal(80, 30);
        assert_eq!(terminal.end(), 0);
        let written = terminal.read("written");
        assert_says(&written, &["sustained: "]);
        assert!(!written.contains('\u{1b}'), "{written:?}");
    }
}

#[test]
fn a_terminal_that_changes_its_width_shows_one_view_and_all_that_was_above_it() {
    for (benchmark, word, view) in [
        (benchmark(BEHAVES).args(LONG), "uptime", is_whole as fn(&str) -> bool),
        // The user's view has lines that fit in the wider terminal only.
        (benchmark(DRAWS).args("--duration 60s"), "second row", |screen| {
            rows(screen, "begin wide") == 1 && rows(screen, "second row") == 1
        }),
    ] {
        let terminal = to_file(benchmark).on_terminal(160, 18);
        for columns in [160, 60, 160, 50] {
            terminal.resize(columns);
            until_redrawn(&terminal, word);
            let screen = terminal.until_shown("one view", view);
            // Join the rows, because the terminal may have broken the line anywhere.
            let whole = screen.replace('\n', "");
            assert_eq!(whole.matches("max-backlog").count(), 1, "{screen}");
            if cfg!(debug_assertions) {
                assert_eq!(whole.matches("THIS IS A DEBUG BUILD").count(), 1, "{screen}");
            }
        }
        terminal.keys(&["C-c"]);
        assert_eq!(terminal.end(), 130);
    }
}

#[test]
fn a_run_that_breaks_gives_the_terminal_back() {
    for (line, code) in [
        ("-P how=panic -P at=cycle --duration 1s", 3),
        ("-P how=abort -P at=cycle -P worker=1", 5),
        ("-P how=panic -P at=primary-before", 5),
        ("-P how=panic -P at=primary-after", 5),
    ] {
        let terminal = to_file(benchmark(MISBEHAVES).args(line)).on_terminal(60, 30);
        assert_eq!(terminal.end(), code, "{line}: {}", terminal.screen());
        assert_cleared(&terminal.screen());
    }
}

#[test]
fn an_on_tick_that_panics_is_replaced_by_dynos_view_and_its_message_stays() {
    let line = "--duration 60s --workers 3";
    let draws = benchmark(DRAWS).args(line).env("DRAWS", "panic-later");
    let terminal = to_file(draws).on_terminal(100, 30);
    let screen = terminal.until_shown("dyno's own view", is_whole);
    let said = ["second row", "panicked at", "told to panic\n", "RUST_BACKTRACE=1", "backtrace\n"];
    assert_says(&screen, &said);
    assert_says(&screen, &["error: `on_tick` panicked, and is off: told to panic\nmeasuring"]);
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.end(), 130);
    assert_cleared(&terminal.screen());
}

#[test]
fn a_primary_that_is_killed_leaves_a_terminal_that_can_be_used() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGKILL, 137)] {
        let terminal = to_file(benchmark(BEHAVES).args(LONG)).on_terminal(60, 30);
        terminal.until_shown("a whole view", is_whole);
        // The cursor is visible even while the view is drawn: after a SIGKILL nobody could show it
        // again.
        assert_eq!(terminal.told("#{cursor_flag}"), "1");
        assert!(!terminal.read("written").contains("\x1b[?25l"));
        send(terminal.primary(), signal);
        assert_eq!(terminal.end(), code);
        if signal != Signal::SIGKILL {
            assert_cleared(&terminal.screen());
        }
    }
}

#[test]
fn a_terminal_that_is_stopped_stops_nothing() {
    let line = "--duration 1s --on-backlog queue -P how=sleep -P us=1000";
    let terminal = benchmark(BEHAVES).env("DYNO_FORMAT", "csv").args(line).on_terminal(100, 30);
    terminal.until_shows("measuring");
    terminal.keys(&["C-s"]);
    until("the run is over", DEADLINE, || terminal.read("out/run.json").ends_with('\n'));
    let summary = summary(&terminal);
    assert_eq!(summary.cycles.completed, 200, "{summary:#?}");
    assert_ne!(summary.verdict.name(), "invalid", "{summary:#?}");
    let screen = terminal.screen();
    assert_eq!(terminal.read("ended"), "", "its result has not been taken yet");
    assert!(!screen.contains("behaves,"), "{screen}");
    terminal.keys(&["C-q"]);
    assert_eq!(terminal.end(), summary.exit_code);
    let screen = terminal.until_shows("behaves,");
    assert_cleared(&screen);
}

#[test]
fn a_result_that_nobody_takes_stops_no_view() {
    let closed = benchmark(BEHAVES)
        .args("--duration 500ms --on-backlog queue")
        .launched_by("sh -c")
        .launched_with("exec \"$@\" >&-")
        .launched_by("sh");
    let terminal = closed.on_terminal(60, 30);
    let code = terminal.end();
    assert_cleared(&terminal.screen());
    let summary = summary(&terminal);
    assert_eq!((summary.cycles.completed, summary.exit_code), (100, code), "{summary:#?}");
}

#[test]
fn no_color_removes_all_colours() {
    let human = || benchmark(BEHAVES).args("--duration 60s").env("DYNO_FORMAT", "human");
    let cases = [
        (human(), true),
        (human().env("NO_COLOR", ""), true),
        (human().env("NO_COLOR", "1"), false),
    ];
    for (benchmark, colours) in cases {
        let terminal = benchmark.on_terminal(60, 40);
        terminal.until_shown("a whole view", |screen| rows(screen, "worker ") == 1);
        terminal.keys(&["C-c"]);
        assert_eq!(terminal.end(), 130);
        let written = terminal.read("written");
        // Sequences for colours and other styles end with `m`.
        let styles = written.split("\x1b[").skip(1).filter(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
        });
        assert_eq!(styles.count() > 0, colours, "{written:?}");
    }
}

#[test]
fn a_view_is_drawn_five_times_a_second_at_most() {
    let begun = clock::now();
    let terminal = to_file(benchmark(BEHAVES).args(LONG)).on_terminal(100, 30);
    terminal.until_shown("a whole view", is_whole);
    until_redrawn(&terminal, "uptime");
    until_redrawn(&terminal, "uptime");
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.end(), 130);
    let seconds = (clock::now() - begun).as_secs_f64();
    let views = terminal.read("written").matches("uptime").count();
    // A new phase, and each line above the view, causes one more drawing.
    let most = seconds * 5.0 + 12.0;
    assert!((views as f64) < most, "{views} views in {seconds} s");
    assert!(views >= 10, "{views} views in {seconds} s");
}
