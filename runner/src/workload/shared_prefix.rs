//! `data.type: shared_prefix`: groups of prompts that begin alike, asked in one shuffled order, round and round.
//!
//! The beginning has the drawn length with its special tokens, and beginning and question have exactly both lengths
//! together: upstream counts the special tokens twice. By chat and Anthropic's API the beginning is the system message
//! and the question the user's. Beginnings are kept once they are made: their texts, one for each group, are in memory.

use std::sync::{Arc, OnceLock};

use benchmark_schemas::config::{self, ApiType, Distribution, DistributionType, LengthOrDistribution};
use rand::RngExt;

use super::body::{BodyOptions, Message, Role};
use super::composer::{Composer, Name, SyntheticError, Text};
use super::lengths::Lengths;
use super::tokenizer::Tokenizer;
use super::words::Words;
use super::{Drawn, Prepared, Workload};
use crate::seed::{Purpose, Seed};

/// Groups of prompts that begin alike.
pub struct SharedPrefix {
    composer: Composer,
    /// Prompts, numbered group by group, in the order in which they are asked.
    order: Vec<u32>,
    per_group: u64,
    prefix: Lengths,
    /// The beginning of each group, made when it is first asked. One that is made anew may be another one, if counts
    /// turn out not to add up in between.
    prefixes: Vec<OnceLock<Text>>,
    question: Lengths,
    output: Lengths,
    options: BodyOptions,
}

impl SharedPrefix {
    /// The prompts that `settings` describe; `seed` is for where they give none.
    ///
    /// # Errors
    ///
    /// If the tokenizer cannot count words.
    pub fn new(
        seed: Seed,
        tokenizer: Arc<Tokenizer>,
        settings: &config::SharedPrefix,
        options: BodyOptions,
    ) -> Result<Self, SyntheticError> {
        let seed = settings.seed.map_or(seed, Seed);
        let words = Words::of(&tokenizer)?;
        let lengths = |length: &LengthOrDistribution, older: Option<&Distribution>, purpose| {
            Lengths::new(older.cloned().unwrap_or_else(|| distribution(length)), seed, purpose)
        };
        let prefix = lengths(&settings.system_prompt_len, None, Purpose::PrefixLength).or_none();
        let (question, output) = (&settings.question_distribution, &settings.output_distribution);
        let question = lengths(&settings.question_len, question.as_ref(), Purpose::InputLength);
        let output = lengths(&settings.output_len, output.as_ref(), Purpose::OutputLength);
        let per_group = settings.num_prompts_per_group.max(1);
        let composer = Composer::new(seed, tokenizer, words, None)?;
        let order = shuffled(settings.num_groups.saturating_mul(per_group), seed);
        let groups = order.len() / usize::try_from(per_group).unwrap_or(usize::MAX);
        let prefixes = std::iter::repeat_with(OnceLock::new).take(groups).collect();
        Ok(Self { composer, order, per_group, prefix, prefixes, question, output, options })
    }

    /// Number of the prompt that request `index` asks, and that of its group.
    fn prompt(&self, index: u64) -> (u64, u64) {
        let place = usize::try_from(index.checked_rem(self.order.len() as u64).unwrap_or(0)).unwrap_or(0);
        let prompt = u64::from(self.order.get(place).copied().unwrap_or(0));
        (prompt, prompt / self.per_group)
    }

    /// The beginning of `group`; empty if it has none.
    fn beginning(&self, group: u64) -> Option<&Text> {
        let made = usize::try_from(group).ok().and_then(|group| self.prefixes.get(group))?;
        Some(made.get_or_init(|| match self.prefix.draw(group) {
            0 => Text::default(),
            tokens => self.composer.text(Name { purpose: Purpose::Prefix, stage: 0, index: group }, tokens),
        }))
    }
}

impl Workload for SharedPrefix {
    fn drawn(&self, _stage: u32, index: u64) -> Drawn {
        let (prompt, group) = self.prompt(index);
        Drawn {
            prompt_tokens: self.prefix.draw(group).saturating_add(self.question.draw(prompt)),
            output_tokens: self.output.draw(prompt),
        }
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        let (prompt, group) = self.prompt(index);
        let drawn = self.drawn(stage, index);
        let none = Text::default();
        let prefix = self.beginning(group).unwrap_or(&none);
        let name = Name { purpose: Purpose::Question, stage: 0, index: prompt };
        let (body, prompt_tokens) = if self.options.api == ApiType::Completion || prefix.text.is_empty() {
            let whole = self.composer.after(prefix, name, drawn.prompt_tokens);
            (self.options.of_prompt((stage, index), &whole.text, drawn.output_tokens), whole.tokens)
        } else {
            // Special tokens are counted once, as part of the beginning.
            let special = self.composer.special();
            let question = drawn.prompt_tokens.saturating_sub(prefix.tokens).saturating_add(special);
            let question = self.composer.text(name, question);
            let messages =
                [Message::new(Role::System, &*prefix.text), Message::new(Role::User, &*question.text)];
            let body = self.options.of_messages((stage, index), &messages, drawn.output_tokens);
            (body, prefix.tokens + question.tokens.saturating_sub(special))
        };
        self.composer.note(prompt_tokens, drawn.prompt_tokens);
        Prepared { index, body, prompt_tokens, drawn, memory: None }
    }

    fn inexact(&self) -> u64 {
        self.composer.inexact()
    }
}

/// A number is a distribution of it alone.
fn distribution(length: &LengthOrDistribution) -> Distribution {
    match length {
        LengthOrDistribution::Length(tokens) => {
            Distribution { kind: DistributionType::Fixed, mean: *tokens as f64, ..Distribution::default() }
        }
        LengthOrDistribution::Distribution(distribution) => distribution.clone(),
    }
}

/// The numbers below `count` in an order that depends on `seed` alone. The configuration's checks bound their number.
fn shuffled(count: u64, seed: Seed) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::try_from(count).unwrap_or(u32::MAX)).collect();
    let mut rng = seed.rng(Purpose::Order, 0, 0);
    // Fisher and Yates: each of those left is as likely to be the next from behind.
    for last in (1..order.len()).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

#[cfg(test)]
mod tests;
