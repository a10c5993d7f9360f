//! `summary_lifecycle_metrics.json`, `stage_N_lifecycle_metrics.json` and those of LoRA adapters: upstream's tree of
//! version 0.7.0.
//!
//! Units: seconds, tokens, bytes. Own numbers stand under `extensions`; `from_scheduled` holds latencies that begin
//! at the scheduled instant instead of at the sending.

use std::fmt::Write as _;

use benchmark_schemas::record::{self, StageStatus};
use benchmark_schemas::report::{ClientConduct, Pacing};
use serde_json::{Map, Value, json};

use super::{Document, RunReport, media, serving};
use crate::clock::seconds;
use crate::metrics::aggregate::Aggregate;
use crate::metrics::percentile::Percentiles;
use crate::metrics::pool::Pool;
use crate::metrics::retries::RetryTotals;
use crate::metrics::{AdapterMetrics, Dist, Failures, MediumPools, MetricOptions, StageMetrics, Successes};

/// Name of the report on the whole run.
pub const SUMMARY_NAME: &str = "summary_lifecycle_metrics.json";
/// What the names of all these reports end with.
const NAME_END: &str = "_lifecycle_metrics.json";

/// Name of the report on `stage`.
pub fn stage_name(stage: u32) -> String {
    format!("stage_{stage}{NAME_END}")
}

/// The stage that a file of this `name` is about; `None` for any other file.
pub fn stage_of_name(name: &str) -> Option<u32> {
    name.strip_prefix("stage_")?.strip_suffix(NAME_END)?.parse().ok()
}

/// The report on the whole run.
pub fn summary(run: &RunReport) -> Document {
    let mut tree = tree(&run.metrics.summary, None, &run.options);
    tree["extensions"] = json!({
        "run_id": run.facts.run_id,
        "interrupted": run.metrics.interrupted(),
        "stages_planned": stages_planned(run),
        "stages_run": run.metrics.stages.len(),
        "token_counts": if run.options.counts_answers { "client" } else { "usage" },
        "sweep": run.capacity.sweep,
        "server": serving::tree(run.metrics.asides.observed.run()),
    });
    Document::json(SUMMARY_NAME, tree)
}

/// A sweep's stages replace those of the configuration.
fn stages_planned(run: &RunReport) -> Option<u64> {
    let swept = run.config.pointer("/load/sweep/num_stages").and_then(Value::as_u64);
    swept.or_else(|| Some(run.config.pointer("/load/stages")?.as_array()?.len() as u64))
}

/// The report on `stage`.
pub fn stage(run: &RunReport, stage: &StageMetrics) -> Document {
    let load = StageLoad {
        rate: run.configured_rate(stage.stage),
        concurrency: stage.facts.as_ref().and_then(|facts| facts.concurrency),
    };
    let mut tree = tree(&stage.requests, Some(&load), &run.options);
    let judged = run.capacity.stages.iter().find(|judged| judged.stage == stage.stage);
    tree["extensions"] = stage_extensions(stage, judged.map(|judged| &judged.client));
    tree["extensions"]["server"] = serving::tree(run.metrics.asides.observed.stage(stage.stage));
    tree["extensions"]["circuit_breakers"] = run.breakers_of(stage.stage);
    Document::json(stage_name(stage.stage), tree)
}

/// The report on a LoRA adapter, over the whole run or in one stage.
pub fn adapter(run: &RunReport, adapter: &AdapterMetrics) -> Document {
    let name = file_safe(&adapter.adapter);
    // The stage's rate, of all adapters together, as upstream has it.
    let load = adapter.stage.map(|stage| StageLoad { rate: run.configured_rate(stage), concurrency: None });
    let mut tree = tree(&adapter.requests, load.as_ref(), &run.options);
    tree["extensions"] = json!({"adapter": adapter.adapter, "stage": adapter.stage});
    let stage = adapter.stage.map_or_else(String::new, |stage| format!("_stage_{stage}"));
    Document::json(format!("adapter_{name}{stage}{NAME_END}"), tree)
}

