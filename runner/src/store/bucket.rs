//! A bucket of any kind, and what all kinds have in common: the environment, patience, how stores are spoken to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::{BackoffConfig, ClientOptions, Error, ObjectStore, RetryConfig};

use super::gcs::GcsBucket;
use super::s3::S3Bucket;

/// Beginnings of the names of variables that stores look at.
const PREFIXES: [&str; 4] = ["AWS_", "GOOGLE_", "GCE_", "STORAGE_"];

/// Variables of the environment that stores may take credentials and defaults from.
#[derive(Clone, Default)]
pub struct StoreEnvironment(Vec<(String, String)>);

impl StoreEnvironment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let text = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        text.collect()
    }

    /// The value of variable `name`, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The variables whose names begin with `prefix` and that are not empty.
    pub(super) fn all(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        let prefix = prefix.to_owned();
        let given = self.0.iter().filter(move |(name, value)| name.starts_with(&prefix) && !value.is_empty());
        given.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for StoreEnvironment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        let wanted = |name: &String| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        Self(variables.into_iter().filter(|(name, _)| wanted(name)).collect())
    }
}

/// Names only: values may be secret.
impl fmt::Debug for StoreEnvironment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A bucket and how it is reached.
#[derive(Debug)]
pub(super) enum Bucket {
    S3(S3Bucket),
    Gcs(GcsBucket),
    #[cfg(test)]
    Memory(Arc<object_store::memory::InMemory>),
}

impl Bucket {
    /// A client of it, with credentials of its own.
    pub(super) fn connect(&self) -> Result<Arc<dyn ObjectStore>, Error> {
        match self {
            Self::S3(bucket) => bucket.connect(),
            Self::Gcs(bucket) => bucket.connect(),
            #[cfg(test)]
            Self::Memory(store) => Ok(Arc::clone(store) as Arc<dyn ObjectStore>),
        }
    }

    /// `s3://bucket`.
    pub(super) fn url(&self) -> String {
        match self {
            Self::S3(bucket) => bucket.url(),
            Self::Gcs(bucket) => bucket.url(),
            #[cfg(test)]
            Self::Memory(_) => "memory://b".to_owned(),
        }
    }

    /// Where the store is, for messages.
    pub(super) fn whereabouts(&self) -> String {
        match self {
            Self::S3(bucket) => bucket.whereabouts(),
            Self::Gcs(bucket) => bucket.whereabouts(),
            #[cfg(test)]
            Self::Memory(_) => "in memory".to_owned(),
        }
    }

    /// The section of the configuration that names it.
    pub(super) fn section(&self) -> &'static str {
        match self {
            Self::S3(_) => "storage.simple_storage_service",
            Self::Gcs(_) => "storage.google_cloud_storage",
            #[cfg(test)]
            Self::Memory(_) => "storage",
        }
    }

    /// The right that uploads need.
    pub(super) fn right(&self) -> &'static str {
        if matches!(self, Self::Gcs(_)) {
            "storage.objects.create and storage.objects.delete"
        } else {
            "s3:PutObject"
        }
    }

    /// The sources of credentials in the order in which they are looked at, up to the one that is used.
    pub(super) fn credential_sources(&self) -> String {
        match self {
            Self::S3(bucket) => bucket.credential_sources(),
            Self::Gcs(bucket) => bucket.credential_sources(),
            #[cfg(test)]
            Self::Memory(_) => String::new(),
        }
    }

    /// Looks whether the bucket is somewhere else than asked for, and goes there; true if it was.
    pub(super) async fn relocate(&mut self) -> bool {
        match self {
            Self::S3(bucket) => bucket.relocate().await,
            Self::Gcs(_) => false,
            #[cfg(test)]
            Self::Memory(_) => false,
        }
    }
}

/// How long a store that fails is asked again.
pub(super) fn patience() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout: Duration::from_mins(1),
    }
}

/// How a store is spoken to; plain HTTP only where its address asks for it.
pub(super) fn client_options(endpoint: Option<&str>) -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(Duration::from_secs(10))
        .with_timeout(Duration::from_mins(2))
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
}
