//! The parts of an answer in Anthropic's format.
//!
//! Pure. A stream is a frame around blocks, one block for reasoning, one for the answer or the call.

use serde_json::{Value, json};

use super::events::{Counts, Head, Texts};
use crate::answer::Kind;

/// The event that opens a stream. It counts the prompt's tokens, if tokens are counted.
pub(super) fn start(head: &Head, prompt_tokens: Option<u32>) -> Value {
    let mut message = json!({
        "id": head.id, "type": "message", "role": "assistant", "model": head.model, "content": [],
        "stop_reason": null, "stop_sequence": null
    });
    if let Some(tokens) = prompt_tokens {
        message["usage"] = json!({"input_tokens": tokens, "output_tokens": 0});
    }
    json!({"type": "message_start", "message": message})
}

/// The event that opens block `index`, a call that of a tool `name`.
pub(super) fn block_start(index: u32, kind: Kind, name: &str) -> Value {
    let block = match kind {
        Kind::Content => json!({"type": "text", "text": ""}),
        Kind::Reasoning => json!({"type": "thinking", "thinking": "", "signature": ""}),
        Kind::ToolCall => json!({"type": "tool_use", "id": "call_0", "name": name, "input": {}}),
    };
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

/// What stands before and after the text of an event that adds to block `index`.
pub(super) fn around_text(index: u32, kind: Kind) -> (String, &'static str) {
    let (delta, key) = match kind {
        Kind::Content => ("text_delta", "text"),
        Kind::Reasoning => ("thinking_delta", "thinking"),
        Kind::ToolCall => ("input_json_delta", "partial_json"),
    };
    let before = format!(
        "{{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{delta}\",\"{key}\":\""
    );
    (before, "\"}}")
}

/// The event that closes block `index`.
pub(super) fn block_stop(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

/// The event before the last. It counts the answer's tokens, if tokens are counted.
pub(super) fn delta(kind: Kind, output_tokens: Option<u32>) -> Value {
    let mut event =
        json!({"type": "message_delta", "delta": {"stop_reason": stop_reason(kind), "stop_sequence": null}});
    if let Some(tokens) = output_tokens {
        event["usage"] = json!({"output_tokens": tokens});
    }
    event
}

/// A whole answer.
pub(super) fn whole(head: &Head, texts: &Texts, counts: Option<Counts>) -> Value {
    let mut content = Vec::new();
    if !texts.reasoning.is_empty() {
        content.push(json!({"type": "thinking", "thinking": texts.reasoning, "signature": ""}));
    }
    if !texts.content.is_empty() {
        content.push(json!({"type": "text", "text": texts.content}));
    }
    if !texts.tool_call.is_empty() {
        content.push(json!({"type": "tool_use", "id": "call_0", "name": texts.tool_call, "input": {}}));
    }
    let kind = if texts.tool_call.is_empty() { Kind::Content } else { Kind::ToolCall };
    let mut message = json!({
        "id": head.id, "type": "message", "role": "assistant", "model": head.model, "content": content,
        "stop_reason": stop_reason(kind), "stop_sequence": null
    });
    if let Some(counts) = counts {
        message["usage"] = json!({"input_tokens": counts.prompt, "output_tokens": counts.completion});
    }
    message
}

fn stop_reason(kind: Kind) -> &'static str {
    match kind {
        Kind::Content | Kind::Reasoning => "max_tokens",
        Kind::ToolCall => "tool_use",
    }
}
