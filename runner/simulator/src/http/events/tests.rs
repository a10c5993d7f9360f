//! Streams byte by byte in each API and framing.

use super::*;

fn chunk(first: u32, tokens: u32, last: bool, kind: Kind) -> Chunk {
    Chunk { first, tokens, last, kind }
}

fn writer(api: Api, framing: Framing, usage: Option<bool>) -> EventWriter {
    let head = Head { id: "i".to_owned(), created: 5, model: "a \"b\" }".to_owned() };
    EventWriter::new(api, framing, head, 4, usage)
}

fn written(mut events: EventWriter, chunks: &[(Chunk, &[&str])]) -> String {
    let mut out = BytesMut::new();
    for (chunk, words) in chunks {
        events.content(&mut out, words.iter().copied(), *chunk);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

fn stream(api: Api, framing: Framing) -> String {
    let kind = Kind::Content;
    let chunks: [(_, &[&str]); 2] =
        [(chunk(0, 2, false, kind), &[" one", " two"]), (chunk(2, 1, true, kind), &[" three"])];
    written(writer(api, framing, Some(false)), &chunks)
}

fn documents(stream: &str) -> Vec<Value> {
    let events = stream.split("\n\n").filter(|event| event.contains('{'));
    events.map(|event| serde_json::from_str(event.rsplit_once("data: ").unwrap().1).unwrap()).collect()
}

#[test]
fn framings_differ_only_in_framing() {
    for api in [Api::Completion, Api::Chat, Api::Messages] {
        let plain = stream(api, Framing::Lf);
        assert_eq!(stream(api, Framing::Crlf), plain.replace('\n', "\r\n"));
        assert_eq!(stream(api, Framing::Cr), plain.replace('\n', "\r"));
        assert_eq!(stream(api, Framing::NoSpace), plain.replace("data: ", "data:"));
        let comments = stream(api, Framing::Comments);
        assert!(comments.starts_with("\u{feff}: ping\nid: 7\n"));
        assert_eq!(
            comments.replace(": ping\nid: 7\nretry: 1000\n", "").trim_start_matches('\u{feff}'),
            plain
        );
    }
    let plain = stream(Api::Completion, Framing::Lf);
    assert!(plain.ends_with("data: [DONE]\n\n"));
    assert_eq!(plain.matches("\n\n").count(), 4);
}

#[test]
fn events_are_the_documents_of_the_api() {
    let documents = |api| documents(&stream(api, Framing::Lf));
    let completion = documents(Api::Completion);
    assert_eq!(
        completion[1],
        json!({"id": "i", "object": "text_completion", "created": 5, "model": "a \"b\" }", "choices":
            [{"index": 0, "text": " three", "logprobs": null, "finish_reason": "length"}]})
    );
    assert_eq!(completion[0]["choices"][0]["text"], " one two");
    assert_eq!(completion[0]["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(completion[2]["choices"], json!([]));
    assert_eq!(
        completion[2]["usage"],
        json!({"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7})
    );
    let chat = documents(Api::Chat);
    assert_eq!(chat.len(), 4);
    assert_eq!(chat[0]["object"], "chat.completion.chunk");
    assert_eq!(chat[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(chat[1]["choices"][0]["delta"], json!({"content": " one two"}));
    assert_eq!(chat[2]["choices"][0]["finish_reason"], "length");
}

#[test]
fn messages_are_blocks_within_a_frame() {
    let documents = documents(&stream(Api::Messages, Framing::Lf));
    let types: Vec<_> = documents.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(documents[0]["message"]["usage"], json!({"input_tokens": 4, "output_tokens": 0}));
    assert_eq!(documents[2]["delta"], json!({"type": "text_delta", "text": " one two"}));
    assert_eq!(documents[5]["usage"], json!({"output_tokens": 3}));
    assert!(stream(Api::Messages, Framing::Lf).starts_with("event: message_start\ndata: {"));
}

#[test]
fn reasoning_and_calls_have_deltas_of_their_own() {
    let chunks: [(_, &[&str]); 3] = [
        (chunk(0, 1, false, Kind::Reasoning), &[" so"]),
        (chunk(1, 1, false, Kind::ToolCall), &[" f"]),
        (chunk(2, 1, true, Kind::ToolCall), &[" x"]),
    ];
    let chat = documents(&written(writer(Api::Chat, Framing::Lf, None), &chunks));
    let deltas: Vec<_> = chat[1..].iter().map(|event| event["choices"][0]["delta"].clone()).collect();
    assert_eq!(deltas[0], json!({"reasoning_content": " so"}));
    assert_eq!(deltas[1]["tool_calls"][0]["function"], json!({"name": " f", "arguments": ""}));
    assert_eq!(deltas[2], json!({"tool_calls": [{"index": 0, "function": {"arguments": " x"}}]}));
    assert_eq!(chat[3]["choices"][0]["finish_reason"], "tool_calls");
    let messages = documents(&written(writer(Api::Messages, Framing::Lf, None), &chunks));
    let types: Vec<_> = messages.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types.iter().filter(|kind| **kind == "content_block_start").count(), 2);
    assert_eq!(messages[4]["content_block"]["name"], " f");
    assert_eq!((&messages[5]["index"], &messages[5]["delta"]["partial_json"]), (&json!(1), &json!(" x")));
    assert!(messages.iter().all(|event| event.get("usage").is_none()));
}

#[test]
fn usage_can_come_with_every_chunk_and_errors_in_mid_stream() {
    let kind = Kind::Content;
    let chunks: [(_, &[&str]); 2] =
        [(chunk(0, 2, false, kind), &[" one", " two"]), (chunk(2, 1, true, kind), &[" three"])];
    let documents = documents(&written(writer(Api::Completion, Framing::Lf, Some(true)), &chunks));
    let counts: Vec<_> = documents.iter().map(|event| event["usage"]["completion_tokens"].clone()).collect();
    assert_eq!(counts, [2, 3, 3]);
    let mut out = BytesMut::new();
    writer(Api::Messages, Framing::Lf, None).error(&mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.starts_with("event: error\ndata: {\"error\":{\"message\":\"The engine died.\""), "{text}");
}