/// `name` as a part of a file's name: what would lead elsewhere stands as in a URL, `a/b` as `a%2Fb`.
fn file_safe(name: &str) -> String {
    let mut safe = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '/' | '\\' | '%') || c.is_control() {
            for byte in c.to_string().bytes() {
                // Writing to a string cannot fail.
                let _ = write!(safe, "%{byte:02X}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// What was asked of a stage.
struct StageLoad {
    /// Requests/s.
    rate: f64,
    /// Requests in flight; `None` for a stage that follows a schedule.
    concurrency: Option<u64>,
}

fn stage_extensions(stage: &StageMetrics, client: Option<&ClientConduct>) -> Value {
    let Some(facts) = &stage.facts else {
        return json!({"stage": stage.stage, "status": "cut_off"});
    };
    json!({
        "stage": stage.stage,
        "status": match facts.status {
            StageStatus::Completed => "completed",
            StageStatus::Stopped => "stopped",
            StageStatus::TimedOut => "timed_out",
        },
        "duration_seconds": facts.duration_seconds,
        "pacing": Pacing::from(facts.pacing),
        "burstiness": match facts.pacing {
            record::Pacing::Gamma { burstiness } => Some(burstiness),
            record::Pacing::ScaledExponential
            | record::Pacing::Even
            | record::Pacing::Poisson
            | record::Pacing::Trace => None,
        },
        "window_start": seconds(facts.window_start),
        "window_end": seconds(facts.window_end),
        "teardown_seconds": seconds(facts.teardown_ns),
        "client": client,
    })
}

/// The tree of a report; `stage` is what was asked of a stage, `None` for the summary.
fn tree(requests: &Aggregate, stage: Option<&StageLoad>, options: &MetricOptions) -> Value {
    let mut load = Map::new();
    load.insert("count".to_owned(), json!(requests.recorded_count()));
    load.insert("schedule_delay".to_owned(), dist(requests.schedule_delay(options)));
    if let Some(stage) = stage {
        load.insert("send_duration".to_owned(), json!(requests.send_duration_seconds()));
        load.insert("requested_rate".to_owned(), json!(stage.rate));
        load.insert("achieved_rate".to_owned(), json!(requests.achieved_rate()));
    }
    if let Some(concurrency) = stage.and_then(|stage| stage.concurrency) {
        load.insert("concurrency".to_owned(), json!(concurrency));
    }
    load.insert(
        "extensions".to_owned(),
        json!({
            "scheduled": requests.scheduled,
            "cancelled": requests.cancelled,
            "not_dispatched": requests.not_dispatched,
        }),
    );
    let mut tree = json!({
        "benchmark_time_seconds": requests.benchmark_time_seconds(),
        "load_summary": load,
        "successes": successes(requests, &options.percentiles),
        "failures": failures(&requests.failures, &options.percentiles),
    });
    if requests.retries.requests() > 0 {
        tree["retries"] = retries(&requests.retries, &options.percentiles);
    }
    tree
}

fn successes(requests: &Aggregate, percentiles: &Percentiles) -> Value {
    let successes = &requests.successes;
    let pool = |pool: &Pool| dist(pool.dist(percentiles));
    let throughput = requests.throughput();
    let time = requests.benchmark_time_seconds();
    let per_second = |pools: &MediumPools| if time > 0.0 { pools.count.sum() / time } else { 0.0 };
    let [image, video, audio] = media::of_successes(successes, percentiles, dist);
    let mut tree = json!({
        "count": successes.count(),
        "latency": latency(successes, percentiles),
        "throughput": {
            "input_tokens_per_sec": throughput.input_tokens_per_second,
            "output_tokens_per_sec": throughput.output_tokens_per_second,
            "total_tokens_per_sec": throughput.total_tokens_per_second,
            "requests_per_sec": throughput.requests_per_second,
            "images_per_sec": per_second(&successes.media.images),
            "videos_per_sec": per_second(&successes.media.videos),
            "audios_per_sec": per_second(&successes.media.audios),
        },
        "request_size_bytes": pool(&successes.request_size_bytes),
        "image": image,
        "video": video,
        "audio": audio,
        "prompt_tokens": prompt_tokens(&successes.prompt_tokens, successes.cached_tokens, percentiles),
        "output_len": pool(&successes.output_len),
        "output_tokens": with_dist(
            json!({"total": successes.output_tokens.sum()}),
            successes.output_tokens.dist(percentiles),
        ),
        "token_count_mismatches": successes.token_count_mismatches,
        "client_fallback_requests": {
            "prompt": successes.client_counted_prompts,
            "output": successes.client_counted_outputs,
        },
    });
    if successes.goodput.is_active() {
        tree["goodput_metrics"] = goodput(requests);
    }
    tree
}

/// Upstream's figures are shares and rates of the successes alone; those of all requests stand beside them.
fn goodput(requests: &Aggregate) -> Value {
    let goodput = &requests.successes.goodput;
    let figures = goodput.of_successes();
    let mut tree = json!({
        "goodput_percentage": figures.percent,
        "request_goodput": figures.requests_per_second,
        "token_goodput": figures.tokens_per_second,
        "good_requests": goodput.good_requests,
        "total_requests": figures.requests,
    });
    for (limited, attained) in goodput.attainment() {
        tree[format!("{}_attainment_percentage", limited.name())] = json!(attained * 100.0);
    }
    let figures = goodput.of(requests.recorded_count(), requests.benchmark_time_seconds());
    tree["extensions"] = json!({
        "of_all_requests": {
            "goodput_percentage": figures.percent,
            "request_goodput": figures.requests_per_second,
            "token_goodput": figures.tokens_per_second,
            "total_requests": figures.requests,
        },
    });
    tree
}

fn latency(successes: &Successes, percentiles: &Percentiles) -> Value {
    let pool = |pool: &Pool| dist(pool.dist(percentiles));
    json!({
        "request_latency": pool(&successes.request_latency),
        "normalized_time_per_output_token": pool(&successes.normalized_time_per_output_token),
        "time_per_output_token": pool(&successes.time_per_output_token),
        "time_to_first_token": pool(&successes.time_to_first_token),
        "inter_token_latency": pool(&successes.inter_token_latency),
        "extensions": {
            "from_scheduled": {
                "request_latency": pool(&successes.request_latency_from_due),
                "normalized_time_per_output_token": pool(&successes.normalized_time_per_output_token_from_due),
                "time_to_first_token": pool(&successes.time_to_first_token_from_due),
            },
            "token_timing": token_timing(successes, percentiles),
        },
    })
}

/// How tokens came in time beyond upstream's rule.
fn token_timing(successes: &Successes, percentiles: &Percentiles) -> Value {
    let ledger = &successes.ledger;
    let gaps = ledger.gaps(&successes.inter_token_latency, percentiles);
    let kinds = ledger
        .kinds()
        .into_iter()
        .map(|(name, counts)| (name.to_owned(), json!({"chunks": counts.chunks, "tokens": counts.tokens})));
    json!({
        "inter_token_latency_divided": dist(gaps.divided),
        "inter_token_latency_repeated": dist(gaps.repeated),
        "stall_index": dist(ledger.stall_index(percentiles)),
        "chunks": kinds.collect::<Map<_, _>>(),
        "multi_token_chunks": ledger.multi_token_chunks,
        "uncounted_answers": ledger.uncounted_answers,
    })
}

fn failures(failures: &Failures, percentiles: &Percentiles) -> Value {
    let by_label: Map<String, Value> = failures
        .by_label
        .by_count()
        .into_iter()
        .map(|group| {
            let messages: Vec<Value> =
                group.messages.iter().map(|message| json!({"message": message})).collect();
            (group.label.clone(), json!({"count": group.count, "messages": messages}))
        })
        .collect();
    json!({
        "count": failures.count(),
        "request_latency": dist(failures.request_latency.dist(percentiles)),
        "prompt_tokens": prompt_tokens(&failures.prompt_tokens, 0, percentiles),
        "by_label": by_label,
    })
}

fn retries(retries: &RetryTotals, percentiles: &Percentiles) -> Value {
    json!({
        "requests_retried": retries.requests(),
        "attempts": retries.attempts,
        "recovered": retries.recovered,
        "failed_after_retry": retries.requests() - retries.recovered,
        "wasted_sec_total": retries.wasted.sum(),
        "wasted_sec": dist(retries.wasted.dist(percentiles)),
    })
}

fn prompt_tokens(tokens: &Pool, cached: u64, percentiles: &Percentiles) -> Value {
    let (total, cached) = (tokens.sum(), cached as f64);
    let totals = json!({"total": total, "cached": cached, "uncached": (total - cached).max(0.0)});
    with_dist(totals, tokens.dist(percentiles))
}

/// `object` with the keys of `dist` after its own.
fn with_dist(mut object: Value, dist: Option<Dist>) -> Value {
    if let (Value::Object(object), Some(dist)) = (&mut object, dist) {
        object.extend(dist_map(dist));
    }
    object
}

fn dist(dist: Option<Dist>) -> Value {
    dist.map_or(Value::Null, |dist| Value::Object(dist_map(dist)))
}

fn dist_map(dist: Dist) -> Map<String, Value> {
    let fixed = [("mean", dist.mean), ("min", dist.min), ("max", dist.max)];
    let fixed = fixed.into_iter().map(|(key, value)| (key.to_owned(), value));
    fixed.chain(dist.percentiles).map(|(key, value)| (key, json!(value))).collect()
}

#[cfg(test)]
#[path = "lifecycle/tests.rs"]
mod tests;
