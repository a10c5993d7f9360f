//! What the notes say: counterpart of the chart's NOTES.txt and of its helpers for it. The warnings' words stand here, as
//! they do in `_notes.tpl`, all others in the template.

use benchmark_schemas::translate;
use benchmark_schemas::values::pod::AffinityMode;
use benchmark_schemas::values::{Authorities, Benchmark, SecretKey, Values};
use serde::Serialize;
use serde_json::{Map, Value};

use super::names::Names;
use super::{Model, pod, simulator, text};
use crate::release::Release;

/// What is said after an installation.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Notes {
    /// The benchmark is not enabled.
    NothingInstalled,
    /// A Job runs.
    Installed(Box<Installed>),
}

/// What is said of a Job.
#[derive(Debug, Serialize)]
pub(crate) struct Installed {
    release: String,
    release_namespace: String,
    name: String,
    namespace: String,
    scenario: String,
    /// What is sent.
    load: String,
    target: String,
    image: String,
    /// When the pod is ended.
    deadline: Option<Deadline>,
    upstream: bool,
    simulates: bool,
    /// Where the results go, if they go to a store.
    results: Option<Stored>,
    /// The claim that they are kept on.
    claim: Option<String>,
    /// How long the pod stays.
    hold: Option<String>,
    hashed: bool,
    /// The ServiceAccount that stays.
    account: Option<String>,
    warnings: Vec<String>,
}

/// Results in an object store.
#[derive(Debug, Serialize)]
struct Stored {
    store: &'static str,
    /// Command that lists them.
    command: String,
}

/// Time from the start of a pod to its forced end.
#[derive(Debug, Serialize)]
struct Deadline {
    seconds: String,
    words: String,
}

impl Notes {
    pub(crate) fn new(release: &Release, values: &Values, model: &Model) -> Self {
        let benchmark = &values.benchmark;
        let names = Names::new(release, values);
        let config = translate::config_tree(benchmark, simulator::url(values, &names).as_deref());
        let times = pod::Times::new(benchmark, &config);
        let part = |group: &str, key: &str| config.get(group).and_then(|group| group.get(key));
        let account = benchmark.service_account.as_ref();
        Self::Installed(Box::new(Installed {
            release: release.name().to_owned(),
            release_namespace: release.namespace().to_owned(),
            name: model.name.clone(),
            namespace: model.namespace.clone(),
            scenario: benchmark.scenario.clone(),
            load: load(config.get("load"), super::deadline::search(&config).is_some(), times.load),
            target: part("server", "base_url").map(text::scalar).unwrap_or_default(),
            image: pod::image_name(&benchmark.image),
            deadline: times.pod_deadline().map(|seconds| Deadline {
                words: duration(text::number(&seconds)),
                seconds: text::scalar(&seconds),
            }),
            upstream: benchmark.image.is_upstream(),
            simulates: simulator::is_enabled(values),
            results: stored(&part),
            claim: pod::claim(benchmark).map(|claim| pod::claim_name(claim, &names)),
            hold: (times.hold > 0.0).then(|| duration(times.hold)),
            hashed: names.suffix() == "hash",
            account: account
                .is_some_and(|account| account.create == Some(true))
                .then(|| names.service_account.clone()),
            warnings: warnings(release, values, &names, &times),
        }))
    }
}

/// Seconds in words.
#[expect(clippy::cast_possible_truncation, reason = "as the chart's int")]
fn duration(seconds: f64) -> String {
    if (seconds as i64) < 120 {
        format!("{} seconds", seconds as i64)
    } else {
        format!("{} minutes", (seconds / 60.0).round() as i64)
    }
}

/// What the run sends, from config.yml's load, or a search if it is one; `seconds` of load if they are known.
#[expect(clippy::cast_possible_truncation, reason = "as the chart's int")]
fn load(load: Option<&Value>, searches: bool, seconds: Option<f64>) -> String {
    let part = |key: &str| load.and_then(|load| load.get(key)).filter(|part| !text::is_empty(Some(part)));
    let stages = if searches {
        "a search for the highest rate that meets the objectives".to_owned()
    } else if let Some(sweep) = part("sweep") {
        let stages = text::or_default(sweep.get("num_stages"), 5.0) as i64;
        format!("a burst, then {stages} stages near the rate it finds")
    } else {
        let stages = part("stages").and_then(Value::as_array).map_or(0, Vec::len);
        format!("{stages} {}", if stages == 1 { "stage" } else { "stages" })
    };
    match seconds.filter(|seconds| *seconds > 0.0) {
        Some(seconds) => format!("{stages}, about {} of load", duration(seconds)),
        None => stages,
    }
}

/// Where the results go: to S3, or else to Google Cloud Storage.
fn stored<'a>(part: &dyn Fn(&str, &str) -> Option<&'a Value>) -> Option<Stored> {
    let block = |key: &str| part("storage", key).and_then(Value::as_object).filter(|block| !block.is_empty());
    if let Some(s3) = block("simple_storage_service") {
        return Some(Stored { store: "S3", command: list_command(s3) });
    }
    let gcs = block("google_cloud_storage")?;
    let command = format!("gcloud storage ls --recursive {}", word(&folder("gs", gcs)));
    Some(Stored { store: "Google Cloud Storage", command })
}

/// A text of config.yml's `block` about a store, unless it is empty.
fn given(block: &Map<String, Value>, key: &str) -> Option<String> {
    block.get(key).filter(|text| !text::is_empty(Some(text))).map(text::scalar)
}

