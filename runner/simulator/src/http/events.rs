//! The bytes of an answer in OpenAI's formats: events of a stream, or a whole document.
//!
//! Pure. What is equal in all events of a stream is rendered once, for a server without delays writes millions.

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use super::request::Api;
use crate::config::Framing;

/// Writes the events of one answer.
#[derive(Debug)]
pub(super) struct EventWriter {
    data: &'static str,
    end_of_event: &'static str,
    api: Api,
    /// Content event before and after the text.
    before_text: String,
    after_text: String,
    /// The same after the text of the last content event.
    after_last_text: String,
    head: Head,
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
    pub(super) fn new(api: Api, framing: Framing, head: Head) -> Self {
        let (data, end_of_event) = match framing {
            Framing::Lf => ("data: ", "\n\n"),
            Framing::Crlf => ("data: ", "\r\n\r\n"),
            Framing::NoSpace => ("data:", "\n\n"),
        };
        let start = json!({
            "id": head.id, "object": stream_object(api), "created": head.created, "model": head.model
        })
        .to_string();
        let start = start.strip_suffix('}').unwrap_or(&start);
        let (open, close) = match api {
            Api::Completion => ("\"text\":\"", "\""),
            Api::Chat => ("\"delta\":{\"content\":\"", "\"}"),
        };
        let after =
            |reason: &str| format!("{close},\"logprobs\":null,\"finish_reason\":{reason}}}]}}{end_of_event}");
        Self {
            data,
            end_of_event,
            api,
            before_text: format!("{data}{start},\"choices\":[{{\"index\":0,{open}"),
            after_text: after("null"),
            after_last_text: after("\"length\""),
            head,
        }
    }

    /// Content event with `words`, which need no escaping. A chat opens with an event that names the role.
    pub(super) fn content<'a>(
        &self,
        out: &mut BytesMut,
        words: impl Iterator<Item = &'a str>,
        first: bool,
        last: bool,
    ) {
        if first && self.api == Api::Chat {
            let delta = json!({"role": "assistant", "content": ""});
            let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": null});
            self.document(out, &json!([choice]), None);
        }
        out.put_slice(self.before_text.as_bytes());
        words.for_each(|word| out.put_slice(word.as_bytes()));
        out.put_slice(if last { self.after_last_text.as_bytes() } else { self.after_text.as_bytes() });
    }

    /// The event that carries nothing but token counts.
    pub(super) fn usage(&self, out: &mut BytesMut, counts: Counts) {
        self.document(out, &json!([]), Some(counts));
    }

    /// The event that ends the stream.
    pub(super) fn done(&self, out: &mut BytesMut) {
        self.event(out, "[DONE]");
    }

    fn document(&self, out: &mut BytesMut, choices: &Value, counts: Option<Counts>) {
        let document = document(stream_object(self.api), &self.head, choices, counts);
        self.event(out, &document.to_string());
    }

    fn event(&self, out: &mut BytesMut, payload: &str) {
        for part in [self.data, payload, self.end_of_event] {
            out.put_slice(part.as_bytes());
        }
    }
}

/// A whole answer.
pub(super) fn whole_answer(api: Api, head: &Head, text: &str, counts: Option<Counts>) -> Value {
    let (object, choice) = match api {
        Api::Completion => (
            "text_completion",
            json!({"index": 0, "text": text, "logprobs": null, "finish_reason": "length"}),
        ),
        Api::Chat => {
            let message = json!({"role": "assistant", "content": text});
            (
                "chat.completion",
                json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "length"}),
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
        Api::Chat => "chat.completion.chunk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(api: Api, framing: Framing) -> String {
        let head = Head { id: "i".to_owned(), created: 5, model: "a \"b\" }".to_owned() };
        let events = EventWriter::new(api, framing, head);
        let mut out = BytesMut::new();
        events.content(&mut out, [" one", " two"].into_iter(), true, false);
        events.content(&mut out, [" three"].into_iter(), false, true);
        events.usage(&mut out, Counts { prompt: 4, completion: 3 });
        events.done(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn framings_differ_only_in_framing() {
        let plain = stream(Api::Completion, Framing::Lf);
        assert_eq!(stream(Api::Completion, Framing::Crlf), plain.replace('\n', "\r\n"));
        assert_eq!(stream(Api::Completion, Framing::NoSpace), plain.replace("data: ", "data:"));
        assert!(plain.ends_with("data: [DONE]\n\n"));
        assert_eq!(plain.matches("\n\n").count(), 4);
    }

    #[test]
    fn events_are_the_documents_of_the_api() {
        let documents = |api| -> Vec<Value> {
            let stream = stream(api, Framing::Lf);
            let events = stream.split("\n\n").filter(|event| event.contains('{'));
            events.map(|event| serde_json::from_str(&event[6..]).unwrap()).collect()
        };
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
}
