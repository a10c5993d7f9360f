//! Bodies byte for byte, for each API.

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
        let options =
            BodyOptions { response_format: format.clone(), ..options(ApiType::AnthropicMessages, streaming) };
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
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": null, "é": [1, true]}});
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
