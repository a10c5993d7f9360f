//! How long a run may take, from the merged config.yml.

use serde_json::{Map, Value};

use super::decimal::{product, sum};
use super::text::{is_empty, number, or_default};

/// Seconds to pull the image.
const PULL_SECONDS: f64 = 600.0;

/// Seconds to upload the results.
const UPLOAD_SECONDS: f64 = 120.0;

/// Steps of a search at most, each with a pause after it.
const MOST_STEPS: f64 = 80.0;

/// A plan of so many seconds is bounded by none: Kubernetes counts to 2³¹.
const MOST_SECONDS: f64 = 2e9;

/// Spans of a run in seconds.
pub(super) struct Spans {
    /// Planned time under load, the pauses between the stages included.
    pub(super) load: f64,
    /// What the run may take from the start of the process.
    pub(super) limit: f64,
}

/// The spans of a run; none where a stage has no duration, as closed-loop stages do not, or the plan is beyond measure.
///
/// The limit is `preflight` seconds until the target is ready, tokenizer load, then for each stage its duration, the time
/// for the last request (300 s unless a time-out is set), tear-down grace and interval, then upload.
pub(super) fn spans(config: &Map<String, Value>, preflight: f64) -> Option<Spans> {
    let empty = Map::new();
    let part = |name: &str| config.get(name).and_then(Value::as_object).unwrap_or(&empty);
    let load = part("load");
    let load_timeout = or_default(part("tokenizer").get("load_timeout"), 300.0);
    let teardown = or_unset(load.get("stage_teardown_grace_seconds"), 120.0);
    let drain = sum(&[or_default(load.get("request_timeout"), 300.0), teardown]);
    let Stages { count, seconds } = match search(config) {
        Some(search) => of_search(search, load)?,
        None => stages(load)?,
    };
    let limit = sum(&[load_timeout, preflight, UPLOAD_SECONDS, seconds, product(&[count, drain])]);
    (limit < MOST_SECONDS).then(|| Spans { load: seconds.ceil(), limit: limit.ceil() })
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

/// All stages, that of a sweep's burst included.
struct Stages {
    count: f64,
    /// How long they take with the pauses between them.
    seconds: f64,
}

/// The search for the capacity, if the run is one.
pub(super) fn search(config: &Map<String, Value>) -> Option<&Value> {
    config.get("extensions")?.get("capacity").filter(|search| search.is_object())
}

/// A search ends within its budget, but for a last step that takes longer than it was expected to; none without a budget.
fn of_search(search: &Value, load: &Map<String, Value>) -> Option<Stages> {
    let minutes = search.get("budget_minutes").and_then(Value::as_f64)?;
    let interval = or_unset(load.get("interval"), 1.0).max(0.0);
    let seconds = sum(&[product(&[minutes, 60.0]), product(&[MOST_STEPS, interval])]);
    Some(Stages { count: 2.0, seconds })
}

/// The stages; none if the duration of one of them is unknown.
fn stages(load: &Map<String, Value>) -> Option<Stages> {
    let interval = or_unset(load.get("interval"), 1.0).max(0.0);
    if let Some(sweep) = load.get("sweep").filter(|sweep| !is_empty(Some(sweep))) {
        let count = or_default(sweep.get("num_stages"), 5.0).floor().max(0.0);
        let stage = sum(&[or_default(sweep.get("stage_duration"), 180.0), interval]);
        let burst = or_default(sweep.get("timeout"), 60.0);
        let seconds = sum(&[burst, interval, product(&[count, stage])]);
        return Some(Stages { count: sum(&[count, 1.0]), seconds });
    }
    let stages = load.get("stages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut all = Stages { count: 0.0, seconds: 0.0 };
    for stage in stages {
        let stage = stage.as_object()?;
        let open_loop = stage.get("concurrency_level").is_none_or(Value::is_null);
        let duration = stage.get("duration").filter(|_| open_loop).and_then(Value::as_f64)?;
        all = Stages { count: all.count + 1.0, seconds: sum(&[all.seconds, duration, interval]) };
    }
    Some(all)
}

fn or_unset(value: Option<&Value>, default: f64) -> f64 {
    value.filter(|value| !value.is_null()).map_or(default, number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(config: &Value) -> Option<Value> {
        spans(config.as_object().unwrap(), 600.0).map(|spans| pod_seconds(spans.limit, 60.0, 120.0))
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

    #[test]
    fn a_plan_beyond_measure_has_no_deadline() {
        assert_eq!(of(&json!({"load": {"sweep": {"timeout": 1e21}}})), None);
        assert_eq!(of(&json!({"load": {"sweep": {"num_stages": 2_147_483_647}}})), None);
        assert!(of(&json!({"load": {"sweep": {"num_stages": 3_000_000}}})).is_some());
    }
}
