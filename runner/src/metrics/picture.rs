//! What pictures of a run show beyond its statistics: its course over time, and how latencies are spread.
//!
//! Filled along with the first pass over the records, in memory that does not grow with the run: latencies are counted
//! in histograms that are right within 1 %, time is divided into at most [`MAX_BINS`] parts. Exact figures are the
//! aggregates' business.

mod course;

use std::collections::BTreeMap;

use benchmark_schemas::record::{Outcome, Record};
use hdrhistogram::Histogram;

use super::RequestMetrics;
use super::request::token_gaps;
pub use course::{Bin, Course, MAX_BINS};

/// Shares at which a curve has its points.
const SHARES: [f64; 31] = [
    0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7,
    0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0,
];

/// What pictures show.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// The run over time.
    pub course: Course,
    /// By number of the stage.
    stages: BTreeMap<u32, Spread>,
    open: BTreeMap<u32, Counting>,
}

/// How the latencies of a stage's successes are spread.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spread {
    /// Time to the first token from the scheduled instant.
    pub time_to_first_token: Curve,
    /// Gaps between tokens.
    pub inter_token_latency: Curve,
}

/// A cumulative distribution: values in seconds, each with the share of the sample that is not above it, both rising.
/// Empty without a sample.
pub type Curve = Vec<(f64, f64)>;

/// Latencies of a stage that is being read.
#[derive(Debug, Clone)]
struct Counting {
    time_to_first_token: Latencies,
    inter_token_latency: Latencies,
}

/// Latencies counted in microseconds, right within 1 %.
#[derive(Debug, Clone)]
struct Latencies(Histogram<u32>);

impl Picture {
    /// Adds `record`, whose numbers are `metrics`.
    pub fn push(&mut self, record: &Record, metrics: &RequestMetrics) {
        self.course.push(record, metrics);
        if record.outcome != Outcome::Success {
            return;
        }
        let stage = self.open.entry(record.stage).or_insert_with(|| Counting {
            time_to_first_token: Latencies::new(),
            inter_token_latency: Latencies::new(),
        });
        if let Some(latency) = metrics.time_to_first_token_from_due() {
            stage.time_to_first_token.count(latency);
        }
        token_gaps(record).for_each(|gap| stage.inter_token_latency.count(gap));
    }

    /// No record of `stage` follows.
    pub fn end_stage(&mut self, stage: u32) {
        if let Some(counting) = self.open.remove(&stage) {
            let spread = Spread {
                time_to_first_token: counting.time_to_first_token.curve(),
                inter_token_latency: counting.inter_token_latency.curve(),
            };
            self.stages.insert(stage, spread);
        }
    }

    /// No record follows.
    pub fn end(&mut self) {
        let open: Vec<u32> = self.open.keys().copied().collect();
        for stage in open {
            self.end_stage(stage);
        }
    }

    /// How latencies of `stage` are spread; `None` if none of its requests succeeded.
    pub fn spread(&self, stage: u32) -> Option<&Spread> {
        self.stages.get(&stage)
    }
}

impl Latencies {
    fn new() -> Self {
        // Two digits and these bounds are within the crate's limits; it grows by itself.
        let mut counts =
            Histogram::new_with_bounds(1, 1 << 20, 2).unwrap_or_else(|_| unreachable!("constant bounds"));
        counts.auto(true);
        Self(counts)
    }

    fn count(&mut self, seconds: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not below one")]
        let microseconds = (seconds * 1e6).round().max(1.0) as u64;
        // It fails only where memory does, which no latency of a run's length reaches.
        let _ = self.0.record(microseconds);
    }

    fn add(&mut self, other: &Self) {
        // As above.
        let _ = self.0.add(&other.0);
    }

    /// The latency that `share` of them do not exceed, seconds; `None` if there are none.
    fn quantile(&self, share: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(share) as f64 / 1e6)
    }

    fn curve(&self) -> Curve {
        let mut curve = Curve::new();
        for share in SHARES {
            let Some(value) = self.quantile(share) else { break };
            match curve.last_mut() {
                // Of one value the greatest share.
                Some((last, known)) if *last >= value => *known = share,
                _ => curve.push((value, share)),
            }
        }
        curve
    }
}

#[cfg(test)]
mod tests {
    use super::super::MetricOptions;
    use super::super::source::tests::{MS, S, failure, record};
    use super::*;

    fn picture(records: &[Record]) -> Picture {
        let mut picture = Picture::default();
        for record in records {
            picture.push(record, &RequestMetrics::of(record, &MetricOptions::default()));
        }
        picture.end();
        picture
    }

    #[test]
    fn curves_rise_to_the_whole_sample() {
        let records: Vec<Record> = (0..200)
            .map(|index| {
                let mut record = record(index, 0);
                let first = 50 + i64::try_from(index).expect("small");
                for (step, chunk) in (0..).zip(&mut record.chunks) {
                    chunk.at = (first + 10 * step) * MS;
                }
                record
            })
            .collect();
        let picture = picture(&records);
        let spread = picture.spread(0).expect("successes");
        let curve = &spread.time_to_first_token;
        assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1), "{curve:?}");
        for (value, share) in curve {
            // 50 to 249 ms in steps of one.
            let expected = 0.05 + 0.2 * share;
            assert!((value - expected).abs() < 0.01 * expected + 0.001, "{value} at {share}");
        }
        assert!(curve.last().is_some_and(|(_, share)| *share >= 1.0));
        let [(gap, share)] = spread.inter_token_latency[..] else { panic!("{spread:?}") };
        assert!((gap - 0.01).abs() < 0.000_1 && share >= 1.0);
    }

    #[test]
    fn failures_have_no_latencies() {
        let picture = picture(&[failure(0, S, "HTTP Error 503", "busy")]);
        assert_eq!(picture.spread(0), None);
        assert_eq!(picture.course.bins().map(|bin| bin.failed).sum::<u64>(), 1);
    }
}
