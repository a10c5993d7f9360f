//! The typed path: any chunk or whole body, read from a JSON value.

use std::borrow::Cow;
use std::fmt::Write as _;

use benchmark_schemas::config::{AnswerTokens, ApiType};
use benchmark_schemas::record::{ChunkKind, Failure};
use serde_json::{Map, Value};

use super::{AnswerReading, Content};

/// What a chunk of a stream says; `data` is its JSON text.
pub(super) fn chunk(reading: AnswerReading, mut value: Value, data: &[u8]) -> Content<'static> {
    let mut parts = Parts::new(reading);
    match reading.api {
        ApiType::Completion => parts.text(value.pointer_mut("/choices/0/text")),
        ApiType::Chat => parts.message(value.pointer_mut("/choices/0/delta")),
        ApiType::AnthropicMessages => {
            parts.block(value.get_mut("content_block"));
            parts.block(value.get_mut("delta"));
        }
    }
    let last = reading.api == ApiType::AnthropicMessages && kind_of(&value) == Some("message_stop");
    Content { last, ..parts.content(&mut value, data) }
}

/// What a whole body says; `data` is its JSON text.
pub(super) fn whole(reading: AnswerReading, mut value: Value, data: &[u8]) -> Content<'static> {
    let mut parts = Parts::new(reading);
    let answers = match reading.api {
        ApiType::Completion => {
            parts.text(value.pointer_mut("/choices/0/text"));
            has_items(value.get("choices"))
        }
        ApiType::Chat => {
            // Upstream joins the texts of all choices.
            for choice in items(value.get_mut("choices")) {
                parts.message(choice.get_mut("message"));
            }
            has_items(value.get("choices"))
        }
        ApiType::AnthropicMessages => {
            for block in items(value.get_mut("content")) {
                parts.block(Some(block));
            }
            value.get("content").is_some_and(Value::is_array)
        }
    };
    Content { answers, ..parts.content(&mut value, data) }
}

fn items(list: Option<&mut Value>) -> &mut [Value] {
    list.and_then(Value::as_array_mut).map(Vec::as_mut_slice).unwrap_or_default()
}

fn has_items(list: Option<&Value>) -> bool {
    list.and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

fn kind_of(object: &Value) -> Option<&str> {
    object.get("type").and_then(Value::as_str)
}

/// Texts found in a document, in the order in which models make them.
struct Parts {
    all: bool,
    reasoning: String,
    answer: String,
    calls: String,
}

impl Parts {
    fn new(reading: AnswerReading) -> Self {
        let all = reading.tokens == AnswerTokens::All;
        Self { all, reasoning: String::new(), answer: String::new(), calls: String::new() }
    }

    fn text(&mut self, text: Option<&mut Value>) {
        take(text, &mut self.answer);
    }

    /// A message, or what is added to one, of the chat API.
    fn message(&mut self, message: Option<&mut Value>) {
        let Some(message) = message.and_then(Value::as_object_mut) else { return };
        take(message.get_mut("content"), &mut self.answer);
        if !self.all {
            return;
        }
        // The two names of one thing: vLLM sends either, or both with the same text.
        let before = self.reasoning.len();
        take(message.get_mut("reasoning_content"), &mut self.reasoning);
        if self.reasoning.len() == before {
            take(message.get_mut("reasoning"), &mut self.reasoning);
        }
        for call in items(message.get_mut("tool_calls")) {
            take(call.pointer_mut("/function/name"), &mut self.calls);
            take(call.pointer_mut("/function/arguments"), &mut self.calls);
        }
    }

    /// A block of content, or what is added to one, of Anthropic's API.
    fn block(&mut self, block: Option<&mut Value>) {
        let Some(block) = block else { return };
        match kind_of(block).unwrap_or_default() {
            "text" | "text_delta" => take(block.get_mut("text"), &mut self.answer),
            "thinking" | "thinking_delta" if self.all => {
                take(block.get_mut("thinking"), &mut self.reasoning);
            }
            "tool_use" if self.all => {
                take(block.get_mut("name"), &mut self.calls);
                // A block that begins has an empty input; a whole one has all of it.
                if let Some(Value::Object(input)) = block.get("input").filter(|input| !is_empty(input)) {
                    // Writing to memory cannot fail.
                    let _ = write!(self.calls, "{}", Value::Object(input.clone()));
                }
            }
            "input_json_delta" if self.all => take(block.get_mut("partial_json"), &mut self.calls),
            _ => {}
        }
    }

    fn content(self, value: &mut Value, data: &[u8]) -> Content<'static> {
        let error = error_of(value, data);
        let kind = if !self.answer.is_empty() {
            ChunkKind::Content
        } else if !self.calls.is_empty() {
            ChunkKind::ToolCall
        } else if !self.reasoning.is_empty() {
            ChunkKind::Reasoning
        } else {
            ChunkKind::default()
        };
        let text = joined([self.reasoning, self.answer, self.calls]);
        Content {
            text: (!text.is_empty()).then_some(Cow::Owned(text)),
            kind,
            usage: usage_of(value),
            error,
            ..Content::default()
        }
    }
}

fn joined(parts: [String; 3]) -> String {
    let mut filled = parts.into_iter().filter(|part| !part.is_empty());
    let mut text = filled.next().unwrap_or_default();
    filled.for_each(|part| text.push_str(&part));
    text
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_none_or(Map::is_empty)
}

/// Appends a string to `into`, and nothing for anything else.
fn take(value: Option<&mut Value>, into: &mut String) {
    let Some(Value::String(text)) = value.map(Value::take) else { return };
    if into.is_empty() {
        *into = text;
    } else {
        into.push_str(&text);
    }
}

/// `usage`, or `message.usage`: Anthropic's streams begin with that.
fn usage_of(value: &mut Value) -> Option<Map<String, Value>> {
    let mut of = |pointer: &str| match value.pointer_mut(pointer).map(Value::take) {
        Some(Value::Object(usage)) => Some(usage),
        _ => None,
    };
    of("/usage").or_else(|| of("/message/usage"))
}

/// The error that an answer with status 200 carries: `{"error": …}`, or vLLM's older `{"object": "error", …}`.
///
/// Its type is named like that of an HTTP error where the server gives such a code, so that it counts together with
/// errors that came as a status; the message is the JSON text, which reports unwrap.
fn error_of(value: &Value, data: &[u8]) -> Option<Failure> {
    let object = match value.get("error") {
        None | Some(Value::Null) if value.get("object").and_then(Value::as_str) == Some("error") => value,
        Some(error @ Value::Object(_)) => error,
        Some(error @ Value::String(text)) if !text.is_empty() => error,
        _ => return None,
    };
    let code = object.get("code").and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    // Text Generation Inference names the type beside the text.
    let named = kind_of(object).or_else(|| value.get("error_type").and_then(Value::as_str));
    let error_type = match (code, named) {
        (Some(code @ 400..=599), _) => format!("HTTP Error {code}"),
        (_, Some(named)) if !named.is_empty() => named.to_owned(),
        _ => "ServerError".to_owned(),
    };
    Some(Failure { error_type, message: String::from_utf8_lossy(data).into_owned() })
}
