//! Words whose token counts are known, so that the counts of a text made of them add up.
//!
//! Encoding a prompt costs more than sending it, so prompts are not cut to length but composed: each word's tokens are
//! counted once, behind a space as in the middle of a text and alone as at its start. Whether counts really add up for
//! a tokenizer is tested by whoever composes; this module only counts.

use std::collections::HashMap;

use super::tokenizer::{SpecialTokens, Tokenizer, TokenizerError};

/// Words taken from a vocabulary at most; more would only lengthen the start.
const MOST_WORDS: usize = 1024;
/// The same for random prompts: counting that many takes some tenths of a second.
const MOST_RANDOM_WORDS: usize = 16_384;
/// With so many words of one token, others are not needed.
const ENOUGH_WORDS: usize = 64;
/// Pieces of a corpus without spaces are cut to this length, bytes.
const LONGEST_CHUNK_BYTES: usize = 48;
/// Up to here it is worked out which remainders words can fill; above, all can be filled.
const REACH: usize = 64;

/// Used where a vocabulary holds too few words of its own; letters make every remainder reachable for tokenizers
/// that count bytes.
const FALLBACK: &str = "a b c d e f g h i j k l m n o p q r s t u v w x y z of to in is it on be at we he time day year way thing world life part \
     child eye woman place work week case point company number group problem fact water room mother area money story \
     month right study book word business issue side kind head house service friend father power hour game line end";

/// A word and its token counts.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: Box<str>,
    /// Tokens at the start of a text.
    pub(super) first: u32,
    /// Tokens after another word and a space.
    pub(super) next: u32,
}

/// The words that prompts are composed of.
#[derive(Debug)]
pub(super) struct Words {
    list: Vec<Word>,
    /// Whether words can fill exactly so many tokens.
    reachable: [bool; REACH],
}

impl Words {
    /// Words of the tokenizer's own vocabulary, in order of their ids: plain lower-case ones of one token, if it has
    /// enough of them. Empty only if the tokenizer gives no word any token.
    pub(super) fn of(tokenizer: &Tokenizer) -> Result<Self, TokenizerError> {
        Self::of_texts(tokenizer, &candidates(tokenizer))
    }

    /// Words of all of the vocabulary, evenly over its ids, in upper and lower case; those of [`Words::of`] if it has
    /// too few.
    pub(super) fn of_all(tokenizer: &Tokenizer) -> Result<Self, TokenizerError> {
        let texts = all_letters(tokenizer);
        if texts.len() < ENOUGH_WORDS { Self::of(tokenizer) } else { Self::of_texts(tokenizer, &texts) }
    }

    fn of_texts(tokenizer: &Tokenizer, texts: &[String]) -> Result<Self, TokenizerError> {
        let mut list = counted(tokenizer, texts)?;
        let single = |word: &Word| word.next == 1 && word.first == 1;
        if list.iter().filter(|word| single(word)).count() >= ENOUGH_WORDS {
            list.retain(single);
        }
        let mut reachable = [false; REACH];
        reachable[0] = true;
        for tokens in 1..REACH {
            reachable[tokens] = list.iter().any(|word| {
                let word_tokens = word.next as usize;
                word_tokens <= tokens && reachable[tokens - word_tokens]
            });
        }
        Ok(Self { list, reachable })
    }

    pub(super) fn list(&self) -> &[Word] {
        &self.list
    }

    /// Whether words can fill exactly `tokens`.
    pub(super) fn can_fill(&self, tokens: u32) -> bool {
        self.reachable.get(tokens as usize).copied().unwrap_or(true)
    }
}

fn candidates(tokenizer: &Tokenizer) -> Vec<String> {
    let plain = |text: &str| {
        ((2..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase()))
            .then(|| text.to_owned())
    };
    // Byte-level and SentencePiece vocabularies mark the start of a word, WordPiece and word-level ones do not.
    let marked = |token: String| plain(token.strip_prefix(['Ġ', '▁'])?);
    let mut words: Vec<String> = tokenizer.vocabulary().filter_map(marked).take(MOST_WORDS).collect();
    if words.len() < ENOUGH_WORDS {
        words.extend(tokenizer.vocabulary().filter_map(|token| plain(&token)).take(MOST_WORDS));
    }
    if words.len() < ENOUGH_WORDS {
        words.extend(FALLBACK.split_whitespace().map(str::to_owned));
    }
    let mut seen = std::collections::HashSet::new();
    words.retain(|word| seen.insert(word.clone()));
    words
}

/// Every so many-th entry of the vocabulary that consists of letters.
fn all_letters(tokenizer: &Tokenizer) -> Vec<String> {
    let letters = |token: String| {
        let text = token.strip_prefix(['Ġ', '▁']).unwrap_or(&token);
        (text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphabetic())).then(|| text.to_owned())
    };
    let mut seen = std::collections::HashSet::new();
    let all = tokenizer.vocabulary().filter_map(letters).filter(|text| seen.insert(text.clone()));
    let all: Vec<String> = all.collect();
    let step = all.len() / MOST_RANDOM_WORDS + 1;
    all.into_iter().step_by(step).collect()
}

