//! `data.type: random`: prompts of words drawn from all of the tokenizer's vocabulary, of exactly the drawn number of
//! tokens.
//!
//! Upstream draws token ids, decodes them and encodes the text again until the count is right. Words that are one
//! token each give the same kind of prompt, of which no two share a beginning, without encoding any of them. With
//! `data.use_chat_template` the drawn length is that of the prompt as the model's chat template writes it.

use std::sync::Arc;

use super::body::BodyOptions;
use super::chat_template::{ChatTemplate, ChatTemplateError};
use super::composer::{Composer, SyntheticError};
use super::gauge::Gauge;
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
        Ok(Self::of(seed, Composer::new(seed, tokenizer, words, None)?, lengths, options))
    }

    /// The same within `template`; `requests` are those of the longest stage.
    ///
    /// # Errors
    ///
    /// If the template cannot be used, or takes more tokens than a prompt is to have.
    pub fn random_chat(
        seed: Seed,
        (tokenizer, template): (Arc<Tokenizer>, &ChatTemplate),
        lengths: (Lengths, Lengths),
        requests: u64,
        options: BodyOptions,
    ) -> Result<Self, RandomChatError> {
        let words = Words::of_all(&tokenizer).map_err(SyntheticError::from)?;
        let composer = Composer::new(seed, Gauge::framed(tokenizer, template.frame()?), words, None)?;
        let (template, input) = (composer.special(), &lengths.0);
        let shortest =
            (0..requests.clamp(1, MOST_LOOKED_AT)).map(|index| input.draw(index)).min().unwrap_or(0);
        if shortest <= template {
            return Err(RandomChatError::Short { template, shortest });
        }
        let options = BodyOptions { add_special_tokens: Some(false), ..options };
        Ok(Self::of(seed, composer, lengths, options))
    }
}

/// Lengths that are looked at before the start, at most.
const MOST_LOOKED_AT: u64 = 1 << 20;

/// Why there can be no prompts within a chat template.
#[derive(Debug, thiserror::Error)]
pub enum RandomChatError {
    /// The template is none.
    #[error("data.use_chat_template: {0}")]
    Template(#[from] ChatTemplateError),
    /// There can be no prompts at all.
    #[error(transparent)]
    Prompts(#[from] SyntheticError),
    /// The template alone is as long as a whole prompt.
    #[error(
        "data.use_chat_template: the chat template alone takes {template} tokens, and the shortest prompt is to have \
         {shortest} (raise data.input_distribution.min)"
    )]
    Short {
        /// Tokens of the template.
        template: u32,
        /// Tokens of the shortest prompt.
        shortest: u32,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use benchmark_schemas::config::{ApiType, Distribution, DistributionType};

    use super::super::chat_template::TemplateFiles;
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

    /// A template of four words around the message.
    fn template() -> ChatTemplate {
        let source =
            "{{ bos_token }} wa {{ messages[0].content }} wb{% if add_generation_prompt %} wc{% endif %}";
        let config =
            serde_json::json!({"chat_template": source, "bos_token": "<s>"}).to_string().into_bytes();
        let files = TemplateFiles { config: Some(config), ..TemplateFiles::default() };
        ChatTemplate::new(&files, jiff::ZonedDateTime::UNIX_EPOCH).expect("a template")
    }

    #[test]
    fn a_template_is_part_of_the_drawn_length() {
        let options = BodyOptions::new(ApiType::Completion, "m");
        let tokenizer = Arc::new(fixtures::word_level());
        let made = |min| {
            let distribution =
                Distribution { min, max: 40, kind: DistributionType::Uniform, ..Distribution::default() };
            let length = |purpose| Lengths::new(distribution.clone(), Seed(5), purpose);
            let both = (length(Purpose::InputLength), length(Purpose::OutputLength));
            Synthetic::random_chat(
                Seed(5),
                (Arc::clone(&tokenizer), &template()),
                both,
                1000,
                options.clone(),
            )
        };
        let workload = made(5).expect("room for the template");
        for index in 0..100 {
            let prepared = workload.prepare(0, index);
            let body: serde_json::Value = serde_json::from_slice(&prepared.body).expect("JSON");
            let prompt = body["prompt"].as_str().expect("a prompt");
            assert!(prompt.starts_with("<s> wa w") && prompt.ends_with(" wb wc"), "{prompt}");
            assert_eq!(body["add_special_tokens"], false);
            let counted = tokenizer.count(prompt, SpecialTokens::Left).expect("counted");
            assert_eq!((counted, prepared.prompt_tokens), (prepared.drawn.prompt_tokens, counted));
        }
        assert_eq!(workload.inexact(), 0);
        let short = made(4).err().expect("no room").to_string();
        insta::assert_snapshot!(short, @"data.use_chat_template: the chat template alone takes 4 tokens, and the shortest prompt is to have 4 (raise data.input_distribution.min)");
    }
}
