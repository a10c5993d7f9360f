//! `summary_prometheus_metrics.json` and `stage_N_prometheus_metrics.json`: upstream's tree of version 0.7.0, from what
//! Prometheus answered.
//!
//! Units: seconds, tokens, shares from 0 to 1 for the KV cache, percent for hits. A query without a result counts as 0,
//! as does what this kind of server does not tell; one without an answer, and one whose answer is no number, is null.
//! `extensions` says which window was looked at and what went wrong.

use std::collections::HashMap;

use benchmark_schemas::config::ServerType;
use benchmark_schemas::record::{PromQl, PromQlAnswer};
use serde_json::{Map, Value, json};

use super::Document;
use crate::metrics::ratio;
use crate::serving::promql::{self, Figure, Kind};

/// The file about the window of `answered`; `None` if nothing was answered at all.
pub fn document(answered: &PromQl, server: ServerType) -> Option<Document> {
    if answered.answers.iter().all(|answer| answer.outcome.is_err()) {
        return None;
    }
    let name = match answered.stage {
        None => "summary_prometheus_metrics.json".to_owned(),
        Some(stage) => format!("stage_{stage}_prometheus_metrics.json"),
    };
    Some(Document::json(name, tree(answered, server)))
}

/// Keys of the report with the four figures of a latency or a length, before and after the keys that stand between.
const EARLY_SPREADS: [(&str, &str); 4] = [
    ("request_latency", "request_latency"),
    ("time_to_first_token", "time_to_first_token"),
    ("time_per_output_token", "time_per_output_token"),
    ("kv_cache_usage_percentage", "kv_cache_usage"),
];
const SPREADS: [&str; 9] = [
    "request_queue_time",
    "request_inference_time",
    "request_prefill_time",
    "request_decode_time",
    "request_prompt_tokens",
    "request_generation_tokens",
    "request_max_num_generation_tokens",
    "request_params_n",
    "request_params_max_tokens",
];
const LATE_SPREADS: [&str; 4] = [
    "request_prefill_kv_computed_tokens",
    "kv_block_idle_before_evict",
    "kv_block_lifetime",
    "kv_block_reuse_gap",
];

fn tree(answered: &PromQl, server: ServerType) -> Value {
    let figures = Figures::of(answered, server);
    let mean = |value: Option<f64>| json!({"mean": value});
    let mut successes = Map::new();
    let mut add = |key: &str, value: Value| drop(successes.insert(key.to_owned(), value));
    add("count", json!(figures.get("requests", Figure::Total)));
    add("rate", json!(figures.get("requests", Figure::PerSecond)));
    add("prompt_len", figures.length("prompt_tokens"));
    add("output_len", figures.length("output_tokens"));
    add("queue_len", mean(figures.get("queue_length", Figure::Mean)));
    for (key, field) in EARLY_SPREADS {
        add(key, figures.spread(field));
    }
    // Never asked for, as upstream has it: no server tells it any more.
    add("num_requests_swapped", mean(Some(0.0)));
    add("num_preemptions_total", mean(figures.get("num_preemptions_total", Figure::Total)));
    add("prefix_cache_hit_percent", mean(figures.percent("prefix_cache_hits", "prefix_cache_queries")));
    add("inter_token_latency", figures.spread("inter_token_latency"));
    add("num_requests_running", mean(figures.get("num_requests_running", Figure::Mean)));
    for key in SPREADS {
        add(key, figures.spread(key));
    }
    add("request_success_count", json!(figures.get("request_success_count", Figure::Total)));
    add("iteration_tokens", figures.spread("iteration_tokens"));
    add("prompt_tokens_cached", json!(figures.get("prompt_tokens_cached", Figure::Total)));
    let external = figures.percent("external_prefix_cache_hits", "external_prefix_cache_queries");
    add("external_prefix_cache_hit_percent", mean(external));
    add("mm_cache_hit_percent", mean(figures.percent("mm_cache_hits", "mm_cache_queries")));
    add("corrupted_requests", json!(figures.get("corrupted_requests", Figure::Total)));
    for key in LATE_SPREADS {
        add(key, figures.spread(key));
    }
    json!({
        "benchmark_time_seconds": 0.0,
        "load_summary": {},
        "successes": successes,
        "failures": {},
        "extensions": {
            "time": answered.time,
            "window_seconds": answered.seconds,
            "queries": answered.answers.len(),
            "unanswered": unanswered(&answered.answers),
        },
    })
}

