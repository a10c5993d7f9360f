//! Texts of exactly the wanted number of tokens, special tokens included.
//!
//! A text is composed of words whose counts add up (see [`super::words`]). At the start it is tried out whether they
//! do for this tokenizer; if so texts need not be encoded (one in [`CHECKED`] still is), if not each is encoded and mended in
//! a bounded search, and the nearest is given. Texts begin with words that number them, so no two of a run are alike
//! and a prefix cache finds nothing to share; a text can also go on after another one, which it then shares. It knows
//! nothing of requests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::gauge::Gauge;
use super::tokenizer::{SpecialTokens, Tokenizer, TokenizerError};
use super::words::{Corpus, Word, Words};
use crate::seed::{Purpose, Seed};

/// More of a corpus is not read: it would fill the memory and no run needs it.
const MOST_CORPUS_BYTES: usize = 32 << 20;
/// One text in so many is encoded to make sure that counts still add up.
const CHECKED: u64 = 1024;
/// Attempts to compose an exact prompt where counts do not add up.
const ATTEMPTS: u64 = 8;
/// Words that are then tried at its end.
const ADDITIONS: usize = 48;
/// Every so often, a word that did not fit takes back the one before it.
const STUCK: usize = 6;
/// Random words that are tried before the list is searched for one that fits.
const DRAWS: usize = 8;
/// Words that number a text: three digits of its index, then its stage.
pub(super) const DIGITS: usize = 4;

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

/// Which text: those of different names are independent of each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub(super) purpose: Purpose,
    pub(super) stage: u32,
    pub(super) index: u64,
}

/// A text and its tokens, special ones included; an empty one has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) tokens: u32,
}

/// Composes texts.
pub(super) struct Composer {
    seed: Seed,
    gauge: Gauge,
    words: Words,
    corpus: Option<Corpus>,
    /// Tokens that a text has beside those of its words: special ones, or those of a chat template.
    special: u32,
    /// Counts of words add up with this tokenizer.
    additive: AtomicBool,
    inexact: AtomicU64,
}

impl Composer {
    /// Composes of `words`, or of passages of a corpus.
    pub(super) fn new(
        seed: Seed,
        gauge: impl Into<Gauge>,
        words: Words,
        corpus: Option<Corpus>,
    ) -> Result<Self, SyntheticError> {
        let gauge = gauge.into();
        let Some(word) = words.list().first() else {
            return Err(SyntheticError::NoWords { path: gauge.tokenizer().path().to_owned() });
        };
        let alone = gauge.tokenizer().count(&word.text, SpecialTokens::Left)?;
        let special = gauge.count(&word.text)?.saturating_sub(alone);
        let (additive, inexact) = (AtomicBool::new(true), AtomicU64::new(0));
        let this = Self { seed, gauge, words, corpus, special, additive, inexact };
        let adds_up = this.try_out()?;
        this.additive.store(adds_up, Ordering::Relaxed);
        Ok(this)
    }

    /// Tokens that a text has beside those of its words.
    pub(super) fn special(&self) -> u32 {
        self.special
    }

    /// The prompt that `text` becomes.
    pub(super) fn prompt(&self, text: String) -> String {
        self.gauge.prompt(text)
    }

