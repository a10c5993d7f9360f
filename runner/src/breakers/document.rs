//! A record as the JSON document that expressions look at: upstream's, without null fields.
//!
//! Instants are seconds on the run's clock. What is costly to show, texts and the times of tokens, is there only if an
//! expression names it.

use std::sync::Arc;

use benchmark_schemas::config::ApiType;
use benchmark_schemas::record::{Outcome, Record, is_measured};
use jmespath::Variable;
use serde::Serialize;
use serde_json::{Value, json};

use crate::client::{Keep, messages};
use crate::clock::seconds;

/// What expressions look at.
pub(super) type Document = Arc<Variable>;

/// Which costly parts of a record are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Parts {
    request: bool,
    response: bool,
    chunks: bool,
    times: bool,
    /// What the messages API answered, told as a message of the chat API.
    extra: bool,
}

impl Parts {
    /// Those that any of `expressions` names, or may mean by a wildcard, of records of requests to `api`.
    pub(super) fn in_expressions<'a>(api: ApiType, expressions: impl Iterator<Item = &'a str>) -> Self {
        expressions.fold(Self::default(), |parts, text| {
            let named = |names: &[&str]| {
                names.iter().any(|name| text.contains(name)) || text.contains('*') || text.contains('@')
            };
            Self {
                request: parts.request || named(&["request_data"]),
                response: parts.response || named(&["response_data"]),
                chunks: parts.chunks || named(&["response_chunks"]),
                times: parts.times || named(&["chunk_times", "output_token_times"]),
                extra: parts.extra || (api == ApiType::AnthropicMessages && named(&["extra_info"])),
            }
        })
    }

    /// Texts that records must keep for them.
    pub(super) fn keep(self) -> Keep {
        Keep { request: self.request, response: self.response || self.extra, chunks: self.chunks }
    }
}

/// The document of a record.
pub(super) fn of(record: &Record, parts: Parts) -> Document {
    // A tree of JSON is one of JMESPath too.
    Arc::new(Variable::from_serializable(tree(record, parts)).unwrap_or(Variable::Null))
}

fn tree(record: &Record, parts: Parts) -> Value {
    let bodies = record.bodies.as_deref();
    let stage = if is_measured(record.stage) { i64::from(record.stage) } else { -1 };
    let mut tree = json!({
        "stage_id": stage,
        "scheduled_time": seconds(record.due),
        "start_time": seconds(record.start.unwrap_or(record.due)),
        "end_time": seconds(record.end),
    });
    let request = bodies.and_then(|bodies| bodies.request.as_ref()).filter(|_| parts.request);
    let response = bodies.and_then(|bodies| bodies.response.as_ref()).filter(|_| parts.response);
    set(&mut tree, "request_data", request);
    set(&mut tree, "response_data", response);
    tree["info"] = info(record, parts);
    if let Outcome::Failure(failure) = &record.outcome {
        tree["error"] = json!({"error_type": failure.error_type, "error_msg": failure.message});
    }
    if let Some(objectives) = &record.objectives {
        set(&mut tree, "ttft_slo_sec", objectives.ttft_seconds);
        set(&mut tree, "tpot_slo_sec", objectives.tpot_seconds);
    }
    tree
}

/// Sets a field that is there; upstream's records have no null ones.
fn set(tree: &mut Value, key: &str, value: Option<impl Serialize>) {
    if let Some(value) = value {
        tree[key] = json!(value);
    }
}

fn info(record: &Record, parts: Parts) -> Value {
    // As in upstream's records, the prompt of a failed request has no tokens.
    let succeeded = record.outcome == Outcome::Success;
    let input_tokens = if succeeded { record.prompt_tokens } else { 0 };
    let mut info = json!({
        "request_metrics": {"text": {"input_tokens": input_tokens}},
        "extra_info": {},
    });
    let body = record.bodies.as_ref().and_then(|bodies| bodies.response.as_ref());
    if let Some(body) = body.filter(|_| parts.extra && succeeded) {
        info["extra_info"] = without_nulls(messages::extra_info(body, record.streamed));
    }
    set(&mut info, "lora_adapter", record.adapter.as_ref());
    info["labels"] = json!({});
    info["input_tokens"] = json!(input_tokens);
    set(&mut info, "response_metrics", succeeded.then(|| response(record, parts)));
    if let Some(retries) = &record.retries {
        let first = record.start.unwrap_or(record.due);
        info["retries_attempted"] = json!(retries.count);
        info["retries_recovered"] = json!(succeeded);
        info["retry_wasted_sec"] = json!(seconds(retries.last_start - first));
    }
    info
}

