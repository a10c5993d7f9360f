//! Partial benchmark reports: their own rules, and agreement with the stage's report.

use jiff::Timestamp;
use serde_json::Value;

use super::super::partial::VERSION;
use super::{Finding, Severity, distributions, number, same};

/// Numbers that stand in both reports: below `aggregate` here, and there.
pub(super) const BOTH: [(&str, &str); 13] = [
    ("/requests/total", "/load_summary/count"),
    ("/requests/failures", "/failures/count"),
    ("/latency/request_latency/mean", "/successes/latency/request_latency/mean"),
    ("/latency/request_latency/min", "/successes/latency/request_latency/min"),
    ("/latency/request_latency/max", "/successes/latency/request_latency/max"),
    ("/latency/request_latency/p50", "/successes/latency/request_latency/median"),
    ("/latency/time_to_first_token/mean", "/successes/latency/time_to_first_token/mean"),
    ("/latency/inter_token_latency/mean", "/successes/latency/inter_token_latency/mean"),
    (
        "/latency/normalized_time_per_output_token/mean",
        "/successes/latency/normalized_time_per_output_token/mean",
    ),
    ("/throughput/request_rate/mean", "/successes/throughput/requests_per_sec"),
    ("/throughput/input_token_rate/mean", "/successes/throughput/input_tokens_per_sec"),
    ("/throughput/output_token_rate/mean", "/successes/throughput/output_tokens_per_sec"),
    ("/throughput/total_token_rate/mean", "/successes/throughput/total_tokens_per_sec"),
];

/// Seconds by which a duration of three decimals may differ from its two instants.
const DURATION_TOLERANCE: f64 = 1e-3;

/// Checks the partial report `tree` in `file`, whose stage has the report `lifecycle`.
pub(super) fn check(file: &str, tree: &Value, lifecycle: Option<&Value>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut error = |check: &str, message: String| {
        findings.push(Finding::new(Severity::Error, format!("br_partial.{check}"), Some(file), message));
    };
    let aggregate = tree.pointer("/results/request_performance/aggregate");
    let has_shape = tree.pointer("/run/uid").is_some_and(Value::is_string)
        && aggregate.is_some_and(|aggregate| aggregate.get("requests").is_some());
    if !has_shape {
        error("schema", "without run.uid or without the numbers of requests".to_owned());
    }
    if tree["version"] != VERSION {
        error("version", format!("version {} is not {VERSION}", tree["version"]));
    }
    let nulls = count_nulls(tree);
    if nulls > 0 {
        error("nulls", format!("{nulls} values are null and would erase what they are merged over"));
    }
    if let Some((stated, spanned)) = durations(tree)
        && (stated - spanned).abs() > DURATION_TOLERANCE
    {
        error("run_time", format!("a duration of {stated} s, but {spanned} s from start to end"));
    }
    for (here, there) in BOTH {
        let values =
            aggregate.and_then(|tree| number(tree, here)).zip(lifecycle.and_then(|tree| number(tree, there)));
        if let Some((ours, theirs)) = values.filter(|(ours, theirs)| !same(*ours, *theirs)) {
            let dotted = |pointer: &str| pointer.trim_start_matches('/').replace('/', ".");
            let message =
                format!("{} is {ours}, in the stage's report {} is {theirs}", dotted(here), dotted(there));
            error("lifecycle_agreement", message);
        }
    }
    findings.extend(distributions::check("br_partial.distributions", file, tree));
    findings
}

fn count_nulls(tree: &Value) -> usize {
    match tree {
        Value::Null => 1,
        Value::Object(entries) => entries.values().map(count_nulls).sum(),
        Value::Array(items) => items.iter().map(count_nulls).sum(),
        _ => 0,
    }
}

/// The stated duration and the one between the instants, seconds.
fn durations(tree: &Value) -> Option<(f64, f64)> {
    let text = |key: &str| tree.pointer(&format!("/run/time/{key}")).and_then(Value::as_str);
    let stated = text("duration")?.strip_prefix("PT")?.strip_suffix('S')?.parse().ok()?;
    let at = |key: &str| text(key)?.parse::<Timestamp>().ok();
    Some((stated, at("end")?.duration_since(at("start")?).as_secs_f64()))
}
