//! Chat templates: how a model wants a conversation written down, as a Jinja template that comes with its tokenizer.
//!
//! The dialect is that of Hugging Face's `transformers`: Jinja with blocks trimmed, loop controls, the methods of
//! Python's strings, mappings and lists, `raise_exception`, `strftime_now`, a `tojson` that escapes nothing for HTML, and
//! `generation` blocks, which only mark what a model says. It knows nothing of requests, nor where files come from.

mod json;

use std::collections::BTreeMap;

use jiff::ZonedDateTime;
use minijinja::value::{Kwargs, Serde, Value, from_args};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior};
use serde::Deserialize;

use self::json::Style;

/// What templates are called in messages.
const NAME: &str = "chat_template";
/// The template of a list of named ones that is meant where none is named.
const DEFAULT: &str = "default";
/// Special tokens that templates know by name.
const SPECIAL_TOKENS: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
/// Two messages that no template has in it.
const PROBES: [&str; 2] = ["qzjxkvw", "vwkqxzj"];

/// Why there is no chat template, or why it cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChatTemplateError {
    /// The tokenizer has none.
    #[error(
        "the tokenizer has no chat template (its folder needs chat_template.jinja, or chat_template in tokenizer_config.json)"
    )]
    Missing,
    /// A file beside the tokenizer is not what it should be.
    #[error("{file}: {fault}")]
    File {
        /// Its name.
        file: &'static str,
        /// What is wrong with it.
        fault: String,
    },
    /// The template cannot be read, or refuses the conversation.
    #[error("the chat template cannot be used: {0}")]
    Template(String),
    /// It does not write a message down as it is.
    #[error("the chat template changes the message, or writes it more than once or not at all")]
    Frame,
}

/// The contents of the files beside `tokenizer.json` that say how conversations are written.
#[derive(Debug, Clone, Default)]
pub struct TemplateFiles {
    /// `tokenizer_config.json`.
    pub config: Option<Vec<u8>>,
    /// `chat_template.jinja`, which goes before the template in the former.
    pub jinja: Option<Vec<u8>>,
    /// `special_tokens_map.json`, for special tokens that the first does not name.
    pub special_tokens: Option<Vec<u8>>,
}

impl TemplateFiles {
    /// Names of these files, in the order of the fields.
    pub const NAMES: [&str; 3] = ["tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json"];
}

/// What `tokenizer_config.json` says of the template.
#[derive(Debug, Default, Deserialize)]
struct TokenizerConfig {
    chat_template: Option<Templates>,
}

/// One template, or several with names.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Named(Vec<Named>),
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
    template: String,
}

/// A special token: its text, or an object that holds it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SpecialToken {
    Text(String),
    Object { content: String },
}

/// A chat template with what it may refer to.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    special_tokens: BTreeMap<&'static str, String>,
}

/// What a template writes before and after the only message of a user, up to where the answer begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Before the message.
    pub before: String,
    /// After it.
    pub after: String,
}

impl ChatTemplate {
    /// The template that these files hold. `now` is the time that it may show.
    ///
    /// # Errors
    ///
    /// If they hold none, or it is no template.
    pub fn new(files: &TemplateFiles, now: ZonedDateTime) -> Result<Self, ChatTemplateError> {
        let [config_name, jinja_name, map_name] = TemplateFiles::NAMES;
        let source = if let Some(bytes) = &files.jinja {
            let fault = "it is not UTF-8".to_owned();
            String::from_utf8(bytes.clone())
                .map_err(|_| ChatTemplateError::File { file: jinja_name, fault })?
        } else {
            let config: TokenizerConfig = read(config_name, files.config.as_deref())?;
            config.chat_template.and_then(Templates::chosen).ok_or(ChatTemplateError::Missing)?
        };
        let mut special_tokens = BTreeMap::new();
        for (file, bytes) in [(config_name, &files.config), (map_name, &files.special_tokens)] {
            let mut given: BTreeMap<String, serde_json::Value> = read(file, bytes.as_deref())?;
            for name in SPECIAL_TOKENS {
                let token = given.remove(name).and_then(|value| serde_json::from_value(value).ok());
                if let Some(token) = token.map(SpecialToken::text) {
                    special_tokens.entry(name).or_insert(token);
                }
            }
        }
        Self::of_source(&source, special_tokens, now)
    }

