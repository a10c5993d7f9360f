//! What a JSON Schema cannot say about values: what the chart refuses by `fail`, and nothing more.
//!
//! As in the chart only the scenario that runs is checked, and nothing if the benchmark is not enabled.

mod credentials;
mod named;
mod pod;

use serde_json::Value;

use super::scenario::{Lengths, LoadType, Scenario, Stage};
use super::target::is_dns_part;
use super::{Benchmark, Values, target_service};
use crate::config::DataType;
use crate::problem::{Origin, Problem};
use crate::secret::MASK;
use crate::translate;
use crate::tree::{Content, Node};

/// Every fault of `values` beyond the schema. `node` is the tree they were read from; it gives the places.
pub fn check(values: &Values, node: &Node) -> Vec<Problem> {
    let mut found = Found { node, problems: Vec::new() };
    if values.benchmark.enabled {
        found.credentials(&values.benchmark);
        found.scenario(&values.benchmark);
        found.target(&values.benchmark);
        found.storage(&values.benchmark);
        found.name_parts(values);
        found.named(values);
        found.image(values);
        found.pod(&values.benchmark);
        found.ambiguous();
    }
    found.problems
}

struct Found<'a> {
    node: &'a Node,
    problems: Vec<Problem>,
}

impl Found<'_> {
    /// A problem at `path`, or at the nearest place around it that was written.
    fn push(&mut self, path: &[&str], fault: impl Into<String>, remedy: impl Into<String>) {
        let mut node = Some(self.node);
        let mut origin = &self.node.origin;
        let mut key = String::new();
        for step in path {
            if node.is_some_and(|node| matches!(node.content, Content::List(_))) {
                key.extend(["[", step, "]"]);
            } else {
                if !key.is_empty() {
                    key.push('.');
                }
                key.push_str(step);
            }
            node = node.and_then(|node| node.at([*step]));
            if let Some(Node { origin: place, .. }) = node
                && *place != Origin::Derived
            {
                origin = place;
            }
        }
        self.problems.push(Problem::new(origin.clone(), key, fault, remedy));
    }

    /// The same for a value that must not be repeated, where the argument that gives it does not show that it is secret.
    fn push_hidden(&mut self, path: &[&str], fault: impl Into<String>, remedy: impl Into<String>) {
        self.push(path, fault, remedy);
        if let Some(Problem { origin: Origin::Argument(argument), .. }) = self.problems.last_mut()
            && let Some((key, _)) = argument.split_once('=')
        {
            *argument = format!("{key}={MASK}").into();
        }
    }

    fn scenario(&mut self, benchmark: &Benchmark) {
        let name = benchmark.scenario.as_str();
        let defined =
            benchmark.scenarios.iter().filter_map(|(name, scenario)| scenario.as_ref().map(|_| name));
        let known = defined.map(String::as_str).collect::<Vec<_>>().join(", ");
        let Some(Some(scenario)) = benchmark.scenarios.get(name) else {
            let (fault, remedy) = if name.is_empty() {
                ("no scenario is named".to_owned(), format!("set it to one of: {known}"))
            } else {
                let remedy = format!("set it to one of: {known}, or define benchmark.scenarios.{name}");
                (format!("there is no scenario `{name}`"), remedy)
            };
            return self.push(&["benchmark", "scenario"], fault, remedy);
        };
        if !is_label_value(name) {
            let remedy = "name the scenario with at most 63 letters, digits, hyphens, dots and underscores, \
                          a letter or digit first and last";
            self.push(&["benchmark", "scenario"], format!("`{name}` cannot be the value of a label"), remedy);
        }
        // A data set of one's own takes the place of what the scenario says.
        if benchmark.custom_data.as_ref().is_none_or(|custom| custom.enabled != Some(true)) {
            self.data(name, scenario);
        }
        self.load(benchmark, name, scenario);
    }

    fn data(&mut self, name: &str, scenario: &Scenario) {
        let data = scenario.data.clone().unwrap_or_default();
        if !data.kind.is_none_or(DataType::draws_lengths) {
            return;
        }
        for (part, lengths) in [("input", &data.input), ("output", &data.output)] {
            let path = ["benchmark", "scenarios", name, "data", part];
            match lengths {
                None => {
                    let kind = if data.kind == Some(DataType::Random) { "random" } else { "synthetic" };
                    let fault = format!("the scenario lacks it, and data of type {kind} needs it");
                    self.push(&path, fault, "write mean, stdDev, min and max in tokens");
                }
                Some(Lengths { min: Some(min), max: Some(max), .. }) if min.get() > max.get() => {
                    self.push(&path, format!("min {min} is above max {max}"), "set min to at most max");
                }
                Some(_) => {}
            }
        }
    }

    fn load(&mut self, benchmark: &Benchmark, name: &str, scenario: &Scenario) {
        let path = ["benchmark", "scenarios", name, "load"];
        let Some(load) = &scenario.load else {
            return self.push(&path, "the scenario lacks it", "write type, and stages or sweep");
        };
        if load.kind.is_none() {
            let remedy = "write constant, poisson or concurrent";
            self.push(&[&path[..], &["type"]].concat(), "the scenario lacks it", remedy);
        }
        let concurrent = load.kind == Some(LoadType::Concurrent);
        for (i, stage) in translate::stages(benchmark).iter().enumerate() {
            self.stage(&path, i, stage, concurrent);
        }
        let tree = translate::config_tree(benchmark, None);
        let load = tree.get("load");
        let given = |key: &str| load.and_then(|load| load.get(key)).is_some_and(is_given);
        let searches = tree
            .get("extensions")
            .is_some_and(|extensions| extensions.get("capacity").is_some_and(Value::is_object));
        if !given("stages") && !given("sweep") && !searches {
            let remedy = "add one, for example `stages: [{rate: 5, duration: 180}]`";
            self.push(&[&path[..], &["stages"]].concat(), "it has no stage and no sweep", remedy);
        }
    }

    /// The stage `i` of the load at `path`.
    fn stage(&mut self, path: &[&str], i: usize, stage: &Stage, concurrent: bool) {
        let index = i.to_string();
        let rate = [("rate", stage.rate.is_some()), ("duration", stage.duration.is_some())];
        let number = [
            ("numRequests", stage.num_requests.is_some()),
            ("concurrencyLevel", stage.concurrency_level.is_some()),
        ];
        let (needed, strange) = if concurrent { (number, rate) } else { (rate, number) };
        for (figure, _) in needed.into_iter().filter(|(_, given)| !given) {
            let path = [path, &["stages", &index, figure]].concat();
            if concurrent {
                let remedy = "write numRequests and concurrencyLevel of every stage";
                self.push(&path, "a stage of concurrent load needs it", remedy);
            } else {
                let fault = format!("it is not given, and there is no built-in stage {i} to take it from");
                self.push(&path, fault, "write rate and duration of every stage");
            }
        }
        for (figure, _) in strange.into_iter().filter(|(_, given)| *given) {
            let path = [path, &["stages", &index, figure]].concat();
            let (fault, remedy) = if concurrent {
                (
                    "a stage of concurrent load has none",
                    "take it out: numRequests and concurrencyLevel make a stage",
                )
            } else {
                (
                    "only a stage of concurrent load has it",
                    "take it out, or set the load's type to concurrent",
                )
            };
            self.push(&path, fault, remedy);
        }
    }

    fn target(&mut self, benchmark: &Benchmark) {
        let url = benchmark.target.base_url.as_str();
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or_default();
        if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
            let fault = if url.is_empty() {
                "the model server's URL is missing"
            } else {
                "is not the URL of a model server"
            };
            self.push(
                &["benchmark", "target", "baseUrl"],
                fault,
                "write one such as http://my-model.default:8000",
            );
        }
        let passed =
            benchmark.config.as_ref().and_then(|config| config.get("server")?.get("base_url")?.as_str());
        let urls: [(&[&str], &str); 2] = [
            (&["benchmark", "target", "baseUrl"], url),
            (&["benchmark", "config", "server", "base_url"], passed.unwrap_or_default()),
        ];
        for (path, url) in urls {
            let url = url.trim_end_matches('/');
            if let Some(root) = url.strip_suffix("/v1") {
                self.push(
                    path,
                    "it ends in /v1, which every request adds by itself",
                    format!("write {root}"),
                );
            }
        }
        let Some(affinity) = &benchmark.affinity else { return };
        let required =
            affinity.enabled != Some(false) && affinity.mode == Some(super::pod::AffinityMode::Required);
        let labelled = affinity
            .target_labels
            .as_ref()
            .is_some_and(|labels| labels.entries().values().any(|v| !v.is_null()));
        if required && !labelled && target_service(&benchmark.target.base_url).is_none() {
            self.push(
                &["benchmark", "affinity", "mode"],
                "required, but benchmark.target.baseUrl names no Service of the cluster",
                "set benchmark.affinity.targetLabels to labels of the model's pods, or the mode to preferred",
            );
        }
    }

    fn storage(&mut self, benchmark: &Benchmark) {
        let Some(storage) = &benchmark.storage else { return };
        let s3 = storage.s3.as_ref().map(|s3| ("s3", s3.enabled, &s3.bucket_name));
        let gcs = storage.gcs.as_ref().map(|gcs| ("gcs", gcs.enabled, &gcs.bucket_name));
        for (store, enabled, bucket) in s3.into_iter().chain(gcs) {
            if enabled == Some(true) && bucket.as_deref().unwrap_or_default().is_empty() {
                self.push(
                    &["benchmark", "storage", store, "bucketName"],
                    format!("it is empty, but benchmark.storage.{store}.enabled is true"),
                    "name a bucket, or leave enabled unset",
                );
            }
        }
    }

    fn name_parts(&mut self, values: &Values) {
        let letterless =
            |text: &String| !text.is_empty() && !text.contains(|c: char| c.is_ascii_alphanumeric());
        if values.fullname_override.as_ref().is_some_and(letterless) {
            let remedy = "write a name such as my-benchmark";
            self.push(&["fullnameOverride"], "it has no letter a-z or digit", remedy);
        }
        if let Some(suffix) = values.benchmark.job.as_ref().and_then(|job| job.name_suffix.as_ref())
            && !(suffix.as_str().len() <= 20 && is_dns_part(suffix.as_str()))
        {
            self.push(
                &["benchmark", "job", "nameSuffix"],
                format!("`{}` cannot be part of a name", suffix.as_str()),
                "write hash, none, or at most 20 lower-case letters, digits and inner hyphens",
            );
        }
    }
}

