//! `data.type: conversation_replay`: made-up conversations side by side, each of several turns; when one is over the next
//! begins in its place.
//!
//! Each conversation has a system prompt that all of a stage have in common, and a part of its own; what its turns say is
//! said by no other. What was said before is put in by whoever sends the turn, as far as `max_model_len` has room for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use benchmark_schemas::config::{self, ApiType, Distribution, DistributionType};
use benchmark_schemas::record::Nanos;

use super::body::BodyOptions;
use super::composer::{Composer, Name, SyntheticError, Text};
use super::lengths::Lengths;
use super::tokenizer::Tokenizer;
use super::turn::{Texts, Turn, TurnPlace};
use super::words::Words;
use super::{Drawn, Prepared, Workload};
use crate::seed::{Purpose, Seed};

/// Turns of a conversation where not given.
const TURNS: f64 = 10.0;
/// Tokens of a question where not given.
const INPUT: f64 = 512.0;
/// Tokens of an answer where not given.
const OUTPUT: f64 = 256.0;
/// Tokens that the model takes where not given.
const MODEL_LEN: u64 = 225_000;
/// Tokens that are kept free for what the server adds.
const RESERVE: u32 = 200;
const NANOS_PER_SECOND: Nanos = 1_000_000_000;

/// Conversations side by side.
pub struct Conversations {
    composer: Composer,
    /// Conversations that run side by side, at least one.
    slots: u64,
    /// Length of the system prompt that all have in common.
    shared: u32,
    /// That prompt of each stage so far.
    prompts: Mutex<HashMap<u32, Arc<Text>>>,
    own: Lengths,
    turns: Lengths,
    input: Lengths,
    output: Lengths,
    /// Seconds.
    pauses: Option<Lengths>,
    /// Tokens that prompt and answer may have.
    limit: u32,
    options: BodyOptions,
}

/// Which turn of which conversation a request is.
#[derive(Debug, Clone, Copy)]
struct Asked {
    slot: u64,
    /// Turns before it.
    turn: u64,
    /// Number of the conversation among all.
    conversation: u64,
}

impl Conversations {
    /// The conversations that `settings` describe.
    ///
    /// # Errors
    ///
    /// If the tokenizer cannot count words.
    pub fn new(
        tokenizer: Arc<Tokenizer>,
        settings: &config::ConversationReplay,
        options: BodyOptions,
    ) -> Result<Self, SyntheticError> {
        let seed = Seed(settings.seed);
        let words = Words::of(&tokenizer)?;
        let lengths = |given: Option<&Distribution>, default: f64, purpose| {
            Lengths::new(given.cloned().unwrap_or_else(|| fixed(default)), seed, purpose)
        };
        let tokens = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
        let own = lengths(settings.dynamic_system_prompt_len.as_ref(), 0.0, Purpose::OwnPrefixLength);
        let pauses = settings.tool_call_latency_sec.as_ref();
        Ok(Self {
            composer: Composer::new(seed, tokenizer, words, None)?,
            slots: settings.num_conversations.max(1),
            shared: tokens(settings.shared_system_prompt_len),
            prompts: Mutex::default(),
            own: own.or_none(),
            turns: lengths(settings.turns_per_conversation.as_ref(), TURNS, Purpose::Turns),
            input: lengths(settings.input_tokens_per_turn.as_ref(), INPUT, Purpose::InputLength),
            output: lengths(settings.output_tokens_per_turn.as_ref(), OUTPUT, Purpose::OutputLength),
            pauses: pauses.map(|pauses| Lengths::new(pauses.clone(), seed, Purpose::Pause).or_none()),
            limit: tokens(settings.max_model_len.unwrap_or(MODEL_LEN)),
            options,
        })
    }

    fn asked(&self, index: u64) -> Asked {
        let (slot, round) = (index % self.slots, index / self.slots);
        let turns = u64::from(self.turns.draw(slot));
        Asked { slot, turn: round % turns, conversation: slot + round / turns * self.slots }
    }

