//! Why a file of a model or data set is not to be had, and what to do about it.

use std::path::PathBuf;

use benchmark_schemas::problem::{Origin, Problem};

use super::repo::{Kind, Repo};

/// Why a file of a model or data set is not to be had. Addresses in it carry no credentials.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The model is gated and nobody who may read it asks.
    #[error("the hub gives {repo} only to those who were granted access (HTTP {status})")]
    Gated {
        /// The model or data set.
        repo: Repo,
        /// The hub's status.
        status: u16,
        /// Where access is asked for.
        page: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The token is no good.
    #[error("the hub refuses the token that was sent for {repo} (HTTP {status})")]
    Refused {
        /// The model or data set.
        repo: Repo,
        /// The hub's status.
        status: u16,
    },
    /// There is no such model, or it is hidden from whoever asks.
    #[error("{}the hub {endpoint} has no such {} (HTTP {status})", not_here(repo), repo.kind)]
    NoModel {
        /// The model or data set.
        repo: Repo,
        /// The hub.
        endpoint: String,
        /// The hub's status.
        status: u16,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The model has no such file.
    #[error("the {} {repo} has no {file} on the hub", repo.kind)]
    NoFile {
        /// The model or data set.
        repo: Repo,
        /// The file.
        file: String,
    },
    /// The cache alone may be used and does not have it.
    #[error(
        "{file} of {repo} is not in the cache ({}), and HF_HUB_OFFLINE forbids to fetch it",
        listed(caches)
    )]
    Offline {
        /// The model or data set.
        repo: Repo,
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
    #[error("{file} of {repo} has {bytes} bytes or more, and {most} are fetched at most")]
    TooLarge {
        /// The model or data set.
        repo: Repo,
        /// The file.
        file: String,
        /// Bytes that were announced, or that came until it was given up.
        bytes: u64,
        /// Bytes that are fetched at most.
        most: u64,
    },
    /// What came cannot be kept.
    #[error("{file} of {repo} cannot be kept: {fault}")]
    NotKept {
        /// The model or data set.
        repo: Repo,
        /// The file.
        file: String,
        /// Why not.
        fault: String,
    },
    /// The whole took longer than it may.
    #[error("{file} of {repo} did not come within {seconds} s")]
    Slow {
        /// The model or data set.
        repo: Repo,
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

/// What a name that is no folder begins a message with.
fn not_here(repo: &Repo) -> String {
    match repo.kind {
        Kind::Model => format!("there is no folder {repo} here, and "),
        Kind::DataSet => format!("{repo}: "),
    }
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
            | Self::NotKept { .. }
            | Self::Slow { .. } => false,
        }
    }

    /// What to do about it.
    pub fn remedy(&self, kind: Kind) -> String {
        let no_hub = match kind {
            Kind::Model => "a local folder of that name with tokenizer.json would need no hub",
            Kind::DataSet => "data.path, with files of the data set, would need no hub",
        };
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
                    "check the name; a private {kind} needs a token: HF_TOKEN or tokenizer.token; {no_hub}"
                )
            }
            Self::NoModel { with_token: true, .. } => {
                format!("check the name, and that the token may read the {kind}; {no_hub}")
            }
            Self::NoFile { repo: Repo { kind: Kind::DataSet, .. }, .. } => {
                format!("check the name of the data set and of its files; {no_hub}")
            }
            Self::NotKept { .. } => {
                format!("point HF_HUB_CACHE at a folder with room that can be written; {no_hub}")
            }
            Self::NoFile { repo, .. } => format!(
                "name a model with the same tokenizer that has it, or a folder made in Python by \
                 transformers.AutoTokenizer.from_pretrained('{repo}').save_pretrained('FOLDER')"
            ),
            Self::Offline { .. } => {
                format!("unset HF_HUB_OFFLINE for one run, or point HF_HUB_CACHE at the cache; {no_hub}")
            }
            Self::Status { .. } | Self::Unreachable { .. } | Self::Broken { .. } => {
                format!("check HF_ENDPOINT, HTTPS_PROXY and the network; {no_hub}")
            }
            Self::TooLarge { .. } => {
                format!("no tokenizer is that great: check the name of the model; {no_hub}")
            }
            Self::Slow { .. } => {
                format!("raise tokenizer.load_timeout, or check HF_ENDPOINT and HTTPS_PROXY; {no_hub}")
            }
        }
    }

    /// The error as a problem of the configuration key that names the model.
    pub fn problem(&self, origin: Origin, key: impl Into<String>) -> Problem {
        Problem::new(origin, key, self.to_string(), self.remedy(Kind::Model))
    }
}
