//! `data.type: random`: prompts of words drawn from all of the tokenizer's vocabulary, of exactly the drawn number of
//! tokens.
//!
//! Upstream draws token ids, decodes them and encodes the text again until the count is right. Words that are one
//! token each give the same kind of prompt, of which no two share a beginning, without encoding any of them.

use std::sync::Arc;

use super::body::BodyOptions;
use super::composer::{Composer, SyntheticError};
use super::lengths::Lengths;
use super::prompt::Synthetic;
use super::tokenizer::Tokenizer;
use super::words::Words;
use crate::seed::Seed;

impl Synthetic {
    /// Prompts of random words of all of the vocabulary.
    ///
    /// # Errors
    ///
    /// If the tokenizer cannot count words.
    pub fn random(
        seed: Seed,
        tokenizer: Arc<Tokenizer>,
        lengths: (Lengths, Lengths),
        options: BodyOptions,
    ) -> Result<Self, SyntheticError> {
        let words = Words::of_all(&tokenizer)?;
        Ok(Self::of(Composer::new(seed, tokenizer, words, None)?, lengths, options))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use benchmark_schemas::config::{ApiType, Distribution, DistributionType};

    use super::super::tokenizer::fixtures;
    use super::super::{SpecialTokens, Workload};
    use super::*;
    use crate::seed::Purpose;

    fn lengths(purpose: Purpose) -> Lengths {
        let (min, max) = (2, 200);
        let kind = DistributionType::Uniform;
        Lengths::new(Distribution { kind, min, max, ..Distribution::default() }, Seed(5), purpose)
    }

    #[test]
    fn prompts_have_the_drawn_length_and_come_from_all_of_the_vocabulary() {
        let options = BodyOptions::new(ApiType::Completion, "m");
        let both = (lengths(Purpose::InputLength), lengths(Purpose::OutputLength));
        let workload =
            Synthetic::random(Seed(5), Arc::new(fixtures::word_level()), both, options).expect("made");
        let tokenizer = fixtures::word_level();
        let mut words = HashSet::new();
        for index in 0..200 {
            let prepared = workload.prepare(0, index);
            let body: serde_json::Value = serde_json::from_slice(&prepared.body).expect("JSON");
            let prompt = body["prompt"].as_str().expect("a prompt");
            let counted = tokenizer.count(prompt, SpecialTokens::Counted).expect("counted");
            assert_eq!((counted, prepared.prompt_tokens), (prepared.drawn.prompt_tokens, counted));
            assert_eq!(body["max_tokens"], prepared.drawn.output_tokens);
            words.extend(prompt.split(' ').map(str::to_owned));
        }
        // The vocabulary has 702 words.
        assert!(words.len() > 690, "only {} words of the vocabulary", words.len());
    }
}