/// Queries without an answer, by what went wrong.
fn unanswered(answers: &[PromQlAnswer]) -> Value {
    let mut faults: Map<String, Value> = Map::new();
    for answer in answers {
        if let Err(fault) = reading(answer) {
            let queries = faults.entry(fault).or_insert_with(|| json!([]));
            if let Value::Array(queries) = queries {
                queries.push(json!(answer.query));
            }
        }
    }
    Value::Object(faults)
}

/// What Prometheus answered, by field and figure.
struct Figures {
    server: ServerType,
    answers: HashMap<(&'static str, Figure), Option<f64>>,
}

impl Figures {
    fn of(answered: &PromQl, server: ServerType) -> Self {
        let mut remaining = answered.answers.iter();
        let mut answers = HashMap::new();
        for metric in promql::metrics(server) {
            for (figure, answer) in metric.kind.figures().iter().zip(&mut remaining) {
                answers.insert((metric.field, *figure), reading(answer).unwrap_or(None));
            }
        }
        Self { server, answers }
    }

    /// A figure; 0 if this kind of server has no such metric, `None` if it was not answered or is no number.
    fn get(&self, field: &'static str, figure: Figure) -> Option<f64> {
        let exposed = promql::metrics(self.server).iter().any(|metric| metric.field == field);
        if exposed { self.answers.get(&(field, figure)).copied().flatten() } else { Some(0.0) }
    }

    fn spread(&self, field: &'static str) -> Value {
        json!({
            "mean": self.get(field, Figure::Mean),
            "median": self.get(field, Figure::Median),
            "p90": self.get(field, Figure::P90),
            "p99": self.get(field, Figure::P99),
        })
    }

    /// Tokens of a request on average, and their rate. Where the server has a histogram of the lengths, the rate is that of
    /// requests, as upstream has it.
    fn length(&self, field: &'static str) -> Value {
        let metric = promql::metrics(self.server).iter().find(|metric| metric.field == field);
        let mean = if metric.is_some_and(|metric| metric.kind == Kind::Histogram) {
            self.get(field, Figure::Mean)
        } else {
            let tokens = self.get(field, Figure::Total);
            tokens.zip(self.get("requests", Figure::Total)).map(|(tokens, requests)| ratio(tokens, requests))
        };
        json!({"mean": mean, "rate": self.get(field, Figure::PerSecond)})
    }

