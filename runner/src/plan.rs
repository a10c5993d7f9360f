//! What a run will do, worked out of its configuration: stages, seeds, limits.
//!
//! A plan is a value: making one reads nothing and starts nothing, so it can be shown without running it. What only
//! the machine or the server knows (cores, the inferred model, the time) is given to it.

use std::path::PathBuf;
use std::sync::Arc;

use benchmark_schemas::config::{
    CONCURRENT_STAGE_SECONDS, CapacitySearch, Config, Distribution, ResponseFormat, ResponseFormatType,
    ServerType,
};
use benchmark_schemas::record::{Nanos, Pacing, WARM_UP_STAGE};
use serde_json::{Value, json};

use crate::breakers::Breakers;
use crate::client::Keep;
use crate::clock::nanos_from_seconds;
use crate::seed::Seed;
use crate::workload::BodyOptions;

/// Time that a request may take where the configuration gives none, seconds (upstream's HTTP client has it).
pub const REQUEST_TIMEOUT_SECONDS: f64 = 300.0;
/// Time that connecting may take in that case, seconds.
pub const CONNECT_TIMEOUT_SECONDS: f64 = 30.0;

/// `max_tokens` that requests of server type mock show, unless a length is drawn.
const MOCK_MAX_TOKENS: u32 = 3;

/// What a run will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is sent ahead of everything that is measured.
    pub warm_up: Option<StagePlan>,
    /// The stages in order.
    pub stages: Vec<StagePlan>,
    /// Law of the arrivals, of stages that a search makes too.
    pub pacing: Pacing,
    /// Seed of all randomness.
    pub seed: Seed,
    /// Worker threads: `load.num_workers`, but no more than cores or requests in flight.
    pub workers: usize,
    /// Requests in flight at most, at least 1: `load.num_workers` × `load.worker_max_concurrency`, or the greatest
    /// `concurrency_level` of concurrent stages.
    pub in_flight_cap: u64,
    /// TCP connections at most, over all workers; `None` is no limit.
    pub connection_cap: Option<u64>,
    /// Time that a request may take from start to last byte, nanoseconds.
    pub request_timeout_ns: Nanos,
    /// Attempts after the first of a request whose connection failed.
    pub request_retries: u32,
    /// Pause before the first of them, nanoseconds.
    pub request_retry_backoff_ns: Nanos,
    /// Time that connecting may take, nanoseconds; `None` if only the request's own limit holds.
    pub connect_timeout_ns: Option<Nanos>,
    /// Time that requests in flight have left when a stage is stopped, nanoseconds.
    pub grace_ns: Nanos,
    /// Pause after a stage, nanoseconds.
    pub interval_ns: Nanos,
    /// What all request bodies have in common.
    pub body: BodyOptions,
    /// Lengths of the prompts, tokens.
    pub input: Distribution,
    /// Lengths of the answers, tokens.
    pub output: Distribution,
    /// Text that prompts are taken from; words of the tokenizer's vocabulary if `None`.
    pub corpus: Option<PathBuf>,
    /// Texts that records keep.
    pub keep: Keep,
}

/// One stage of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct StagePlan {
    /// Number of the stage, from 0.
    pub id: u32,
    /// Rate, requests/s.
    pub rate: f64,
    /// Length of the sending window, seconds.
    pub duration_seconds: f64,
    /// The same in nanoseconds.
    pub duration_ns: Nanos,
    /// Law of the arrivals.
    pub pacing: Pacing,
    /// Number of requests.
    pub requests: u64,
    /// Requests in flight at most, in place of the plan's cap: a closed loop.
    pub concurrency: Option<u64>,
    /// Requests that it has at most, whatever its law says: a data set may have no more.
    pub at_most: Option<u64>,
    /// Offsets of the arrivals of [`Pacing::Trace`], which never fall.
    pub recorded: Option<Arc<[Nanos]>>,
    /// Longest time from the start of the stage until what is in flight is cut off, nanoseconds.
    pub timeout_ns: Option<Nanos>,
}

