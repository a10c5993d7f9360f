//! What the rows of data sets say: a conversation up to a question, and the answer that the data set has for it.

use serde::Deserialize;

use super::super::body::{Message, Role};

/// Which data set a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// Conversations; completions ask their first turn.
    ShareGpt,
    /// Conversations that end with an answer; completions ask all turns before it.
    InfinityInstruct,
    /// Articles with their summaries.
    CnnDailymail,
    /// A prompt, messages as `OpenAI`'s API has them, or an instruction as Alpaca has it.
    Own,
}

/// What a request asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Row {
    /// Turns before the answer, never none and none of them empty.
    pub(super) messages: Vec<Message<'static>>,
    /// What the data set answers.
    pub(super) answer: Option<String>,
    /// Tokens of the answer, if the row says so itself.
    pub(super) max_tokens: Option<u32>,
}

impl Row {
    /// The row whose text is `json`; `None` if it holds nothing to ask. `whole` tells that a request can have many turns.
    pub(super) fn read(format: RowFormat, json: &[u8], whole: bool) -> serde_json::Result<Option<Self>> {
        let row = match format {
            RowFormat::ShareGpt => of_turns(turns(json)?, whole),
            RowFormat::InfinityInstruct => {
                let turns = turns(json)?;
                let is_answered = turns.last().is_some_and(|turn| turn.role == Role::Assistant);
                is_answered.then(|| of_turns(turns, true)).flatten()
            }
            RowFormat::CnnDailymail => {
                let Article { article, highlights } = serde_json::from_slice(json)?;
                article.zip(highlights).map(|(article, answer)| Self::new(article, Some(answer)))
            }
            RowFormat::Own => Some(serde_json::from_slice::<Own>(json)?.row()),
        };
        Ok(row.and_then(Self::without_nothing))
    }

    fn new(prompt: String, answer: Option<String>) -> Self {
        Self { messages: vec![Message::new(Role::User, prompt)], answer, max_tokens: None }
    }

    fn without_nothing(mut self) -> Option<Self> {
        self.messages.retain(|message| !message.content.is_empty());
        self.messages.iter().any(|message| message.role == Role::User).then_some(self)
    }

    /// All turns as one text.
    pub(super) fn prompt(&self) -> String {
        let texts: Vec<&str> = self.messages.iter().map(|message| &*message.content).collect();
        texts.join("\n")
    }
}

/// The conversation before its last answer, or only its first turn.
fn of_turns(mut turns: Vec<Message<'static>>, whole: bool) -> Option<Row> {
    if turns.len() < 2 {
        return None;
    }
    let end = if whole { turns.iter().rposition(|turn| turn.role == Role::Assistant)? } else { 1 };
    turns.truncate(end + 1);
    let answer = turns.pop()?.content.into_owned();
    if !whole && let Some(first) = turns.first_mut() {
        // Whoever says it, it is the prompt.
        first.role = Role::User;
    }
    Some(Row { messages: turns, answer: Some(answer), max_tokens: None })
}

#[derive(Deserialize)]
struct Article {
    article: Option<String>,
    highlights: Option<String>,
}

#[derive(Deserialize)]
struct Conversation {
    conversations: Vec<Turn>,
}

/// A turn, which some files have as the text of its object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Turn {
    Plain(Said),
    Text(String),
}

#[derive(Deserialize)]
struct Said {
    from: String,
    value: Option<String>,
}

fn turns(json: &[u8]) -> serde_json::Result<Vec<Message<'static>>> {
    let Conversation { conversations } = serde_json::from_slice(json)?;
    let said = |turn| match turn {
        Turn::Plain(said) => Ok(said),
        Turn::Text(text) => serde_json::from_str(&text),
    };
    let message = |turn| {
        let Said { from, value } = said(turn)?;
        Ok(Message::new(role(&from), value.unwrap_or_default()))
    };
    conversations.into_iter().map(message).collect()
}

/// Whom a data set means by `name`.
fn role(name: &str) -> Role {
    match name {
        "gpt" | "assistant" | "chatgpt" | "bing" | "bard" | "model" => Role::Assistant,
        "system" | "developer" => Role::System,
        _ => Role::User,
    }
}

/// A row of a file of one's own.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a row needs `prompt` (text), `messages` (a list of role and content) or `instruction` (text)"
)]
enum Own {
    Prompt { prompt: String, completion: Option<String>, max_tokens: Option<u32> },
    Messages { messages: Vec<Content>, max_tokens: Option<u32> },
    Alpaca { instruction: String, input: Option<String>, output: Option<String>, max_tokens: Option<u32> },
}

#[derive(Deserialize)]
struct Content {
    role: String,
    content: String,
}

