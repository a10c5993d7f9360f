//! The model's name where the configuration gives none: the first that the server lists.
//!
//! It is asked with the headers, the key and the certificate of the measured requests, and like upstream through the
//! proxy that the environment names. No redirect is followed: the key is for this server alone.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::{Config, ServerType};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use url::Url;

use super::run::tls_files;
use crate::client::http;
use crate::client::tls::{self, TlsFiles};
use crate::preflight::{MOST_LIST_BYTES, model_names, models_url, redirect};
use crate::serving::bounded;

/// Time that the server may take to list its models.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Name of the model where there is no server.
const MOCK_MODEL: &str = "mock_model";

/// The server's list of models, asked for once at most.
#[derive(Debug, Default)]
pub(super) struct Models {
    listed: Option<Vec<String>>,
}

impl Models {
    /// The list if it is known already.
    pub(super) fn new(listed: Option<Vec<String>>) -> Self {
        Self { listed }
    }

    /// `server.model_name`, or the first entry of the list.
    ///
    /// # Errors
    ///
    /// If the server has to be asked and gives no name.
    pub(super) async fn name(&mut self, config: &Config) -> Result<String> {
        if config.server.kind == ServerType::Mock {
            return Ok(MOCK_MODEL.to_owned());
        }
        if let Some(name) = &config.server.model_name {
            return Ok(name.clone());
        }
        let unknown = || {
            format!(
                "server.model_name is not set, and {} gives none (start the server, or set server.model_name)",
                models_url(&config.server.base_url)
            )
        };
        let names = self.names(config).await.with_context(unknown)?;
        if names.len() > 1 {
            tracing::warn!("the server lists {} models; the first is used", names.len());
        }
        let name = names.first().cloned().context("its answer lists no model").with_context(unknown)?;
        tracing::info!("Inferred model {name}");
        Ok(name)
    }

    /// Makes sure that the server has all `adapters`, which it lists as models.
    ///
    /// # Errors
    ///
    /// If it cannot be asked, or lacks one.
    pub(super) async fn check_adapters(
        &mut self,
        config: &Config,
        adapters: impl Iterator<Item = &str>,
    ) -> Result<()> {
        let known = self.names(config).await.with_context(|| {
            format!(
                "load.lora_traffic_split cannot be checked: {} lists no models",
                models_url(&config.server.base_url)
            )
        })?;
        for adapter in adapters {
            if !known.iter().any(|name| name == adapter) {
                bail!(
                    "load.lora_traffic_split: the server has no adapter {adapter:?}; it lists {} (load the adapter, or \
                     name another)",
                    known.join(", ")
                );
            }
        }
        Ok(())
    }

    async fn names(&mut self, config: &Config) -> Result<&[String]> {
        let names = match self.listed.take() {
            Some(names) => names,
            None => ask(config).await?,
        };
        Ok(self.listed.insert(names))
    }
}

async fn ask(config: &Config) -> Result<Vec<String>> {
    let url = models_url(&config.server.base_url);
    let answer = client(config)?.get(url).send().await?.error_for_status()?;
    if let Some(redirect) = redirect(&answer) {
        bail!("it {redirect}");
    }
    let list = bounded(answer, MOST_LIST_BYTES).await.context("its answer cannot be read")?;
    Ok(model_names(&serde_json::from_slice(&list).context("its answer is no JSON")?))
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
    if let Some(tls) = tls_to(&config.server.base_url, &tls_files(config))? {
        client = client.tls_backend_preconfigured((*tls).clone());
    }
    Ok(client.build()?)
}

/// How `url` is spoken to over TLS with `files`; `None` if it is not.
///
/// # Errors
///
/// If it is no address, or a file cannot be used.
pub(super) fn tls_to(url: &str, files: &TlsFiles) -> Result<Option<Arc<ClientConfig>>> {
    let is_tls = Url::parse(url)?.scheme() == "https";
    Ok(is_tls.then(|| tls::client_config(files)).transpose()?)
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
