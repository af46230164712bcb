//! The rule that decides whether a rate was held, with three answers.
//!
//! ```text
//!   did a worker ever run two cycles at once?
//!     no  ─▶ the load is known: rate × mean service ÷ workers         surely below 1 ─▶ held
//!     │                                                surely above 1, backlog grew ─▶ overloaded
//!     yes ─▶ the backlog beyond what fills up                      surely rises ─▶ overloaded
//!                  nothing was in flight for a good share of each third ─▶ held
//!                                      its floor surely does not rise ─▶ held
//!                    responses surely do not, and it returns to its level ─▶ held
//!   nothing is sure ─▶ unclear, with the duration that would tell
//! ```
//!
//! *Held* and *overloaded* each need evidence. `docs/design/0001-verdict-rule.md` has the
//! reasoning, and the share of wrong answers in simulation.

use dyno_bus::timeline::PARTS;

use super::Evidence;
use super::bounds::{
    Confidence, Slope, Z99, Z995, Z999, Z9975, block_means, blocks, dickey_fuller, line_slope,
    mean_and_deviation, quantile, student, walk_slope,
};
use super::course::{Beyond, Busy, Cohort, CohortAges, Course, Extent};

/// The growth of a backlog that still counts as bounded, as a share of the cycles due.
const GROWTH_SHARE: f64 = 0.01;
/// The least growth, in cycles, that counts: if few cycles are due, a single one is a large share.
const GROWTH_MIN: f64 = 3.0;
/// The excess of the load that a rate must be shown not to have before it counts as held. For a
/// window of `n` cycles it is `EXCESS_ROOTS / √n`, about as much as its own arrivals make by
/// chance, within the bounds below.
const EXCESS_ROOTS: f64 = 1.34;
const EXCESS_MIN: f64 = 0.012;
const EXCESS_MAX: f64 = 0.03;
/// The statistic of the unit-root test below which a backlog returns to its level: 2.5 % of random
/// walks are below it.
const RETURNS: f64 = -3.1;
/// The same for a backlog that has not risen by more than is allowed: the test's 5 % point.
const RETURNS_LEVEL: f64 = -2.86;
/// The same for a backlog that has not risen at all: the test's 10 % point.
const RETURNS_FALLEN: f64 = -2.57;
/// The least sure rise, as a share of the cycles due, that counts: a smaller one may be rounding.
const RISE_MIN: f64 = 0.002;
/// The fewest cycles whose backlog shows anything by its path.
const CYCLES_MIN: f64 = 100.0;
/// The share of the window without any cycle in flight that shows room: of `n` cycles it is
/// `IDLE_ROOTS / √n`, more than arrivals and services make by chance near capacity, but at least
/// `IDLE_MIN`, since a slot's end is not known exactly. Each third of the window must have a share
/// of `IDLE_THIRD` of that, since a system may get slower.
const IDLE_ROOTS: f64 = 5.0;
const IDLE_MIN: f64 = 0.08;
const IDLE_THIRD: f64 = 0.5;
/// The length of the last third of the window, in parts; and the rise of the response in that
/// third, per window, above which a system gets slower towards the end.
const LAST: usize = PARTS / 3;
const RISE_AT_END: f64 = 0.005;
/// The standard errors that must lie between capacity and the load of each of several workers by
/// itself. They count only if the error is below the share `ALONE_ERROR` of the mean: a worker's
/// few cycles of uneven service have a larger error, and would leave every second run unclear.
const ALONE: f64 = 0.5;
const ALONE_ERROR: f64 = 0.08;
/// A mean load below this is far from capacity, even if its bounds are wide, if there are at least
/// `FAR_CYCLES_MIN` cycles. Of 50 exponential services at capacity the mean is below 0.4 of it in 1
/// of 80 million runs, and of 50 hyper-exponential ones (cv² = 4) in 1 of 5,000.
const FAR: f64 = 0.4;
const FAR_CYCLES_MIN: f64 = 50.0;
/// A load below this leaves room: if the backlog grows all the same, service is not the cause.
const ROOM: f64 = 0.8;

/// The answer on the rate, from the load and the backlog over the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Trend {
    /// The rate was held.
    Held,
    /// The rate was not held.
    Overloaded,
    /// The window does not show whether the rate was held.
    Unclear(Doubt),
}

