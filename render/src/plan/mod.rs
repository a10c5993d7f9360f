//! What a release will do before it is installed: the figures of its config.yml and the Job's deadline.
//!
//! The figures themselves come from the schemas crate; this module finds the configuration and shows them.

mod arrivals;
mod table;
#[cfg(test)]
mod tests;

use benchmark_schemas::config::Config;
use benchmark_schemas::plan::{Assumptions, Outlook};
use benchmark_schemas::problem::{Origin, Problem, Problems};
use benchmark_schemas::tree::Node;
use serde::Serialize;
use serde_json::Value;

use crate::layer::Layers;
use crate::release::Release;
use crate::{checked, config_text, not_enabled, render_values};

/// How config.yml is named in messages: no file has it.
const CONFIG_FILE: &str = "config.yml";

/// What a release will do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Name of the scenario.
    pub scenario: String,
    /// The figures.
    #[serde(flatten)]
    pub outlook: Outlook,
    /// Seconds after which the pod is ended; `None` if never.
    pub deadline_seconds: Option<f64>,
    /// What is worth a second thought.
    pub doubts: Vec<String>,
}

impl Plan {
    /// The plan of a release with these values; every problem of the values and of the config.yml that they give.
    pub fn new(release: &Release, layers: &Layers, assumptions: Assumptions) -> Result<Self, Problems> {
        let (values, tree) = checked(layers)?;
        if !values.benchmark.enabled {
            return Err(not_enabled(&tree).into());
        }
        let objects = render_values(release, &values)?;
        let job = objects.iter().find(|manifest| manifest.kind() == "Job");
        let deadline = job
            .and_then(|job| job.object.pointer("/spec/template/spec/activeDeadlineSeconds"))
            .and_then(Value::as_f64);
        let text = config_text(release, &values);
        let config = Config::from_yaml(&text, CONFIG_FILE).map_err(|problems| at_values(problems, &tree))?;
        let outlook = Outlook::new(&config, assumptions);
        let mut doubts = outlook.doubts();
        if let (Some(deadline), Some(seconds)) = (deadline, outlook.seconds)
            && deadline < seconds
        {
            doubts.push(format!(
                "the load alone takes {seconds} s, but the pod is ended after {deadline} s (benchmark.job.deadlineSeconds)"
            ));
        }
        let scenario = values.benchmark.scenario.clone();
        Ok(Self { scenario, outlook, deadline_seconds: deadline, doubts })
    }

    /// As tables for a terminal.
    #[must_use]
    pub fn to_table(&self) -> String {
        table::text(self)
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{value:#}\n")
    }

    /// The offered rate over time as a picture (SVG).
    #[must_use]
    pub fn to_svg(&self) -> String {
        arrivals::svg(self)
    }
}

/// Problems of config.yml, at the value under `benchmark.config` that gave the key where one did.
fn at_values(problems: Problems, tree: &Node) -> Problems {
    let mut problems = problems.into_vec();
    for problem in &mut problems {
        let keys = problem.key.split(['.', '[', ']']).filter(|step| !step.is_empty());
        let place: Vec<&str> = ["benchmark", "config"].into_iter().chain(keys).collect();
        match tree.at(place) {
            Some(node) => {
                problem.origin = node.origin.clone();
                problem.key = format!("benchmark.config.{}", problem.key);
            }
            // Its text stands in no file that a user has.
            None => problem.origin = Origin::Argument(CONFIG_FILE.into()),
        }
    }
    match Problems::check(problems) {
        Err(problems) => problems,
        Ok(()) => Problem::new(Origin::Derived, "", "config.yml is not valid", "").into(),
    }
}
