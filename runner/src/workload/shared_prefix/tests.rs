//! What prompts share and what not, their lengths, their order.

use std::collections::{HashMap, HashSet};

use benchmark_schemas::config::SharedPrefix as Settings;
use proptest::prelude::*;
use serde_json::Value;

use super::super::tokenizer::{SpecialTokens, fixtures};
use super::super::turn::History;
use super::*;

fn settings(groups: u64, per_group: u64, (prefix, question): (i64, i64)) -> Settings {
    let uniform = |max: i64| {
        let kind = DistributionType::Uniform;
        LengthOrDistribution::Distribution(Distribution {
            kind,
            min: max / 2,
            max,
            ..Distribution::default()
        })
    };
    Settings {
        num_groups: groups,
        num_prompts_per_group: per_group,
        system_prompt_len: LengthOrDistribution::Length(prefix),
        question_len: uniform(question),
        output_len: uniform(90),
        ..Settings::default()
    }
}

fn workload(settings: &Settings, seed: u64, api: ApiType) -> SharedPrefix {
    let options = BodyOptions::new(api, "m");
    SharedPrefix::new(Seed(seed), Arc::new(fixtures::word_level()), settings, options).expect("a workload")
}

fn body(prepared: &Prepared) -> Value {
    serde_json::from_slice(&prepared.body).expect("JSON")
}

fn prompt(prepared: &Prepared) -> String {
    body(prepared)["prompt"].as_str().expect("a prompt").to_owned()
}

/// The first `words` words of a prompt, and the rest.
fn split(prompt: &str, words: usize) -> (String, String) {
    let all: Vec<_> = prompt.split(' ').collect();
    (all[..words].join(" "), all[words..].join(" "))
}