/// The reason why a window gives no answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Doubt {
    /// The obstacle to an answer.
    pub kind: DoubtKind,
    /// The length of a window that would give one, as a multiple of this one, by the errors of this
    /// one.
    pub factor: f64,
}

/// An obstacle to an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum DoubtKind {
    /// The window was cut, or has too few cycles.
    FewCycles,
    /// Cycles take so long that the window shows few of them end.
    LongCycles {
        /// The share of the window within which three of four of the earliest cycles had ended.
        quartile: f64,
    },
    /// The load of the workers may be below or above 1.
    Load,
    /// The backlog may have risen by chance.
    Chance,
}

/// The evidence on the load and the backlog, with the answer that follows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assessment {
    /// The answer on the rate.
    pub trend: Trend,
    /// Bounds of the load, as a share of capacity; `None` if cycles overlap, which leaves it
    /// unknown.
    pub load: Option<Bounds>,
    /// The mean backlog of the window's first tenth.
    pub first: f64,
    /// The mean backlog of its last tenth.
    pub last: f64,
    /// The growth that is allowed between these two.
    pub allowed: f64,
}

/// The sure bounds of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// The least that the figure may be.
    pub low: f64,
    /// The most that the figure may be.
    pub high: f64,
}

impl Assessment {
    /// Assesses the window of a run at a rate.
    #[must_use]
    pub(crate) fn of(evidence: &Evidence) -> Self {
        Self::of_part(&WindowPart {
            course: &evidence.course,
            extent: Extent::of(evidence.window, evidence.planned),
            ages: None,
            warmup: evidence.warmup.as_secs_f64() / evidence.window.as_secs_f64(),
            asked: evidence.asked,
            confidence: Confidence::SINGLE,
        })
    }

    /// Assesses a window, or the part of it that was run, at one rate.
    #[must_use]
    pub(crate) fn of_part(part: &WindowPart<'_>) -> Self {
        let course = part.course;
        let Some(extent) = part.extent else {
            return Self::of_too_little(course);
        };
        let backlog = course.backlog(extent.slots);
        let tenths: [f64; 10] = block_means(&backlog);
        let asked = part.asked * extent.share();
        let allowed = allowed_growth(asked);
        let (first, last) = (tenths[0], tenths[9]);
        let window = Window {
            course,
            extent,
            ages: part.ages.cloned().unwrap_or_else(|| course.ages(extent.slots)),
            warmup: part.warmup,
            asked,
            allowed,
            grew: last - first > allowed,
            confidence: part.confidence,
        };
        let (load, trend) = if course.is_serial() {
            let load = window.load();
            let bounds = Bounds { low: load.all.low, high: load.all.high };
            (Some(bounds), window.by_load(&load, &backlog))
        } else {
            (None, window.by_backlog(&backlog))
        };
        Self { trend, load, first, last, allowed }
    }

    fn of_too_little(course: &Course) -> Self {
        let backlog = course.backlog(1)[0];
        let doubt = Doubt { kind: DoubtKind::FewCycles, factor: 4.0 };
        let trend = Trend::Unclear(doubt);
        Self { trend, load: None, first: backlog, last: backlog, allowed: GROWTH_MIN }
    }

    /// Returns the number of cycles that the backlog grew by; negative if it shrank.
    #[must_use]
    pub(crate) fn growth(&self) -> f64 {
        self.last - self.first
    }
}

/// Returns the growth of a backlog that still counts as bounded if `asked` cycles are due.
#[must_use]
pub(crate) fn allowed_growth(asked: f64) -> f64 {
    (GROWTH_SHARE * asked).max(GROWTH_MIN)
}

/// A window at one rate, as far as it was run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowPart<'a> {
    /// The cycles that were due and that had ended.
    pub course: &'a Course,
    /// The part that was run; `None` if it is too short to judge.
    pub extent: Option<Extent>,
    /// The ages of cycles that had no queue before them; `None` for those of the course's own
    /// cohort.
    pub ages: Option<&'a CohortAges>,
    /// The time for which cycles had been issued before the window, in parts' lengths.
    pub warmup: f64,
    /// The cycles that the rate requests in the whole window.
    pub asked: f64,
    /// The share of the run's error rate.
    pub confidence: Confidence,
}

