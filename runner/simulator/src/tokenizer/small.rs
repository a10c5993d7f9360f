//! A small tokenizer, built on the spot: byte-level BPE over made-up words, in the files of a Hugging Face model.
//!
//! It behaves like a real one: any text can be encoded, some pairs of tokens merge when they meet, and a begin-of-text
//! token is added. The merges are constructed instead of learnt, so equal options give equal bytes everywhere.

use std::collections::BTreeSet;
use std::path::Path;

use rand::RngExt;
use rand::seq::SliceRandom;
use serde_json::{Map, Value, json};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use crate::{SimulatorError, chance};

const BEGIN: &str = "<s>";
const END: &str = "</s>";
/// Stands for a space in byte-level vocabularies.
const SPACE: &str = "Ġ";
const CONSONANTS: &[u8] = b"bdfghjklmnprstvz";
const VOWELS: &[u8] = b"aeiou";
const CODAS: &[u8] = b"lmnrst";

/// Options of a small tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallTokenizer {
    /// Seed of the word list.
    pub seed: u64,
    /// Size of the vocabulary, raised to what bytes and syllables need (about 850).
    pub vocabulary_size: usize,
    /// Whether encoding with special tokens starts with `<s>`.
    pub adds_begin_token: bool,
}

impl Default for SmallTokenizer {
    fn default() -> Self {
        Self { seed: 1, vocabulary_size: 4_096, adds_begin_token: true }
    }
}

/// Writes `tokenizer.json` and `tokenizer_config.json` of the default small tokenizer into folder `dir`, which is made
/// if need be.
pub fn write_small_tokenizer(dir: &Path) -> Result<(), SimulatorError> {
    SmallTokenizer::default().write(dir)
}

impl SmallTokenizer {
    /// Writes `tokenizer.json` and `tokenizer_config.json` into folder `dir`, which is made if need be.
    pub fn write(&self, dir: &Path) -> Result<(), SimulatorError> {
        let config = json!({
            "add_bos_token": self.adds_begin_token,
            "bos_token": BEGIN,
            "clean_up_tokenization_spaces": false,
            "eos_token": END,
            "model_max_length": 131_072,
            "tokenizer_class": "PreTrainedTokenizerFast",
        });
        write(dir, "tokenizer.json", &self.tokenizer())?;
        write(dir, "tokenizer_config.json", &config)
    }

    fn tokenizer(&self) -> Value {
        let begin = json!({"SpecialToken": {"id": BEGIN, "type_id": 0}});
        let text = |id: &str, part: u8| json!({"Sequence": {"id": id, "type_id": part}});
        let (single, pair) = if self.adds_begin_token {
            (json!([begin, text("A", 0)]), json!([begin, text("A", 0), text("B", 1)]))
        } else {
            (json!([text("A", 0)]), json!([text("A", 0), text("B", 1)]))
        };
        let byte_level = json!({
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true
        });
        let added = |id: u32, token: &str| {
            json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        };
        let (vocabulary, merges) = self.vocabulary_and_merges();
        let vocabulary: Map<String, Value> =
            vocabulary.into_iter().zip(0_u32..).map(|(token, id)| (token, json!(id))).collect();
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": [added(0, BEGIN), added(1, END)],
            "normalizer": null,
            "pre_tokenizer": byte_level,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": single,
                "pair": pair,
                "special_tokens": {BEGIN: {"id": BEGIN, "ids": [0], "tokens": [BEGIN]}},
            },
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": null,
                "continuing_subword_prefix": null,
                "end_of_word_suffix": null,
                "fuse_unk": false,
                "byte_fallback": false,
                "ignore_merges": false,
                "vocab": vocabulary,
                "merges": merges,
            },
        })
    }

    /// Tokens in order of their ids, and merges in order of their rank.
    ///
    /// Letters merge to open syllables (`ka`), these with a coda to closed ones (`kan`), a space with the first
    /// syllable of a word (` kan`), and so on syllable by syllable (` kanto`). No token starts with a vowel and only a
    /// consonant that no vowel follows becomes a coda, so every word of the list ends up as one token.
    fn vocabulary_and_merges(&self) -> (Vec<String>, Vec<[String; 2]>) {
        let alphabet: BTreeSet<char> = ByteLevel::alphabet().into_iter().collect();
        let mut vocabulary = vec![BEGIN.to_owned(), END.to_owned()];
        vocabulary.extend(alphabet.into_iter().map(String::from));
        let (open, closed) = syllables();
        let mut merges: Vec<[String; 2]> = Vec::new();
        for syllable in open.iter().chain(&closed) {
            let (head, last) = syllable.split_at(syllable.len() - 1);
            merges.push([head.to_owned(), last.to_owned()]);
            vocabulary.push(syllable.clone());
        }
        let all: Vec<String> = open.into_iter().chain(closed).collect();
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut generator = chance::vocabulary(self.seed);
        // First syllables, shuffled so that ids tell nothing about the spelling.
        let mut firsts = all.clone();
        firsts.shuffle(&mut generator);
        let mut words: Vec<String> = Vec::new();
        for first in firsts {
            merges.push([SPACE.to_owned(), first.clone()]);
            words.push(format!("{SPACE}{first}"));
        }
        vocabulary.extend(words.iter().cloned());
        while vocabulary.len() < self.vocabulary_size {
            // A longer word from a known one; short stems are drawn more often because they are listed first.
            let longest = words.len().min(1 + generator.random_range(0..words.len()));
            let stem = words[generator.random_range(0..longest)].clone();
            let next = &all[generator.random_range(0..all.len())];
            let word = format!("{stem}{next}");
            if known.insert(word.clone()) {
                merges.push([stem, next.clone()]);
                vocabulary.push(word.clone());
                words.push(word);
            }
        }
        (vocabulary, merges)
    }
}

