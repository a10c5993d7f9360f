//! How long a run may take, from the merged config.yml.

use serde_json::{Map, Value};

use super::text::is_empty;

/// Seconds to pull the image.
const PULL_SECONDS: f64 = 600.0;

/// Seconds to upload the results.
const UPLOAD_SECONDS: f64 = 120.0;

/// Seconds after which the pod is ended, `grace` of them for a last upload; none where a stage has no duration, as
/// closed-loop stages do not.
///
/// Tokenizer load, then for each stage its duration, the time for the last request (300 s unless a time-out is set),
/// tear-down grace and interval, then upload; and the image pull before it all.
pub(super) fn seconds(config: &Map<String, Value>, grace: f64) -> Option<Value> {
    let empty = Map::new();
    let part = |name: &str| config.get(name).and_then(Value::as_object).unwrap_or(&empty);
    let load = part("load");
    let load_timeout = or_default(part("tokenizer").get("load_timeout"), 300.0);
    let interval = or_unset(load.get("interval"), 1.0).max(0.0);
    let teardown = or_unset(load.get("stage_teardown_grace_seconds"), 120.0);
    let drain = sum(&[or_default(load.get("request_timeout"), 300.0), teardown, interval]);
    let mut limit = sum(&[load_timeout, UPLOAD_SECONDS]);
    for duration in durations(load)? {
        limit = sum(&[limit, duration, drain]);
    }
    let seconds = sum(&[limit.ceil(), PULL_SECONDS, grace]);
    #[expect(clippy::cast_possible_truncation, reason = "as the chart's int64, which saturates too")]
    let whole = seconds as i64;
    Some(Value::from(whole))
}

/// Stages of a sweep that are counted: with more, no deadline would ever come.
const MOST_STAGES: f64 = 100_000.0;

/// Durations of the stages in seconds; none if one of them is unknown.
fn durations(load: &Map<String, Value>) -> Option<Vec<f64>> {
    if let Some(sweep) = load.get("sweep").filter(|sweep| !is_empty(Some(sweep))) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count; below 0 there is none"
        )]
        let stages = or_default(sweep.get("num_stages"), 5.0).clamp(0.0, MOST_STAGES) as usize;
        let mut durations = vec![or_default(sweep.get("timeout"), 60.0)];
        durations.extend(std::iter::repeat_n(or_default(sweep.get("stage_duration"), 180.0), stages));
        return Some(durations);
    }
    let stages = load.get("stages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    stages
        .iter()
        .map(|stage| {
            let stage = stage.as_object()?;
            let open_loop = stage.get("concurrency_level").is_none_or(Value::is_null);
            stage.get("duration").filter(|_| open_loop).and_then(Value::as_f64)
        })
        .collect()
}

fn or_default(value: Option<&Value>, default: f64) -> f64 {
    if is_empty(value) { default } else { value.map_or(default, number) }
}

fn or_unset(value: Option<&Value>, default: f64) -> f64 {
    value.filter(|value| !value.is_null()).map_or(default, number)
}

/// A number, or a string that spells one; 0 for anything else.
fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or_default(),
        Value::String(text) => text.parse().unwrap_or_default(),
        _ => 0.0,
    }
}

/// The sum of the decimal numbers that the doubles print as, as the chart adds: ten times 0.1 is 1.
fn sum(numbers: &[f64]) -> f64 {
    exact_sum(numbers).unwrap_or_else(|| numbers.iter().sum())
}

fn exact_sum(numbers: &[f64]) -> Option<f64> {
    let texts: Vec<String> = numbers.iter().map(f64::to_string).collect();
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = texts.iter().map(|text| decimals(text)).max()?;
    let mut total: i128 = 0;
    for text in &texts {
        let digits = format!("{}{}", text.replacen('.', "", 1), "0".repeat(scale - decimals(text)));
        total = total.checked_add(digits.parse().ok()?)?;
    }
    format!("{total}e-{scale}").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(config: &Value) -> Option<Value> {
        seconds(config.as_object().unwrap(), 120.0)
    }

    #[test]
    fn a_stage_costs_its_duration_and_its_drain() {
        let config = json!({"load": {"stages": [{"rate": 1, "duration": 300}]}});
        assert_eq!(of(&config), Some(json!(300 + 120 + (300 + 300 + 120 + 1) + 600 + 120)));
    }

    #[test]
    fn closed_loop_stages_have_no_deadline() {
        let config = json!({"load": {"stages": [{"num_requests": 10, "concurrency_level": 2}]}});
        assert_eq!(of(&config), None);
    }

    #[test]
    fn decimals_add_up() {
        let tenths = [0.1; 10];
        assert!((tenths.iter().sum::<f64>() - 1.0).abs() > 0.0);
        assert_eq!(sum(&tenths).to_string(), "1");
        assert_eq!(sum(&[1e300, 1.0]).to_string(), 1e300.to_string());
        assert_eq!(sum(&[1.5, -0.25]).to_string(), "1.25");
    }
}
