//! Where results go, what is waited for before a run, and keys that are accepted though they do nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::figure::{Count, Whole};
use super::fragment::Scalars;

/// What is waited for before any load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Preflight {
    /// Wait until the server is healthy and serves the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Longest wait, seconds. Unset: 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<Count>,
}

/// The files of a run within the pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Results {
    /// Seconds that the pod stays after the run, so that its reports can be copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<Whole>,
    /// Limit of the volume for results, such as `2Gi`. Empty: four times what the plan is estimated to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_limit: Option<String>,
    /// A claim to keep the results on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
}

impl Results {
    /// The claim that results are kept on, if there is to be one.
    #[must_use]
    pub fn claim_if_enabled(&self) -> Option<&Claim> {
        self.claim.as_ref().filter(|claim| claim.enabled == Some(true))
    }
}

/// A `PersistentVolumeClaim` for results.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
    /// Keep the results on it, a folder for each run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Existing claim. Empty: the chart makes one, which stays when the release is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_claim: Option<String>,
    /// Size of the chart's claim. Empty: 10Gi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Storage class of the chart's claim. Empty: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    /// Access modes of the chart's claim. Empty: `ReadWriteOnce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_modes: Option<Vec<AccessMode>>,
    /// Group that the volume is made writable for, where the pod's security context names none. Null: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fs_group: Option<Whole>,
}

/// How a volume may be mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// By the pods of one node.
    ReadWriteOnce,
    /// By one pod.
    ReadWriteOncePod,
    /// By pods of any node.
    ReadWriteMany,
}

/// A data set of one's own, whose rows are asked instead of what the scenario says: the guide's keys, and where it lies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomData {
    /// Ask its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Accepted because the guide shows it; not read.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// File or folder: in the volume below if it does not begin with `/`, else anywhere in the pod, or `s3://bucket/key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What its rows look like. Empty: sharegpt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<RowFormat>,
    /// Existing ConfigMap with its files. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_config_map: Option<String>,
    /// Existing PersistentVolumeClaim with its files. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_claim: Option<String>,
}

/// Where the volume with a data set of one's own is mounted.
pub const CUSTOM_DATA_FOLDER: &str = "/etc/inference-perf/custom-data";

impl CustomData {
    /// Where its files are in the pod; nothing if it is not enabled, or names none.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let has_volume = given(&self.existing_config_map).is_some() || given(&self.existing_claim).is_some();
        let path = given(&self.path).unwrap_or_default();
        if self.enabled != Some(true) || (path.is_empty() && !has_volume) {
            return None;
        }
        let absolute = path.starts_with('/') || path.starts_with("s3://");
        Some(match path.as_str() {
            "" => CUSTOM_DATA_FOLDER.to_owned(),
            _ if absolute => path,
            _ => format!("{CUSTOM_DATA_FOLDER}/{path}"),
        })
    }

    /// True if its rows are none of ShareGPT's.
    #[must_use]
    pub fn is_own_format(&self) -> bool {
        matches!(self.format, Some(RowFormat::Openai | RowFormat::Alpaca | RowFormat::Prompt))
    }
}

/// What the rows of a data set look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowFormat {
    /// `conversations`, as ShareGPT has them.
    Sharegpt,
    /// `messages`, as OpenAI's API has them.
    Openai,
    /// `instruction`, `input` and `output`.
    Alpaca,
    /// `prompt`, and perhaps `completion` and `max_tokens`.
    Prompt,
    /// Not said: sharegpt.
    #[serde(rename = "")]
    Unset,
}

/// Metrics of the server, as AWS's workshop has them. Ignored with a notice.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metrics {
    /// Not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Value>,
    /// Not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Scalars>,
}

/// A Hugging Face token in an existing Secret, for gated tokenizers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HfToken {
    /// Name of the Secret. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_secret: Option<String>,
    /// Key in the Secret. Unset: token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Start the pod also where the Secret does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// Where results go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Storage {
    /// A bucket of S3 or of a compatible store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
    /// A bucket of Google Cloud Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcs: Option<Gcs>,
}

/// A bucket of Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gcs {
    /// Upload the results. Unset: if `bucketName` is not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Bucket. Empty: no upload there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_name: Option<String>,
    /// First part of the path `<pathPrefix>/<scenario>/<serverType>/<model>/{timestamp}` in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// Literal path in the bucket, used instead of that scheme. `{timestamp}` in it is the start of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Existing Secret with the key file of a service account. Empty: the ServiceAccount's workload identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_secret: Option<String>,
    /// Key in the Secret. Unset: key.json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A bucket of S3 or of a compatible store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3 {
    /// Upload the results. Unset: if `bucketName` is not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Bucket. Empty: no upload; the pod's log then is where the summary stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_name: Option<String>,
    /// First part of the path `<pathPrefix>/<scenario>/<serverType>/<model>/{timestamp}` in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// Literal path in the bucket, used instead of that scheme. `{timestamp}` in it is the start of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Endpoint of an S3-compatible store. Empty: AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// Region. Empty: as the pod's environment says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Addressing style. Empty: auto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addressing_style: Option<AddressingStyle>,
    /// Existing Secret with the keys `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. Empty: the ServiceAccount's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_secret: Option<String>,
}

/// How a bucket stands in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AddressingStyle {
    /// As the store needs it.
    Auto,
    /// In the host name.
    Virtual,
    /// In the path.
    Path,
    /// Not said: auto.
    #[serde(rename = "")]
    Unset,
}

impl AddressingStyle {
    /// The value as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Virtual => "virtual",
            Self::Path => "path",
            Self::Unset => "",
        }
    }
}

/// What older images had to install.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dependencies {
    /// Accepted for compatibility and ignored: the image needs no Python package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<Vec<String>>,
}