/// All open syllables (`ka`), and all closed ones (`kan`).
fn syllables() -> (Vec<String>, Vec<String>) {
    let mut open = Vec::new();
    for consonant in CONSONANTS {
        for vowel in VOWELS {
            open.push(format!("{}{}", char::from(*consonant), char::from(*vowel)));
        }
    }
    let closed = open
        .iter()
        .flat_map(|syllable| CODAS.iter().map(move |coda| format!("{syllable}{}", char::from(*coda))))
        .collect();
    (open, closed)
}

fn write(dir: &Path, name: &str, value: &Value) -> Result<(), SimulatorError> {
    let file = dir.join(name);
    let text = format!("{value:#}\n");
    std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&file, text))
        .map_err(|source| SimulatorError::Write { file, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;
    use tokenizers::Tokenizer;

    fn load(options: SmallTokenizer) -> Tokenizer {
        Tokenizer::from_bytes(options.tokenizer().to_string()).unwrap()
    }

    static DEFAULT: LazyLock<Tokenizer> = LazyLock::new(|| load(SmallTokenizer::default()));

    #[test]
    fn bytes_are_the_same_every_time() {
        let digest = |seed| {
            let folder = tempfile::tempdir().unwrap();
            SmallTokenizer { seed, ..SmallTokenizer::default() }.write(folder.path()).unwrap();
            let read = |name| std::fs::read(folder.path().join(name)).unwrap();
            (crc32fast::hash(&read("tokenizer.json")), crc32fast::hash(&read("tokenizer_config.json")))
        };
        assert_eq!(digest(1), digest(1));
        assert_ne!(digest(1).0, digest(2).0);
    }

    #[test]
    fn every_word_is_one_token() {
        let tokenizer = &*DEFAULT;
        assert_eq!(tokenizer.get_vocab_size(true), 4_096);
        let (vocabulary, _) = SmallTokenizer::default().vocabulary_and_merges();
        let mut words = 0;
        for token in &vocabulary {
            let Some(word) = token.strip_prefix(SPACE).filter(|word| !word.is_empty()) else { continue };
            let encoding = tokenizer.encode(format!(" {word}"), false).unwrap();
            assert_eq!(encoding.get_tokens(), std::slice::from_ref(token));
            words += 1;
        }
        assert!(words > 3_000, "{words}");
    }

    #[test]
    fn the_begin_token_is_an_option() {
        let with = DEFAULT.encode(" ka", true).unwrap();
        assert_eq!(with.get_tokens()[0], BEGIN);
        let options = SmallTokenizer { adds_begin_token: false, ..SmallTokenizer::default() };
        assert_eq!(load(options).encode_fast(" ka", true).unwrap().len(), with.len() - 1);
    }

    #[test]
    fn some_tokens_merge_when_they_meet() {
        let ids: Vec<u32> = ["k", "a"].iter().map(|token| DEFAULT.token_to_id(token).unwrap()).collect();
        let text = DEFAULT.decode(&ids, false).unwrap();
        assert_eq!(DEFAULT.encode_fast(text, false).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn any_text_survives(text in any::<String>()) {
            let encoding = DEFAULT.encode_fast(text.as_str(), false).unwrap();
            prop_assert_eq!(DEFAULT.decode(encoding.get_ids(), false).unwrap(), text);
        }
    }
}
