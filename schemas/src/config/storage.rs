//! `storage`: where the reports go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands in a path for the time at which the run started.
pub const TIMESTAMP: &str = "{timestamp}";
/// Folder, or prefix in a bucket, where the configuration gives none.
pub const DEFAULT_PATH: &str = "reports-{timestamp}";

/// Where the reports go. The local folder is written unless it is the whole section that is null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// A local folder.
    pub local_storage: LocalStorage,
    /// A bucket of Google Cloud Storage.
    pub google_cloud_storage: Option<GoogleCloudStorage>,
    /// A bucket of S3 or of a compatible store.
    pub simple_storage_service: Option<SimpleStorageService>,
}

/// A local folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalStorage {
    /// The folder; `{timestamp}` stands for the start of the run, as `20260131-235959`. Empty is the working folder.
    pub path: String,
    /// Text before the name of each file.
    pub report_file_prefix: Option<String>,
}

impl Default for LocalStorage {
    fn default() -> Self {
        Self { path: default_path(), report_file_prefix: None }
    }
}

/// A bucket of Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoogleCloudStorage {
    /// Prefix of the objects; `{timestamp}` stands for the start of the run, as `20260131-235959`.
    #[serde(default = "default_path")]
    pub path: String,
    /// Text before the name of each file.
    #[serde(default)]
    pub report_file_prefix: Option<String>,
    /// The bucket; it must exist.
    pub bucket_name: String,
}

/// A bucket of S3 or of a compatible store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimpleStorageService {
    /// Prefix of the objects; `{timestamp}` stands for the start of the run, as `20260131-235959`.
    #[serde(default = "default_path")]
    pub path: String,
    /// Text before the name of each file.
    #[serde(default)]
    pub report_file_prefix: Option<String>,
    /// The bucket; it must exist.
    pub bucket_name: String,
    /// Address of a compatible store, `http` or `https`; AWS if not given.
    #[serde(default)]
    pub endpoint_url: Option<String>,
    /// Region; from the environment if not given.
    #[serde(default)]
    pub region_name: Option<String>,
    /// Where the bucket's name stands in the address; `auto` if not given.
    #[serde(default)]
    pub addressing_style: Option<AddressingStyle>,
}

/// Where the bucket's name stands in an S3 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddressingStyle {
    /// In the host name for AWS, in the path for other stores.
    Auto,
    /// In the host name.
    Virtual,
    /// In the path.
    Path,
}

impl Storage {
    /// Puts `text` in place of every `{timestamp}` in the paths; all three get the same.
    pub fn resolve_timestamp(&mut self, text: &str) {
        let paths = [Some(&mut self.local_storage.path)]
            .into_iter()
            .chain([self.google_cloud_storage.as_mut().map(|storage| &mut storage.path)])
            .chain([self.simple_storage_service.as_mut().map(|storage| &mut storage.path)]);
        for path in paths.flatten() {
            *path = path.replace(TIMESTAMP, text);
        }
    }
}

fn default_path() -> String {
    DEFAULT_PATH.to_owned()
}
