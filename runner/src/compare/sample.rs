//! What a comparison takes from the records of a run: the requests of each stage in the order of the schedule.

use std::collections::BTreeMap;

use benchmark_schemas::record::{Nanos, Outcome, Record};
use benchmark_schemas::report::{StageCapacity, Verdict};

use super::metric::Metric;
use crate::metrics::run::records;
use crate::metrics::{MetricOptions, RecordSource, RequestMetrics};
use crate::report::RunReport;

/// A run.
#[derive(Debug, Clone)]
pub struct RunSample {
    /// What messages call it.
    pub name: String,
    /// Its stages by number.
    pub stages: BTreeMap<u32, StageSample>,
}

/// A stage of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StageSample {
    /// Configured rate, requests/s.
    pub rate: f64,
    /// Requests in flight of a closed loop; `None` for a stage that follows a schedule.
    pub concurrency: Option<u64>,
    /// Length of the sending window, seconds.
    pub window_seconds: f64,
    /// What was concluded from it.
    pub verdict: Verdict,
    /// Its requests in the order in which they were due.
    pub requests: Vec<Request>,
}

/// A scheduled request that came to its end by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// From the start of the stage until it was due.
    pub offset: Nanos,
    /// Latencies in seconds in the order of [`Metric::ALL`]; not a number where it has none.
    latencies: [f64; 5],
    /// Output tokens of a success.
    tokens: f64,
    succeeded: bool,
}

impl Request {
    fn of(record: &Record, options: &MetricOptions, start: Nanos) -> Option<Self> {
        let succeeded = match record.outcome {
            Outcome::Success => true,
            Outcome::Failure(_) => false,
            Outcome::Cancelled | Outcome::NotDispatched => return None,
        };
        let metrics = RequestMetrics::of(record, options);
        let latencies = [
            metrics.time_to_first_token_from_due(),
            metrics.time_per_output_token(),
            metrics.mean_inter_token_latency(),
            metrics.normalized_time_per_output_token_from_due(),
            Some(metrics.request_latency_from_due()),
        ];
        Some(Self {
            offset: record.due - start,
            latencies: latencies.map(|latency| latency.filter(|_| succeeded).unwrap_or(f64::NAN)),
            tokens: if succeeded { metrics.output_tokens.unwrap_or(0) as f64 } else { 0.0 },
            succeeded,
        })
    }

    /// What it has of `metric`; of rates what it adds to them, of shares 1 or 0. `None` if it has nothing of it.
    pub fn value(&self, metric: Metric) -> Option<f64> {
        let one_if = |holds: bool| Some(if holds { 1.0 } else { 0.0 });
        match metric {
            Metric::Requests => one_if(self.succeeded),
            Metric::OutputTokens => Some(self.tokens),
            Metric::ErrorRate => one_if(!self.succeeded),
            latency => self.latencies.get(latency as usize).copied().filter(|value| !value.is_nan()),
        }
    }

    /// The same with all latencies `factor` times as long.
    #[cfg(test)]
    pub(super) fn slowed(self, factor: f64) -> Self {
        Self { latencies: self.latencies.map(|latency| latency * factor), ..self }
    }

    /// A success of one latency only.
    #[cfg(test)]
    pub(super) fn with_ttft(offset: Nanos, seconds: f64) -> Self {
        let latencies = [seconds, f64::NAN, f64::NAN, f64::NAN, f64::NAN];
        Self { offset, latencies, tokens: 1.0, succeeded: true }
    }

    /// A failure.
    #[cfg(test)]
    pub(super) fn failed(offset: Nanos) -> Self {
        Self { offset, latencies: [f64::NAN; 5], tokens: 0.0, succeeded: false }
    }
}

impl RunSample {
    /// The sample in `source`, whose reports are made from `run`.
    ///
    /// # Errors
    ///
    /// If records cannot be read.
    pub fn read<S: RecordSource + ?Sized>(
        name: String,
        run: &RunReport,
        source: &S,
    ) -> Result<Self, S::Error> {
        let windows: BTreeMap<u32, Nanos> = run
            .metrics
            .stages
            .iter()
            .filter_map(|stage| Some((stage.stage, stage.facts.as_ref()?.window_start)))
            .collect();
        let judged = run.capacity.stages.iter();
        let mut stages: BTreeMap<u32, StageSample> =
            judged.map(|judged| (judged.stage, StageSample::of(judged))).collect();
        for record in records(source)? {
            let record = record?;
            let known = stages.get_mut(&record.stage).zip(windows.get(&record.stage));
            if let Some((stage, start)) = known {
                stage.requests.extend(Request::of(&record, &run.options, *start));
            }
        }
        for stage in stages.values_mut() {
            stage.requests.sort_by_key(|request| request.offset);
        }
        Ok(Self { name, stages })
    }
}

impl StageSample {
    fn of(judged: &StageCapacity) -> Self {
        Self {
            rate: judged.configured_rate,
            concurrency: judged.concurrency,
            window_seconds: judged.window_seconds,
            verdict: judged.verdict,
            requests: Vec::new(),
        }
    }

    /// True if the same was asked of the server in both.
    pub fn has_the_load_of(&self, other: &Self) -> bool {
        let close = (self.rate - other.rate).abs() <= 0.01 * self.rate.max(other.rate);
        close && self.concurrency == other.concurrency
    }

    /// True if the same requests were due at the same instants, so that chance in the load is the same in both.
    pub fn has_the_schedule_of(&self, other: &Self) -> bool {
        self.requests.len() == other.requests.len()
            && self.requests.iter().zip(&other.requests).all(|(a, b)| a.offset == b.offset)
    }
}
