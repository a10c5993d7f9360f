//! `data.type: synthetic`: prompts of exactly the drawn number of tokens, special tokens included.
//!
//! A prompt is composed of words whose counts add up (see [`super::words`]). At the start it is tried out whether they
//! do for this tokenizer; if so prompts need not be encoded (one in [`CHECKED`] still is), if not each is encoded and mended in
//! a bounded search, and the nearest is sent and counted as inexact. Prompts begin with words that number them, so no
//! two of a run are alike and a prefix cache finds nothing to share.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::body::BodyOptions;
use super::lengths::Lengths;
use super::tokenizer::{SpecialTokens, Tokenizer, TokenizerError};
use super::words::{Corpus, Word, Words};
use super::{Drawn, Prepared, Workload};
use crate::seed::{Purpose, Seed};

/// More of a corpus is not read: it would fill the memory and no run needs it.
const MOST_CORPUS_BYTES: usize = 32 << 20;
/// One prompt in so many is encoded to make sure that counts still add up.
const CHECKED: u64 = 1024;
/// Attempts to compose an exact prompt where counts do not add up.
const ATTEMPTS: u64 = 8;
/// Words that are then tried at its end.
const ADDITIONS: usize = 48;
/// Every so often, a word that did not fit takes back the one before it.
const STUCK: usize = 6;
/// Random words that are tried before the list is searched for one that fits.
const DRAWS: usize = 8;
/// Words that number a prompt: three digits of its index, then its stage.
const DIGITS: usize = 4;

