//! Files of a model on the hub, such as its `tokenizer.json`: fetched by `resolve`, kept in the hub's own cache layout,
//! so that Python's tools and this program share one cache, and a second run needs no network.
//!
//! It knows files by name, not what is in them.

mod cache;
mod error;
mod fetch;
mod settings;

use std::path::PathBuf;

pub use error::HubError;
pub use settings::HubSettings;

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

    /// The file `file` of `model`, from the cache if the hub has nothing newer.
    ///
    /// # Errors
    ///
    /// If the hub does not give it and it is not in the cache.
    pub async fn file(&self, model: &str, file: &str) -> Result<HubFile, HubError> {
        let cached = self.cache.find(model, REVISION, file);
        if self.settings.offline {
            let cached = cached.and_then(cache::read);
            return cached.ok_or_else(|| HubError::Offline {
                model: model.to_owned(),
                file: file.to_owned(),
                caches: self.settings.caches.clone(),
            });
        }
        let client = Client::new(&self.settings, model, file)?;
        // What is in the cache is at hand, so there is no need to insist.
        let head = match client.head(cached.is_none()).await {
            Err(error) => return instead(error, cached),
            Ok(head) => head,
        };
        if let Some(found) = self.known(model, file, &head) {
            return Ok(found);
        }
        let bytes = match client.body(&head).await {
            Err(error) => return instead(error, cached),
            Ok(bytes) => bytes,
        };
        Ok(self.keep(model, file, &head, bytes, client.shown()))
    }

    /// The file if the cache has what the hub has now.
    fn known(&self, model: &str, file: &str, head: &Head) -> Option<HubFile> {
        let (etag, commit) = (head.etag.as_deref()?, head.commit.as_deref()?);
        let path = self.cache.with_blob(model, (REVISION, commit), file, etag)?;
        cache::read(path)
    }

    /// Writes the file into the cache; where that cannot be, it lives in memory alone.
    fn keep(&self, model: &str, file: &str, head: &Head, bytes: Vec<u8>, address: String) -> HubFile {
        let commit = head.commit.as_deref().unwrap_or(REVISION);
        match self.cache.store(model, (REVISION, commit), file, (head.etag.as_deref(), &bytes)) {
            Ok(origin) => HubFile { bytes, origin },
            Err(faults) => {
                tracing::warn!(
                    "{file} of {model} is kept in memory, and the next run fetches it again: no cache folder can be \
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
