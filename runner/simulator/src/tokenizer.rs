//! Token counts of prompts, and words from which answers with an exact number of tokens are made.
//!
//! With a tokenizer, every word is one token wherever it stands: each chunk's text alone and the whole answer encode
//! to as many tokens as words. That is checked when the tokenizer is loaded. Without one, words are tokens.

mod small;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use crate::{SimulatorError, chance};

pub use small::{SmallTokenizer, write_small_tokenizer};

/// Words in use; all pairs of them are checked, so the check grows with the square.
const WORDS: usize = 48;
/// Random answers that are checked, and their length in words.
const CHECKED_ANSWERS: usize = 8;
const CHECKED_WORDS: usize = 200;
/// Word of the answers without a tokenizer.
const PLAIN_WORD: &str = " tok";

/// What texts are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// Tokens of the tokenizer; words without one.
    #[default]
    Tokens,
    /// Words between white space, also where there is a tokenizer for the answers: a benchmark of clients does not wait
    /// for the server's tokenizer then.
    Words,
}

/// Counts tokens and supplies the words of answers.
#[derive(Debug)]
pub struct TextModel {
    tokenizer: Option<Tokenizer>,
    counting: Counting,
    words: Arc<[Box<str>]>,
}

impl TextModel {
    /// Whitespace-separated words as tokens, no special tokens, answers of one repeated word.
    #[must_use]
    pub fn words() -> Self {
        Self { tokenizer: None, counting: Counting::Words, words: Arc::from([Box::from(PLAIN_WORD)]) }
    }

    /// Loads `tokenizer.json` from folder `path`, or the file itself, and finds words for answers.
    pub fn load(path: &Path, seed: u64) -> Result<Self, SimulatorError> {
        let file: PathBuf = if path.is_dir() { path.join("tokenizer.json") } else { path.to_owned() };
        let problem = |reason: String| SimulatorError::Tokenizer { file: file.clone(), reason };
        let mut tokenizer = Tokenizer::from_file(&file).map_err(|error| problem(error.to_string()))?;
        // Counts are of the whole text, whatever a model's limits are.
        tokenizer.with_truncation(None).map_err(|error| problem(error.to_string()))?;
        tokenizer.with_padding(None);
        let words = stable_words(&tokenizer, &mut chance::candidates(seed)).ok_or_else(|| {
            problem(
                "no words are one token each wherever they stand, so answers of exact length cannot be made from it; \
                 use a byte-level BPE tokenizer"
                    .to_owned(),
            )
        })?;
        Ok(Self { tokenizer: Some(tokenizer), counting: Counting::Tokens, words })
    }

    /// The same answers and ids, but texts are counted in `counting`.
    #[must_use]
    pub fn counting(self, counting: Counting) -> Self {
        Self { counting, ..self }
    }

    /// Tokens of `text`, with the special tokens that the tokenizer adds or without.
    pub fn count(&self, text: &str, special_tokens: bool) -> Result<u32, SimulatorError> {
        match (self.counting, &self.tokenizer) {
            (Counting::Tokens, Some(tokenizer)) => {
                let encoding = tokenizer.encode_fast(text, special_tokens).map_err(SimulatorError::encode)?;
                Ok(saturate(encoding.len()))
            }
            (Counting::Words, _) | (_, None) => Ok(saturate(text.split_whitespace().count())),
        }
    }

    /// Ids of the tokens of `text`; `None` without a tokenizer.
    pub fn ids(&self, text: &str, special_tokens: bool) -> Result<Option<Vec<u32>>, SimulatorError> {
        let Some(tokenizer) = &self.tokenizer else { return Ok(None) };
        let encoding = tokenizer.encode_fast(text, special_tokens).map_err(SimulatorError::encode)?;
        Ok(Some(encoding.get_ids().to_vec()))
    }

    /// True if counting a long text takes so long that it would hold up other requests on the same thread.
    pub fn is_slow(&self) -> bool {
        self.counting == Counting::Tokens
    }

    /// The answer to `prompt`, always the same for equal seeds.
    pub fn answer(&self, seed: u64, prompt: &[u8]) -> Answer {
        let words = self.words.len();
        let mut generator = chance::text(seed, crc32fast::hash(prompt));
        let start = generator.random_range(0..words);
        let stride = generator.random_range(1..=words);
        Answer { words: Arc::clone(&self.words), start, stride }
    }
}

fn saturate(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// An endless answer, one token a word; words are lower-case ASCII after a space and need no escaping in JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    words: Arc<[Box<str>]>,
    start: usize,
    stride: usize,
}

impl Answer {
    /// The word that is token `index`.
    #[must_use]
    pub fn word(&self, index: u32) -> &str {
        let place = self.start + self.stride * index as usize;
        &self.words[place % self.words.len()]
    }
}

