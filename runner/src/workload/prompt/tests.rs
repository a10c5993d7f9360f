//! Lengths by the tokenizer, uniqueness, repetition.

use std::collections::HashSet;

use benchmark_schemas::config::{ApiType, Distribution, DistributionType};
use proptest::prelude::*;

use super::super::composer::DIGITS;
use super::super::tokenizer::{SpecialTokens, fixtures};
use super::*;

fn synthetic(tokenizer: Tokenizer, seed: u64, (min, max): (i64, i64), corpus: Option<&Path>) -> Synthetic {
    let lengths = |purpose| {
        let kind = DistributionType::Uniform;
        Lengths::new(Distribution { kind, min, max, ..Distribution::default() }, Seed(seed), purpose)
    };
    let options = BodyOptions { streaming: true, ..BodyOptions::new(ApiType::Completion, "m") };
    let lengths = (lengths(Purpose::InputLength), lengths(Purpose::OutputLength));
    Synthetic::new(Seed(seed), Arc::new(tokenizer), corpus, lengths, options).expect("a workload")
}

fn prompt_of(prepared: &Prepared) -> String {
    let body: serde_json::Value = serde_json::from_slice(&prepared.body).expect("JSON");
    body["prompt"].as_str().expect("a prompt").to_owned()
}

const WORDS: &[&str] = &["time", "water", "house", "people", "story"];

#[test]
fn prompts_have_exactly_the_drawn_length_by_the_tokenizer() {
    type Make = fn() -> Tokenizer;
    // Where counts add up all prompts are exact; else three of 300 may miss by one token.
    let cases: [(&str, Make, (i64, i64), bool); 4] = [
        ("words", fixtures::word_level, (2, 300), true),
        ("bytes with words", || fixtures::byte_level(WORDS), (1, 300), true),
        ("bytes", || fixtures::byte_level(&[]), (1, 300), true),
        ("merges across spaces", fixtures::merging_across_spaces, (1, 300), false),
    ];
    for (name, make, range, by_construction) in cases {
        let workload = synthetic(make(), 5, range, None);
        assert_eq!(workload.composer.is_additive(), by_construction, "{name}");
        let tokenizer = make();
        let mut missed = 0;
        for index in 0..300 {
            let prepared = workload.prepare(1, index);
            let counted = tokenizer.count(&prompt_of(&prepared), SpecialTokens::Counted).expect("counted");
            assert_eq!(counted, prepared.prompt_tokens, "{name} {index}: the length told is the true one");
            let drawn = prepared.drawn.prompt_tokens;
            assert!(
                counted.abs_diff(drawn) <= u32::from(!by_construction),
                "{name} {index}: {counted}, not {drawn}"
            );
            missed += u64::from(counted != drawn);
        }
        assert!(missed <= if by_construction { 0 } else { 3 }, "{name}: {missed} missed");
        let facts = (workload.composer.is_additive(), workload.inexact());
        assert_eq!(facts, (by_construction, missed), "{name}");
    }
}

#[test]
fn a_length_that_no_text_has_gives_the_nearest_and_is_counted() {
    // BOS and a word are two tokens; one token is impossible.
    let workload = synthetic(fixtures::word_level(), 5, (1, 1), None);
    let prepared = workload.prepare(0, 0);
    assert_eq!((prepared.prompt_tokens, prepared.drawn.prompt_tokens), (2, 1));
    assert_eq!(workload.inexact(), 1);
}

#[test]
fn prompts_are_unique_over_stages_and_indices() {
    let workload = synthetic(fixtures::word_level(), 5, (8, 8), None);
    let mut seen = HashSet::new();
    for stage in 0..4 {
        for index in 0..2_000 {
            assert!(seen.insert(prompt_of(&workload.prepare(stage, index))), "stage {stage}, index {index}");
        }
    }
}

#[test]
fn short_prompts_are_unique_as_far_as_words_go() {
    let workload = synthetic(fixtures::word_level(), 5, (2, 2), None);
    let prompts: HashSet<_> = (0..600).map(|index| prompt_of(&workload.prepare(0, index))).collect();
    assert_eq!(prompts.len(), 600);
}

#[test]
fn a_corpus_gives_its_own_words_in_order_and_wraps_around() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("corpus.txt");
    fs_err::write(&path, "wab wac\nwad   wae\r\nwaf").expect("a file");
    let workload = synthetic(fixtures::word_level(), 5, (40, 60), Some(&path));
    for index in 0..100 {
        let prepared = workload.prepare(0, index);
        assert_eq!(prepared.prompt_tokens, prepared.drawn.prompt_tokens);
        let prompt = prompt_of(&prepared);
        let passage: Vec<_> = prompt.split(' ').skip(DIGITS).collect();
        assert!(passage.len() > 30);
        for pair in passage.windows(2) {
            let letters = [pair[0].as_bytes()[2], pair[1].as_bytes()[2]];
            assert!(letters[1] == letters[0] + 1 || letters == *b"fb", "{prompt}");
        }
    }
}

#[test]
fn a_corpus_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let fault = |content: Option<&[u8]>| {
        let path = folder.path().join("corpus.txt");
        if let Some(content) = content {
            fs_err::write(&path, content).expect("a file");
        }
        let error = read_corpus(&path, &fixtures::word_level()).expect_err("a fault").to_string();
        error.replace(&path.display().to_string(), "FILE")
    };
    let remedy = "(give a text file in UTF-8 that this process can read)";
    assert_eq!(
        fault(None),
        format!("data.corpus_file_path: FILE: No such file or directory (os error 2) {remedy}")
    );
    assert_eq!(fault(Some(b" \n")), format!("data.corpus_file_path: FILE: it holds no word {remedy}"));
    assert_eq!(
        fault(Some(b"ab\xff")),
        format!("data.corpus_file_path: FILE: it is not UTF-8 from byte 2 on {remedy}")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_request_is_a_function_of_seed_stage_and_index(seed: u64, stage in 0u32..100, index in 0u64..1_000_000) {
        let (one, two) = (
            synthetic(fixtures::byte_level(WORDS), seed, (1, 200), None),
            synthetic(fixtures::byte_level(WORDS), seed, (1, 200), None),
        );
        prop_assert_eq!(one.prepare(stage, index).body, two.prepare(stage, index).body);
        prop_assert_ne!(one.prepare(stage, index).body, one.prepare(stage, index + 1).body);
        prop_assert_eq!(one.drawn(stage, index), one.drawn(stage + 1, index), "lengths repeat in each stage");
    }
}