    fn percent(&self, hits: &'static str, queries: &'static str) -> Option<f64> {
        let hits = self.get(hits, Figure::Total)?;
        Some(100.0 * ratio(hits, self.get(queries, Figure::Total)?))
    }
}

/// The number in an answer, to six decimals; 0 if the query had no result, `None` if the result is no number.
fn reading(answer: &PromQlAnswer) -> Result<Option<f64>, String> {
    let body = answer.outcome.as_ref().map_err(Clone::clone)?;
    let tree: Value = serde_json::from_str(body).map_err(|_| "the answer is no JSON".to_owned())?;
    if tree["status"] != "success" {
        let fault = tree["error"].as_str().unwrap_or("the answer is none of Prometheus");
        return Err(fault.to_owned());
    }
    let result = &tree["data"]["result"];
    let value = match tree["data"]["resultType"].as_str() {
        Some("scalar") => result.get(1),
        _ => match result.as_array() {
            Some(series) if series.is_empty() => return Ok(Some(0.0)),
            Some(series) => series.first().and_then(|first| first.pointer("/value/1")),
            None => None,
        },
    };
    let value = value.and_then(Value::as_str).and_then(|text| text.parse::<f64>().ok());
    let value = value.ok_or_else(|| "the answer has no value".to_owned())?;
    Ok(value.is_finite().then(|| rounded(value)))
}

/// To six decimals, as Python's `round` does it: by way of the decimal text.
fn rounded(value: f64) -> f64 {
    format!("{value:.6}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::{Export as _, Layout, json as layout};
    use super::*;

    fn answer(value: &str) -> String {
        json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, value]}]}})
            .to_string()
    }

    fn answered(server: ServerType, outcome: impl Fn(&str) -> Result<String, String>) -> PromQl {
        let queries = promql::queries(server, "", 30.0);
        let answers = queries.into_iter().map(|query| PromQlAnswer { outcome: outcome(&query), query });
        PromQl { stage: None, time: 1_700_000_000.5, seconds: 30.0, answers: answers.collect() }
    }

    #[test]
    fn the_tree_is_upstreams() {
        let run = answered(ServerType::Vllm, |query| {
            Ok(answer(if query.contains("prefix_cache_hits") { "30" } else { "120.0000004" }))
        });
        let document = document(&run, ServerType::Vllm).expect("answered");
        assert_eq!(document.name(), "summary_prometheus_metrics.json");
        let tree = document.tree();
        let successes = tree["successes"].as_object().expect("an object");
        assert_eq!(successes.len(), 33);
        insta::assert_snapshot!(layout::to_string(&tree["extensions"], Layout::Compact), @r#"{"time": 1700000000.5, "window_seconds": 30.0, "queries": 141, "unanswered": {}}"#);
        // Keys and order of a file that upstream wrote.
        let shown = |key: &str| format!("{key}: {}", layout::to_string(&successes[key], Layout::Compact));
        let spread = r#"{"mean": 120.0, "median": 120.0, "p90": 120.0, "p99": 120.0}"#;
        let lines: Vec<_> = successes.keys().map(|key| shown(key).replace(spread, "spread")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        count: 120.0
        rate: 120.0
        prompt_len: {"mean": 1.0, "rate": 120.0}
        output_len: {"mean": 1.0, "rate": 120.0}
        queue_len: {"mean": 120.0}
        request_latency: spread
        time_to_first_token: spread
        time_per_output_token: spread
        kv_cache_usage_percentage: spread
        num_requests_swapped: {"mean": 0.0}
        num_preemptions_total: {"mean": 120.0}
        prefix_cache_hit_percent: {"mean": 25.0}
        inter_token_latency: spread
        num_requests_running: {"mean": 120.0}
        request_queue_time: spread
        request_inference_time: spread
        request_prefill_time: spread
        request_decode_time: spread
        request_prompt_tokens: spread
        request_generation_tokens: spread
        request_max_num_generation_tokens: spread
        request_params_n: spread
        request_params_max_tokens: spread
        request_success_count: 120.0
        iteration_tokens: spread
        prompt_tokens_cached: 120.0
        external_prefix_cache_hit_percent: {"mean": 25.0}
        mm_cache_hit_percent: {"mean": 100.0}
        corrupted_requests: 120.0
        request_prefill_kv_computed_tokens: spread
        kv_block_idle_before_evict: spread
        kv_block_lifetime: spread
        kv_block_reuse_gap: spread
        "#);
    }

    #[test]
    fn what_a_server_does_not_tell_is_zero_and_what_it_should_have_told_is_null() {
        let run = answered(ServerType::Tgi, |query| match query {
            _ if query.contains("tgi_queue_size") => Err("no answer in time".to_owned()),
            _ if query.contains("histogram_quantile") => Ok(answer("NaN")),
            _ if query.contains("tgi_request_success") => {
                Ok(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#.to_owned())
            }
            _ => Ok(answer("2.5")),
        });
        let tree = tree(&run, ServerType::Tgi);
        let successes = &tree["successes"];
        assert_eq!(successes["count"], 0.0);
        assert_eq!(successes["queue_len"], json!({"mean": null}));
        assert_eq!(successes["prompt_len"], json!({"mean": 2.5, "rate": 2.5}));
        let latency = &successes["request_latency"];
        assert_eq!(*latency, json!({"mean": 2.5, "median": null, "p90": null, "p99": null}));
        assert_eq!(successes["inter_token_latency"]["p90"], 0.0);
        assert_eq!(tree["extensions"]["unanswered"]["no answer in time"].as_array().map(Vec::len), Some(4));
    }

    #[test]
    fn where_nothing_was_answered_there_is_no_file() {
        let run = answered(ServerType::Sglang, |_| Err("no connection can be made".to_owned()));
        assert_eq!(document(&run, ServerType::Sglang), None);
    }

    #[test]
    fn answers_that_are_none_are_told() {
        let fault = |body: &str| {
            let answer = PromQlAnswer { query: String::new(), outcome: Ok(body.to_owned()) };
            reading(&answer).expect_err("no number")
        };
        assert_eq!(fault("<html>"), "the answer is no JSON");
        assert_eq!(fault("{}"), "the answer is none of Prometheus");
        assert_eq!(fault(r#"{"status":"error","error":"too many"}"#), "too many");
        assert_eq!(
            fault(r#"{"status":"success","data":{"resultType":"matrix","result":[{}]}}"#),
            "the answer has no value"
        );
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"0.1234565"]}}"#;
        let answer = PromQlAnswer { query: String::new(), outcome: Ok(scalar.to_owned()) };
        assert_eq!(reading(&answer), Ok(Some(0.123_456)), "python3 -c 'print(round(0.1234565, 6))'");
    }
}
