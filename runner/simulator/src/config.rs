//! What a simulator is told: its model's times, its limits, its quirks.
//!
//! Pure data with checks; it knows neither time nor HTTP.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

use hyper::header::{HeaderName, HeaderValue};
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};

use crate::{Counting, SimulatorError};

/// Longest time that a single parameter may set, milliseconds: one hour. Sums over the longest requests then stay
/// far below the range of 64-bit nanoseconds.
const LONGEST_MS: f64 = 3_600_000.0;

/// How long the simulated model takes. All zeros (with any number of slots) is a server without delays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelParameters {
    /// Sequences that run at once (`max_num_seqs`); a request beyond them waits in the queue.
    pub slots: u32,
    /// Prefill: milliseconds whatever the prompt's length.
    pub prefill_base_ms: f64,
    /// Prefill: microseconds for each token of the prompt.
    pub prefill_per_token_us: f64,
    /// Decode step: milliseconds whatever the number of running sequences.
    pub decode_base_ms: f64,
    /// Decode step: microseconds for each sequence that holds a slot when the step begins, its own and those still in
    /// prefill included.
    pub decode_per_running_sequence_us: f64,
    /// Law of the service times.
    pub service_times: ServiceLaw,
    /// Standard deviation of the prefill, milliseconds: normal, cut off at 70 % of the mean on both sides.
    pub prefill_std_dev_ms: f64,
    /// The same of each decode step.
    pub decode_std_dev_ms: f64,
}

/// How service times vary between requests of equal lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceLaw {
    /// Not at all: lengths and the number of running sequences decide.
    #[default]
    Deterministic,
    /// All times of a request are multiplied by one factor drawn from the exponential law of mean 1; the mean service
    /// time, and with it the capacity, stays what it is.
    Exponential,
}

impl Default for ModelParameters {
    fn default() -> Self {
        Self {
            slots: 16,
            prefill_base_ms: 20.0,
            prefill_per_token_us: 50.0,
            decode_base_ms: 10.0,
            decode_per_running_sequence_us: 100.0,
            service_times: ServiceLaw::Deterministic,
            prefill_std_dev_ms: 0.0,
            decode_std_dev_ms: 0.0,
        }
    }
}

impl ModelParameters {
    /// A model that takes no time at all.
    #[must_use]
    pub fn null(slots: u32) -> Self {
        Self {
            slots,
            prefill_base_ms: 0.0,
            prefill_per_token_us: 0.0,
            decode_base_ms: 0.0,
            decode_per_running_sequence_us: 0.0,
            ..Self::default()
        }
    }

    fn check(&self, problems: &mut Vec<String>) {
        if self.slots == 0 {
            problems.push("model.slots: 0 slots would serve nobody (write 1 or more)".to_owned());
        }
        let mut time = |key: &str, value: f64, unit: &str, most: f64| {
            if !(0.0..=most).contains(&value) {
                problems.push(format!("model.{key}: {value} {unit} is not in 0 to {most} {unit}"));
            }
        };
        time("prefill_base_ms", self.prefill_base_ms, "ms", LONGEST_MS);
        time("prefill_per_token_us", self.prefill_per_token_us, "µs", 1e6);
        time("decode_base_ms", self.decode_base_ms, "ms", LONGEST_MS);
        time("decode_per_running_sequence_us", self.decode_per_running_sequence_us, "µs", 1e6);
        time("prefill_std_dev_ms", self.prefill_std_dev_ms, "ms", LONGEST_MS);
        time("decode_std_dev_ms", self.decode_std_dev_ms, "ms", LONGEST_MS);
    }
}

