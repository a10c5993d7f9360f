//! How much a run writes to disk, from the merged config.yml.

use benchmark_schemas::plan::STREAMED_TOKEN_BYTES;
use serde_json::{Map, Value};

use super::decimal::{product, sum};
use super::text::{is_empty, or_default};

/// MiB in a byte: 2⁻²⁰.
const MEBIBYTE: f64 = 0.000_000_953_674_316_406_25;

/// More requests, or bytes a request, than any plan has: nothing is said about such.
const MOST: f64 = 1e9;

/// Disk space in MiB.
pub(super) struct Disk {
    /// What the plan writes, and some room for logs.
    pub(super) request: i64,
    /// Four times that.
    pub(super) limit: i64,
}

/// The disk space of a run; none if the number of its requests is not known.
///
/// A record has some 512 bytes and 8 for each token of the answer. Where each request is reported, the answer stands twice
/// in its record, as it came and chunk by chunk, and twice in the report.
pub(super) fn estimate(config: &Map<String, Value>) -> Option<Disk> {
    let requests = sum(&counts(config)?);
    let tokens = |part: &str| {
        let mean = config.get("data").and_then(|data| data.get(part)?.get("mean")?.as_f64());
        mean.unwrap_or(1024.0)
    };
    let (input, output) = (tokens("input_distribution"), tokens("output_distribution"));
    let mut bytes = sum(&[512.0, product(&[8.0, output])]);
    let lifecycle = config.get("report").and_then(|report| report.get("request_lifecycle"));
    if lifecycle.and_then(|lifecycle| lifecycle.get("per_request")) == Some(&Value::Bool(true)) {
        bytes = sum(&[bytes, 4096.0, product(&[8.0, input]), product(&[4.0 * STREAMED_TOKEN_BYTES, output])]);
    }
    if requests >= MOST || bytes >= MOST {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and far below the greatest")]
    let mebibytes = product(&[requests, bytes, MEBIBYTE]).floor() as i64;
    Some(Disk { request: mebibytes + 65, limit: 4 * mebibytes + 320 })
}

/// Requests of the stages; none if one of them is not known, as those of a search are not. A sweep is taken to find at most a tenth of its burst as
/// rate.
fn counts(config: &Map<String, Value>) -> Option<Vec<f64>> {
    let load = config.get("load")?;
    if super::deadline::search(config).is_some() {
        return None;
    }
    if let Some(sweep) = load.get("sweep").filter(|sweep| !is_empty(Some(sweep))) {
        let figure = |name: &str, default| or_default(sweep.get(name), default);
        let burst = figure("num_requests", 2000.0);
        let time = product(&[figure("num_stages", 5.0), figure("stage_duration", 180.0)]);
        return Some(vec![burst, product(&[burst, 0.1, time])]);
    }
    let stages = load.get("stages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let count = |stage: &Value| {
        let figure = |name: &str| stage.get(name).and_then(Value::as_f64);
        figure("num_requests").or_else(|| Some(product(&[figure("rate")?, figure("duration")?])))
    };
    stages.iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(config: &Value) -> Option<(i64, i64)> {
        estimate(config.as_object().unwrap()).map(|disk| (disk.request, disk.limit))
    }

    #[test]
    fn a_plan_needs_disk_for_each_token_of_its_answers() {
        let data = json!({"input_distribution": {"mean": 512}, "output_distribution": {"mean": 256}});
        let load = json!({"stages": [{"rate": 40, "duration": 1800}]});
        // 72,000 requests of 2,560 bytes are 175 MiB.
        assert_eq!(of(&json!({"data": data, "load": load})), Some((175 + 65, 700 + 320)));
        let report = json!({"request_lifecycle": {"per_request": true}});
        // With the reports of each request 266,752 bytes: 18,316 MiB.
        assert_eq!(
            of(&json!({"data": data, "load": load, "report": report})),
            Some((18316 + 65, 4 * 18316 + 320))
        );
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(of(&json!({"load": {"stages": [{"rate": "5", "duration": 1}]}})), None);
        assert_eq!(of(&json!({"load": {"stages": [{"rate": 1e308, "duration": 1e308}]}})), None);
        assert_eq!(
            of(&json!({"load": {"stages": [{"num_requests": 1, "concurrency_level": 1}]}})),
            Some((65, 320))
        );
        // 2,000 and 200/s × 900 s, of 8,704 bytes: 1,510 MiB.
        let sweep = json!({"load": {"sweep": {"type": "linear"}}});
        assert_eq!(of(&sweep), Some((1510 + 65, 4 * 1510 + 320)));
    }
}
