//! The scenarios that values hold, each on a few lines: what it is for and what it sends.

use std::fmt::Write as _;

use benchmark_schemas::problem::Problems;
use benchmark_schemas::translate;
use benchmark_schemas::values::figure::{Amount, Count, Rate};
use benchmark_schemas::values::scenario::{Capacity, Lengths, Scenario, Stage, Sweep};

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
        for line in lines(scenario, &translate::stages_of(&values.benchmark, name)) {
            let _ = writeln!(out, "  {line}");
        }
    }
    Ok(out)
}

fn lines(scenario: &Scenario, stages: &[Stage]) -> Vec<String> {
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
    lines.extend(scenario.load.as_ref().map(|_| match translate::capacity(scenario) {
        Some(search) => searching(search),
        None => load(translate::sweep(scenario), stages),
    }));
    lines
}

/// Mean of the lengths, with their deviation if they have one.
fn mean(lengths: &Lengths) -> Option<String> {
    let mean = lengths.mean?.get();
    let deviation = lengths.std_dev.map_or(0.0, Amount::get);
    Some(if deviation > 0.0 { format!("{mean} ± {deviation}") } else { mean.to_string() })
}

fn searching(search: &Capacity) -> String {
    let minutes = search.budget_minutes.map(|minutes| format!(", at most {} minutes", minutes.get()));
    format!("load: a search for the highest rate that meets the objectives{}", minutes.unwrap_or_default())
}

fn load(sweep: Option<&Sweep>, stages: &[Stage]) -> String {
    if let Some(sweep) = sweep {
        let stages = sweep.num_stages.map_or_else(|| "some".to_owned(), |count| count.get().to_string());
        return format!("load: a sweep of {stages} stages towards what the server completes");
    }
    let stages: Vec<String> = stages.iter().map(stage).collect();
    if stages.is_empty() { "load: no stages".to_owned() } else { format!("load: {}", stages.join(", ")) }
}

fn stage(stage: &Stage) -> String {
    let figure = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    match (stage.num_requests, stage.concurrency_level) {
        (None, None) => {
            format!(
                "{}/s for {} s",
                figure(stage.rate.map(Rate::get)),
                figure(stage.duration.map(Count::get))
            )
        }
        (requests, level) => {
            format!(
                "{} requests, {} at a time",
                figure(requests.map(Count::get)),
                figure(level.map(Count::get))
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, set: &[&str]) -> String {
        let layers = Layers { set: set.iter().map(|&set| set.to_owned()).collect(), ..Layers::default() };
        let text = scenarios(&layers).unwrap_or_else(|problems| panic!("{problems}"));
        let mut lines = text.lines().skip_while(|line| line.split(' ').next() != Some(name));
        let head = lines.next().expect("the scenario");
        let rest = lines.take_while(|line| line.starts_with(' '));
        [head].into_iter().chain(rest).flat_map(|line| [line, "\n"]).collect()
    }

    #[test]
    fn stages_are_those_that_run() {
        insta::assert_snapshot!(of("saturation", &["benchmark.scenarios.saturation.load.stages[0].duration=600"]), @r"
        saturation
          Rising request rates, to find where latency or errors leave the plateau
          tokens: 512 ± 128 in, 256 ± 64 out
          load: 5/s for 600 s, 10/s for 180 s, 20/s for 180 s, 40/s for 180 s
        ");
    }

    #[test]
    fn a_closed_loop_is_told_by_its_requests() {
        let stage = "benchmark.scenarios.mine.load.stages[0]";
        let set = [
            "benchmark.scenario=mine,benchmark.scenarios.mine.load.type=concurrent".to_owned(),
            format!("{stage}.numRequests=200,{stage}.concurrencyLevel=8"),
            "benchmark.scenarios.mine.data.type=mock".to_owned(),
        ];
        insta::assert_snapshot!(of("mine", &set.each_ref().map(String::as_str)), @r"
        mine  (benchmark.scenario)
          load: 200 requests, 8 at a time
        ");
    }
}
