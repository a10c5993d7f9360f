//! The JSON bodies of requests, byte for byte as upstream writes them: Python's `json.dumps` with `", "` and `": "`, all
//! but printable ASCII escaped, keys in this order.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use benchmark_schemas::config::ApiType;
use bytes::Bytes;
use serde_json::Value;

use super::Adapters;
use super::media::Part;

/// `max_tokens` of requests for which no length is drawn, as upstream's clients have it.
const DEFAULT_MAX_TOKENS: u32 = 30;

/// Whom requests are for.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// All for the model of this name.
    One(String),
    /// For LoRA adapters, each of which is a model of its own.
    Split(Arc<Adapters>),
}

impl Model {
    /// The model that request `index` of `stage` is for.
    pub fn of(&self, stage: u32, index: u64) -> &str {
        match self {
            Self::One(name) => name,
            Self::Split(adapters) => adapters.of(stage, index),
        }
    }
}

impl From<String> for Model {
    fn from(name: String) -> Self {
        Self::One(name)
    }
}

impl From<&str> for Model {
    fn from(name: &str) -> Self {
        Self::One(name.to_owned())
    }
}

/// Who says something in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Whoever runs the model.
    System,
    /// Who asks.
    User,
    /// The model.
    Assistant,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// What is said in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who says it.
    pub role: Role,
    /// The text.
    pub content: Cow<'a, str>,
}

impl<'a> Message<'a> {
    /// What `role` says.
    #[must_use]
    pub fn new(role: Role, content: impl Into<Cow<'a, str>>) -> Self {
        Self { role, content: content.into() }
    }
}

/// What the bodies of a run have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyOptions {
    /// API that they are for.
    pub api: ApiType,
    /// Whom they are for.
    pub model: Model,
    /// Ask for a stream, with the usage at its end.
    pub streaming: bool,
    /// Ask the server to go on until `max_tokens`.
    pub ignore_eos: bool,
    /// `response_format`, sent as it is; Anthropic's API has none.
    pub response_format: Option<Value>,
    /// `max_tokens` where the length of an answer is 0, which means that none was drawn.
    pub default_max_tokens: u32,
    /// `add_special_tokens`, for prompts that have them already.
    pub add_special_tokens: Option<bool>,
}

impl BodyOptions {
    /// Bodies that ask `model` for whole answers of any length.
    #[must_use]
    pub fn new(api: ApiType, model: impl Into<Model>) -> Self {
        Self {
            api,
            model: model.into(),
            streaming: false,
            ignore_eos: true,
            response_format: None,
            default_max_tokens: DEFAULT_MAX_TOKENS,
            add_special_tokens: None,
        }
    }

    /// `max_tokens` for an answer of `length` tokens.
    #[must_use]
    pub fn max_tokens(&self, length: u32) -> u32 {
        if length == 0 { self.default_max_tokens } else { length }
    }

    /// The body of request `index` of `stage` for one prompt, which is the only message of a chat, and an answer of
    /// `length` tokens.
    #[must_use]
    pub fn of_prompt(&self, (stage, index): (u32, u64), prompt: &str, length: u32) -> Bytes {
        let model = self.model.of(stage, index);
        let mut body = Vec::with_capacity(prompt.len() + model.len() + 192);
        body.extend_from_slice(b"{\"model\": ");
        write_string(&mut body, model);
        if self.api == ApiType::Completion {
            body.extend_from_slice(b", \"prompt\": ");
            write_string(&mut body, prompt);
        } else {
            body.extend_from_slice(b", \"messages\": [{\"role\": \"user\", \"content\": ");
            write_string(&mut body, prompt);
            body.extend_from_slice(b"}]");
        }
        self.finish(body, length)
    }