/// The part of the window that was run, which is judged.
struct Window<'a> {
    course: &'a Course,
    extent: Extent,
    /// The ages that show how long a cycle takes by itself.
    ages: CohortAges,
    /// The warm-up's length, in windows.
    warmup: f64,
    /// The cycles that the rate requests in this part.
    asked: f64,
    allowed: f64,
    /// `true` if the backlog's last tenth is beyond its first by more than is allowed.
    grew: bool,
    confidence: Confidence,
}

/// The load of workers that run one cycle at a time.
struct MeasuredLoad {
    /// The load of all workers together.
    all: Estimate,
    /// `true` if a worker by itself is surely above capacity.
    above: bool,
    /// `true` if each worker by itself seems to be below capacity.
    each_below: bool,
}

/// A figure with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Estimate {
    low: f64,
    mean: f64,
    high: f64,
}

impl Window<'_> {
    /// Returns the load: rate × mean service ÷ workers. Its error is the wider of two: that of the
    /// cycles, with the skew of their sum (Johnson, 1978), and that of ten blocks, since cycles may
    /// depend on each other. If the load moves over the window, its value at the window's end
    /// counts.
    fn load(&self) -> MeasuredLoad {
        let workers = self.course.workers.len() as f64;
        let per_window = self.asked / self.extent.share() / workers;
        let mut total = Busy::default();
        for worker in &self.course.workers {
            total.cycles += worker.cycles;
            total.service += worker.service;
        }
        let [z995, z999] = [Z995, Z999].map(|deviate| self.confidence.deviate(deviate));
        let service = mean_service(&total, z995);
        let block: [f64; 10] = self.course.service(self.extent.parts);
        let (_, deviation) = mean_and_deviation(&block);
        let by_blocks = student(9.0, z995) * deviation / 10_f64.sqrt();
        let trend = line_slope(&block, Z995);
        let moves = trend.low() > 0.0 || trend.high() < 0.0;
        let end = service.mean + if moves { trend.mean / 2.0 } else { 0.0 };
        let all = Estimate {
            low: (end - (service.mean - service.low).max(by_blocks)).max(0.0) * per_window,
            mean: end * per_window,
            high: (end + (service.high - service.mean).max(by_blocks)) * per_window,
        };
        let workers = &self.course.workers;
        let alone = |worker: &Busy| mean_service(worker, z999);
        let several = workers.len() > 1;
        MeasuredLoad {
            all,
            above: several && workers.iter().any(|worker| per_window * alone(worker).low > 1.0),
            each_below: !several
                || workers.iter().all(|worker| {
                    let one = alone(worker);
                    let error = (one.mean - one.low) / z999;
                    let margin = if error < ALONE_ERROR * one.mean { ALONE * error } else { 0.0 };
                    per_window * (one.mean + margin) < 1.0
                }),
        }
    }

    fn by_load(&self, load: &MeasuredLoad, backlog: &[f64]) -> Trend {
        if (load.all.low > 1.0 || load.above) && self.grew {
            return Trend::Overloaded;
        }
        // Time that the harness itself takes between two cycles is in no service. A backlog that
        // grows although there is room shows that this time is too long.
        let is_slowed = load.all.high.min(load.all.mean * 2.0) < ROOM
            && self.grew
            && self.rises_all_along(backlog);
        if is_slowed {
            return Trend::Overloaded;
        }
        // A single long cycle among few makes the bound wide, but not the load high.
        let is_far = load.all.mean < FAR && self.asked >= FAR_CYCLES_MIN;
        if (load.all.high >= 1.0 && !is_far) || !load.each_below {
            let gap = (1.0 - load.all.mean).abs().max(1e-3);
            let margin = (load.all.high - load.all.mean).max(load.all.mean - load.all.low);
            return unclear(DoubtKind::Load, (margin / gap).powi(2));
        }
        Trend::Held
    }

    fn by_backlog(&self, backlog: &[f64]) -> Trend {
        if self.asked < CYCLES_MIN {
            return unclear(DoubtKind::FewCycles, 1.3 * CYCLES_MIN / self.asked);
        }
        let z = |deviate| self.confidence.deviate(deviate);
        let beyond = Beyond::of(self.course, &self.ages, backlog, self.warmup, self.asked);
        let path = &beyond.path;
        let tenths: [f64; 10] = block_means(path);
        let walk = walk_slope(&block_means::<20>(path), z(Z999), beyond.error);
        // A backlog that grew is overload if it surely rises, and unclear if chance may explain it.
        if self.grew && tenths[9] - tenths[0] > self.allowed {
            return if walk.low() > 0.0 {
                Trend::Overloaded
            } else {
                self.unclear(&beyond, &[walk.margin / walk.mean.max(1e-9)])
            };
        }
        if !beyond.cohort.is_known() {
            return self.unclear(&beyond, &[]);
        }
        // If a plan by chance issued fewer cycles than its rate requests, it proves less while the
        // system still fills up.
        let issued: u64 = self.course.due[self.course.due.len() / 2..].iter().sum();
        let short = if self.grew { (1.0 - issued as f64 / self.asked).max(0.0) } else { 0.0 };
        let excess = (EXCESS_ROOTS / self.asked.sqrt()).clamp(EXCESS_MIN, EXCESS_MAX);
        let bound = excess - short;
        // Under processor sharing the cycles that stay are the long ones: there are few of them,
        // but ever more.
        if walk.low() > RISE_MIN * self.asked || self.rises_at_end() {
            return self.unclear(&beyond, &[2.0]);
        }
        if self.was_idle(backlog) {
            return Trend::Held;
        }
        // A queue that is held comes back to its floor; a random walk does not.
        let floor: [f64; 6] = blocks(path, |block| quantile(block, 0.1));
        let floor = walk_slope(&floor, z(Z9975), beyond.error);
        if floor.high() < bound * self.asked {
            return Trend::Held;
        }
        // Responses are in planned windows, but slopes are over the part that was run.
        let share = self.extent.share();
        let parts = self.extent.parts;
        let quartile = walk_slope(&self.course.response_quartile::<6>(parts), z(Z995), 0.0);
        let mean = line_slope(&self.course.response::<10>(parts), z(Z99));
        let response = quartile.high().max(mean.high()) / share;
        let test = dickey_fuller(path);
        let rise = tenths[9] - tenths[0];
        let is_below = |point| test < self.confidence.unit_root(point);
        let returns = is_below(RETURNS)
            || (is_below(RETURNS_LEVEL) && rise <= self.allowed)
            || (is_below(RETURNS_FALLEN) && rise <= 0.0);
        // If the rate is not held, cycles due later wait longer. Some orders of service hide that,
        // so the unit-root test must agree.
        if response < bound && returns {
            return Trend::Held;
        }
        let needed =
            |slope: Slope, unit: f64| slope.margin / unit / (bound - slope.mean / unit).max(1e-9);
        let growth = walk.margin / walk.mean.max(1e-9);
        let by_response = needed(quartile, share).max(needed(mean, share));
        self.unclear(&beyond, &[needed(floor, self.asked), by_response, growth])
    }

    /// Returns `true` if nothing was in flight for a share of the window that shows room:
    /// one that is at capacity is idle only by chance.
    fn was_idle(&self, backlog: &[f64]) -> bool {
        let share = |part: &[f64]| {
            let idle = part.iter().filter(|in_flight| **in_flight < 0.5).count();
            idle as f64 / part.len() as f64
        };
        let least = (IDLE_ROOTS / self.asked.sqrt()).max(IDLE_MIN);
        let thirds: [f64; 3] = blocks(backlog, share);
        share(backlog) > least && thirds.iter().all(|third| *third > least * IDLE_THIRD)
    }

    /// Returns `true` if the response surely rises over the last third of the window: a system that
    /// gets slower may have held the rate for most of it.
    fn rises_at_end(&self) -> bool {
        let parts = self.extent.parts;
        let all = self.course.response_of_parts(parts);
        let last = &all[parts - LAST.min(parts)..];
        let scale = parts as f64 / last.len() as f64 / self.extent.share();
        line_slope(last, Z999).low() * scale > RISE_AT_END
    }

    /// Returns `true` if the backlog surely rises in both halves of the window: the backlog after a
    /// stall near its end is not a sign of overload.
    fn rises_all_along(&self, backlog: &[f64]) -> bool {
        let path: [f64; 20] = block_means(backlog);
        let rise = |half: &[f64]| half[half.len() - 1] - half[0];
        let (first, second) = path.split_at(path.len() / 2);
        let steadily = rise(first).min(rise(second)) > self.allowed / 4.0;
        steadily
            && self.asked >= CYCLES_MIN
            && walk_slope(&path, self.confidence.deviate(Z999), 0.0).low() > 0.0
    }

    /// Returns the unclear answer. For a sure one, one of the errors must shrink by its factor in
    /// `ratios`: the smallest factor sets the duration to try.
    fn unclear(&self, beyond: &Beyond, ratios: &[f64]) -> Trend {
        let Cohort { quartile, watched, ended } = beyond.cohort;
        if !beyond.cohort.is_known() {
            let longer = if ended { quartile / 0.2 } else { (quartile / 0.2).max(2.0 / watched) };
            let doubt = Doubt { kind: DoubtKind::LongCycles { quartile }, factor: longer * 2.0 };
            return Trend::Unclear(doubt);
        }
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        unclear(DoubtKind::Chance, least.powi(2))
    }
}

