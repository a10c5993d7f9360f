//! Facts about requests, as they are appended to the spool.
//!
//! A record says what happened: instants, sizes, counts and where a count came from. Latencies, rates and
//! percentiles are derived from records later, so every report can be rebuilt from the spool without a server.
//! It must not know how a report looks.

mod asides;
mod chunk_steps;
mod sent;

use serde::{Deserialize, Serialize};

pub use asides::{BreakerOpened, PromQl, PromQlAnswer, Sample, Scrape, ScrapeMoment};
pub use sent::{Medium, TurnFacts};

/// Nanoseconds on the run's monotonic clock. Zero is [`RunFacts::started_epoch_ns`] on the wall clock.
pub type Nanos = i64;

/// Number of the stage that a sweep runs ahead of its stages. Its facts are in the spool; no report counts them.
pub const PROBE_STAGE: u32 = u32::MAX;

/// Number of the warm-up ahead of all stages. Its facts are in the spool; no report counts them.
pub const WARM_UP_STAGE: u32 = u32::MAX - 1;

/// True for the number of a stage that statistics and reports see; the probe and the warm-up are none.
#[must_use]
pub fn is_measured(stage: u32) -> bool {
    stage != PROBE_STAGE && stage != WARM_UP_STAGE
}

/// One entry of a run's spool, in the order in which things happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SpoolEntry {
    /// What holds for the whole run; the first entry.
    Run(Box<RunFacts>),
    /// One scheduled request that has come to its end.
    Request(Box<Record>),
    /// A stage whose requests have all come to their end; follows the records of the stage.
    Stage(Box<StageFacts>),
    /// What a sweep found; follows its probe and precedes its stages.
    Sweep(Box<SweepFacts>),
    /// The run is over; the last entry. A spool without it was cut off.
    Finished(RunEnd),
    /// What the server's metrics page said at an instant; lies among the records of the stage that ran.
    Scrape(Box<Scrape>),
    /// What Prometheus answered about a stage or the whole run; follows all stages.
    PromQl(Box<PromQl>),
    /// A circuit breaker that stops stages has opened; lies among the records of the stage that it stopped first.
    BreakerOpened(Box<BreakerOpened>),
}

/// What a report needs besides records, fixed when the run starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Version of the program that wrote the spool.
    pub version: String,
    /// Wall clock at the run's instant zero, nanoseconds since the Unix epoch.
    pub started_epoch_ns: i64,
    /// Eight random hexadecimal digits that name the run.
    pub run_id: String,
    /// The effective configuration as JSON text, secrets masked.
    pub config_json: String,
    /// Where the tokenizer was read from; `None` if the run has none.
    pub tokenizer: Option<String>,
}

/// What is known of a stage besides its records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageFacts {
    /// Stage number from 0 in the order of the configuration.
    pub stage: u32,
    /// Configured rate, requests/s.
    pub rate: f64,
    /// Configured sending window, seconds.
    pub duration_seconds: f64,
    /// Law of the arrivals within the window.
    pub pacing: Pacing,
    /// Requests that a closed-loop stage has in flight; `None` for a stage that follows a schedule.
    pub concurrency: Option<u64>,
    /// Instant from which the arrivals are counted.
    pub window_start: Nanos,
    /// End of the sending window: the last request that was awaited before the teardown has ended.
    pub window_end: Nanos,
    /// Time from the end of the window until the last request was drained or cancelled.
    pub teardown_ns: i64,
    /// How the stage ended.
    pub status: StageStatus,
    /// What the client knows about itself during the stage.
    pub client: ClientFacts,
}

/// How arrivals are spread over a stage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Pacing {
    /// Upstream's `constant`: exponential gaps scaled so that exactly rate × duration requests fill the stage.
    ScaledExponential,
    /// Equal gaps.
    Even,
    /// A Poisson process: independent exponential gaps.
    Poisson,
    /// Independent gamma-distributed gaps.
    Gamma {
        /// Shape of the distribution; 1 is a Poisson process, less comes in bursts.
        burstiness: f64,
    },
    /// The time stamps of a recorded trace.
    Trace,
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageStatus {
    /// Every scheduled request has come to its end by itself.
    Completed,
    /// The stage was stopped before that.
    Stopped,
    /// The stage reached its own time limit before that.
    TimedOut,
}

