//! The stages of a run as a page shows them, wherever they come from: this program's records, or another program's
//! reports.

use benchmark_schemas::report::StageCapacity;

use crate::metrics::percentile::Percentiles;
use crate::metrics::pool::Pool;
use crate::metrics::{StageMetrics, Successes};
use crate::report::RunReport;

/// A stage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    /// Its number.
    pub(super) number: u32,
    /// What was asked of the server.
    pub(super) load: Load,
    /// Requests sent, requests/s.
    pub(super) achieved_rate: f64,
    /// Requests answered, requests/s.
    pub(super) completed_rate: f64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    /// Prompt tokens, tokens/s.
    pub(super) input_tokens_per_second: f64,
    /// Output tokens, tokens/s.
    pub(super) output_tokens_per_second: f64,
    /// Mean length of prompts, tokens.
    pub(super) prompt_tokens: Option<f64>,
    /// Mean length of answers, tokens.
    pub(super) output_tokens: Option<f64>,
    /// Requests that kept their objectives, per cent of the successes; `None` if there were no objectives.
    pub(super) goodput_percent: Option<f64>,
    /// From the start of sending.
    pub(super) service: Latencies,
    /// From the scheduled instant; `None` if that is not known.
    pub(super) scheduled: Option<Latencies>,
    /// What was concluded; `None` if nothing could be.
    pub(super) judged: Option<StageCapacity>,
}

/// What was asked of the server in a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Load {
    /// Requests that fell due, requests/s.
    Rate(f64),
    /// Requests that were kept in flight.
    InFlight(f64),
}

/// The latencies of a stage, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Latencies {
    pub(super) time_to_first_token: Option<Quantiles>,
    pub(super) time_per_output_token: Option<Quantiles>,
    pub(super) inter_token_latency: Option<Quantiles>,
    pub(super) normalized_time_per_output_token: Option<Quantiles>,
    pub(super) request_latency: Option<Quantiles>,
}

/// Quantiles of a latency, seconds; `None` what a report does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Quantiles {
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl Stage {
    /// Failures among what ended by itself, 0 to 1; `None` if nothing did.
    pub(super) fn error_rate(&self) -> Option<f64> {
        let ended = self.succeeded + self.failed;
        (ended > 0).then(|| self.failed as f64 / ended as f64)
    }

    /// Latencies as a user has them: from the scheduled instant where it is known.
    pub(super) fn felt(&self) -> &Latencies {
        self.scheduled.as_ref().unwrap_or(&self.service)
    }
}

impl Load {
    /// Its figure.
    pub(super) fn value(self) -> f64 {
        match self {
            Self::Rate(value) | Self::InFlight(value) => value,
        }
    }
}

/// The stages of `run`, those in which nothing ended by itself left out, in the order of the run.
pub(super) fn of_run(run: &RunReport) -> Vec<Stage> {
    run.metrics.recorded_stages().map(|stage| of_stage(run, stage)).collect()
}

fn of_stage(run: &RunReport, stage: &StageMetrics) -> Stage {
    let requests = &stage.requests;
    let successes = &requests.successes;
    let throughput = requests.throughput();
    let judged = run.capacity.stages.iter().find(|judged| judged.stage == stage.stage);
    let in_flight = stage.facts.as_ref().and_then(|facts| facts.concurrency);
    let offered = judged.and_then(|judged| judged.offered_rate);
    let wanted = &run.options.wanted;
    let mean = |pool: &Pool| pool.dist(wanted).map(|dist| dist.mean);
    Stage {
        number: stage.stage,
        load: match in_flight {
            Some(in_flight) => Load::InFlight(in_flight as f64),
            None => Load::Rate(offered.unwrap_or_else(|| run.configured_rate(stage.stage))),
        },
        achieved_rate: judged.map_or_else(|| requests.achieved_rate(), |judged| judged.achieved_rate),
        completed_rate: judged.map_or(throughput.requests_per_second, |judged| judged.completed_rate),
        succeeded: successes.count(),
        failed: requests.failures.count(),
        input_tokens_per_second: throughput.input_tokens_per_second,
        output_tokens_per_second: throughput.output_tokens_per_second,
        prompt_tokens: mean(&successes.prompt_tokens),
        output_tokens: mean(&successes.effective_output_tokens),
        goodput_percent: successes.goodput.is_active().then(|| successes.goodput.of_successes().percent),
        service: service(successes, wanted),
        scheduled: Some(scheduled(successes, wanted)),
        judged: judged.cloned(),
    }
}

fn service(successes: &Successes, wanted: &Percentiles) -> Latencies {
    Latencies {
        time_to_first_token: quantiles(&successes.time_to_first_token, wanted),
        time_per_output_token: quantiles(&successes.time_per_output_token, wanted),
        inter_token_latency: quantiles(&successes.inter_token_latency, wanted),
        normalized_time_per_output_token: quantiles(&successes.normalized_time_per_output_token, wanted),
        request_latency: quantiles(&successes.request_latency, wanted),
    }
}

/// Gaps between tokens are the same under both clocks.
fn scheduled(successes: &Successes, wanted: &Percentiles) -> Latencies {
    Latencies {
        time_to_first_token: quantiles(&successes.time_to_first_token_from_due, wanted),
        normalized_time_per_output_token: quantiles(
            &successes.normalized_time_per_output_token_from_due,
            wanted,
        ),
        request_latency: quantiles(&successes.request_latency_from_due, wanted),
        ..service(successes, wanted)
    }
}

fn quantiles(pool: &Pool, wanted: &Percentiles) -> Option<Quantiles> {
    let dist = pool.dist(wanted)?;
    let at = |key: &str| dist.percentile(key);
    Some(Quantiles { p50: at("median"), p95: at("p95"), p99: at("p99") })
}
