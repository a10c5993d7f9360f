//! What holds for every distribution, wherever it stands.

use serde_json::{Map, Value};

use super::{Finding, Severity, at_most};

/// Where a negative minimum says that a request was sent early, and is no fault.
const MAY_BE_NEGATIVE: &str = "schedule_delay";

/// Checks all distributions in `tree`: objects with numbers under `min` and `max`.
pub(super) fn check(check: &str, file: &str, tree: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk(tree, "", &mut |path, block| {
        for (severity, message) in faults(path, block) {
            findings.push(Finding::new(severity, check, Some(file), format!("{path}: {message}")));
        }
    });
    findings
}

fn walk(tree: &Value, path: &str, visit: &mut dyn FnMut(&str, &Map<String, Value>)) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match tree {
        Value::Object(entries) => {
            if ["min", "max"].iter().all(|key| entries.get(*key).is_some_and(Value::is_number)) {
                visit(path, entries);
            }
            entries.iter().for_each(|(key, value)| walk(value, &below(key), visit));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| walk(item, &below(&at.to_string()), visit));
        }
        _ => {}
    }
}

fn faults(path: &str, block: &Map<String, Value>) -> Vec<(Severity, String)> {
    let at = |key: &str| block.get(key).and_then(Value::as_f64);
    let (Some(min), Some(max)) = (at("min"), at("max")) else { return Vec::new() };
    let mut faults = Vec::new();
    if !at_most(min, max) {
        faults.push((Severity::Error, format!("the minimum {min} is above the maximum {max}")));
    }
    if min < 0.0 {
        let severity = if path.contains(MAY_BE_NEGATIVE) { Severity::Warning } else { Severity::Error };
        faults.push((severity, format!("the minimum {min} is negative")));
    }
    let numbers = block.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_f64()?)));
    let mut ranked: Vec<(f64, &str, f64)> = Vec::new();
    for (key, value) in numbers {
        let rank = rank(key);
        if (key == "mean" || rank.is_some()) && !(at_most(min, value) && at_most(value, max)) {
            faults.push((Severity::Error, format!("{key} {value} is not between {min} and {max}")));
        }
        ranked.extend(rank.map(|rank| (rank, key, value)));
    }
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    for pair in ranked.windows(2) {
        let [(_, lower, below), (_, upper, above)] = pair else { continue };
        if !at_most(*below, *above) {
            faults.push((Severity::Error, format!("{lower} {below} is above {upper} {above}")));
        }
    }
    faults
}

/// The percentile that `key` names: `median`, `p99.9`, or `p99p9` where no point may stand.
fn rank(key: &str) -> Option<f64> {
    if key == "median" {
        return Some(50.0);
    }
    key.strip_prefix('p')?.replace('p', ".").parse().ok()
}
