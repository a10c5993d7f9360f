//! How long a run may take, from the merged config.yml.

use serde_json::{Map, Value};

use super::decimal::sum;
use super::text::{is_empty, number, or_default};

/// Seconds to pull the image.
const PULL_SECONDS: f64 = 600.0;

/// Seconds to upload the results.
const UPLOAD_SECONDS: f64 = 120.0;

/// Seconds that the run may take from the start of the process; none where a stage has no duration, as closed-loop
/// stages do not.
///
/// `preflight` seconds until the target is ready, tokenizer load, then for each stage its duration, the time for the last
/// request (300 s unless a time-out is set), tear-down grace and interval, then upload.
pub(super) fn run_seconds(config: &Map<String, Value>, preflight: f64) -> Option<f64> {
    let empty = Map::new();
    let part = |name: &str| config.get(name).and_then(Value::as_object).unwrap_or(&empty);
    let load = part("load");
    let load_timeout = or_default(part("tokenizer").get("load_timeout"), 300.0);
    let teardown = or_unset(load.get("stage_teardown_grace_seconds"), 120.0);
    let drain = sum(&[or_default(load.get("request_timeout"), 300.0), teardown, interval(load)]);
    let mut limit = sum(&[load_timeout, preflight, UPLOAD_SECONDS]);
    for duration in durations(load)? {
        limit = sum(&[limit, duration, drain]);
    }
    Some(limit.ceil())
}

/// Planned seconds under load, the pauses between the stages included; none where a stage has no duration.
pub(super) fn load_seconds(config: &Map<String, Value>) -> Option<f64> {
    let empty = Map::new();
    let load = config.get("load").and_then(Value::as_object).unwrap_or(&empty);
    let interval = interval(load);
    let planned = durations(load)?.into_iter().fold(0.0, |sum_so_far, duration| sum(&[sum_so_far, duration, interval]));
    Some(planned.ceil())
}

/// Seconds between two stages.
fn interval(load: &Map<String, Value>) -> f64 {
    or_unset(load.get("interval"), 1.0).max(0.0)
}

/// Seconds after which the pod is ended: those of the run, `hold` in which its reports can be copied, the image pull, and
/// `grace` for a last upload.
pub(super) fn pod_seconds(run: f64, hold: f64, grace: f64) -> Value {
    Value::from(whole(sum(&[run, PULL_SECONDS, hold, grace])))
}

/// A whole number of seconds.
#[expect(clippy::cast_possible_truncation, reason = "as the chart's int64, which saturates too")]
pub(super) fn whole(seconds: f64) -> i64 {
    seconds as i64
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

fn or_unset(value: Option<&Value>, default: f64) -> f64 {
    value.filter(|value| !value.is_null()).map_or(default, number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(config: &Value) -> Option<Value> {
        run_seconds(config.as_object().unwrap(), 600.0).map(|run| pod_seconds(run, 60.0, 120.0))
    }

    #[test]
    fn a_stage_costs_its_duration_and_its_drain() {
        let config = json!({"load": {"stages": [{"rate": 1, "duration": 300}]}});
        assert_eq!(of(&config), Some(json!(600 + 300 + 120 + (300 + 300 + 120 + 1) + 60 + 600 + 120)));
    }

    #[test]
    fn closed_loop_stages_have_no_deadline() {
        let config = json!({"load": {"stages": [{"num_requests": 10, "concurrency_level": 2}]}});
        assert_eq!(of(&config), None);
    }
}