/// Everything about a simulator. The default is a small model on port 8000 of the loopback address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatorConfig {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    /// Threads with a runtime of their own, over which connections are spread; 0 = one for each core.
    pub threads: usize,
    /// Name under which the model is served; other names get 404.
    pub model_name: String,
    /// Folder with a Hugging Face `tokenizer.json`, or that file; without one, words are tokens.
    pub tokenizer: Option<PathBuf>,
    /// Longest prompt plus answer, tokens; longer requests get 400.
    pub max_model_len: u32,
    /// What prompts are counted in.
    pub counting: Counting,
    /// The model's times.
    pub model: ModelParameters,
    /// Requests that may wait for a slot; `None` = any number.
    pub queue_limit: Option<u32>,
    /// Status for a request that finds the queue full.
    pub queue_full_status: u16,
    /// Share of valid requests that fail at once with `error_status`, 0 to 1.
    pub error_rate: f64,
    /// Status of the failing share.
    pub error_status: u16,
    /// What happens to the failing share instead, each request by its number the next in turn; empty: `error_status`.
    pub faults: Vec<Fault>,
    /// Tokens at the start of an answer of a chat API that are reasoning.
    pub reasoning_tokens: u32,
    /// The rest of an answer of a chat API is a tool call.
    pub tool_call: bool,
    /// Headers of every answer.
    pub response_headers: Vec<(String, String)>,
    /// Tokens in each chunk of a stream but the last, which has the rest. A chunk is due with its last token.
    pub tokens_per_chunk: u32,
    /// Write each event of a stream as an HTTP chunk of its own, as model servers do, also when several are due at once.
    /// Without it these are joined, which is cheaper for both sides.
    pub separate_events: bool,
    /// How events of a stream are written.
    pub framing: Framing,
    /// When token counts are sent.
    pub usage: UsagePolicy,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Requests whose instants `/stats` keeps, the newest; memory is bounded by it. 0 = none.
    pub recorded_requests: usize,
}

/// How server-sent events are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// `data: …` with LF, as vLLM writes.
    #[default]
    Lf,
    /// `data: …` with CRLF, as sse-starlette writes.
    Crlf,
    /// `data: …` with CR.
    Cr,
    /// `data:…` without the space, with LF.
    NoSpace,
    /// A byte order mark, and before each event a comment, an `id` and a `retry` line, with LF.
    Comments,
}

/// When token counts are sent with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsagePolicy {
    /// In a whole answer always, and in Anthropic's streams; in another stream if `stream_options.include_usage` asks
    /// for it.
    #[default]
    AsAsked,
    /// Always.
    Include,
    /// Always, and in each event of an OpenAI stream too, counting up.
    EveryChunk,
    /// Never.
    Never,
}

/// Reads the names that the configuration uses, for command lines.
macro_rules! from_name {
    ($($kind:ty),*) => {$(
        impl FromStr for $kind {
            type Err = serde::de::value::Error;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::deserialize(name.into_deserializer())
            }
        }
    )*};
}

from_name!(Framing, UsagePolicy, ServiceLaw, Fault);

/// What can go wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Status 429.
    RateLimit,
    /// Status 500.
    Internal,
    /// Status 502.
    BadGateway,
    /// Status 503.
    Unavailable,
    /// Status 504.
    GatewayTimeout,
    /// Status 400 that speaks of the context length.
    ContextWindow,
    /// Status 400 that speaks of malformed JSON.
    InvalidJson,
    /// Status 408 that speaks of a time-out.
    Timeout,
    /// Status 404 that speaks of the model.
    ModelNotFound,
    /// Status 401 whose message repeats all headers of the request, as careless gateways do.
    Echo,
    /// Status 200 with an error object in place of an answer.
    ErrorBody,
    /// Status 200 with an answer without choices or content.
    NoChoices,
    /// Status 200 with a page.
    NotJson,
    /// Status 200 with something that is called JSON and is none.
    BrokenJson,
    /// Half of the answer, then an error object as an event of the stream.
    ErrorEvent,
    /// Half of the answer, then the connection is cut.
    Cut,
    /// Half of the answer, then silence.
    Stall,
    /// The connection is closed without an answer.
    Disconnect,
    /// No answer, ever.
    Hang,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8000,
            threads: 0,
            model_name: "simulated-model".to_owned(),
            tokenizer: None,
            max_model_len: 131_072,
            counting: Counting::default(),
            model: ModelParameters::default(),
            queue_limit: None,
            queue_full_status: 503,
            error_rate: 0.0,
            error_status: 500,
            faults: Vec::new(),
            reasoning_tokens: 0,
            tool_call: false,
            response_headers: Vec::new(),
            tokens_per_chunk: 1,
            separate_events: false,
            framing: Framing::Lf,
            usage: UsagePolicy::AsAsked,
            seed: 0,
            recorded_requests: 20_000,
        }
    }
}

