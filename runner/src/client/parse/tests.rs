//! The scanner against the typed path, and odd shapes.

use proptest::prelude::*;
use serde_json::json;

use super::*;

mod chats;

const COMPLETION: AnswerReading = AnswerReading { api: ApiType::Completion, tokens: AnswerTokens::All };

/// Reads a chunk as the first of its stream.
fn chunk(data: &[u8]) -> Content<'_> {
    Chunks::default().read(data)
}

fn text(data: &str) -> Option<String> {
    chunk(data.as_bytes()).text.map(Cow::into_owned)
}

#[test]
fn a_common_chunk_is_scanned_without_copying() {
    let data = br#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"m \"choices\"",
        "choices":[{"index":0,"text":" hello","logprobs":{"text":["x"]},"finish_reason":null}],"usage":null}"#;
    let start = data.windows(6).position(|window| window == b" hello").expect("it is there");
    let found = scan::Found { text: Cow::Borrowed(" hello"), start: Some(start), kind: ChunkKind::Content };
    assert_eq!(scan::scan(COMPLETION, data), Some(found));
    assert!(matches!(chunk(data).text, Some(Cow::Borrowed(" hello"))));
}

#[test]
fn chunks_alike_are_told_by_their_frame() {
    let mut chunks = Chunks::default();
    let frame = |text: &str| format!(r#"{{"id":"a","choices":[{{"text":"{text}","finish_reason":null}}]}}"#);
    for (sent, read) in [
        ("one", Some("one")),
        (" two", Some(" two")),
        ("", None),
        ("three", Some("three")),
        (r"\n", Some("\n")),
        (r#"x","text":"y"#, Some("y")),
        (r#"","finish_reason":null}],"error":"e","x":[{"y":""#, None),
        ("é", Some("é")),
    ] {
        let data = frame(sent);
        assert_eq!(chunks.read(data.as_bytes()).text.as_deref(), read, "{data}");
    }
    assert!(chunks.like_the_last(frame("more").as_bytes()).is_some());
    assert!(chunks.like_the_last(frame(r#"a"b"#).as_bytes()).is_none());
    assert!(chunks.like_the_last(&frame("x").as_bytes()[1..]).is_none());
}

#[test]
fn escapes_are_resolved() {
    assert_eq!(text(r#"{"choices":[{"text":"a\n\"b\" é 😀 \\"}]}"#).as_deref(), Some("a\n\"b\" é 😀 \\"));
}

#[test]
fn odd_shapes_say_nothing_and_fail_nothing() {
    for data in [
        "",
        "not json",
        "[]",
        "1",
        "null",
        "{}",
        r#"{"choices":null}"#,
        r#"{"choices":[]}"#,
        r#"{"choices":[null]}"#,
        r#"{"choices":{"text":"x"}}"#,
        r#"{"choices":[{"text":null}]}"#,
        r#"{"choices":[{"text":""}]}"#,
        r#"{"choices":[{"text":7}]}"#,
        r#"{"choices":[{"delta":null}]}"#,
        r#"{"error":null,"choices":[{}]}"#,
        r#"{"error":false}"#,
        r#"{"error":""}"#,
        r#"{"choices":[{"text":"cut"#,
        r#"{"choices":[{"text":"x"}]} trailing"#,
    ] {
        assert_eq!(chunk(data.as_bytes()), Content::default(), "{data}");
    }
}

#[test]
fn only_the_first_choice_counts() {
    assert_eq!(text(r#"{"choices":[{"text":"one"},{"text":"two"}]}"#).as_deref(), Some("one"));
}

#[test]
fn usage_comes_with_and_without_text() {
    let content = chunk(br#"{"choices":[{"text":"x"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#);
    assert_eq!(content.text.as_deref(), Some("x"));
    assert_eq!(content.usage.map(Value::Object), Some(json!({"prompt_tokens": 3, "completion_tokens": 1})));
    assert!(chunk(br#"{"choices":[],"usage":{"prompt_tokens":3}}"#).usage.is_some());
}

#[test]
fn errors_keep_the_servers_code_or_type() {
    let error_type = |data: &str| chunk(data.as_bytes()).error.expect("an error").error_type;
    assert_eq!(
        error_type(r#"{"error":{"message":"m","type":"BadRequestError","code":400}}"#),
        "HTTP Error 400"
    );
    assert_eq!(error_type(r#"{"error":{"message":"m","code":"503"}}"#), "HTTP Error 503");
    assert_eq!(error_type(r#"{"error":{"message":"m","type":"overloaded"}}"#), "overloaded");
    assert_eq!(error_type(r#"{"error":"out of memory"}"#), "ServerError");
    assert_eq!(error_type(r#"{"error":"busy","error_type":"overloaded"}"#), "overloaded");
    assert_eq!(error_type(r#"{"object":"error","message":"m","code":404}"#), "HTTP Error 404");
    let data = r#"{"error":{"message":"m"}}"#;
    assert_eq!(chunk(data.as_bytes()).error.expect("an error").message, data);
}

#[test]
fn whole_bodies_are_read_alike() {
    let content =
        body(COMPLETION, br#"{"choices":[{"text":"abc"}],"usage":{"completion_tokens":2}}"#).expect("JSON");
    assert_eq!(content.text.as_deref(), Some("abc"));
    assert!(content.usage.is_some());
    assert!(content.answers);
    assert_eq!(body(COMPLETION, b"{}").expect("JSON"), Content::default());
    assert!(!body(COMPLETION, br#"{"choices":[]}"#).expect("JSON").answers);
    assert_eq!(body(COMPLETION, b"<html>").expect_err("not JSON").error_type, "JSONDecodeError");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\\n{}\\[\\],: é😀]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![
            Just("choices".to_owned()),
            Just("text".to_owned()),
            Just("error".to_owned()),
            Just("usage".to_owned()),
            "[a-z\"\\\\]{0,3}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_scanner_agrees_with_the_typed_path(
        choice in any_json(), rest in any_json(), pretty: bool, wrapped: bool,
    ) {
        let value = if wrapped { json!({"id": rest, "choices": [choice], "usage": null}) } else { choice };
        let data = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }
            .expect("a value serialises");
        if scan::scan(COMPLETION, &data).is_some() {
            prop_assert_eq!(chunk(&data), typed::chunk(COMPLETION, value, &data));
        }
    }

    #[test]
    fn what_came_before_changes_no_chunk(
        texts in proptest::collection::vec("[a-z\"\\\\\n{}:, é]{0,6}", 1..8),
        frames in proptest::collection::vec(any_json(), 1..3),
        raw: bool,
    ) {
        let mut chunks = Chunks::default();
        for (i, text) in texts.iter().enumerate() {
            let frame = &frames[i % frames.len()];
            let mut data = serde_json::to_string(&json!({"x": frame, "choices": [{"text": "@@", "y": frame}]}))
                .expect("a value serialises");
            // Raw text can break the frame open, and must then be read as what it is.
            let text = if raw { text.clone() } else { json!(text).to_string().trim_matches('"').to_owned() };
            data = data.replacen("@@", &text, 1);
            prop_assert_eq!(chunks.read(data.as_bytes()), chunk(data.as_bytes()), "{}", data);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(data in proptest::collection::vec(any::<u8>(), 0..64), cut in 0usize..64) {
        chunk(&data);
        let whole = br#"{"id":"x","choices":[{"index":0,"text":"a\n","x":[{}]}],"usage":null}"#;
        chunk(&whole[..cut.min(whole.len())]);
    }
}
