//! How long a text is where it is used: by itself with its special tokens, or within a chat template, which writes the
//! special tokens itself. It knows nothing of how texts are made.

use std::sync::Arc;

use super::chat_template::Frame;
use super::tokenizer::{SpecialTokens, Tokenizer, TokenizerError};

/// Counts texts as the server will.
#[derive(Debug, Clone)]
pub(super) struct Gauge {
    tokenizer: Arc<Tokenizer>,
    frame: Option<Frame>,
}

impl From<Arc<Tokenizer>> for Gauge {
    fn from(tokenizer: Arc<Tokenizer>) -> Self {
        Self { tokenizer, frame: None }
    }
}

impl Gauge {
    /// Counts texts within `frame`.
    pub(super) fn framed(tokenizer: Arc<Tokenizer>, frame: Frame) -> Self {
        Self { tokenizer, frame: Some(frame) }
    }

    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Tokens of the prompt that `text` becomes.
    pub(super) fn count(&self, text: &str) -> Result<u32, TokenizerError> {
        match &self.frame {
            None => self.tokenizer.count(text, SpecialTokens::Counted),
            Some(frame) => self.tokenizer.count(&frame.around(text), SpecialTokens::Left),
        }
    }

    /// The prompt that `text` becomes.
    pub(super) fn prompt(&self, text: String) -> String {
        match &self.frame {
            None => text,
            Some(frame) => frame.around(&text),
        }
    }
}
