//! Reads a `tokenizer.json` whose model is byte-pair encoding without building a tree of it first.
//!
//! Such files hold hundreds of thousands of short texts; the tokenizers crate buffers them all as generic values before
//! it makes a model, which takes 150 MB for a file of 6 MB and would be the peak of a whole run. Here vocabulary and
//! merges are read straight into what the model is built from; everything else of the file is left to the crate.
//! It must not know what a tokenizer is used for.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::{AddedToken, Tokenizer};

/// The tokenizer, or `None` if the file is not one of this kind or is faulty; the crate itself then says why.
pub(super) fn read(json: &[u8]) -> Option<Tokenizer> {
    let File { mut rest, model, added } = serde_json::from_slice(json).ok()?;
    let model = model?.build()?;
    rest.insert("added_tokens".to_owned(), json!([]));
    rest.insert("model".to_owned(), json!({"type": "BPE", "vocab": {}, "merges": []}));
    let mut tokenizer: Tokenizer = serde_json::from_value(Value::Object(rest)).ok()?;
    tokenizer.with_model(model);
    // Last, as the crate does: a token that the model has keeps the model's id.
    tokenizer.add_tokens(added).ok()?;
    Some(tokenizer)
}

/// A `tokenizer.json`.
struct File {
    rest: Map<String, Value>,
    model: Option<Model>,
    added: Vec<AddedToken>,
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = File;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a tokenizer")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<File, A::Error> {
                let mut file = File { rest: Map::new(), model: None, added: Vec::new() };
                while let Some(key) = fields.next_key::<String>()? {
                    match key.as_str() {
                        "model" => file.model = Some(fields.next_value()?),
                        "added_tokens" => file.added = fields.next_value()?,
                        _ => drop(file.rest.insert(key, fields.next_value()?)),
                    }
                }
                Ok(file)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// The kinds of models that are read here.
#[derive(Deserialize, Serialize)]
enum Kind {
    #[serde(rename = "BPE")]
    BytePairs,
}

/// Section `model` with the crate's names and defaults.
#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    _kind: Kind,
    #[serde(default)]
    dropout: Option<f32>,
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: Option<bool>,
    #[serde(default)]
    byte_fallback: Option<bool>,
    #[serde(default)]
    ignore_merges: Option<bool>,
    #[serde(deserialize_with = "vocabulary")]
    vocab: Vocab,
    #[serde(deserialize_with = "merges")]
    merges: Merges,
}

impl Model {
    fn build(self) -> Option<BPE> {
        let mut builder = BPE::builder()
            .fuse_unk(self.fuse_unk.unwrap_or(false))
            .byte_fallback(self.byte_fallback.unwrap_or(false))
            .ignore_merges(self.ignore_merges.unwrap_or(false));
        if let Some(dropout) = self.dropout {
            builder = builder.dropout(dropout);
        }
        if let Some(token) = self.unk_token {
            builder = builder.unk_token(token);
        }
        if let Some(prefix) = self.continuing_subword_prefix {
            builder = builder.continuing_subword_prefix(prefix);
        }
        if let Some(suffix) = self.end_of_word_suffix {
            builder = builder.end_of_word_suffix(suffix);
        }
        builder.vocab_and_merges(self.vocab, self.merges).build().ok()
    }
}

fn vocabulary<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vocab, D::Error> {
    struct Tokens;

    impl<'de> Visitor<'de> for Tokens {
        type Value = Vocab;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("tokens and their ids")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut tokens: A) -> Result<Vocab, A::Error> {
            let mut vocabulary = Vocab::new();
            while let Some((token, id)) = tokens.next_entry::<String, u32>()? {
                vocabulary.insert(token, id);
            }
            Ok(vocabulary)
        }
    }

    deserializer.deserialize_map(Tokens)
}

