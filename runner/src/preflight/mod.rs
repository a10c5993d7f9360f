//! Before any load: wait until the model server is healthy and serves the model.
//!
//! A server that still loads its model is worth the wait; one that serves another model, or refuses the key, is not. Knows
//! HTTP and the two questions, nothing of the run that follows.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// Variable with the longest wait in seconds; nothing is asked where it is not set.
pub const WAIT_VARIABLE: &str = "INFERENCE_PERF_PREFLIGHT";

/// Pause between two rounds of questions.
const PAUSE: Duration = Duration::from_secs(2);

/// How often the log says what is waited for.
const REMINDER: Duration = Duration::from_secs(30);

/// The server that a run is about to measure.
#[derive(Debug)]
pub struct Target {
    /// Asks with the headers and the key of the measured requests.
    pub client: Client,
    /// Address without the path of an API.
    pub base_url: String,
    /// Model that must be served; any if `None`.
    pub model: Option<String>,
}

/// Why a run against the target makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// It was not ready in the time given, which is worth another try later.
    InTime {
        /// Seconds that were waited.
        seconds: u64,
        /// What was missing last.
        reason: String,
    },
    /// It is there, but waiting will not help.
    Ever(String),
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTime { seconds, reason } => write!(
                f,
                "the target is not ready after {seconds} s: {reason} (start the model server, or wait longer: {WAIT_VARIABLE}, in \
                 the chart benchmark.preflight.waitSeconds)"
            ),
            Self::Ever(reason) => write!(f, "the target cannot be measured: {reason}"),
        }
    }
}

impl std::error::Error for NotReady {}

/// The longest wait that `value`, the content of [`WAIT_VARIABLE`], stands for; `None` if there is to be none.
///
/// # Errors
///
/// If it is no number of seconds.
pub fn wait_of(value: Option<&str>) -> Result<Option<Duration>, String> {
    match value.map(str::trim).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => value.parse().map(|seconds| Some(Duration::from_secs(seconds))).map_err(|_| {
            format!("{WAIT_VARIABLE}: `{value}` is no whole number of seconds (write one such as 600, or unset it)")
        }),
    }
}

/// Waits until the target is ready, at most `limit`, which is rounded up to a whole round of questions.
///
/// # Errors
///
/// If it is not ready by then, or never will be.
pub async fn wait(target: &Target, limit: Duration) -> Result<(), NotReady> {
    let begin = Instant::now();
    let mut reminded: Option<Instant> = None;
    loop {
        let reason = match ask(target).await {
            Ok(()) => return Ok(()),
            Err(Answer::Never(reason)) => return Err(NotReady::Ever(reason)),
            Err(Answer::NotYet(reason)) => reason,
        };
        let waited = begin.elapsed();
        if waited + PAUSE > limit {
            return Err(NotReady::InTime { seconds: limit.as_secs(), reason });
        }
        if reminded.is_none_or(|reminded| reminded.elapsed() >= REMINDER) {
            tracing::info!("Waiting for the target, up to {} s: {reason}", limit.as_secs());
            reminded = Some(Instant::now());
        }
        sleep(PAUSE).await;
    }
}

/// What keeps the target from being measured.
enum Answer {
    NotYet(String),
    Never(String),
}

async fn ask(target: &Target) -> Result<(), Answer> {
    let base_url = target.base_url.trim_end_matches('/');
    let health = format!("{base_url}/health");
    let answer = target.client.get(&health).send().await.map_err(|error| unreachable_at(&health, error))?;
    // Not every server, and hardly any gateway, has this path.
    if !matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        judge(&health, answer.status())?;
    }
    let models = format!("{base_url}/v1/models");
    let answer = target.client.get(&models).send().await.map_err(|error| unreachable_at(&models, error))?;
    if matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        tracing::info!("{models} lists no models, so the name is not checked");
        return Ok(());
    }
    judge(&models, answer.status())?;
    let list: Value = answer.json().await.map_err(|_| Answer::NotYet(format!("{models} gives no JSON")))?;
    let names: Vec<&str> =
        list["data"].as_array().into_iter().flatten().filter_map(|model| model["id"].as_str()).collect();
    if names.is_empty() {
        return Err(Answer::NotYet(format!("{models} lists no model yet")));
    }
    match &target.model {
        Some(model) if !names.contains(&model.as_str()) => Err(Answer::Never(format!(
            "it does not serve the model `{model}` (set server.model_name, in the chart benchmark.target.modelName, to one of: {})",
            names.join(", ")
        ))),
        _ => Ok(()),
    }
}

fn judge(url: &str, status: StatusCode) -> Result<(), Answer> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Answer::Never(format!(
            "{url} answers {status} (give the key as INFERENCE_PERF_API_KEY, in the chart benchmark.target.apiKey.existingSecret)"
        ))),
        status if status.is_success() => Ok(()),
        status => Err(Answer::NotYet(format!("{url} answers {status}"))),
    }
}

fn unreachable_at(url: &str, error: reqwest::Error) -> Answer {
    // The innermost cause says what happened; the outer ones repeat the address.
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    let mut text = cause.to_string();
    while let Some(inner) = cause.source() {
        cause = inner;
        text = cause.to_string();
    }
    Answer::NotYet(format!("{url}: {text}"))
}

#[cfg(test)]
mod tests;
