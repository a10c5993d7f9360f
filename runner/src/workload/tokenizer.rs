//! The client's tokenizer: counts tokens as the model's own tokenizer would.
//!
//! Counts are never cut at the model's greatest length: truncation and padding are switched off.

use std::path::{Path, PathBuf};

use benchmark_schemas::problem::{Origin, Problem};
use tokenizers::{Encoding, Model as _, Tokenizer as Inner};

use super::chat_template::ChatTemplate;

mod bpe;

/// A tokenizer that was read from a local folder.
pub struct Tokenizer {
    inner: Inner,
    path: PathBuf,
    template: Option<ChatTemplate>,
}

/// Whether special tokens (such as BOS) count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialTokens {
    /// As for a prompt.
    Counted,
    /// As for an answer.
    Left,
}

/// Why there is no tokenizer, or why it cannot count a text.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// There is no such file.
    #[error("{} does not exist", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
    },
    /// There are only files of another kind of tokenizer.
    #[error("{} does not exist, and {kind} in {name} is not read", path.display())]
    OtherKind {
        /// What was looked for.
        path: PathBuf,
        /// What kind of file there is instead.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The file is no tokenizer, or cannot be read.
    #[error("{} cannot be used as a tokenizer: {fault}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The tokenizer refuses a text.
    #[error("the tokenizer {} cannot encode a text: {fault}", path.display())]
    Encode {
        /// The tokenizer's file.
        path: PathBuf,
        /// Its own message.
        fault: String,
    },
}

impl TokenizerError {
    /// The error as a problem of the configuration key that names the tokenizer.
    pub fn problem(&self, origin: Origin, key: impl Into<String>) -> Problem {
        let remedy = match self {
            Self::Missing { .. } => "name a local folder that holds the model's tokenizer.json",
            Self::OtherKind { .. } => {
                "make tokenizer.json in Python: transformers.AutoTokenizer.from_pretrained('FOLDER').save_pretrained('FOLDER')"
            }
            Self::Unusable { .. } | Self::Encode { .. } => {
                "it must be the tokenizer.json of a Hugging Face tokenizer, readable by this process"
            }
        };
        Problem::new(origin, key, self.to_string(), remedy)
    }
}

impl Tokenizer {
    /// Reads `tokenizer.json` in the folder `path`, or the file `path` itself.
    ///
    /// Takes about 0.1 s per MB: call it beside other start-up work.
    ///
    /// # Errors
    ///
    /// If there is no such file or it is no tokenizer.
    pub fn load(path: &Path) -> Result<Self, TokenizerError> {
        let path = if path.is_file() { path.to_owned() } else { path.join("tokenizer.json") };
        match fs_err::read(&path) {
            Ok(json) => Self::from_bytes(json, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing(path)),
            Err(error) => Err(TokenizerError::Unusable { fault: error.kind().to_string(), path }),
        }
    }

    /// The tokenizer of the `tokenizer.json` whose text is `json`; `path` says where that is from.
    ///
    /// # Errors
    ///
    /// If it is no tokenizer.
    pub fn from_bytes(json: Vec<u8>, path: PathBuf) -> Result<Self, TokenizerError> {
        let unusable = |error: tokenizers::Error| TokenizerError::Unusable {
            path: path.clone(),
            fault: error.to_string(),
        };
        let mut inner = match bpe::read(&json) {
            Some(inner) => inner,
            None => Inner::from_bytes(&json).map_err(unusable)?,
        };
        drop(json);
        inner.with_padding(None);
        inner.with_truncation(None).map_err(unusable)?;
        Ok(Self { inner, path, template: None })
    }

    /// The same with the chat template that belongs to it.
    #[must_use]
    pub fn with_template(self, template: ChatTemplate) -> Self {
        Self { template: Some(template), ..self }
    }

    /// The chat template that belongs to it, if it was given one.
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of tokens of `text`; an empty text has none, not even special ones.
    ///
    /// # Errors
    ///
    /// If the tokenizer refuses the text, as one without an unknown token does for unknown words.
    pub fn count(&self, text: &str, special: SpecialTokens) -> Result<u32, TokenizerError> {
        if text.is_empty() {
            return Ok(0);
        }
        Ok(u32::try_from(self.encoding(text, special)?.len()).unwrap_or(u32::MAX))
    }

