//! The settings that a command line gives, the errors that refuse it, and the promises of its help.

use super::*;
use crate::plan::{Plan, Rate};
use crate::settings::{Machine, SettingsError};

#[derive(serde::Serialize, serde::Deserialize)]
struct Parameters {
    n: u32,
}

const MACHINE: Machine = Machine { parallelism: 2, descriptors: 1_024, seed: 7 };

fn task() -> TaskParameters {
    TaskParameters::of(&Parameters { n: 30 }).unwrap()
}

/// Reads a line as the benchmark `fibonacci` would, with a rate of 80 per second in its code.
fn read(line: &str) -> Result<Arguments, UsageError> {
    read_in(line, &[])
}

/// Reads a line in the same way, with these variables set.
fn read_in(line: &str, variables: &[(&str, &str)]) -> Result<Arguments, UsageError> {
    let mut code = Settings::default();
    code.set(Setting::Rate, 80.0);
    let line = std::iter::once("fibonacci").chain(line.split(' ').filter(|word| !word.is_empty()));
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
    Arguments::read_with(line, "fibonacci", &code, &task(), &variables.collect())
}

fn plan(line: &str) -> Result<Plan, SettingsError> {
    read(line).unwrap().settings.plan("fibonacci", &MACHINE, &task())
}

#[track_caller]
fn refusal(line: &str) -> String {
    let usage = read(line).unwrap_err();
    assert_eq!(usage.exit_code(), USAGE_EXIT);
    match usage {
        UsageError::Clap(error) => error.to_string(),
        UsageError::Refused(line) => line,
    }
}

/// Returns the help of a benchmark without settings in its code; its lines are not wrapped.
fn help() -> String {
    let command = help::command("fibonacci", &Settings::default(), &task());
    command.term_width(0).max_term_width(0).render_long_help().to_string()
}

/// Returns the lines of the help that describe a flag.
fn help_of(help: &str, flag: &str) -> String {
    let start = help
        .find(&format!("--{flag} <"))
        .or_else(|| help.find(&format!("--{flag}\n")))
        .unwrap_or_else(|| panic!("--{flag} is not in the help"));
    let entry = &help[start..];
    let end = entry[2..].find("\n  -").or_else(|| entry[2..].find("\n      --"));
    let next = entry[2..].find("\n      --").into_iter().chain(end).min();
    entry[..next.map_or(entry.len(), |end| end + 2)].to_owned()
}

#[test]
fn every_flag_of_the_load_reaches_the_plan() {
    let plan = plan(
        "-R 5k -d 2s -w 3 --warmup 0s --arrivals poisson --seed 9 --pacing spin --in-flight 4 \
         --max-backlog 70 --on-backlog queue --max-failed 1% --spans my=debug -P n=35 \
         --start-deadline 1s --drain-deadline 2s --after-deadline 3s --kill-grace 4ms",
    )
    .unwrap();
    assert_eq!(
        plan.to_string(),
        "rate 5,000/s · duration 2s · warmup 0s · workers 3 · arrivals poisson · seed 9 \
         · pacing spin · in-flight 4 · max-backlog 70 · on-backlog queue · max-failed 1% · n=35"
    );
    assert_eq!(plan.spans, "my=debug");
    let deadlines = plan.deadlines;
    let deadlines = [deadlines.start, deadlines.drain, deadlines.after, deadlines.kill_grace];
    assert_eq!(deadlines.map(|deadline| deadline.as_millis()), [1_000, 2_000, 3_000, 4]);
}

#[test]
fn an_empty_line_leaves_all_settings_to_the_layers_below() {
    let arguments = read("").unwrap();
    assert_eq!(arguments.settings, Settings::default());
    assert_eq!(arguments.output, OutputFlags::default());
}

#[test]
fn flags_of_cargo_bench_and_nextest_are_accepted() {
    for line in [
        "--bench",
        "--bench fib",
        "--bench nonesuch bonacc",
        "--bench --exact fibonacci --nocapture",
        "--bench --test-threads 1 --color never --show-output --include-ignored --skip nonesuch",
    ] {
        let arguments = read(line).unwrap();
        assert_eq!(arguments.settings, Settings::default(), "{line}");
        assert_eq!(arguments.left_out_by, None, "{line}");
    }
}

