//! Answers of the APIs: JSON of a chunk or of a whole body to text, usage and error.
//!
//! The chunks of an answer are alike but for their text, so most are told by comparing them with the one before. The
//! common shapes are read by a scanner that builds nothing; whatever is unusual (usage, errors, odd shapes) takes the typed
//! path. Null or unknown content never fails a request; an error object does. It knows nothing of HTTP and of time.

mod scan;
mod typed;

use std::borrow::Cow;

use benchmark_schemas::config::{AnswerTokens, ApiType};
use benchmark_schemas::record::{ChunkKind, Failure};
use memchr::memchr2;
use serde_json::{Map, Value};

/// How the answers of a run are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnswerReading {
    /// API that they come from.
    pub api: ApiType,
    /// Which parts of them are tokens.
    pub tokens: AnswerTokens,
}

/// What a chunk or a whole body says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Content<'a> {
    /// What the model generated, if that is not nothing.
    pub text: Option<Cow<'a, str>>,
    /// What the text is.
    pub kind: ChunkKind,
    /// `usage`, if it is an object.
    pub usage: Option<Map<String, Value>>,
    /// The error that the server reports in place of an answer.
    pub error: Option<Failure>,
    /// The stream ends with it.
    pub last: bool,
    /// What a whole answer consists of is there, even if it is empty.
    pub answers: bool,
}

/// Reads the chunks of one stream.
#[derive(Debug, Default)]
pub struct Chunks {
    reading: AnswerReading,
    /// The last chunk of a common shape, where its text lies, and what that is.
    last: Vec<u8>,
    text_start: usize,
    text_end: usize,
    kind: ChunkKind,
}

impl Chunks {
    /// Reads chunks as `reading` says.
    #[must_use]
    pub fn new(reading: AnswerReading) -> Self {
        Self { reading, ..Self::default() }
    }

    /// Reads the data of one event. What is not JSON says nothing.
    pub(super) fn read<'a>(&mut self, data: &'a [u8]) -> Content<'a> {
        let found = match self.like_the_last(data) {
            Some(text) => Some((Cow::Borrowed(text), self.kind)),
            None => self.scanned(data),
        };
        if let Some((text, kind)) = found {
            let text = Some(text).filter(|text| !text.is_empty());
            let kind = if text.is_some() { kind } else { ChunkKind::default() };
            return Content { text, kind, ..Content::default() };
        }
        serde_json::from_slice(data)
            .map_or_else(|_| Content::default(), |value| typed::chunk(self.reading, value, data))
    }

    /// The text of a chunk that differs from the last one in nothing else.
    ///
    /// Such a chunk need not be read: where the text was, there is a text, if it has neither quotes nor escapes.
    fn like_the_last<'a>(&self, data: &'a [u8]) -> Option<&'a str> {
        if self.last.is_empty() {
            return None;
        }
        let (before, after) = (&self.last[..self.text_start], &self.last[self.text_end..]);
        let text = data.strip_prefix(before)?.strip_suffix(after)?;
        if memchr2(b'"', b'\\', text).is_some() {
            return None;
        }
        std::str::from_utf8(text).ok()
    }

    fn scanned<'a>(&mut self, data: &'a [u8]) -> Option<(Cow<'a, str>, ChunkKind)> {
        let found = scan::scan(self.reading, data)?;
        if let (Cow::Borrowed(text), Some(start)) = (&found.text, found.start) {
            self.last.clear();
            self.last.extend_from_slice(data);
            (self.text_start, self.text_end) = (start, start + text.len());
            self.kind = found.kind;
        }
        Some((found.text, found.kind))
    }
}

/// Reads the body of an answer that is not a stream.
///
/// # Errors
///
/// `JSONDecodeError`, upstream's name, if it is not JSON.
pub(super) fn body(reading: AnswerReading, data: &[u8]) -> Result<Content<'static>, Failure> {
    serde_json::from_slice(data).map(|value| typed::whole(reading, value, data)).map_err(|error| Failure {
        error_type: "JSONDecodeError".to_owned(),
        message: format!("the response body is not JSON: {error}"),
    })
}

#[cfg(test)]
mod tests;
