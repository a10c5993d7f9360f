//! `data.type: synthetic`: prompts of exactly the drawn number of tokens, special tokens included, of which no two of a
//! run are alike (see [`super::composer`]).

use std::path::Path;
use std::sync::Arc;

use benchmark_schemas::config::Multimodal;

use super::body::BodyOptions;
use super::composer::{Composer, Name, SyntheticError, Text, read_corpus};
use super::lengths::Lengths;
use super::media::{MediaSource, woven};
use super::tokenizer::Tokenizer;
use super::words::Words;
use super::{Drawn, Prepared, Workload};
use crate::seed::{Purpose, Seed};

/// Synthetic prompts.
pub struct Synthetic {
    composer: Composer,
    input: Lengths,
    output: Lengths,
    options: BodyOptions,
    seed: Seed,
    media: MediaSource,
}

impl Synthetic {
    /// Prompts of words of the tokenizer's vocabulary, or of passages of the text file `corpus`.
    ///
    /// # Errors
    ///
    /// If the corpus cannot be used or the tokenizer cannot count words.
    pub fn new(
        seed: Seed,
        tokenizer: Arc<Tokenizer>,
        corpus: Option<&Path>,
        lengths: (Lengths, Lengths),
        options: BodyOptions,
    ) -> Result<Self, SyntheticError> {
        let words = Words::of(&tokenizer)?;
        let corpus = corpus.map(|path| read_corpus(path, &tokenizer)).transpose()?;
        Ok(Self::of(seed, Composer::new(seed, tokenizer, words, corpus)?, lengths, options))
    }

    /// The same with the images, videos and sounds of `settings`; by the chat API.
    #[must_use]
    pub fn with_media(self, settings: Option<&Multimodal>) -> Self {
        Self { media: MediaSource::new(settings), ..self }
    }

    /// Prompts that `composer` makes.
    pub(super) fn of(
        seed: Seed,
        composer: Composer,
        (input, output): (Lengths, Lengths),
        options: BodyOptions,
    ) -> Self {
        Self { composer, input, output, options, seed, media: MediaSource::default() }
    }
}

impl Workload for Synthetic {
    fn drawn(&self, _stage: u32, index: u64) -> Drawn {
        Drawn { prompt_tokens: self.input.draw(index), output_tokens: self.output.draw(index) }
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        let drawn = self.drawn(stage, index);
        let name = Name { purpose: Purpose::Prompt, stage, index };
        let Text { text, tokens } = self.composer.text(name, drawn.prompt_tokens);
        self.composer.note(tokens, drawn.prompt_tokens);
        if !self.media.is_empty() {
            let items = self.media.encoded(&mut self.seed.rng(Purpose::Media, stage, index));
            let body = self.options.of_parts((stage, index), &woven(&text, &items), drawn.output_tokens);
            let media = items.into_iter().map(|(_, encoded)| encoded.medium).collect();
            return Prepared { media, ..Prepared::new(index, body, tokens, drawn) };
        }
        let prompt = self.composer.prompt(text);
        let body = self.options.of_prompt((stage, index), &prompt, drawn.output_tokens);
        Prepared::new(index, body, tokens, drawn)
    }

    fn inexact(&self) -> u64 {
        self.composer.inexact()
    }
}

#[cfg(test)]
mod tests;
