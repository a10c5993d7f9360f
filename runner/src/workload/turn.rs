//! Turns of conversations: what a request says beside all that was said before it, and the bodies that come of both.
//!
//! What was said before is known only when the turn before it has ended, so a turn's body is put together by whoever sends
//! it, from texts that were escaped ahead: copying them is all that is left to do. It knows nothing of who speaks when.

use std::collections::VecDeque;

use benchmark_schemas::config::ApiType;
use benchmark_schemas::record::Nanos;
use bytes::Bytes;

use super::body::{self, BodyOptions, Message, Role};

/// Between texts of a completion's prompt.
const SPACE: &[u8] = b" ";
/// Between messages of a chat.
const COMMA: &[u8] = b", ";

/// How a conversation is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As one text.
    Text,
    /// As messages.
    Messages,
}

/// Which turn a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnPlace {
    /// The speaker: one after another its turns are asked, whatever the conversation.
    pub speaker: u64,
    /// Turns of the conversation before this one; before the first nothing was said.
    pub round: u64,
    /// Pause after the turn before it, nanoseconds.
    pub pause_ns: Nanos,
}

/// A request that goes on with a conversation.
#[derive(Debug)]
pub struct Turn {
    /// Which one it is.
    pub place: TurnPlace,
    form: Form,
    /// The body up to what was said before; `opened` if something is said in it already.
    before: Vec<u8>,
    opened: bool,
    question: Vec<u8>,
    /// The body from there on.
    after: Vec<u8>,
    /// Tokens of the question.
    question_tokens: u32,
    /// Tokens that may stand between system prompt and question; `None` is no limit.
    room: Option<u32>,
}

/// A question and its answer as they stand in bodies.
#[derive(Debug)]
struct Exchanged {
    text: Vec<u8>,
    tokens: u32,
}

/// What was said in a conversation so far.
#[derive(Debug, Default)]
pub struct History {
    said: VecDeque<Exchanged>,
}

/// The texts of a turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a> {
    /// Said before all else by whoever runs the model; may be empty.
    pub(super) system: &'a str,
    pub(super) question: &'a str,
    /// Tokens of the question.
    pub(super) question_tokens: u32,
    /// Tokens that may stand between the two.
    pub(super) room: Option<u32>,
}

impl Turn {
    /// Turn `place` of request `index` of `stage`, whose answer may have `length` tokens.
    pub(super) fn new(
        place: TurnPlace,
        options: &BodyOptions,
        request: (u32, u64),
        texts: Texts<'_>,
        length: u32,
    ) -> Self {
        let Texts { system, question, question_tokens, room } = texts;
        let (form, opening, closing) = match options.api {
            ApiType::Completion => (Form::Text, ", \"prompt\": \"", "\""),
            ApiType::Chat | ApiType::AnthropicMessages => (Form::Messages, ", \"messages\": [", "]"),
        };
        let mut before = Vec::with_capacity(system.len() + 96);
        before.extend_from_slice(b"{\"model\": ");
        body::write_string(&mut before, options.model.of(request.0, request.1));
        before.extend_from_slice(opening.as_bytes());
        let apart = options.api == ApiType::AnthropicMessages;
        let opened = !system.is_empty() && !apart;
        if opened {
            write(form, &mut before, Role::System, system);
        }
        let mut asked = Vec::with_capacity(question.len() + 48);
        write(form, &mut asked, Role::User, question);
        let mut after = closing.as_bytes().to_vec();
        if apart && !system.is_empty() {
            after.extend_from_slice(b", \"system\": ");
            body::write_string(&mut after, system);
        }
        let after = options.finished(after, length);
        Self { place, form, before, opened, question: asked, after, question_tokens, room }
    }

    /// A completion's turn that asks `question`, for tests.
    #[cfg(test)]
    pub(crate) fn asking(place: TurnPlace, question: &str) -> Self {
        let options = BodyOptions::new(ApiType::Completion, "m");
        let texts = Texts { system: "", question, question_tokens: 1, room: None };
        Self::new(place, &options, (0, 0), texts, 7)
    }

    /// Bytes that it takes in memory, about.
    pub(super) fn size(&self) -> usize {
        self.before.len() + self.question.len() + self.after.len()
    }

    /// The body after `history`, and the tokens of what of it is said again: the latest that there is room for.
    #[must_use]
    pub fn body(&self, history: &History) -> (Bytes, u32) {
        let mut tokens = 0u32;
        let fits = |exchanged: &&Exchanged| {
            let sum = tokens.saturating_add(exchanged.tokens);
            let fits = self.room.is_none_or(|room| sum <= room);
            if fits {
                tokens = sum;
            }
            fits
        };
        let kept = history.said.iter().rev().take_while(fits).count();
        let said = history.said.iter().skip(history.said.len() - kept);
        let length: usize = said.clone().map(|exchanged| exchanged.text.len() + COMMA.len()).sum();
        let mut body = Vec::with_capacity(self.size() + length + COMMA.len());
        body.extend_from_slice(&self.before);
        let mut opened = self.opened;
        for text in said.map(|exchanged| &exchanged.text).chain([&self.question]) {
            if std::mem::replace(&mut opened, true) {
                body.extend_from_slice(self.form.separator());
            }
            body.extend_from_slice(text);
        }
        body.extend_from_slice(&self.after);
        (Bytes::from(body), tokens)
    }
}

