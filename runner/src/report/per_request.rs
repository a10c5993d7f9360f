//! `per_request_lifecycle_metrics.json`: one entry for each request that ended by itself, in the order of their ends.
//!
//! Written entry by entry from the records, so that its size does not matter. Times are seconds on the run's
//! monotonic clock. What upstream leaves out (stage, index, scheduled instant, …) stands under `extensions`.

use std::io;
use std::sync::Arc;

use benchmark_schemas::config::{ApiType, PerRequestFields};
use benchmark_schemas::record::{Outcome, Record};
use serde_json::{Map, Value, json};

use super::Export;
use super::json::{self, Layout};
use super::media;
use crate::client::messages;
use crate::clock::seconds;
use crate::metrics::goodput::own_objectives;
use crate::metrics::request::{token_gaps, token_times};
use crate::metrics::retries::Retry;
use crate::metrics::run::records;
use crate::metrics::{MetricOptions, RecordSource, RequestMetrics, percentile};

/// Name of the file.
pub const NAME: &str = "per_request_lifecycle_metrics.json";

/// The file.
#[derive(Debug)]
pub struct PerRequest<S> {
    source: Arc<S>,
    api: ApiType,
    fields: PerRequestFields,
    options: MetricOptions,
}

impl<S> PerRequest<S> {
    /// A report on the requests of `source` to `api` that shows `fields`.
    pub fn new(source: Arc<S>, api: ApiType, fields: PerRequestFields, options: MetricOptions) -> Self {
        Self { source, api, fields, options }
    }

    /// The entry of `record`.
    fn entry(&self, record: &Record) -> Value {
        let mut entry = entry(record, &self.fields, &self.options);
        let body = record.bodies.as_ref().and_then(|bodies| bodies.response.as_deref());
        if let (ApiType::AnthropicMessages, Outcome::Success, Some(body)) = (self.api, &record.outcome, body)
            && let Some(info) = entry.get_mut("info")
        {
            info["extra_info"] = messages::extra_info(body, record.streamed);
        }
        entry
    }
}

impl<S: RecordSource + Send + Sync> Export for PerRequest<S> {
    fn name(&self) -> &str {
        NAME
    }

    fn write(&self, layout: Layout, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(b"[")?;
        let mut empty = true;
        for record in records(&*self.source).map_err(io::Error::other)? {
            let record = record.map_err(io::Error::other)?;
            if matches!(record.outcome, Outcome::Success | Outcome::Failure(_)) {
                json::separator(layout, 1, empty, out)?;
                json::write(&self.entry(&record), layout, 1, out)?;
                empty = false;
            }
        }
        if !empty && layout == Layout::Indented {
            json::separator(layout, 0, true, out)?;
        }
        out.write_all(b"]")
    }
}

/// The entry of `record`, whatever the API.
fn entry(record: &Record, fields: &PerRequestFields, options: &MetricOptions) -> Value {
    let metrics = RequestMetrics::of(record, options);
    let bodies = record.bodies.as_deref();
    let mut entry = Map::new();
    let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    put("start_time", json!(seconds(metrics.start)));
    put("end_time", json!(seconds(record.end)));
    if fields.request {
        put("request", json!(bodies.and_then(|bodies| bodies.request.as_deref())));
    }
    if fields.response {
        put("response", json!(bodies.and_then(|bodies| bodies.response.as_deref())));
    }
    if fields.info {
        put("info", info(record, &metrics, fields));
    }
    if fields.computed_metrics && record.outcome == Outcome::Success {
        put("computed_metrics", computed_metrics(record, &metrics));
    }
    put("extensions", extensions(record));
    let error = match &record.outcome {
        Outcome::Failure(failure) => {
            json!({"error_type": failure.error_type, "error_msg": failure.message})
        }
        Outcome::Success | Outcome::Cancelled | Outcome::NotDispatched => Value::Null,
    };
    put("error", error);
    Value::Object(entry)
}

