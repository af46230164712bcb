//! The layers of settings, their limits, and the error line of each refused input.

mod watch;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::plan::{Arrivals, MaxFailed, OnBacklog, Pacing, Rate};

const MACHINE: Machine = Machine { parallelism: 4, descriptors: 1_024, seed: 7 };

#[derive(Serialize, Deserialize)]
struct Parameters {
    n: u32,
    depth: u32,
}

fn task() -> TaskParameters {
    TaskParameters::of(&Parameters { n: 30, depth: 2 }).unwrap()
}

fn flags(flags: &[(Setting, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (setting, text) in flags {
        settings.say(*setting, (*text).to_owned(), SettingSource::Flag);
    }
    settings
}

fn plan(settings: &Settings) -> Result<Plan, SettingsError> {
    settings.plan("noop", &MACHINE, &task())
}

fn refusal(settings: &Settings) -> String {
    plan(settings).unwrap_err().to_string()
}

#[test]
fn a_plan_without_settings_has_the_defaults() {
    let plan = plan(&Settings::default()).unwrap();
    assert_eq!(plan.rate, Rate::PerSecond(50.0));
    assert_eq!(plan.duration, Duration::from_secs(5));
    assert_eq!(plan.warmup, Duration::from_secs(1));
    assert_eq!((plan.workers, plan.seed), (4, 7));
    assert_eq!((plan.arrivals, plan.pacing), (Arrivals::Uniform, Pacing::Sleep));
    assert_eq!((plan.max_backlog, plan.on_backlog), (None, OnBacklog::Stop));
    assert_eq!((plan.max_failed, plan.in_flight), (MaxFailed::Count(0), None));
    assert_eq!(plan.deadlines.kill_grace, Duration::from_millis(500));
    assert_eq!(plan.task["n"], 30);
}

#[test]
fn the_default_in_the_table_is_the_default_of_the_plan() {
    let mut said = Settings::default();
    for setting in Setting::ALL {
        if let Some(text) = setting.default_text() {
            said.say(setting, text.to_owned(), SettingSource::Flag);
        }
    }
    assert_eq!(plan(&said).unwrap(), plan(&Settings::default()).unwrap());
}

/// The variable that makes the test of the documentation write its table.
const UPDATE_VARIABLE: &str = "UPDATE_DOCS";

#[test]
fn the_rows_of_the_documentation_are_those_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/parameters.md");
    let page = std::fs::read_to_string(path).expect("the documentation is next to the crates");
    let (before, rest) = page.split_once("|---|---|---|---|\n").expect("the head of the table");
    assert!(before.contains("<!-- settings: "), "the first table is that of the settings");
    let (rows, after) = rest.split_once("<!-- end of settings -->").expect("a marker below it");
    let table = Setting::ALL.map(|setting| setting.documentation() + "\n").concat();
    if std::env::var_os(UPDATE_VARIABLE).is_some() {
        let head = "|---|---|---|---|\n";
        let page = format!("{before}{head}{table}<!-- end of settings -->{after}");
        std::fs::write(path, page).expect("the documentation can be written");
        return;
    }
    assert_eq!(
        rows, table,
        "docs/parameters.md is not as the table has it; to update it: \
         `{UPDATE_VARIABLE}=1 cargo test -p dyno-bench --lib the_rows_of_the_documentation`"
    );
}

#[test]
fn every_setting_can_be_found_by_its_own_name_and_its_own_letter() {
    for (index, setting) in Setting::ALL.into_iter().enumerate() {
        let row = setting.row();
        for other in &Setting::ALL[..index] {
            assert_ne!(row.name, other.row().name);
            assert!(row.short.is_none() || row.short != other.row().short, "{}", row.name);
        }
        assert!(!row.help.ends_with('.') && !row.heading.is_empty() && !row.value_name.is_empty());
    }
}

#[test]
fn every_name_that_can_be_chosen_is_read_in_any_case_and_shown_as_it_is_written() {
    let chosen = Setting::ALL.into_iter().filter(|setting| !setting.choices().is_empty());
    let chosen: Vec<_> = chosen.collect();
    assert!(chosen.contains(&Setting::OnBacklog));
    for setting in chosen {
        assert_eq!(setting.default_text(), setting.choices().first().copied());
        for name in setting.choices() {
            let plan = plan(&flags(&[(setting, &name.to_uppercase())])).unwrap();
            assert!(plan.words().contains(&format!("{} {name}", setting.flag())), "{plan}");
        }
    }
}

#[test]
fn a_report_lists_the_main_settings_and_the_others_if_they_differ_from_their_defaults() {
    let list = |settings: &[(Setting, &str)]| {
        reported(&recorded(&plan(&flags(settings)).unwrap())).collect::<Vec<_>>().join(" · ")
    };
    let usual = "rate 50/s · duration 5s · warmup 1s · workers 4 · arrivals uniform · seed 7";
    assert_eq!(list(&[]), usual);
    assert_eq!(list(&[(Setting::Pacing, "sleep"), (Setting::MaxFailed, "0")]), usual);
    let others = [
        (Setting::Pacing, "spin"),
        (Setting::MaxBacklog, "2k"),
        (Setting::OnBacklog, "skip"),
        (Setting::MaxFailed, "1%"),
    ];
    let expected = "pacing spin · max-backlog 2,000 · on-backlog skip · max-failed 1%";
    assert_eq!(list(&others), format!("{usual} · {expected}"));
    assert_eq!(
        list(&[(Setting::Rate, "max")]),
        "rate max · duration 5s · warmup 1s · workers 4 · in-flight 1"
    );
}

#[test]
fn a_setting_that_repeats_adds_up_over_the_layers() {
    let mut code = Settings::default();
    code.say_parameter("n=1".to_owned(), SettingSource::Code);
    let environment =
        Settings::from_environment(|name| (name == "DYNO_PARAM").then(|| " depth=4 n=2 ".into()));
    let mut flags = Settings::default();
    flags.say_parameter("n=3".to_owned(), SettingSource::Flag);
    let settings = code.layered_with(environment).layered_with(flags);
    assert_eq!(settings.text(Setting::Param), Some("n=3"));
    let plan = plan(&settings).unwrap();
    assert_eq!((&plan.task["n"], &plan.task["depth"]), (&3.into(), &4.into()));
}

#[test]
fn a_later_layer_wins() {
    let mut code = Settings::default();
    code.set(Setting::Rate, 10.0);
    code.set(Setting::Workers, 3);
    code.set_duration(Setting::Duration, Duration::from_millis(1_500));
    let environment = Settings::from_environment(|name| match name {
        "DYNO_RATE" => Some("20".to_owned()),
        "DYNO_MAX_FAILED" => Some("1%".to_owned()),
        "DYNO_PARAM" => Some("n=1 depth=5".to_owned()),
        _ => None,
    });
    let mut flags = flags(&[(Setting::Rate, "1.5k")]);
    flags.say_parameter("n=35".to_owned(), SettingSource::Flag);
    let plan = plan(&code.layered_with(environment).layered_with(flags)).unwrap();
    assert_eq!((plan.rate, plan.workers), (Rate::PerSecond(1_500.0), 3));
    assert_eq!(plan.duration, Duration::from_millis(1_500));
    assert_eq!(plan.max_failed, MaxFailed::Share(0.01));
    assert_eq!((&plan.task["n"], &plan.task["depth"]), (&35.into(), &5.into()));
}

#[test]
fn rates_are_read_as_people_write_them() {
    for (text, rate) in [
        ("0.1", 0.1),
        ("50", 50.0),
        ("5k", 5_000.0),
        ("1.5k", 1_500.0),
        ("0.25M", 250_000.0),
        ("1M", 1_000_000.0),
        ("1e3", 1_000.0),
        ("1K", 1_000.0),
        ("1_000", 1_000.0),
        ("1,000", 1_000.0),
        ("1,000.5", 1_000.5),
        ("50/s", 50.0),
        ("1.5k/s", 1_500.0),
        ("1.5 k", 1_500.0),
        (" 50\r", 50.0),
    ] {
        let settings = flags(&[(Setting::Rate, text), (Setting::Duration, "1m")]);
        assert_eq!(plan(&settings).unwrap().rate, Rate::PerSecond(rate), "{text}");
    }
    for max in ["max", "MAX"] {
        assert_eq!(plan(&flags(&[(Setting::Rate, max)])).unwrap().rate, Rate::Max);
    }
}

#[test]
fn a_rate_out_of_range_is_refused_with_the_range() {
    let bad = ["0", "-5", "NaN", "inf", "-inf", "fast", "", "0.05", "1000001", "1.1M", "5m", "k"];
    // A comma may be a decimal one; both it and `_` are allowed only between digits.
    let bad =
        bad.into_iter().chain(["1,5", "1,00", "1000,000", "_1", "1_", "1_k", "1__0", "0.1,000"]);
    for text in bad {
        assert_eq!(
            refusal(&flags(&[(Setting::Rate, text)])),
            format!(
                "--rate {text}: a rate is between 0.1 and 1,000,000 cycles per second, \
                 like 50, 1.5k or 1M, or \"max\""
            )
        );
    }
}

#[cfg(feature = "tracing")]
#[test]
fn an_invalid_filter_of_spans_is_refused() {
    for text in ["", "my_lib", "my_lib,my_lib::db=info", "info"] {
        assert_eq!(plan(&flags(&[(Setting::Spans, text)])).unwrap().spans, text);
    }
    let refusal = refusal(&flags(&[(Setting::Spans, "my_lib=loud")]));
    let (input, remedy) = refusal.split_once(": ").unwrap();
    assert_eq!(input, "--spans my_lib=loud");
    assert!(remedy.ends_with("; targets are written as in `my_lib,my_lib::db=info`"), "{remedy}");
}

#[cfg(not(feature = "tracing"))]
#[test]
fn spans_are_refused_without_the_feature_tracing() {
    let refusal = refusal(&flags(&[(Setting::Spans, "my_lib")]));
    assert!(
        refusal.starts_with("--spans my_lib: spans need dyno's feature `tracing`"),
        "{refusal}"
    );
}

#[test]
fn a_refusal_names_the_layer_that_the_input_came_from() {
    let mut code = Settings::default();
    code.set(Setting::MaxBacklog, 0);
    assert!(refusal(&code).starts_with(".max_backlog(0): "), "{}", refusal(&code));
    code.set(Setting::MaxBacklog, value::AUTO);
    code.set(Setting::Rate, f64::NAN);
    assert!(refusal(&code).starts_with(".rate(NaN): "), "{}", refusal(&code));
    let environment =
        Settings::from_environment(|name| (name == "DYNO_ON_BACKLOG").then(|| "drop".to_owned()));
    assert_eq!(refusal(&environment), "DYNO_ON_BACKLOG=drop: it is one of stop, skip, queue");
}

#[test]
fn times_have_a_unit_and_limits() {
    for (setting, text, expected) in [
        (
            Setting::Duration,
            "5",
            "--duration 5: a time is a number with its unit, like 250ms, 5s or 2m",
        ),
        (Setting::Duration, "0s", "--duration 0s: expected a time above zero and at most 30days"),
        (Setting::Duration, "0", "--duration 0: expected a time above zero and at most 30days"),
        (
            Setting::Duration,
            "31days",
            "--duration 31days: expected a time above zero and at most 30days",
        ),
        (
            Setting::Warmup,
            "31days",
            "--warmup 31days: expected a time of zero or more and at most 30days",
        ),
        (
            Setting::DrainDeadline,
            "0s",
            "--drain-deadline 0s: expected a time above zero and at most 30days",
        ),
    ] {
        assert_eq!(refusal(&flags(&[(setting, text)])), expected);
    }
    assert_eq!(plan(&flags(&[(Setting::Warmup, "0")])).unwrap().warmup, Duration::ZERO);
}

#[test]
fn workers_are_at_least_one_and_at_most_what_the_open_files_allow() {
    for text in ["0", "-1", "many", "1.5"] {
        assert_eq!(
            refusal(&flags(&[(Setting::Workers, text)])),
            format!(
                "--workers {text}: a run needs at least one worker: give a number, or \"auto\""
            )
        );
    }
    assert_eq!(
        refusal(&flags(&[(Setting::Workers, "99999999999")])),
        "--workers 99999999999: no machine runs that many workers: give a number, or \"auto\""
    );
    assert_eq!(plan(&flags(&[(Setting::Workers, "198")])).unwrap().workers, 198);
    assert_eq!(
        refusal(&flags(&[(Setting::Workers, "5k")])),
        "--workers 5k: 5,000 workers need 25,032 open files and the limit is 1,024, \
         in which 198 fit; raise it first: `ulimit -n 25032`"
    );
    let tiny = Machine { descriptors: 40, ..MACHINE };
    let refusal = Settings::default().plan("noop", &tiny, &task()).unwrap_err();
    assert_eq!(refusal.input, "--workers auto");
}

#[test]
fn more_workers_than_cycles_are_allowed_and_no_cycle_is_not() {
    let few = [(Setting::Rate, "0.5"), (Setting::Duration, "2s"), (Setting::Workers, "8")];
    assert_eq!(plan(&flags(&few)).unwrap().cycles_due(), Some(1.0));
    assert_eq!(
        refusal(&flags(&[(Setting::Rate, "0.1")])),
        "--rate 0.1: at 0.1/s no cycle is due within 5s; `--duration 10s` would be enough for one"
    );
    assert_eq!(
        refusal(&flags(&[(Setting::Duration, "1ms")])),
        "--duration 1ms: at 50/s no cycle is due within 1ms; \
         `--duration 1s` would be enough for one"
    );
}

#[test]
fn stages_set_the_rate_and_the_duration_and_let_the_backlog_grow() {
    let plan = plan(&flags(&[(Setting::Stages, "30s:1k, 1m:1k..5k"), (Setting::Workers, "3")]));
    let plan = plan.unwrap();
    assert_eq!(plan.profile.as_ref().map(ToString::to_string).unwrap(), "30s:1k, 1m:1k..5k");
    assert_eq!(plan.duration, Duration::from_secs(90));
    assert_eq!(plan.cycles_due(), Some(210_000.0));
    assert_eq!((plan.on_backlog, plan.in_flight), (OnBacklog::Queue, Some(33_334)));
    assert!(plan.to_string().starts_with("stages 30s:1k, 1m:1k..5k · warmup 1s · "), "{plan}");
    let others =
        [(Setting::Stages, "5s:50"), (Setting::OnBacklog, "stop"), (Setting::InFlight, "7")];
    let plan = self::plan(&flags(&others)).unwrap();
    assert_eq!((plan.on_backlog, plan.in_flight), (OnBacklog::Stop, Some(7)));
}

#[test]
fn the_later_of_a_rate_and_stages_wins_and_both_in_one_layer_are_refused() {
    let mut code = Settings::default();
    code.set(Setting::Rate, 80.0);
    code.set_duration(Setting::Duration, Duration::from_secs(7));
    let staged = code.clone().layered_with(flags(&[(Setting::Stages, "5s:50")]));
    assert!(staged.has_stages());
    assert_eq!(plan(&staged).unwrap().duration, Duration::from_secs(5));
    let mut code = Settings::default();
    code.set(Setting::Stages, "5s:50");
    let rated =
        code.clone().layered_with(flags(&[(Setting::Rate, "80"), (Setting::Duration, "9s")]));
    let rated_plan = plan(&rated).unwrap();
    assert!(!rated.has_stages() && rated_plan.profile.is_none());
    assert_eq!((rated_plan.rate, rated_plan.on_backlog), (Rate::PerSecond(80.0), OnBacklog::Stop));

    let remedy = "the stages set the rate and the time: leave it out, or leave out the stages";
    for (setting, text) in
        [(Setting::Rate, "80"), (Setting::Rate, "max"), (Setting::Duration, "9s")]
    {
        let both = flags(&[(setting, text), (Setting::Stages, "5s:50")]);
        assert_eq!(refusal(&both), format!("--{} {text}: {remedy}", setting.flag()));
    }
    // A duration says nothing of the rate, so that it does not replace the stages of the code.
    let longer = code.layered_with(flags(&[(Setting::Duration, "9s")]));
    assert_eq!(refusal(&longer), format!("--duration 9s: {remedy}"));
}

#[test]
fn stages_without_a_cycle_are_refused() {
    assert_eq!(
        refusal(&flags(&[(Setting::Stages, "1s:0.1, 2s:0.1..0.3")])),
        "--stages 1s:0.1, 2s:0.1..0.3: no cycle is due in these stages: make them longer, or raise \
         their rates"
    );
}

#[test]
fn counts_and_shares_are_read_or_refused() {
    let read = |setting, text| plan(&flags(&[(setting, text)]));
    assert_eq!(read(Setting::MaxBacklog, "2k").unwrap().max_backlog, Some(2_000));
    assert_eq!(read(Setting::MaxBacklog, "1_500").unwrap().max_backlog, Some(1_500));
    assert_eq!(read(Setting::MaxBacklog, "1,500").unwrap().max_backlog, Some(1_500));
    assert_eq!(read(Setting::InFlight, "16").unwrap().in_flight, Some(16));
    assert_eq!(read(Setting::MaxFailed, "0.5%").unwrap().max_failed, MaxFailed::Share(0.005));
    assert_eq!(read(Setting::Seed, "9007199254740991").unwrap().seed, (1 << 53) - 1);
    for (setting, text) in [
        (Setting::Seed, "9007199254740992"),
        (Setting::MaxBacklog, "0"),
        (Setting::InFlight, "0"),
        (Setting::InFlight, "2M"),
        (Setting::MaxFailed, "101%"),
        (Setting::MaxFailed, "-1"),
        (Setting::MaxFailed, "NaN%"),
        (Setting::Seed, "-1"),
        (Setting::Arrivals, "bursty"),
        (Setting::Pacing, "busy"),
    ] {
        let input = format!("--{} {text}: ", setting.flag());
        assert!(read(setting, text).unwrap_err().to_string().starts_with(&input), "{input}");
    }
}

#[test]
fn a_task_parameter_is_refused_by_its_name() {
    let say = |pairs: &[&str]| {
        let mut settings = Settings::default();
        for pair in pairs {
            settings.say_parameter((*pair).to_owned(), SettingSource::Flag);
        }
        refusal(&settings)
    };
    assert_eq!(
        say(&["dept=3"]),
        "-P dept=3: the task has no parameter \"dept\"; did you mean \"depth\"? (it has depth, n)"
    );
    assert_eq!(say(&["n=ten"]), "-P n=ten: n is a whole number");
    let refused = say(&["n=4", "depth=-1"]);
    assert!(refused.starts_with("-P depth=-1: ") && refused.contains("u32"), "{refused}");
}

#[test]
fn this_machine_has_a_processor_and_open_files() {
    let machine = Machine::here();
    assert!(machine.parallelism >= 1);
    assert!(machine.descriptors > 3);
}

proptest! {
    #[test]
    fn no_text_makes_a_plan_that_breaks_its_limits(text in "[-+0-9.kMe%smhinfa]{0,8}") {
        for setting in Setting::ALL {
            if let Ok(plan) = plan(&flags(&[(setting, &text)])) {
                prop_assert!(plan.rate.per_second().is_none_or(|rate| (0.1..=1e6).contains(&rate)));
                prop_assert!(!plan.duration.is_zero() && plan.workers >= 1);
                prop_assert!(plan.max_backlog != Some(0) && plan.in_flight != Some(0));
                prop_assert!(plan.cycles_due().is_none_or(|due| due >= 1.0));
            }
        }
    }
}

#[test]
fn a_share_sets_the_workers_of_this_host_and_the_load_that_is_theirs() {
    let all = flags(&[(Setting::Rate, "60"), (Setting::Share, "1/4,2"), (Setting::Warmup, "2s")]);
    let plan = plan(&all).unwrap();
    assert_eq!((plan.workers, plan.workers_of_run(), plan.worker_numbers()), (2, 6, vec![1, 3]));
    assert_eq!((plan.rate, plan.own_rate()), (Rate::PerSecond(60.0), Rate::PerSecond(20.0)));
    assert_eq!(plan.cycles_due(), Some(100.0));
    assert_eq!(recorded(&plan).share.as_deref(), Some("1/4,2"));
    assert!(plan.to_string().contains(" · workers 2 · share 1/4,2 · "), "{plan}");
    // The workers of an earlier layer give way.
    let layered = Settings::from_environment(|name| (name == "DYNO_WORKERS").then(|| "8".into()));
    assert_eq!(self::plan(&layered.layered_with(all)).unwrap().workers, 2);
    let alone = self::plan(&flags(&[(Setting::Share, "0/4")])).unwrap();
    let whole = Plan { keeps_record: true, ..self::plan(&Settings::default()).unwrap() };
    assert_eq!(alone, whole, "one host has the whole run");
}

#[test]
fn a_share_that_is_not_one_of_the_run_is_refused() {
    for text in ["", "1", "4,2", "1/", "-1/4,2", "x/4,2", "0/4,0", "0/4,,2", "0/4;2"] {
        let refused = refusal(&flags(&[(Setting::Share, text)]));
        let expected = format!("--share {text}: expected `HOST/WORKERS,WORKERS`: the host's place");
        assert!(refused.starts_with(&expected), "{refused}");
    }
    let beyond = refusal(&flags(&[(Setting::Share, "2/4,2")]));
    assert!(beyond.starts_with("--share 2/4,2: there are 2 hosts, from 0 to 1: "), "{beyond}");
    let many = refusal(&flags(&[(Setting::Share, "0/4,4294967295")]));
    assert_eq!(many, "--share 0/4,4294967295: no run has that many workers");
}

#[test]
fn settings_that_hosts_must_have_in_common_are_not_left_to_chance() {
    let share = (Setting::Share, "1/4,2");
    assert_eq!(
        refusal(&flags(&[share, (Setting::Workers, "4")])),
        "--workers 4: the share `1/4,2` gives this host 2: leave the workers out, or change the share"
    );
    assert!(plan(&flags(&[share, (Setting::Workers, "2")])).is_ok());
    assert!(plan(&flags(&[share, (Setting::Workers, "auto")])).is_ok());
    let random = (Setting::Arrivals, "poisson");
    assert_eq!(
        refusal(&flags(&[share, random])),
        "--share 1/4,2: random arrivals need the same seed on every host, such as `--seed 1`"
    );
    assert!(plan(&flags(&[share, random, (Setting::Seed, "1")])).is_ok());
    let few = flags(&[share, (Setting::Rate, "0.5")]);
    assert_eq!(
        refusal(&few),
        "--rate 0.5: at 0.167/s no cycle is due within 5s; `--duration 6s` would be enough for one"
    );
}
