//! `inference-perf.partial.stage_N.yaml`: a stage as this program's part of a benchmark report (version 0.2.1 of that
//! format), which others complete.
//!
//! What is not known is absent, never null: merged over another part, a null would erase what stands there. The
//! percentiles are the format's, whatever the configuration says. The names in `run` follow from the run's id, so that
//! a rebuilt report is the same.

use benchmark_schemas::record::{Nanos, StageFacts};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Document, RunReport};
use crate::clock::seconds;
use crate::metrics::StageMetrics;
use crate::metrics::aggregate::Aggregate;
use crate::metrics::options::PARTIAL_REPORT_PERCENTILES;
use crate::metrics::percentile::{Percentiles, percentile_key};
use crate::metrics::pool::Pool;

/// Version of the format.
pub const VERSION: &str = "0.2.1";

/// What stands before and after the stage in the names of these reports.
const NAME_PARTS: (&str, &str) = ("inference-perf.partial.stage_", ".yaml");

/// Name of the report on `stage`.
pub fn name(stage: u32) -> String {
    format!("{}{stage}{}", NAME_PARTS.0, NAME_PARTS.1)
}

/// The stage that a file of this `name` is about; `None` for any other file.
pub fn stage_of_name(name: &str) -> Option<u32> {
    name.strip_prefix(NAME_PARTS.0)?.strip_suffix(NAME_PARTS.1)?.parse().ok()
}

/// The report on `stage`.
pub fn document(run: &RunReport, stage: &StageMetrics) -> Document {
    let mut about = json!({
        "uid": format!("inference-perf-stage-{}-{}", stage.stage, digits(&run.facts.run_id, stage.stage)),
        "eid": format!("inference-perf-experiment-{}", run.facts.run_id),
    });
    if let Some(time) = stage.facts.as_ref().and_then(|facts| time(run, facts)) {
        about["time"] = time;
    }
    let tree = json!({
        "version": VERSION,
        "run": about,
        "results": {"request_performance": {"aggregate": aggregate(&stage.requests)}},
    });
    Document::yaml(name(stage.stage), tree)
}

/// Eight hexadecimal digits that differ between the stages of a run.
fn digits(run_id: &str, stage: u32) -> String {
    let digest = Sha256::digest(format!("{run_id}/{stage}"));
    let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// The sending window of a stage by the wall clock.
fn time(run: &RunReport, facts: &StageFacts) -> Option<Value> {
    let at = |instant: Nanos| {
        let epoch = i128::from(run.facts.started_epoch_ns) + i128::from(instant);
        // Microseconds, as upstream has them.
        let time = Timestamp::from_microsecond(i64::try_from(epoch.div_euclid(1_000)).ok()?).ok()?;
        Some(format!("{time:.6}"))
    };
    let duration = seconds((facts.window_end - facts.window_start).max(0));
    Some(json!({
        "start": at(facts.window_start)?,
        "end": at(facts.window_end)?,
        "duration": format!("PT{duration:.3}S"),
    }))
}

fn aggregate(requests: &Aggregate) -> Value {
    let successes = &requests.successes;
    let mut counts = json!({"total": requests.recorded_count(), "failures": requests.failures.count()});
    put(&mut counts, "input_length", &successes.prompt_tokens, "count");
    put(&mut counts, "output_length", &successes.effective_output_tokens, "count");
    let mut latency = json!({});
    for (key, pool, units) in [
        ("time_to_first_token", &successes.time_to_first_token, "s"),
        ("normalized_time_per_output_token", &successes.normalized_time_per_output_token, "s/token"),
        ("time_per_output_token", &successes.time_per_output_token, "s/token"),
        ("inter_token_latency", &successes.inter_token_latency, "s/token"),
        ("request_latency", &successes.request_latency, "s"),
    ] {
        put(&mut latency, key, pool, units);
    }
    let mut aggregate = json!({"requests": counts, "latency": latency});
    // Without a success nothing was measured, which is not a rate of zero.
    if successes.count() > 0 && requests.benchmark_time_seconds() > 0.0 {
        let throughput = requests.throughput();
        let rate = |units: &str, rate: f64| json!({"units": units, "mean": rate});
        aggregate["throughput"] = json!({
            "input_token_rate": rate("tokens/s", throughput.input_tokens_per_second),
            "output_token_rate": rate("tokens/s", throughput.output_tokens_per_second),
            "total_token_rate": rate("tokens/s", throughput.total_tokens_per_second),
            "request_rate": rate("queries/s", throughput.requests_per_second),
        });
    }
    aggregate
}

/// Puts the statistics of `pool` into `object`, if it has any.
fn put(object: &mut Value, key: &str, pool: &Pool, units: &str) {
    let Some(dist) = pool.dist(&Percentiles::new(&PARTIAL_REPORT_PERCENTILES)) else { return };
    let mut statistics = Map::new();
    let mut set = |key: &str, value: Value| statistics.insert(key.to_owned(), value);
    set("units", json!(units));
    set("mean", json!(dist.mean));
    if let Some(deviation) = pool.standard_deviation() {
        set("stddev", json!(deviation));
    }
    set("min", json!(dist.min));
    for percent in PARTIAL_REPORT_PERCENTILES {
        if let Some(value) = dist.percentile(&percentile_key(percent)) {
            // `p` stands for the decimal point as well.
            set(&format!("p{}", percent.to_string().replace('.', "p")), json!(value));
        }
    }
    set("max", json!(dist.max));
    object[key] = Value::Object(statistics);
}

#[cfg(test)]
#[path = "partial/tests.rs"]
mod tests;
