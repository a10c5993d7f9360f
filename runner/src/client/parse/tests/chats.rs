//! Chats and Anthropic's messages: texts, reasoning, tool calls; the scanner against the typed path.

use super::*;

const CHAT: AnswerReading = AnswerReading { api: ApiType::Chat, tokens: AnswerTokens::All };
const MESSAGES: AnswerReading = AnswerReading { api: ApiType::AnthropicMessages, tokens: AnswerTokens::All };

fn read(reading: AnswerReading, data: &str) -> Option<(ChunkKind, String)> {
    let content = Chunks::new(reading).read(data.as_bytes());
    content.text.map(|text| (content.kind, text.into_owned()))
}

fn delta(members: &str) -> String {
    format!(
        r#"{{"id":"x","object":"chat.completion.chunk","choices":[{{"index":0,"delta":{{{members}}},"finish_reason":null}}],"usage":null}}"#
    )
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that it is compared with")]
fn some(kind: ChunkKind, text: &str) -> Option<(ChunkKind, String)> {
    Some((kind, text.to_owned()))
}

#[test]
fn what_a_chat_adds() {
    use ChunkKind::{Content, Reasoning, ToolCall};
    let content_only = AnswerReading { tokens: AnswerTokens::Content, ..CHAT };
    let call = r#""tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"a\""}}]"#;
    for (members, all, content) in [
        (r#""role":"assistant","content":"""#, None, None),
        (r#""content":" a""#, some(Content, " a"), some(Content, " a")),
        (r#""content":"a","tool_calls":[],"reasoning":null"#, some(Content, "a"), some(Content, "a")),
        (r#""content":null,"reasoning_content":"r""#, some(Reasoning, "r"), None),
        (r#""reasoning":"r","content":"""#, some(Reasoning, "r"), None),
        (r#""reasoning":"r","reasoning_content":"r""#, some(Reasoning, "r"), None),
        (r#""reasoning":"","reasoning_content":"r""#, some(Reasoning, "r"), None),
        (r#""reasoning_content":"r","content":"a""#, some(Content, "ra"), some(Content, "a")),
        (call, some(ToolCall, "f{\"a\""), None),
        (r#""tool_calls":[{"index":0,"function":{"arguments":null}}]"#, None, None),
        (r#""tool_calls":[null, 7, {"function":null}]"#, None, None),
        (r#""tool_calls":{"function":{"name":"f"}}"#, None, None),
        ("", None, None),
    ] {
        let data = delta(members);
        assert_eq!(read(CHAT, &data), all, "{data}");
        assert_eq!(read(content_only, &data), content, "{data}");
    }
    assert_eq!(read(CHAT, r#"{"choices":[{"delta":null}]}"#), None);
    assert_eq!(read(CHAT, r#"{"choices":[{"text":"x"}]}"#), None, "that is another API");
}

#[test]
fn common_chats_are_scanned_and_told_by_their_frame() {
    for members in [
        r#""content":"@""#,
        r#""content":"@","reasoning":null,"tool_calls":[]"#,
        r#""reasoning_content":"@""#,
    ] {
        let mut chunks = Chunks::new(CHAT);
        for text in ["one", " two", " three"] {
            let data = delta(&members.replace('@', text));
            let content = chunks.read(data.as_bytes());
            assert!(matches!(content.text, Some(Cow::Borrowed(found)) if found == text), "{data}");
        }
        assert!(chunks.like_the_last(delta(&members.replace('@', "four")).as_bytes()).is_some());
    }
    let both = delta(r#""reasoning":"r","reasoning_content":"s","content":null"#);
    let found = scan::scan(CHAT, both.as_bytes()).expect("both names are a common shape");
    assert_eq!((found.text.as_ref(), found.kind, found.start), ("s", ChunkKind::Reasoning, None));
    let mut chunks = Chunks::new(CHAT);
    for (named, read) in [("s", "s"), ("", "r"), ("t", "t")] {
        let data = delta(&format!(r#""reasoning":"r","reasoning_content":"{named}","content":null"#));
        assert_eq!(chunks.read(data.as_bytes()).text.as_deref(), Some(read), "{data}");
    }
    let mut chunks = Chunks::new(CHAT);
    assert_eq!(chunks.read(delta(r#""reasoning":"r""#).as_bytes()).kind, ChunkKind::Reasoning);
    assert_eq!(chunks.read(delta(r#""content":"c""#).as_bytes()).kind, ChunkKind::Content);
}

#[test]
fn what_anthropics_events_add() {
    use ChunkKind::{Content, Reasoning, ToolCall};
    let added = |delta: &str| format!(r#"{{"type":"content_block_delta","index":0,"delta":{{{delta}}}}}"#);
    let started =
        |block: &str| format!(r#"{{"type":"content_block_start","index":0,"content_block":{{{block}}}}}"#);
    for (data, expected) in [
        (added(r#""type":"text_delta","text":"a""#), some(Content, "a")),
        (added(r#""text":"a","type":"text_delta""#), some(Content, "a")),
        (added(r#""type":"text_delta","text":"""#), None),
        (added(r#""type":"text_delta","text":null"#), None),
        (added(r#""type":"thinking_delta","thinking":"t""#), some(Reasoning, "t")),
        (added(r#""type":"signature_delta","signature":"s""#), None),
        (added(r#""type":"input_json_delta","partial_json":"{\"a\":1}""#), some(ToolCall, "{\"a\":1}")),
        (started(r#""type":"text","text":"""#), None),
        (started(r#""type":"text","text":"a""#), some(Content, "a")),
        (started(r#""type":"tool_use","id":"i","name":"f","input":{}"#), some(ToolCall, "f")),
        (r#"{"type":"ping"}"#.to_owned(), None),
        (
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}"#
                .to_owned(),
            None,
        ),
    ] {
        assert_eq!(read(MESSAGES, &data), expected, "{data}");
    }
    let content_only = AnswerReading { tokens: AnswerTokens::Content, ..MESSAGES };
    assert_eq!(read(content_only, &added(r#""type":"thinking_delta","thinking":"t""#)), None);
    assert_eq!(read(content_only, &added(r#""type":"text_delta","text":"a""#)), some(Content, "a"));
    let mut chunks = Chunks::new(MESSAGES);
    for text in ["one", " two"] {
        let data = added(&format!(r#""type":"text_delta","text":"{text}""#));
        assert!(matches!(chunks.read(data.as_bytes()).text, Some(Cow::Borrowed(found)) if found == text));
    }
}

#[test]
fn anthropics_usage_comes_at_both_ends_and_the_stream_says_that_it_ends() {
    let read = |data: &str| {
        let mut chunks = Chunks::new(MESSAGES);
        let content = chunks.read(data.as_bytes());
        (content.usage.map(Value::Object), content.last)
    };
    let (usage, last) =
        read(r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":5,"output_tokens":1}}}"#);
    assert_eq!((usage, last), (Some(json!({"input_tokens": 5, "output_tokens": 1})), false));
    let (usage, _) = read(r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":9}}"#);
    assert_eq!(usage, Some(json!({"output_tokens": 9})));
    assert_eq!(read(r#"{"type":"message_stop"}"#), (None, true));
    let mut chunks = Chunks::new(MESSAGES);
    let error = chunks.read(br#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#).error;
    assert_eq!(error.expect("an error").error_type, "overloaded_error");
}

#[test]
fn whole_chats_and_messages() {
    let read = |reading, data: &str| {
        let content = body(reading, data.as_bytes()).expect("JSON");
        (content.text.map(Cow::into_owned).unwrap_or_default(), content.answers)
    };
    let chat =
        r#"{"choices":[{"message":{"content":"a","reasoning_content":"r"}},{"message":{"content":"b"}}]}"#;
    assert_eq!(read(CHAT, chat), ("rab".to_owned(), true));
    assert_eq!(read(AnswerReading { tokens: AnswerTokens::Content, ..CHAT }, chat), ("ab".to_owned(), true));
    let call = r#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}]}"#;
    assert_eq!(read(CHAT, call), ("f{}".to_owned(), true));
    assert_eq!(read(CHAT, r#"{"choices":[]}"#), (String::new(), false));
    let message = r#"{"content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"a"},{"type":"image"},
        {"type":"tool_use","name":"f","input":{"x":1}}],"usage":{"output_tokens":2}}"#;
    assert_eq!(read(MESSAGES, message), ("taf{\"x\":1}".to_owned(), true));
    assert_eq!(read(MESSAGES, "{}"), (String::new(), false));
}

fn any_delta() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("content"),
        Just("reasoning"),
        Just("reasoning_content"),
        Just("tool_calls"),
        Just("role"),
        Just("type"),
        Just("text"),
        Just("thinking"),
        Just("partial_json"),
    ];
    let value = prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!("")),
        Just(json!("r")),
        "[a-z\"\\\\é]{0,4}".prop_map(Value::from),
        any_json(),
        Just(json!("text_delta")),
        Just(json!("thinking_delta")),
        Just(json!("input_json_delta")),
        Just(json!([{"function": {"name": "f", "arguments": "{}"}}])),
    ];
    proptest::collection::vec((key, value), 0..5).prop_map(|members| {
        Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    })
}

proptest! {
    #[test]
    fn the_scanner_agrees_with_the_typed_path_in_every_api(
        delta in any_delta(), rest in any_json(), content_only: bool, kind in "(content_block_delta|ping|message_stop)",
    ) {
        let tokens = if content_only { AnswerTokens::Content } else { AnswerTokens::All };
        for (api, value) in [
            (ApiType::Chat, json!({"id": rest, "object": kind, "choices": [{"delta": delta, "x": rest}], "usage": null})),
            (ApiType::AnthropicMessages, json!({"type": kind, "index": rest, "delta": delta})),
        ] {
            let reading = AnswerReading { api, tokens };
            let data = serde_json::to_vec(&value).expect("a value serialises");
            if scan::scan(reading, &data).is_some() {
                prop_assert_eq!(Chunks::new(reading).read(&data), typed::chunk(reading, value, &data));
            }
        }
    }

    #[test]
    fn what_came_before_changes_no_delta(deltas in proptest::collection::vec(any_delta(), 1..6)) {
        for (api, frame) in [
            (ApiType::Chat, r#"{"choices":[{"delta":@}]}"#),
            (ApiType::AnthropicMessages, r#"{"type":"content_block_delta","index":0,"delta":@}"#),
        ] {
            let reading = AnswerReading { api, tokens: AnswerTokens::All };
            let mut chunks = Chunks::new(reading);
            for delta in &deltas {
                let data = frame.replace('@', &delta.to_string());
                prop_assert_eq!(chunks.read(data.as_bytes()), Chunks::new(reading).read(data.as_bytes()), "{}", data);
            }
        }
    }
}
