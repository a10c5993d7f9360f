//! The chart's manifests without Helm and without a cluster.
//!
//! `values.yaml + -f + --set` are layered as Helm does it, checked against the schema and the chart's own rules, and
//! rendered by templates that mirror the chart's. Everything here is a function from text to text: no clock, no
//! environment, no network, no randomness; only the binary reads files.

pub mod chart;
pub mod diff;
mod engine;
pub mod explain;
pub mod go_json;
mod layer;
pub mod manifest;
mod model;
mod order;
pub mod plan;
pub mod release;
mod repair;
pub mod scenarios;
pub mod set;
mod unchecked;

use std::sync::LazyLock;

use benchmark_schemas::problem::{Origin, Problem, Problems};
use benchmark_schemas::translate;
use benchmark_schemas::tree::Node;
use benchmark_schemas::validate::{Coercion, conform};
use benchmark_schemas::values::{self, Values};
use benchmark_schemas::yaml::{self, Dialect};
use serde::Serialize;
use serde_json::Value;

pub use layer::{Layers, ValuesFile, over_defaults};
pub use manifest::Manifest;
pub use release::Release;

use engine::Engine;
use model::{Model, Notes, Pod};

/// The schema as it was generated from the types: to read it takes half the time that it takes to generate it.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../charts/benchmark-charts/values.schema.json"))
        .expect("the generated schema is JSON")
});

/// The values of a release: the user's layers over the chart's defaults, checked. Every problem at once.
pub fn values(layers: &Layers) -> Result<Values, Problems> {
    checked(layers).map(|(values, _)| values)
}

/// The values with the tree that they were read from.
fn checked(layers: &Layers) -> Result<(Values, Node), Problems> {
    let mut tree = over_defaults(layers.merged()?, chart::defaults());
    let values =
        if layers.skip_schema_validation { unchecked::read(&tree, &SCHEMA)? } else { conforming(&mut tree)? };
    Problems::check(values::check(&values, &tree))?;
    Ok((values, tree))
}

/// The values of a tree that the schema takes.
fn conforming(tree: &mut Node) -> Result<Values, Problems> {
    let mut problems = conform(tree, &SCHEMA, Coercion::None);
    if !problems.is_empty() {
        problems.extend(repair::further_problems(tree, chart::defaults(), &SCHEMA, &problems));
        Problems::check(problems)?;
    }
    serde_json::from_value(tree.to_json()).map_err(|error| {
        // The schema is generated from the type; where it says less than the type, the type's word stands.
        Problems::from(Problem::new(tree.origin.clone(), "", error.to_string(), ""))
    })
}

/// The objects of a release, in the order in which Helm prints them. Nothing if the benchmark is not enabled.
pub fn render(release: &Release, layers: &Layers) -> Result<Vec<Manifest>, Problems> {
    render_values(release, &values(layers)?)
}

/// The objects of a release with checked values.
pub fn render_values(release: &Release, values: &Values) -> Result<Vec<Manifest>, Problems> {
    if !values.benchmark.enabled {
        return Ok(Vec::new());
    }
    let engine = Engine::new().map_err(|error| template_problem(&error))?;
    let model = model(&engine, release, values)?;
    let mut manifests = Vec::new();
    for template in engine::objects() {
        let text = engine.render(template, &model).map_err(|error| template_problem(&error))?;
        for text in split(&text) {
            let object = parse(template, &text)?;
            manifests.push(Manifest { template, text, object });
        }
    }
    // Helm prints hooks behind everything else, both by kind.
    manifests.sort_by_key(|manifest| (manifest.is_hook(), order::rank(manifest.kind())));
    Ok(manifests)
}

/// What Helm tells its user after an installation.
pub fn notes(release: &Release, layers: &Layers) -> Result<String, Problems> {
    let values = values(layers)?;
    let engine = Engine::new().map_err(|error| template_problem(&error))?;
    let notes = if values.benchmark.enabled {
        let model = model(&engine, release, &values)?;
        Notes::new(release, &values, &model)
    } else {
        Notes::NothingInstalled
    };
    let text = engine.render(engine::NOTES, notes).map_err(|error| template_problem(&error))?;
    Ok(format!("{}\n", text.trim()))
}

/// What the templates are filled with.
fn model(engine: &Engine, release: &Release, values: &Values) -> Result<Model, Problems> {
    #[derive(Serialize)]
    struct PodContext<'a> {
        pod: &'a Pod,
        config_map: &'a str,
    }
    let pod_template = |pod: &Pod, config_map: &str| {
        engine.render(engine::POD, PodContext { pod, config_map }).map_err(|error| template_problem(&error))
    };
    Model::new(release, values, pod_template, |text| parse(engine::POD, text))
}

/// The documents of a template: only a separator stands as `---` at the start of a line.
fn split(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        match documents.last_mut() {
            Some(document) if line != "---" => document.extend([line, "\n"]),
            _ => documents.push(String::new()),
        }
    }
    documents.retain(|document| !document.trim().is_empty());
    documents.into_iter().map(|document| document.trim_end_matches('\n').to_owned()).collect()
}

/// The text of config.yml of a release; a problem if the benchmark is not enabled.
pub fn config(release: &Release, layers: &Layers) -> Result<String, Problems> {
    let (values, tree) = checked(layers)?;
    if !values.benchmark.enabled {
        return Err(not_enabled(&tree).into());
    }
    Ok(config_text(release, &values))
}

/// The text of config.yml of a release with checked values.
fn config_text(release: &Release, values: &Values) -> String {
    let simulator = model::simulator_url(release, values);
    yaml::emit(&Value::Object(translate::config_tree(&values.benchmark, simulator.as_deref())))
}

/// What is said where there is no benchmark to speak of.
fn not_enabled(tree: &Node) -> Problem {
    let origin = tree.at(["benchmark", "enabled"]).map_or(Origin::Derived, |node| node.origin.clone());
    Problem::new(origin, "benchmark.enabled", "is false, so there is no config.yml", "set it to true")
}

/// Rendered YAML as Kubernetes reads it.
fn parse(template: &str, text: &str) -> Result<Value, Problems> {
    Ok(yaml::parse(text, template, Dialect::Values)?.to_json())
}

/// A template that does not render is a fault of this program; it is reported like any other.
fn template_problem(error: &minijinja::Error) -> Problems {
    let origin = Origin::Argument(error.name().unwrap_or("templates").into());
    Problem::new(origin, "", format!("does not render: {error:#}"), "this is a fault of benchmark-render")
        .into()
}

#[cfg(test)]
mod tests;
