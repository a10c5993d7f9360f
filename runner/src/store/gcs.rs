//! A bucket of Google Cloud Storage: a key file, or the identity that the metadata server gives (workload identity).

use std::fmt::Display;
use std::sync::Arc;

use benchmark_schemas::config::GoogleCloudStorage;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{Error, ObjectStore};

use super::bucket::{StoreEnvironment, client_options, patience};

/// Address of another store that speaks the protocol, as Google's own clients have it.
const EMULATOR: &str = "STORAGE_EMULATOR_HOST";
/// The variables that name a file of credentials, the first that is set counts.
const KEY_FILES: [&str; 2] = ["GOOGLE_SERVICE_ACCOUNT", "GOOGLE_APPLICATION_CREDENTIALS"];

/// A bucket of Google Cloud Storage.
#[derive(Debug)]
pub(super) struct GcsBucket {
    name: String,
    endpoint: Option<String>,
    environment: StoreEnvironment,
}

impl GcsBucket {
    /// The bucket that `settings` name, with credentials from `environment`.
    pub(super) fn new(settings: &GoogleCloudStorage, environment: &StoreEnvironment) -> Self {
        let endpoint = environment
            .get(EMULATOR)
            .map(|host| if host.contains("://") { host.to_owned() } else { format!("http://{host}") });
        Self { name: settings.bucket_name.clone(), endpoint, environment: environment.clone() }
    }

    /// A client that asks for credentials of its own.
    pub(super) fn connect(&self) -> Result<Arc<dyn ObjectStore>, Error> {
        let mut builder = GoogleCloudStorageBuilder::new();
        for (name, value) in self.environment.all("GOOGLE_") {
            if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        builder = builder
            .with_bucket_name(&self.name)
            .with_client_options(client_options(self.endpoint.as_deref()))
            .with_retry(patience());
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_base_url(endpoint);
        }
        Ok(Arc::new(builder.build()?))
    }

    /// `gs://bucket`.
    pub(super) fn url(&self) -> String {
        format!("gs://{}", self.name)
    }

    /// Google's own place goes without saying.
    pub(super) fn whereabouts(&self) -> String {
        format!("at {}", self.endpoint.as_deref().unwrap_or("storage.googleapis.com"))
    }

    /// The sources of credentials in the order in which they are looked at, up to the one that is used.
    pub(super) fn credential_sources(&self) -> String {
        if let Some(name) = KEY_FILES.iter().find(|name| self.environment.get(name).is_some()) {
            return format!("key file ({name}) tried");
        }
        let host = self.environment.get("GCE_METADATA_HOST").unwrap_or("metadata.google.internal");
        format!(
            "key file: {} not set; gcloud's own (~/.config/gcloud/application_default_credentials.json), else workload \
             identity (metadata at {host}) tried",
            KEY_FILES.join(", ")
        )
    }

    /// The command that copies the folder `from` to `to`.
    #[expect(clippy::unused_self, reason = "the counterpart of S3's")]
    pub(super) fn copy_command(&self, from: &dyn Display, to: &dyn Display) -> String {
        format!("gcloud storage rsync --recursive --exclude='^spool/' '{from}' '{to}'")
    }
}
