//! What a configuration may say but no code executes yet. It is refused by name when a run starts, so that no run
//! measures something else than was asked for.

use serde_json::Value;

use super::read::origin_of;
use crate::problem::Problem;
use crate::tree::Node;

/// What the tree of a configuration asks for and no code executes yet; keys that it lacks are not looked at. `document`
/// is where it was read from, and gives the places.
pub(super) fn unsupported(tree: &Value, document: &Node) -> Vec<Problem> {
    UNBUILT
        .iter()
        .filter(|unbuilt| {
            let value = unbuilt.key.split('.').try_fold(tree, |value, key| value.get(key));
            value.is_some_and(|value| !(unbuilt.is_built)(value))
        })
        .map(|unbuilt| {
            Problem::new(origin_of(document, unbuilt.key), unbuilt.key, unbuilt.fault, unbuilt.remedy)
        })
        .chain(without_path(tree, document))
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

/// Data types that no code executes yet.
const UNBUILT_DATA: [&str; 5] =
    ["conversation_replay", "otel_trace_replay", "weka_trace_replay", "visionarena", "synthetic_agentic"];

/// Data types that come from the hub unless they have a path.
const HUB_DATA: [&str; 2] = ["shareGPT", "cnn_dailymail"];

/// Data sets are read from files only.
fn without_path(tree: &Value, document: &Node) -> Option<Problem> {
    let data = tree.get("data")?;
    let (kind, path) = (data.get("type")?, data.get("path").unwrap_or(&Value::Null));
    let is_from_hub = HUB_DATA.iter().any(|name| kind == name) && path.is_null();
    is_from_hub.then(|| {
        Problem::new(
            origin_of(document, "data.type"),
            "data.path",
            "is missing, and data sets are not fetched from the hub yet",
            "give a JSON or JSON lines file of the data set, or a folder of them",
        )
    })
}

/// One line for each: what gets built leaves this table.
#[rustfmt::skip]
const UNBUILT: &[Unbuilt] = &[
    Unbuilt { key: "data.type", is_built: |v| !UNBUILT_DATA.iter().any(|unbuilt| v == unbuilt), fault: "replays and visionarena are not built yet", remedy: "set data.type: synthetic, with input_distribution and output_distribution" },
    Unbuilt { key: "data.multimodal", is_built: Value::is_null, fault: "images, videos and sounds are not built yet", remedy: "remove it; prompts are text" },
    Unbuilt { key: "data.shared_prefix.multimodal", is_built: Value::is_null, fault: "images, videos and sounds are not built yet", remedy: "remove it; prompts are text" },
    Unbuilt { key: "data.shared_prefix.enable_multi_turn_chat", is_built: |v| v == false, fault: "conversations of many turns are not built yet", remedy: "remove it; each prompt is a request of its own" },
    Unbuilt { key: "data.use_chat_template", is_built: |v| v == false, fault: "chat templates are not built yet", remedy: "remove it" },
    Unbuilt { key: "load.type", is_built: |v| v != "trace_session_replay", fault: "whole sessions are not built yet", remedy: "set load.type: constant, with stages of rate and duration" },
    Unbuilt { key: "metrics.prometheus.google_managed", is_built: |v| v != true, fault: "Google's managed Prometheus is not built yet", remedy: "give metrics.prometheus.url, for example of a frontend for it" },
    Unbuilt { key: "tokenizer.trust_remote_code", is_built: |v| v != true, fault: "code that comes with a tokenizer is never run", remedy: "remove it; tokenizer.json is read" },
];