impl Own {
    fn row(self) -> Row {
        match self {
            Self::Prompt { prompt, completion, max_tokens } => {
                Row { max_tokens, ..Row::new(prompt, completion) }
            }
            Self::Messages { messages, max_tokens } => {
                let message = |Content { role: name, content }| Message::new(role(&name), content);
                let mut messages: Vec<_> = messages.into_iter().map(message).collect();
                let answered = messages.pop_if(|last| last.role == Role::Assistant);
                Row { messages, answer: answered.map(|message| message.content.into_owned()), max_tokens }
            }
            Self::Alpaca { instruction, input, output, max_tokens } => {
                let prompt = match input.filter(|input| !input.is_empty()) {
                    Some(input) => format!("{instruction}\n\n{input}"),
                    None => instruction,
                };
                Row { max_tokens, ..Row::new(prompt, output) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row as `role: text` of its messages and `-> answer`.
    fn read(format: RowFormat, json: &str, whole: bool) -> String {
        match Row::read(format, json.as_bytes(), whole) {
            Err(error) => format!("fault: {error}"),
            Ok(None) => "nothing".to_owned(),
            Ok(Some(row)) => {
                let said = |message: &Message<'_>| format!("{:?}: {}", message.role, message.content);
                let messages: Vec<_> = row.messages.iter().map(said).collect();
                let limit = row.max_tokens.map(|most| format!(" in {most}")).unwrap_or_default();
                format!("{} -> {}{limit}", messages.join(", "), row.answer.unwrap_or_else(|| "?".to_owned()))
            }
        }
    }

    #[test]
    fn conversations_end_before_the_answer() {
        let long = r#"{"id": 1, "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "a"},
            {"from": "gpt", "value": "b"}, "{\"from\": \"human\", \"value\": \"c\"}", {"from": "gpt", "value": "d"},
            {"from": "human", "value": "e"}]}"#;
        assert_eq!(read(RowFormat::ShareGpt, long, true), "System: s, User: a, Assistant: b, User: c -> d");
        assert_eq!(read(RowFormat::ShareGpt, long, false), "User: s -> a");
        assert_eq!(read(RowFormat::InfinityInstruct, long, true), "nothing", "it ends with a question");
        let short = r#"{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}"#;
        for format in [RowFormat::ShareGpt, RowFormat::InfinityInstruct] {
            assert_eq!(read(format, short, true), "User: a -> b");
            assert_eq!(read(format, short, false), "User: a -> b");
        }
    }

    #[test]
    fn rows_that_ask_nothing_are_none() {
        for conversations in [
            "[]",
            r#"[{"from": "human", "value": "a"}]"#,
            r#"[{"from": "human", "value": ""}, {"from": "gpt", "value": "b"}]"#,
            r#"[{"from": "human", "value": null}, {"from": "gpt", "value": "b"}]"#,
        ] {
            let json = format!("{{\"conversations\": {conversations}}}");
            assert_eq!(read(RowFormat::ShareGpt, &json, true), "nothing", "{json}");
            assert_eq!(read(RowFormat::ShareGpt, &json, false), "nothing", "{json}");
        }
        assert_eq!(read(RowFormat::CnnDailymail, r#"{"article": "a", "highlights": null}"#, true), "nothing");
        assert_eq!(
            read(RowFormat::CnnDailymail, r#"{"article": "a", "highlights": "b"}"#, true),
            "User: a -> b"
        );
    }

    #[test]
    fn rows_of_ones_own_have_three_shapes() {
        for (json, expected) in [
            (r#"{"prompt": "a"}"#, "User: a -> ?"),
            (r#"{"prompt": "a", "completion": "b", "max_tokens": 7}"#, "User: a -> b in 7"),
            (
                r#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#,
                "System: s, User: a -> b",
            ),
            (r#"{"messages": [{"role": "user", "content": "a"}]}"#, "User: a -> ?"),
            (r#"{"instruction": "a", "input": "b", "output": "c"}"#, "User: a\n\nb -> c"),
            (r#"{"instruction": "a", "input": "", "output": "c"}"#, "User: a -> c"),
        ] {
            assert_eq!(read(RowFormat::Own, json, true), expected, "{json}");
        }
    }

    #[test]
    fn rows_that_lack_something_are_faults() {
        for format in [RowFormat::ShareGpt, RowFormat::InfinityInstruct] {
            assert!(read(format, r#"{"x": 1}"#, true).starts_with("fault: missing field `conversations`"));
        }
        assert!(read(RowFormat::Own, r#"{"text": "a"}"#, true).starts_with("fault: a row needs `prompt`"));
        assert!(read(RowFormat::Own, r#"{"prompt": 1}"#, true).starts_with("fault: a row needs `prompt`"));
    }
}