/// Counts each text's tokens; texts that have none of their own are left out.
fn counted(tokenizer: &Tokenizer, texts: &[String]) -> Result<Vec<Word>, TokenizerError> {
    let mut words = Vec::with_capacity(texts.len());
    let Some(anchor) = texts.first() else { return Ok(words) };
    let anchor_tokens = tokenizer.count(anchor, SpecialTokens::Left)?;
    for text in texts {
        let first = tokenizer.count(text, SpecialTokens::Left)?;
        let both = tokenizer.count(&format!("{anchor} {text}"), SpecialTokens::Left)?;
        let next = both.saturating_sub(anchor_tokens);
        if first > 0 && next > 0 {
            words.push(Word { text: text.as_str().into(), first, next });
        }
    }
    Ok(words)
}

/// A text as a ring of words. White space between them becomes one space, which keeps their counts apart.
#[derive(Debug)]
pub(super) struct Corpus {
    words: Vec<Word>,
    /// The text, as positions in `words`.
    ring: Vec<u32>,
}

impl Corpus {
    /// Splits `text` and counts each distinct word once; `None` if there is no word in it.
    pub(super) fn new(text: &str, tokenizer: &Tokenizer) -> Result<Option<Self>, TokenizerError> {
        let mut distinct: Vec<String> = Vec::new();
        let mut known: HashMap<&str, u32> = HashMap::new();
        let mut ring = Vec::new();
        for chunk in text.split_whitespace().flat_map(pieces) {
            let position = *known.entry(chunk).or_insert_with(|| {
                distinct.push(chunk.to_owned());
                // A text of 32 MiB has fewer distinct words than that.
                u32::try_from(distinct.len() - 1).unwrap_or(u32::MAX)
            });
            ring.push(position);
        }
        let words = counted(tokenizer, &distinct)?;
        if words.len() < distinct.len() {
            // Some pieces have no tokens of their own: the positions moved.
            let moved: HashMap<&str, u32> = words.iter().map(|word| &*word.text).zip(0..).collect();
            ring.retain_mut(|position| {
                let new = moved.get(distinct[*position as usize].as_str());
                new.map(|&new| *position = new).is_some()
            });
        }
        Ok((!ring.is_empty()).then_some(Self { words, ring }))
    }

    /// Number of words in the text.
    pub(super) fn len(&self) -> usize {
        self.ring.len()
    }

    /// The words from `start` on, round and round.
    pub(super) fn from(&self, start: usize) -> impl Iterator<Item = &Word> {
        let ring = self.ring.iter().cycle().skip(start % self.ring.len());
        ring.map(|&position| &self.words[position as usize])
    }
}

/// Cuts a long piece without spaces, as texts of some scripts are, at character boundaries.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(rest.floor_char_boundary(LONGEST_CHUNK_BYTES));
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tokenizer::fixtures;
    use super::*;

    #[test]
    fn a_vocabulary_with_words_gives_words_of_one_token() {
        let words = Words::of(&fixtures::word_level()).expect("words");
        assert!(words.list().len() > 600);
        assert!(words.list().iter().all(|word| word.first == 1 && word.next == 1));
        assert!((0..200).all(|tokens| words.can_fill(tokens)));
    }

    #[test]
    fn bytes_alone_give_words_of_many_tokens() {
        let words = Words::of(&fixtures::byte_level(&[])).expect("words");
        let word = words.list().iter().find(|word| &*word.text == "time").expect("a fallback word");
        assert_eq!((word.first, word.next), (4, 5));
        // A space and a letter are two tokens, so only a single one cannot be filled.
        assert!(!words.can_fill(1));
        assert!((2..200).all(|tokens| words.can_fill(tokens)));
    }

    #[test]
    fn a_corpus_is_a_ring_of_its_words() {
        let corpus = Corpus::new("one\n two  three", &fixtures::byte_level(&["two"])).expect("counted");
        let corpus = corpus.expect("words");
        let texts: Vec<_> = corpus.from(4).take(4).map(|word| (&*word.text, word.next)).collect();
        // " three" shares the merge of its first letter with " two".
        assert_eq!(texts, [("two", 1), ("three", 5), ("one", 4), ("two", 1)]);
        assert!(Corpus::new(" \n", &fixtures::word_level()).expect("counted").is_none());
    }

    #[test]
    fn long_pieces_are_cut_at_characters() {
        let word = "語".repeat(40);
        assert_eq!(pieces(&word).collect::<String>(), word);
        assert!(pieces(&word).all(|piece| piece.len() <= LONGEST_CHUNK_BYTES));
    }
}
