//! Gates: what the configuration wants to hold of a run that has gone well, and what of it does not.

use benchmark_schemas::config::Gates;

use super::RunReport;

/// What does not hold, a sentence each; empty if all does.
pub fn broken(run: &RunReport) -> Vec<String> {
    let gates = run.config.pointer("/extensions/gates").cloned();
    // What is no gate was refused before the run.
    let gates: Gates = gates.and_then(|gates| serde_json::from_value(gates).ok()).unwrap_or_default();
    all_failed(run, &gates).into_iter().collect()
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