/// The client's evidence that it was not the bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ClientFacts {
    /// Share of the stage that the busiest runtime spent working instead of waiting, 0 to 1.
    pub busiest_runtime: f64,
    /// Time that the cgroup's CPU quota held the process back during the stage; `None` if the system does not say.
    pub throttled_ns: Option<i64>,
    /// Greatest number of requests that could be in flight at once, over all workers.
    pub in_flight_cap: u64,
    /// Workers among which the arrivals were dealt in turn by their index.
    pub workers: u32,
    /// Requests that were late because their bodies were: the generators could not keep up.
    pub late_bodies: u64,
    /// Requests that were late because records could not be written fast enough.
    pub recorder_waits: u64,
}

/// What the probe of a sweep showed, and the rates of the stages that follow from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepFacts {
    /// How the estimate was made.
    pub method: SweepMethod,
    /// Rate that the server can complete, requests/s.
    pub estimate: f64,
    /// 95 % interval of that; `None` if the method has none.
    pub interval: Option<[f64; 2]>,
    /// Successful requests that ended in the busy period.
    pub completions: u64,
    /// Length of the busy period, seconds: the part of the probe that the estimate rests on.
    pub busy_seconds: f64,
    /// Requests of the probe.
    pub requests: u64,
    /// Of those, the ones that succeeded.
    pub succeeded: u64,
    /// Of those, the ones that failed.
    pub failed: u64,
    /// Greatest number of requests that were in flight at once.
    pub peak_in_flight: u64,
    /// Rates of the stages in order, requests/s.
    pub rates: Vec<f64>,
}

/// How a sweep estimates the rate that the server can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SweepMethod {
    /// Completions per second while the server had work for all that it can do at once.
    Completions,
    /// Upstream's: a percentile of how fast the number in flight falls.
    Upstream,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// Instant of the end.
    pub at: Nanos,
    /// True if a signal or a deadline ended the run before its plan was done.
    pub interrupted: bool,
}

/// One scheduled request: exactly one record for each arrival of the schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Number of the stage.
    pub stage: u32,
    /// Position of the arrival in its stage, from 0.
    pub index: u64,
    /// Instant at which the schedule wanted the request sent.
    pub due: Nanos,
    /// Instant at which an in-flight permit was held; `None` if none was ever had.
    pub permitted: Option<Nanos>,
    /// Instant right before the first attempt to get a connection; `None` if the request was not dispatched.
    pub start: Option<Nanos>,
    /// Instant at which the request had a connection to itself.
    pub connected: Option<Nanos>,
    /// Instant at which the whole request was handed to the socket.
    pub sent: Option<Nanos>,
    /// Instant at which status line and headers of the response had been read.
    pub head: Option<Nanos>,
    /// Instant of the last byte of the response, of the failure, or of the cancellation.
    pub end: Nanos,
    /// How it ended.
    pub outcome: Outcome,
    /// LoRA adapter that the request was drawn for; `None` if the load is not split among adapters.
    pub adapter: Option<String>,
    /// Latency objectives that the request carried in its headers; `None` if it carried none.
    pub objectives: Option<Objectives>,
    /// True if the response was asked for as a stream.
    pub streamed: bool,
    /// Bytes of the request body.
    pub request_bytes: u32,
    /// Tokens of the prompt by the client's tokenizer, special tokens included; 0 without a tokenizer.
    pub prompt_tokens: u32,
    /// Length of the prompt that was drawn; differs from `prompt_tokens` if no exact prompt was found.
    pub drawn_prompt_tokens: u32,
    /// `max_tokens` of the request.
    pub max_tokens: u32,
    /// Tokens of the answer by the client's tokenizer, no special tokens; `None` without an answer or tokenizer.
    pub output_tokens: Option<u32>,
    /// How the tokens of the chunks and of the answer were counted.
    pub rules: TokenRules,
    /// Counts that the server reported.
    pub usage: Option<Usage>,
    /// Content-bearing chunks of a streamed answer, in order.
    #[serde(with = "chunk_steps")]
    pub chunks: Vec<Chunk>,
    /// True if a streamed answer was closed by the `[DONE]` event.
    pub done_seen: bool,
    /// How often it was sent again because a connection failed, and since when the last attempt ran.
    pub retries: Option<Retries>,
    /// Bodies, kept only if the per-request report asks for them.
    pub bodies: Option<Box<Bodies>>,
    /// Which turn of a conversation it was; `None` if it was none, or was never sent.
    pub turn: Option<TurnFacts>,
    /// Images, videos and sounds that it sent.
    pub media: Vec<Medium>,
}

