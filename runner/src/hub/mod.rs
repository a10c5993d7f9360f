//! Files of models and data sets on the hub, such as a `tokenizer.json`: fetched by `resolve`, kept in the hub's own cache layout,
//! so that Python's tools and this program share one cache, and a second run needs no network.
//!
//! It knows files by name, not what is in them.

mod cache;
mod error;
mod fetch;
mod repo;
mod settings;

use std::path::PathBuf;

pub use error::HubError;
pub use repo::{Kind, Repo};
pub use settings::HubSettings;

use serde::Deserialize;

use self::cache::Cache;
use self::fetch::{Client, Head};

/// The only revision that a configuration can name.
const REVISION: &str = "main";

/// A file of a model.
#[derive(Debug)]
pub struct HubFile {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Where it lies in the cache, or its address if it could not be kept.
    pub origin: PathBuf,
}

/// A hub with its cache.
#[derive(Debug)]
pub struct Hub {
    settings: HubSettings,
    cache: Cache,
}

/// What the hub says of all files.
#[derive(Debug, Deserialize)]
struct Listing {
    siblings: Vec<Sibling>,
}

#[derive(Debug, Deserialize)]
struct Sibling {
    rfilename: String,
}

/// True if `text` can be the name of a model on a hub: `model` or `owner/model`.
#[must_use]
pub fn is_model_name(text: &str) -> bool {
    let is_step = |step: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let edge = |c: char| matches!(c, '-' | '.');
        !step.is_empty() && step.chars().all(plain) && !step.starts_with(edge) && !step.ends_with(edge)
    };
    text.len() <= 96 && text.split('/').count() <= 2 && text.split('/').all(is_step)
}

impl Hub {
    /// The hub that `settings` say; nothing is asked yet.
    #[must_use]
    pub fn new(settings: HubSettings) -> Self {
        let cache = Cache::new(settings.caches.clone());
        Self { settings, cache }
    }

    /// The file `file` of `repo`, from the cache if the hub has nothing newer.
    ///
    /// # Errors
    ///
    /// If the hub does not give it and it is not in the cache.
    pub async fn file(&self, repo: &Repo, file: &str) -> Result<HubFile, HubError> {
        let cached = self.cache.find(repo, REVISION, file);
        if self.settings.offline {
            let cached = cached.and_then(cache::read);
            return cached.ok_or_else(|| self.offline(repo, file));
        }
        let client = Client::new(&self.settings, repo, file)?;
        // What is in the cache is at hand, so there is no need to insist.
        let head = match client.head(cached.is_none()).await {
            Err(error) => return instead(error, cached),
            Ok(head) => head,
        };
        if let Some(found) = self.known(repo, file, &head) {
            return Ok(found);
        }
        let bytes = match client.body(&head).await {
            Err(error) => return instead(error, cached),
            Ok(bytes) => bytes,
        };
        Ok(self.keep(repo, file, &head, bytes, client.shown()))
    }

    /// Where the file `file` of `repo` lies in the cache, which has it from then on: it may be of any size.
    ///
    /// # Errors
    ///
    /// If the hub does not give it and it is not in the cache, or the cache cannot be written.
    pub async fn path(&self, repo: &Repo, file: &str) -> Result<PathBuf, HubError> {
        let cached = self.cache.find(repo, REVISION, file);
        if self.settings.offline {
            return cached.ok_or_else(|| self.offline(repo, file));
        }
        let client = Client::new(&self.settings, repo, file)?;
        let fetched = async {
            let head = client.head(cached.is_none()).await?;
            match self.place(repo, file, &head) {
                Some(path) => Ok(path),
                None => self.download(&client, repo, file, &head).await,
            }
        };
        match (fetched.await, cached) {
            (Err(error), Some(path)) if error.is_passing() => {
                tracing::warn!("{error}; {} is used", path.display());
                Ok(path)
            }
            (fetched, _) => fetched,
        }
    }