    /// Tokens that the prompt of request `index` may have.
    fn room(&self, index: u64) -> u32 {
        self.limit.saturating_sub(self.output.draw(index)).saturating_sub(RESERVE).max(1)
    }

    /// Tokens of system prompt and question: the question goes first where there is no room for both.
    fn lengths(&self, asked: Asked, index: u64) -> (u32, u32) {
        let room = self.room(index);
        let question = self.input.draw(index).min(room);
        let system = self.shared.saturating_add(self.own.draw(asked.conversation));
        (system.min(room - question), question)
    }

    /// The system prompt that all conversations of `stage` have in common.
    fn common(&self, stage: u32) -> Arc<Text> {
        let mut prompts = self.prompts.lock().unwrap_or_else(PoisonError::into_inner);
        let made = prompts.entry(stage).or_insert_with(|| {
            let name = Name { purpose: Purpose::Prefix, stage, index: 0 };
            let text = if self.shared == 0 { Text::default() } else { self.composer.text(name, self.shared) };
            Arc::new(text)
        });
        Arc::clone(made)
    }

    /// The system prompt of a conversation, cut to `length` tokens.
    fn system(&self, stage: u32, conversation: u64, length: u32) -> Text {
        let common = self.common(stage);
        if length < common.tokens {
            // The same words as far as they go.
            let name = Name { purpose: Purpose::Prefix, stage, index: 0 };
            return if length == 0 { Text::default() } else { self.composer.text(name, length) };
        }
        if length == common.tokens {
            return (*common).clone();
        }
        let name = Name { purpose: Purpose::OwnPrefix, stage, index: conversation };
        self.composer.after(&common, name, length)
    }
}

impl Workload for Conversations {
    /// Without what was said before.
    fn drawn(&self, _stage: u32, index: u64) -> Drawn {
        let (system, question) = self.lengths(self.asked(index), index);
        Drawn { prompt_tokens: system.saturating_add(question), output_tokens: self.output.draw(index) }
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        let asked = self.asked(index);
        let (length, _) = self.lengths(asked, index);
        let drawn = self.drawn(stage, index);
        let system = self.system(stage, asked.conversation, length);
        let name = Name { purpose: Purpose::Question, stage, index };
        let left = drawn.prompt_tokens.saturating_sub(system.tokens);
        let question = self.composer.behind(&system, name, left, self.options.api != ApiType::Completion);
        let prompt_tokens = system.tokens + question.tokens;
        self.composer.note(prompt_tokens, drawn.prompt_tokens);
        // The tools that a model calls take their time after an answer, not before the first question.
        let pauses = self.pauses.as_ref().filter(|_| asked.turn > 0);
        let pause_ns = pauses.map_or(0, |pauses| Nanos::from(pauses.draw(index)) * NANOS_PER_SECOND);
        let place = TurnPlace { speaker: asked.slot, round: asked.turn, pause_ns };
        let room = self.room(index).saturating_sub(prompt_tokens);
        let texts = Texts {
            system: &system.text,
            question: &question.text,
            question_tokens: question.tokens,
            room: Some(room),
        };
        let turn = Turn::new(place, &self.options, (stage, index), texts, drawn.output_tokens);
        Prepared::of_turn(index, turn, prompt_tokens, drawn)
    }

    fn speakers(&self) -> Option<u64> {
        Some(self.slots)
    }

    fn inexact(&self) -> u64 {
        self.composer.inexact()
    }
}