    /// Notes a prompt that was to have `wanted` tokens and has `tokens`.
    pub(super) fn note(&self, tokens: u32, wanted: u32) {
        if tokens != wanted {
            self.inexact.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Prompts noted so far that do not have the wanted length.
    pub(super) fn inexact(&self) -> u64 {
        self.inexact.load(Ordering::Relaxed)
    }

    /// Whether lengths are exact by construction; otherwise every text is encoded.
    #[cfg(test)]
    pub(super) fn is_additive(&self) -> bool {
        self.additive.load(Ordering::Relaxed)
    }

    /// As if counts had been found to add up, or not.
    #[cfg(test)]
    pub(super) fn set_additive(&self, additive: bool) {
        self.additive.store(additive, Ordering::Relaxed);
    }

    /// Whether counts add up, over texts of all sizes that no run sends.
    fn try_out(&self) -> Result<bool, TokenizerError> {
        for (index, tokens) in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610].into_iter().enumerate()
        {
            let name = Name { purpose: Purpose::Prompt, stage: u32::MAX, index: index as u64 };
            let composed = self.compose(&Text::default(), name, tokens + self.special);
            if self.gauge.count(&composed.text)? != composed.tokens {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The text of that name: of `length` tokens if there is one, else of nearly as many.
    pub(super) fn text(&self, name: Name, length: u32) -> Text {
        self.after(&Text::default(), name, length)
    }

    /// `before` with the text of that name after it: both together have `length` tokens.
    pub(super) fn after(&self, before: &Text, name: Name, length: u32) -> Text {
        let composed = self.compose(before, name, length);
        if self.additive.load(Ordering::Relaxed) && !name.index.is_multiple_of(CHECKED) {
            return composed;
        }
        match self.gauge.count(&composed.text) {
            Ok(tokens) if tokens == composed.tokens => composed,
            Ok(tokens) => {
                self.additive.store(false, Ordering::Relaxed);
                self.search(before, name, length, Text { tokens, ..composed })
            }
            Err(_) => composed,
        }
    }

    /// The text of that name that stands by itself behind `before`, `length` tokens longer with it: in the same text, or
    /// `apart` in a message of its own. Special tokens are counted once, as part of `before`, if that says anything.
    pub(super) fn behind(&self, before: &Text, name: Name, length: u32, apart: bool) -> Text {
        if before.text.is_empty() {
            return self.text(name, length);
        }
        if apart {
            let Text { text, tokens } = self.text(name, length.saturating_add(self.special));
            return Text { text, tokens: tokens.saturating_sub(self.special) };
        }
        let Text { text, tokens } = self.after(before, name, before.tokens.saturating_add(length));
        let text = text.get(before.text.len()..).unwrap_or_default().trim_start().to_owned();
        Text { text, tokens: tokens.saturating_sub(before.tokens) }
    }

    /// Looks for a text of exactly `length` tokens where counts do not add up: first by composing anew, aiming beside
    /// the mark by as much as the last attempt missed it, then word by word. Bounded; gives the nearest.
    fn search(&self, before: &Text, name: Name, length: u32, first: Text) -> Text {
        let mut aim = length;
        let mut missed_with = first.tokens;
        let mut best = first;
        for _ in 0..ATTEMPTS {
            if best.tokens == length {
                return best;
            }
            aim = aim.saturating_add(length).saturating_sub(missed_with).max(self.special + 1);
            let Text { text, .. } = self.compose(before, name, aim);
            let Ok(tokens) = self.gauge.count(&text) else { break };
            missed_with = tokens;
            if tokens.abs_diff(length) < best.tokens.abs_diff(length) {
                best = Text { text, tokens };
            }
        }
        let mended = self.mend(before, name, length, best.clone());
        if mended.tokens.abs_diff(length) < best.tokens.abs_diff(length) { mended } else { best }
    }

    /// Drops last words until the text is not too long, then adds random ones that do not make it so.
    fn mend(&self, before: &Text, name: Name, length: u32, whole: Text) -> Text {
        let Text { mut text, mut tokens } = whole;
        let count = |text: &str| self.gauge.count(text).unwrap_or(u32::MAX);
        // What stands before is not touched, nor the word after it.
        let last_space = |text: &str| text.rfind(' ').filter(|&end| end > before.text.len());
        while tokens > length {
            let Some(end) = last_space(&text) else { break };
            text.truncate(end);
            tokens = count(&text);
        }
        let mut rng = self.seed.rng(name.purpose, name.stage, name.index);
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
                && let Some(end) = last_space(&text)
            {
                text.truncate(end);
                tokens = count(&text);
            }
        }
        Text { text, tokens }
    }

    /// Composes `before` and a text, of `length` tokens together, or as near as the words allow, at least one word; the
    /// count is what those of the words add up to.
    fn compose(&self, before: &Text, name: Name, length: u32) -> Text {
        let base = if before.text.is_empty() { self.special } else { before.tokens };
        let tokens = length.saturating_sub(base);
        let mut rng = self.seed.rng(name.purpose, name.stage, name.index);
        let room = tokens.saturating_mul(ROOM_BYTES).min(MOST_ROOM_BYTES);
        let mut text = String::with_capacity(before.text.len() + room as usize);
        text.push_str(&before.text);
        let mut draft = Draft { words: &self.words, text, left: tokens };
        for word in self.numbering(name) {
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
                return Text { text: word.text.to_string(), tokens: base + word.first };
            }
        }
        Text { text: draft.text, tokens: base + tokens - draft.left }
    }

    /// The words that tell a text from all others, the one that changes fastest first.
    fn numbering(&self, Name { stage, index, .. }: Name) -> [&Word; DIGITS] {
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

pub(super) fn read_corpus(path: &Path, tokenizer: &Tokenizer) -> Result<Corpus, SyntheticError> {
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
