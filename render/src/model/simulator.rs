//! The simulated model server: its Deployment and Service, and the pod of `helm test`.

use benchmark_schemas::translate;
use benchmark_schemas::values::Values;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::names::Names;
use super::{pod, text};

/// What the templates of the simulated server and of its test are filled with.
#[derive(Debug, Serialize)]
pub(crate) struct Simulator {
    name: String,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    identity: Map<String, Value>,
    pod_labels: Map<String, Value>,
    image_pull_secrets: Vec<Value>,
    security_context: Map<String, Value>,
    node_selector: Map<String, Value>,
    tolerations: Vec<Value>,
    tokenizer_container: Value,
    image: String,
    image_pull_policy: &'static str,
    args: Vec<String>,
    resources: Map<String, Value>,
    container_security_context: Map<String, Value>,
    test: Test,
    /// config.yml of the test.
    #[serde(skip)]
    pub(super) test_config: Value,
}

/// The pod of `helm test`.
#[derive(Debug, Serialize)]
struct Test {
    name: String,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    active_deadline_seconds: Value,
    preflight: Option<String>,
    tolerations: Vec<Value>,
}

impl Simulator {
    /// The simulated server of a release that has one.
    pub(super) fn new(values: &Values, names: &Names) -> Option<Self> {
        let given = values.simulator_if_enabled()?;
        let benchmark = &values.benchmark;
        let url = url(values, names)?;
        let component = |component: &str| {
            let mut labels = names.labels(values);
            labels.insert("app.kubernetes.io/component".into(), json!(component));
            text::merged([], &labels)
        };
        let common = values.common_annotations.as_ref();
        let identity = names.simulator_identity();
        let model = translate::simulated_model(&benchmark.target);
        let own = ["simulate", "--host", "0.0.0.0", "--port", "8000", "--model", model, "--tokenizer"];
        let arguments = own.into_iter().chain([translate::SIMULATOR_TOKENIZER]).map(str::to_owned);
        Some(Self {
            name: names.simulator(),
            labels: component("simulator"),
            annotations: text::merged([common], &Map::new()),
            pod_labels: text::merged([values.common_labels.as_ref()], &identity),
            identity,
            image_pull_secrets: pod::list(benchmark.image_pull_secrets.as_ref()),
            security_context: pod::fragment(benchmark.pod_security_context.as_ref()),
            node_selector: text::merged([given.node_selector.as_ref()], &Map::new()),
            tolerations: pod::list(given.tolerations.as_ref()),
            tokenizer_container: tokenizer_container(values)?,
            image: pod::image_name(&benchmark.image),
            image_pull_policy: benchmark.image.pull_policy.unwrap_or_default().as_str(),
            args: arguments.chain(given.args.iter().flatten().cloned()).collect(),
            resources: pod::fragment(given.resources.as_ref()),
            container_security_context: pod::fragment(benchmark.security_context.as_ref()),
            test: Test::new(values, names, component("test")),
            test_config: test_config(model, &url),
        })
    }
}

impl Test {
    fn new(values: &Values, names: &Names, labels: Map<String, Value>) -> Self {
        let hook = text::map([
            ("helm.sh/hook", "test"),
            ("helm.sh/hook-delete-policy", "before-hook-creation,hook-succeeded"),
            ("sidecar.istio.io/inject", "false"),
        ]);
        let preflight = pod::preflight(&values.benchmark);
        let wait = preflight.as_ref().and_then(Value::as_f64).unwrap_or_default();
        Self {
            name: names.with_suffix("test"),
            labels,
            annotations: text::merged([values.common_annotations.as_ref()], &hook),
            active_deadline_seconds: json!(super::deadline::whole(wait + 600.0)),
            preflight: preflight.as_ref().map(text::scalar),
            tolerations: pod::list(values.benchmark.tolerations.as_ref()),
        }
    }
}

/// True if the scenario runs against a simulated server of this release.
pub(super) fn is_enabled(values: &Values) -> bool {
    values.simulator_if_enabled().is_some()
}

/// URL of the simulated server, if the release has one.
pub(super) fn url(values: &Values, names: &Names) -> Option<String> {
    is_enabled(values).then(|| format!("http://{}.{}:8000", names.simulator(), names.namespace))
}

/// The container that writes the simulated server's tokenizer to /tmp; none without such a server.
pub(super) fn tokenizer_container(values: &Values) -> Option<Value> {
    values.simulator_if_enabled()?;
    let benchmark = &values.benchmark;
    let mut container = json!({
        "name": "tokenizer",
        "image": pod::image_name(&benchmark.image),
        "imagePullPolicy": benchmark.image.pull_policy.unwrap_or_default().as_str(),
        "command": ["inference-perf"],
        "args": ["simulate", "--write-tokenizer", translate::SIMULATOR_TOKENIZER],
        "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }],
    });
    let security = pod::fragment(benchmark.security_context.as_ref());
    if !security.is_empty() {
        container["securityContext"] = Value::Object(security);
    }
    Some(container)
}

/// config.yml of `helm test`: ten short requests to the simulated server.
fn test_config(model: &str, url: &str) -> Value {
    let lengths = json!({ "mean": 16, "std_dev": 0, "min": 16, "max": 16 });
    json!({
        "api": { "type": "completion", "streaming": true },
        "data": { "type": "synthetic", "input_distribution": lengths, "output_distribution": lengths },
        "load": { "type": "constant", "num_workers": 1, "interval": 0, "stages": [{ "rate": 2, "duration": 5 }] },
        "server": { "type": "vllm", "model_name": model, "base_url": url, "ignore_eos": true },
        "tokenizer": { "pretrained_model_name_or_path": translate::SIMULATOR_TOKENIZER },
    })
}
