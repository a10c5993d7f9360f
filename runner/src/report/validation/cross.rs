//! What several files say about the same thing.

use serde_json::Value;

use super::super::{Document, Export as _, RunReport, config};
use super::{Finding, Severity, number, same};

/// Checks `summary` and `stages` (numbers and trees) against each other, the configuration in `documents` and the
/// number of requests in the report on every request.
pub(super) fn check(
    run: &RunReport,
    summary: Option<&Value>,
    stages: &[(u32, &Value)],
    documents: &[Document],
) -> Vec<Finding> {
    let mut findings = stage_totals(summary, stages);
    findings.extend(per_request_count(run, summary));
    findings.extend(stage_indices(stages));
    let declared = documents.iter().find(|file| file.name() == config::NAME);
    let declared = declared.and_then(|file| file.tree().pointer("/load/stages")?.as_array());
    findings.extend(declared.map(|list| configured_stages(list.len(), stages)).into_iter().flatten());
    findings.extend(stage_rates(stages));
    findings
}

fn of(severity: Severity, check: &str, message: String) -> Finding {
    Finding::new(severity, format!("cross_report.{check}"), None, message)
}

fn stage_totals(summary: Option<&Value>, stages: &[(u32, &Value)]) -> Vec<Finding> {
    let Some(summary) = summary.filter(|_| !stages.is_empty()) else { return Vec::new() };
    let counts = ["/load_summary/count", "/successes/count", "/failures/count"];
    counts
        .iter()
        .filter_map(|pointer| {
            let all = number(summary, pointer)?;
            let sum: f64 = stages.iter().map(|(_, tree)| number(tree, pointer)).sum::<Option<f64>>()?;
            let key = pointer.trim_start_matches('/').replace('/', ".");
            let message = format!("{key}: the stages have {sum} together, the summary {all}");
            (!same(sum, all)).then(|| of(Severity::Error, "stage_totals", message))
        })
        .collect()
}

fn per_request_count(run: &RunReport, summary: Option<&Value>) -> Option<Finding> {
    run.settings.request_lifecycle.per_request.filter(|wanted| *wanted)?;
    let (all, listed) = (number(summary?, "/load_summary/count")?, run.metrics.checks.recorded as f64);
    let message = format!("{listed} requests are listed one by one, the summary has {all}");
    (!same(all, listed)).then(|| of(Severity::Error, "per_request_count", message))
}

fn stage_indices(stages: &[(u32, &Value)]) -> Option<Finding> {
    let last = stages.iter().map(|(number, _)| *number).max()?;
    let missing = missing(last, stages);
    let message = format!("stages without a request have no report: {}", missing.join(", "));
    (!missing.is_empty()).then(|| of(Severity::Warning, "stage_indices", message))
}

/// Numbers up to and with `last` that no stage has.
fn missing(last: u32, stages: &[(u32, &Value)]) -> Vec<String> {
    let has = |number: &u32| stages.iter().any(|(known, _)| known == number);
    (0..=last).filter(|number| !has(number)).map(|number| number.to_string()).collect()
}

fn configured_stages(declared: usize, stages: &[(u32, &Value)]) -> Vec<Finding> {
    let Some(last_declared) = u32::try_from(declared).ok().filter(|_| !stages.is_empty()) else {
        return Vec::new();
    };
    let extra: Vec<String> = stages
        .iter()
        .filter(|(number, _)| *number >= last_declared)
        .map(|(number, _)| number.to_string())
        .collect();
    let absent = last_declared.checked_sub(1).map(|last| missing(last, stages)).unwrap_or_default();
    let mut findings = Vec::new();
    if !extra.is_empty() {
        let message = format!("reports on stages {} of a configuration of {declared}", extra.join(", "));
        findings.push(of(Severity::Error, "configured_stages", message));
    }
    if !absent.is_empty() {
        let message = format!("stages of the configuration without a report: {}", absent.join(", "));
        findings.push(of(Severity::Warning, "configured_stages", message));
    }
    findings
}

/// Falling rates are allowed, but rarely meant. The rate of a closed loop only says how many requests it has.
fn stage_rates(stages: &[(u32, &Value)]) -> Vec<Finding> {
    let open = stages.iter().filter(|(_, tree)| tree.pointer("/load_summary/concurrency").is_none());
    let rates: Vec<(u32, f64)> = open
        .filter_map(|(stage, tree)| Some((*stage, number(tree, "/load_summary/requested_rate")?)))
        .collect();
    rates
        .windows(2)
        .filter(|pair| pair[1].1 < pair[0].1)
        .map(|pair| {
            let [(before, higher), (stage, lower)] = [pair[0], pair[1]];
            let message = format!("stage {stage} has a rate of {lower}, stage {before} before it {higher}");
            of(Severity::Warning, "stage_rates", message)
        })
        .collect()
}