/// Which turn of whose conversation it was, as upstream names them.
fn extra_info(record: &Record) -> Value {
    record.turn.map_or_else(
        || json!({}),
        |turn| json!({"user_session": format!("user_session_{}", turn.speaker), "chat_round": turn.round}),
    )
}

fn info(record: &Record, metrics: &RequestMetrics, fields: &PerRequestFields) -> Value {
    let [image, video, audio] = media::of_request(record);
    let mut info = json!({
        "request_metrics": {
            "text": {"input_tokens": metrics.input_tokens},
            "image": image,
            "video": video,
            "audio": audio,
        },
        "response_metrics": response_metrics(record, metrics, fields),
        "extra_info": extra_info(record),
        "lora_adapter": record.adapter,
        "graph_event_id": null,
        "labels": {},
    });
    if let (Value::Object(info), Some(retry)) = (&mut info, Retry::of(record)) {
        info.insert("retries_attempted".to_owned(), json!(retry.attempts));
        info.insert("retries_recovered".to_owned(), json!(retry.recovered));
        info.insert("retry_wasted_sec".to_owned(), json!(retry.wasted_seconds));
    }
    // Upstream's last key.
    info["input_tokens"] = json!(metrics.input_tokens);
    info
}

/// Null for failures and for answers without content.
fn response_metrics(record: &Record, metrics: &RequestMetrics, fields: &PerRequestFields) -> Value {
    let (Outcome::Success, Some(output_tokens)) = (&record.outcome, metrics.output_tokens) else {
        return Value::Null;
    };
    let usage = record.usage.as_ref();
    let usage: Option<Value> = usage.and_then(|usage| serde_json::from_str(&usage.raw).ok());
    let output_tokens = metrics.client_output_tokens.unwrap_or(output_tokens);
    let mut response = Map::new();
    response.insert("output_tokens".to_owned(), json!(output_tokens));
    response.insert("server_usage".to_owned(), json!(usage));
    if record.streamed {
        if fields.response_chunks {
            let chunks = record.bodies.as_ref().and_then(|bodies| bodies.chunks.clone());
            response.insert("response_chunks".to_owned(), json!(chunks.unwrap_or_default()));
        }
        let chunk_times: Vec<f64> = record.chunks.iter().map(|chunk| seconds(chunk.at)).collect();
        let token_times: Vec<f64> = token_times(record)
            .flat_map(|(at, tokens)| std::iter::repeat_n(seconds(at), tokens as usize))
            .collect();
        response.insert("chunk_times".to_owned(), json!(chunk_times));
        response.insert("output_token_times".to_owned(), json!(token_times));
    }
    Value::Object(response)
}

fn computed_metrics(record: &Record, metrics: &RequestMetrics) -> Value {
    let gaps: Vec<f64> = token_gaps(record).collect();
    let own = own_objectives(record, metrics);
    json!({
        "request_latency": metrics.request_latency(),
        "normalized_time_per_output_token": metrics.normalized_time_per_output_token(),
        "time_to_first_token": metrics.time_to_first_token(),
        "time_per_output_token": metrics.time_per_output_token(),
        "inter_token_latency": percentile::mean(&gaps),
        "inter_token_latencies": gaps,
        "input_tokens": metrics.input_tokens,
        "output_tokens": metrics.client_output_tokens,
        "ttft_slo_sec": own.ttft_seconds,
        "tpot_slo_sec": own.tpot_seconds,
    })
}

fn extensions(record: &Record) -> Value {
    json!({
        "stage": record.stage,
        "index": record.index,
        "scheduled_time": seconds(record.due),
        "permitted_time": record.permitted.map(seconds),
        "connected_time": record.connected.map(seconds),
        "sent_time": record.sent.map(seconds),
        "head_time": record.head.map(seconds),
        "request_bytes": record.request_bytes,
        "prompt_tokens": record.prompt_tokens,
        "drawn_prompt_tokens": record.drawn_prompt_tokens,
        "max_tokens": record.max_tokens,
        "done_seen": record.done_seen,
    })
}

#[cfg(test)]
#[path = "per_request/tests.rs"]
mod tests;
