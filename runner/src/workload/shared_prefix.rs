//! `data.type: shared_prefix`: groups of prompts that begin alike, asked in one shuffled order, round and round.
//!
//! The beginning has the drawn length with its special tokens, and beginning and question have exactly both lengths
//! together: upstream counts the special tokens twice. By chat and Anthropic's API the beginning is the system message
//! and the question the user's. Beginnings are kept once they are made: their texts, one for each group, are in memory.
//!
//! With images, videos or sounds all of a prompt is one message of the user: those of a group stand in its beginning and are
//! the same in each of its prompts.
//!
//! With `enable_multi_turn_chat` each prompt is the first of a user's conversation, and when it comes round again the user
//! goes on with another question.

use std::sync::{Arc, OnceLock};

use benchmark_schemas::config::{
    self, ApiType, Distribution, DistributionType, LengthOrDistribution, Multimodal,
};
use rand::RngExt;

use super::body::{BodyOptions, Message, Role};
use super::composer::{Composer, Name, SyntheticError, Text};
use super::lengths::Lengths;
use super::media::{Encoded, Item, MediaSource, joined, woven};
use super::tokenizer::Tokenizer;
use super::turn::{Texts, Turn, TurnPlace};
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
    /// Each prompt is a conversation that goes on.
    goes_on: bool,
    seed: Seed,
    /// Images, videos and sounds of beginnings, and those of questions.
    media: [MediaSource; 2],
    /// Those of the beginning of each group, made when it is first asked.
    prefix_media: Vec<OnceLock<Vec<(Item, Encoded)>>>,
}

/// Which prompt a request asks.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// Number of the prompt: of the user, if users go on.
    prompt: u64,
    /// Number of its group.
    group: u64,
    /// How often it came before; 0 unless users go on.
    round: u64,
    /// Number of the question: each round has its own.
    question: u64,
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
        Ok(Self {
            composer,
            order,
            per_group,
            prefix,
            prefixes: std::iter::repeat_with(OnceLock::new).take(groups).collect(),
            question,
            output,
            options,
            goes_on: settings.enable_multi_turn_chat,
            seed,
            media: [MediaSource::new(settings.multimodal.as_ref()), MediaSource::default()],
            prefix_media: std::iter::repeat_with(OnceLock::new).take(groups).collect(),
        })
    }

    /// The same with the images, videos and sounds of `settings` in each question.
    #[must_use]
    pub fn with_media(mut self, settings: Option<&Multimodal>) -> Self {
        self.media[1] = MediaSource::new(settings);
        self
    }

    /// What request `index` asks.
    fn asked(&self, index: u64) -> Asked {
        let prompts = (self.order.len() as u64).max(1);
        let place = usize::try_from(index % prompts).unwrap_or(0);
        let prompt = u64::from(self.order.get(place).copied().unwrap_or(0));
        let round = if self.goes_on { index / prompts } else { 0 };
        Asked { prompt, group: prompt / self.per_group, round, question: prompt + round * prompts }
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

impl SharedPrefix {
    /// The question of that name behind `prefix`.
    fn question(&self, prefix: &Text, name: Name, drawn: Drawn) -> Text {
        let length = drawn.prompt_tokens.saturating_sub(prefix.tokens);
        self.composer.behind(prefix, name, length, self.options.api != ApiType::Completion)
    }

    /// A prompt with images, videos and sounds.
    fn woven(&self, (stage, index): (u32, u64), asked: Asked, drawn: Drawn) -> Prepared {
        let none = Text::default();
        let prefix = self.beginning(asked.group).unwrap_or(&none);
        let name = Name { purpose: Purpose::Question, stage: 0, index: asked.question };
        let length = drawn.prompt_tokens.saturating_sub(prefix.tokens);
        let question = self.composer.behind(prefix, name, length, false);
        let prompt_tokens = prefix.tokens + question.tokens;
        self.composer.note(prompt_tokens, drawn.prompt_tokens);
        let [of_prefix, of_question] = &self.media;
        let made = usize::try_from(asked.group).ok().and_then(|group| self.prefix_media.get(group));
        let shared = made.map(|made| {
            made.get_or_init(|| of_prefix.encoded(&mut self.seed.rng(Purpose::PrefixMedia, 0, asked.group)))
        });
        let shared = shared.map_or(&[][..], Vec::as_slice);
        let own = of_question.encoded(&mut self.seed.rng(Purpose::Media, stage, index));
        let parts = joined(woven(&prefix.text, shared), woven(&question.text, &own));
        let body = self.options.of_parts((stage, index), &parts, drawn.output_tokens);
        let media = shared.iter().chain(&own).map(|(_, encoded)| encoded.medium).collect();
        Prepared { media, ..Prepared::new(index, body, prompt_tokens, drawn) }
    }

    /// A round of a user's conversation.
    fn turn(&self, (stage, index): (u32, u64), asked: Asked, drawn: Drawn) -> Prepared {
        let none = Text::default();
        let prefix = self.beginning(asked.group).unwrap_or(&none);
        let name = Name { purpose: Purpose::Question, stage: 0, index: asked.question };
        let question = self.question(prefix, name, drawn);
        let prompt_tokens = prefix.tokens + question.tokens;
        self.composer.note(prompt_tokens, drawn.prompt_tokens);
        let place = TurnPlace { speaker: asked.prompt, round: asked.round, pause_ns: 0 };
        let (system, question_tokens) = (prefix.text.as_str(), question.tokens);
        let texts = Texts { system, question: &question.text, question_tokens, room: None };
        let turn = Turn::new(place, &self.options, (stage, index), texts, drawn.output_tokens);
        Prepared::of_turn(index, turn, prompt_tokens, drawn)
    }
}

impl Workload for SharedPrefix {
    fn drawn(&self, _stage: u32, index: u64) -> Drawn {
        let asked = self.asked(index);
        Drawn {
            prompt_tokens: self.prefix.draw(asked.group).saturating_add(self.question.draw(asked.question)),
            output_tokens: self.output.draw(asked.question),
        }
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        let asked = self.asked(index);
        let drawn = self.drawn(stage, index);
        if self.goes_on {
            return self.turn((stage, index), asked, drawn);
        }
        if !self.media.iter().all(MediaSource::is_empty) {
            return self.woven((stage, index), asked, drawn);
        }
        let none = Text::default();
        let prefix = self.beginning(asked.group).unwrap_or(&none);
        let name = Name { purpose: Purpose::Question, stage: 0, index: asked.question };
        let (body, prompt_tokens) = if self.options.api == ApiType::Completion || prefix.text.is_empty() {
            let whole = self.composer.after(prefix, name, drawn.prompt_tokens);
            (self.options.of_prompt((stage, index), &whole.text, drawn.output_tokens), whole.tokens)
        } else {
            let question = self.question(prefix, name, drawn);
            let messages =
                [Message::new(Role::System, &*prefix.text), Message::new(Role::User, &*question.text)];
            let body = self.options.of_messages((stage, index), &messages, drawn.output_tokens);
            (body, prefix.tokens + question.tokens)
        };
        self.composer.note(prompt_tokens, drawn.prompt_tokens);
        Prepared::new(index, body, prompt_tokens, drawn)
    }

    fn speakers(&self) -> Option<u64> {
        self.goes_on.then_some(self.order.len() as u64)
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
