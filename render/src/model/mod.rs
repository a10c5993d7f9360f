//! What the templates are filled with: names, labels, the pod's parts, worked out from release and values.
//!
//! Counterpart of the chart's named helpers; the templates themselves decide nothing but what is left out. Knows no
//! YAML. Chart and model are kept equal by comparing their output (tests of parity).

mod access;
mod beside;
mod deadline;
mod decimal;
mod disk;
mod names;
mod notes;
mod pod;
mod simulator;
mod text;

use benchmark_schemas::translate;
use benchmark_schemas::values::Values;
use benchmark_schemas::values::figure::Whole;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::chart;
use crate::go_json;
use crate::release::Release;

pub(crate) use beside::DASHBOARD;
use beside::{Claim, Dashboard, PodMonitor};
pub(crate) use names::Names;
pub(crate) use notes::Notes;
pub(crate) use pod::Pod;
use simulator::Simulator;

/// Everything that the objects have in common, and the Job's own part. The pod is a model of its own: the names depend
/// on its digest.
#[derive(Debug, Serialize)]
pub(crate) struct Model {
    pub name: String,
    pub namespace: String,
    pub scenario_labels: Map<String, Value>,
    pub config_map: ConfigMap,
    pub service_account: ServiceAccount,
    pub job: Job,
    /// The simulated server and its test, if the release has one.
    pub simulator: Option<Simulator>,
    /// The claim that the chart makes for results.
    pub claim: Option<Claim>,
    /// Who reads the run's own metrics.
    pub pod_monitor: Option<PodMonitor>,
    /// A dashboard of them.
    pub dashboard: Option<Dashboard>,
    /// The user's further objects.
    pub extra_objects: Vec<Value>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ConfigMap {
    pub annotations: Map<String, Value>,
    /// Texts by file name.
    pub files: Map<String, Value>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ServiceAccount {
    pub create: bool,
    pub name: String,
    pub annotations: Map<String, Value>,
    pub labels: Map<String, Value>,
    pub automount: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Job {
    pub labels: Map<String, Value>,
    pub annotations: Map<String, Value>,
    pub backoff_limit: Value,
    pub ttl_seconds_after_finished: Option<Value>,
    pub active_deadline_seconds: Option<Value>,
    pub on_disruption: &'static str,
    /// The pod template as YAML, rendered already.
    pub pod_template: String,
}

impl Model {
    /// The model of `release` with `values`, which passed every check. `pod_template` renders the pod with the name of
    /// its ConfigMap.
    pub(crate) fn new<E>(
        release: &Release,
        values: &Values,
        pod_template: impl Fn(&Pod, &str) -> Result<String, E>,
        parse: impl Fn(&str) -> Result<Value, E>,
    ) -> Result<Self, E> {
        let names = Names::new(release, values);
        let config = translate::config_tree(&values.benchmark, simulator::url(values, &names).as_deref());
        let pod = Pod::new(values, &names, &config);
        // The ConfigMap's name ends in the digest of the pod that mounts it; the digest is taken without the name.
        let name = match names.suffix() {
            "hash" => {
                let digest = go_json::sha256(&parse(&pod_template(&pod, "")?)?);
                names.with_suffix(&digest[..8])
            }
            "none" => names.with_suffix(""),
            literal => names.with_suffix(literal),
        };
        let job = values.benchmark.job.clone().unwrap_or_default();
        let account = values.benchmark.service_account.clone().unwrap_or_default();
        let common = values.common_annotations.as_ref();
        let description =
            translate::scenario(&values.benchmark).and_then(|scenario| scenario.description.clone());
        let description = description.filter(|text| !text.is_empty());
        let keep = text::map([("helm.sh/resource-policy", "keep")]);
        let own =
            description.map(|text| text::map([("benchmark.description", text.as_str())])).unwrap_or_default();
        let simulator = Simulator::new(values, &names);
        let mut files = Map::from_iter([file("config.yml", &Value::Object(config))]);
        files.extend(simulator.as_ref().map(|simulator| file("test.yml", &simulator.test_config)));
        Ok(Self {
            scenario_labels: names.scenario_labels(values, None),
            config_map: ConfigMap { annotations: text::merged([common], &Map::new()), files },
            service_account: ServiceAccount {
                create: account.create.unwrap_or(false),
                name: names.service_account.clone(),
                annotations: text::merged([common, account.annotations.as_ref()], &keep),
                labels: text::merged([account.labels.as_ref()], &names.labels(values)),
                automount: account.automount == Some(true),
            },
            job: Job {
                labels: names.scenario_labels(values, job.labels.as_ref()),
                annotations: text::merged([common, job.annotations.as_ref()], &own),
                backoff_limit: job.backoff_limit.map_or(json!(0), Whole::json),
                ttl_seconds_after_finished: job.ttl_seconds_after_finished.map(Whole::json),
                active_deadline_seconds: job.active_deadline_seconds.map(Whole::json),
                on_disruption: if job.retry_on_disruption == Some(true) { "Ignore" } else { "FailJob" },
                pod_template: pod_template(&pod, &name)?,
            },
            name,
            simulator,
            claim: Claim::new(values, &names),
            pod_monitor: PodMonitor::new(values, &names),
            dashboard: Dashboard::new(values, &names),
            extra_objects: pod::list(values.benchmark.extra_objects.as_ref()),
            namespace: names.namespace,
        })
    }
}

/// A file of the ConfigMap.
fn file(name: &str, tree: &Value) -> (String, Value) {
    (name.to_owned(), Value::String(benchmark_schemas::yaml::emit(tree)))
}

/// URL of the simulated server, if the release has one.
pub(crate) fn simulator_url(release: &Release, values: &Values) -> Option<String> {
    simulator::url(values, &Names::new(release, values))
}

/// The label that names the chart and its version.
fn chart_label() -> String {
    names::label_value(&format!("{}-{}", chart::NAME, chart::version()))
}