impl StagePlan {
    /// A stage of `rate` requests/s for `duration_seconds`.
    ///
    /// It has ⌊rate · duration⌋ requests, the product taken in double precision as upstream takes it: 0.29 · 100 are
    /// 28.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    #[must_use]
    pub fn new(id: u32, rate: f64, duration_seconds: f64, pacing: Pacing) -> Self {
        let requests = (rate * duration_seconds).floor() as u64;
        let duration_ns = nanos_from_seconds(duration_seconds);
        Self {
            id,
            rate,
            duration_seconds,
            duration_ns,
            pacing,
            requests,
            concurrency: None,
            at_most: None,
            recorded: None,
            timeout_ns: None,
        }
    }

    /// The stage with what was recorded in place of its own figures: requests are due when those of the trace came, and
    /// there are as many as lengths were recorded, if lengths were.
    ///
    /// A trace that is shorter than the stage ends it.
    #[must_use]
    fn with(mut self, recorded: &Recorded) -> Self {
        if self.pacing == Pacing::Trace {
            let offsets = recorded.offsets.clone().unwrap_or_default();
            self.requests = recorded.rows.unwrap_or(self.requests).min(offsets.len() as u64);
            self.recorded = Some(offsets);
        }
        self.at_most = recorded.rows;
        self
    }

    /// Number of requests that are sent.
    pub fn count(&self) -> u64 {
        self.at_most.map_or(self.requests, |most| most.min(self.requests))
    }

    /// A closed-loop stage: `requests` requests, all due within one second by upstream's law of `constant`, of which
    /// no more than `concurrency` are in flight at once.
    #[must_use]
    pub fn concurrent(id: u32, requests: u64, concurrency: u64) -> Self {
        let seconds = CONCURRENT_STAGE_SECONDS as f64;
        let rate = requests as f64 / seconds;
        // The number is given, not to be had from the product: beyond 2^53 that is another one.
        let stage = Self::new(id, rate, seconds, Pacing::ScaledExponential);
        Self { requests, concurrency: Some(concurrency.max(1)), ..stage }
    }
}

/// What a plan needs to know beside the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// Cores that the process may use, by affinity and CPU quota.
    pub cores: usize,
    /// `server.model_name`, or the first model of the server's list.
    pub model: String,
    /// Seed for a configuration that gives none: upstream takes the time in milliseconds.
    pub default_seed: u64,
    /// What stands in the traces that the configuration names.
    pub recorded: Recorded,
}

/// What a plan takes from recorded traces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Offsets of `load.trace`.
    pub offsets: Option<Arc<[Nanos]>>,
    /// Rows of `data.trace`.
    pub rows: Option<u64>,
}

impl Plan {
    /// The plan of a configuration that passed its checks and asks for nothing unsupported.
    pub fn new(config: &Config, surroundings: &Surroundings) -> Self {
        let load = &config.load;
        let cores = surroundings.cores.max(1);
        let asked = load.num_workers.map_or(cores, |workers| usize::try_from(workers).unwrap_or(0).max(1));
        let stages: Vec<_> =
            Self::stages(config).into_iter().map(|stage| stage.with(&surroundings.recorded)).collect();
        let closed_loops = stages.iter().filter_map(|stage| stage.concurrency);
        let per_worker = (asked as u64).saturating_mul(load.worker_max_concurrency);
        let searched = config.capacity_search().map(CapacitySearch::in_flight);
        let in_flight_cap = searched.or(closed_loops.max()).unwrap_or(per_worker).max(1);
        let workers = asked.min(cores).min(usize::try_from(in_flight_cap).unwrap_or(usize::MAX));
        let connections = (asked as u64).saturating_mul(load.worker_max_tcp_connections);
        let timeouts = Self::timeouts(config);
        Self {
            warm_up: Self::warm_up(config),
            stages,
            pacing: config.pacing(),
            seed: Seed(load.base_seed.map_or(surroundings.default_seed, i64::cast_unsigned)),
            workers,
            in_flight_cap,
            // Each worker has at least one, else it could send nothing.
            connection_cap: (connections > 0).then(|| connections.max(workers as u64)),
            request_timeout_ns: timeouts.request_ns,
            request_retries: u32::try_from(load.request_retries).unwrap_or(u32::MAX),
            request_retry_backoff_ns: nanos_from_seconds(load.request_retry_backoff_sec.max(0.0)),
            connect_timeout_ns: timeouts.connect_ns,
            grace_ns: nanos_from_seconds(load.stage_teardown_grace_seconds.max(0.0)),
            interval_ns: nanos_from_seconds(load.interval.max(0.0)),
            body: body_options(config, surroundings.model.clone()),
            input: config.data.input_distribution.clone().unwrap_or_default(),
            output: config.data.output_distribution.clone().unwrap_or_default(),
            corpus: config.data.corpus_file_path.as_ref().map(PathBuf::from),
            keep: Self::keep(config),
        }
    }

