//! The page on a folder of reports that holds no records: what the reports say, and no more than that.

use benchmark_schemas::slo::Slo;
use benchmark_schemas::yaml;

use super::figures::LatencyLimit;
use super::foreign::Foreign;
use super::page::{Fact, Page, Part};
use super::text::{count, number, without_brackets};
use super::view::Load;
use super::{load_part, main_figure, table, title};

/// The page; `slos` are what stages are held to.
pub fn page(foreign: &Foreign, slos: &[Slo]) -> String {
    let stages = &foreign.stages;
    let limits: Vec<LatencyLimit> = slos.iter().filter_map(LatencyLimit::of_objective).collect();
    let mut tables = vec![table::verdicts(stages), table::service(stages), table::throughput(stages)];
    tables.extend((!slos.is_empty()).then(|| table::measured(foreign, slos)));
    let configuration = Part {
        texts: vec!["config.yaml beside this page; secrets are masked.".to_owned()],
        code: vec![Fact { name: "config.yaml", text: yaml::emit(&foreign.config) }],
        ..Part::new("configuration", "Configuration")
    };
    let mut parts = vec![
        load_part(stages, (None, &limits)),
        Part { tables, ..Part::new("stages", "Stages") },
        Part {
            texts: vec![
                "This folder holds reports without the records that they were made from. So there are latencies from the \
                 sending alone, and there is no verdict: whether a backlog grew, and whether the load generator kept its \
                 schedule, such reports do not tell."
                    .to_owned(),
            ],
            list: foreign.skipped.iter().map(|skipped| format!("Left out: {skipped}")).collect(),
            ..Part::new("validity", "Validity")
        },
    ];
    parts.extend((!foreign.config.is_null()).then_some(configuration));
    let answered: u64 = stages.iter().map(|stage| stage.succeeded).sum();
    let failed: u64 = stages.iter().map(|stage| stage.failed).sum();
    Page {
        title: title(&foreign.config),
        subtitle: format!(
            "{} stages, {} requests answered, {} failed",
            stages.len(),
            count(answered),
            count(failed)
        ),
        interrupted: false,
        gates: Vec::new(),
        answer: answer(foreign, slos),
        main: main_figure(stages, (None, &limits)),
        findings: Vec::new(),
        parts,
        footer: format!("Made by inference-perf from the reports in {}.", foreign.place),
    }
    .render()
}

/// The answer in one sentence, as far as such reports give one.
pub fn answer(foreign: &Foreign, slos: &[Slo]) -> String {
    if slos.is_empty() {
        let closed = foreign.stages.iter().all(|stage| matches!(stage.load, Load::InFlight(_)));
        return if closed {
            without_brackets(&foreign.stages)
        } else {
            "No rate can be recommended: these reports have no verdicts (name objectives by --slo to see which rates meet \
             them)."
                .to_owned()
        };
    }
    let named = slos.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let unit = if foreign.stages.iter().any(|stage| matches!(stage.load, Load::Rate(_))) {
        "requests/s"
    } else {
        "requests in flight"
    };
    match foreign.held_up_to(slos) {
        Some(load) => format!("{named}: kept up to {} {unit}.", number(load)),
        None => format!("{named}: not kept, or not known, at the lowest load."),
    }
}
