//! The pod template's parts.

use benchmark_schemas::translate;
use benchmark_schemas::tree::to_number;
use benchmark_schemas::values::figure::Whole;
use benchmark_schemas::values::pod::{AffinityMode, DnsPolicy, Image};
use benchmark_schemas::values::{Benchmark, Claim, Fragment, Values, target_service};
use benchmark_schemas::variables;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::names::Names;
use super::{access, deadline, disk, simulator, text};
use crate::chart;
use crate::go_json;

/// Seconds between SIGTERM and SIGKILL where values do not say.
const GRACE_SECONDS: u32 = 120;

/// Longest wait for the target where values do not say.
const PREFLIGHT_SECONDS: u32 = 600;

/// The disk among the resources.
const EPHEMERAL: &str = "ephemeral-storage";

/// What the pod template is filled with. It names no version of the chart, so that a new chart alone does not make a
/// new Job.
#[derive(Debug, Serialize)]
pub(crate) struct Pod {
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    active_deadline_seconds: Option<Value>,
    termination_grace_period_seconds: Value,
    service_account: String,
    image_pull_secrets: Vec<Value>,
    security_context: Map<String, Value>,
    affinity: Option<Value>,
    node_selector: Map<String, Value>,
    tolerations: Vec<Value>,
    automount: bool,
    options: Map<String, Value>,
    init_containers: Vec<Value>,
    image: String,
    image_pull_policy: &'static str,
    args: Vec<String>,
    env: Vec<Value>,
    env_from: Vec<Value>,
    resources: Map<String, Value>,
    /// Port of the run's own metrics, if they are served.
    metrics_port: Option<Value>,
    container_security_context: Map<String, Value>,
    mounts: Vec<Value>,
    containers: Vec<Value>,
    results_volume: Map<String, Value>,
    volumes: Vec<Value>,
}

impl Pod {
    pub(super) fn new(values: &Values, names: &Names, config: &Map<String, Value>) -> Self {
        let benchmark = &values.benchmark;
        let image = &benchmark.image;
        let job = benchmark.job.clone().unwrap_or_default();
        let times = Times::new(benchmark, config);
        let disk = disk::estimate(config);
        let volumes = access::volumes(benchmark);
        let mut own_labels = names.identity();
        own_labels
            .extend(text::map([("app", "inference-perf"), ("benchmark.scenario", &benchmark.scenario)]));
        let digest = go_json::sha256(&Value::Object(config.clone()));
        let mut own_annotations = text::map([("checksum/config", digest.as_str())]);
        if job.retry_on_disruption == Some(true) {
            // The failure policy is as immutable as the pod template, but no part of it: this brings it into the hash.
            own_annotations.extend(text::map([("benchmark.retryOnDisruption", "true")]));
        }
        Self {
            labels: text::merged([values.common_labels.as_ref(), benchmark.pod_labels.as_ref()], &own_labels),
            annotations: text::merged(
                [values.common_annotations.as_ref(), benchmark.pod_annotations.as_ref()],
                &own_annotations,
            ),
            active_deadline_seconds: times.pod_deadline(),
            termination_grace_period_seconds: times.grace.clone(),
            service_account: names.service_account.clone(),
            image_pull_secrets: list(benchmark.image_pull_secrets.as_ref()),
            security_context: pod_security(benchmark),
            affinity: affinity(values, names),
            node_selector: text::merged([benchmark.node_selector.as_ref()], &Map::new()),
            tolerations: list(benchmark.tolerations.as_ref()),
            automount: benchmark
                .service_account
                .as_ref()
                .is_some_and(|account| account.automount == Some(true)),
            options: options(benchmark),
            init_containers: simulator::tokenizer_container(values)
                .into_iter()
                .chain(list(benchmark.init_containers.as_ref()))
                .collect(),
            image: image_name(image),
            image_pull_policy: image.pull_policy.unwrap_or_default().as_str(),
            args: ["--config_file", "/workspace/config.yml"]
                .into_iter()
                .map(str::to_owned)
                .chain(benchmark.extra_args.iter().flatten().cloned())
                .collect(),
            env: environment(benchmark, &times, &volumes),
            env_from: list(benchmark.extra_env_from.as_ref()),
            resources: resources(
                benchmark.resources.as_ref(),
                disk.as_ref().filter(|_| claim(benchmark).is_none()),
            ),
            metrics_port: live_port(benchmark),
            container_security_context: fragment(benchmark.security_context.as_ref()),
            mounts: access::mounts(&volumes)
                .into_iter()
                .chain(list(benchmark.extra_volume_mounts.as_ref()))
                .collect(),
            containers: list(benchmark.extra_containers.as_ref()),
            results_volume: results_volume(benchmark, names, disk.as_ref()),
            volumes: volumes.into_iter().chain(list(benchmark.extra_volumes.as_ref())).collect(),
        }
    }
}

