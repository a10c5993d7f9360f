//! The fast path: chunks of the common shapes, read without building anything.
//!
//! Values that do not matter are skipped, not checked. Whatever is not a common shape is left to the typed path.

use std::borrow::Cow;

use benchmark_schemas::config::{AnswerTokens, ApiType};
use benchmark_schemas::record::ChunkKind;
use memchr::memchr2;

use super::AnswerReading;

/// The text of a chunk.
#[derive(Debug, PartialEq)]
pub(super) struct Found<'a> {
    /// Empty if it is null or there is none.
    pub(super) text: Cow<'a, str>,
    /// Where it lies in the chunk, if it is a string.
    pub(super) start: Option<usize>,
    /// What it is.
    pub(super) kind: ChunkKind,
}

impl Found<'_> {
    const NOTHING: Self = Found { text: Cow::Borrowed(""), start: None, kind: ChunkKind::Content };
}

/// Reads a chunk of a common shape; `None` if it needs the typed path.
pub(super) fn scan(reading: AnswerReading, data: &[u8]) -> Option<Found<'_>> {
    let mut scanner = Scanner { data, at: 0, all: reading.tokens == AnswerTokens::All };
    let found = match reading.api {
        ApiType::Completion => scanner.choices(Scanner::completion)?,
        ApiType::Chat => scanner.choices(Scanner::chat)?,
        ApiType::AnthropicMessages => scanner.block_delta()?,
    };
    scanner.skip_space();
    (scanner.at == data.len()).then_some(found)
}

struct Scanner<'a> {
    data: &'a [u8],
    at: usize,
    /// Reasoning is text too.
    all: bool,
}

impl<'a> Scanner<'a> {
    /// A document of OpenAI's APIs, the first of whose choices `choice` reads.
    fn choices(&mut self, choice: impl Fn(&mut Self) -> Option<Found<'a>>) -> Option<Found<'a>> {
        let mut found = None;
        self.object(|scanner, key| match key {
            b"choices" => found.replace(scanner.first(&choice)?).is_none().then_some(()),
            b"usage" | b"error" => scanner.null(),
            // Only errors of old servers name the object so; both are unusual enough.
            b"object" => (scanner.string()?.0 != b"error").then_some(()),
            b"message" => None,
            _ => scanner.skip_value(),
        })?;
        found
    }

    /// Passes over an array and gives what `choice` finds in its first element, nothing if it has none.
    fn first(&mut self, choice: impl Fn(&mut Self) -> Option<Found<'a>>) -> Option<Found<'a>> {
        self.expect(b'[')?;
        self.skip_space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Found::NOTHING);
        }
        let found = choice(self)?;
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
                    return Some(found);
                }
                _ => return None,
            }
        }
    }

    /// A choice of a completion: its `text`.
    fn completion(&mut self) -> Option<Found<'a>> {
        let mut text = None;
        self.object(|scanner, key| {
            if key != b"text" {
                return scanner.skip_value();
            }
            text.replace(scanner.text(ChunkKind::Content)?).is_none().then_some(())
        })?;
        Some(text.unwrap_or(Found::NOTHING))
    }

    /// A choice of a chat: what its `delta` adds.
    fn chat(&mut self) -> Option<Found<'a>> {
        let mut found = None;
        self.object(|scanner, key| {
            if key != b"delta" {
                return scanner.skip_value();
            }
            found.replace(scanner.delta()?).is_none().then_some(())
        })?;
        Some(found.unwrap_or(Found::NOTHING))
    }

    fn delta(&mut self) -> Option<Found<'a>> {
        let mut found = [None, None, None];
        self.object(|scanner, key| {
            let (place, kind) = match key {
                b"content" => (0, ChunkKind::Content),
                b"reasoning_content" if scanner.all => (1, ChunkKind::Reasoning),
                b"reasoning" if scanner.all => (2, ChunkKind::Reasoning),
                b"tool_calls" if scanner.all => return scanner.nothing(),
                _ => return scanner.skip_value(),
            };
            found[place].replace(scanner.text(kind)?).is_none().then_some(())
        })?;
        let says = |found: &Option<Found<'_>>| found.as_ref().is_some_and(|found| !found.text.is_empty());
        let filled = found.each_ref().map(says);
        let [content, reasoning, other_name] = found;
        match filled {
            // Several texts in one chunk: the typed path knows what becomes of them.
            [true, true, _] | [true, _, true] => None,
            [true, ..] => content,
            // The two names of one thing, vLLM sends either, or both with the same text. Both are no frame: the next
            // chunk may fill the other name alone.
            [_, true, true] => reasoning.map(|found| Found { start: None, ..found }),
            [_, true, _] => reasoning,
            [_, _, true] => other_name,
            _ => content.or(reasoning).or(other_name).or(Some(Found::NOTHING)),
        }
    }

    /// An event of Anthropic's API that adds text to a block.
    fn block_delta(&mut self) -> Option<Found<'a>> {
        let mut found = None;
        self.object(|scanner, key| match key {
            b"type" => (scanner.string()? == (b"content_block_delta", false)).then_some(()),
            b"index" => scanner.skip_value(),
            b"delta" => found.replace(scanner.added()?).is_none().then_some(()),
            _ => None,
        })?;
        found
    }

    fn added(&mut self) -> Option<Found<'a>> {
        let (mut kind, mut found) = (None, None);
        self.object(|scanner, key| {
            let of = match key {
                b"type" => return kind.replace(scanner.string()?).is_none().then_some(()),
                b"text" => ChunkKind::Content,
                b"thinking" if scanner.all => ChunkKind::Reasoning,
                b"partial_json" if scanner.all => ChunkKind::ToolCall,
                _ => return None,
            };
            found.replace(scanner.text(of)?).is_none().then_some(())
        })?;
        let (kind, found) = (kind?, found?);
        let named: &[u8] = match found.kind {
            ChunkKind::Content => b"text_delta",
            ChunkKind::Reasoning => b"thinking_delta",
            ChunkKind::ToolCall => b"input_json_delta",
        };
        (kind == (named, false)).then_some(found)
    }

    /// Passes over null, or over an array without elements.
    fn nothing(&mut self) -> Option<()> {
        if self.peek()? != b'[' {
            return self.null();
        }
        self.at += 1;
        self.expect(b']')
    }

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

    /// Passes over a string, or over null as if it were empty.
    fn text(&mut self, kind: ChunkKind) -> Option<Found<'a>> {
        if self.peek()? != b'"' {
            return self.null().map(|()| Found { kind, ..Found::NOTHING });
        }
        let start = self.at;
        let (raw, escaped) = self.string()?;
        let text = if escaped {
            serde_json::from_slice(&self.data[start..self.at]).ok().map(Cow::Owned)
        } else {
            std::str::from_utf8(raw).ok().map(Cow::Borrowed)
        };
        Some(Found { text: text?, start: Some(start + 1), kind })
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