/// Why there can be no synthetic prompts.
#[derive(Debug, thiserror::Error)]
pub enum SyntheticError {
    /// The corpus cannot be used.
    #[error("data.corpus_file_path: {}: {fault} (give a text file in UTF-8 that this process can read)", path.display())]
    Corpus {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The tokenizer knows no words.
    #[error("the tokenizer {} gives no word any token, so no prompt has a length", path.display())]
    NoWords {
        /// The tokenizer's file.
        path: PathBuf,
    },
    /// The tokenizer refuses plain words.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Room that a text is given ahead for each of its tokens, bytes; plain words need less.
const ROOM_BYTES: u32 = 8;
/// Room that it is given at most, bytes.
const MOST_ROOM_BYTES: u32 = 1 << 20;

/// Synthetic prompts.
pub struct Synthetic {
    seed: Seed,
    tokenizer: Arc<Tokenizer>,
    words: Words,
    corpus: Option<Corpus>,
    /// Special tokens that a prompt has beside its words.
    special: u32,
    input: Lengths,
    output: Lengths,
    options: BodyOptions,
    /// Counts of words add up with this tokenizer.
    additive: AtomicBool,
    inexact: AtomicU64,
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
        Self::of_words(seed, tokenizer, (words, corpus), lengths, options)
    }

    /// Prompts of `words`, or of passages of a corpus.
    pub(super) fn of_words(
        seed: Seed,
        tokenizer: Arc<Tokenizer>,
        (words, corpus): (Words, Option<Corpus>),
        (input, output): (Lengths, Lengths),
        options: BodyOptions,
    ) -> Result<Self, SyntheticError> {
        let Some(word) = words.list().first() else {
            return Err(SyntheticError::NoWords { path: tokenizer.path().to_owned() });
        };
        let special = tokenizer
            .count(&word.text, SpecialTokens::Counted)?
            .saturating_sub(tokenizer.count(&word.text, SpecialTokens::Left)?);
        let (additive, inexact) = (AtomicBool::new(true), AtomicU64::new(0));
        let this =
            Self { seed, tokenizer, words, corpus, special, input, output, options, additive, inexact };
        let adds_up = this.try_out()?;
        this.additive.store(adds_up, Ordering::Relaxed);
        Ok(this)
    }

    /// Whether counts add up, over prompts of all sizes that no run sends.
    fn try_out(&self) -> Result<bool, TokenizerError> {
        for (index, tokens) in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610].into_iter().enumerate()
        {
            let (text, composed) = self.compose(u32::MAX, index as u64, tokens);
            if self.tokenizer.count(&text, SpecialTokens::Counted)? != composed + self.special {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A prompt of `length` tokens if there is one, and the number that it has.
    fn prompt(&self, stage: u32, index: u64, length: u32) -> (String, u32) {
        let target = length.saturating_sub(self.special);
        let (text, composed) = self.compose(stage, index, target);
        let believed = composed + self.special;
        let (text, tokens) = if self.additive.load(Ordering::Relaxed) && !index.is_multiple_of(CHECKED) {
            (text, believed)
        } else {
            match self.tokenizer.count(&text, SpecialTokens::Counted) {
                Ok(tokens) if tokens == believed => (text, tokens),
                Ok(tokens) => {
                    self.additive.store(false, Ordering::Relaxed);
                    self.search(stage, index, length, (text, tokens))
                }
                Err(_) => (text, believed),
            }
        };
        if tokens != length {
            self.inexact.fetch_add(1, Ordering::Relaxed);
        }
        (text, tokens)
    }

    /// Looks for a text of exactly `length` tokens where counts do not add up: first by composing anew, aiming beside
    /// the mark by as much as the last attempt missed it, then word by word. Bounded; gives the nearest.
    fn search(&self, stage: u32, index: u64, length: u32, first: (String, u32)) -> (String, u32) {
        let mut aim = length.saturating_sub(self.special);
        let mut missed_with = first.1;
        let mut best = first;
        for _ in 0..ATTEMPTS {
            if best.1 == length {
                return best;
            }
            aim = aim.saturating_add(length).saturating_sub(missed_with).max(1);
            let (text, _) = self.compose(stage, index, aim);
            let Ok(tokens) = self.tokenizer.count(&text, SpecialTokens::Counted) else { break };
            missed_with = tokens;
            if tokens.abs_diff(length) < best.1.abs_diff(length) {
                best = (text, tokens);
            }
        }
        let mended = self.mend(stage, index, length, best.clone());
        if mended.1.abs_diff(length) < best.1.abs_diff(length) { mended } else { best }
    }

    /// Drops last words until the text is not too long, then adds random ones that do not make it so.
    fn mend(
        &self,
        stage: u32,
        index: u64,
        length: u32,
        (mut text, mut tokens): (String, u32),
    ) -> (String, u32) {
        let count = |text: &str| self.tokenizer.count(text, SpecialTokens::Counted).unwrap_or(u32::MAX);
        while tokens > length {
            let Some(end) = text.rfind(' ') else { break };
            text.truncate(end);
            tokens = count(&text);
        }
        let mut rng = self.seed.rng(Purpose::Prompt, stage, index);
        let list = self.words.list();
        for addition in 1..=ADDITIONS {
            if tokens >= length {
                break;
            }
            let longer = format!("{text} {}", list[rng.random_range(0..list.len())].text);
            let longer_tokens = count(&longer);
            if (tokens + 1..=length).contains(&longer_tokens) {
                (text, tokens) = (longer, longer_tokens);
            } else if addition % STUCK == 0
                && let Some(end) = text.rfind(' ')
            {
                text.truncate(end);
                tokens = count(&text);
            }
        }
        (text, tokens)
    }

    /// Composes a text of `tokens` tokens, or as near as the words allow, at least one word; the count is that of
    /// the words.
    fn compose(&self, stage: u32, index: u64, tokens: u32) -> (String, u32) {
        let mut rng = self.seed.rng(Purpose::Prompt, stage, index);
        let room = tokens.saturating_mul(ROOM_BYTES).min(MOST_ROOM_BYTES);
        let text = String::with_capacity(room as usize);
        let mut draft = Draft { words: &self.words, text, left: tokens };
        for word in self.numbering(stage, index) {
            if !draft.push(word) {
                break;
            }
        }
        match &self.corpus {
            Some(corpus) => {
                let start = rng.random_range(0..corpus.len());
                for word in corpus.from(start) {
                    if !draft.push(word) {
                        break;
                    }
                }
            }
            None => while draft.left > 0 && draft.push_one_of(&mut rng, DRAWS) {},
        }
        while draft.left > 0 && draft.push_fitting(&mut rng) {}
        if draft.text.is_empty() {
            // Not even the shortest word fits; a prompt must say something.
            if let Some(word) = self.words.list().iter().min_by_key(|word| word.first) {
                return (word.text.to_string(), word.first);
            }
        }
        (draft.text, tokens - draft.left)
    }

    /// The words that tell a prompt from all others, the one that changes fastest first.
    fn numbering(&self, stage: u32, index: u64) -> [&Word; DIGITS] {
        let list = self.words.list();
        let base = list.len() as u64;
        let digits = [index % base, index / base % base, index / base / base % base, u64::from(stage) % base];
        let mut rng = self.seed.rng(Purpose::Numbering, 0, 0);
        digits.map(|digit| {
            let turned = (digit + rng.random_range(0..base)) % base;
            // Below the length of the list, as the base is.
            &list[usize::try_from(turned).unwrap_or(0)]
        })
    }
}

impl Workload for Synthetic {
    fn drawn(&self, _stage: u32, index: u64) -> Drawn {
        Drawn { prompt_tokens: self.input.draw(index), output_tokens: self.output.draw(index) }
    }

    fn prepare(&self, stage: u32, index: u64) -> Prepared {
        let drawn = self.drawn(stage, index);
        let (prompt, prompt_tokens) = self.prompt(stage, index, drawn.prompt_tokens);
        let body = self.options.of_prompt((stage, index), &prompt, drawn.output_tokens);
        Prepared { index, body, prompt_tokens, drawn, memory: None }
    }

    fn inexact(&self) -> u64 {
        self.inexact.load(Ordering::Relaxed)
    }
}

/// A text that grows word by word and can always still be filled up exactly, if that is possible at all.
struct Draft<'a> {
    words: &'a Words,
    text: String,
    /// Tokens still to come.
    left: u32,
}

impl Draft<'_> {
    /// Appends `word` if the rest can still be filled after it.
    fn push(&mut self, word: &Word) -> bool {
        let tokens = if self.text.is_empty() { word.first } else { word.next };
        let Some(left) = self.left.checked_sub(tokens) else { return false };
        if !self.words.can_fill(left) {
            return false;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(&word.text);
        self.left = left;
        true
    }

    /// Appends one of `draws` random words that fits.
    fn push_one_of(&mut self, rng: &mut ChaCha8Rng, draws: usize) -> bool {
        let list = self.words.list();
        (0..draws).any(|_| self.push(&list[rng.random_range(0..list.len())]))
    }

    /// Appends the first word that fits, beginning at a random one.
    fn push_fitting(&mut self, rng: &mut ChaCha8Rng) -> bool {
        let list = self.words.list();
        let (before, after) = list.split_at(rng.random_range(0..list.len()));
        after.iter().chain(before).any(|word| self.push(word))
    }
}

fn read_corpus(path: &Path, tokenizer: &Tokenizer) -> Result<Corpus, SyntheticError> {
    let fault = |fault: String| SyntheticError::Corpus { path: path.to_owned(), fault };
    let bytes = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    let mut text = std::str::from_utf8(&bytes).map_err(|error| {
        let mut message = String::from("it is not UTF-8");
        let _ = write!(message, " from byte {} on", error.valid_up_to());
        fault(message)
    })?;
    if text.len() > MOST_CORPUS_BYTES {
        text = &text[..text.floor_char_boundary(MOST_CORPUS_BYTES)];
        tracing::warn!("{}: only the first {} MiB are used", path.display(), MOST_CORPUS_BYTES >> 20);
    }
    Corpus::new(text, tokenizer)?.ok_or_else(|| fault("it holds no word".to_owned()))
}

#[cfg(test)]
mod tests;