/// Returns a doubt that a window of `factor` times the length is expected to settle, with a margin.
fn unclear(kind: DoubtKind, factor: f64) -> Trend {
    const SPARE: f64 = 5.0;
    Trend::Unclear(Doubt { kind, factor: (factor * SPARE).max(2.0) })
}

/// Returns the mean service of a worker with its bounds, in windows.
fn mean_service(busy: &Busy, z: f64) -> Estimate {
    let count = busy.cycles as f64;
    if count < 1.0 {
        return Estimate { low: 0.0, mean: 0.0, high: f64::INFINITY };
    }
    let mean = busy.service.sum / count;
    if count < 2.0 {
        // One value shows nothing of its error: the error is taken to be as large as that of two
        // values.
        return Estimate { low: 0.0, mean, high: mean * (1.0 + student(1.0, z)) };
    }
    let square = busy.service.squares / count;
    let variance = (square - mean * mean).max(0.0) * count / (count - 1.0);
    let deviation = variance.sqrt();
    let third = busy.service.cubes / count - 3.0 * mean * square + 2.0 * mean.powi(3);
    // A deviation that is lost in the rounding of the sums has no skew.
    let skew = if deviation > 1e-6 * mean { third / deviation.powi(3) / count.sqrt() } else { 0.0 };
    let error = deviation / count.sqrt();
    let down = student(count - 1.0, z);
    let up = down + skew * (1.0 + 2.0 * z * z) / 6.0;
    Estimate { low: mean - down * error, mean, high: mean + up.max(0.0) * error }
}

