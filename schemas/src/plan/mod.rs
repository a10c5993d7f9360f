//! What a configuration will do, in figures, before anything is sent: requests, tokens, time, requests in flight, room
//! for the spool, and what its stages can tell.
//!
//! A function of the configuration and of two assumptions about the server. It knows nothing of clusters, and must not
//! read a clock, a file or the machine.

mod lengths;
mod resolution;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::config::{CapacitySearch, Config, Profile, Stage, Sweep};
use crate::record::Pacing;

pub use lengths::expected_tokens;
pub use resolution::{FALSE_ALARMS, POWER, Resolution, arrival_cv2, power};

/// Bytes of the spool that a request takes besides its chunks.
pub const RECORD_BYTES: f64 = 160.0;
/// Bytes of the spool for each chunk of a streamed answer.
pub const CHUNK_BYTES: f64 = 5.0;
/// Bytes of text that a prompt token stands for, roughly; only where the spool keeps bodies.
const PROMPT_TOKEN_BYTES: f64 = 5.0;
/// Bytes of a streamed answer for each of its tokens, roughly: a token comes in an event of its own.
pub const STREAMED_TOKEN_BYTES: f64 = 250.0;
/// The same of an answer in one piece.
const WHOLE_TOKEN_BYTES: f64 = 5.0;
/// Overload for which the necessary length of a stage is told.
pub const OVERLOAD_TO_SEE: f64 = 0.05;

/// What a plan has to take as given.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Assumptions {
    /// Time that a request takes, seconds.
    pub latency_seconds: f64,
    /// Squared coefficient of variation of the server's completions: 0 for a clockwork, 1 for a Poisson process.
    pub service_cv2: f64,
}

/// What a configuration will do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlook {
    /// What was taken as given.
    pub assumptions: Assumptions,
    /// Expected length of a prompt, tokens; `None` if the configuration does not say.
    pub prompt_tokens: Option<f64>,
    /// Expected length of an answer, tokens; `None` if the configuration does not say.
    pub output_tokens: Option<f64>,
    /// The stages in order; those of a sweep are not known before it has looked at the server.
    pub stages: Vec<StageOutlook>,
    /// The sweep that makes the stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepOutlook>,
    /// The search that makes the stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchOutlook>,
    /// Requests of all stages; of a sweep only those of its burst, as the rates of its stages are not known before.
    pub requests: f64,
    /// Bytes that the spool of these requests takes, roughly.
    pub spool_bytes: f64,
    /// Time from the first stage's start to the last one's end, seconds, without what a stage drains beyond its window.
    pub seconds: Option<f64>,
    /// Requests in flight at most.
    pub in_flight_cap: Option<u64>,
}

/// What a stage will do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageOutlook {
    /// Number of the stage, from 0.
    pub stage: usize,
    /// Requests per second; `None` in a closed loop.
    pub rate: Option<f64>,
    /// Requests that a closed loop has in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u64>,
    /// Length of the sending window, seconds; `None` in a closed loop, which takes as long as the server does.
    pub seconds: Option<f64>,
    /// Start, seconds after that of the first stage.
    pub starts_at_seconds: Option<f64>,
    /// Requests.
    pub requests: f64,
    /// Expected tokens of all prompts.
    pub prompt_tokens: Option<f64>,
    /// Expected tokens of all answers.
    pub output_tokens: Option<f64>,
    /// Requests in flight by Little's law: rate × latency, or the closed loop's concurrency.
    pub in_flight: f64,
    /// What the stage can tell; `None` in a closed loop, which offers no rate.
    #[serde(flatten)]
    pub resolution: Option<Resolution>,
}

/// What a search for the capacity will do; its stages follow from what it finds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchOutlook {
    /// How exact it is.
    pub profile: Profile,
    /// Longest time, seconds; `None` is no limit.
    pub most_seconds: Option<f64>,
}

/// What a sweep will do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepOutlook {
    /// Requests of the burst that estimates the server's limit.
    pub burst_requests: f64,
    /// Longest time of the burst, seconds.
    pub burst_seconds: f64,
    /// Stages that follow.
    pub stages: f64,
    /// Length of each, seconds.
    pub stage_seconds: f64,
}

impl Outlook {
    /// The outlook of a configuration that passed its checks.
    #[must_use]
    pub fn new(config: &Config, assumptions: Assumptions) -> Self {
        let tokens = |distribution: &Option<_>| distribution.as_ref().map(expected_tokens);
        let mut outlook = Self {
            assumptions,
            prompt_tokens: tokens(&config.data.input_distribution),
            output_tokens: tokens(&config.data.output_distribution),
            stages: Vec::new(),
            sweep: config.load.sweep.as_ref().map(SweepOutlook::of),
            search: config.capacity_search().map(SearchOutlook::of),
            requests: 0.0,
            spool_bytes: 0.0,
            seconds: Some(0.0),
            in_flight_cap: in_flight_cap(config),
        };
        match &outlook.sweep {
            _ if outlook.search.is_some() => {
                outlook.seconds = outlook.search.as_ref().and_then(|search| search.most_seconds);
            }
            Some(sweep) => {
                outlook.requests = sweep.burst_requests;
                outlook.seconds = Some(sweep.burst_seconds + sweep.stages * sweep.stage_seconds);
            }
            None => outlook.add_stages(config),
        }
        outlook.spool_bytes = outlook.requests * bytes_of_a_request(config, &outlook);
        outlook
    }

