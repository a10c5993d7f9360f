//! The JSON bodies of requests, byte for byte as upstream writes them: Python's `json.dumps` with `", "` and `": "`, all
//! but printable ASCII escaped, keys in this order.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use benchmark_schemas::config::ApiType;
use bytes::Bytes;
use serde_json::Value;

use super::Adapters;

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
            let between = if i > 0 { ", " } else { "" };
            push(&mut body, format_args!("{between}{{\"role\": \"{}\", \"content\": ", message.role.name()));
            write_string(&mut body, &message.content);
            body.push(b'}');
        }
        body.push(b']');
        if !apart.is_empty() {
            body.extend_from_slice(b", \"system\": ");
            let texts: Vec<&str> = apart.iter().map(|message| &*message.content).collect();
            write_string(&mut body, &texts.join("\n\n"));
        }
        self.finish(body, length)
    }

    /// What follows prompt or messages.
    fn finish(&self, mut body: Vec<u8>, length: u32) -> Bytes {
        push(&mut body, format_args!(", \"max_tokens\": {}", self.max_tokens(length)));
        if self.api == ApiType::AnthropicMessages {
            push(&mut body, format_args!(", \"stream\": {}}}", self.streaming));
            return Bytes::from(body);
        }
        push(
            &mut body,
            format_args!(", \"ignore_eos\": {}, \"stream\": {}", self.ignore_eos, self.streaming),
        );
        if self.streaming {
            body.extend_from_slice(b", \"stream_options\": {\"include_usage\": true}");
        }
        if let Some(format) = &self.response_format {
            body.extend_from_slice(b", \"response_format\": ");
            write_value(&mut body, format);
        }
        body.push(b'}');
        Bytes::from(body)
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

fn write_string(body: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    body.push(b'"');
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
    body.push(b'"');
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
mod tests {
    use benchmark_schemas::config::AdapterShare;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::seed::Seed;

    const FIRST: (u32, u64) = (0, 0);

    fn options(api: ApiType, streaming: bool) -> BodyOptions {
        BodyOptions { streaming, ..BodyOptions::new(api, "qwen3-8b") }
    }

    fn text(body: &Bytes) -> &str {
        std::str::from_utf8(body).expect("ASCII")
    }

    #[test]
    fn completions_are_upstreams() {
        let body = options(ApiType::Completion, true).of_prompt(FIRST, "say \"hé\u{7f}😀\"\n\\", 256);
        insta::assert_snapshot!(text(&body), @r#"{"model": "qwen3-8b", "prompt": "say \"h\u00e9\u007f\ud83d\ude00\"\n\\", "max_tokens": 256, "ignore_eos": true, "stream": true, "stream_options": {"include_usage": true}}"#);
        let body = options(ApiType::Completion, false).of_prompt(FIRST, "hi", 30);
        insta::assert_snapshot!(text(&body), @r#"{"model": "qwen3-8b", "prompt": "hi", "max_tokens": 30, "ignore_eos": true, "stream": false}"#);
    }

    #[test]
    fn chats_are_upstreams() {
        let body = options(ApiType::Chat, true).of_prompt(FIRST, "a \"b\"", 7);
        insta::assert_snapshot!(text(&body), @r#"{"model": "qwen3-8b", "messages": [{"role": "user", "content": "a \"b\""}], "max_tokens": 7, "ignore_eos": true, "stream": true, "stream_options": {"include_usage": true}}"#);
        let options = BodyOptions { ignore_eos: false, ..options(ApiType::Chat, false) };
        insta::assert_snapshot!(text(&options.of_prompt(FIRST, "hi", 1)), @r#"{"model": "qwen3-8b", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1, "ignore_eos": false, "stream": false}"#);
    }

    #[test]
    fn anthropics_messages_have_neither_usage_options_nor_formats() {
        let format = Some(json!({"type": "json_object"}));
        for streaming in [true, false] {
            let options = BodyOptions {
                response_format: format.clone(),
                ..options(ApiType::AnthropicMessages, streaming)
            };
            assert_eq!(
                text(&options.of_prompt(FIRST, "hi", 9)),
                format!(
                    r#"{{"model": "qwen3-8b", "messages": [{{"role": "user", "content": "hi"}}], "max_tokens": 9, "stream": {streaming}}}"#
                )
            );
        }
    }

    #[test]
    fn a_conversation_has_its_system_prompt_where_the_api_has_it() {
        let messages = [
            Message::new(Role::System, "be\n"),
            Message::new(Role::User, "a"),
            Message::new(Role::Assistant, "b"),
            Message::new(Role::System, "brief"),
            Message::new(Role::User, "c"),
        ];
        let body = options(ApiType::Chat, false).of_messages(FIRST, &messages, 4);
        insta::assert_snapshot!(text(&body), @r#"{"model": "qwen3-8b", "messages": [{"role": "system", "content": "be\n"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "system", "content": "brief"}, {"role": "user", "content": "c"}], "max_tokens": 4, "ignore_eos": true, "stream": false}"#);
        let body = options(ApiType::AnthropicMessages, true).of_messages(FIRST, &messages, 4);
        insta::assert_snapshot!(text(&body), @r#"{"model": "qwen3-8b", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}], "system": "be\n\n\nbrief", "max_tokens": 4, "stream": true}"#);
        let one = [Message::new(Role::User, "hi")];
        for api in [ApiType::Chat, ApiType::AnthropicMessages] {
            assert_eq!(
                options(api, true).of_messages(FIRST, &one, 4),
                options(api, true).of_prompt(FIRST, "hi", 4)
            );
        }
    }

    #[test]
    fn no_length_means_the_default() {
        let body = options(ApiType::Completion, false).of_prompt(FIRST, "hi", 0);
        assert!(text(&body).contains(r#""max_tokens": 30,"#), "{}", text(&body));
    }

    #[test]
    fn a_response_format_comes_last_and_is_spaced_alike() {
        let format =
            json!({"type": "json_schema", "json_schema": {"name": "x", "schema": null, "é": [1, true]}});
        let options = BodyOptions { response_format: Some(format), ..options(ApiType::Completion, false) };
        insta::assert_snapshot!(text(&options.of_prompt(FIRST, "", 1)), @r#"{"model": "qwen3-8b", "prompt": "", "max_tokens": 1, "ignore_eos": true, "stream": false, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": null, "\u00e9": [1, true]}}}"#);
        let options = BodyOptions { api: ApiType::Chat, ..options };
        assert!(text(&options.of_prompt(FIRST, "", 1)).ends_with("[1, true]}}}"));
    }

    #[test]
    fn the_adapter_is_the_model_of_the_body() {
        let share = |name: &str| AdapterShare { name: name.to_owned(), split: 0.5 };
        let adapters = Adapters::new(Seed(3), &[share("short"), share("longer")]).expect("adapters");
        let adapters = Arc::new(adapters);
        let options = BodyOptions::new(ApiType::Completion, Model::Split(Arc::clone(&adapters)));
        for index in 0..200 {
            let body = options.of_prompt((4, index), "hi", 1);
            let start = format!("{{\"model\": \"{}\", \"prompt\"", adapters.of(4, index));
            assert!(text(&body).starts_with(&start), "{}", text(&body));
        }
    }

    proptest! {
        #[test]
        fn any_prompt_survives(prompt: String, length: u32, chat: bool) {
            let api = if chat { ApiType::Chat } else { ApiType::Completion };
            let body = options(api, true).of_prompt(FIRST, &prompt, length);
            prop_assert!(body.is_ascii());
            let value: Value = serde_json::from_slice(&body).expect("JSON");
            let sent = if chat { &value["messages"][0]["content"] } else { &value["prompt"] };
            prop_assert_eq!(sent, &json!(prompt));
            prop_assert_eq!(&value["max_tokens"], &json!(if length == 0 { 30 } else { length }));
        }
    }
}