#[cfg(test)]
mod tests {
    use dyno_bus::timeline::SLOTS;

    use super::*;

    /// Returns `true` if a window of `asked` cycles counts as idle with a backlog of three cycles
    /// but for the slots that `is_idle` names.
    fn was_idle(asked: f64, is_idle: impl Fn(usize) -> bool) -> bool {
        let course = Course::default();
        let window = Window {
            course: &course,
            extent: Extent::of_slots(SLOTS).expect("a whole window"),
            ages: course.ages(SLOTS),
            warmup: 0.0,
            asked,
            allowed: allowed_growth(asked),
            grew: false,
            confidence: Confidence::SINGLE,
        };
        let backlog: Vec<_> =
            (0..SLOTS).map(|slot| if is_idle(slot) { 0.0 } else { 3.0 }).collect();
        window.was_idle(&backlog)
    }

    #[test]
    fn a_system_counts_as_idle_by_a_share_that_chance_does_not_make_near_capacity() {
        // Of 2,000 cycles 11.2 %, of 250 cycles 31.6 %, and of many cycles 8 %.
        assert!(was_idle(2_000.0, |slot| slot % 8 == 0));
        assert!(!was_idle(2_000.0, |slot| slot % 10 == 0));
        assert!(was_idle(250.0, |slot| slot % 3 == 0));
        assert!(!was_idle(250.0, |slot| slot % 4 == 0));
        assert!(was_idle(1e6, |slot| slot % 12 == 0));
        assert!(!was_idle(1e6, |slot| slot % 13 == 0));
    }

    #[test]
    fn a_system_that_was_idle_in_two_thirds_of_the_window_alone_does_not_count() {
        assert!(!was_idle(2_000.0, |slot| slot < SLOTS * 2 / 3 && slot % 4 == 0));
        assert!(!was_idle(2_000.0, |slot| slot >= SLOTS / 3 && slot % 4 == 0));
    }
}
