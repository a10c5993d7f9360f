//! Request bodies of the OpenAI API, read into what the simulator needs to know.
//!
//! Fields that change nothing here (sampling, `ignore_eos`, …) are accepted and passed over.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::reply::ApiError;
use crate::SimulatorConfig;

/// Tokens of an answer if the request does not say: OpenAI's default for completions.
const DEFAULT_MAX_TOKENS: u32 = 16;

/// Which of the generation endpoints was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Completion,
    Chat,
    /// Anthropic's.
    Messages,
}

/// A request for an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Generate {
    /// The name that the answer bears: of the model or an adapter.
    pub(super) model: String,
    pub(super) prompt: Prompt,
    /// Whether the prompt is encoded with special tokens.
    pub(super) special_tokens: bool,
    pub(super) max_tokens: u32,
    pub(super) stream: bool,
    /// Whether `stream_options` asks for token counts.
    pub(super) include_usage: bool,
}

/// A prompt as text or as token ids, of which only the number matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    Text(String),
    Tokens(Vec<u64>),
}

/// A request for a tokenization.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tokenize {
    pub(super) text: String,
    pub(super) special_tokens: bool,
}

#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    prompt: Option<Value>,
    messages: Option<Vec<Message>>,
    system: Option<Value>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    add_special_tokens: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    content: Option<Value>,
}

/// Reads a generation request for the model of `config` or one of its adapters.
pub(super) fn generate(api: Api, body: &[u8], config: &SimulatorConfig) -> Result<Generate, ApiError> {
    let body = parse(body, config)?;
    let prompt = match api {
        Api::Completion => prompt(body.prompt)?,
        Api::Chat => Prompt::Text(conversation(body.messages)?),
        Api::Messages => {
            let system = body.system.map(|content| Message { content: Some(content) });
            let messages = body.messages.filter(|messages| !messages.is_empty());
            Prompt::Text(conversation(messages.map(|messages| system.into_iter().chain(messages).collect()))?)
        }
    };
    let max_tokens = body.max_completion_tokens.or(body.max_tokens).unwrap_or(DEFAULT_MAX_TOKENS);
    if max_tokens == 0 {
        return Err(ApiError::bad_request("max_tokens must be at least 1, got 0.", Some("max_tokens")));
    }
    Ok(Generate {
        model: body.model.unwrap_or_else(|| config.model_name.clone()),
        prompt,
        // A chat template writes its special tokens itself; here they stand for the template.
        special_tokens: api != Api::Completion || body.add_special_tokens.unwrap_or(true),
        max_tokens,
        stream: body.stream.unwrap_or(false),
        include_usage: body.stream_options.and_then(|options| options.include_usage).unwrap_or(false),
    })
}

/// Reads a tokenization request for the model of `config` or one of its adapters.
pub(super) fn tokenize(body: &[u8], config: &SimulatorConfig) -> Result<Tokenize, ApiError> {
    let body = parse(body, config)?;
    let text = match (body.prompt, body.messages) {
        (None, Some(messages)) => conversation(Some(messages))?,
        (Some(Value::String(text)), _) => text,
        _ => return Err(ApiError::bad_request("prompt must be a string.", Some("prompt"))),
    };
    Ok(Tokenize { text, special_tokens: body.add_special_tokens.unwrap_or(true) })
}

fn parse(body: &[u8], config: &SimulatorConfig) -> Result<Body, ApiError> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("The body is not a valid request: {error}."), None))?;
    match &body.model {
        Some(asked) if !config.serves(asked) => Err(ApiError {
            status: StatusCode::NOT_FOUND,
            kind: "NotFoundError",
            message: format!("The model `{asked}` does not exist."),
            param: Some("model"),
        }),
        _ => Ok(body),
    }
}

fn prompt(prompt: Option<Value>) -> Result<Prompt, ApiError> {
    let malformed =
        || ApiError::bad_request("prompt must be a string or a list of token ids.", Some("prompt"));
    match prompt {
        None | Some(Value::Null) => Err(ApiError::bad_request("prompt is missing.", Some("prompt"))),
        Some(Value::String(text)) => Ok(Prompt::Text(text)),
        Some(Value::Array(ids)) => {
            let ids: Option<Vec<u64>> = ids.iter().map(Value::as_u64).collect();
            ids.map(Prompt::Tokens).ok_or_else(malformed)
        }
        Some(_) => Err(malformed()),
    }
}

/// The text of all messages, one after another, line by line.
fn conversation(messages: Option<Vec<Message>>) -> Result<String, ApiError> {
    let Some(messages) = messages.filter(|messages| !messages.is_empty()) else {
        return Err(ApiError::bad_request("messages is missing or empty.", Some("messages")));
    };
    let mut texts = Vec::new();
    for message in messages {
        match message.content {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => texts.push(text),
            Some(Value::Array(parts)) => {
                let parts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
                texts.extend(parts.map(str::to_owned));
            }
            Some(_) => {
                let message = "content of a message must be a string or a list of parts.";
                return Err(ApiError::bad_request(message, Some("messages")));
            }
        }
    }
    Ok(texts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A simulator of the model `m`.
    fn m() -> SimulatorConfig {
        SimulatorConfig { model_name: "m".to_owned(), ..SimulatorConfig::default() }
    }

    fn text(text: &str) -> Prompt {
        Prompt::Text(text.to_owned())
    }

    #[test]
    fn what_upstream_sends_is_understood() {
        let body = br#"{"model": "m", "prompt": "a b", "max_tokens": 7, "ignore_eos": true, "stream": true,
            "stream_options": {"include_usage": true}, "add_special_tokens": false}"#;
        let expected = Generate {
            model: "m".to_owned(),
            prompt: text("a b"),
            special_tokens: false,
            max_tokens: 7,
            stream: true,
            include_usage: true,
        };
        assert_eq!(generate(Api::Completion, body, &m()).unwrap(), expected);
    }

    #[test]
    fn chat_joins_texts() {
        let body = br#"{"messages": [{"role": "system", "content": "be"}, {"role": "assistant", "content": null},
            {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {}}]}],
            "max_completion_tokens": 3, "max_tokens": 9}"#;
        let request = generate(Api::Chat, body, &m()).unwrap();
        assert_eq!((request.prompt, request.max_tokens, request.stream), (text("be\nx"), 3, false));
    }

    #[test]
    fn faults_have_their_status() {
        let status = |api, body: &str| generate(api, body.as_bytes(), &m()).unwrap_err().status.as_u16();
        assert_eq!(status(Api::Completion, "{"), 400);
        assert_eq!(status(Api::Completion, "{}"), 400);
        assert_eq!(status(Api::Completion, r#"{"prompt": 3}"#), 400);
        assert_eq!(status(Api::Completion, r#"{"prompt": ["a"]}"#), 400);
        assert_eq!(status(Api::Completion, r#"{"prompt": "a", "max_tokens": 0}"#), 400);
        assert_eq!(status(Api::Completion, r#"{"prompt": "a", "max_tokens": -1}"#), 400);
        assert_eq!(status(Api::Completion, r#"{"prompt": "a", "model": "n"}"#), 404);
        assert_eq!(status(Api::Chat, r#"{"messages": []}"#), 400);
        assert_eq!(status(Api::Chat, r#"{"messages": [{"content": 1}]}"#), 400);
        assert_eq!(tokenize(b"{}", &m()).unwrap_err().status.as_u16(), 400);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_an_error(body in prop::collection::vec(any::<u8>(), 0..200)) {
            for api in [Api::Completion, Api::Chat] {
                let _ = generate(api, &body, &m());
            }
        }
    }
}
