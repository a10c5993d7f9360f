//! What the requests of a run have in common, checked and made once.

use std::io::Write as _;
use std::sync::Arc;

use benchmark_schemas::config::ApiType;
use benchmark_schemas::record::Nanos;
use benchmark_schemas::secret::Secret;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
    USER_AGENT,
};
use rustls::ClientConfig;

use crate::client::target::Target;
use crate::client::tls::{self, TlsError, TlsFiles};
use crate::client::{AnswerReading, Keep, Secrets};

/// Version of Anthropic's API that is spoken.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// What the requests of a run have in common.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// `server.base_url`; one slash at its end is dropped.
    pub base_url: String,
    /// How answers are read: the API whose path is appended to it, and what of its answers are tokens.
    pub reading: AnswerReading,
    /// `server.api_key`, sent as the API wants it.
    pub api_key: Option<Secret>,
    /// `api.headers`: they replace the built-in headers, case ignored.
    pub headers: Vec<(String, Secret)>,
    /// TLS files; they matter for `https` only.
    pub tls: TlsFiles,
    /// Time that connecting may take, nanoseconds; `None` for no limit but the request's own.
    pub connect_timeout: Option<Nanos>,
    /// Answers are streams of events.
    pub streaming: bool,
    /// Texts to keep beside the facts.
    pub keep: Keep,
}

/// Why a transport cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The base URL is not usable.
    #[error("server.base_url {url:?} is no usable URL: {fault} (write it like http://host:8000)")]
    Url {
        /// As configured.
        url: String,
        /// What is wrong with it.
        fault: String,
    },
    /// A header cannot be sent; its value is not shown.
    #[error("{key}: it cannot be sent as a header ({fault})")]
    Header {
        /// Key of the configuration.
        key: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Makes the transports of the workers.
#[derive(Clone)]
pub struct HttpSource {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) target: Target,
    /// Request line and headers, up to the value of `content-length`.
    head: Bytes,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) connect_timeout: Option<Nanos>,
    pub(super) streaming: bool,
    pub(super) reading: AnswerReading,
    pub(super) keep: Keep,
    pub(super) secrets: Secrets,
}

impl Shared {
    /// The head of a request with a body of `length` bytes.
    pub(super) fn request_head(&self, length: usize) -> Bytes {
        let mut head = Vec::with_capacity(self.head.len() + 24);
        head.extend_from_slice(&self.head);
        // Writing to memory cannot fail.
        let _ = write!(head, "{length}\r\n\r\n");
        Bytes::from(head)
    }
}

impl HttpSource {
    /// Checks `settings` and reads the TLS files that they name.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn new(settings: &HttpSettings) -> Result<Self, SettingsError> {
        let target = Target::parse(&settings.base_url, route(settings.reading.api))
            .map_err(|fault| SettingsError::Url { url: settings.base_url.clone(), fault })?;
        let head = head(&target, &headers(&target, settings)?);
        let tls = if target.tls { Some(tls::client_config(&settings.tls)?) } else { None };
        let shared = Shared {
            target,
            head,
            tls,
            connect_timeout: settings.connect_timeout,
            streaming: settings.streaming,
            reading: settings.reading,
            keep: settings.keep,
            secrets: secrets(settings),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What nobody may see of what servers and gateways echo.
    pub fn secrets(&self) -> &Secrets {
        &self.shared.secrets
    }
}

/// Path of an API, appended to the base URL.
#[must_use]
pub fn route(api: ApiType) -> &'static str {
    match api {
        ApiType::Completion => "/v1/completions",
        ApiType::Chat => "/v1/chat/completions",
        ApiType::AnthropicMessages => "/v1/messages",
    }
}

fn secrets(settings: &HttpSettings) -> Secrets {
    Secrets::of(settings.api_key.iter().chain(settings.headers.iter().map(|(_, value)| value)))
}

/// Headers by which an API knows its caller.
pub(crate) fn authorisation(api: ApiType, key: Option<&Secret>) -> Vec<(HeaderName, Secret)> {
    let key = key.filter(|key| !key.expose().is_empty());
    match api {
        ApiType::Completion | ApiType::Chat => key
            .map(|key| (AUTHORIZATION, Secret::new(format!("Bearer {}", key.expose()))))
            .into_iter()
            .collect(),
        ApiType::AnthropicMessages => {
            let key = key.map(|key| (HeaderName::from_static("x-api-key"), key.clone()));
            let version = (HeaderName::from_static("anthropic-version"), Secret::new(ANTHROPIC_VERSION));
            key.into_iter().chain([version]).collect()
        }
    }
}

fn head(target: &Target, headers: &HeaderMap) -> Bytes {
    let mut head = format!("POST {} HTTP/1.1\r\n", target.path).into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"content-length: ");
    Bytes::from(head)
}

fn headers(target: &Target, settings: &HttpSettings) -> Result<HeaderMap, SettingsError> {
    let value = |key: &str, text: &str| -> Result<HeaderValue, SettingsError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| SettingsError::Header {
            key: key.to_owned(),
            fault: "its value holds characters that headers must not have",
        })?;
        value.set_sensitive(true);
        Ok(value)
    };
    let mut headers = HeaderMap::new();
    headers.insert(HOST, value("server.base_url", &target.authority)?);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers
        .insert(USER_AGENT, HeaderValue::from_static(concat!("inference-perf/", env!("CARGO_PKG_VERSION"))));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, text) in authorisation(settings.reading.api, settings.api_key.as_ref()) {
        headers.insert(name, value("server.api_key", text.expose())?);
    }
    for (name, text) in &settings.headers {
        let key = format!("api.headers.{name}");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| SettingsError::Header {
            key: key.clone(),
            fault: "its name holds characters that header names must not have",
        })?;
        headers.insert(name, value(&key, text.expose())?);
    }
    // These two say how the body is framed, which is not for the configuration to say.
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    Ok(headers)
}
