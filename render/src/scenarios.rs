//! The scenarios that values hold, each on a few lines: what it is for and what it sends.

use std::fmt::Write as _;

use benchmark_schemas::problem::Problems;
use benchmark_schemas::values::figure::Amount;
use benchmark_schemas::values::scenario::{Lengths, Load, Scenario};

use crate::layer::Layers;
use crate::values;

/// All scenarios of these values, the built-in ones and the user's; the one that runs is marked.
pub fn scenarios(layers: &Layers) -> Result<String, Problems> {
    let values = values(layers)?;
    let mut out = String::new();
    for (name, scenario) in &values.benchmark.scenarios {
        let Some(scenario) = scenario else { continue };
        let mark = if *name == values.benchmark.scenario { "  (benchmark.scenario)" } else { "" };
        let _ = writeln!(out, "{name}{mark}");
        for line in lines(scenario) {
            let _ = writeln!(out, "  {line}");
        }
    }
    Ok(out)
}

fn lines(scenario: &Scenario) -> Vec<String> {
    let mut lines: Vec<String> =
        scenario.description.iter().filter(|text| !text.is_empty()).cloned().collect();
    if let Some(data) = &scenario.data {
        let tokens = [("in", &data.input), ("out", &data.output)];
        let tokens = tokens
            .into_iter()
            .filter_map(|(word, lengths)| Some(format!("{} {word}", mean(lengths.as_ref()?)?)));
        let tokens: Vec<String> = tokens.collect();
        if !tokens.is_empty() {
            lines.push(format!("tokens: {}", tokens.join(", ")));
        }
    }
    lines.extend(scenario.load.as_ref().map(load));
    lines
}

/// Mean of the lengths, with their deviation if they have one.
fn mean(lengths: &Lengths) -> Option<String> {
    let mean = lengths.mean?.get();
    let deviation = lengths.std_dev.map_or(0.0, Amount::get);
    Some(if deviation > 0.0 { format!("{mean} ± {deviation}") } else { mean.to_string() })
}

fn load(load: &Load) -> String {
    if let Some(sweep) = &load.sweep {
        let stages = sweep.num_stages.map_or_else(|| "some".to_owned(), |count| count.get().to_string());
        return format!("load: a sweep of {stages} stages towards what the server completes");
    }
    let stages = load.stages.as_deref().unwrap_or_default().iter().flatten();
    let stages: Vec<String> = stages
        .map(|stage| {
            let rate = stage.rate.map_or_else(|| "?".to_owned(), |rate| rate.get().to_string());
            let seconds = stage.duration.map_or_else(|| "?".to_owned(), |seconds| seconds.get().to_string());
            format!("{rate}/s for {seconds} s")
        })
        .collect();
    if stages.is_empty() { "load: no stages".to_owned() } else { format!("load: {}", stages.join(", ")) }
}