/// Up to [`WORDS`] words that are one token alone, two in every pair, and add up in long answers; `None` if there are
/// none.
fn stable_words(tokenizer: &Tokenizer, generator: &mut ChaCha8Rng) -> Option<Arc<[Box<str>]>> {
    let tokens = |text: &str| tokenizer.encode_fast(text, false).map_or(0, |encoding| encoding.len());
    let mut candidates = candidates(tokenizer);
    candidates.shuffle(generator);
    let mut words: Vec<String> = Vec::new();
    for candidate in candidates {
        let fits = |word: &String| {
            tokens(&format!("{word}{candidate}")) == 2 && tokens(&format!("{candidate}{word}")) == 2
        };
        if tokens(&candidate) == 1 && fits(&candidate) && words.iter().all(fits) {
            words.push(candidate);
        }
        if words.len() == WORDS {
            break;
        }
    }
    if words.is_empty() {
        return None;
    }
    let adds_up = (0..CHECKED_ANSWERS).all(|_| {
        let answer: String =
            (0..CHECKED_WORDS).map(|_| words[generator.random_range(0..words.len())].as_str()).collect();
        tokens(&answer) == CHECKED_WORDS
    });
    adds_up.then(|| words.into_iter().map(String::into_boxed_str).collect())
}

/// Plain words of the vocabulary, each after a space, in order of their ids.
fn candidates(tokenizer: &Tokenizer) -> Vec<String> {
    let ids = 0..saturate(tokenizer.get_vocab_size(false));
    let names: Vec<String> = ids.filter_map(|id| tokenizer.id_to_token(id)).collect();
    // Byte-level BPE writes a leading space as Ġ, SentencePiece as ▁; WordPiece drops spaces.
    let spaced = names.iter().filter_map(|name| name.strip_prefix(['Ġ', '▁']));
    let mut words: Vec<String> =
        spaced.filter(|word| is_plain(word)).map(|word| format!(" {word}")).collect();
    if words.is_empty() {
        words = names.iter().filter(|word| is_plain(word)).map(|word| format!(" {word}")).collect();
    }
    words
}

fn is_plain(word: &str) -> bool {
    word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> (tempfile::TempDir, TextModel) {
        let folder = tempfile::tempdir().unwrap();
        write_small_tokenizer(folder.path()).unwrap();
        let model = TextModel::load(folder.path(), 1).unwrap();
        (folder, model)
    }

    #[test]
    fn words_without_a_tokenizer() {
        let model = TextModel::words();
        assert_eq!(model.count(" one two\nthree ", true).unwrap(), 3);
        assert_eq!(model.answer(1, b"x").word(9), " tok");
    }

    #[test]
    fn answers_have_one_token_a_word_however_they_are_cut() {
        let (_folder, model) = small();
        assert_eq!(model.words.len(), WORDS);
        for prompt in ["a", "b", "c", "d"] {
            let answer = model.answer(7, prompt.as_bytes());
            let text: String = (0..300).map(|index| answer.word(index)).collect();
            assert_eq!(model.count(&text, false).unwrap(), 300);
            for k in [1, 2, 3, 7] {
                for start in (0..300).step_by(k) {
                    let end = (start + k).min(300);
                    let chunk: String =
                        (start..end).map(|i| answer.word(u32::try_from(i).unwrap())).collect();
                    assert_eq!(model.count(&chunk, false).unwrap() as usize, end - start);
                }
            }
        }
    }

    #[test]
    fn prompts_can_be_counted_by_words_beside_the_same_answers() {
        let (_folder, model) = small();
        let answer = model.answer(1, b"x").word(3).to_owned();
        let model = model.counting(Counting::Words);
        assert_eq!(model.count("Zażółć gęślą jaźń", true).unwrap(), 3);
        assert!(!model.is_slow());
        assert!(model.ids("Zażółć", false).unwrap().is_some_and(|ids| ids.len() > 1));
        assert_eq!(model.answer(1, b"x").word(3), answer);
    }

    #[test]
    fn answers_follow_the_seed_and_the_prompt() {
        let (_folder, model) = small();
        let text = |seed, prompt: &str| {
            let answer = model.answer(seed, prompt.as_bytes());
            (0..20).map(|index| answer.word(index).to_owned()).collect::<String>()
        };
        assert_eq!(text(1, "x"), text(1, "x"));
        assert_ne!(text(1, "x"), text(2, "x"));
        assert_ne!(text(1, "x"), text(1, "y"));
    }

    #[test]
    fn special_tokens_are_counted_as_asked() {
        let (_folder, model) = small();
        let text = "Zażółć gęślą jaźń 123 \u{1F600}";
        let bare = model.count(text, false).unwrap();
        assert_eq!(model.count(text, true).unwrap(), bare + 1);
        assert_eq!(model.ids(text, true).unwrap().unwrap().len(), bare as usize + 1);
    }

    #[test]
    fn an_unreadable_tokenizer_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = TextModel::load(folder.path(), 1).unwrap_err().to_string();
        assert!(message.contains("tokenizer.json"), "{message}");
    }

    #[test]
    fn a_tokenizer_without_stable_words_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let json = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
            "pre_tokenizer":null,"post_processor":null,"decoder":null,
            "model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]}}"#;
        std::fs::write(folder.path().join("tokenizer.json"), json).unwrap();
        let message = TextModel::load(folder.path(), 1).unwrap_err().to_string();
        assert!(message.contains("one token each"), "{message}");
    }
}