/// Latency objectives of one request, at least one of them set.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Objectives {
    /// Greatest time to the first token, seconds.
    pub ttft_seconds: Option<f64>,
    /// Greatest time per output token after the first, seconds.
    pub tpot_seconds: Option<f64>,
}

/// Repetitions of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// Attempts after the first, at least 1.
    pub count: u32,
    /// Instant at which the last attempt began.
    pub last_start: Nanos,
}

impl Record {
    /// Upstream's `output_len`: the client's count, or the server's where upstream takes that.
    pub fn output_len(&self) -> Option<u64> {
        let servers = match self.rules.answer {
            AnswerCount::Client => None,
            AnswerCount::ServerFirst => self.usage.as_ref().and_then(|usage| usage.completion_tokens),
        };
        servers.or(self.output_tokens.map(u64::from))
    }
}

/// The rules by which the tokens of an answer were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenRules {
    /// Where [`Chunk::tokens`] come from.
    pub chunks: ChunkCount,
    /// What [`Record::output_len`] is.
    pub answer: AnswerCount,
}

/// Where [`Chunk::tokens`] come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ChunkCount {
    /// The client's tokenizer counted each chunk's text alone.
    #[default]
    Tokenizer,
    /// Nobody counted: each chunk stands for one token.
    OneEach,
}

/// What [`Record::output_len`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AnswerCount {
    /// The client's count.
    #[default]
    Client,
    /// The server's count, or the client's where the server gives none: upstream's rule for Anthropic's API.
    ServerFirst,
}

/// One content-bearing chunk of a streamed answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Instant at which the bytes that completed the chunk were read from the socket.
    pub at: Nanos,
    /// Tokens of the chunk's text alone by the client's tokenizer, no special tokens; 1 without a tokenizer.
    pub tokens: u32,
    /// What the text is.
    pub kind: ChunkKind,
}

impl Chunk {
    /// A chunk of the answer proper.
    #[must_use]
    pub fn content(at: Nanos, tokens: u32) -> Self {
        Self { at, tokens, kind: ChunkKind::Content }
    }
}

/// What the text of a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ChunkKind {
    /// The answer proper.
    #[default]
    Content,
    /// Reasoning ahead of the answer.
    Reasoning,
    /// Names and arguments of a tool call.
    ToolCall,
}

/// Token counts of a response's `usage` object, field by field the last seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// `prompt_tokens`.
    pub prompt_tokens: Option<u64>,
    /// `completion_tokens`, or `output_tokens`.
    pub completion_tokens: Option<u64>,
    /// `prompt_tokens_details.cached_tokens`.
    pub cached_tokens: Option<u64>,
    /// The whole merged object as JSON text.
    pub raw: String,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Status 200 and a whole answer.
    Success,
    /// Anything else that ended by itself, time-outs included.
    Failure(Failure),
    /// Cut off by the end of its stage or of the run while it was in flight.
    Cancelled,
    /// Never sent: the stage or the run was stopped first.
    NotDispatched,
}

/// Why a request failed, under upstream's names (`HTTP Error 503`, `TimeoutError`, `ClientConnectorError`, …).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Upstream's error type.
    pub error_type: String,
    /// Message or response body.
    pub message: String,
}

/// Text that only the per-request report needs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bodies {
    /// The request's body as sent; `None` if the report does not ask for it.
    pub request: Option<String>,
    /// The response's body as received, also a part of it; `None` if the report does not ask for it.
    pub response: Option<String>,
    /// JSON text of the content-bearing chunks; `None` if the report does not ask for them.
    pub chunks: Option<Vec<String>>,
}
