//! What a configuration may say but no code executes yet. It is refused by name when a run starts, so that no run
//! measures something else than was asked for.

use serde_json::Value;

use super::Config;
use super::read::origin_of;
use crate::problem::Problem;
use crate::tree::Node;

/// What `config` asks for and no code executes yet; `document` is where it was read from, and gives the places.
#[must_use]
pub fn unsupported(config: &Config, document: &Node) -> Vec<Problem> {
    // Fails for maps whose keys are not text, of which there are none.
    unsupported_in(&serde_json::to_value(config).unwrap_or_default(), document)
}

/// The same for the tree of a configuration; keys that it lacks are not looked at.
pub(super) fn unsupported_in(tree: &Value, document: &Node) -> Vec<Problem> {
    UNBUILT
        .iter()
        .filter(|unbuilt| {
            let value = unbuilt.key.split('.').try_fold(tree, |value, key| value.get(key));
            value.is_some_and(|value| !(unbuilt.is_built)(value))
        })
        .map(|unbuilt| {
            Problem::new(origin_of(document, unbuilt.key), unbuilt.key, unbuilt.fault, unbuilt.remedy)
        })
        .collect()
}

/// A key with values that no code executes yet.
struct Unbuilt {
    /// Dotted path.
    key: &'static str,
    /// True for values that are executed, or that ask for nothing.
    is_built: fn(&Value) -> bool,
    /// What is not built.
    fault: &'static str,
    /// What works instead.
    remedy: &'static str,
}

/// One line for each: what gets built leaves this table.
#[rustfmt::skip]
const UNBUILT: &[Unbuilt] = &[
    Unbuilt { key: "api.type", is_built: |v| v == "completion", fault: "only the API completion is built yet", remedy: "set api.type: completion" },
    Unbuilt { key: "api.headers", is_built: has_no_objective, fault: "latency objectives in headers (x-slo-…) are not evaluated yet", remedy: "remove those headers" },
    Unbuilt { key: "api.slo_unit", is_built: Value::is_null, fault: "latency objectives in headers are not evaluated yet", remedy: "remove it" },
    Unbuilt { key: "api.slo_tpot_header", is_built: Value::is_null, fault: "latency objectives in headers are not evaluated yet", remedy: "remove it" },
    Unbuilt { key: "api.slo_ttft_header", is_built: Value::is_null, fault: "latency objectives in headers are not evaluated yet", remedy: "remove it" },
    Unbuilt { key: "api.response_format", is_built: Value::is_null, fault: "structured answers are not built yet", remedy: "remove it; answers are plain text" },
    Unbuilt { key: "api.session_id_header_key", is_built: Value::is_null, fault: "sessions are not built yet", remedy: "remove it" },
    Unbuilt { key: "api.session_token_header_key", is_built: Value::is_null, fault: "sessions are not built yet", remedy: "remove it" },
    Unbuilt { key: "data.type", is_built: |v| v == "synthetic" || v == "mock" || v == "random", fault: "only data types synthetic, random and mock are built yet", remedy: "set data.type: synthetic, with input_distribution and output_distribution" },
    Unbuilt { key: "data.trace", is_built: Value::is_null, fault: "lengths from a trace are not built yet", remedy: "remove it; input_distribution and output_distribution give the lengths" },
    Unbuilt { key: "data.multimodal", is_built: Value::is_null, fault: "images, videos and sounds are not built yet", remedy: "remove it; prompts are text" },
    Unbuilt { key: "data.use_chat_template", is_built: |v| v == false, fault: "chat templates are not built yet", remedy: "remove it" },
    Unbuilt { key: "load.type", is_built: |v| v == "constant" || v == "poisson" || v == "concurrent", fault: "only load types constant, poisson and concurrent are built yet", remedy: "set load.type: constant, with stages of rate and duration" },
    Unbuilt { key: "load.circuit_breakers", is_built: is_empty, fault: "circuit breakers are not built yet", remedy: "remove it; every stage runs to its end" },
    Unbuilt { key: "load.lora_traffic_split", is_built: Value::is_null, fault: "LoRA adapters are not built yet", remedy: "remove it; server.model_name names the one model" },
    Unbuilt { key: "metrics.prometheus", is_built: Value::is_null, fault: "metrics of the server are not read yet", remedy: "remove the section metrics, or set metrics.type: default without prometheus" },
    Unbuilt { key: "report.goodput.constraints", is_built: is_empty, fault: "goodput is not reported yet", remedy: "remove it; latencies are in the reports" },
    Unbuilt { key: "server.type", is_built: |v| v != "mock", fault: "the mock server is not built yet", remedy: "run `inference-perf simulate` and set server.type: vllm" },
    Unbuilt { key: "tokenizer.trust_remote_code", is_built: |v| v != true, fault: "code that comes with a tokenizer is never run", remedy: "remove it; tokenizer.json is read" },
    Unbuilt { key: "storage.google_cloud_storage", is_built: Value::is_null, fault: "Google Cloud Storage is not built yet", remedy: "use local_storage or simple_storage_service" },
];

fn is_empty(value: &Value) -> bool {
    value.as_array().is_none_or(Vec::is_empty) && value.as_object().is_none_or(serde_json::Map::is_empty)
}

/// True if no header carries a latency objective under its default name.
fn has_no_objective(headers: &Value) -> bool {
    let is_objective = |name: &String| {
        let name = name.to_ascii_lowercase();
        name.starts_with("x-slo-ttft-") || name.starts_with("x-slo-tpot-")
    };
    headers.as_object().is_none_or(|headers| !headers.keys().any(is_objective))
}
