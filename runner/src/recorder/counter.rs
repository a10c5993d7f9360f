//! Counts the tokens of answers.
//!
//! Encoding an answer costs more than all the rest of its request, but a vocabulary's worth of words comes again and
//! again, so counts are remembered: of chunks, and of words where the tokenizer never joins two words into one token.
//! Whether it does so is tried out at the start, and tried again on a sample of the answers. It knows nothing of records.

use std::collections::HashMap;
use std::sync::Arc;

use crate::workload::{SpecialTokens, Tokenizer};

/// Different texts whose counts are remembered.
const MOST_REMEMBERED: usize = 1 << 16;
/// Longer ones are rare and not worth remembering, bytes.
const LONGEST_REMEMBERED_BYTES: usize = 64;
/// One answer in so many is encoded as a whole, to see whether the sum of its words is right.
const SAMPLED: u64 = 128;
/// Tried out at the start: plain words, capitals, numbers, signs, letters of other scripts, line breaks.
const TRIAL: &str = "The quick brown fox, aged 12, jumps over 345 lazy dogs; isn\u{2019}t it so? \"Yes,\" said Zo\u{e9}                      a   b\nnext line: x = y + 1.\n\n\u{4f60}\u{597d} world Aa Bb cc of the and to in";

/// Counts tokens of answers.
pub(super) struct Counter {
    tokenizer: Option<Arc<Tokenizer>>,
    /// Hashed fast: it is looked into for every chunk.
    remembered: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    /// Counts of words add up to those of texts.
    additive: bool,
    answers: u64,
    complained: bool,
}

impl Counter {
    /// Counts with `tokenizer`; without one, not at all.
    pub(super) fn new(tokenizer: Option<Arc<Tokenizer>>) -> Self {
        let mut counter =
            Self { tokenizer, remembered: HashMap::default(), additive: true, answers: 0, complained: false };
        counter.additive =
            counter.tokenizer.is_some() && counter.sum_of_words(TRIAL) == counter.encoded(TRIAL);
        counter
    }

    /// Tokens of one chunk's text alone; 1 if they cannot be counted.
    pub(super) fn chunk(&mut self, text: &str) -> u32 {
        if self.tokenizer.is_none() {
            return 1;
        }
        self.remembered(text).unwrap_or(1)
    }

    /// Tokens of a whole answer, whose only chunk has `only_chunk` tokens if it came in one; `None` if they cannot be
    /// counted.
    pub(super) fn whole(&mut self, text: &str, only_chunk: Option<u32>) -> Option<u32> {
        self.tokenizer.as_ref()?;
        if only_chunk.is_some() {
            return only_chunk;
        }
        if !self.additive {
            return self.encoded(text);
        }
        let sum = self.sum_of_words(text);
        self.answers += 1;
        if self.answers % SAMPLED != 1 {
            return sum;
        }
        let encoded = self.encoded(text);
        self.additive = sum == encoded;
        encoded
    }

    fn sum_of_words(&mut self, text: &str) -> Option<u32> {
        words(text).try_fold(0u32, |sum, word| Some(sum.saturating_add(self.remembered(word)?)))
    }

    fn remembered(&mut self, text: &str) -> Option<u32> {
        if let Some(&tokens) = self.remembered.get(text) {
            return Some(tokens);
        }
        let tokens = self.encoded(text)?;
        if text.len() <= LONGEST_REMEMBERED_BYTES {
            if self.remembered.len() >= MOST_REMEMBERED {
                self.remembered.clear();
            }
            self.remembered.insert(text.into(), tokens);
        }
        Some(tokens)
    }

    fn encoded(&mut self, text: &str) -> Option<u32> {
        match self.tokenizer.as_ref()?.count(text, SpecialTokens::Left) {
            Ok(tokens) => Some(tokens),
            Err(error) => {
                if !self.complained {
                    self.complained = true;
                    tracing::warn!("tokens of some answers are not counted: {error}");
                }
                None
            }
        }
    }
}

/// Pieces of `text` that begin with a space and a letter, where a letter or digit stands before: there no tokenizer that
/// splits texts into words has a token across the border.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut from = 0;
    std::iter::from_fn(move || {
        if from == bytes.len() {
            return None;
        }
        let is_border = |&at: &usize| {
            bytes[at] == b' '
                && bytes[at - 1].is_ascii_alphanumeric()
                && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic)
        };
        let to = memchr::memchr_iter(b' ', &bytes[from + 1..])
            .map(|step| from + 1 + step)
            .find(is_border)
            .unwrap_or(bytes.len());
        let word = &text[from..to];
        from = to;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workload::fixtures;

    fn counter(merges: &[&str]) -> Counter {
        Counter::new(Some(Arc::new(fixtures::byte_level(merges))))
    }

    #[test]
    fn texts_are_cut_before_words_only() {
        let cut = |text| words(text).collect::<Vec<_>>();
        assert_eq!(cut("one two 3 four"), ["one", " two 3", " four"]);
        assert_eq!(cut(" a  b, c\u{e9} d"), [" a  b, c\u{e9} d"]);
        assert_eq!(cut("x y"), ["x", " y"]);
        assert!(cut("").is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut counter = counter(&[]);
        for i in 0..MOST_REMEMBERED + 10 {
            counter.chunk(&i.to_string());
        }
        assert!(counter.remembered.len() <= MOST_REMEMBERED);
        counter.remembered.clear();
        assert_eq!(counter.chunk(&"x".repeat(LONGEST_REMEMBERED_BYTES + 1)), 65);
        assert!(counter.remembered.is_empty());
    }

    #[test]
    fn a_tokenizer_that_joins_words_encodes_whole_answers() {
        let mut joining = Counter::new(Some(Arc::new(fixtures::merging_across_spaces())));
        let text = "a a a a";
        let whole = joining.encoded(text);
        assert_ne!(joining.sum_of_words(text), whole, "the sum would be wrong");
        assert_eq!(joining.whole(text, None), whole);
        assert!(!joining.additive);
        assert_eq!(joining.whole(text, Some(9)), Some(9), "one chunk is the answer");
    }

    #[test]
    fn one_wrong_sum_ends_the_summing() {
        let mut counter = counter(&["time"]);
        assert!(counter.additive);
        counter.remembered.insert(" time".into(), 7);
        assert_eq!(counter.whole("a time", None), Some(2), "the sampled answer is encoded");
        assert!(!counter.additive);
    }

    proptest! {
        #[test]
        fn sums_are_what_the_whole_counts(text in "[a-c é\\n.,]{0,40}", words in proptest::collection::vec("[a-z]{1,8}", 0..20)) {
            let mut counter = counter(&["time", "ab", "the"]);
            let text = format!("{text}{}", words.join(" "));
            prop_assert_eq!(counter.sum_of_words(&text), counter.encoded(&text));
        }
    }
}
