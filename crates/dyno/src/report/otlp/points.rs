//! The figures of a run as the points of OTLP: sums, gauges and exponential histograms, since the
//! begin of the run or since the points before. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use dyno_bus::clock::nanos;
use dyno_observer::Series;

use super::place::Temporality;
use super::protobuf::Protobuf;
use crate::report::metric_figures::{MetricFigures, SurroundingGauge};

/// The scale of the histograms: 2^8 buckets from a power of two to the next, so that a bucket is
/// 0.27 % wide. It is the finest one that Prometheus keeps, and its buckets are nearly three times
/// as wide as those of dyno.
pub(super) const SCALE: i32 = 8;
/// The name of the library that makes the points.
const SCOPE: &str = "dyno";
/// The values of `AggregationTemporality`.
const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;

/// The figures of a run at one moment, or their growth between two.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OtlpPoints {
    benchmark: String,
    /// The wall time since which the sums and histograms count, since the Unix epoch.
    since: Duration,
    /// The wall time of the figures.
    at: Duration,
    issued: u64,
    fates: [(&'static str, u64); 6],
    backlog: u64,
    workers: u64,
    rate: Option<f64>,
    gauges: Vec<SurroundingGauge>,
    histograms: Vec<ExponentialPoint>,
}

/// The values of one metric, as a histogram.
#[derive(Debug, Clone, PartialEq)]
struct ExponentialPoint {
    name: &'static str,
    help: &'static str,
    count: u64,
    sum_ns: u128,
    /// The number of values that are zero.
    zeros: u64,
    /// The least and the largest value; `None` in a growth, which does not know them.
    range_ns: Option<(u64, u64)>,
    /// The number of values in each bucket that has any.
    buckets: BTreeMap<i32, u64>,
}

impl OtlpPoints {
    /// Creates the points of a run that began at `since`.
    pub(super) fn new(figures: MetricFigures<'_>, since: Duration, at: Duration) -> Self {
        let histograms = figures.histograms().into_iter();
        let histograms =
            histograms.map(|(name, help, series)| ExponentialPoint::new(name, help, series));
        Self {
            benchmark: figures.benchmark.to_owned(),
            since,
            at,
            issued: figures.cycles.issued,
            fates: figures.fates(),
            backlog: figures.backlog,
            workers: figures.workers,
            rate: figures.rate,
            gauges: figures.gauges(),
            histograms: histograms.collect(),
        }
    }

    /// Returns the growth since earlier points of the same run.
    pub(super) fn since(mut self, before: &Self) -> Self {
        self.since = before.at;
        self.issued = self.issued.saturating_sub(before.issued);
        for ((_, count), (_, known)) in self.fates.iter_mut().zip(before.fates) {
            *count = count.saturating_sub(known);
        }
        for histogram in &mut self.histograms {
            if let Some(known) = before.histograms.iter().find(|one| one.name == histogram.name) {
                histogram.subtract(known);
            }
        }
        self
    }

    /// Returns `true` if these points are of the same run as earlier ones.
    pub(super) fn continues(&self, before: &Self) -> bool {
        self.since == before.since
    }

    /// Returns the body of a request with these points. The program has these attributes.
    pub(super) fn request(
        &self,
        attributes: &[(String, String)],
        temporality: Temporality,
    ) -> Vec<u8> {
        let temporality = match temporality {
            Temporality::Cumulative => CUMULATIVE,
            Temporality::Delta => DELTA,
        };
        Protobuf::bytes(|request| {
            request.message(1, |of_resource| {
                of_resource.message(1, |resource| {
                    for (name, value) in attributes {
                        attribute(resource, 1, name, value);
                    }
                });
                of_resource.message(2, |of_scope| {
                    of_scope.message(1, |scope| {
                        scope.text(1, SCOPE);
                        scope.text(2, env!("CARGO_PKG_VERSION"));
                    });
                    self.metrics(of_scope, temporality);
                });
            });
        })
    }

    fn metrics(&self, of_scope: &mut Protobuf, temporality: u64) {
        let mut metric = |name: &str, help: &str, unit: &str, fill: &dyn Fn(&mut Protobuf)| {
            of_scope.message(2, |metric| {
                metric.text(1, &format!("dyno.{name}"));
                metric.text(2, help);
                metric.text(3, unit);
                fill(metric);
            });
        };
        let sum = |metric: &mut Protobuf, points: &[(Option<&str>, u64)]| {
            metric.message(7, |sum| {
                for (fate, count) in points {
                    sum.message(1, |point| {
                        self.head(point, 7);
                        if let Some(fate) = fate {
                            attribute(point, 7, "fate", fate);
                        }
                        point.fixed(6, *count);
                    });
                }
                sum.choice(2, temporality);
                sum.choice(3, 1);
            });
        };
        let gauge = |metric: &mut Protobuf, fill: &dyn Fn(&mut Protobuf)| {
            metric.message(5, |gauge| {
                gauge.message(1, |point| {
                    self.head(point, 7);
                    fill(point);
                });
            });
        };
        let by_fate = self.fates.map(|(fate, count)| (Some(fate), count));
        let help = "Cycles of the measured window, by their fate.";
        metric("cycles", help, "{cycle}", &|metric| sum(metric, &by_fate));
        let help = "Cycles of the measured window that were due.";
        metric("cycles.issued", help, "{cycle}", &|metric| sum(metric, &[(None, self.issued)]));
        let help = "Cycles that were due and have not ended.";
        metric("backlog", help, "{cycle}", &|metric| {
            gauge(metric, &|point| point.fixed(6, self.backlog));
        });
        metric("workers", "Worker processes of the run.", "{process}", &|metric| {
            gauge(metric, &|point| point.fixed(6, self.workers));
        });
        if let Some(rate) = self.rate {
            metric("requested_rate", "Requested cycles per second.", "", &|metric| {
                gauge(metric, &|point| point.double(4, rate));
            });
        }
        for one in &self.gauges {
            metric(one.name, one.help, one.unit, &|metric| {
                gauge(metric, &|point| point.double(4, one.value));
            });
        }
        for one in &self.histograms {
            metric(one.name, one.help, "s", &|metric| {
                metric.message(10, |histogram| {
                    histogram.message(1, |point| {
                        self.head(point, 1);
                        one.fill(point);
                    });
                    histogram.choice(2, temporality);
                });
            });
        }
    }

    /// Writes the fields that all points have; the attributes have the number `attributes`.
    fn head(&self, point: &mut Protobuf, attributes: u64) {
        attribute(point, attributes, "benchmark", &self.benchmark);
        point.fixed(2, nanos(self.since));
        point.fixed(3, nanos(self.at));
    }
}

impl ExponentialPoint {
    fn new(name: &'static str, help: &'static str, series: &Series) -> Self {
        let (mut zeros, mut buckets) = (0, BTreeMap::new());
        for (value, count) in series.largest_by_bucket() {
            match value {
                0 => zeros += count,
                _ => *buckets.entry(bucket(value)).or_default() += count,
            }
        }
        let stats = series.stats();
        let range_ns = (!series.is_empty()).then_some((stats.min, stats.max));
        let (count, sum_ns) = (series.count(), series.sum());
        Self { name, help, count, sum_ns, zeros, range_ns, buckets }
    }

    fn subtract(&mut self, known: &Self) {
        self.count = self.count.saturating_sub(known.count);
        self.sum_ns = self.sum_ns.saturating_sub(known.sum_ns);
        self.zeros = self.zeros.saturating_sub(known.zeros);
        self.range_ns = None;
        for (index, count) in &mut self.buckets {
            *count = count.saturating_sub(known.buckets.get(index).copied().unwrap_or_default());
        }
        self.buckets.retain(|_, count| *count > 0);
    }

    fn fill(&self, point: &mut Protobuf) {
        point.fixed(4, self.count);
        point.double(5, self.sum_ns as f64 / 1e9);
        point.signed(6, SCALE);
        point.fixed(7, self.zeros);
        if let (Some((first, _)), Some((last, _))) =
            (self.buckets.first_key_value(), self.buckets.last_key_value())
        {
            point.message(8, |buckets| {
                buckets.signed(1, *first);
                let count = |index| self.buckets.get(&index).copied().unwrap_or_default();
                buckets.numbers(2, (*first..=*last).map(count));
            });
        }
        if let Some((min, max)) = self.range_ns {
            point.double(12, seconds(min));
            point.double(13, seconds(max));
        }
    }
}

/// Returns the bucket of a time that is not zero: the bucket `i` holds the seconds above b^i up to
/// b^(i + 1), where b = 2^(2^-scale).
fn bucket(nanos: u64) -> i32 {
    let steps = seconds(nanos).log2() * f64::from(1 << SCALE);
    steps.ceil() as i32 - 1
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn attribute(message: &mut Protobuf, field: u64, name: &str, value: &str) {
    message.message(field, |attribute| {
        attribute.text(1, name);
        attribute.message(2, |any| any.text(1, value));
    });
}

#[cfg(test)]
mod tests;