fn response(record: &Record, parts: Parts) -> Value {
    let mut response = json!({});
    set(&mut response, "output_tokens", record.output_tokens);
    let usage = record.usage.as_ref().and_then(|usage| serde_json::from_str(&usage.raw).ok());
    set(&mut response, "server_usage", usage.map(without_nulls));
    if parts.times {
        let times = |times: Vec<i64>| times.into_iter().map(seconds).collect::<Value>();
        let tokens =
            record.chunks.iter().flat_map(|chunk| std::iter::repeat_n(chunk.at, chunk.tokens as usize));
        response["chunk_times"] = times(record.chunks.iter().map(|chunk| chunk.at).collect());
        response["output_token_times"] = times(tokens.collect());
    }
    let chunks = record.bodies.as_ref().and_then(|bodies| bodies.chunks.as_ref());
    set(&mut response, "response_chunks", chunks.filter(|_| parts.chunks));
    response
}

/// What a server says, without null members at any depth.
fn without_nulls(tree: Value) -> Value {
    match tree {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| !member.is_null());
            Value::Object(kept.map(|(key, member)| (key, without_nulls(member))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::source::tests::{failure, record, usage};
    use benchmark_schemas::record::Bodies;

    #[test]
    fn a_success_is_shown_as_upstream_shows_it() {
        let record =
            Record { usage: Some(usage(100, 4)), adapter: Some("a".to_owned()), ..record(0, 1_500_000_000) };
        insta::assert_snapshot!(tree(&record, Parts::default()), @r#"{"stage_id":0,"scheduled_time":1.5,"start_time":1.5,"end_time":1.7,"info":{"request_metrics":{"text":{"input_tokens":100}},"extra_info":{},"lora_adapter":"a","labels":{},"input_tokens":100,"response_metrics":{"output_tokens":4,"server_usage":{"prompt_tokens":100,"completion_tokens":4}}}}"#);
        let all = Parts::in_expressions(ApiType::Completion, ["*"].into_iter());
        assert_eq!(tree(&record, all)["info"]["response_metrics"]["chunk_times"][0], 1.55);
    }

    #[test]
    fn a_failure_has_an_error_and_no_answer() {
        let record = failure(0, 1_500_000_000, "HTTP Error 503", "busy");
        insta::assert_snapshot!(tree(&record, Parts::default()), @r#"{"stage_id":0,"scheduled_time":1.5,"start_time":1.5,"end_time":1.52,"info":{"request_metrics":{"text":{"input_tokens":0}},"extra_info":{},"labels":{},"input_tokens":0},"error":{"error_type":"HTTP Error 503","error_msg":"busy"}}"#);
    }

    #[test]
    fn only_what_is_named_is_shown() {
        let parts = |text| Parts::in_expressions(ApiType::Chat, [text].into_iter());
        assert_eq!(parts("error.error_type == 'TimeoutError'"), Parts::default());
        let keep = parts("contains(response_data, 'x')").keep();
        assert_eq!((keep.request, keep.response, keep.chunks), (false, true, false));
        assert!(parts("info.response_metrics.chunk_times[0]").times);
    }

    #[test]
    fn the_messages_apis_answer_is_shown_if_it_is_named() {
        let named = ["info.extra_info.stop_reason == 'max_tokens'"];
        assert_eq!(Parts::in_expressions(ApiType::Chat, named.into_iter()), Parts::default());
        let parts = Parts::in_expressions(ApiType::AnthropicMessages, named.into_iter());
        assert!(parts.keep().response);
        let body = r#"{"stop_reason":"max_tokens","content":[{"type":"text","text":"a"}]}"#;
        let bodies = Bodies { response: Some(body.to_owned()), ..Bodies::default() };
        let record = Record { streamed: false, bodies: Some(Box::new(bodies)), ..record(0, 1_500_000_000) };
        let message = json!({"role": "assistant", "content": "a"});
        let expected = json!({"stop_reason": "max_tokens", "output_message": message, "output_text": "a"});
        assert_eq!(tree(&record, parts)["info"]["extra_info"], expected);
        let failure = Record { bodies: record.bodies, ..failure(0, 1_500_000_000, "HTTP Error 503", "busy") };
        assert_eq!(tree(&failure, parts)["info"]["extra_info"], json!({}));
    }
}
