//! The client's tokenizer: counts tokens as the model's own tokenizer would.
//!
//! Counts are never cut at the model's greatest length: truncation and padding are switched off.

use std::path::{Path, PathBuf};

use benchmark_schemas::problem::{Origin, Problem};
use tokenizers::{Model as _, Tokenizer as Inner};

mod bpe;

/// A tokenizer that was read from a local folder.
pub struct Tokenizer {
    inner: Inner,
    path: PathBuf,
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
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(TokenizerError::Missing { path })
            }
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
        Ok(Self { inner, path })
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
        let encoding = self
            .inner
            .encode_fast(text, special == SpecialTokens::Counted)
            .map_err(|error| TokenizerError::Encode { path: self.path.clone(), fault: error.to_string() })?;
        Ok(u32::try_from(encoding.len()).unwrap_or(u32::MAX))
    }

    /// The model's vocabulary in the order of its ids, those of added tokens left out.
    pub(super) fn vocabulary(&self) -> impl Iterator<Item = String> {
        let model = self.inner.get_model();
        // Ids beyond their number belong to a vocabulary with gaps, whose last tokens are not looked at.
        let ids = 0..u32::try_from(model.get_vocab_size()).unwrap_or(u32::MAX);
        ids.filter_map(|id| model.id_to_token(id))
    }
}

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
        let bad = folder.path().join("bad.json");
        fs_err::write(&bad, "{}").expect("a file");
        let fault = Tokenizer::load(&bad).expect_err("no tokenizer").to_string();
        assert!(fault.starts_with(&format!("{} cannot be used as a tokenizer: ", bad.display())), "{fault}");
    }
}
