//! The measured path: one request to the server and the facts of what came back.
//!
//! [`Transport`] is what the driver knows of it; [`http`] is the real one, over HTTP/1.1 connections that belong to
//! the worker's own runtime, tests use others in memory. A transport stamps and collects; it counts no tokens,
//! computes no latency and decides nothing about scheduling, timeouts or repetition.

mod connection;
mod errors;
pub mod http;
pub(crate) mod messages;
pub mod mock;
mod parse;
mod pieces;
mod secrets;
mod sse;
mod target;
pub mod tls;
mod transports;

use std::future::Future;
use std::io;

use benchmark_schemas::record::{ChunkKind, Failure, Nanos};
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::workload::Prepared;

pub use parse::{AnswerReading, Chunks};
pub use pieces::read_pieces;
pub use secrets::Secrets;
pub use sse::SseDecoder;
pub use target::base_url;
pub use transports::Transports;

/// Response bodies above this size fail their request instead of filling the memory.
pub const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// Sends requests, one exchange each.
pub trait Transport: 'static {
    /// Opens connections ahead, about as many as will be needed; what cannot be opened shows in the exchanges.
    fn prepare(&self, connections: usize) -> impl Future<Output = ()>;

    /// Sends `request` and collects the answer in `facts`, which is right at every instant: the future may be
    /// dropped at any time, and what has come until then counts.
    ///
    /// # Errors
    ///
    /// Why the exchange failed, under upstream's names.
    fn exchange(&self, request: &Prepared, facts: &mut Exchange) -> impl Future<Output = Result<(), Fault>>;
}

/// Why an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Under upstream's names.
    pub failure: Failure,
    /// A connection could not be had, or broke before any answer: sending the request again may help.
    pub is_of_connection: bool,
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self { failure, is_of_connection: false }
    }
}

impl Fault {
    /// A failure of the connection.
    pub(crate) fn of_connection(failure: Failure) -> Self {
        Self { failure, is_of_connection: true }
    }
}

/// Makes the transport of each worker.
pub trait TransportSource<C: Clock>: Clone + Send + 'static {
    /// The transport of one worker.
    type Transport: Transport;

    /// The transport of the worker whose runtime calls this; it has at most `connections` open (`None`: no limit).
    fn for_worker(&self, clock: C, connections: Option<usize>) -> io::Result<Self::Transport>;
}

/// Which texts an exchange keeps beside its facts, because the per-request report asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// The request's body.
    pub request: bool,
    /// The response's body.
    pub response: bool,
    /// JSON text of the content-bearing chunks.
    pub chunks: bool,
}

/// Facts of one exchange.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Right before the first attempt to get a connection.
    pub start: Option<Nanos>,
    /// The request had a connection to itself.
    pub connected: Option<Nanos>,
    /// The whole request was handed to the socket.
    pub sent: Option<Nanos>,
    /// Status line and headers of the response had been read.
    pub head: Option<Nanos>,
    /// The last bytes of the response so far were read.
    pub last_byte: Option<Nanos>,
    /// Text of the answer so far.
    pub text: String,
    /// Content-bearing chunks of a stream, in order.
    pub marks: Vec<Mark>,
    /// `usage` objects of the response, merged key by key, the last winning.
    pub usage: Option<Map<String, Value>>,
    /// The stream was closed by `[DONE]`, or by what the API has in its place.
    pub done_seen: bool,
    /// The whole body of an answer lacks what an answer consists of, such as `choices`.
    pub no_answer: bool,
    /// Tokens of prompt and answer where nobody has to count them, because there is no model.
    pub known_tokens: Option<(u32, u32)>,
    /// The response's body so far, if it is kept.
    pub response: Vec<u8>,
    /// JSON text of each content-bearing chunk, if it is kept.
    pub chunk_json: Vec<String>,
}

/// A content-bearing chunk: its text is that between the end of the one before and `text_end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Instant at which its bytes were read from the socket.
    pub at: Nanos,
    /// End of its text in [`Exchange::text`], bytes; responses are bounded, see [`MAX_RESPONSE_BYTES`].
    pub text_end: u32,
    /// What its text is.
    pub kind: ChunkKind,
}

/// The event that closes a stream is never longer, whatever white space there is around it.
const LONGEST_DONE_BYTES: usize = 32;
/// Tokens of an answer for which room is made ahead.
const MOST_EXPECTED_TOKENS: usize = 4096;
/// Bytes of text for a token, on the generous side of what tokenizers give.
const EXPECTED_TOKEN_BYTES: usize = 6;

impl Exchange {
    /// Makes room for an answer of `tokens`, so that none need be made while it comes.
    pub fn expect_tokens(&mut self, tokens: u32) {
        let tokens = usize::try_from(tokens).unwrap_or(usize::MAX).min(MOST_EXPECTED_TOKENS);
        self.marks.reserve(tokens);
        self.text.reserve(tokens * EXPECTED_TOKEN_BYTES);
    }

    /// Adds what one event of a stream says, whose bytes were read at `at`; `chunks` has read those before it.
    ///
    /// # Errors
    ///
    /// The error that the server reports in the event.
    pub fn add_event(
        &mut self,
        chunks: &mut Chunks,
        data: &[u8],
        at: Nanos,
        keep: Keep,
    ) -> Result<(), Failure> {
        if self.done_seen {
            return Ok(());
        }
        if data.len() <= LONGEST_DONE_BYTES && data.trim_ascii() == b"[DONE]" {
            self.done_seen = true;
            return Ok(());
        }
        let content = chunks.read(data);
        if let Some(text) = content.text {
            self.text.push_str(&text);
            let text_end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
            self.marks.push(Mark { at, text_end, kind: content.kind });
            if keep.chunks {
                self.chunk_json.push(String::from_utf8_lossy(data).into_owned());
            }
        }
        self.merge_usage(content.usage);
        self.done_seen = content.last;
        content.error.map_or(Ok(()), Err)
    }

