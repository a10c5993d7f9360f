//! Token ids are those that Python's `tokenizers` gives, for small tokenizers of three kinds; `make oracle-tokens` compares
//! those of real models with `transformers`.

use anyhow::{Context as _, Result};
use benchmark_tests::root;
use inference_perf::hex;
use inference_perf::workload::{SpecialTokens, Tokenizer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

#[test]
fn ids_are_pythons() -> Result<()> {
    let folder = root().join("tests/suite/testdata/tokens");
    let lines = fs_err::read_to_string(folder.join("ids.jsonl"))?;
    let lines: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(lines.len(), 500);
    for name in ["bpe", "unigram", "wordpiece"] {
        let tokenizer = Tokenizer::load(&folder.join(format!("{name}.json")))?;
        for line in &lines {
            let text = line["text"].as_str().context("a text")?;
            let ids = tokenizer.ids(text, SpecialTokens::Counted)?;
            assert_eq!(tokenizer.count(text, SpecialTokens::Counted)? as usize, ids.len());
            let listed = ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            let digest = hex::encode(&Sha256::digest(listed));
            assert_eq!(digest.get(..8), line[name].as_str(), "{name}: {text:?} became {ids:?}");
        }
    }
    Ok(())
}