impl History {
    /// Adds `turn` and its answer of `tokens`.
    pub fn add(&mut self, turn: Turn, answer: &str, tokens: u32) {
        let mut text = turn.question;
        if !answer.is_empty() || turn.form == Form::Messages {
            text.extend_from_slice(turn.form.separator());
            write(turn.form, &mut text, Role::Assistant, answer);
        }
        self.said.push_back(Exchanged { text, tokens: turn.question_tokens.saturating_add(tokens) });
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.said.clear();
    }
}

impl Form {
    fn separator(self) -> &'static [u8] {
        match self {
            Self::Text => SPACE,
            Self::Messages => COMMA,
        }
    }
}

fn write(form: Form, into: &mut Vec<u8>, role: Role, text: &str) {
    match form {
        Form::Text => body::write_escaped(into, text),
        Form::Messages => body::write_message(into, &Message::new(role, text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn turn(api: ApiType, system: &str, question: &str, room: Option<u32>) -> Turn {
        let place = TurnPlace { speaker: 0, round: 0, pause_ns: 0 };
        let options = BodyOptions::new(api, "m");
        Turn::new(place, &options, (0, 0), Texts { system, question, question_tokens: 2, room }, 7)
    }

    fn body(turn: &Turn, history: &History) -> Value {
        serde_json::from_slice(&turn.body(history).0).expect("JSON")
    }

    /// Two turns before a third.
    fn history(api: ApiType) -> History {
        let mut history = History::default();
        history.add(turn(api, "s", "q\"1", None), "a\n1", 3);
        history.add(turn(api, "s", "q2", None), "a2", 4);
        history
    }

    #[test]
    fn the_first_turn_is_a_request_of_its_own() {
        for api in [ApiType::Completion, ApiType::Chat, ApiType::AnthropicMessages] {
            let options = BodyOptions::new(api, "m");
            let alone = turn(api, "", "hé", None).body(&History::default()).0;
            assert_eq!(alone, options.of_prompt((0, 0), "hé", 7), "{api:?}");
            if api != ApiType::Completion {
                let messages = [Message::new(Role::System, "be"), Message::new(Role::User, "hé")];
                let both = turn(api, "be", "hé", None).body(&History::default()).0;
                assert_eq!(both, options.of_messages((0, 0), &messages, 7), "{api:?}");
            }
        }
        let both = body(&turn(ApiType::Completion, "be", "q", None), &History::default());
        assert_eq!(both["prompt"], "be q");
    }

    #[test]
    fn later_turns_say_all_that_was_said() {
        let said = |api| body(&turn(api, "s", "q3", None), &history(api));
        assert_eq!(said(ApiType::Completion)["prompt"], "s q\"1 a\n1 q2 a2 q3");
        let messages = |with_system: bool| {
            let all = [
                ("system", "s"),
                ("user", "q\"1"),
                ("assistant", "a\n1"),
                ("user", "q2"),
                ("assistant", "a2"),
                ("user", "q3"),
            ];
            let all = all.into_iter().filter(|(role, _)| with_system || *role != "system");
            all.map(|(role, content)| json!({"role": role, "content": content})).collect::<Vec<_>>()
        };
        assert_eq!(said(ApiType::Chat)["messages"], json!(messages(true)));
        let anthropic = said(ApiType::AnthropicMessages);
        assert_eq!((&anthropic["messages"], &anthropic["system"]), (&json!(messages(false)), &json!("s")));
    }

    #[test]
    fn what_there_is_no_room_for_is_left_out_of_this_request_alone() {
        let api = ApiType::Completion;
        let history = history(api);
        // The first two turns have 5 and 6 tokens with their answers.
        for (room, prompt, tokens) in
            [(11, "s q\"1 a\n1 q2 a2 q3", 11), (10, "s q2 a2 q3", 6), (6, "s q2 a2 q3", 6), (5, "s q3", 0)]
        {
            let turn = turn(api, "s", "q3", Some(room));
            assert_eq!((&body(&turn, &history)["prompt"], turn.body(&history).1), (&json!(prompt), tokens));
        }
    }

    #[test]
    fn an_answer_without_text_says_nothing() {
        let mut history = History::default();
        history.add(turn(ApiType::Completion, "", "q1", None), "", 0);
        assert_eq!(body(&turn(ApiType::Completion, "", "q2", None), &history)["prompt"], "q1 q2");
        history.clear();
        assert_eq!(body(&turn(ApiType::Completion, "", "q2", None), &history)["prompt"], "q2");
    }
}