#[test]
fn a_seed_has_this_workload() {
    let workload = workload(&settings(2, 2, (6, 6)), 42, ApiType::Completion);
    let requests: Vec<_> = (0..5)
        .map(|index| {
            let prepared = workload.prepare(0, index);
            format!("{} -> {}", prompt(&prepared), prepared.drawn.output_tokens)
        })
        .collect();
    insta::assert_snapshot!(requests.join("\n"), @r"
    wjs wmd wha wje wie wjt wmd wha wje wnj -> 77
    wjt wmd wha wje wvx wjv wmd wha wje -> 60
    wjs wmd wha wje wie wjs wmd wha wje -> 69
    wjt wmd wha wje wvx wju wmd wha -> 72
    wjs wmd wha wje wie wjt wmd wha wje wnj -> 77
    ");
}

#[test]
fn each_round_asks_every_prompt_once_and_groups_share_their_beginning_only() {
    let workload = workload(&settings(6, 9, (21, 12)), 5, ApiType::Completion);
    let mut groups: HashMap<String, HashSet<String>> = HashMap::new();
    for index in 0..54 {
        let prepared = workload.prepare(0, index);
        // BOS is one of the 21 tokens.
        let (prefix, question) = split(&prompt(&prepared), 20);
        assert!(groups.entry(prefix).or_default().insert(question), "no prompt is asked twice");
        assert_eq!(prepared.body, workload.prepare(3, index + 54).body, "the next round, in any stage");
    }
    assert_eq!(groups.len(), 6);
    assert!(groups.values().all(|questions| questions.len() == 9));
    let first =
        |texts: &HashSet<String>| -> HashSet<String> { texts.iter().map(|text| split(text, 1).0).collect() };
    assert_eq!(first(&groups.keys().cloned().collect()).len(), 6, "groups differ from the first word on");
    let questions: HashSet<_> = groups.into_values().flatten().collect();
    assert_eq!(first(&questions).len(), 54, "questions differ from the first word on");
}

#[test]
fn chats_have_the_beginning_as_system_message() {
    let settings = settings(3, 4, (11, 12));
    let completion = workload(&settings, 5, ApiType::Completion);
    for api in [ApiType::Chat, ApiType::AnthropicMessages] {
        let workload = workload(&settings, 5, api);
        for index in 0..12 {
            let (prefix, question) = split(&prompt(&completion.prepare(0, index)), 10);
            let prepared = workload.prepare(0, index);
            let body = body(&prepared);
            let (system, user) = match api {
                ApiType::Chat => (&body["messages"][0]["content"], &body["messages"][1]),
                _ => (&body["system"], &body["messages"][0]),
            };
            assert_eq!((system, &user["content"]), (&prefix.into(), &question.into()));
            assert_eq!(user["role"], "user");
            assert_eq!(prepared.prompt_tokens, prepared.drawn.prompt_tokens);
        }
    }
}

#[test]
fn without_a_beginning_prompts_are_questions() {
    for api in [ApiType::Completion, ApiType::Chat] {
        let workload = workload(&settings(2, 3, (0, 12)), 5, api);
        let prepared = workload.prepare(0, 1);
        assert!((6..=12).contains(&prepared.prompt_tokens), "{}", prepared.prompt_tokens);
        assert_eq!(prepared.prompt_tokens, prepared.drawn.prompt_tokens);
        assert!(body(&prepared)["messages"][1].is_null());
    }
}

#[test]
fn the_older_spelling_of_lengths_is_taken() {
    let fixed = |mean| Distribution { kind: DistributionType::Fixed, mean, ..Distribution::default() };
    let settings = Settings {
        question_distribution: Some(fixed(7.0)),
        output_distribution: Some(fixed(8.0)),
        ..Settings::default()
    };
    let drawn = workload(&settings, 5, ApiType::Completion).drawn(0, 0);
    assert_eq!(drawn, Drawn { prompt_tokens: 107, output_tokens: 8 });
}

#[test]
fn where_counts_do_not_add_up_the_beginning_is_still_shared() {
    let tokenizer = Arc::new(fixtures::merging_across_spaces());
    let options = BodyOptions::new(ApiType::Completion, "m");
    let settings = settings(2, 20, (60, 40));
    let workload = SharedPrefix::new(Seed(5), Arc::clone(&tokenizer), &settings, options).expect("made");
    let mut beginnings = HashSet::new();
    let mut missed = 0;
    for index in 0..40 {
        let prepared = workload.prepare(0, index);
        let prompt = prompt(&prepared);
        let counted = tokenizer.count(&prompt, SpecialTokens::Counted).expect("counted");
        assert_eq!(counted, prepared.prompt_tokens);
        assert!(counted.abs_diff(prepared.drawn.prompt_tokens) <= 1);
        missed += u64::from(counted != prepared.drawn.prompt_tokens);
        beginnings.insert(prompt[..50].to_owned());
    }
    assert_eq!((beginnings.len(), workload.inexact()), (2, missed));
}

#[test]
fn a_beginning_stays_when_counts_turn_out_not_to_add_up() {
    let options = BodyOptions::new(ApiType::Completion, "m");
    let tokenizer = Arc::new(fixtures::merging_across_spaces());
    let workload = SharedPrefix::new(Seed(5), tokenizer, &settings(4, 3, (60, 40)), options).expect("made");
    let mut beginnings = HashSet::new();
    for additive in [true, false] {
        for group in 1..4 {
            workload.composer.set_additive(additive);
            beginnings.extend(workload.beginning(group).map(|text| text.text.clone()));
        }
    }
    assert_eq!(beginnings.len(), 3);
    // A workload that knows from the start makes others.
    let options = BodyOptions::new(ApiType::Completion, "m");
    let tokenizer = Arc::new(fixtures::merging_across_spaces());
    let other = SharedPrefix::new(Seed(5), tokenizer, &settings(4, 3, (60, 40)), options).expect("made");
    assert!(!other.composer.is_additive());
    assert!((1..4).filter_map(|group| other.beginning(group)).any(|text| !beginnings.contains(&text.text)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn prompts_have_both_lengths_and_begin_as_their_group(
        seed: u64, groups in 1u64..20, per_group in 1u64..20, prefix in 2i64..200, question in 2i64..100,
        own_seed in proptest::option::of(any::<u64>()), index: u64, stage in 0u32..9,
    ) {
        let settings = Settings { seed: own_seed, ..settings(groups, per_group, (prefix, question)) };
        let workload = workload(&settings, seed, ApiType::Completion);
        let prepared = workload.prepare(stage, index);
        let prompt = prompt(&prepared);
        let counted = fixtures::word_level().count(&prompt, SpecialTokens::Counted).expect("counted");
        prop_assert_eq!(counted, prepared.drawn.prompt_tokens);
        prop_assert_eq!(counted, prepared.prompt_tokens);
        let question = i64::from(counted) - prefix;
        prop_assert!((question_range(&settings)).contains(&question), "{}", question);
        prop_assert!((45..=90).contains(&prepared.drawn.output_tokens));
        // A configured seed wins over that of the run.
        let other = self::workload(&settings, seed ^ u64::from(own_seed.is_some()), ApiType::Completion);
        prop_assert_eq!(&other.prepare(0, index).body, &prepared.body);
    }
}

fn question_range(settings: &Settings) -> std::ops::RangeInclusive<i64> {
    let LengthOrDistribution::Distribution(question) = &settings.question_len else { return 0..=0 };
    question.min.max(1)..=question.max
}

#[test]
fn users_go_on_with_another_question_each_round() {
    for api in [ApiType::Completion, ApiType::Chat] {
        let settings = Settings { enable_multi_turn_chat: true, ..settings(2, 3, (21, 12)) };
        let workload = workload(&settings, 5, api);
        assert_eq!(workload.speakers(), Some(6));
        let mut questions = HashSet::new();
        for index in 0..24 {
            let prepared = workload.prepare(1, index);
            let turn = prepared.turn.as_ref().expect("a turn");
            assert_eq!(turn.place.round, index / 6);
            assert_eq!(
                turn.place.speaker,
                workload.prepare(0, index % 6).turn.expect("a turn").place.speaker
            );
            assert_eq!(prepared.prompt_tokens, prepared.drawn.prompt_tokens);
            let alone: Value = serde_json::from_slice(&turn.body(&History::default()).0).expect("JSON");
            let said = |k: usize| alone["messages"][k]["content"].as_str().expect("a text").to_owned();
            let (system, question) = if api == ApiType::Completion {
                split(alone["prompt"].as_str().expect("a prompt"), 20)
            } else {
                (said(0), said(1))
            };
            let group = usize::try_from(turn.place.speaker / 3).expect("few");
            assert_eq!(system, workload.beginning(group as u64).expect("a beginning").text);
            let counted =
                fixtures::word_level().count(&format!("{system} {question}"), SpecialTokens::Counted);
            assert_eq!(counted.expect("counted"), prepared.prompt_tokens);
            assert!(questions.insert(question), "no question is asked twice");
        }
    }
}
