//! Streams in every dialect say the same, however they are split.

use benchmark_schemas::config::{AnswerTokens, ApiType};
use benchmark_schemas::record::ChunkKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const KEEP: Keep = Keep { request: false, response: false, chunks: true };

/// What a stream says beside its instants.
#[derive(Debug, PartialEq)]
struct Said {
    text: String,
    marks: Vec<(u32, ChunkKind)>,
    usage: Option<Value>,
    done: bool,
    json: Vec<String>,
    error: Option<Failure>,
}

fn said<'a>(reading: AnswerReading, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Said, Vec<Nanos>) {
    let (facts, error) = read_pieces(reading, KEEP, pieces);
    let said = Said {
        text: facts.text,
        marks: facts.marks.iter().map(|mark| (mark.text_end, mark.kind)).collect(),
        usage: facts.usage.map(Value::Object),
        done: facts.done_seen,
        json: facts.chunk_json,
        error,
    };
    (said, facts.marks.iter().map(|mark| mark.at).collect())
}

/// How the lines of a stream are written.
#[derive(Debug, Clone, Copy)]
struct Dialect {
    line_end: &'static str,
    space: bool,
    mark: bool,
    comments: bool,
    /// The last event lacks its blank line, and its line its end.
    cut_end: bool,
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let ends = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    (ends, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(line_end, space, mark, comments, cut_end)| Dialect { line_end, space, mark, comments, cut_end },
    )
}

/// Events, each as the lines of its data.
fn written(dialect: Dialect, events: &[String]) -> Vec<u8> {
    let mut stream = String::new();
    if dialect.mark {
        stream.push('\u{feff}');
    }
    for event in events {
        if dialect.comments {
            let lines = [": é comment", "event: x", "id: 7", ":", "retry: 1", "unknown", ""];
            stream.push_str(&lines.join(dialect.line_end));
        }
        for line in event.split('\n') {
            // A line that begins with a space needs the one that is dropped.
            let space = dialect.space || line.starts_with(' ');
            stream.push_str(if space { "data: " } else { "data:" });
            stream.push_str(line);
            stream.push_str(dialect.line_end);
        }
        stream.push_str(dialect.line_end);
    }
    if dialect.cut_end {
        let kept = stream.strip_suffix(&dialect.line_end.repeat(2)).map_or(stream.len(), str::len);
        stream.truncate(kept);
    }
    stream.into_bytes()
}

/// Data of an event: JSON on one line or on several, or none.
fn event() -> impl Strategy<Value = String> {
    let text = prop_oneof!["[a-z ]{0,6}", "[é€😀\"\\\\\n\t{}:,]{0,4}"];
    let kind = prop_oneof![
        Just("text_delta"),
        Just("thinking_delta"),
        Just("input_json_delta"),
        Just("message_stop"),
    ];
    let document = (text, 0..9usize, kind).prop_map(|(text, shape, kind)| match shape {
        0 => json!({"choices": [{"text": text}]}),
        1 => json!({"choices": [{"delta": {"content": text}}]}),
        2 => json!({"choices": [{"delta": {"reasoning_content": text, "content": null}}]}),
        3 => {
            json!({"choices": [{"delta": {"tool_calls": [{"function": {"name": text, "arguments": "{}"}}]}}]})
        }
        4 => {
            let key = match kind {
                "thinking_delta" => "thinking",
                "input_json_delta" => "partial_json",
                _ => "text",
            };
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": kind, (key): text}})
        }
        5 => json!({"type": kind, "message": {"usage": {"input_tokens": text.len()}}}),
        6 => json!({"choices": [], "usage": {"completion_tokens": text.len(), (text): 1}}),
        7 => json!({"error": {"message": text, "code": 500}}),
        _ => json!({"choices": text}),
    });
    let json = (document, any::<bool>())
        .prop_map(|(document, pretty)| if pretty { format!("{document:#}") } else { document.to_string() });
    prop_oneof![
        8 => json,
        1 => Just("[DONE]".to_owned()),
        1 => "[a-z{}\"\\[\\]:, ]{0,9}".prop_map(|garbage| garbage.trim().to_owned()),
    ]
}

fn readings() -> impl Strategy<Value = AnswerReading> {
    let api = prop_oneof![Just(ApiType::Completion), Just(ApiType::Chat), Just(ApiType::AnthropicMessages)];
    let tokens = prop_oneof![Just(AnswerTokens::All), Just(AnswerTokens::Content)];
    (api, tokens).prop_map(|(api, tokens)| AnswerReading { api, tokens })
}

/// The first piece has `end` bytes or more, so what lies in it came at instant 0.
fn check_split(
    reading: AnswerReading,
    stream: &[u8],
    whole: &Said,
    cuts: &[usize],
) -> Result<(), TestCaseError> {
    let mut ends: Vec<usize> = cuts.to_vec();
    ends.push(stream.len());
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let (found, instants) = said(reading, starts.zip(&ends).map(|(from, &to)| &stream[from..to]));
    prop_assert_eq!(&found, whole, "{:?} split at {:?}", String::from_utf8_lossy(stream), cuts);
    prop_assert!(instants.is_sorted(), "{:?}", instants);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_split_of_every_dialect_says_the_same(
        events in proptest::collection::vec(event(), 0..6), dialect in dialects(), reading in readings(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..9),
    ) {
        let plain = Dialect { line_end: "\n", space: true, mark: false, comments: false, cut_end: false };
        let stream = written(dialect, &events);
        let (whole, instants) = said(reading, [stream.as_slice()]);
        prop_assert_eq!(&whole, &said(reading, [written(plain, &events).as_slice()]).0);
        prop_assert!(dialect.cut_end || instants.iter().all(|&at| at == 0), "{:?}", instants);
        for cut in 0..=stream.len() {
            check_split(reading, &stream, &whole, &[cut])?;
        }
        let each: Vec<usize> = (1..stream.len()).collect();
        check_split(reading, &stream, &whole, &each)?;
        let mut some: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        some.sort_unstable();
        check_split(reading, &stream, &whole, &some)?;
    }

    #[test]
    fn garbage_says_the_same_however_it_is_split(
        parts in proptest::collection::vec(prop_oneof![
            Just(b"data: ".to_vec()), Just(b"data:".to_vec()), Just(b"\n".to_vec()), Just(b"\r".to_vec()),
            Just(b"\r\n\r\n".to_vec()), Just(b"\n\n".to_vec()), Just(br#"{"choices":[{"text":""#.to_vec()),
            Just(br#""}]}"#.to_vec()), Just(br#""delta":{"content":"#.to_vec()), Just("é😀".as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..5),
        ], 0..40),
        reading in readings(),
    ) {
        let stream = parts.concat();
        let whole = said(reading, [stream.as_slice()]).0;
        for cut in 0..=stream.len() {
            check_split(reading, &stream, &whole, &[cut])?;
        }
    }
}

#[test]
fn an_event_has_the_instant_of_its_last_bytes() {
    let chunk = |text: &str| format!("data: {{\"choices\":[{{\"text\":\"{text}\"}}]}}\n\n");
    let (one, two) = (chunk("one"), chunk(" two"));
    let (start, rest) = two.as_bytes().split_at(20);
    let pieces = [one.as_bytes(), start, b"", rest, &one.as_bytes()[..one.len() - 1]];
    let (facts, error) = read_pieces(AnswerReading::default(), Keep::default(), pieces);
    assert_eq!((facts.text.as_str(), error), ("one twoone", None));
    assert_eq!(facts.marks.iter().map(|mark| mark.at).collect::<Vec<_>>(), [0, 3, 5]);
}
