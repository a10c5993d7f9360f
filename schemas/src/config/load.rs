//! `load`: when requests are sent, how many at once, and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pause after a stage, seconds.
pub const INTERVAL_SECONDS: f64 = 1.0;
/// Requests in flight per worker.
pub const WORKER_MAX_CONCURRENCY: u64 = 100;
/// TCP connections per worker.
pub const WORKER_MAX_TCP_CONNECTIONS: u64 = 2500;
/// Pause before the first repetition of a failed request, seconds.
pub const REQUEST_RETRY_BACKOFF_SECONDS: f64 = 0.5;
/// Time that requests in flight have left after the end of their stage, seconds.
pub const STAGE_TEARDOWN_GRACE_SECONDS: f64 = 120.0;

/// Time within which all requests of a `concurrent` stage fall due, seconds.
pub const CONCURRENT_STAGE_SECONDS: i64 = 1;

/// When requests are sent, how many at once, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// Law of the arrivals.
    #[serde(rename = "type")]
    pub kind: LoadType,
    /// Pause after each stage, seconds; 0 or less is none.
    pub interval: f64,
    /// Stages, run one after the other; all of the kind that `type` asks for.
    pub stages: Vec<Stage>,
    /// Search for the server's limits that replaces `stages` by stages of its own.
    pub sweep: Option<Sweep>,
    /// Workers that send requests; as many as there are usable CPUs if not given, one if 0 or less.
    pub num_workers: Option<i64>,
    /// Requests that one worker has in flight at most; not used by `concurrent`.
    pub worker_max_concurrency: u64,
    /// TCP connections that one worker has open at most; 0 is no limit.
    pub worker_max_tcp_connections: u64,
    /// File whose time stamps `trace_replay` follows.
    pub trace: Option<Trace>,
    /// Names of entries of the top-level `circuit_breakers` that stop a stage.
    pub circuit_breakers: Vec<String>,
    /// Longest time that a request may take, seconds; 300 if not given or 0.
    #[schemars(range(min = 0.0))]
    pub request_timeout: Option<f64>,
    /// How often a failed request is sent again.
    pub request_retries: u64,
    /// Pause before the first repetition, seconds; it doubles each time.
    #[schemars(range(min = 0.0))]
    pub request_retry_backoff_sec: f64,
    /// Time that requests in flight have left after the end of their stage, seconds; then they are cancelled.
    #[schemars(range(min = 0.0))]
    pub stage_teardown_grace_seconds: f64,
    /// LoRA adapters and the share of the requests that each gets; the shares sum to 1.
    pub lora_traffic_split: Option<Vec<AdapterShare>>,
    /// Seed from which all randomness of the run derives, any whole number; the time in milliseconds if not given.
    pub base_seed: Option<i64>,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            kind: LoadType::default(),
            interval: INTERVAL_SECONDS,
            stages: Vec::new(),
            sweep: None,
            num_workers: None,
            worker_max_concurrency: WORKER_MAX_CONCURRENCY,
            worker_max_tcp_connections: WORKER_MAX_TCP_CONNECTIONS,
            trace: None,
            circuit_breakers: Vec::new(),
            request_timeout: None,
            request_retries: 0,
            request_retry_backoff_sec: REQUEST_RETRY_BACKOFF_SECONDS,
            stage_teardown_grace_seconds: STAGE_TEARDOWN_GRACE_SECONDS,
            lora_traffic_split: None,
            base_seed: None,
        }
    }
}

impl Load {
    /// The stages of load type `concurrent`, in order; empty for other kinds.
    pub fn concurrent_stages(&self) -> impl Iterator<Item = &ConcurrentStage> {
        self.stages.iter().filter_map(|stage| match stage {
            Stage::Concurrent(stage) => Some(stage),
            Stage::Standard(_) | Stage::Session(_) => None,
        })
    }

    /// Writes into a `concurrent` load what holds in its run, as upstream does: all requests of a stage are due within
    /// one second, and the limit for each worker is out of use, shown as 0. Other kinds stay as they are.
    pub fn resolve_concurrency(&mut self) {
        if self.kind != LoadType::Concurrent {
            return;
        }
        self.worker_max_concurrency = 0;
        for stage in &mut self.stages {
            if let Stage::Concurrent(stage) = stage {
                stage.rate = Some(stage.num_requests as f64);
                stage.duration = Some(CONCURRENT_STAGE_SECONDS);
            }
        }
    }

    /// The stages of an open-loop load (`constant`, `poisson`, `trace_replay`), in order; empty for other kinds.
    pub fn standard_stages(&self) -> impl Iterator<Item = &StandardStage> {
        self.stages.iter().filter_map(|stage| match stage {
            Stage::Standard(stage) => Some(stage),
            Stage::Concurrent(_) | Stage::Session(_) => None,
        })
    }
}

