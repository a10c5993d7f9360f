//! Before any load: wait until the model server is healthy, serves the model and answers a request.
//!
//! A server that still loads its model is worth the wait; one that serves another model, or refuses the key or the request,
//! is not. Knows HTTP and the three questions, nothing of the run that follows.

mod models;

use std::fmt;
use std::time::Duration;

use benchmark_schemas::variables::PREFLIGHT;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use tokio::time::{Instant, sleep};

use crate::cause::innermost;
use crate::client::base_url;
use crate::client::http::route;
use crate::serving::bounded;
use crate::workload::BodyOptions;

pub use models::{MOST_LIST_BYTES, model_names, models_url, redirect};

/// Pause between two rounds of questions.
const PAUSE: Duration = Duration::from_secs(2);

/// What the one request says.
const PROMPT: &str = "Hello";

/// Characters of a refusal that are shown.
const MOST_SHOWN: usize = 200;

/// How often the log says what is waited for.
const REMINDER: Duration = Duration::from_secs(30);

/// The server that a run is about to measure.
#[derive(Debug)]
pub struct Target {
    /// Asks with the headers and the key of the measured requests, and follows no redirect.
    pub client: Client,
    /// `server.base_url`.
    pub base_url: String,
    /// Model that must be served; any if `None`.
    pub model: Option<String>,
    /// What the one request has in common with the measured ones; its model is the one that is served.
    pub body: BodyOptions,
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
                "the target is not ready after {seconds} s: {reason} (start the model server, or wait longer: {PREFLIGHT}, in \
                 the chart benchmark.preflight.waitSeconds)"
            ),
            Self::Ever(reason) => write!(f, "the target cannot be measured: {reason}"),
        }
    }
}

impl std::error::Error for NotReady {}

/// Waits until the target is ready, at most `limit`, which is rounded up to a whole round of questions. Gives the names of
/// the models that it lists; `None` if it lists none.
///
/// # Errors
///
/// If it is not ready by then, or never will be.
pub async fn wait(target: &Target, limit: Duration) -> Result<Option<Vec<String>>, NotReady> {
    let begin = Instant::now();
    let mut reminded: Option<Instant> = None;
    loop {
        let reason = match ask(target).await {
            Ok(names) => return Ok(names),
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

async fn ask(target: &Target) -> Result<Option<Vec<String>>, Answer> {
    let health = format!("{}/health", base_url(&target.base_url));
    let answer = target.client.get(&health).send().await.map_err(|error| unreachable_at(&health, error))?;
    // Not every server, and hardly any gateway, has this path; the list of models tells more.
    if !is_missing(answer.status()) && !answer.status().is_redirection() {
        judge(&health, answer.status())?;
    }
    let models = models_url(&target.base_url);
    let answer = target.client.get(&models).send().await.map_err(|error| unreachable_at(&models, error))?;
    if is_missing(answer.status()) {
        tracing::info!("{models} lists no models, so the name is not checked");
        request(target, target.model.as_ref()).await?;
        return Ok(None);
    }
    if let Some(redirect) = redirect(&answer) {
        return Err(Answer::Never(format!("{models} {redirect}")));
    }
    judge(&models, answer.status())?;
    let list =
        bounded(answer, MOST_LIST_BYTES).await.ok().and_then(|list| serde_json::from_slice(&list).ok());
    let names = model_names(&list.ok_or_else(|| Answer::NotYet(format!("{models} gives no JSON")))?);
    if names.is_empty() {
        return Err(Answer::NotYet(format!("{models} lists no model yet")));
    }
    match &target.model {
        Some(model) if !names.contains(model) => {
            return Err(Answer::Never(format!(
                "it does not serve the model `{model}` (set server.model_name, in the chart benchmark.target.modelName, to one \
                 of: {})",
                names.join(", ")
            )));
        }
        _ => {}
    }
    request(target, target.model.as_ref().or(names.first())).await?;
    Ok(Some(names))
}

/// Sends one short request, as a measured one is sent; none if no model is known.
async fn request(target: &Target, model: Option<&String>) -> Result<(), Answer> {
    let Some(model) = model else { return Ok(()) };
    let url = format!("{}{}", base_url(&target.base_url), route(target.body.api));
    let body = BodyOptions { model: model.as_str().into(), ..target.body.clone() };
    let body = body.of_prompt((0, 0), PROMPT, 1);
    let sent = target.client.post(&url).header(CONTENT_TYPE, "application/json").body(body).send().await;
    let answer = sent.map_err(|error| unreachable_at(&url, error))?;
    let status = answer.status();
    let says = bounded(answer, MOST_LIST_BYTES).await.unwrap_or_default();
    let says = String::from_utf8_lossy(&says);
    let says: String = says.trim().chars().take(MOST_SHOWN).collect();
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => judge(&url, status),
        status if status.is_client_error() && !is_key_refused(status) => {
            Err(Answer::Never(format!("{url} answers a request with {status}: {says}")))
        }
        status => judge(&url, status),
    }
}

/// The server does not know the path.
fn is_missing(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
}

/// The server does not let whoever asks in.
fn is_key_refused(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn judge(url: &str, status: StatusCode) -> Result<(), Answer> {
    match status {
        status if is_key_refused(status) => Err(Answer::Never(format!(
            "{url} answers {status} (give the key as INFERENCE_PERF_API_KEY, in the chart benchmark.target.apiKey.existingSecret)"
        ))),
        status if status.is_success() => Ok(()),
        status => Err(Answer::NotYet(format!("{url} answers {status}"))),
    }
}

fn unreachable_at(url: &str, error: reqwest::Error) -> Answer {
    Answer::NotYet(format!("{url}: {}", innermost(&error.without_url())))
}

#[cfg(test)]
mod tests;