/// A distribution of one number alone.
fn fixed(mean: f64) -> Distribution {
    Distribution { kind: DistributionType::Fixed, mean, ..Distribution::default() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::super::tokenizer::{SpecialTokens, fixtures};
    use super::super::turn::History;
    use super::*;

    fn settings(slots: u64, turns: f64, lengths: (u64, f64, f64, f64)) -> config::ConversationReplay {
        let (shared, own, input, output) = lengths;
        config::ConversationReplay {
            num_conversations: slots,
            shared_system_prompt_len: shared,
            dynamic_system_prompt_len: Some(fixed(own)),
            turns_per_conversation: Some(fixed(turns)),
            input_tokens_per_turn: Some(fixed(input)),
            output_tokens_per_turn: Some(fixed(output)),
            ..config::ConversationReplay::default()
        }
    }

    fn workload(settings: &config::ConversationReplay) -> Conversations {
        let options = BodyOptions::new(ApiType::Completion, "m");
        Conversations::new(Arc::new(fixtures::word_level()), settings, options).expect("a workload")
    }

    fn prompt(prepared: &Prepared, history: &History) -> String {
        let body = prepared.turn.as_ref().expect("a turn").body(history).0;
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        body["prompt"].as_str().expect("a prompt").to_owned()
    }

    /// Upstream's worked example, with its defects mended: 2 slots of 2 turns, 8 requests.
    #[test]
    fn slots_take_turns_and_begin_anew() {
        let workload = workload(&settings(2, 2.0, (6, 3.0, 4.0, 2.0)));
        let places: Vec<_> =
            (0..8).map(|index| workload.prepare(0, index).turn.expect("a turn").place).collect();
        let places: Vec<_> = places.iter().map(|place| (place.speaker, place.round)).collect();
        assert_eq!(places, [(0, 0), (1, 0), (0, 1), (1, 1), (0, 0), (1, 0), (0, 1), (1, 1)]);
        let mut questions = HashSet::new();
        let mut systems: Vec<Vec<String>> = Vec::new();
        for index in 0..8 {
            let prepared = workload.prepare(0, index);
            assert_eq!(prepared.drawn, Drawn { prompt_tokens: 13, output_tokens: 2 });
            let prompt = prompt(&prepared, &History::default());
            assert_eq!(fixtures::word_level().count(&prompt, SpecialTokens::Counted).expect("counted"), 13);
            // BOS is one of the 6 tokens that all have in common.
            let words: Vec<String> = prompt.split(' ').map(str::to_owned).collect();
            systems.push(words[..8].to_vec());
            assert!(questions.insert(words[8..].join(" ")), "no question is asked twice");
        }
        assert!(systems.iter().all(|system| system[..5] == systems[0][..5]));
        let own: HashSet<_> = systems.iter().map(|system| system[5..].join(" ")).collect();
        assert_eq!(own.len(), 4, "four conversations");
        assert_eq!(systems[0], systems[2], "both turns of one conversation");
        let second = prompt(&workload.prepare(1, 0), &History::default());
        assert!(!second.starts_with(&systems[0][..5].join(" ")), "another stage has another one");
    }

    #[test]
    fn what_the_model_has_no_room_for_is_cut_from_this_request_alone() {
        let limited = |room| {
            let settings = config::ConversationReplay {
                max_model_len: Some(room + u64::from(RESERVE) + 2),
                ..settings(1, 9.0, (6, 3.0, 4.0, 2.0))
            };
            workload(&settings)
        };
        // System prompt and question have 13 tokens; one turn before has 4 and its answer 2.
        let mut history = History::default();
        history.add(*limited(99).prepare(0, 0).turn.expect("a turn"), "wa wb", 2);
        // BOS is one of the tokens.
        let words = |room| prompt(&limited(room).prepare(0, 1), &history).split(' ').count();
        assert_eq!([19, 18, 13, 12, 9, 6, 4, 3].map(words), [18, 12, 12, 11, 8, 5, 3, 2]);
        for room in [19, 13, 9, 4] {
            assert!(limited(room).prepare(0, 1).prompt_tokens <= u32::try_from(room).expect("few"));
        }
    }

    #[test]
    fn pauses_come_after_answers() {
        let settings = config::ConversationReplay {
            tool_call_latency_sec: Some(fixed(3.0)),
            ..settings(1, 2.0, (0, 0.0, 4.0, 2.0))
        };
        let workload = workload(&settings);
        let pause = |index| workload.prepare(0, index).turn.expect("a turn").place.pause_ns;
        assert_eq!([0, 1, 2, 3].map(pause), [0, 3 * NANOS_PER_SECOND, 0, 3 * NANOS_PER_SECOND]);
    }
}