fn merges<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Merges, D::Error> {
    struct Pairs;

    impl<'de> Visitor<'de> for Pairs {
        type Value = Merges;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("merges")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Merges, A::Error> {
            let mut merges = Merges::new();
            while let Some(pair) = pairs.next_element_seed(Pair)? {
                merges.extend(pair);
            }
            Ok(merges)
        }
    }

    deserializer.deserialize_seq(Pairs)
}

/// One merge: `["a", "b"]`, or `"a b"` in older files, where a line that starts with `#version` is none.
struct Pair;

impl<'de> DeserializeSeed<'de> for Pair {
    type Value = Option<(String, String)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pair {
    type Value = Option<(String, String)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("two tokens")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Self::Value, A::Error> {
        let mut next = || pair.next_element::<String>()?.ok_or_else(|| A::Error::custom("half a merge"));
        let merge = (next()?, next()?);
        match pair.next_element::<IgnoredAny>()? {
            None => Ok(Some(merge)),
            Some(_) => Err(A::Error::custom("more than two tokens in a merge")),
        }
    }

    fn visit_str<E: Error>(self, line: &str) -> Result<Self::Value, E> {
        if line.starts_with("#version") {
            return Ok(None);
        }
        match line.split_once(' ') {
            Some((a, b)) if !b.contains(' ') => Ok(Some((a.to_owned(), b.to_owned()))),
            _ => Err(E::custom("a merge is two tokens with a space between")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model of a few merges with everything that a file may say; `merges` in either spelling.
    fn file(merges: &Value) -> Value {
        json!({
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
            "padding": null,
            "model": {
                "type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
                "end_of_word_suffix": "", "fuse_unk": true, "byte_fallback": false, "ignore_merges": true,
                "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "abb": 4, "Ġ": 5, "<held>": 6},
                "merges": merges
            },
            "added_tokens": [
                {"id": 7, "content": "<new>", "single_word": false, "lstrip": true, "rstrip": false,
                 "normalized": false, "special": true},
                {"id": 6, "content": "<held>", "single_word": false, "lstrip": false, "rstrip": false,
                 "normalized": true, "special": false}
            ],
            "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}
        })
    }

    #[test]
    fn a_file_is_read_as_the_crate_reads_it() {
        let pairs = json!([["a", "b"], ["ab", "b"]]);
        let lines = json!(["#version: 0.2", "a b", "ab b"]);
        let shown = |tokenizer: &Tokenizer| serde_json::to_value(tokenizer).expect("shown");
        for merges in [pairs, lines] {
            let bytes = file(&merges).to_string().into_bytes();
            let crates = Tokenizer::from_bytes(&bytes).expect("the crate reads it");
            let own = read(&bytes).expect("read");
            assert_eq!(shown(&own), shown(&crates));
            for text in ["abb ab<new>Ab<held>ba zz abbab", "", "<NEW> <held>"] {
                let ids = |tokenizer: &Tokenizer| {
                    tokenizer.encode_fast(text, true).expect("encoded").get_ids().to_vec()
                };
                assert_eq!(ids(&own), ids(&crates), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_such_model_is_left_to_the_crate() {
        let changed = |change: fn(&mut Value)| {
            let mut json = file(&json!([["a", "b"]]));
            change(&mut json);
            read(json.to_string().as_bytes())
        };
        assert!(changed(|_| ()).is_some());
        assert!(changed(|json| json["model"]["type"] = json!("WordPiece")).is_none());
        assert!(changed(|json| json["model"]["merges"] = json!([["a", "b", "a"]])).is_none());
        assert!(changed(|json| json["model"]["merges"] = json!([["a"]])).is_none());
        assert!(changed(|json| json["model"]["merges"] = json!(["a b a"])).is_none());
        assert!(changed(|json| json["model"]["merges"] = json!([["a", "absent"]])).is_none());
        assert!(changed(|json| json["version"] = json!("2.0")).is_none());
        assert!(read(b"{").is_none());
    }
}