    /// The body of request `index` of `stage` for a conversation so far, and an answer of `length` tokens; for chats, not for completions.
    ///
    /// Anthropic's API has system messages as a text of their own, and else only users and assistants.
    #[must_use]
    pub fn of_messages(&self, (stage, index): (u32, u64), messages: &[Message<'_>], length: u32) -> Bytes {
        let anthropic = self.api == ApiType::AnthropicMessages;
        let (apart, in_turn): (Vec<_>, Vec<_>) =
            messages.iter().partition(|message| anthropic && message.role == Role::System);
        let mut body = Vec::with_capacity(in_turn.iter().map(|message| message.content.len() + 48).sum());
        body.extend_from_slice(b"{\"model\": ");
        write_string(&mut body, self.model.of(stage, index));
        body.extend_from_slice(b", \"messages\": [");
        for (i, message) in in_turn.into_iter().enumerate() {
            if i > 0 {
                body.extend_from_slice(b", ");
            }
            write_message(&mut body, message);
        }
        body.push(b']');
        if !apart.is_empty() {
            body.extend_from_slice(b", \"system\": ");
            let texts: Vec<&str> = apart.iter().map(|message| &*message.content).collect();
            write_string(&mut body, &texts.join("\n\n"));
        }
        self.finish(body, length)
    }

    /// The body of request `index` of `stage` for a user's message of several parts, and an answer of `length` tokens; for
    /// the chat API.
    #[must_use]
    pub(super) fn of_parts(&self, (stage, index): (u32, u64), parts: &[Part], length: u32) -> Bytes {
        let size = |part: &Part| match part {
            Part::Text(text) | Part::Object(text) => text.len() + 48,
        };
        let mut body = Vec::with_capacity(parts.iter().map(size).sum::<usize>() + 256);
        body.extend_from_slice(b"{\"model\": ");
        write_string(&mut body, self.model.of(stage, index));
        body.extend_from_slice(b", \"messages\": [{\"role\": \"user\", \"content\": [");
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                body.extend_from_slice(b", ");
            }
            match part {
                Part::Text(text) => {
                    body.extend_from_slice(b"{\"type\": \"text\", \"text\": ");
                    write_string(&mut body, text);
                    body.push(b'}');
                }
                Part::Object(object) => body.extend_from_slice(object.as_bytes()),
            }
        }
        body.extend_from_slice(b"]}]");
        self.finish(body, length)
    }

    fn finish(&self, body: Vec<u8>, length: u32) -> Bytes {
        Bytes::from(self.finished(body, length))
    }

    /// `body` with what follows prompt or messages.
    pub(super) fn finished(&self, mut body: Vec<u8>, length: u32) -> Vec<u8> {
        push(&mut body, format_args!(", \"max_tokens\": {}", self.max_tokens(length)));
        if self.api == ApiType::AnthropicMessages {
            push(&mut body, format_args!(", \"stream\": {}}}", self.streaming));
            return body;
        }
        push(
            &mut body,
            format_args!(", \"ignore_eos\": {}, \"stream\": {}", self.ignore_eos, self.streaming),
        );
        if self.streaming {
            body.extend_from_slice(b", \"stream_options\": {\"include_usage\": true}");
        }
        if let Some(add) = self.add_special_tokens {
            push(&mut body, format_args!(", \"add_special_tokens\": {add}"));
        }
        if let Some(format) = &self.response_format {
            body.extend_from_slice(b", \"response_format\": ");
            write_value(&mut body, format);
        }
        body.push(b'}');
        body
    }
}

fn push(body: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = body.write_fmt(text);
}

fn write_value(body: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => push(body, format_args!("{value}")),
        Value::String(text) => write_string(body, text),
        Value::Array(items) => {
            body.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    body.extend_from_slice(b", ");
                }
                write_value(body, item);
            }
            body.push(b']');
        }
        Value::Object(members) => {
            body.push(b'{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    body.extend_from_slice(b", ");
                }
                write_string(body, key);
                body.extend_from_slice(b": ");
                write_value(body, member);
            }
            body.push(b'}');
        }
    }
}

/// `message` as an object.
pub(super) fn write_message(body: &mut Vec<u8>, message: &Message<'_>) {
    push(body, format_args!("{{\"role\": \"{}\", \"content\": ", message.role.name()));
    write_string(body, &message.content);
    body.push(b'}');
}

/// `text` in quotes.
pub(super) fn write_string(body: &mut Vec<u8>, text: &str) {
    body.push(b'"');
    write_escaped(body, text);
    body.push(b'"');
}

/// `text` as it stands between quotes.
pub(super) fn write_escaped(body: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.bytes().position(|byte| !plain(byte)).unwrap_or(rest.len());
        body.extend_from_slice(&rest.as_bytes()[..end]);
        // `end` lies before a character that is not plain, so it is a boundary.
        let mut odd = rest[end..].chars();
        if let Some(character) = odd.next() {
            write_escape(body, character);
        }
        rest = odd.as_str();
    }
}

fn write_escape(body: &mut Vec<u8>, character: char) {
    match character {
        '"' => body.extend_from_slice(b"\\\""),
        '\\' => body.extend_from_slice(b"\\\\"),
        '\n' => body.extend_from_slice(b"\\n"),
        '\r' => body.extend_from_slice(b"\\r"),
        '\t' => body.extend_from_slice(b"\\t"),
        '\u{8}' => body.extend_from_slice(b"\\b"),
        '\u{c}' => body.extend_from_slice(b"\\f"),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                push(body, format_args!("\\u{unit:04x}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
