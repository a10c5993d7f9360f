//! How stages met the objectives, what a search did, and the curves that only describe.

use benchmark_schemas::report::{Attainment, Capacity, Estimate, Search};
use benchmark_schemas::slo::{Slo, SloMetric};

use super::page::Fact;
use super::table::{Row, Table, class, groups, names, rows, short};
use super::text::{NONE, milliseconds, number, percent, rate};
use super::view::Stage;
use crate::report::answer;

/// How each stage met each objective; `None` without objectives.
pub(super) fn objectives(stages: &[Stage]) -> Option<Table> {
    const COLUMNS: [&str; 3] = ["Value", "Kept to it %", "Met"];
    let slos = answer::objectives_of(stages.iter().filter_map(|stage| stage.judged.as_ref()));
    let titles: Vec<String> = slos.iter().map(ToString::to_string).collect();
    let spans: Vec<(&str, usize)> =
        std::iter::once(("", 2)).chain(titles.iter().map(|title| (title.as_str(), COLUMNS.len()))).collect();
    let cells = |stage: &Stage| {
        let of = |slo: &Slo| match attainments(stage).find(|attainment| attainment.slo == *slo) {
            Some(attainment) => [value(attainment), kept(attainment), met(attainment).to_owned()],
            None => [NONE; 3].map(str::to_owned),
        };
        std::iter::once(short(stage.load)).chain(slos.iter().flat_map(of)).collect()
    };
    (!slos.is_empty()).then(|| Table {
        id: "objectives",
        caption:
            "Service-level objectives: what each limits (latencies from the scheduled instant), and how many \
                  requests kept to it, with 95 % bounds"
                .to_owned(),
        groups: groups(&spans),
        head: names(
            &["Stage", "Load"].into_iter().chain(slos.iter().flat_map(|_| COLUMNS)).collect::<Vec<_>>(),
        ),
        rows: rows(stages, cells),
        ..Table::default()
    })
}

fn attainments(stage: &Stage) -> impl Iterator<Item = &Attainment> {
    stage.judged.iter().flat_map(|judged| &judged.objectives)
}

/// What the objective limits, with its unit.
fn value(attainment: &Attainment) -> String {
    match (attainment.slo.metric, attainment.value) {
        (_, None) => "too few answers".to_owned(),
        (SloMetric::Errors, share) => format!("{} %", percent(share)),
        (_, seconds) => format!("{} ms", milliseconds(seconds)),
    }
}

fn kept(attainment: &Attainment) -> String {
    let [lower, upper] = attainment.bounds.map(|bound| percent(Some(bound)));
    format!("{} ({lower} to {upper})", percent(Some(attainment.share)))
}

fn met(attainment: &Attainment) -> &'static str {
    match attainment.met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "unsure",
    }
}

/// What was looked for, and how that ended.
pub(super) fn asked(search: &Search) -> String {
    let objectives: Vec<String> = search.objectives.iter().map(ToString::to_string).collect();
    format!(
        "Looked for: the highest rate that meets {}, with profile {}. After {} steps and {} minutes of load: {}.",
        objectives.join(" and "),
        search.profile.as_str(),
        search.steps.len(),
        number(search.load_minutes),
        search.ending
    )
}

/// The figures that it found.
pub(super) fn found(search: &Search) -> Vec<Fact> {
    let known = |estimate: Option<Estimate>| {
        let estimate = estimate?;
        let [lower, upper] = estimate.interval.map(rate);
        Some(format!("{} requests/s (95 % interval {lower} to {upper})", rate(estimate.value)))
    };
    let at = |value: Option<f64>| value.map(|value| format!("{} requests/s", rate(value)));
    let facts = [
        ("Highest rate that meets the objectives", known(search.slo_rate)),
        ("Certified, for capacity plans", at(search.certified_rate)),
        ("Completed at most", known(search.throughput_ceiling)),
        ("Greatest throughput per latency", at(search.efficient_rate)),
        ("Bound by", search.binding.map(|binding| binding.to_string())),
    ];
    let facts = facts.into_iter().filter_map(|(name, text)| Some(Fact { name, text: text? }));
    let cliff = "the objectives go from met to missed within the interval, without a slope";
    facts.chain(search.cliff.then(|| Fact { name: "A cliff", text: cliff.to_owned() })).collect()
}

/// Its steps, with why each was run and what it showed; `None` if it was broken off before the first had ended.
pub(super) fn steps(search: &Search, stages: &[Stage]) -> Option<Table> {
    let row = |step: &benchmark_schemas::report::SearchStep| {
        let stage = stages.iter().find(|stage| stage.number == step.stage);
        let load = stage.map_or_else(|| NONE.to_owned(), |stage| short(stage.load));
        Row {
            head: step.stage.to_string(),
            cells: vec![step.purpose.as_str().to_owned(), load, step.why.clone(), step.finding.clone()],
            class: stage.map_or("", class),
        }
    };
    (!search.steps.is_empty()).then(|| Table {
        id: "steps",
        caption: "The steps of the search".to_owned(),
        head: names(&["Stage", "Purpose", "Load", "Why it was run", "What it showed"]),
        rows: search.steps.iter().map(row).collect(),
        ..Table::default()
    })
}

/// Curves through the measurements, for whoever is used to them.
pub(super) fn descriptive(capacity: &Capacity) -> Vec<String> {
    let curves = &capacity.descriptive;
    let kneedle = curves.kneedle_rate.map(|at| {
        format!(
            "Kneedle puts the knee at {} requests/s. It moves with the range of the rates; nothing is concluded from it.",
            rate(at)
        )
    });
    let usl = curves.usl.as_ref().map(|usl| {
        let peak = usl.peak_concurrency.map_or_else(
            || "without a peak".to_owned(),
            |peak| format!("with its peak at {} in flight", number(peak)),
        );
        format!(
            "The Universal Scalability Law through the closed loops: λ = {}, σ = {}, κ = {}, {peak}. Nothing is concluded \
             from it.",
            number(usl.lambda),
            number(usl.sigma),
            number(usl.kappa)
        )
    });
    kneedle.into_iter().chain(usl).collect()
}
