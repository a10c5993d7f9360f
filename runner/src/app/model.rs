//! The model's name where the configuration gives none: the first that the server lists.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::Config;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// Time that the server may take to list its models.
const TIMEOUT: Duration = Duration::from_secs(30);

/// `server.model_name`, or the first entry of `/v1/models`.
///
/// # Errors
///
/// If the server has to be asked and gives no name.
pub(super) async fn name(config: &Config) -> Result<String> {
    if let Some(name) = &config.server.model_name {
        return Ok(name.clone());
    }
    let base_url = config.server.base_url.strip_suffix('/').unwrap_or(&config.server.base_url);
    let url = format!("{base_url}/v1/models");
    let name = ask(config, &url).await.with_context(|| {
        format!(
            "server.model_name is not set, and {url} gives none (start the server, or set server.model_name)"
        )
    })?;
    tracing::info!("Inferred model {name}");
    Ok(name)
}

async fn ask(config: &Config, url: &str) -> Result<String> {
    let list: Value = client(config)?.get(url).send().await?.error_for_status()?.json().await?;
    let models = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    if models.len() > 1 {
        tracing::warn!("the server lists {} models; the first is used", models.len());
    }
    match models.first().and_then(|model| model["id"].as_str()) {
        Some(name) => Ok(name.to_owned()),
        None => bail!("its answer lists no model"),
    }
}

/// Asks the server with the headers of the measured requests.
///
/// # Errors
///
/// If a header cannot be sent.
pub(super) fn client(config: &Config) -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(TIMEOUT).default_headers(headers(config)?).build()?)
}

/// The headers of the measured requests that matter here.
fn headers(config: &Config) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(key) = config.server.api_key.as_ref().filter(|key| !key.expose().is_empty()) {
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", key.expose()))?);
    }
    for (name, value) in config.api.headers.iter().flat_map(|headers| headers.iter()) {
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value.expose())?);
    }
    Ok(headers)
}