    fn add_stages(&mut self, config: &Config) {
        let interval = config.load.interval.max(0.0);
        let mut at = Some(0.0);
        for (number, stage) in config.load.stages.iter().enumerate() {
            let Some(outlook) = self.stage(number, stage, config.pacing(), at) else { continue };
            self.requests += outlook.requests;
            let end = at.zip(outlook.seconds).map(|(at, seconds)| at + seconds);
            self.seconds = end;
            at = end.map(|end| end + interval);
            self.stages.push(outlook);
        }
    }

    /// One stage that starts at `at`; `None` for kinds whose requests are known only from their data.
    fn stage(&self, number: usize, stage: &Stage, pacing: Pacing, at: Option<f64>) -> Option<StageOutlook> {
        let (rate, concurrency, seconds, requests) = match stage {
            Stage::Standard(stage) => {
                let seconds = stage.duration as f64;
                // As upstream takes it: the product in double precision, then its whole part.
                (Some(stage.rate), None, Some(seconds), (stage.rate * seconds).floor())
            }
            Stage::Concurrent(stage) => {
                (None, Some(stage.concurrency_level), None, stage.num_requests as f64)
            }
            Stage::Session(_) => return None,
        };
        let in_flight = match (rate, concurrency) {
            (_, Some(concurrency)) => (concurrency as f64).min(requests),
            (rate, None) => rate.unwrap_or(0.0) * self.assumptions.latency_seconds,
        };
        let resolution = rate.zip(seconds).map(|(rate, seconds)| {
            Resolution::new(rate, seconds, [arrival_cv2(pacing), self.assumptions.service_cv2])
        });
        Some(StageOutlook {
            stage: number,
            rate,
            concurrency,
            seconds,
            starts_at_seconds: at,
            requests,
            prompt_tokens: self.prompt_tokens.map(|tokens| tokens * requests),
            output_tokens: self.output_tokens.map(|tokens| tokens * requests),
            in_flight,
            resolution,
        })
    }

    /// What is worth a second thought, in words.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        for stage in &self.stages {
            let number = stage.stage;
            if stage.requests < 1.0 {
                doubts.push(format!("stage {number} sends nothing: rate × duration is below 1"));
            }
            if let (Some(cap), Some(rate)) = (self.in_flight_cap, stage.rate)
                && stage.in_flight > cap as f64
            {
                doubts.push(format!(
                    "stage {number}: {rate}/s × {} s is {} requests in flight, above the limit of {cap} (num_workers × \
                     worker_max_concurrency): later requests would wait in the client",
                    self.assumptions.latency_seconds,
                    stage.in_flight.ceil()
                ));
            }
        }
        let rates: Vec<f64> = self.stages.iter().filter_map(|stage| stage.rate).collect();
        if rates.windows(2).any(|pair| pair[1] <= pair[0]) {
            doubts.push("the rates do not rise from stage to stage: brackets need rising rates".to_owned());
        }
        if rates.len() == 1 {
            doubts.push("one stage gives no bracket: it says at most that its rate is sustained".to_owned());
        }
        doubts
    }
}

impl SearchOutlook {
    fn of(search: &CapacitySearch) -> Self {
        Self { profile: search.profile, most_seconds: search.budget_minutes.map(|minutes| minutes * 60.0) }
    }
}

impl SweepOutlook {
    fn of(sweep: &Sweep) -> Self {
        Self {
            burst_requests: sweep.num_requests as f64,
            burst_seconds: sweep.timeout,
            stages: sweep.num_stages as f64,
            stage_seconds: sweep.stage_duration as f64,
        }
    }
}

/// `num_workers` × `worker_max_concurrency`; `None` where the number of workers is left to the machine, or in closed
/// loops, which have their own limit.
fn in_flight_cap(config: &Config) -> Option<u64> {
    let load = &config.load;
    if let Some(search) = config.capacity_search() {
        return Some(search.in_flight());
    }
    if load.concurrent_stages().next().is_some() {
        return None;
    }
    let workers = u64::try_from(load.num_workers?).unwrap_or(0).max(1);
    Some(workers.saturating_mul(load.worker_max_concurrency))
}

/// Bytes of the spool for one request.
fn bytes_of_a_request(config: &Config, outlook: &Outlook) -> f64 {
    let lifecycle = &config.report.request_lifecycle;
    let prompt = outlook.prompt_tokens.unwrap_or(0.0);
    let answer = outlook.output_tokens.unwrap_or(0.0);
    let streaming = config.api.streaming;
    let mut bytes = RECORD_BYTES + if streaming { answer * CHUNK_BYTES } else { 0.0 };
    if lifecycle.per_request == Some(true) {
        let fields = &lifecycle.per_request_fields;
        let answer_bytes = answer * if streaming { STREAMED_TOKEN_BYTES } else { WHOLE_TOKEN_BYTES };
        bytes += f64::from(u8::from(fields.request)) * prompt * PROMPT_TOKEN_BYTES;
        bytes += f64::from(u8::from(fields.response)) * answer_bytes;
        bytes += f64::from(u8::from(fields.response_chunks && streaming)) * answer_bytes;
    }
    bytes
}
