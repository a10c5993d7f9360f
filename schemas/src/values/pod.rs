//! Values that shape the Job and its pod.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::figure::Whole;
use super::fragment::{Fragment, Scalars};

/// Container image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// Registry, put before the repository. Empty: the repository names it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Image with a program `inference-perf` on its PATH.
    #[schemars(length(min = 1))]
    pub repository: String,
    /// Tag. Empty: the chart's appVersion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Digest (`sha256:…`); wins over the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When the image is pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// At every start.
    Always,
    /// If the node lacks it.
    #[default]
    IfNotPresent,
    /// Never.
    Never,
}

impl Image {
    /// Registry and repository, without a tag.
    pub fn name(&self) -> String {
        let registry = self.registry.as_deref().unwrap_or_default();
        match registry.strip_suffix('/').unwrap_or(registry) {
            "" => self.repository.clone(),
            registry => format!("{registry}/{}", self.repository),
        }
    }

    /// True if it is upstream's own image.
    pub fn is_upstream(&self) -> bool {
        self.name().contains("quay.io/inference-perf/")
    }
}

/// Where a pod's names are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DnsPolicy {
    /// The cluster's DNS, then the node's.
    ClusterFirst,
    /// The same for pods in the node's network.
    ClusterFirstWithHostNet,
    /// The node's.
    Default,
    /// What `dnsConfig` says.
    None,
    /// Not said.
    #[serde(rename = "")]
    Unset,
}

impl DnsPolicy {
    /// The value as written; nothing if it is not said.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::ClusterFirst => Some("ClusterFirst"),
            Self::ClusterFirstWithHostNet => Some("ClusterFirstWithHostNet"),
            Self::Default => Some("Default"),
            Self::None => Some("None"),
            Self::Unset => None,
        }
    }
}

impl PullPolicy {
    /// The value as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// Account that the pod runs as.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceAccount {
    /// Create the ServiceAccount. One that another release or another tool owns is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
    /// Name of the ServiceAccount. Empty: `inference-perf-sa` if created by the chart, else `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Annotations, for example `eks.amazonaws.com/role-arn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Scalars>,
    /// Labels. They cannot replace the chart's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Scalars>,
    /// Mount the account's API token into the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automount: Option<bool>,
}

/// The Job around the pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Job {
    /// How often a failed pod is replaced. A replacement repeats the whole load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_limit: Option<Whole>,
    /// Seconds until the finished Job is deleted. Unset: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<Whole>,
    /// Last part of the names of Job and ConfigMap: `hash`, `none`, or a literal of at most 20 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_suffix: Option<NameSuffix>,
    /// Seconds that the pod may run. Unset: worked out from the stages, their time-outs and the upload. 0: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<Whole>,
    /// Seconds until Kubernetes ends the whole Job, waiting for a node included. Unset: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<Whole>,
    /// Run again if the node is drained or the pod is pre-empted, instead of failing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_on_disruption: Option<bool>,
    /// Annotations of the Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Scalars>,
    /// Labels of the Job. They cannot replace the chart's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Scalars>,
}

/// Nearness to the model's pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Affinity {
    /// `false` is the same as `mode: "off"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Run in the zone of the model's pods: preferred, required (the pod waits for such a node) or "off".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<AffinityMode>,
    /// Labels of the model's pods. Empty: `app.kubernetes.io/component: <service>` from `target.baseUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_labels: Option<Scalars>,
    /// Namespaces of the model's pods. Empty: the namespace in `target.baseUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
}

/// How strongly the pod keeps to the zone of the model's pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AffinityMode {
    /// If there is room.
    Preferred,
    /// Or not at all.
    Required,
    /// Anywhere.
    Off,
}

impl<'de> Deserialize<'de> for AffinityMode {
    /// An unquoted `off` is a boolean in YAML 1.1.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(false) => Ok(Self::Off),
            Value::String(text) if text == "off" => Ok(Self::Off),
            Value::String(text) if text == "preferred" => Ok(Self::Preferred),
            Value::String(text) if text == "required" => Ok(Self::Required),
            _ => Err(de::Error::custom("must be preferred, required or off")),
        }
    }
}

impl JsonSchema for AffinityMode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AffinityMode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["preferred", "required", "off", false] })
    }
}

/// Last part of object names. A literal of digits may be written as a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NameSuffix(String);

impl NameSuffix {
    /// The suffix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for NameSuffix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            _ => Err(de::Error::custom("must be a string")),
        }
    }
}

impl JsonSchema for NameSuffix {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NameSuffix".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"] })
    }
}

/// An environment variable as in a pod: `name` with `value` or `valueFrom`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvVar(pub Fragment);

impl EnvVar {
    /// Name of the variable.
    pub fn name(&self) -> &str {
        self.0.get("name").and_then(Value::as_str).unwrap_or_default()
    }
}

impl JsonSchema for EnvVar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EnvVar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 1, "description": "Name of the variable." },
                "value": {
                    "type": ["string", "number", "boolean", "null"],
                    "description": "Its value; becomes a string.",
                },
            },
            "required": ["name"],
        })
    }
}