#[test]
fn a_filter_that_does_not_match_the_name_leaves_the_benchmark_out() {
    for (line, filter) in [
        ("--bench 200", "200"),
        ("--bench --exact fib", "fib"),
        ("--bench --skip bona", "--skip bona"),
        ("--bench --ignored", "--ignored"),
    ] {
        assert_eq!(read(line).unwrap().left_out_by.as_deref(), Some(filter), "{line}");
    }
}

#[test]
fn a_word_that_means_nothing_is_refused() {
    for line in ["200", "fibonacci", "-R 50 200", "200 -R 50"] {
        assert!(refusal(line).starts_with("unexpected word `"), "{}", refusal(line));
    }
    assert!(refusal("--exact").contains("--bench"), "{}", refusal("--exact"));
    // `cargo dyno run` starts one benchmark, so that every word was typed for it.
    let refused = read_in("--bench 200", &[("DYNO_TARGET_DIR", "/target")]).unwrap_err();
    assert!(
        matches!(&refused, UsageError::Refused(line) if line.starts_with("unexpected word `200`"))
    );
}

#[test]
fn the_last_of_two_flags_wins() {
    let plan = plan("-w 1 --rate 5 -w 4 --rate=6 -P n=1 -P n=2").unwrap();
    assert_eq!((plan.workers, plan.rate), (4, Rate::PerSecond(6.0)));
    assert_eq!(plan.task["n"], 2);
    let output = read("--format json --quiet --out a --format csv --quiet --out b").unwrap().output;
    assert_eq!((output.format, output.quiet), (Format::Csv, true));
    assert_eq!(output.out.unwrap(), PathBuf::from("b"));
}

#[test]
fn an_empty_variable_is_not_set() {
    for empty in ["", " ", "\r"] {
        let mut names: Vec<_> = Setting::ALL.map(Setting::variable).into();
        let others = ["PARAM", "FORMAT", "OUT", "LOG_FILE", "PLOT", "QUIET", "PROMPT"];
        names.extend(others.map(|name| format!("DYNO_{name}")));
        let variables: Vec<_> = names.iter().map(|name| (name.as_str(), empty)).collect();
        let arguments = read_in("", &variables).unwrap();
        assert_eq!(arguments.settings, Settings::default(), "{empty:?}");
        assert_eq!(arguments.output, OutputFlags::default(), "{empty:?}");
    }
}

#[test]
fn blanks_around_a_value_are_not_part_of_it() {
    let variables = [
        ("DYNO_RATE", " 70\r"),
        ("DYNO_ARRIVALS", "Poisson\r"),
        ("DYNO_FORMAT", "JSON\r"),
        ("DYNO_OUT", "left\r"),
        ("DYNO_PLOT", "wait, response\r"),
        ("DYNO_QUIET", "1\r"),
        ("DYNO_PROMPT", "false\r"),
    ];
    let Arguments { settings, output, .. } = read_in("-w 3\r", &variables).unwrap();
    assert_eq!(settings.text(Setting::Rate), Some("70"));
    assert_eq!(settings.text(Setting::Arrivals), Some("Poisson"));
    settings.plan("fibonacci", &MACHINE, &task()).unwrap();
    assert_eq!((output.format, output.quiet, output.prompt), (Format::Json, true, false));
    assert_eq!(output.out.unwrap(), PathBuf::from("left"));
    assert_eq!(output.plot, ["wait", "response"]);
}