/// The image with its tag or digest.
pub(super) fn image_name(image: &Image) -> String {
    let name = image.name();
    match (text::given(image.digest.as_ref()), text::given(image.tag.as_ref())) {
        (Some(digest), _) => format!("{name}@{digest}"),
        (None, tag) => format!("{name}:{}", tag.unwrap_or(chart::app_version())),
    }
}

/// Longest wait for the target, seconds; none if it is not waited for.
pub(super) fn preflight(benchmark: &Benchmark) -> Option<Value> {
    let preflight = benchmark.preflight.as_ref().filter(|preflight| preflight.enabled == Some(true))?;
    Some(preflight.wait_seconds.map_or(json!(PREFLIGHT_SECONDS), Into::into))
}

/// Spans of time that the pod and the program are told, in seconds.
pub(super) struct Times {
    /// What the user set; 0 is none.
    given: Option<Whole>,
    /// Planned time under load.
    pub(super) load: Option<f64>,
    run: Option<f64>,
    preflight: Option<Value>,
    /// How long the pod stays after the run.
    pub(super) hold: f64,
    grace: Value,
}

impl Times {
    pub(super) fn new(benchmark: &Benchmark, config: &Map<String, Value>) -> Self {
        let preflight = preflight(benchmark);
        let wait = preflight.as_ref().and_then(Value::as_f64).unwrap_or_default();
        let hold = benchmark.results.as_ref().and_then(|results| results.hold_seconds);
        let spans = deadline::spans(config, wait);
        Self {
            given: benchmark.job.as_ref().and_then(|job| job.deadline_seconds),
            load: spans.as_ref().map(|spans| spans.load),
            run: spans.map(|spans| spans.limit),
            preflight,
            hold: hold.map_or(0.0, Whole::get),
            grace: benchmark.termination_grace_period_seconds.map_or(json!(GRACE_SECONDS), Whole::json),
        }
    }

    /// The pod's deadline, if one is wanted and known.
    pub(super) fn pod_deadline(&self) -> Option<Value> {
        if let Some(seconds) = self.given {
            return (seconds.get() > 0.0).then(|| seconds.json());
        }
        let grace = self.grace.as_f64().unwrap_or_default();
        self.run.map(|run| deadline::pod_seconds(run, self.hold, grace))
    }

    /// Variables that tell the program, name and value.
    fn variables(&self) -> Vec<(&'static str, String)> {
        let mut own = Vec::new();
        if let Some(wait) = &self.preflight {
            own.push((variables::PREFLIGHT, text::scalar(wait)));
        }
        if let (None, Some(run)) = (self.given, self.run) {
            own.push((variables::DEADLINE_SECONDS, deadline::whole(run).to_string()));
        }
        own.push((variables::GRACE_SECONDS, text::scalar(&self.grace)));
        own.push((variables::TERMINATION_LOG, "/dev/termination-log".to_owned()));
        if self.hold > 0.0 {
            own.push((variables::HOLD_SECONDS, text::scalar(&json!(self.hold))));
        }
        own
    }
}