/// The folder of the results in a store: all of the path before its first `{timestamp}`.
fn folder(scheme: &str, block: &Map<String, Value>) -> String {
    let path = given(block, "path").unwrap_or_default();
    let path = path.split('{').next().unwrap_or_default().trim_matches('/');
    let end = if path.is_empty() { "" } else { "/" };
    let bucket = given(block, "bucket_name").unwrap_or_else(|| "BUCKET".to_owned());
    format!("{scheme}://{bucket}/{path}{end}")
}

/// Lists the results in S3.
fn list_command(s3: &Map<String, Value>) -> String {
    let mut command = format!("aws s3 ls --recursive {}", word(&folder("s3", s3)));
    for (key, option) in [("endpoint_url", "--endpoint-url"), ("region_name", "--region")] {
        if let Some(given) = given(s3, key) {
            command.extend([" ", option, " ", &word(&given)]);
        }
    }
    command
}

/// A text as one word of a shell command.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// One line for each thing that is accepted but does nothing, or is risky.
fn warnings(release: &Release, values: &Values, names: &Names, times: &pod::Times) -> Vec<String> {
    let b = &values.benchmark;
    let holding = general(values, names, times).into_iter().filter(|(holds, _)| *holds);
    let mut lines: Vec<String> = holding.map(|(_, line)| line.to_owned()).collect();
    if b.image.is_upstream() {
        let keys = ignored_by_upstream(b, times.hold);
        lines.extend(keys.map(|key| format!("{key} is ignored by upstream's image.")));
    }
    if names.namespace != release.namespace() {
        lines.push(format!(
            "The objects go to namespace {}, which must exist; the release itself is kept in {}.",
            names.namespace,
            release.namespace()
        ));
    }
    lines
}

/// Warnings that name nothing of the release, each with whether it is due.
fn general(values: &Values, names: &Names, times: &pod::Times) -> [(bool, &'static str); 8] {
    let b = &values.benchmark;
    let job = b.job.as_ref();
    let packages = b.dependencies.as_ref().and_then(|dependencies| dependencies.packages.as_ref());
    let user = b.pod_security_context.as_ref().and_then(|context| context.get("runAsUser"));
    let affinity = b.affinity.as_ref().filter(|affinity| affinity.enabled != Some(false));
    let wants_zone = affinity.is_some_and(|affinity| affinity.mode != Some(AffinityMode::Off));
    let main = b.resources.as_ref().and_then(|resources| resources.get("main"));
    [
        (
            packages.is_some_and(|packages| !packages.is_empty()),
            "benchmark.dependencies.packages is ignored: the image needs no Python package. For upstream's image, build one that has them.",
        ),
        (
            job.and_then(|job| job.backoff_limit).is_some_and(|limit| limit.get() > 0.0),
            "benchmark.job.backoffLimit is above 0: each retry repeats the whole load against the target.",
        ),
        (
            job.is_some_and(|job| job.ttl_seconds_after_finished.is_some()),
            "benchmark.job.ttlSecondsAfterFinished is set: once the finished Job is deleted, its log is gone, and the next upgrade or GitOps reconcile runs the load again.",
        ),
        (
            b.image.is_upstream() && user.is_none_or(Value::is_null),
            "Upstream's image runs as root, which this pod does not allow; add --set benchmark.podSecurityContext.runAsUser=1000.",
        ),
        (
            wants_zone && !simulator::is_enabled(values) && pod::affinity(values, names).is_none(),
            "benchmark.target.baseUrl names no Service of the cluster, so the pod may run in any zone. Give benchmark.affinity.targetLabels and namespaces if the model runs in this cluster.",
        ),
        (
            times.pod_deadline().is_none(),
            "The pod has no deadline; set benchmark.job.deadlineSeconds to bound it.",
        ),
        (
            b.metrics.as_ref().is_some_and(|metrics| metrics.enabled == Some(true)),
            "benchmark.metrics is ignored: give the server's Prometheus under benchmark.config.metrics.",
        ),
        (
            !text::is_empty(main),
            "benchmark.resources.main is merged over benchmark.resources, where its keys belong.",
        ),
    ]
}

/// Keys that are given and steer our program only; the pod is to stay for `hold` seconds.
fn ignored_by_upstream(benchmark: &Benchmark, hold: f64) -> impl Iterator<Item = &'static str> {
    let secret =
        |key: Option<&SecretKey>| text::given(key.and_then(|key| key.existing_secret.as_ref())).is_some();
    let target = &benchmark.target;
    let ca =
        target.ca.as_ref().is_some_and(|Authorities { existing_secret, existing_config_map, .. }| {
            text::given(existing_secret.as_ref()).or(text::given(existing_config_map.as_ref())).is_some()
        });
    let certificate = target.client_certificate.as_ref();
    [
        ("benchmark.liveMetrics", pod::live_port(benchmark).is_some()),
        ("benchmark.results.holdSeconds", hold > 0.0),
        ("benchmark.target.apiKey", secret(target.api_key.as_ref())),
        ("benchmark.target.ca", ca),
        (
            "benchmark.target.clientCertificate",
            text::given(certificate.and_then(|certificate| certificate.existing_secret.as_ref())).is_some(),
        ),
        ("benchmark.target.headers", secret(target.headers.as_ref())),
    ]
    .into_iter()
    .filter_map(|(key, given)| given.then_some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_told_in_seconds_or_minutes() {
        assert_eq!(duration(119.9), "119 seconds");
        assert_eq!(duration(120.0), "2 minutes");
        assert_eq!(duration(150.0), "3 minutes");
        assert_eq!(duration(149.0), "2 minutes");
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them() {
        assert_eq!(word("s3://b/a-1/"), "s3://b/a-1/");
        assert_eq!(word("a'$(x)"), r"'a'\''$(x)'");
        assert_eq!(word(""), "''");
    }
}
