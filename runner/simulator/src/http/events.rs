//! The bytes of an answer in the formats of the APIs: events of a stream, or a whole document.
//!
//! Pure. What is equal in all events of a stream is rendered once, for a server without delays writes millions.

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use super::request::Api;
use super::{faults, messages};
use crate::answer::{Chunk, Kind};
use crate::config::Framing;

/// Writes the events of one answer.
#[derive(Debug)]
pub(super) struct EventWriter {
    api: Api,
    framing: Framing,
    head: Head,
    prompt_tokens: u32,
    /// Whether tokens are counted at the end; true: in each event too.
    usage: Option<bool>,
    /// What the content events of the present kind have in common.
    frame: Option<Frame>,
    /// Tokens of the chunks so far.
    completion_tokens: u32,
}

/// What stands around the texts of events of one kind.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    /// Position of the block in Anthropic's API.
    block: u32,
    before_text: String,
    after_text: String,
    /// The same after the text of the last content event.
    after_last_text: String,
}

/// What every document of an answer says.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
}

/// Token counts of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) prompt: u32,
    pub(super) completion: u32,
}

/// The texts of a whole answer.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) content: String,
    pub(super) reasoning: String,
    pub(super) tool_call: String,
}

impl Texts {
    /// The text of `kind`.
    pub(super) fn of(&mut self, kind: Kind) -> &mut String {
        match kind {
            Kind::Content => &mut self.content,
            Kind::Reasoning => &mut self.reasoning,
            Kind::ToolCall => &mut self.tool_call,
        }
    }
}

impl Counts {
    fn usage(self) -> Value {
        json!({
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": u64::from(self.prompt) + u64::from(self.completion),
        })
    }
}

impl EventWriter {
    /// For an answer to a prompt of `prompt_tokens`; `usage` says whether tokens are counted at the end, and if true in
    /// each event too.
    pub(super) fn new(
        api: Api,
        framing: Framing,
        head: Head,
        prompt_tokens: u32,
        usage: Option<bool>,
    ) -> Self {
        Self { api, framing, head, prompt_tokens, usage, frame: None, completion_tokens: 0 }
    }

