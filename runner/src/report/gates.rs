//! Gates: what the configuration wants to hold of a run that has gone well, and what of it does not.

use benchmark_schemas::config::Gates;
use benchmark_schemas::report::StageCapacity;

use super::RunReport;

/// What does not hold, a sentence each; empty if all does.
pub fn broken(run: &RunReport) -> Vec<String> {
    let gates = run.config.pointer("/extensions/gates").cloned();
    // What is no gate was refused before the run.
    let gates: Gates = gates.and_then(|gates| serde_json::from_value(gates).ok()).unwrap_or_default();
    all_failed(run, &gates).into_iter().chain(objectives(run, &gates)).collect()
}

/// Objectives that a stage has missed. The stages of a sweep and of a search go beyond what the server can do by intent:
/// of them only those up to a rate that is given count.
fn objectives(run: &RunReport, gates: &Gates) -> Vec<String> {
    let given = |pointer: &str| run.config.pointer(pointer).is_some_and(|value| !value.is_null());
    let searched = given("/load/sweep") || given("/extensions/capacity");
    let limit = match gates.slo_up_to_rate {
        Some(rate) => rate,
        None if searched => return Vec::new(),
        None => f64::INFINITY,
    };
    let counts = |stage: &&StageCapacity| match stage.concurrency {
        Some(_) => !searched,
        None => stage.configured_rate <= limit,
    };
    let mut missed = Vec::new();
    for stage in run.capacity.stages.iter().filter(counts) {
        for kept in stage.objectives.iter().filter(|kept| kept.share < kept.slo.target()) {
            let chance = if kept.met.is_none() { "; chance alone may have done that" } else { "" };
            missed.push(format!(
                "Gate: {} is missed in stage {}: {:.2} % of {} requests kept to it, {:.2} % must{chance}",
                kept.slo,
                stage.stage,
                kept.share * 100.0,
                kept.requests,
                kept.slo.target() * 100.0
            ));
        }
    }
    missed
}

fn all_failed(run: &RunReport, gates: &Gates) -> Option<String> {
    let summary = &run.metrics.summary;
    if !gates.all_failed || summary.successes.count() > 0 {
        return None;
    }
    let failures = &summary.failures;
    Some(match failures.by_label.by_count().first() {
        Some(first) => format!(
            "Gate: no request succeeded, {} failed, most of them by {:?} (extensions.gates.all_failed)",
            failures.count(),
            first.label
        ),
        None => "Gate: no request succeeded, and none was answered (extensions.gates.all_failed)".to_owned(),
    })
}
