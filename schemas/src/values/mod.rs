//! What values.yaml may say: the contract of the chart `benchmark-charts`.
//!
//! Defaults stand once, in the chart's values.yaml, not here: these types describe values after the chart's defaults
//! are merged in, when a missing key means that the user set it to null. Knows nothing of Kubernetes objects; what
//! the chart passes through to them is free-form.

mod check;
pub mod figure;
mod flatten;
mod fragment;
mod live;
pub mod pod;
pub mod scenario;
mod schema;
mod secrets;
mod simulator;
pub mod storage;
pub mod table;
mod target;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use check::check;
pub use fragment::{Fragment, Fragments, Scalars};
pub use live::{Dashboard, LiveMetrics, PodMonitor};
pub use schema::json_schema;
pub use secrets::{Authorities, ClientCertificate, SecretKey, is_secret_name, is_secret_value};
pub use simulator::Simulator;
pub use storage::{
    AccessMode, AddressingStyle, CUSTOM_DATA_FOLDER, Claim, CustomData, Dependencies, Gcs, HfToken, Metrics,
    Preflight, Results, RowFormat, S3, Storage,
};
pub use target::{Service, target_service};

use pod::{Affinity, DnsPolicy, EnvVar, Image, Job, ServiceAccount};
use scenario::Scenarios;

/// Values of the chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Values {
    /// Replaces the chart's name in the names of objects and in the label `app.kubernetes.io/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_override: Option<String>,
    /// Replaces `<release>-<chart>` as the first part of the names of Job and ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fullname_override: Option<String>,
    /// Namespace of every object. Empty: the release's. `benchmark.namespace` wins over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_override: Option<String>,
    /// Labels for every object and the pod. They cannot replace the chart's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_labels: Option<Scalars>,
    /// Annotations for every object and the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_annotations: Option<Scalars>,
    /// A simulated model server to try the chart against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulator: Option<Simulator>,
    /// The benchmark.
    pub benchmark: Benchmark,
    /// Values that a parent chart shares with its subcharts; not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<Fragment>,
    /// Condition of a parent chart; not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Tags of a parent chart; not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Fragment>,
}

impl Values {
    /// The simulated server that the scenario runs against, if there is to be one.
    #[must_use]
    pub fn simulator_if_enabled(&self) -> Option<&Simulator> {
        self.simulator.as_ref().filter(|simulator| simulator.enabled == Some(true))
    }
}

/// The benchmark: which scenario runs against which server, and how its pod looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Benchmark {
    /// `false` renders nothing at all.
    pub enabled: bool,
    /// Namespace of every object. Empty: `namespaceOverride`, else the release's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Which scenario to run: a key of `benchmark.scenarios`.
    pub scenario: String,
    /// Container image.
    pub image: Image,
    /// Existing pull Secrets, as `[{name: my-secret}]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_secrets: Option<Fragments>,
    /// Account that the pod runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccount>,
    /// The model server under test.
    pub target: Target,
    /// What is waited for before any load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Preflight>,
    /// How the server is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// Token for gated tokenizers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hf_token: Option<HfToken>,
    /// Where results go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// The files of a run within the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// A data set of one's own, asked instead of what the scenario says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_data: Option<CustomData>,
    /// A key of AWS's workshop; ignored with a notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// The run's own metrics, served while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_metrics: Option<LiveMetrics>,
    /// Any key of config.yml, merged last over what the other values give: maps merge, lists replace. Null takes away a
    /// key that the other values gave; any other null is passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// What older images had to install.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Dependencies>,
    /// The Job around the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// Resources of the container. `main`, as older guides have it, is merged over the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Fragment>,
    /// Nearness to the model's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Node labels that the pod asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<Scalars>,
    /// Tolerations of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Fragments>,
    /// Topology spread constraints of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology_spread_constraints: Option<Fragments>,
    /// Priority class of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    /// Runtime class of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_class_name: Option<String>,
    /// Scheduler of the pod. Empty: the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler_name: Option<String>,
    /// Entries for the pod's /etc/hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_aliases: Option<Fragments>,
    /// DNS policy of the pod. Empty: the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_policy: Option<DnsPolicy>,
    /// DNS options of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<Fragment>,
    /// Labels of the pod. They cannot replace the chart's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_labels: Option<Scalars>,
    /// Annotations of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_annotations: Option<Scalars>,
    /// Environment of the container, as in a pod. An entry replaces the chart's own of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_env: Option<Vec<EnvVar>>,
    /// Every key of a ConfigMap or a Secret as environment, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_env_from: Option<Fragments>,
    /// Further arguments of `inference-perf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_args: Option<Vec<String>>,
    /// Further volumes of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_volumes: Option<Fragments>,
    /// Where the container mounts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_volume_mounts: Option<Fragments>,
    /// Init containers of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_containers: Option<Fragments>,
    /// Further containers of the pod. They must end by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_containers: Option<Fragments>,
    /// Further objects, rendered as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_objects: Option<Fragments>,
    /// Seconds between SIGTERM and SIGKILL: time to write and upload the reports of an interrupted run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<figure::Whole>,
    /// Security context of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<Fragment>,
    /// Security context of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<Fragment>,
    /// The built-in scenarios: what partial overrides of `scenarios` fall back to. Not to be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin_scenarios: Option<Scenarios>,
    /// The scenarios by name. Add your own beside the built-in ones.
    pub scenarios: Scenarios,
}

/// The model server under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Kind of model server; openai for any OpenAI-compatible one that is not listed. Unset: vllm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_type: Option<ServerType>,
    /// Model name that requests carry. Empty: the first that `/v1/models` lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_name: Option<String>,
    /// URL of the model server without `/v1`. Host names of the form `service.namespace` also steer the pod's affinity.
    pub base_url: String,
    /// Tokenizer that counts tokens: a Hugging Face name or a folder in the pod. Empty: the model name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer_path: Option<String>,
    /// Ask the server to go on until `max_tokens`, so that output lengths are the drawn ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_eos: Option<bool>,
    /// API key that requests carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretKey>,
    /// Request headers that must not stand in values, one `Name: value` a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<SecretKey>,
    /// Certificates (PEM) of authorities to trust besides the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Authorities>,
    /// Certificate that the run shows to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
}

/// Kind of model server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerType {
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// Text Generation Inference.
    Tgi,
    /// Any other OpenAI-compatible server.
    Openai,
}

impl ServerType {
    /// The value as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::Tgi => "tgi",
            Self::Openai => "openai",
        }
    }
}

/// How the server is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// Which API to call. Unset: completion.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ApiType>,
    /// Stream the answers. Needed for time to first token and inter-token latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming: Option<bool>,
}

/// An API of the model server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApiType {
    /// `/v1/completions`
    Completion,
    /// `/v1/chat/completions`
    Chat,
}

impl ApiType {
    /// The value as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completion => "completion",
            Self::Chat => "chat",
        }
    }
}
