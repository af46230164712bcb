//! The table of settings: one row for each, the only place that lists them.
//!
//! The environment and the command line are read by it, `--help`, `--prompt`, the settings in a
//! result and their list for people are made from it, and `docs/parameters.md` is written from it.
//! A new setting is a row here, a field of the [`Plan`](crate::plan::Plan), and the code that acts
//! on it. If the result records it, it is a field of the contract too; if code may set it, a method
//! of [`Bench`](crate::Bench).

use std::time::Duration;

use dyno_bus::clock::nanos;
use dyno_summary::Parameters;

use super::row::{DefaultText::*, SettingRow, settings};
use super::stages::profile;
use super::threshold::threshold;
use super::value;
use crate::plan::{Arrivals, IN_FLIGHT_DEFAULT, OnBacklog, Pacing, Rate, thousands};

/// The headings of the help.
const LOAD: &str = "Load";
const VERDICT: &str = "Verdict";
const TASK: &str = "Task";
pub(crate) const DEADLINES: &str = "Deadlines";

settings! {
    Rate "Cycles per second over all workers (5k, 1.5M), \"max\" for a closed loop, several for a sweep \
          (1k,2k or 1k..64k), or \"search\" for the highest" {
        name: "rate",
        short: Some('R'),
        heading: LOAD,
        value_name: "RATE",
        details: "cycles per second over all workers, from 0.1 to 1,000,000; `5k`, `1.5M`; `max` \
                  for a closed loop; a list or a range for a sweep; `search` for the highest rate \
                  that is sustained",
        // Low enough for a first run of most tasks to pass, high enough for 250 cycles in the
        // default window.
        default: Text("50"),
        is_asked: true,
        is_always_reported: true,
        read: |text, draft| value::rate(text).map(|rate| draft.plan.rate = rate),
        record: |plan, set| set.rate = plan.rate.per_second(),
        // The stages of a profile have their own rates and times.
        shown: |set| {
            let rate = || set.rate.map_or(Rate::Max, Rate::PerSecond).to_string();
            set.stages.is_none().then(rate)
        },
    }
    Duration "Length of the measured window, which begins after the warm-up" {
        name: "duration",
        short: Some('d'),
        heading: LOAD,
        value_name: "TIME",
        details: "the measured window, at most 30 days",
        // Long enough to tell 5 % over capacity from none, short enough to wait for.
        default: Text("5s"),
        is_asked: true,
        is_always_reported: true,
        read: |text, draft| value::span(text).map(|time| draft.plan.duration = time),
        record: |plan, set| set.duration_ns = nanos(plan.duration),
        shown: |set| time(set.duration_ns).filter(|_| set.stages.is_none()),
    }
    Stages "Load profile in place of --rate and --duration: TIME:RATE, or TIME:RATE..RATE for a \
            ramp, with commas between (30s:1k, 1m:1k..5k)" {
        name: "stages",
        heading: LOAD,
        value_name: "STAGES",
        details: "a load profile in place of a rate and a duration: `TIME:RATE`, or \
                  `TIME:RATE..RATE` for a ramp, with commas between, such as `30s:1k, 1m:1k..5k` \
                  ([stages](stages.md))",
        may_be_negative: false,
        is_always_reported: true,
        read: |text, draft| profile(text).map(|profile| draft.plan.profile = Some(profile)),
        record: |plan, set| set.stages = plan.profile.as_ref().map(ToString::to_string),
        shown: |set| set.stages.clone(),
    }
    Warmup "Warm-up before the measured window, at the same rate; excluded from all results" {
        name: "warmup",
        heading: LOAD,
        value_name: "TIME",
        details: "the time before the window, at the same rate; it counts in no result and may be 0",
        // Connections, caches and allocators settle well within it.
        default: Text("1s"),
        is_asked: true,
        is_always_reported: true,
        read: |text, draft| value::span_or_none(text).map(|time| draft.plan.warmup = time),
        record: |plan, set| set.warmup_ns = nanos(plan.warmup),
        shown: |set| time(set.warmup_ns),
    }
    Workers "Worker processes; \"auto\" is one for each processor" {
        name: "workers",
        short: Some('w'),
        heading: LOAD,
        value_name: "N",
        details: "worker processes; `auto` is one for each processor that the process may use",
        default: Text(value::AUTO),
        is_asked: true,
        // `auto` leaves the number that the draft has from the machine.
        is_always_reported: true,
        read: |text, draft| {
            draft.plan.workers = value::workers(text)?.unwrap_or(draft.plan.workers);
            Ok(())
        },
        record: |plan, set| set.workers = plan.workers,
        shown: |set| Some(set.workers.to_string()),
    }
    Share "This host's share of a run that other hosts take part in: its place, from 0, and the workers \
           of each host (1/4,2)" {
        name: "share",
        heading: LOAD,
        value_name: "HOST/WORKERS,…",
        details: "this host's share of a run that other hosts take part in: its place, from 0, and the \
                  workers of each host, such as `1/4,2` ([hosts](hosts.md))",
        may_be_negative: false,
        is_always_reported: true,
        read: |text, draft| {
            (draft.plan.others, draft.plan.workers) = value::share_of_host(text)?;
            draft.plan.keeps_record = true;
            Ok(())
        },
        record: |plan, set| {
            set.share = (!plan.others.is_empty()).then(|| plan.others.share(plan.workers));
        },
        shown: |set| set.share.clone(),
    }
    Arrivals "How due times are spread" {
        name: "arrivals",
        heading: LOAD,
        value_name: "HOW",
        details: "how due times are spread: `uniform` or `poisson`",
        default: Text(Arrivals::ALL[0].name()),
        choices: || Arrivals::ALL.map(Arrivals::name).into(),
        is_asked: true,
        is_always_reported: true,
        read: |text, draft| {
            value::choice(text, &Arrivals::ALL).map(|spread| draft.plan.arrivals = spread)
        },
        record: |plan, set| set.arrivals = plan.arrivals.to_string(),
        shown: |set| if_open(set, &set.arrivals),
    }
    Seed "Seed of random arrivals, which repeats those of an earlier run; random unless given" {
        name: "seed",
        heading: LOAD,
        value_name: "N",
        details: "the seed of random arrivals: the same seed repeats the arrivals of an earlier run",
        // The draft has a seed from the machine.
        default: Described("random"),
        is_always_reported: true,
        read: |text, draft| value::seed(text).map(|seed| draft.plan.seed = seed),
        record: |plan, set| set.seed = plan.seed,
        shown: |set| if_open(set, set.seed),
    }
    Pacing "How workers wait for due times: \"spin\" takes a core each" {
        name: "pacing",
        heading: LOAD,
        value_name: "HOW",
        details: "how workers wait for due times: `sleep`, or `spin`, which takes a core each",
        default: Text(Pacing::ALL[0].name()),
        choices: || Pacing::ALL.map(Pacing::name).into(),
        read: |text, draft| {
            value::choice(text, &Pacing::ALL).map(|method| draft.plan.pacing = method)
        },
        record: |plan, set| set.pacing = plan.pacing.to_string(),
        shown: |set| if_open(set, &set.pacing),
    }
    InFlight "Most cycles in flight per worker: 1 in a closed loop, unlimited in an open one" {
        name: "in-flight",
        heading: LOAD,
        value_name: "N",
        details: "the most cycles in flight per worker: 1 in a closed loop, unlimited in an open \
                  one, and 100,000 over all workers under `--stages`",
        default: Described("1, or unlimited"),
        read: |text, draft| value::in_flight(text).map(|most| draft.plan.in_flight = Some(most)),
        record: |plan, set| set.in_flight = plan.in_flight,
        shown: |set| {
            let in_closed_loop = || set.rate.is_none().then_some(IN_FLIGHT_DEFAULT);
            set.in_flight.or_else(in_closed_loop).map(|most| most.to_string())
        },
    }
    MaxBacklog "Most cycles due and not ended; \"auto\" is two seconds' worth above the level at \
                the warm-up's end" {
        name: "max-backlog",
        heading: VERDICT,
        value_name: "N",
        details: "the most cycles due and not ended; `auto` is two seconds' worth, and at least \
                  100, above the level at the warm-up's end; with `skip`, each worker has an even \
                  share",
        default: Text(value::AUTO),
        is_asked: true,
        read: |text, draft| value::count_or_auto(text).map(|most| draft.plan.max_backlog = most),
        record: |plan, set| set.max_backlog = plan.max_backlog,
        shown: |set| if_open(set, set.max_backlog.map_or(value::AUTO.to_owned(), thousands)),
    }
    OnBacklog "What to do when the backlog exceeds --max-backlog" {
        name: "on-backlog",
        heading: VERDICT,
        value_name: "WHAT",
        details: "the action when the backlog exceeds `--max-backlog`: `stop` the run, `skip` the \
                  oldest waiting cycles, or `queue` on; under `--stages` the default is `queue`",
        default: Text(OnBacklog::ALL[0].name()),
        choices: || OnBacklog::ALL.map(OnBacklog::name).into(),
        is_asked: true,
        read: |text, draft| {
            value::choice(text, &OnBacklog::ALL).map(|policy| draft.plan.on_backlog = policy)
        },
        record: |plan, set| set.on_backlog = plan.on_backlog.to_string(),
        shown: |set| if_open(set, &set.on_backlog),
    }
    MaxFailed "Most cycles that may fail, as a number or a share (1%)" {
        name: "max-failed",
        heading: VERDICT,
        value_name: "N",
        details: "the most failed and abandoned cycles that are allowed: a number, or a share \
                  (`1%`)",
        // A task that fails measures its error path.
        default: Text("0"),
        is_asked: true,
        read: |text, draft| value::max_failed(text).map(|most| draft.plan.max_failed = most),
        record: |plan, set| set.max_failed = plan.max_failed.to_string(),
        shown: |set| Some(set.max_failed.clone()),
    }
    Threshold "Limit that the run must keep, such as \"response.p99 < 20ms over 10s\"; may be repeated" {
        name: "threshold",
        heading: VERDICT,
        value_name: "LIMIT",
        details: "a limit that the run must keep, such as `response.p99 < 20ms` \
                  ([thresholds](thresholds.md)); the flag may be repeated, the variable holds \
                  several with `;` between",
        may_be_negative: false,
        repeats: true,
        separates: |c| c == ';',
        read: |text, draft| threshold(text).map(|limit| draft.plan.thresholds.push(limit)),
    }
    Param "Sets a parameter of the task; may be repeated" {
        name: "param",
        short: Some('P'),
        heading: TASK,
        value_name: "NAME=VALUE",
        details: "a parameter of the task, `name=value`; the flag may be repeated, the variable \
                  holds several with spaces between",
        default: Described("the code's"),
        may_be_negative: false,
        repeats: true,
        read: |text, draft| draft.task.set_pair(text).map_err(|error| error.to_string()),
    }
    Spans "Spans that become metrics, in addition to the benchmark's own (my_lib,my_lib::db=info)" {
        name: "spans",
        heading: TASK,
        value_name: "FILTER",
        details: "the targets of spans that become metrics, in addition to the benchmark's own: \
                  `my_lib,my_lib::db=info`",
        may_be_negative: false,
        read: |text, draft| value::spans(text).map(|filter| draft.plan.spans = filter),
        record: |plan, set| set.spans = plan.spans.clone(),
    }
    Watch "Process of the system under test, whose processor time, memory and threads become \
           metrics; may be repeated" {
        name: "watch",
        heading: TASK,
        value_name: "PID|NAME",
        details: "a process of the system under test, by its id or its name: its processor time, \
                  memory and threads, those of its children included, become metrics \
                  ([the target](output.md#the-target)); the flag may be repeated, the variable holds \
                  several with commas between",
        may_be_negative: false,
        repeats: true,
        separates: |c| c == ',',
        read: |text, draft| value::watch(text).map(|choice| draft.plan.watch.push(choice)),
        record: |plan, set| set.watch = plan.watch.iter().map(ToString::to_string).collect(),
        shown: |set| (!set.watch.is_empty()).then(|| set.watch.join(", ")),
    }
    StartDeadline "Time for all workers to become ready" {
        name: "start-deadline",
        heading: DEADLINES,
        value_name: "TIME",
        details: "the time for all workers to become ready",
        // A cold start of a large program, with a database to connect to.
        default: Text("10s"),
        read: |text, draft| value::span(text).map(|time| draft.plan.deadlines.start = time),
        record: |plan, set| set.start_deadline_ns = nanos(plan.deadlines.start),
    }
    DrainDeadline "Time for running cycles to end, once no more are issued" {
        name: "drain-deadline",
        heading: DEADLINES,
        value_name: "TIME",
        details: "the time for running cycles to end, once no more are issued",
        // Longer than the timeouts that most clients set.
        default: Text("5s"),
        read: |text, draft| value::span(text).map(|time| draft.plan.deadlines.drain = time),
        record: |plan, set| set.drain_deadline_ns = nanos(plan.deadlines.drain),
    }
    AfterDeadline "Time for the workers' `after` to end" {
        name: "after-deadline",
        heading: DEADLINES,
        value_name: "TIME",
        details: "the time for the workers' `after` to end",
        // The same as for the drain, since it closes what the cycles used.
        default: Text("5s"),
        read: |text, draft| value::span(text).map(|time| draft.plan.deadlines.after = time),
        record: |plan, set| set.after_deadline_ns = nanos(plan.deadlines.after),
    }
    KillGrace "Time for a worker to exit after its last message, before it is killed" {
        name: "kill-grace",
        heading: DEADLINES,
        value_name: "TIME",
        details: "the time for a worker to exit after its last message or the end of its socket; \
                  then it is killed",
        // Short enough for a second signal to end a run within a second.
        default: Text("500ms"),
        read: |text, draft| value::span(text).map(|time| draft.plan.deadlines.kill_grace = time),
        record: |plan, set| set.kill_grace_ns = nanos(plan.deadlines.kill_grace),
    }
}