    /// What holds in the run of the limits that the configuration gives for each worker, in words; `asked` is its
    /// `num_workers`.
    pub fn limits(&self, asked: Option<i64>) -> String {
        let asked = asked.map_or_else(String::new, |asked| format!(" (num_workers: {asked})"));
        let connections =
            self.connection_cap.map_or_else(|| "any number of".to_owned(), |cap| cap.to_string());
        format!(
            "Limits over all stages: {} worker threads{asked}, {} requests in flight, {connections} connections",
            self.workers, self.in_flight_cap
        )
    }

    /// The load ahead of the stages. A trace is not begun for it.
    fn warm_up(config: &Config) -> Option<StagePlan> {
        let (seconds, rate) = config.warm_up()?;
        let pacing = match config.pacing() {
            Pacing::Trace => Pacing::ScaledExponential,
            law => law,
        };
        Some(StagePlan::new(WARM_UP_STAGE, rate, seconds, pacing))
    }

    /// The stages of a load of any type that is executed.
    fn stages(config: &Config) -> Vec<StagePlan> {
        let pacing = config.pacing();
        let open = config.load.standard_stages().zip(0..);
        let open = open.map(|(stage, id)| StagePlan::new(id, stage.rate, stage.duration as f64, pacing));
        let closed = config.load.concurrent_stages().zip(0..);
        let closed =
            closed.map(|(stage, id)| StagePlan::concurrent(id, stage.num_requests, stage.concurrency_level));
        // All stages are of one kind, so one of the two is empty.
        open.chain(closed).collect()
    }

    /// The limits that `load.request_timeout` sets; null and 0 are upstream's defaults.
    pub fn timeouts(config: &Config) -> Timeouts {
        let given = config.load.request_timeout.filter(|&seconds| seconds > 0.0);
        Timeouts {
            request_ns: nanos_from_seconds(given.unwrap_or(REQUEST_TIMEOUT_SECONDS)),
            connect_ns: given.is_none().then(|| nanos_from_seconds(CONNECT_TIMEOUT_SECONDS)),
        }
    }

    /// Texts are kept only for the report on every request and for circuit breakers, and only those that they show or
    /// look at. Where there is no server there are no answers, which reports tell from empty ones.
    pub fn keep(config: &Config) -> Keep {
        let report = &config.report.request_lifecycle;
        let fields = &report.per_request_fields;
        let wanted = report.per_request == Some(true);
        let by_breakers = Breakers::keeps(config);
        let answered = config.server.kind != ServerType::Mock;
        Keep {
            request: wanted && fields.request || by_breakers.request,
            response: answered && (wanted && fields.response || by_breakers.response),
            chunks: wanted && fields.response_chunks || by_breakers.chunks,
        }
    }
}

/// Limits of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From start to last byte, nanoseconds.
    pub request_ns: Nanos,
    /// For connecting, nanoseconds; `None` if only the request's own limit holds.
    pub connect_ns: Option<Nanos>,
}

fn body_options(config: &Config, model: String) -> BodyOptions {
    let options = BodyOptions::new(config.api.kind, model);
    if config.server.kind == ServerType::Mock {
        // Nobody reads these bodies; reports show them as upstream's do.
        return BodyOptions { ignore_eos: false, default_max_tokens: MOCK_MAX_TOKENS, ..options };
    }
    BodyOptions {
        streaming: config.api.streaming,
        ignore_eos: config.server.ignore_eos,
        response_format: config.api.response_format.as_ref().map(response_format),
        ..options
    }
}

fn response_format(format: &ResponseFormat) -> Value {
    match format.kind {
        ResponseFormatType::JsonObject => json!({"type": "json_object"}),
        ResponseFormatType::JsonSchema => json!({
            "type": "json_schema",
            "json_schema": {"name": format.name, "schema": format.json_schema},
        }),
    }
}

#[cfg(test)]
mod tests;