    /// The tokens of `text` themselves.
    ///
    /// # Errors
    ///
    /// As of [`Tokenizer::count`].
    pub fn ids(&self, text: &str, special: SpecialTokens) -> Result<Vec<u32>, TokenizerError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.encoding(text, special)?.get_ids().to_vec())
    }

    fn encoding(&self, text: &str, special: SpecialTokens) -> Result<Encoding, TokenizerError> {
        let encoded = self.inner.encode_fast(text, special == SpecialTokens::Counted);
        encoded.map_err(|error| TokenizerError::Encode { path: self.path.clone(), fault: error.to_string() })
    }

    /// The model's vocabulary in the order of its ids, those of added tokens left out.
    pub(super) fn vocabulary(&self) -> impl Iterator<Item = String> {
        let model = self.inner.get_model();
        // Ids beyond their number belong to a vocabulary with gaps, whose last tokens are not looked at.
        let ids = 0..u32::try_from(model.get_vocab_size()).unwrap_or(u32::MAX);
        ids.filter_map(|id| model.id_to_token(id))
    }
}

/// What there is of other kinds of tokenizers where `path` is missing.
fn missing(path: PathBuf) -> TokenizerError {
    let folder = path.parent().map(fs_err::read_dir).and_then(Result::ok);
    let names =
        folder.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let other = names.filter_map(|name| {
        OTHER_KINDS.iter().find(|(end, _)| name.ends_with(end)).map(|kind| (kind.1, name))
    });
    match other.min() {
        Some((kind, name)) => TokenizerError::OtherKind { path, kind, name },
        None => TokenizerError::Missing { path },
    }
}

/// Ends of names of files that hold tokenizers of other kinds.
const OTHER_KINDS: [(&str, &str); 5] = [
    (".model", "a SentencePiece model"),
    (".tiktoken", "a tiktoken vocabulary"),
    ("tekken.json", "a Tekken vocabulary"),
    ("merges.txt", "a vocabulary with merges"),
    ("vocab.txt", "a list of words"),
];

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod fixtures;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_tokens_count_where_asked_for_and_nothing_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut json = fixtures::word_level_json();
        json["truncation"] = serde_json::json!({
            "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0
        });
        fs_err::write(folder.path().join("tokenizer.json"), json.to_string()).expect("a file");
        let tokenizer = Tokenizer::load(folder.path()).expect("loaded");
        assert_eq!(tokenizer.path(), folder.path().join("tokenizer.json"));
        let text = vec!["wa"; 10_000].join(" ");
        assert_eq!(tokenizer.count(&text, SpecialTokens::Left).expect("counted"), 10_000);
        assert_eq!(tokenizer.count(&text, SpecialTokens::Counted).expect("counted"), 10_001);
        assert_eq!(tokenizer.count("", SpecialTokens::Counted).expect("counted"), 0);
    }

    #[test]
    fn faults_name_the_path_and_the_remedy() {
        let problem = |error: TokenizerError| error.problem(Origin::Derived, "tokenizer.path").to_string();
        let missing = Tokenizer::load(Path::new("/none/Qwen3-8B")).expect_err("none");
        insta::assert_snapshot!(problem(missing), @"(default): tokenizer.path: /none/Qwen3-8B/tokenizer.json does not exist (name a local folder that holds the model's tokenizer.json)");
        let folder = tempfile::tempdir().expect("a folder");
        for (name, kind) in [
            ("tokenizer.model", "a SentencePiece model"),
            ("spiece.model", "a SentencePiece model"),
            ("qwen.tiktoken", "a tiktoken vocabulary"),
            ("vocab.txt", "a list of words"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            fs_err::write(folder.path().join(name), "").expect("a file");
            fs_err::write(folder.path().join("config.json"), "{}").expect("a file");
            let fault = problem(Tokenizer::load(folder.path()).expect_err("another kind"));
            let expected = format!(
                "tokenizer.json does not exist, and {kind} in {name} is not read (make tokenizer.json in Python"
            );
            assert!(fault.contains(&expected), "{fault}");
        }
        let bad = folder.path().join("bad.json");
        fs_err::write(&bad, "{}").expect("a file");
        let fault = Tokenizer::load(&bad).expect_err("no tokenizer").to_string();
        assert!(fault.starts_with(&format!("{} cannot be used as a tokenizer: ", bad.display())), "{fault}");
    }
}
