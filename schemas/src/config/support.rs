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
const UNBUILT_DATA: [&str; 3] = ["otel_trace_replay", "weka_trace_replay", "synthetic_agentic"];

const VIDEO_FAULT: &str = "there is no encoder for MP4, which is the default representation";
const VIDEO_REMEDY: &str = "set representation: jpeg_frames or png_frames, which send each frame as an image";

/// True for videos as frames, and where there are none.
fn is_video_built(video: &Value) -> bool {
    let is_none = |value: &Value| value.get("count").is_none_or(Value::is_null);
    is_none(video) || video.get("representation").is_some_and(|representation| representation != "mp4")
}

/// One line for each: what gets built leaves this table.
#[rustfmt::skip]
const UNBUILT: &[Unbuilt] = &[
    Unbuilt { key: "data.type", is_built: |v| !UNBUILT_DATA.iter().any(|unbuilt| v == unbuilt), fault: "replays of sessions are not built yet", remedy: "set data.type: synthetic, with input_distribution and output_distribution" },
    Unbuilt { key: "data.multimodal.video", is_built: is_video_built, fault: VIDEO_FAULT, remedy: VIDEO_REMEDY },
    Unbuilt { key: "data.shared_prefix.multimodal.video", is_built: is_video_built, fault: VIDEO_FAULT, remedy: VIDEO_REMEDY },
    Unbuilt { key: "load.type", is_built: |v| v != "trace_session_replay", fault: "whole sessions are not built yet", remedy: "set load.type: constant, with stages of rate and duration" },
    Unbuilt { key: "metrics.prometheus.google_managed", is_built: |v| v != true, fault: "Google's managed Prometheus is not built yet", remedy: "give metrics.prometheus.url, for example of a frontend for it" },
    Unbuilt { key: "tokenizer.trust_remote_code", is_built: |v| v != true, fault: "code that comes with a tokenizer is never run", remedy: "remove it; tokenizer.json is read" },
];
