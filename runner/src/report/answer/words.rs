//! Words for what the stages say about objectives, and for what marks a knee.

use benchmark_schemas::report::{Attainment, Binding, Capacity, StageCapacity, Verdict};
use benchmark_schemas::slo::Slo;

use super::rate;

/// What was wrong beyond the knee that `signal` marks, as the end of a sentence.
pub(in crate::report) fn signal(signal: Binding) -> &'static str {
    match signal {
        Binding::Ttft => "the time to first token was too long",
        Binding::Tpot => "the time per output token was too long",
        Binding::Ntpot => "the time per output token, waiting included, was too long",
        Binding::Latency => "requests took too long",
        Binding::Errors => "too many requests failed",
        Binding::Backlog => "work piled up",
        Binding::Client => "the load generator was too slow",
    }
}

/// Why a stage has its verdict; the objectives that it met stand in a table of their own.
pub(in crate::report) fn reasons(stage: &StageCapacity) -> String {
    let met: Vec<String> = stage
        .objectives
        .iter()
        .filter(|attainment| attainment.met == Some(true))
        .map(|attainment| format!("{}: ", attainment.slo))
        .collect();
    let told = |reason: &&String| !met.iter().any(|slo| reason.starts_with(slo.as_str()));
    stage.reasons.iter().filter(told).map(String::as_str).collect::<Vec<_>>().join("; ")
}

/// Up to which load each objective was met; `None` without objectives.
pub(super) fn objectives(capacity: &Capacity) -> Option<String> {
    if let Some(search) = &capacity.search {
        // So many stages so near the knee contradict one another by chance; what they say together is the search's rate.
        let named: Vec<String> = search.objectives.iter().map(ToString::to_string).collect();
        return (!named.is_empty()).then(|| named.join(", "));
    }
    let slos = objectives_of(&capacity.stages);
    let said: Vec<String> = slos.iter().map(|slo| objective(slo, &capacity.stages)).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// The objectives that `stages` are held to, each once.
pub(in crate::report) fn objectives_of<'a>(stages: impl IntoIterator<Item = &'a StageCapacity>) -> Vec<Slo> {
    let mut slos: Vec<Slo> = Vec::new();
    for attainment in stages.into_iter().flat_map(|stage| &stage.objectives) {
        if !slos.contains(&attainment.slo) {
            slos.push(attainment.slo);
        }
    }
    slos
}

/// Up to which load `slo` was met, and from which on it was missed.
fn objective(slo: &Slo, stages: &[StageCapacity]) -> String {
    let is_open = stages.iter().any(|stage| stage.offered_rate.is_some());
    let unit = if is_open { "requests/s" } else { "requests in flight" };
    let load = |stage: &StageCapacity| {
        if is_open { stage.offered_rate } else { stage.concurrency.map(|concurrency| concurrency as f64) }
    };
    let of = |stage: &StageCapacity| -> Option<(f64, bool)> {
        let found: &Attainment = stage.objectives.iter().find(|found| found.slo == *slo)?;
        Some((load(stage)?, found.met?))
    };
    let valid = stages.iter().filter(|stage| stage.verdict != Verdict::InvalidClient);
    let judged: Vec<(f64, bool)> = valid.filter_map(of).collect();
    let loads = |wanted: bool| judged.iter().filter(move |(_, met)| *met == wanted).map(|(load, _)| *load);
    let missed = loads(false).min_by(f64::total_cmp);
    let met = loads(true).filter(|load| missed.is_none_or(|missed| *load < missed)).max_by(f64::total_cmp);
    let said = |load: f64| if is_open { rate(load) } else { format!("{load:.0}") };
    match (met, missed) {
        (Some(met), Some(missed)) => {
            format!("{slo} met up to {} {unit}, missed from {} on", said(met), said(missed))
        }
        (Some(met), None) => format!("{slo} met up to {} {unit}, and never missed", said(met)),
        (None, Some(missed)) => format!("{slo} missed from {} {unit} on, and never met", said(missed)),
        (None, None) => format!("{slo} undecided in every stage"),
    }
}
