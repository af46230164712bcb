//! One frame of the live view: the state of a run, in as many lines as the terminal has room for.
//! Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dyno_bus::builtin::{LOOP_LAG, RESPONSE, SERVICE};
use dyno_bus::value::Unit;
use dyno_observer::{List, Stat, format};

use crate::plan::profile::Profile;
use crate::plan::{Plan, Rate, thousands};
use crate::primary::run::{MeasuredThreshold, Tick};
use crate::primary::{HandRate, RunPhase, Steered};
use crate::report::formats::figures::{self, NONE};
use crate::report::formats::palette::Palette;
use crate::report::formats::{sparkline, table};

/// The most workers that are shown: those with the longest response.
const WORKERS_SHOWN: usize = 8;
/// The most thresholds that are shown.
const THRESHOLDS_SHOWN: usize = 6;
/// The lines of a frame in addition to those of workers.
const LINES_BESIDE: usize = 8;
/// The most backlogs that are remembered: as many as a wide terminal shows.
const REMEMBERED: usize = 200;
/// The narrowest bar that is still useful, in columns.
const BAR_MIN: usize = 8;
/// The columns before a sparkline: its name, and its newest value.
const SPARKLINE_LABEL: usize = 26;

/// The terminal's size, in characters.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Room {
    pub(in crate::report) columns: usize,
    pub(in crate::report) rows: usize,
}

/// The facts that a single tick lacks: the run's length, the course of its backlog, and the study
/// that it belongs to.
#[derive(Debug)]
pub(in crate::report) struct LiveCourse {
    /// The lines above those of the run.
    above: Vec<String>,
    warmup: Duration,
    duration: Duration,
    profile: Option<Profile>,
    /// The rate that keys change, if they do.
    by_hand: Option<HandRate>,
    backlogs: VecDeque<u64>,
}

impl LiveCourse {
    pub(in crate::report) fn new(plan: &Plan) -> Self {
        Self {
            above: Vec::new(),
            warmup: plan.warmup,
            duration: plan.duration,
            profile: plan.profile.as_ref().map(|profile| profile.part(plan.own_part())),
            by_hand: None,
            backlogs: VecDeque::new(),
        }
    }

    /// Adds the lines of the study that the run belongs to, above its own.
    pub(in crate::report) fn below(self, above: Vec<String>) -> Self {
        Self { above, ..self }
    }

    /// Shows the keys, which change the rate of this plan.
    pub(in crate::report) fn with_keys(self, plan: &Plan) -> Self {
        Self { by_hand: HandRate::of(plan), ..self }
    }

    /// Sets the rate that was requested by hand; without keys, it is not shown.
    pub(super) fn set_rate(&mut self, rate: HandRate) {
        self.by_hand = self.by_hand.and(Some(rate));
    }

    /// Remembers a tick's backlog.
    pub(super) fn note(&mut self, tick: &Tick) {
        if self.backlogs.len() == REMEMBERED {
            self.backlogs.pop_front();
        }
        self.backlogs.push_back(tick.backlog.total());
    }
}

/// Returns the frame, without a line feed at its end.
pub(super) fn render(course: &LiveCourse, tick: &Tick, room: Room, palette: Palette) -> String {
    let mut lines = course.above.clone();
    let room = Room { rows: room.rows.saturating_sub(lines.len()), ..room };
    lines.push(progress(course, tick, room.columns, palette));
    let profile = course.profile.as_ref().map(|profile| {
        let done = tick.elapsed.saturating_sub(course.warmup);
        drawn((profile, course.by_hand), done, room.columns, palette)
    });
    let room = Room { rows: room.rows.saturating_sub(profile.iter().len()), ..room };
    lines.extend(profile);
    let by_hand = course.by_hand.filter(|_| tick.phase == RunPhase::Measuring);
    let room = Room { rows: room.rows.saturating_sub(by_hand.iter().len()), ..room };
    lines.extend(by_hand.map(|rate| keys(rate, palette)));
    let thresholds = thresholds(tick, palette);
    let room = Room { rows: room.rows.saturating_sub(thresholds.len()), ..room };
    lines.extend(counts(tick, room.columns, palette));
    lines.extend(thresholds);
    if tick.phase > RunPhase::Starting {
        lines.extend(sparklines(course, tick, room.columns, palette));
        lines.extend(workers(&tick.list, room, palette));
    }
    fitted(&lines.join("\n"), room.columns)
}