/// Fields of the pod that are there only if given.
fn options(benchmark: &Benchmark) -> Map<String, Value> {
    let texts = [
        ("priorityClassName", text::given(benchmark.priority_class_name.as_ref())),
        ("runtimeClassName", text::given(benchmark.runtime_class_name.as_ref())),
        ("schedulerName", text::given(benchmark.scheduler_name.as_ref())),
        ("dnsPolicy", benchmark.dns_policy.and_then(DnsPolicy::as_str)),
    ];
    let lists = [
        ("topologySpreadConstraints", list(benchmark.topology_spread_constraints.as_ref())),
        ("hostAliases", list(benchmark.host_aliases.as_ref())),
    ];
    let dns = fragment(benchmark.dns_config.as_ref());
    let texts = texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text?))));
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    texts
        .chain(lists.map(|(key, list)| (key.to_owned(), Value::Array(list))))
        .chain((!dns.is_empty()).then(|| ("dnsConfig".to_owned(), Value::Object(dns))))
        .collect()
}

/// The claim that results are kept on, if there is to be one.
pub(super) fn claim(benchmark: &Benchmark) -> Option<&Claim> {
    benchmark.results.as_ref()?.claim_if_enabled()
}

/// Name of that claim: an existing one's, or the chart's own.
pub(super) fn claim_name(claim: &Claim, names: &Names) -> String {
    text::given(claim.existing_claim.as_ref()).map_or_else(|| names.prefixed("results"), str::to_owned)
}

/// Port of the run's own metrics, if they are served.
pub(super) fn live_port(benchmark: &Benchmark) -> Option<Value> {
    let port = benchmark.live_metrics.as_ref()?.port_if_enabled()?;
    Some(Value::Number(to_number(port)))
}

/// The pod's security context, with the group that makes a claim's volume writable, unless it has one.
fn pod_security(benchmark: &Benchmark) -> Map<String, Value> {
    let mut context = fragment(benchmark.pod_security_context.as_ref());
    if let Some(group) = claim(benchmark).and_then(|claim| claim.fs_group) {
        context.entry("fsGroup").or_insert_with(|| group.json());
    }
    context
}

/// The volume for results: a claim's; else as large as given, or four times what the plan writes.
fn results_volume(benchmark: &Benchmark, names: &Names, disk: Option<&disk::Disk>) -> Map<String, Value> {
    if let Some(claim) = claim(benchmark) {
        let volume = json!({ "claimName": claim_name(claim, names) });
        return Map::from_iter([("persistentVolumeClaim".to_owned(), volume)]);
    }
    let given = benchmark.results.as_ref().and_then(|results| text::given(results.size_limit.as_ref()));
    let limit = given.map(str::to_owned).or_else(|| disk.map(|disk| format!("{}Mi", disk.limit)));
    let volume = limit.map_or_else(|| json!({}), |limit| json!({ "sizeLimit": limit }));
    Map::from_iter([("emptyDir".to_owned(), volume)])
}

pub(super) fn fragment(given: Option<&Fragment>) -> Map<String, Value> {
    given.map(text::without_nulls).unwrap_or_default()
}

pub(super) fn list(given: Option<&Vec<Fragment>>) -> Vec<Value> {
    given.into_iter().flatten().map(|item| Value::Object(text::without_nulls(item))).collect()
}

