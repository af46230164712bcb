//! Tests of the page for people, with numbers that are the same each time.

use dyno_summary::{CycleErrors, WorkerExit};

use super::*;
use crate::result::fixture;

const WIDE: &str = "\
shop       rate 50/s · duration 5s · warmup 1s · workers 2 · arrivals uniform · seed 7 · n=35
           url=redis://user:***@host/0

cycles     250 issued · 198 completed · 2 failed · 50 unstarted · 39.6/s of 50/s delivered
backlog    1 at the start · 60 at most · 52 at the end (50 waiting, 2 running)
harness    loop lag at most 250 µs · 1.2 % of a core

metric    count     mean      p50      p90  p99  p99.9      max
wait         12  2.00 ms  2.00 ms  3.00 ms    –      –  3.00 ms
service      12  20.0 ms  18.0 ms  24.0 ms    –      –  24.0 ms
response     12  22.0 ms  20.0 ms  27.0 ms    –      –  27.0 ms
loop_lag      8   165 µs  80.0 µs        –    –      –   250 µs
cpu           4   45.0 %   45.0 %        –    –      –   45.0 %
rss           4  24.0 MB  24.0 MB        –    –      –  24.0 MB

worker  service  response p99  loop lag p99     cpu      rss
0       20.0 ms             –             –  45.0 %  24.0 MB
1       20.0 ms             –             –  45.0 %  24.0 MB

errors of cycles
  2 × redis://user:***@host/0 refused (first in cycle 61)

warning: this is a debug build: add --release

unsustained: the backlog grew by 52 cycles, where 3 are allowed
also: 2 of 250 cycles failed; at most 0 may (--max-failed)
next: try `--rate 35`
";

fn page(summary: &Summary, width: usize) -> String {
    render(summary, None, Look { palette: Palette::Plain, width: Some(width) })
}

#[test]
fn a_report_begins_with_the_request_and_ends_with_the_next_step() {
    assert_eq!(page(&fixture::summary(), 100), WIDE);
}

#[test]
fn a_narrow_terminal_has_fewer_percentiles_and_no_line_that_breaks() {
    let text = page(&fixture::summary(), 60);
    assert!(text.contains("metric    count     mean      p50  p99      max\n"), "{text}");
    let longest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
    assert!(longest.chars().count() <= 60, "{longest}");
}

#[test]
fn the_slowest_and_the_dead_of_many_workers_are_shown() {
    let mut summary = fixture::summary();
    let worker = summary.workers[0].clone();
    summary.workers = (0..40)
        .map(|index| {
            let mut worker = worker.clone();
            worker.index = index;
            worker.metrics.get_mut("response").unwrap().p99 = Some(u64::from(index) * 1_000_000);
            worker
        })
        .collect();
    summary.workers[2].exit = Some(WorkerExit::Signal("SIGKILL".into()));
    summary.workers[3].exit = Some(WorkerExit::Code(1));
    let text = page(&summary, 100);
    let rows: Vec<_> = text.lines().skip_while(|line| !line.starts_with("worker")).collect();
    assert!(rows[1].starts_with('3') && rows[1].ends_with("exit 1"), "{}", rows[1]);
    assert!(rows[2].starts_with('2') && rows[2].ends_with("SIGKILL"), "{}", rows[2]);
    assert!(rows[3].starts_with("39 ") && rows[3].ends_with('–'), "{}", rows[3]);
    assert_eq!(rows[17], "… 24 more, whose response was shorter");
}

#[test]
fn a_percentile_is_a_figure_once_its_count_carries_it() {
    let mut summary = fixture::summary();
    let metric = summary.metrics.get_mut("response").unwrap();
    (metric.count, metric.p99) = (100, Some(26_000_000));
    summary.harness.loop_lag_p99 = Some(240_000);
    let text = page(&summary, 100);
    let row = "response    100  22.0 ms  20.0 ms  27.0 ms  26.0 ms      –  27.0 ms\n";
    assert!(text.contains(row), "{text}");
    assert!(text.contains("\nharness    loop lag p99 240 µs · "), "{text}");
}

#[test]
fn a_rate_that_cycles_missed_by_the_windows_end_explains_itself() {
    let mut summary = fixture::summary();
    (summary.rate.delivered, summary.rate.late) = (30.0, 100);
    let line =
        " · 30/s of 50/s delivered · 100 more completed after the window's end, while draining\n";
    assert!(page(&summary, 200).contains(line), "{}", page(&summary, 200));
    // At the end of any run, about one cycle in two hundred completes that late.
    summary.rate.late = 1;
    assert!(!page(&summary, 200).contains("draining"));
}

#[test]
fn values_of_failed_cycles_are_counted_beside_the_table_and_the_others_shown_alone() {
    let mut summary = fixture::summary();
    assert!(!page(&summary, 100).contains("of failed cycles"));
    summary.completed_metrics = summary.metrics.clone();
    summary.completed_metrics.retain(|name, _| name == "service" || name == "response");
    summary.completed_metrics.values_mut().for_each(|metric| metric.count = 9);
    let table = "\n3 of the 12 values of wait, service and response are of failed cycles; without them:\n\
                 metric    count     mean      p50      p90  p99  p99.9      max\n\
                 service       9  20.0 ms  18.0 ms  24.0 ms    –      –  24.0 ms\n\
                 response      9  22.0 ms  20.0 ms  27.0 ms    –      –  27.0 ms\n\nworker ";
    assert!(page(&summary, 100).contains(table), "{}", page(&summary, 100));

    // A closed loop has no wait.
    summary.metrics.remove("wait");
    summary.completed_metrics.values_mut().for_each(|metric| metric.count = 0);
    let line = "\nall 12 values of service and response are of failed cycles\n\nworker ";
    assert!(page(&summary, 100).contains(line), "{}", page(&summary, 100));
}