/// Cuts each line to the terminal's width: a longer one would break, and destroy the view.
pub(super) fn fitted(text: &str, columns: usize) -> String {
    let cut = |line| console::truncate_str(line, columns, "…");
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

/// Returns the phase, with a bar of its progress.
fn progress(course: &LiveCourse, tick: &Tick, columns: usize, palette: Palette) -> String {
    let phase = format!("{:<11}", tick.phase.to_string());
    let (done, whole) = match tick.phase {
        RunPhase::WarmingUp => (tick.elapsed, course.warmup),
        RunPhase::Measuring => (tick.elapsed.saturating_sub(course.warmup), course.duration),
        RunPhase::Starting
        | RunPhase::Draining
        | RunPhase::Finishing
        | RunPhase::Killing
        | RunPhase::Done => {
            return palette.bold(phase.trim_end());
        }
    };
    let done = done.min(whole);
    let clock = format!("{:.1} s of {:.1} s", done.as_secs_f64(), whole.as_secs_f64());
    let width = columns.saturating_sub(phase.len() + clock.len() + 2).max(BAR_MIN);
    let share = if whole.is_zero() { 1.0 } else { done.as_secs_f64() / whole.as_secs_f64() };
    let full = ((width as f64 * share) as usize).min(width);
    let (full, rest) = ("━".repeat(full), "─".repeat(width - full));
    format!("{} {}{} {clock}", palette.bold(&phase), palette.accent(&full), palette.dim(&rest))
}

/// Returns the stage of the plan that the run is in, with its rate, and all planned rates as bars
/// with a mark between those that are over and those to come.
fn drawn(
    (profile, by_hand): (&Profile, Option<HandRate>),
    done: Duration,
    columns: usize,
    palette: Palette,
) -> String {
    let (number, planned) = profile.at(done);
    let rate = by_hand.map_or(planned, |by_hand| by_hand.steered.rate(planned));
    let label = format!("stage {number} of {}", profile.stages().len());
    let rate = Rate::PerSecond(rate.round()).to_string();
    let width = columns.saturating_sub(SPARKLINE_LABEL + 2).max(BAR_MIN);
    let whole = profile.duration();
    let places = (0..width).map(|place| (place as f64 + 0.5) / width as f64);
    let rates = places.map(|share| profile.at(whole.mul_f64(share)).1);
    let bars: Vec<char> = sparkline::render(rates, width).chars().collect();
    let share = (done.as_secs_f64() / whole.as_secs_f64()).min(1.0);
    let (over, to_come) = bars.split_at((share * width as f64) as usize);
    let [over, to_come] = [over, to_come].map(|bars| bars.iter().collect::<String>());
    let label = palette.dim(&format!("{:<SPARKLINE_LABEL$}", format!("{label:<12} {rate:>12}")));
    format!("{label} {}{}{}", palette.accent(&over), palette.bold("│"), palette.dim(&to_come))
}

/// Returns the rate that is set by hand, with the keys that change it.
fn keys(by_hand: HandRate, palette: Palette) -> String {
    let rate = match by_hand.steered {
        Steered::Rate(rate) => Rate::PerSecond(rate).to_string(),
        Steered::Factor(factor) => format!("× {}", (factor * 1e3).round() / 1e3),
    };
    let rate = if by_hand.is_paused { format!("paused at {rate}") } else { format!("rate {rate}") };
    let keys = match by_hand {
        HandRate { is_final: true, .. } => "it can't be changed any more",
        HandRate { is_paused: true, .. } => "+ − rate   p resume",
        _ => "+ − rate   p pause",
    };
    palette.dim(&format!("{rate}   {keys}"))
}

/// Returns a line for each threshold with its value so far: with a mark, and in words. If they are
/// many, those that are not kept come first.
fn thresholds(tick: &Tick, palette: Palette) -> Vec<String> {
    let mut shown: Vec<_> = tick.thresholds.iter().map(MeasuredThreshold::so_far).collect();
    let count = shown.len();
    if count > THRESHOLDS_SHOWN {
        shown.sort_by_key(|(is_met, _)| *is_met != Some(false));
        shown.truncate(THRESHOLDS_SHOWN);
    }
    let line = |(is_met, words): (Option<bool>, String)| match is_met {
        Some(true) => format!("{} {words}", palette.good("✓")),
        Some(false) => format!("{} {words}", palette.bad("✗")),
        None => palette.dim(&format!("{NONE} {words}")),
    };
    let mut lines: Vec<_> = shown.into_iter().map(line).collect();
    if count > THRESHOLDS_SHOWN {
        lines.push(palette.dim(&format!("… {} more thresholds", count - THRESHOLDS_SHOWN)));
    }
    lines
}

/// Returns the outcomes of the phase's cycles: those of the warm-up are not those of the result.
fn counts(tick: &Tick, columns: usize, palette: Palette) -> Vec<String> {
    let phase = tick.phase.of_cycles();
    let mut words: Vec<_> = [
        ("issued", tick.totals.issued[phase]),
        ("completed", tick.totals.completed[phase]),
        ("backlog", tick.backlog.total()),
    ]
    .map(|(name, count)| format!("{} {}", palette.dim(name), palette.bold(&thousands(count))))
    .into();
    let failed = tick.totals.failed[phase];
    if failed > 0 {
        words.insert(2, palette.bad(&format!("failed {}", thousands(failed))));
    }
    words.push(format!("{} {:.1} s", palette.dim("uptime"), tick.elapsed.as_secs_f64()));
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        let width = console::measure_text_width(&word);
        match lines.last_mut() {
            Some(line) if console::measure_text_width(line) + 2 + width <= columns => {
                line.push_str("  ");
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Returns the course of the backlog and of the worst worker's `response`.
fn sparklines(course: &LiveCourse, tick: &Tick, columns: usize, palette: Palette) -> Vec<String> {
    let width = columns.saturating_sub(SPARKLINE_LABEL + 1);
    let row = |name: &str, newest: &str, values: &mut dyn Iterator<Item = f64>| {
        let line = palette.accent(&sparkline::render(values, width));
        let label = format!("{name:<12} {newest:>12}");
        format!("{} {line}", palette.dim(&format!("{label:<SPARKLINE_LABEL$}")))
    };
    let newest = thousands(tick.backlog.total());
    let mut backlogs = course.backlogs.iter().map(|backlog| *backlog as f64);
    let mut rows = vec![row("backlog", &newest, &mut backlogs)];
    let (name, worst) = worst_response(&tick.list);
    if let Some(newest) = worst.last() {
        let newest = format::value(*newest, Unit::Nanoseconds);
        rows.push(row(name, &newest, &mut worst.into_iter()));
    }
    rows
}

/// Returns the response of each interval, in the worker where it was longest: p99, or the maximum
/// if no interval has had as many cycles as p99 needs.
fn worst_response(list: &List) -> (&'static str, Vec<f64>) {
    let p99 = longest_response(list, Stat::P99);
    if p99.is_empty() {
        ("response max", longest_response(list, Stat::Max))
    } else {
        ("response p99", p99)
    }
}

fn longest_response(list: &List, stat: Stat) -> Vec<f64> {
    let snapshots = list.clone().workers().metrics([RESPONSE]).pick(Stat::Snapshots);
    let mut worst: BTreeMap<u64, f64> = BTreeMap::new();
    for line in snapshots.of(stat).lines() {
        for point in &line.points {
            let value = worst.entry(point.at_ns).or_default();
            *value = value.max(point.value);
        }
    }
    worst.into_values().collect()
}

/// Returns a row for each worker that has ended a cycle, the longest response first if they are
/// many.
fn workers(list: &List, room: Room, palette: Palette) -> Vec<String> {
    let pick = |metric: &str, stat: Stat| {
        let picked = list.clone().workers().metrics([metric]).pick(stat);
        let unit = picked.labels().first().map_or(Unit::None, |label| stat.unit(label.unit));
        let cells: Vec<_> = picked.rows().map(|(process, cells)| (process, cells[0])).collect();
        (cells, unit)
    };
    let (service, unit) = pick(SERVICE, Stat::Mean);
    let (response, _) = pick(RESPONSE, Stat::P99);
    let (lag, lag_unit) = pick(LOOP_LAG, Stat::P99);
    let mut shown: Vec<usize> =
        (0..service.len()).filter(|row| service[*row].1.is_some()).collect();
    if shown.is_empty() {
        return Vec::new();
    }
    let known = shown.len();
    let most = WORKERS_SHOWN.min(room.rows.saturating_sub(LINES_BESIDE)).max(1);
    if known > most {
        // The maximum replaces a p99 that has too few values, so that no slow worker is hidden.
        let (longest, _) = pick(RESPONSE, Stat::Max);
        let key = |row: usize| response[row].1.or(longest[row].1).unwrap_or(0.0) as u64;
        shown.sort_by_key(|row| Reverse(key(*row)));
        shown.truncate(most);
    }
    let text = |number: Option<f64>, unit| {
        number.map_or_else(|| NONE.to_owned(), |number| format::value(number, unit))
    };
    let row = |row: usize| {
        let (process, mean) = service[row];
        vec![
            figures::index(process),
            text(mean, unit),
            text(response[row].1, unit),
            text(lag[row].1, lag_unit),
        ]
    };
    let rows: Vec<_> = shown.into_iter().map(row).collect();
    let head = ["worker", "service", "response p99", "loop lag p99"];
    let mut lines: Vec<_> =
        table::render(&head, &rows, palette).lines().map(str::to_owned).collect();
    if known > most {
        let more = format!("… {} more, whose response is shorter", known - most);
        lines.push(palette.dim(&more));
    }
    lines
}

#[cfg(test)]
mod tests;
