//! Tokenizers made on the spot, one for each way in which token counts of words behave.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::{Inner, Tokenizer};

fn tokenizer(json: &Value) -> Tokenizer {
    let inner = Inner::from_bytes(json.to_string().as_bytes()).expect("a tokenizer");
    Tokenizer { inner, path: PathBuf::from("fixture"), template: None }
}

/// Whole words are tokens and a BOS is added: `<s>`, `wa`, `wb`, … `wzz`.
pub(crate) fn word_level_json() -> Value {
    let letters = || 'a'..='z';
    let words = letters()
        .map(|a| format!("w{a}"))
        .chain(letters().flat_map(|a| letters().map(move |b| format!("w{a}{b}"))));
    let vocabulary: Map<String, Value> = ["<s>".to_owned(), "[UNK]".to_owned()]
        .into_iter()
        .chain(words)
        .enumerate()
        .map(|(id, word)| (word, json!(id)))
        .collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [{
            "id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        }],
        "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
    })
}

pub(crate) fn word_level() -> Tokenizer {
    tokenizer(&word_level_json())
}

fn bpe(alphabet: Vec<String>, merges: &[(String, String)], pre_tokenizer: &Value) -> Tokenizer {
    let mut vocabulary: Map<String, Value> = Map::new();
    for token in alphabet.into_iter().chain(merges.iter().map(|(a, b)| format!("{a}{b}"))) {
        let id = vocabulary.len();
        vocabulary.entry(token).or_insert(json!(id));
    }
    let merges: Vec<Value> = merges.iter().map(|(a, b)| json!([a, b])).collect();
    tokenizer(&json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": pre_tokenizer, "post_processor": null, "decoder": null,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocabulary, "merges": merges
        }
    }))
}

/// Byte-level BPE as most models have it; `words` are single tokens after a space, all else is bytes.
pub(crate) fn byte_level(words: &[&str]) -> Tokenizer {
    let mut alphabet: Vec<String> = ByteLevel::alphabet().into_iter().map(String::from).collect();
    alphabet.sort();
    let mut merges: Vec<(String, String)> = Vec::new();
    for word in words {
        let mut prefix = "Ġ".to_owned();
        for letter in word.chars() {
            let merge = (prefix.clone(), letter.to_string());
            prefix.push(letter);
            if !merges.contains(&merge) {
                merges.push(merge);
            }
        }
    }
    let pre_tokenizer =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    bpe(alphabet, &merges, &pre_tokenizer)
}

/// A tokenizer without pre-tokenizer that merges the end of a word with the space after it, so that counts of words
/// do not add up.
pub(crate) fn merging_across_spaces() -> Tokenizer {
    let alphabet = ('a'..='z').chain([' ']).map(String::from).collect();
    let merges: Vec<_> = ('a'..='m').map(|letter| (letter.to_string(), " ".to_owned())).collect();
    bpe(alphabet, &merges, &Value::Null)
}