#[test]
fn messages_that_are_not_listed_are_counted() {
    let mut summary = fixture::summary();
    summary.cycles.failed = 1_502;
    summary.errors[0] = CycleErrors::new("two\nlines", 1_000, 3);
    let text = page(&summary, 100);
    let errors = "errors of cycles\n  1,000 × two\n      lines (first in cycle 3)\n  \
                  … 502 more, with other messages\n";
    assert!(text.contains(errors), "{text}");
}

#[test]
fn a_closed_loop_has_no_backlog_and_an_empty_run_no_tables() {
    let mut summary = fixture::summary();
    summary.rate.asked = None;
    summary.parameters.rate = None;
    summary.metrics.clear();
    summary.workers.clear();
    let text = page(&summary, 100);
    assert!(
        !text.contains("\nbacklog ") && !text.contains("\nmetric ") && !text.contains("\nworker ")
    );
    assert!(text.contains(" · 39.6/s delivered\n"), "{text}");
}

#[test]
fn overhead_of_the_harness_is_shown_if_there_is_any() {
    let mut summary = fixture::summary();
    summary.harness.unleased = 12;
    summary.harness.bus_stall_ns = 3_000_000;
    summary.harness.pauses = vec![1_000_000_000, 2_000_000_000];
    let text = page(&summary, 200);
    let line = "harness    loop lag at most 250 µs · 1.2 % of a core · 12 cycles unleased · \
                tasks held up for 3.00 ms · stopped 2 times, 3.00 s\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn sentences_break_between_words_on_a_terminal_and_nowhere_else() {
    let mut summary = fixture::summary();
    summary.reasons = vec!["one two three four".into()];
    assert!(page(&summary, 22).contains("\nunsustained: one two\n  three four\n"));
    let plain = Look { palette: Palette::Plain, width: None };
    let kept = Kept { folder: Path::new("target/dyno/shop/1"), has_page: true };
    let text = render(&summary, Some(kept), plain);
    assert!(text.contains("\nunsustained: one two three four\n"), "{text}");
    let files = "\nfiles      target/dyno/shop/1\npage       target/dyno/shop/1/report.html\n";
    assert!(text.contains(files), "{text}");
    let text =
        render(&summary, Some(Kept { folder: Path::new("a\u{1b}[2Jb"), has_page: false }), plain);
    assert!(text.contains("\nfiles      ab\n"), "{text}");
}

#[test]
fn colours_change_no_text() {
    let plain = page(&fixture::summary(), 100);
    let look = Look { palette: Palette::Colours, width: Some(100) };
    let coloured = render(&fixture::summary(), None, look);
    assert_ne!(coloured, plain);
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
}

#[test]
fn a_parameter_with_a_separator_in_it_is_one_word() {
    let mut plan = fixture::plan();
    plan.task.insert("text".into(), "a · b".into());
    let look = Look { width: Some(20), palette: Palette::Plain };
    let text = wrapped("io", &plan.words(), look);
    assert!(text.lines().any(|line| line.trim() == "text=\"a · b\""), "{text}");
}

#[test]
fn a_load_profile_has_a_row_for_each_stage_in_the_columns_that_fit() {
    let rows = |width| {
        let text = page(&fixture::staged(), width);
        let (_, rows) = text.split_once("\nstage").expect("a table of stages");
        rows.split("\n\n").next().unwrap_or_default().to_owned()
    };
    let wide = "         rate  time  cycles  delivered  response  backlog                             verdict
1             50/s    2s     100       50/s   20.0 ms    0 → 1                           sustained
2      50 to 400/s    2s     450      210/s    320 ms   1 → 32  –, breaks at 211/s, back in 750 ms
3            100/s    1s     100      130/s   28.0 ms   32 → 2                                   –";
    assert_eq!(rows(120), wide, "{}", rows(120));
    let narrow = rows(80);
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    assert!(narrow.contains("50 to 400/s") && !narrow.contains("450"), "{narrow}");
}

#[test]
fn a_run_over_hosts_has_a_row_for_each() {
    let rows = |width| {
        let text = page(&fixture::of_hosts(), width);
        let (_, rows) = text.split_once("\nhost  ").expect("a table of hosts");
        rows.split("\n\n").next().unwrap_or_default().to_owned()
    };
    let wide = "workers  cycles  completed  failed  delivered  loop lag p99      clock
0 a         1     250        198       2     19.8/s        240 µs  ± 52.0 µs
1 b         1     250        198       2     19.8/s        240 µs  ± 52.0 µs";
    assert_eq!(rows(120), wide, "{}", rows(120));
    assert!(rows(60).lines().all(|line| line.chars().count() <= 60), "{}", rows(60));
}