    fn of_source(
        source: &str,
        special_tokens: BTreeMap<&'static str, String>,
        now: ZonedDateTime,
    ) -> Result<Self, ChatTemplateError> {
        let mut environment = Environment::new();
        let syntax = environment.syntax().to_builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| ChatTemplateError::Template(told(&error)))?);
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_unknown_method_callback(method);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", move |format: String| strftime(&now, &format));
        environment
            .add_template_owned(NAME, without_generation(source))
            .map_err(|error| ChatTemplateError::Template(told(&error)))?;
        Ok(Self { environment, special_tokens })
    }

    /// Writes down `messages`, a list of mappings with `role` and `content`; with `prompt` up to where the model goes on.
    ///
    /// # Errors
    ///
    /// If the template fails, or refuses the conversation.
    pub fn render(&self, messages: &serde_json::Value, prompt: bool) -> Result<String, ChatTemplateError> {
        let mut context: BTreeMap<&str, Value> =
            self.special_tokens.iter().map(|(name, token)| (*name, Value::from(token))).collect();
        context.insert("messages", Value::from(Serde(messages)));
        // Where there are none they are none, not undefined.
        context.insert("tools", Value::from(()));
        context.insert("documents", Value::from(()));
        context.insert("add_generation_prompt", Value::from(prompt));
        let rendered = self.environment.get_template(NAME).and_then(|template| template.render(context));
        rendered.map_err(|error| ChatTemplateError::Template(told(&error)))
    }

    /// What stands around the only message of a user.
    ///
    /// # Errors
    ///
    /// If the template fails, or does not write the message down once and as it is.
    pub fn frame(&self) -> Result<Frame, ChatTemplateError> {
        let around = |probe: &str| {
            let messages = serde_json::json!([{"role": "user", "content": probe}]);
            let text = self.render(&messages, true)?;
            let (before, after) = text.split_once(probe).ok_or(ChatTemplateError::Frame)?;
            Ok(Frame { before: before.to_owned(), after: after.to_owned() })
        };
        let [first, second] = PROBES.map(around);
        let (first, second) = (first?, second?);
        let once = !first.after.contains(PROBES[0]);
        if once && first == second { Ok(first) } else { Err(ChatTemplateError::Frame) }
    }
}

impl Frame {
    /// `message` as the template writes it.
    pub fn around(&self, message: &str) -> String {
        [&self.before, message, &self.after].concat()
    }
}

impl Templates {
    fn chosen(self) -> Option<String> {
        match self {
            Self::One(template) => Some(template),
            Self::Named(named) => named.into_iter().find(|one| one.name == DEFAULT).map(|one| one.template),
        }
    }
}

impl SpecialToken {
    fn text(self) -> String {
        match self {
            Self::Text(text) | Self::Object { content: text } => text,
        }
    }
}

/// What stands in the file `file`; its default if there is none.
fn read<T: for<'de> Deserialize<'de> + Default>(
    file: &'static str,
    bytes: Option<&[u8]>,
) -> Result<T, ChatTemplateError> {
    let Some(bytes) = bytes else { return Ok(T::default()) };
    serde_json::from_slice(bytes).map_err(|error| ChatTemplateError::File { file, fault: error.to_string() })
}

/// A method of Python's strings, lists or mappings.
fn method(state: &mut State<'_, '_>, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    if let (true, Some(text)) = (name == "title" && arguments.is_empty(), value.as_str()) {
        return Ok(Value::from(title(text)));
    }
    let cut: Option<fn(&str, &str) -> Option<usize>> = match name {
        "removeprefix" => Some(|text, end| text.starts_with(end).then_some(end.len())),
        "removesuffix" => Some(|text, end| text.ends_with(end).then_some(end.len())),
        _ => None,
    };
    let (Some(cut), Some(text)) = (cut, value.as_str()) else {
        return minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments);
    };
    let (end,): (&str,) = from_args(arguments)?;
    let length = cut(text, end).unwrap_or(0);
    let kept = if name == "removeprefix" { &text[length..] } else { &text[..text.len() - length] };
    Ok(Value::from(kept))
}

/// `text` with the first letter of each row of letters in upper case, the others in lower case, as Python's `str.title`.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut follows_letter = false;
    for character in text.chars() {
        if follows_letter {
            titled.extend(character.to_lowercase());
        } else {
            titled.extend(character.to_uppercase());
        }
        follows_letter = character.is_alphabetic();
    }
    titled
}

/// An error with its causes, on one line.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The template with its `generation` blocks as blocks that have no effect but a scope of their own, which they have too.
fn without_generation(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        text.push_str(before);
        let word_at = tag.find(|c: char| c != '-' && c != '+' && !c.is_whitespace()).unwrap_or(tag.len());
        let (mark, word) = tag.split_at(word_at);
        text.push_str(mark);
        rest = word;
        for (theirs, ours) in [("generation", "with"), ("endgeneration", "endwith")] {
            let after = word.strip_prefix(theirs);
            let Some(after) = after.filter(|after| after.trim_start().starts_with(['%', '-', '+'])) else {
                continue;
            };
            text.push_str(ours);
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

/// Python's `json.dumps` as `transformers` offers it: nothing is escaped that JSON does not make one escape.
#[expect(clippy::needless_pass_by_value, reason = "a filter takes its options so")]
fn to_json(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let separators: Option<Vec<String>> = options.get("separators")?;
    let style = Style {
        ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        indent: options.get::<Option<usize>>("indent")?,
        separators: separators.and_then(|both| <[String; 2]>::try_from(both).ok()),
        sorted: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    let tree = serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, "this is no JSON").with_source(error))?;
    Ok(Value::from_safe_string(json::dumps(&tree, &style)))
}

fn raise_exception(message: &str) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message.to_owned()))
}

fn strftime(now: &ZonedDateTime, format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, now).map_err(|error| {
        Error::new(ErrorKind::InvalidOperation, "strftime_now cannot show this").with_source(error)
    })
}

#[cfg(test)]
mod tests;