#[test]
fn a_variable_that_is_invalid_is_refused_by_its_name() {
    let refusal = |name, value| match read_in("", &[(name, value)]).unwrap_err() {
        UsageError::Refused(line) => line,
        UsageError::Clap(error) => panic!("{error}"),
    };
    assert_eq!(
        refusal("DYNO_FORMAT", "xml"),
        "invalid format `DYNO_FORMAT=xml`: expected one of human, json, csv, markdown"
    );
    assert!(refusal("DYNO_QUIET", "very").starts_with("invalid switch `DYNO_QUIET=very`: "));
    use std::os::unix::ffi::OsStringExt;
    for name in ["DYNO_RATE", "DYNO_PARAM"] {
        let value = OsString::from_vec(b"n=\xff".to_vec());
        let environment = [(name.to_owned(), value)].into_iter().collect();
        let read = Arguments::read_with(["x"], "x", &Settings::default(), &task(), &environment);
        let UsageError::Refused(line) = read.unwrap_err() else { panic!("it is refused") };
        assert!(line.ends_with("is not UTF-8"), "{line}");
    }
}

#[test]
fn a_misspelt_variable_is_warned_of_with_the_nearest() {
    let warnings = |name| read_in("", &[(name, "5")]).unwrap().warnings;
    let expected = "the variable DYNO_RTAE is unknown and ignored; did you mean DYNO_RATE?";
    assert_eq!(warnings("DYNO_RTAE"), [expected]);
    for known in
        ["DYNO_RATE", "DYNO_TARGET_DIR", "DYNO_URL_OF_MY_SERVER", "DYNO_RAM", "DYNO_LOG", "DYNO"]
    {
        assert_eq!(warnings(known), [""; 0], "{known}");
    }
}

#[test]
fn the_output_is_read() {
    let output =
        read("--format json --plot response,wait --plot cpu --quiet --prompt").unwrap().output;
    assert_eq!(output.format, Format::Json);
    assert_eq!(output.plot, ["response", "wait", "cpu"]);
    assert!(output.quiet && output.prompt);
}

#[test]
fn the_page_is_left_out_by_its_flag_or_by_its_variable() {
    for (line, variables, is_left_out) in [
        ("", &[][..], false),
        ("--no-report", &[], true),
        ("", &[("DYNO_REPORT", "0")], true),
        ("", &[("DYNO_REPORT", "1")], false),
        ("", &[("DYNO_REPORT", "")], false),
        ("--no-report", &[("DYNO_REPORT", "1")], true),
    ] {
        let output = read_in(line, variables).unwrap().output;
        assert_eq!(output.no_report, is_left_out, "{line} {variables:?}");
    }
    let refused = read_in("", &[("DYNO_REPORT", "maybe")]).unwrap_err();
    assert!(matches!(refused, UsageError::Refused(text) if text.contains("DYNO_REPORT=maybe")));
}

#[test]
fn values_are_refused_by_the_plan_and_negative_ones_are_values() {
    let refusal = |line| plan(line).unwrap_err().to_string();
    assert!(refusal("--rate -5").starts_with("--rate -5: a rate is between 0.1 and 1,000,000"));
    assert!(refusal("-w 0").starts_with("--workers 0: "));
    assert!(refusal("-d 5").starts_with("--duration 5: a time is a number with its unit"));
    assert!(refusal("-P m=1").starts_with("-P m=1: the task has no parameter \"m\""));
}

#[test]
fn a_misspelt_flag_or_choice_is_refused_with_the_nearest() {
    assert!(refusal("--durration 5s").contains("'--duration'"), "{}", refusal("--durration 5s"));
    assert!(refusal("--arrivals poison").contains("'poisson'"));
    assert!(refusal("--format xml").contains("[possible values: human, json, csv, markdown]"));
}

