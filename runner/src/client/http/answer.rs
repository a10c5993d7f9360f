//! A response as it comes: its head, then its body, as events or as a whole.
//!
//! It is fed with what each read brings and the instant of the read, and notes the facts. It knows nothing of sockets.

use http::StatusCode;

use super::body::Body;
use super::response::{self, Framing, Head, Malformed};
use super::*;
use crate::client::{AnswerReading, Chunks};

/// A response as it comes.
pub(super) struct Answer {
    streaming: bool,
    reading: AnswerReading,
    /// The start of a head that has not come whole.
    gathered: Vec<u8>,
    head: Option<Head>,
    body: Body,
    /// Bytes of the body so far.
    size: usize,
    /// Something came behind the end of the response.
    overrun: bool,
    content: Content,
}

/// What the body says.
struct Content {
    keep: Keep,
    /// Present if the body is a stream of events.
    events: Option<SseDecoder>,
    chunks: Chunks,
    /// The server says JSON where a stream was asked for: the first byte tells whether it means it.
    may_be_whole: bool,
    /// The body, if it is not.
    whole: Vec<u8>,
    /// The first error that an event reported.
    error: Option<Failure>,
}

impl Answer {
    /// Nothing has come yet.
    pub(super) fn new(streaming: bool, reading: AnswerReading, keep: Keep) -> Self {
        Self {
            streaming,
            reading,
            gathered: Vec::new(),
            head: None,
            body: Body::new(Framing::UntilClose),
            size: 0,
            overrun: false,
            content: Content {
                keep,
                events: None,
                chunks: Chunks::new(reading),
                may_be_whole: false,
                whole: Vec::new(),
                error: None,
            },
        }
    }

    /// Some of it has come.
    pub(super) fn has_begun(&self) -> bool {
        self.head.is_some() || !self.gathered.is_empty()
    }

    /// Its head has come.
    pub(super) fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// The connection can carry another exchange.
    pub(super) fn leaves_connection_open(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.stays_open) && self.body.is_done() && !self.overrun
    }

    /// Takes what was read at `at`; nothing is the end of the connection. True if the response is whole.
    ///
    /// # Errors
    ///
    /// If it is no response, is too large, or was cut off.
    pub(super) fn take(&mut self, bytes: &[u8], at: Nanos, facts: &mut Exchange) -> Result<bool, Fault> {
        if bytes.is_empty() {
            return self.connection_ended(at, facts);
        }
        if self.head.is_some() {
            return self.take_body(bytes, at, facts);
        }
        // Most heads come whole, and are read where they lie.
        if self.gathered.is_empty() {
            return self.take_head(bytes, at, facts);
        }
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.extend_from_slice(bytes);
        self.take_head(&gathered, at, facts)
    }

    fn take_head(&mut self, bytes: &[u8], at: Nanos, facts: &mut Exchange) -> Result<bool, Fault> {
        let malformed = |fault: Malformed| errors::malformed(&fault.0);
        let Some((head, length)) = response::head(bytes).map_err(malformed)? else {
            if bytes.len() > response::MOST_HEAD_BYTES {
                return Err(errors::malformed("its head is too long"));
            }
            self.gathered = bytes.to_vec();
            return Ok(false);
        };
        facts.head = Some(at);
        self.body = Body::new(head.framing);
        self.content.events = (head.status == StatusCode::OK && self.streaming).then(SseDecoder::default);
        self.content.may_be_whole = head.content_type.contains("json");
        self.head = Some(head);
        self.take_body(&bytes[length..], at, facts)
    }

    fn take_body(&mut self, bytes: &[u8], at: Nanos, facts: &mut Exchange) -> Result<bool, Fault> {
        facts.last_byte = Some(at);
        let (content, size) = (&mut self.content, &mut self.size);
        let behind = self.body.take(bytes, |data| {
            *size += data.len();
            if *size <= MAX_RESPONSE_BYTES {
                content.take(data, at, facts);
            }
        });
        let behind = behind.map_err(|fault| errors::in_body(&fault.0))?;
        self.overrun |= !behind.is_empty();
        if self.size > MAX_RESPONSE_BYTES {
            return Err(errors::too_large(MAX_RESPONSE_BYTES).into());
        }
        if self.body.is_done() {
            self.content.finish(at, facts);
        }
        Ok(self.body.is_done())
    }

    fn connection_ended(&mut self, at: Nanos, facts: &mut Exchange) -> Result<bool, Fault> {
        if self.head.is_none() {
            return Err(errors::disconnected());
        }
        if !self.body.may_end_here() {
            return Err(errors::in_body("the server closed before its end").into());
        }
        facts.last_byte = Some(at);
        self.content.finish(at, facts);
        Ok(true)
    }

    /// What a whole response means.
    ///
    /// # Errors
    ///
    /// The error that it reports, or that it is no answer.
    pub(super) fn outcome(self, facts: &mut Exchange, secrets: &Secrets) -> Result<(), Failure> {
        let Some(head) = self.head else { return Err(errors::disconnected().failure) };
        let Content { whole, events, error, .. } = self.content;
        if head.status != StatusCode::OK {
            Err(errors::status(head.status, &whole, secrets))
        } else if events.is_some() {
            // A page of a gateway is no stream; servers that name no type, or another, are believed.
            let is_page = head.content_type.starts_with("text/html") && facts.marks.is_empty();
            let page = is_page.then(|| errors::content_type(&head.content_type));
            error.or(page).map_or(Ok(()), Err)
        } else if head.content_type.contains("json") {
            facts.add_body(self.reading, &whole)
        } else {
            Err(errors::content_type(&head.content_type))
        }
    }
}

impl Content {
    fn take(&mut self, data: &[u8], at: Nanos, facts: &mut Exchange) {
        if self.keep.response {
            facts.response.extend_from_slice(data);
        }
        if std::mem::take(&mut self.may_be_whole) && data.trim_ascii_start().starts_with(b"{") {
            self.events = None;
        }
        match &mut self.events {
            Some(events) => {
                let (keep, chunks, error) = (self.keep, &mut self.chunks, &mut self.error);
                events.push(data, |event| keep_first(error, facts.add_event(chunks, event, at, keep)));
            }
            None => self.whole.extend_from_slice(data),
        }
    }

    fn finish(&mut self, at: Nanos, facts: &mut Exchange) {
        if let Some(events) = &mut self.events {
            let (keep, chunks, error) = (self.keep, &mut self.chunks, &mut self.error);
            events.finish(|event| keep_first(error, facts.add_event(chunks, event, at, keep)));
        }
    }
}

fn keep_first(error: &mut Option<Failure>, result: Result<(), Failure>) {
    if let Err(failure) = result {
        error.get_or_insert(failure);
    }
}