impl Setting {
    /// Returns the flag's long name, without its dashes.
    #[must_use]
    pub fn flag(self) -> &'static str {
        self.row().name
    }

    /// Returns the name of the variable that sets it, such as `DYNO_MAX_BACKLOG`.
    #[must_use]
    pub fn variable(self) -> String {
        format!("DYNO_{}", self.flag().replace('-', "_").to_uppercase())
    }

    /// Returns the default as a user would write it; `None` if no text means it.
    #[must_use]
    pub fn default_text(self) -> Option<&'static str> {
        match self.row().default {
            Text(text) => Some(text),
            Described(_) => None,
        }
    }

    /// Returns the names that can be chosen; empty if any other text may be a value.
    #[must_use]
    pub fn choices(self) -> Vec<&'static str> {
        (self.row().choices)()
    }

    /// Returns the row of the table in `docs/parameters.md`.
    #[must_use]
    pub fn documentation(self) -> String {
        let SettingRow { name, short, details, default, .. } = self.row();
        let short = short.map_or(String::new(), |letter| format!("`-{letter}`, "));
        let default = match default {
            Text(text) => format!("`{text}`"),
            Described(words) => (*words).to_owned(),
        };
        format!("| {short}`--{name}` | `{}` | {default} | {details} |", self.variable())
    }
}

/// Returns a value of an open loop; `None` in a closed loop, which does not use it.
fn if_open(set: &Parameters, value: impl ToString) -> Option<String> {
    set.rate.map(|_| value.to_string())
}

fn time(nanos: u64) -> Option<String> {
    Some(humantime::format_duration(Duration::from_nanos(nanos)).to_string())
}
