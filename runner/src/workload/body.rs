//! The JSON body of a completion request, byte for byte as upstream writes it: Python's
//! `json.dumps` with `", "` and `": "`, all but printable ASCII escaped, keys in this order.

use std::io::Write;

use bytes::Bytes;
use serde_json::Value;

/// What the bodies of a run have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyOptions {
    /// Name of the model.
    pub model: String,
    /// Ask for a stream, with the usage at its end.
    pub streaming: bool,
    /// Ask the server to go on until `max_tokens`.
    pub ignore_eos: bool,
    /// `response_format`, sent as it is.
    pub response_format: Option<Value>,
}

impl BodyOptions {
    /// The body for one prompt.
    #[must_use]
    pub fn completion(&self, prompt: &str, max_tokens: u32) -> Bytes {
        let mut body = Vec::with_capacity(prompt.len() + self.model.len() + 160);
        body.extend_from_slice(b"{\"model\": ");
        write_string(&mut body, &self.model);
        body.extend_from_slice(b", \"prompt\": ");
        write_string(&mut body, prompt);
        push(&mut body, format_args!(", \"max_tokens\": {max_tokens}, \"ignore_eos\": {}", self.ignore_eos));
        push(&mut body, format_args!(", \"stream\": {}", self.streaming));
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn options(streaming: bool) -> BodyOptions {
        BodyOptions { model: "qwen3-8b".to_owned(), streaming, ignore_eos: true, response_format: None }
    }

    fn text(body: &Bytes) -> &str {
        std::str::from_utf8(body).expect("ASCII")
    }

    #[test]
    fn bodies_are_upstreams() {
        let body = options(true).completion("say \"hé\u{7f}😀\"\n\\", 256);
        insta::assert_snapshot!(text(&body), @r#"{"model": "qwen3-8b", "prompt": "say \"h\u00e9\u007f\ud83d\ude00\"\n\\", "max_tokens": 256, "ignore_eos": true, "stream": true, "stream_options": {"include_usage": true}}"#);
        let body = options(false).completion("hi", 30);
        insta::assert_snapshot!(text(&body), @r#"{"model": "qwen3-8b", "prompt": "hi", "max_tokens": 30, "ignore_eos": true, "stream": false}"#);
    }

    #[test]
    fn a_response_format_comes_last_and_is_spaced_alike() {
        let format =
            json!({"type": "json_schema", "json_schema": {"name": "x", "schema": null, "é": [1, true]}});
        let options = BodyOptions { response_format: Some(format), ..options(false) };
        insta::assert_snapshot!(text(&options.completion("", 1)), @r#"{"model": "qwen3-8b", "prompt": "", "max_tokens": 1, "ignore_eos": true, "stream": false, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": null, "\u00e9": [1, true]}}}"#);
    }

    proptest! {
        #[test]
        fn any_prompt_survives(prompt: String, max_tokens: u32) {
            let body = options(true).completion(&prompt, max_tokens);
            prop_assert!(body.is_ascii());
            let value: Value = serde_json::from_slice(&body).expect("JSON");
            prop_assert_eq!(&value["prompt"], &json!(prompt));
            prop_assert_eq!(&value["max_tokens"], &json!(max_tokens));
        }
    }
}