#[test]
fn help_and_version_exit_with_0() {
    for line in ["-h", "--help", "-V", "--version"] {
        assert_eq!(read(line).unwrap_err().exit_code(), 0);
    }
    let version = match read("--version").unwrap_err() {
        UsageError::Clap(error) => error.to_string(),
        UsageError::Refused(line) => line,
    };
    assert_eq!(version, format!("fibonacci (dyno {})\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_help_shows_the_settings_in_the_code_and_the_parameters_of_the_task() {
    let UsageError::Clap(help) = read("--help").unwrap_err() else {
        panic!("clap prints the help")
    };
    let help = help.to_string();
    assert!(help.starts_with("Does this code sustain this rate?\n\nUsage: fibonacci [OPTIONS]\n"));
    assert!(help_of(&help, "rate").contains("[default: 80]"), "{help}");
    assert!(help.ends_with("(also DYNO_PARAM=\"NAME=VALUE …\"):\n  -P n=30\n"), "{help}");
    assert!(!help.contains("--bench"), "{help}");
    let headings = ["\nLoad:", "\nVerdict:", "\nTask:", "\nOutput:", "\nDeadlines:"];
    let places = headings.map(|heading| help.find(heading).expect("a heading"));
    assert!(places.is_sorted(), "{help}");
    assert_eq!(plan("").unwrap().rate, Rate::PerSecond(50.0), "shown as a default, not said");
}

/// Returns the rows of the table of parameters in the documentation: flag, variable, default.
fn documented() -> Vec<[String; 3]> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/parameters.md");
    let page = std::fs::read_to_string(page).expect("the documentation stands beside the crates");
    let rows = page.lines().filter(|line| line.starts_with("| `-")).map(|line| {
        let mut cells = line.split('|').skip(1).map(|cell| cell.trim().replace('`', ""));
        [(); 3].map(|()| cells.next().expect("a row has four cells"))
    });
    rows.collect()
}

#[test]
fn the_defaults_in_the_help_the_documentation_and_the_code_are_the_same() {
    let (help, documented) = (help(), documented());
    for setting in Setting::ALL {
        let flag = format!("--{}", setting.flag());
        let row = documented.iter().find(|[name, ..]| name.split(", ").any(|name| name == flag));
        let [_, variable, default] = row.unwrap_or_else(|| panic!("{flag} is not documented"));
        let entry = help_of(&help, setting.flag());
        assert_eq!(*variable, setting.variable());
        assert!(entry.contains(&format!("[env: {variable}]")), "{entry}");
        match setting.default_text() {
            Some(text) => {
                assert_eq!(*default, text, "{flag} in the documentation");
                assert!(entry.contains(&format!("[default: {text}]")), "{entry}");
            }
            None => assert!(!entry.contains("[default:"), "{entry}"),
        }
    }
}

#[test]
fn every_flag_of_the_help_is_documented() {
    let documented = documented();
    let command = help::command("fibonacci", &Settings::default(), &task());
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let flag = format!("--{}", argument.get_long().expect("every argument is a flag"));
        let is_named = |[name, ..]: &[String; 3]| name.split(", ").any(|name| name == flag);
        assert!(documented.iter().any(is_named), "{flag} is not documented");
    }
}

#[test]
fn a_place_that_can_be_written_to_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let kept = folder.path().join("kept.log");
    std::fs::write(&kept, "before").unwrap();
    for line in [
        format!("--out {}", path("a/b/c")),
        format!("--out {}", path("")),
        format!("--log-file {}", path("new.log")),
        format!("--log-file {}", kept.display()),
    ] {
        read(&line).unwrap();
    }
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left, std::slice::from_ref(&kept));
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "before");
}

#[test]
fn a_pipe_is_not_opened_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Without a reader, opening it would wait for ever.
    read(&format!("--log-file {}", pipe.display())).unwrap();
}

#[test]
fn a_place_that_can_not_be_written_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let inside = file.join("below");
    let refused = refusal(&format!("--out {}", inside.display()));
    assert!(refused.starts_with(&format!("--out {}: can't be written to (", inside.display())));
    let refused = refusal(&format!("--log-file {}", folder.path().display()));
    assert!(refused.starts_with("--log-file "), "{refused}");
    let missing = folder.path().join("no/such/folder/log");
    assert!(refusal(&format!("--log-file {}", missing.display())).contains("No such file"));
}

#[test]
fn a_share_in_code_is_shown_as_it_would_be_typed() {
    let bench = crate::bench("fibonacci", || ()).max_failed(crate::MaxFailed::Share(0.07));
    let command = help::command("fibonacci", &bench.settings, &task());
    let help = command.term_width(0).render_long_help().to_string();
    assert!(help.contains("[default: 7%]"), "{help}");
}
