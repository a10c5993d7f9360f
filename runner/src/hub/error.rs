//! Why a file of a model is not to be had, and what to do about it.

use std::path::PathBuf;

use benchmark_schemas::problem::{Origin, Problem};

/// Why a file of a model is not to be had. Addresses in it carry no credentials.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The model is gated and nobody who may read it asks.
    #[error("the hub gives {model} only to those who were granted access (HTTP {status})")]
    Gated {
        /// The model.
        model: String,
        /// The hub's status.
        status: u16,
        /// Where access is asked for.
        page: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The token is no good.
    #[error("the hub refuses the token that was sent for {model} (HTTP {status})")]
    Refused {
        /// The model.
        model: String,
        /// The hub's status.
        status: u16,
    },
    /// There is no such model, or it is hidden from whoever asks.
    #[error("there is no folder {model} here, and the hub {endpoint} has no such model (HTTP {status})")]
    NoModel {
        /// The model.
        model: String,
        /// The hub.
        endpoint: String,
        /// The hub's status.
        status: u16,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The model has no such file.
    #[error("the model {model} has no {file} on the hub")]
    NoFile {
        /// The model.
        model: String,
        /// The file.
        file: String,
    },
    /// The cache alone may be used and does not have it.
    #[error(
        "{file} of {model} is not in the cache ({}), and HF_HUB_OFFLINE forbids to fetch it",
        listed(caches)
    )]
    Offline {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// The folders that were looked into.
        caches: Vec<PathBuf>,
    },
    /// The hub answers with something else.
    #[error("{address}: HTTP {status}")]
    Status {
        /// What was asked for.
        address: String,
        /// The hub's status.
        status: u16,
    },
    /// The hub does not answer.
    #[error("{address}: {fault}")]
    Unreachable {
        /// What was asked for.
        address: String,
        /// What is wrong.
        fault: String,
    },
    /// What came is not what the hub said that it is.
    #[error("{address}: {fault}")]
    Broken {
        /// What was asked for.
        address: String,
        /// What is wrong.
        fault: String,
    },
    /// The file is greater than any that is used.
    #[error("{file} of {model} has {bytes} bytes or more, and {most} are fetched at most")]
    TooLarge {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// Bytes that were announced, or that came until it was given up.
        bytes: u64,
        /// Bytes that are fetched at most.
        most: u64,
    },
    /// The whole took longer than it may.
    #[error("{file} of {model} did not come within {seconds} s")]
    Slow {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// `tokenizer.load_timeout`.
        seconds: f64,
    },
}

fn listed(caches: &[PathBuf]) -> String {
    let names: Vec<String> = caches.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() { "no folder is named".to_owned() } else { names.join(", ") }
}

impl HubError {
    /// True for what may be different in a minute, and says nothing about the file.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::Gated { .. }
            | Self::Refused { .. }
            | Self::NoModel { .. }
            | Self::NoFile { .. }
            | Self::Offline { .. }
            | Self::TooLarge { .. }
            | Self::Slow { .. } => false,
        }
    }

    /// What to do about it.
    fn remedy(&self) -> String {
        const NO_HUB: &str = "a local folder of that name with tokenizer.json would need no hub";
        match self {
            Self::Gated { page, with_token: false, .. } => {
                format!("ask for access on {page}, then give a token: HF_TOKEN or tokenizer.token")
            }
            Self::Gated { page, with_token: true, .. } => {
                format!("a token was sent, but its owner has no access: ask for it on {page}")
            }
            Self::Refused { .. } => {
                "give a valid one: tokenizer.token, HF_TOKEN, or the file token in HF_HOME".to_owned()
            }
            Self::NoModel { with_token: false, .. } => {
                format!(
                    "check the name; a private model needs a token: HF_TOKEN or tokenizer.token; {NO_HUB}"
                )
            }
            Self::NoModel { with_token: true, .. } => {
                format!("check the name, and that the token may read the model; {NO_HUB}")
            }
            Self::NoFile { model, .. } => format!(
                "name a model with the same tokenizer that has it, or a folder made in Python by \
                 transformers.AutoTokenizer.from_pretrained('{model}').save_pretrained('FOLDER')"
            ),
            Self::Offline { .. } => {
                format!("unset HF_HUB_OFFLINE for one run, or point HF_HUB_CACHE at the cache; {NO_HUB}")
            }
            Self::Status { .. } | Self::Unreachable { .. } | Self::Broken { .. } => {
                format!("check HF_ENDPOINT, HTTPS_PROXY and the network; {NO_HUB}")
            }
            Self::TooLarge { .. } => {
                format!("no tokenizer is that great: check the name of the model; {NO_HUB}")
            }
            Self::Slow { .. } => {
                format!("raise tokenizer.load_timeout, or check HF_ENDPOINT and HTTPS_PROXY; {NO_HUB}")
            }
        }
    }

    /// The error as a problem of the configuration key that names the model.
    pub fn problem(&self, origin: Origin, key: impl Into<String>) -> Problem {
        Problem::new(origin, key, self.to_string(), self.remedy())
    }
}