impl SimulatorConfig {
    /// Checks everything that can be wrong, and says it all at once.
    pub fn validate(&self) -> Result<(), SimulatorError> {
        let mut problems = Vec::new();
        self.model.check(&mut problems);
        if self.model_name.is_empty() {
            problems.push("model_name: the name is empty".to_owned());
        }
        if self.max_model_len < 2 {
            problems.push(format!(
                "max_model_len: {} leaves no room for a prompt and an answer (write 2 or more)",
                self.max_model_len
            ));
        }
        if !matches!(self.queue_full_status, 429 | 503) {
            problems.push(format!("queue_full_status: {} is neither 429 nor 503", self.queue_full_status));
        }
        if !(0.0..=1.0).contains(&self.error_rate) {
            problems.push(format!("error_rate: {} is not a share between 0 and 1", self.error_rate));
        }
        if !(400..=599).contains(&self.error_status) {
            problems.push(format!("error_status: {} is no error (write 400 to 599)", self.error_status));
        }
        for (name, value) in &self.response_headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err() {
                problems.push(format!("response_headers: {name:?} cannot be sent as a header"));
            }
        }
        if self.tokens_per_chunk == 0 {
            problems.push("tokens_per_chunk: a chunk has at least 1 token".to_owned());
        }
        if problems.is_empty() { Ok(()) } else { Err(SimulatorError::Config(problems)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_json() {
        let config = SimulatorConfig::default();
        config.validate().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SimulatorConfig>(&json).unwrap(), config);
        assert!(serde_json::from_str::<SimulatorConfig>(r#"{"slot": 3}"#).is_err());
    }

    #[test]
    fn names_are_read() {
        assert_eq!("no_space".parse::<Framing>().unwrap(), Framing::NoSpace);
        assert_eq!("as_asked".parse::<UsagePolicy>().unwrap(), UsagePolicy::AsAsked);
        let message = "gz".parse::<Framing>().unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown variant `gz`, expected one of `lf`, `crlf`, `cr`, `no_space`, `comments`"
        );
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let config = SimulatorConfig {
            model_name: String::new(),
            max_model_len: 1,
            model: ModelParameters {
                slots: 0,
                prefill_base_ms: -1.0,
                prefill_per_token_us: f64::NAN,
                decode_base_ms: f64::INFINITY,
                decode_per_running_sequence_us: 2e6,
                decode_std_dev_ms: -2.0,
                ..ModelParameters::default()
            },
            queue_full_status: 500,
            error_rate: 1.5,
            error_status: 200,
            tokens_per_chunk: 0,
            response_headers: vec![("x y".to_owned(), String::new())],
            ..SimulatorConfig::default()
        };
        let message = config.validate().unwrap_err().to_string();
        for key in [
            "model.slots:",
            "model.prefill_base_ms: -1 ms",
            "model.prefill_per_token_us: NaN",
            "model.decode_base_ms: inf",
            "model.decode_per_running_sequence_us:",
            "model.decode_std_dev_ms: -2 ms",
            "response_headers: \"x y\"",
            "model_name:",
            "max_model_len: 1",
            "queue_full_status: 500",
            "error_rate: 1.5",
            "error_status: 200",
            "tokens_per_chunk:",
        ] {
            assert!(message.contains(key), "{key} is missing in\n{message}");
        }
    }
}