    async fn download(
        &self,
        client: &Client<'_>,
        repo: &Repo,
        file: &str,
        head: &Head,
    ) -> Result<PathBuf, HubError> {
        let not_kept = |fault: String| HubError::NotKept { repo: repo.clone(), file: file.to_owned(), fault };
        let incoming = self.cache.incoming(repo).map_err(not_kept)?;
        tracing::info!("Fetching {}", client.shown());
        client.download(head, incoming.file()).await?;
        let commit = head.commit.as_deref().unwrap_or(REVISION);
        let kept = incoming.keep((REVISION, commit), file, head.etag.as_deref());
        kept.map_err(|error| not_kept(error.to_string()))
    }

    /// Names of all files of `repo` in order; without the hub, of those that are in the cache.
    ///
    /// # Errors
    ///
    /// If the hub does not say and the cache has none.
    pub async fn files(&self, repo: &Repo) -> Result<Vec<String>, HubError> {
        let listed = if self.settings.offline {
            Err(self.offline(repo, "list of files"))
        } else {
            self.listed(repo).await
        };
        match (listed, self.cache.files(repo, REVISION)) {
            (Err(error), cached) if !cached.is_empty() && (error.is_passing() || self.settings.offline) => {
                if !self.settings.offline {
                    tracing::warn!("{error}; the files in the cache are used");
                }
                Ok(cached)
            }
            (listed, _) => listed,
        }
    }

    async fn listed(&self, repo: &Repo) -> Result<Vec<String>, HubError> {
        let client = Client::listing(&self.settings, repo)?;
        let body = client.body(&Head::default()).await?;
        let listing: Listing = serde_json::from_slice(&body).map_err(|error| HubError::Broken {
            address: client.shown(),
            fault: format!("what came is no list of files: {error}"),
        })?;
        let mut names: Vec<String> = listing.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
        // They become paths in the cache.
        names.retain(|name| cache::is_path(name));
        names.sort_unstable();
        Ok(names)
    }

    fn offline(&self, repo: &Repo, file: &str) -> HubError {
        let caches = self.settings.caches.clone();
        HubError::Offline { repo: repo.clone(), file: file.to_owned(), caches }
    }

    /// The file if the cache has what the hub has now.
    fn known(&self, repo: &Repo, file: &str, head: &Head) -> Option<HubFile> {
        cache::read(self.place(repo, file, head)?)
    }

    /// Where the file lies if the cache has what the hub has now.
    fn place(&self, repo: &Repo, file: &str, head: &Head) -> Option<PathBuf> {
        let (etag, commit) = (head.etag.as_deref()?, head.commit.as_deref()?);
        self.cache.with_blob(repo, (REVISION, commit), file, etag)
    }

    /// Writes the file into the cache; where that cannot be, it lives in memory alone.
    fn keep(&self, repo: &Repo, file: &str, head: &Head, bytes: Vec<u8>, address: String) -> HubFile {
        let commit = head.commit.as_deref().unwrap_or(REVISION);
        match self.cache.store(repo, (REVISION, commit), file, (head.etag.as_deref(), &bytes)) {
            Ok(origin) => HubFile { bytes, origin },
            Err(faults) => {
                tracing::warn!(
                    "{file} of {repo} is kept in memory, and the next run fetches it again: no cache folder can be \
                     written ({faults}; HF_HUB_CACHE names another one)"
                );
                HubFile { bytes, origin: PathBuf::from(address) }
            }
        }
    }
}

/// What is in the cache, if `error` may be gone in a minute; it is told, for the hub may have something newer.
fn instead(error: HubError, cached: Option<PathBuf>) -> Result<HubFile, HubError> {
    match cached.filter(|_| error.is_passing()).and_then(cache::read) {
        Some(found) => {
            tracing::warn!("{error}; {} is used", found.origin.display());
            Ok(found)
        }
        None => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_are_told_from_paths() {
        for name in ["gpt2", "Qwen/Qwen3-8B", "a_b/c.d-e"] {
            assert!(is_model_name(name), "{name}");
        }
        for path in
            ["", "/models/x", "./x", "../x", "a/b/c", "a//b", "x/", "C:\\x", "a b", "-x/y", &"x".repeat(97)]
        {
            assert!(!is_model_name(path), "{path}");
        }
    }
}
