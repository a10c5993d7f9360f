//! The chart that this program renders, embedded: there is no other.

use std::sync::LazyLock;

use benchmark_schemas::problem::{Origin, Problem, Problems};
use benchmark_schemas::tree::Node;
use benchmark_schemas::yaml::{self, Dialect};

/// Name of the chart.
pub const NAME: &str = "benchmark-charts";

/// The embedded files whose text decides what the chart renders, by their path in the chart.
pub const FILES: &[(&str, &str)] = &[
    ("Chart.yaml", include_str!("../../charts/benchmark-charts/Chart.yaml")),
    ("values.yaml", VALUES),
    ("dashboards/inference-perf.json", crate::model::DASHBOARD),
    ("templates/NOTES.txt", include_str!("../../charts/benchmark-charts/templates/NOTES.txt")),
    ("templates/_config.tpl", include_str!("../../charts/benchmark-charts/templates/_config.tpl")),
    ("templates/_estimates.tpl", include_str!("../../charts/benchmark-charts/templates/_estimates.tpl")),
    ("templates/_helpers.tpl", include_str!("../../charts/benchmark-charts/templates/_helpers.tpl")),
    ("templates/_notes.tpl", include_str!("../../charts/benchmark-charts/templates/_notes.tpl")),
    ("templates/_pod.tpl", include_str!("../../charts/benchmark-charts/templates/_pod.tpl")),
    ("templates/_tools.tpl", include_str!("../../charts/benchmark-charts/templates/_tools.tpl")),
    ("templates/_validate.tpl", include_str!("../../charts/benchmark-charts/templates/_validate.tpl")),
    ("templates/configmap.yaml", include_str!("../../charts/benchmark-charts/templates/configmap.yaml")),
    ("templates/dashboard.yaml", include_str!("../../charts/benchmark-charts/templates/dashboard.yaml")),
    (
        "templates/extra-objects.yaml",
        include_str!("../../charts/benchmark-charts/templates/extra-objects.yaml"),
    ),
    ("templates/job.yaml", include_str!("../../charts/benchmark-charts/templates/job.yaml")),
    (
        "templates/persistentvolumeclaim.yaml",
        include_str!("../../charts/benchmark-charts/templates/persistentvolumeclaim.yaml"),
    ),
    ("templates/podmonitor.yaml", include_str!("../../charts/benchmark-charts/templates/podmonitor.yaml")),
    (
        "templates/serviceaccount.yaml",
        include_str!("../../charts/benchmark-charts/templates/serviceaccount.yaml"),
    ),
    (
        "templates/simulator-deployment.yaml",
        include_str!("../../charts/benchmark-charts/templates/simulator-deployment.yaml"),
    ),
    (
        "templates/simulator-service.yaml",
        include_str!("../../charts/benchmark-charts/templates/simulator-service.yaml"),
    ),
    ("templates/test.yaml", include_str!("../../charts/benchmark-charts/templates/test.yaml")),
];

const VALUES: &str = include_str!("../../charts/benchmark-charts/values.yaml");

/// How the defaults are named in messages.
const VALUES_FILE: &str = "benchmark-charts/values.yaml";

struct Facts {
    version: String,
    app_version: String,
    defaults: Node,
}

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let chart =
        yaml::parse(FILES[0].1, FILES[0].0, Dialect::Values).expect("the embedded Chart.yaml is well formed");
    let defaults =
        yaml::parse(VALUES, VALUES_FILE, Dialect::Values).expect("the embedded values.yaml is well formed");
    let text =
        |key: &str| chart.get(key).map(Node::to_json).and_then(|value| value.as_str().map(str::to_owned));
    Facts {
        version: text("version").expect("the embedded Chart.yaml has a version"),
        app_version: text("appVersion").expect("the embedded Chart.yaml has an appVersion"),
        defaults,
    }
});

/// Version of the chart.
pub fn version() -> &'static str {
    &FACTS.version
}

/// Version of the runner, the default tag of its image.
pub fn app_version() -> &'static str {
    &FACTS.app_version
}

/// The chart's default values.
pub fn defaults() -> &'static Node {
    &FACTS.defaults
}

/// Checks that a reference such as `ai-on-eks/benchmark-charts` or `oci://…/benchmark-charts:0.1.0` means this chart.
pub fn check_reference(reference: &str) -> Result<(), Problem> {
    let last = reference.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let last = last.split(['@']).next().unwrap_or_default();
    let (name, wanted) = match last.strip_suffix(".tgz") {
        Some(archive) => split_archive(archive),
        None => last.split_once(':').map_or((last, None), |(name, version)| (name, Some(version))),
    };
    let wrong = |fault: String| {
        let remedy = format!("leave CHART out, or name {NAME} in version {}", version());
        Problem::new(Origin::Argument("CHART".into()), "", fault, remedy)
    };
    if name != NAME {
        return Err(wrong(format!("`{reference}` is not the chart that this program renders")));
    }
    match wanted {
        Some(wanted) if wanted != version() => Err(wrong(format!(
            "`{reference}` is version {wanted}, this program renders version {}",
            version()
        ))),
        _ => Ok(()),
    }
}

/// Least minor version of Kubernetes 1 that the chart suits; `kubeVersion` of Chart.yaml says the same.
const LEAST_MINOR: u64 = 28;

/// Checks that the chart suits a version of Kubernetes, `1.30`, `v1.30.2` or `1.30.2-eks-1`.
///
/// # Errors
///
/// If it is no version, or too old.
pub fn check_kube_version(version: &str) -> Result<(), Problem> {
    let wrong = |fault: String| {
        let remedy = format!("write a version from 1.{LEAST_MINOR} on, for example 1.{LEAST_MINOR}.0");
        Problem::new(Origin::Argument(format!("--kube-version {version}").into()), "", fault, remedy)
    };
    let numbers = version.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    let parts: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([major, minor] | [major, minor, _]) if (*major, *minor) >= (1, LEAST_MINOR) => Ok(()),
        Some([_, _] | [_, _, _]) => {
            Err(wrong(format!("the chart needs Kubernetes 1.{LEAST_MINOR} or later")))
        }
        _ => Err(wrong("this is no version of Kubernetes".to_owned())),
    }
}

/// Name and version of `NAME-VERSION`.
fn split_archive(archive: &str) -> (&str, Option<&str>) {
    match archive.strip_prefix(NAME).and_then(|rest| rest.strip_prefix('-')) {
        Some(version) => (NAME, Some(version)),
        None => (archive, None),
    }
}

/// Checks that the files of a chart's folder, read by `read`, are the embedded ones.
pub fn check_folder(folder: &str, read: impl Fn(&str) -> Option<String>) -> Result<(), Problems> {
    let problems = FILES.iter().filter_map(|(path, embedded)| {
        let fault = match read(path) {
            None => format!("`{folder}/{path}` cannot be read, but this program's chart has it"),
            Some(text) if text != *embedded => {
                format!("`{folder}/{path}` differs from the one that this program renders")
            }
            Some(_) => return None,
        };
        let remedy = "build benchmark-render from the same tree as the chart, or leave CHART out";
        Some(Problem::new(Origin::Argument("CHART".into()), "", fault, remedy))
    });
    Problems::check(problems.collect())
}

#[cfg(test)]
mod tests;
