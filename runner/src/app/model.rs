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
    let url = list_url(config);
    let unknown = || {
        format!(
            "server.model_name is not set, and {url} gives none (start the server, or set server.model_name)"
        )
    };
    let names = ask(config, &url).await.with_context(unknown)?;
    if names.len() > 1 {
        tracing::warn!("the server lists {} models; the first is used", names.len());
    }
    let name = names.into_iter().next().context("its answer lists no model").with_context(unknown)?;
    tracing::info!("Inferred model {name}");
    Ok(name)
}

async fn ask(config: &Config, url: &str) -> Result<Vec<String>> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).default_headers(headers(config)?).build()?;
    let list: Value = client.get(url).send().await?.error_for_status()?.json().await?;
    let models = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = models.iter().filter_map(|model| model["id"].as_str());
    Ok(names.map(str::to_owned).collect())
}

/// Makes sure that the server has all `adapters`, which it lists as models.
///
/// # Errors
///
/// If it cannot be asked, or lacks one.
pub(super) async fn check_adapters(config: &Config, adapters: impl Iterator<Item = &str>) -> Result<()> {
    let url = list_url(config);
    let known = ask(config, &url)
        .await
        .with_context(|| format!("load.lora_traffic_split cannot be checked: {url} lists no models"))?;
    for adapter in adapters {
        if !known.iter().any(|name| name == adapter) {
            bail!(
                "load.lora_traffic_split: the server has no adapter {adapter:?}; it lists {} (load the adapter, or name \
                 another)",
                known.join(", ")
            );
        }
    }
    Ok(())
}

fn list_url(config: &Config) -> String {
    let base_url = config.server.base_url.strip_suffix('/').unwrap_or(&config.server.base_url);
    format!("{base_url}/v1/models")
}

/// The headers of the measured requests that matter here.
pub(super) fn headers(config: &Config) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(key) = config.server.api_key.as_ref().filter(|key| !key.expose().is_empty()) {
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {}", key.expose()))?);
    }
    for (name, value) in config.api.headers.iter().flat_map(|headers| headers.iter()) {
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value.expose())?);
    }
    Ok(headers)
}
