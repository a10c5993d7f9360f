//! What a model answered through the messages API, as a message of the chat API: `info.extra_info` of upstream's
//! records. Made from the body of the answer; knows nothing of records.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::SseDecoder;

/// What was answered, told by `body`, which came as a stream or whole: `stop_reason` (of whole answers alone, as
/// upstream), `output_message` and `output_text`.
pub(crate) fn extra_info(body: &str, streamed: bool) -> Value {
    if streamed {
        let answer = Answer::of_stream(body);
        return json!({"output_message": answer.message(), "output_text": answer.text});
    }
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let blocks = body["content"].as_array();
    let answer = Answer::of_blocks(blocks.map(Vec::as_slice).unwrap_or_default());
    json!({
        "stop_reason": body["stop_reason"],
        "output_message": blocks.map(|_| answer.message()),
        "output_text": answer.text,
    })
}

/// Text and calls of tools of an answer.
#[derive(Default)]
struct Answer {
    text: String,
    /// By the number of their block.
    calls: BTreeMap<u64, Call>,
}

#[derive(Default)]
struct Call {
    id: Value,
    name: Value,
    arguments: String,
}

impl Answer {
    fn of_blocks(blocks: &[Value]) -> Self {
        let mut answer = Self::default();
        for (block, number) in blocks.iter().zip(0..) {
            answer.text.push_str(text_of(block));
            if block["type"] == "tool_use" {
                let arguments = match &block["input"] {
                    Value::String(text) => text.clone(),
                    Value::Null => String::new(),
                    input => input.to_string(),
                };
                answer.begin_call(number, block).arguments = arguments;
            }
        }
        answer
    }

    fn of_stream(body: &str) -> Self {
        let mut answer = Self::default();
        let mut decoder = SseDecoder::default();
        decoder.push(body.as_bytes(), |event| answer.add(event));
        decoder.finish(|event| answer.add(event));
        answer
    }

    fn add(&mut self, event: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Value>(event) else { return };
        let number = event["index"].as_u64().unwrap_or_default();
        let (block, delta) = (&event["content_block"], &event["delta"]);
        self.text.push_str(text_of(block));
        if delta["type"] == "text_delta" {
            self.text.push_str(delta["text"].as_str().unwrap_or_default());
        }
        if block["type"] == "tool_use" {
            self.begin_call(number, block);
        }
        if let (Some(call), Some(part)) = (self.calls.get_mut(&number), delta["partial_json"].as_str()) {
            call.arguments.push_str(part);
        }
    }

    fn begin_call(&mut self, number: u64, block: &Value) -> &mut Call {
        let text = |key: &str| if block[key].is_null() { json!("") } else { block[key].clone() };
        let call = Call { id: text("id"), name: text("name"), arguments: String::new() };
        self.calls.entry(number).insert_entry(call).into_mut()
    }

    /// The answer as a message of the chat API.
    fn message(&self) -> Value {
        let mut message = Map::from_iter([("role".to_owned(), json!("assistant"))]);
        let calls = self.calls.values().map(|call| {
            let function = json!({"name": call.name, "arguments": call.arguments});
            json!({"id": call.id, "type": "function", "function": function})
        });
        if !self.calls.is_empty() {
            message.insert("tool_calls".to_owned(), calls.collect());
        }
        if self.calls.is_empty() || !self.text.is_empty() {
            message.insert("content".to_owned(), json!(self.text));
        }
        Value::Object(message)
    }
}

/// The text of a block of text; empty for another.
fn text_of(block: &Value) -> &str {
    if block["type"] == "text" { block["text"].as_str().unwrap_or_default() } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_answers() {
        let body = json!({"stop_reason": "max_tokens", "content": [
            {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a "}, {"type": "text", "text": "b"},
        ]});
        let expected = json!({
            "stop_reason": "max_tokens",
            "output_message": {"role": "assistant", "content": "a b"},
            "output_text": "a b",
        });
        assert_eq!(extra_info(&body.to_string(), false), expected);

        let call = json!({"content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}]});
        let function = json!({"name": "f", "arguments": "{\"x\":1}"});
        let message = json!({"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]});
        let expected = json!({"stop_reason": null, "output_message": message, "output_text": ""});
        assert_eq!(extra_info(&call.to_string(), false), expected);

        let nothing = json!({"stop_reason": null, "output_message": null, "output_text": ""});
        assert_eq!(extra_info("{}", false), nothing);
        assert_eq!(extra_info("no JSON", false), nothing);
    }

    #[test]
    fn streamed_answers() {
        let events = [
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "1", "name": "f"}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{\"x\""}}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ":1}"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
        ];
        let body = events.map(|event| format!("event: x\ndata: {event}\n\n")).concat();
        let function = json!({"name": "f", "arguments": "{\"x\":1}"});
        let message = json!({
            "role": "assistant",
            "tool_calls": [{"id": "1", "type": "function", "function": function}],
            "content": "a",
        });
        assert_eq!(extra_info(&body, true), json!({"output_message": message, "output_text": "a"}));
        let empty = json!({"output_message": {"role": "assistant", "content": ""}, "output_text": ""});
        assert_eq!(extra_info("", true), empty);
    }
}