/// Law of the arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadType {
    /// Exactly rate × duration requests with exponential gaps, scaled to fill the stage.
    #[default]
    Constant,
    /// A Poisson process of the stage's rate.
    Poisson,
    /// The time stamps of a file.
    TraceReplay,
    /// A fixed number of requests in flight.
    Concurrent,
    /// Whole sessions of dependent requests.
    TraceSessionReplay,
}

/// One stage; its keys depend on `load.type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Stage {
    /// For `concurrent`.
    Concurrent(ConcurrentStage),
    /// For `trace_session_replay`.
    Session(SessionStage),
    // Last: the only one whose optional keys another kind requires.
    /// For `constant`, `poisson` and `trace_replay`.
    Standard(StandardStage),
}

impl Stage {
    /// Requests that the stage sends; 0 for a stage of sessions, of which each has its own number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    #[must_use]
    pub fn requests(&self) -> u64 {
        match self {
            Self::Standard(stage) => (stage.rate * stage.duration as f64).floor() as u64,
            Self::Concurrent(stage) => stage.num_requests,
            Self::Session(_) => 0,
        }
    }
}

/// A stage of `constant`, `poisson` or `trace_replay`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandardStage {
    /// Requests per second.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub rate: f64,
    /// Length of the sending window, whole seconds.
    #[schemars(range(min = 1))]
    pub duration: u64,
    /// Only for `concurrent`: must be null.
    #[serde(default)]
    pub num_requests: Option<u64>,
    /// Only for `concurrent`: must be null.
    #[serde(default)]
    pub concurrency_level: Option<u64>,
}

/// A stage of `concurrent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConcurrentStage {
    /// Requests in all.
    #[schemars(range(min = 1))]
    pub num_requests: u64,
    /// Requests in flight.
    #[schemars(range(min = 1))]
    pub concurrency_level: u64,
    /// Not used: replaced by `num_requests` when the run starts.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Not used: replaced by 1 when the run starts.
    #[serde(default)]
    pub duration: Option<i64>,
}

/// A stage of `trace_session_replay`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionStage {
    /// Sessions that run at once; 0 is no limit.
    pub concurrent_sessions: u64,
    /// Sessions started per second, at most `concurrent_sessions`; as fast as they can if not given.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub session_rate: Option<f64>,
    /// Sessions that the stage takes; all that are left if not given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub num_sessions: Option<u64>,
    /// Longest time that the stage may take, seconds; no limit if not given.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub timeout: Option<f64>,
}

/// Search for the server's limits: a burst, then stages from rate 1 to what the burst showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// How the rates are spread.
    #[serde(rename = "type")]
    pub kind: SweepType,
    /// Requests of the burst.
    #[serde(default = "sweep_num_requests")]
    #[schemars(range(min = 1))]
    pub num_requests: u64,
    /// Longest time that the burst may take, seconds.
    #[serde(default = "sweep_timeout")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub timeout: f64,
    /// Stages to run after the burst.
    #[serde(default = "sweep_num_stages")]
    #[schemars(range(min = 1))]
    pub num_stages: u64,
    /// Length of each stage, whole seconds.
    #[serde(default = "sweep_stage_duration")]
    #[schemars(range(min = 1))]
    pub stage_duration: u64,
    /// Percentile of observed rates taken as the limit, by upstream's estimator alone.
    #[serde(default = "sweep_saturation_percentile")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub saturation_percentile: f64,
}

fn sweep_num_requests() -> u64 {
    2000
}

fn sweep_timeout() -> f64 {
    60.0
}

fn sweep_num_stages() -> u64 {
    5
}

fn sweep_stage_duration() -> u64 {
    180
}

fn sweep_saturation_percentile() -> f64 {
    95.0
}

/// How a sweep spreads its rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SweepType {
    /// Denser towards the limit.
    Geometric,
    /// Equal steps.
    Linear,
}

/// A file of recorded requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// The file.
    pub file: String,
    /// Its format.
    #[serde(default)]
    pub format: TraceFormat,
}

/// Format of a file of recorded requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum TraceFormat {
    /// Lines of time stamp, input tokens and output tokens, separated by commas.
    #[default]
    AzurePublicDataset,
}

/// Format of a file of recorded requests that upstream does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnTraceFormat {
    /// One JSON object a line, with `timestamp` in milliseconds, `input_length` and `output_length` in tokens.
    Mooncake,
}

/// Share of the requests that go to one LoRA adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdapterShare {
    /// Name of the adapter, sent as the model.
    pub name: String,
    /// Share, 0 to 1.
    pub split: f64,
}
