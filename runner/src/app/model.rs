//! The model's name where the configuration gives none: the first that the server lists.
//!
//! It is asked with the headers, the key and the certificate of the measured requests, and like upstream through the
//! proxy that the environment names. No redirect is followed: the key is for this server alone.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::{Config, ServerType};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use serde_json::Value;

use super::run::tls_files;
use crate::client::{http, tls};

/// Time that the server may take to list its models.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Name of the model where there is no server.
const MOCK_MODEL: &str = "mock_model";

/// `server.model_name`, or the first entry of `/v1/models`.
///
/// # Errors
///
/// If the server has to be asked and gives no name.
pub(super) async fn name(config: &Config) -> Result<String> {
    if config.server.kind == ServerType::Mock {
        return Ok(MOCK_MODEL.to_owned());
    }
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
    let answer = client(config)?.get(url).send().await?.error_for_status()?;
    if answer.status().is_redirection() {
        let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("somewhere else");
        bail!("it redirects to {to}, which is not followed (set server.base_url to where the server is)");
    }
    let list: Value = answer.json().await?;
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

/// Asks the server with the headers and the TLS files of the measured requests; follows no redirect.
///
/// # Errors
///
/// If a header cannot be sent, or a TLS file cannot be used.
pub(super) fn client(config: &Config) -> Result<reqwest::Client> {
    let mut client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(Policy::none())
        .default_headers(headers(config)?);
    if config.server.base_url.starts_with("https:") {
        client = client.tls_backend_preconfigured((*tls::client_config(&tls_files(config))?).clone());
    }
    Ok(client.build()?)
}

/// The headers of the measured requests that matter here.
pub(super) fn headers(config: &Config) -> Result<HeaderMap> {
    let own = http::authorisation(config.api.kind, config.server.api_key.as_ref());
    let mut headers = HeaderMap::new();
    for (name, value) in own {
        headers.insert(name, sensitive(value.expose())?);
    }
    for (name, value) in config.api.headers.iter().flatten() {
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, sensitive(value.expose())?);
    }
    Ok(headers)
}

fn sensitive(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
#[path = "model/tests.rs"]
mod tests;