impl Found<'_> {
    /// Texts that YAML 1.1 readers take for something else or cannot read, and that the chart cannot put in quotes.
    fn ambiguous(&mut self) {
        for key in ["benchmark", "commonLabels", "commonAnnotations", "simulator"] {
            if let Some(node) = self.node.get(key) {
                ambiguous(node, key, &mut self.problems);
            }
        }
    }
}

fn ambiguous(node: &Node, key: &str, problems: &mut Vec<Problem>) {
    let mut judge = |text: &str, origin: &Origin| {
        let is_unprintable =
            |c| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
        if matches!(text, "=" | "<<") || text.contains(is_unprintable) {
            let fault = "the text is = or <<, or has a control character: YAML readers do not agree on it";
            problems.push(Problem::new(origin.clone(), key, fault, "change it"));
        }
    };
    match &node.content {
        Content::String(text) => judge(text, &node.origin),
        Content::Map(entries) => {
            entries.iter().for_each(|(name, entry)| judge(name, &entry.key_origin));
            entries
                .iter()
                .for_each(|(name, entry)| ambiguous(&entry.node, &format!("{key}.{name}"), problems));
        }
        Content::List(items) => {
            items.iter().enumerate().for_each(|(i, item)| ambiguous(item, &format!("{key}[{i}]"), problems));
        }
        Content::Null | Content::Bool(_) | Content::Number(_) => {}
    }
}

/// Neither null nor empty.
fn is_given(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        _ => true,
    }
}

/// At most 63 letters, digits, `-`, `.` and `_`, the first and last a letter or digit.
fn is_label_value(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || matches!(c, '_' | '.' | '-'))
}

#[cfg(test)]
mod tests;