    /// The event of `chunk` with its `words`, which need no escaping, with what goes before it and after it.
    pub(super) fn content<'a>(
        &mut self,
        out: &mut BytesMut,
        words: impl Iterator<Item = &'a str>,
        chunk: Chunk,
    ) {
        if chunk.first == 0 {
            self.open(out);
        }
        self.completion_tokens += chunk.tokens;
        let begins = self.frame.as_ref().is_none_or(|frame| frame.kind != chunk.kind);
        if begins {
            self.begin(out, chunk.kind);
        }
        if begins && chunk.kind == Kind::ToolCall {
            let name: String = words.collect();
            self.name_call(out, &name);
        } else if let Some(frame) = &self.frame {
            out.put_slice(frame.before_text.as_bytes());
            words.for_each(|word| out.put_slice(word.as_bytes()));
            let after = if chunk.last { &frame.after_last_text } else { &frame.after_text };
            if self.usage == Some(true) && self.api != Api::Messages {
                let end = self.end_of_event();
                let after =
                    after.strip_suffix(end).and_then(|after| after.strip_suffix('}')).unwrap_or(after);
                out.put_slice(format!("{after},\"usage\":{}}}{end}", self.counts().usage()).as_bytes());
            } else {
                out.put_slice(after.as_bytes());
            }
        }
        if chunk.last {
            self.close(out, chunk.kind);
        }
    }

    /// An error in place of the rest of the stream.
    pub(super) fn error(&self, out: &mut BytesMut) {
        let mut error = faults::error_object();
        if self.api == Api::Messages {
            error["type"] = json!("error");
        }
        let name = if self.api == Api::Messages { "error" } else { "" };
        self.event(out, name, &error.to_string());
    }

    fn counts(&self) -> Counts {
        Counts { prompt: self.prompt_tokens, completion: self.completion_tokens }
    }

    /// What comes before all content: a chat names the role.
    fn open(&self, out: &mut BytesMut) {
        if self.framing == Framing::Comments {
            out.put_slice("\u{feff}".as_bytes());
        }
        match self.api {
            Api::Completion => {}
            Api::Chat => {
                let delta = json!({"role": "assistant", "content": ""});
                let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": null});
                self.document(out, &json!([choice]), None);
            }
            Api::Messages => {
                let counted = self.usage.map(|_| self.prompt_tokens);
                self.event(out, "message_start", &messages::start(&self.head, counted).to_string());
            }
        }
    }

    /// What comes before content of another kind.
    fn begin(&mut self, out: &mut BytesMut, kind: Kind) {
        let block = self.frame.as_ref().map_or(0, |frame| frame.block + 1);
        if self.api == Api::Messages {
            if block > 0 {
                self.event(out, "content_block_stop", &messages::block_stop(block - 1).to_string());
            }
            // A call's block has its name, which comes with the first chunk.
            if kind != Kind::ToolCall {
                let start = messages::block_start(block, kind, "");
                self.event(out, "content_block_start", &start.to_string());
            }
        }
        self.frame = Some(self.frame_of(block, kind));
    }

    fn frame_of(&self, block: u32, kind: Kind) -> Frame {
        let (name, before, close, after, after_last) = match self.api {
            Api::Messages => {
                let (before, after) = messages::around_text(block, kind);
                ("content_block_delta", before, "", after.to_owned(), after.to_owned())
            }
            Api::Completion => ("", self.choice("\"text\":\""), "\"", after("null"), after("\"length\"")),
            Api::Chat => {
                let (open, close) = match kind {
                    Kind::Content => ("\"delta\":{\"content\":\"", "\"}"),
                    Kind::Reasoning => ("\"delta\":{\"reasoning_content\":\"", "\"}"),
                    Kind::ToolCall => {
                        ("\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"", "\"}}]}")
                    }
                };
                ("", self.choice(open), close, after("null"), after(reason(kind)))
            }
        };
        let end = self.end_of_event();
        Frame {
            kind,
            block,
            before_text: format!("{}{before}", self.start_of_event(name)),
            after_text: format!("{close}{after}{end}"),
            after_last_text: format!("{close}{after_last}{end}"),
        }
    }

    /// A document of OpenAI's up to the text of its choice, which `open` opens.
    fn choice(&self, open: &str) -> String {
        let head = &self.head;
        let start = json!({
            "id": head.id, "object": stream_object(self.api), "created": head.created, "model": head.model
        })
        .to_string();
        format!("{},\"choices\":[{{\"index\":0,{open}", start.strip_suffix('}').unwrap_or(&start))
    }

    /// The event that begins a tool call.
    fn name_call(&self, out: &mut BytesMut, name: &str) {
        if self.api == Api::Messages {
            let block = self.frame.as_ref().map_or(0, |frame| frame.block);
            let start = messages::block_start(block, Kind::ToolCall, name);
            self.event(out, "content_block_start", &start.to_string());
            return;
        }
        let function = json!({"name": name, "arguments": ""});
        let call = json!({"index": 0, "id": "call_0", "type": "function", "function": function});
        let choice =
            json!({"index": 0, "delta": {"tool_calls": [call]}, "logprobs": null, "finish_reason": null});
        self.document(out, &json!([choice]), None);
    }

    /// What comes after all content: token counts and the end.
    fn close(&self, out: &mut BytesMut, kind: Kind) {
        if self.api == Api::Messages {
            let block = self.frame.as_ref().map_or(0, |frame| frame.block);
            let counted = self.usage.map(|_| self.completion_tokens);
            self.event(out, "content_block_stop", &messages::block_stop(block).to_string());
            self.event(out, "message_delta", &messages::delta(kind, counted).to_string());
            self.event(out, "message_stop", "{\"type\":\"message_stop\"}");
            return;
        }
        if self.usage.is_some() {
            self.document(out, &json!([]), Some(self.counts()));
        }
        self.event(out, "", "[DONE]");
    }

    fn document(&self, out: &mut BytesMut, choices: &Value, counts: Option<Counts>) {
        let document = document(stream_object(self.api), &self.head, choices, counts);
        self.event(out, "", &document.to_string());
    }

    fn event(&self, out: &mut BytesMut, name: &str, payload: &str) {
        for part in [&self.start_of_event(name), payload, self.end_of_event()] {
            out.put_slice(part.as_bytes());
        }
    }

    /// What stands before the data of an event; those of OpenAI's API have no name.
    fn start_of_event(&self, name: &str) -> String {
        let (line, data) = match self.framing {
            Framing::Lf | Framing::Comments => ("\n", "data: "),
            Framing::Crlf => ("\r\n", "data: "),
            Framing::Cr => ("\r", "data: "),
            Framing::NoSpace => ("\n", "data:"),
        };
        let comments = if self.framing == Framing::Comments { ": ping\nid: 7\nretry: 1000\n" } else { "" };
        let name = if name.is_empty() { String::new() } else { format!("event: {name}{line}") };
        format!("{comments}{name}{data}")
    }

    fn end_of_event(&self) -> &'static str {
        match self.framing {
            Framing::Lf | Framing::NoSpace | Framing::Comments => "\n\n",
            Framing::Crlf => "\r\n\r\n",
            Framing::Cr => "\r\r",
        }
    }
}

/// The rest of a document of OpenAI's after the text of its choice, which ends for `reason`.
fn after(reason: &str) -> String {
    format!(",\"logprobs\":null,\"finish_reason\":{reason}}}]}}")
}

fn reason(kind: Kind) -> &'static str {
    match kind {
        Kind::Content | Kind::Reasoning => "\"length\"",
        Kind::ToolCall => "\"tool_calls\"",
    }
}

/// A whole answer.
pub(super) fn whole_answer(api: Api, head: &Head, texts: &Texts, counts: Option<Counts>) -> Value {
    let (object, choice) = match api {
        Api::Messages => return messages::whole(head, texts, counts),
        Api::Completion => (
            "text_completion",
            json!({"index": 0, "text": texts.content, "logprobs": null, "finish_reason": "length"}),
        ),
        Api::Chat => {
            let mut message = json!({"role": "assistant", "content": texts.content});
            if !texts.reasoning.is_empty() {
                message["reasoning_content"] = json!(texts.reasoning);
            }
            let mut finish = "length";
            if !texts.tool_call.is_empty() {
                let function = json!({"name": texts.tool_call, "arguments": ""});
                message["content"] = Value::Null;
                message["tool_calls"] = json!([{"id": "call_0", "type": "function", "function": function}]);
                finish = "tool_calls";
            }
            (
                "chat.completion",
                json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish}),
            )
        }
    };
    document(object, head, &json!([choice]), counts)
}

fn document(object: &str, head: &Head, choices: &Value, counts: Option<Counts>) -> Value {
    let mut document = json!({
        "id": head.id, "object": object, "created": head.created, "model": head.model, "choices": choices
    });
    if let Some(counts) = counts {
        document["usage"] = counts.usage();
    }
    document
}

fn stream_object(api: Api) -> &'static str {
    match api {
        Api::Completion => "text_completion",
        Api::Chat | Api::Messages => "chat.completion.chunk",
    }
}

#[cfg(test)]
#[path = "events/tests.rs"]
mod tests;
