//! Answers of `/v1/completions`: JSON of a chunk or of a whole body to text, usage and error.
//!
//! The chunks of an answer are alike but for their text, so most are told by comparing them with the one before. The
//! common shape is read by a scanner that builds nothing; whatever is unusual (usage, errors, odd shapes) takes the typed
//! path. Null or unknown content never fails a request; an error object does. It knows nothing of HTTP and of time.

use std::borrow::Cow;

use benchmark_schemas::record::Failure;
use memchr::memchr2;
use serde_json::{Map, Value};

/// What a chunk or a whole body says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Content<'a> {
    /// `choices[0].text`, if it is a string that is not empty.
    pub text: Option<Cow<'a, str>>,
    /// `usage`, if it is an object.
    pub usage: Option<Map<String, Value>>,
    /// The error that the server reports in place of an answer.
    pub error: Option<Failure>,
}

/// Reads the chunks of one stream.
#[derive(Debug, Default)]
pub struct Chunks {
    /// The last chunk of the common shape, and where its text lies.
    last: Vec<u8>,
    text_start: usize,
    text_end: usize,
}

impl Chunks {
    /// Reads the data of one event. What is not JSON says nothing.
    pub(super) fn read<'a>(&mut self, data: &'a [u8]) -> Content<'a> {
        let text = match self.like_the_last(data) {
            Some(text) => Some(Cow::Borrowed(text)),
            None => self.scanned(data),
        };
        if let Some(text) = text {
            return Content { text: Some(text).filter(|text| !text.is_empty()), ..Content::default() };
        }
        serde_json::from_slice(data).map_or_else(|_| Content::default(), |value| content(value, data))
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

    fn scanned<'a>(&mut self, data: &'a [u8]) -> Option<Cow<'a, str>> {
        let (text, start) = scan(data)?;
        if let (Cow::Borrowed(text), Some(start)) = (&text, start) {
            self.last.clear();
            self.last.extend_from_slice(data);
            (self.text_start, self.text_end) = (start, start + text.len());
        }
        Some(text)
    }
}

/// Reads the body of an answer that is not a stream.
///
/// # Errors
///
/// `JSONDecodeError`, upstream's name, if it is not JSON.
pub(super) fn body(data: &[u8]) -> Result<Content<'static>, Failure> {
    serde_json::from_slice(data).map(|value| content(value, data)).map_err(|error| Failure {
        error_type: "JSONDecodeError".to_owned(),
        message: format!("the response body is not JSON: {error}"),
    })
}

fn content(mut value: Value, data: &[u8]) -> Content<'static> {
    let error = error_of(&value, data);
    let text = value
        .pointer_mut("/choices/0/text")
        .map(Value::take)
        .and_then(|text| if let Value::String(text) = text { Some(text) } else { None })
        .filter(|text| !text.is_empty())
        .map(Cow::Owned);
    let usage = match value.get_mut("usage").map(Value::take) {
        Some(Value::Object(usage)) => Some(usage),
        _ => None,
    };
    Content { text, usage, error }
}

/// The error that an answer with status 200 carries: `{"error": …}`, or vLLM's older `{"object": "error", …}`.
///
/// Its type is named like that of an HTTP error where the server gives such a code, so that it counts together with
/// errors that came as a status; the message is the JSON text, which reports unwrap.
fn error_of(value: &Value, data: &[u8]) -> Option<Failure> {
    let object = match value.get("error") {
        None | Some(Value::Null) if value.get("object").and_then(Value::as_str) == Some("error") => value,
        Some(error @ Value::Object(_)) => error,
        Some(error @ Value::String(text)) if !text.is_empty() => error,
        _ => return None,
    };
    let code = object.get("code").and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    let error_type = match (code, object.get("type").and_then(Value::as_str)) {
        (Some(code @ 400..=599), _) => format!("HTTP Error {code}"),
        (_, Some(named)) if !named.is_empty() => named.to_owned(),
        _ => "ServerError".to_owned(),
    };
    Some(Failure { error_type, message: String::from_utf8_lossy(data).into_owned() })
}

/// `choices[0].text` of a chunk of the common shape, empty if it is null or there is none, and where it lies if it is a
/// string; `None` if the chunk needs the typed path.
///
/// Values that do not matter are skipped, not checked.
fn scan(data: &[u8]) -> Option<(Cow<'_, str>, Option<usize>)> {
    let mut scanner = Scanner { data, at: 0, text_start: None };
    let mut found = None;
    scanner.object(|scanner, key| match key {
        b"choices" => found.replace(scanner.first_text()?).is_none().then_some(()),
        b"usage" | b"error" => scanner.null(),
        _ => scanner.skip_value(),
    })?;
    scanner.skip_space();
    if scanner.at != data.len() {
        return None;
    }
    Some((found?, scanner.text_start))
}

struct Scanner<'a> {
    data: &'a [u8],
    at: usize,
    /// Where the first choice's text begins, behind its quote.
    text_start: Option<usize>,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes over `byte` and the white space before it.
    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn null(&mut self) -> Option<()> {
        self.data[self.at..].starts_with(b"null").then(|| self.at += 4)
    }

    /// Passes over a string and gives its raw text and whether it holds escapes.
    fn string(&mut self) -> Option<(&'a [u8], bool)> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += memchr2(b'"', b'\\', self.data.get(self.at..)?)?;
            if self.data[self.at] == b'"' {
                self.at += 1;
                return Some((&self.data[start..self.at - 1], escaped));
            }
            escaped = true;
            self.at += 2;
        }
    }

    /// Passes over an object; `member` must pass over the value of each key.
    fn object(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        self.skip_space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let (key, escaped) = self.string()?;
            self.expect(b':')?;
            self.skip_space();
            if escaped {
                return None;
            }
            member(self, key)?;
            self.skip_space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Passes over an array of choices and gives the text of the first, empty if it has none.
    fn first_text(&mut self) -> Option<Cow<'a, str>> {
        self.expect(b'[')?;
        self.skip_space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Cow::Borrowed(""));
        }
        let mut text = None;
        self.object(|scanner, key| {
            if key != b"text" {
                return scanner.skip_value();
            }
            text.replace(scanner.text()?).is_none().then_some(())
        })?;
        loop {
            self.skip_space();
            match self.peek()? {
                b',' => {
                    self.at += 1;
                    self.skip_space();
                    self.skip_value()?;
                }
                b']' => {
                    self.at += 1;
                    return Some(text.unwrap_or_default());
                }
                _ => return None,
            }
        }
    }

    /// Passes over a string, or over null as if it were empty.
    fn text(&mut self) -> Option<Cow<'a, str>> {
        if self.peek()? != b'"' {
            return self.null().map(|()| Cow::Borrowed(""));
        }
        let start = self.at;
        let (raw, escaped) = self.string()?;
        self.text_start = Some(start + 1);
        if escaped {
            serde_json::from_slice(&self.data[start..self.at]).ok().map(Cow::Owned)
        } else {
            std::str::from_utf8(raw).ok().map(Cow::Borrowed)
        }
    }

    fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b'}' | b']' if depth == 0 => return None,
                _ if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    while !matches!(self.peek()?, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