    /// Adds what the whole body of an answer that is not a stream says.
    ///
    /// # Errors
    ///
    /// The error that the server reports in it, or that it is not JSON.
    pub fn add_body(&mut self, reading: AnswerReading, data: &[u8]) -> Result<(), Failure> {
        let content = parse::body(reading, data)?;
        self.no_answer = !content.answers;
        if let Some(text) = content.text {
            self.text.push_str(&text);
        }
        self.merge_usage(content.usage);
        content.error.map_or(Ok(()), Err)
    }

    fn merge_usage(&mut self, usage: Option<Map<String, Value>>) {
        let Some(usage) = usage else { return };
        self.usage.get_or_insert_default().extend(usage);
    }

    /// The content-bearing chunks with their texts, in order.
    pub fn chunk_texts(&self) -> impl Iterator<Item = (&Mark, &str)> {
        let mut from = 0;
        self.marks.iter().map(move |mark| {
            let to = mark.text_end as usize;
            let text = self.text.get(from..to).unwrap_or_default();
            from = to;
            (mark, text)
        })
    }

    /// The text by what it is, in order: a text for each row of chunks of one kind, and how many there are of them. A
    /// whole answer is one text without chunks.
    pub fn rows(&self) -> impl Iterator<Item = (&str, usize)> {
        let mut rows = self.marks.chunk_by(|a, b| a.kind == b.kind);
        let mut from = 0;
        let whole = self.marks.is_empty().then_some((self.text.as_str(), 0));
        whole.into_iter().chain(std::iter::from_fn(move || {
            let row = rows.next()?;
            let to = row.last().map_or(from, |mark| mark.text_end as usize);
            let text = self.text.get(from..to).unwrap_or_default();
            from = to;
            Some((text, row.len()))
        }))
    }
}

#[cfg(test)]
mod tests {
    use benchmark_schemas::config::ApiType;

    use super::*;

    const KEEP: Keep = Keep { request: false, response: false, chunks: true };

    #[test]
    fn events_become_text_marks_and_usage() {
        let (mut facts, mut chunks) = (Exchange::default(), Chunks::default());
        for (at, data) in [
            (10, r#"{"choices":[{"text":""}]}"#),
            (20, r#"{"choices":[{"text":"one"}],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#),
            (30, r#"{"choices":[{"text":" tw\u006f"}]}"#),
            (40, r#"{"choices":[],"usage":{"completion_tokens":2}}"#),
            (50, " [DONE] "),
            (60, r#"{"choices":[{"text":"late"}]}"#),
        ] {
            facts.add_event(&mut chunks, data.as_bytes(), at, KEEP).expect("no error in it");
        }
        assert_eq!(facts.text, "one two");
        let texts: Vec<_> = facts.chunk_texts().map(|(mark, text)| (mark.at, text)).collect();
        assert_eq!(texts, [(20, "one"), (30, " two")]);
        assert_eq!(facts.rows().collect::<Vec<_>>(), [("one two", 2)]);
        assert_eq!(facts.chunk_json.len(), 2);
        assert!(facts.done_seen);
        let usage = Value::Object(facts.usage.expect("usage"));
        assert_eq!(usage, serde_json::json!({"prompt_tokens": 5, "completion_tokens": 2}));
    }

    #[test]
    fn an_answer_falls_into_rows_of_one_kind() {
        let reading = AnswerReading { api: ApiType::Chat, ..AnswerReading::default() };
        let (mut facts, mut chunks) = (Exchange::default(), Chunks::new(reading));
        assert_eq!(facts.rows().collect::<Vec<_>>(), [("", 0)]);
        for delta in [
            r#""role":"assistant","content":"""#,
            r#""reasoning_content":"so""#,
            r#""reasoning_content":" it""#,
            r#""content":"yes""#,
            r#""tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]"#,
            r#""tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]"#,
        ] {
            let data = format!(r#"{{"choices":[{{"delta":{{{delta}}}}}]}}"#);
            facts.add_event(&mut chunks, data.as_bytes(), 1, KEEP).expect("no error in it");
        }
        let rows: Vec<_> = facts.rows().collect();
        assert_eq!(rows, [("so it", 2), ("yes", 1), (r#"f{"x":1}"#, 2)]);
        let kinds: Vec<_> = facts.marks.iter().map(|mark| mark.kind).collect();
        let (reasoning, call) = (ChunkKind::Reasoning, ChunkKind::ToolCall);
        assert_eq!(kinds, [reasoning, reasoning, ChunkKind::Content, call, call]);
        facts.marks.clear();
        assert_eq!(facts.rows().count(), 1, "a whole answer is one text");
    }

    #[test]
    fn an_error_in_a_stream_fails_and_keeps_what_came_before() {
        let mut facts = Exchange::default();
        let mut chunks = Chunks::default();
        facts.add_event(&mut chunks, br#"{"choices":[{"text":"x"}]}"#, 1, KEEP).expect("no error in it");
        let failure = facts.add_event(&mut chunks, br#"{"error":{"code":500,"message":"boom"}}"#, 2, KEEP);
        assert_eq!(failure.expect_err("an error").error_type, "HTTP Error 500");
        assert_eq!(facts.text, "x");
    }
}