/// The chart's variables, then the user's; one that the user gives too is left out of the chart's.
fn environment(benchmark: &Benchmark, times: &Times, volumes: &[Value]) -> Vec<Value> {
    let variable = |name: &str, key: &str, value: Value| {
        Map::from_iter([("name".into(), json!(name)), (key.into(), value)])
    };
    let secret =
        |name: &str, reference: Value| variable(name, "valueFrom", json!({ "secretKeyRef": reference }));
    let mut own =
        vec![variable("HOME", "value", json!("/results")), variable("HF_HOME", "value", json!("/tmp/hf"))];
    own.extend(times.variables().into_iter().map(|(name, value)| variable(name, "value", json!(value))));
    if let Some(port) = live_port(benchmark) {
        own.push(variable(variables::METRICS_PORT, "value", json!(text::scalar(&port))));
    }
    if let Some(api_key) = &benchmark.target.api_key
        && let Some(name) = text::given(api_key.existing_secret.as_ref())
    {
        let key = text::given(api_key.key.as_ref()).unwrap_or("api-key");
        own.push(secret(variables::API_KEY, json!({ "name": name, "key": key })));
    }
    own.extend(
        access::variables(volumes).into_iter().map(|(name, value)| variable(name, "value", json!(value))),
    );
    if let Some(token) = &benchmark.hf_token
        && let Some(name) = text::given(token.existing_secret.as_ref())
    {
        let key = text::given(token.key.as_ref()).unwrap_or("token");
        let optional = token.optional != Some(false);
        own.push(secret("HF_TOKEN", json!({ "name": name, "key": key, "optional": optional })));
    }
    if let Some(name) = translate::s3_secret(benchmark) {
        for key in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            own.push(secret(key, json!({ "name": name, "key": key })));
        }
    }
    let given = benchmark.extra_env.as_deref().unwrap_or_default();
    own.retain(|own| !given.iter().any(|variable| own["name"] == variable.name()));
    own.extend(given.iter().map(|variable| {
        let mut variable = text::without_nulls(&variable.0);
        if let Some(value) = variable.get_mut("value") {
            *value = Value::String(text::scalar(value));
        }
        variable
    }));
    own.into_iter().map(Value::Object).collect()
}

/// The container's resources: `main` is merged over the rest, and quantities are strings, whatever `--set …cpu=4`
/// makes of them. What the plan writes is requested of the disk, unless they say otherwise.
fn resources(given: Option<&Fragment>, disk: Option<&disk::Disk>) -> Map<String, Value> {
    let mut resources = given.cloned().unwrap_or_default();
    if let Some(Value::Object(main)) = resources.shift_remove("main") {
        translate::merge(&mut resources, &main);
    }
    for part in ["requests", "limits"] {
        if let Some(Value::Object(quantities)) = resources.get_mut(part) {
            quantities.retain(|_, quantity| !quantity.is_null());
            quantities.values_mut().for_each(|quantity| *quantity = Value::String(text::scalar(quantity)));
        }
    }
    let says = |part: &str| {
        resources.get(part).and_then(Value::as_object).is_some_and(|part| part.contains_key(EPHEMERAL))
    };
    if let Some(disk) = disk.filter(|_| !says("requests") && !says("limits")) {
        let requests = resources.entry("requests").or_insert(Value::Null);
        if requests.is_null() {
            *requests = json!({});
        }
        if let Value::Object(requests) = requests {
            requests.insert(EPHEMERAL.into(), json!(format!("{}Mi", disk.request)));
        }
    }
    text::without_nulls(&resources)
}

/// Affinity to the zone of the model's pods; none if it is off, or preferred with nothing known about those pods.
pub(super) fn affinity(values: &Values, names: &Names) -> Option<Value> {
    let affinity = values.benchmark.affinity.as_ref()?;
    let mode = affinity.mode.unwrap_or(AffinityMode::Preferred);
    if affinity.enabled == Some(false) || mode == AffinityMode::Off || simulator::is_enabled(values) {
        return None;
    }
    let service = target_service(&values.benchmark.target.base_url);
    let mut labels = text::merged([affinity.target_labels.as_ref()], &Map::new());
    if labels.is_empty() {
        labels = text::map([("app.kubernetes.io/component", service.as_ref()?.name.as_str())]);
    }
    let namespaces = match affinity.namespaces.as_deref() {
        Some(given) if !given.is_empty() => given.to_vec(),
        _ => vec![service.and_then(|service| service.namespace).unwrap_or_else(|| names.namespace.clone())],
    };
    let term = json!({
        "labelSelector": { "matchLabels": labels },
        "namespaces": namespaces,
        "topologyKey": "topology.kubernetes.io/zone",
    });
    Some(json!({
        "podAffinity": match mode {
            AffinityMode::Required => json!({ "requiredDuringSchedulingIgnoredDuringExecution": [term] }),
            _ => json!({
                "preferredDuringSchedulingIgnoredDuringExecution": [{ "weight": 100, "podAffinityTerm": term }],
            }),
        },
    }))
}
