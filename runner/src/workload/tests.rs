//! Of each data type whose requests are made up: the workload that a seed has, which later versions keep, and that it is
//! the same whoever makes it.

use std::sync::Arc;

use benchmark_schemas::config::{
    ApiType, ConversationReplay, Distribution, DistributionType, LengthOrDistribution, Multimodal,
    SharedPrefix as SharedPrefixSettings,
};

use super::*;
use crate::seed::{Purpose, Seed};

const SEED: Seed = Seed(42);

fn uniform(min: i64, max: i64) -> Distribution {
    Distribution { kind: DistributionType::Uniform, min, max, ..Distribution::default() }
}

fn lengths() -> (Lengths, Lengths) {
    (
        Lengths::new(uniform(3, 8), SEED, Purpose::InputLength),
        Lengths::new(uniform(1, 40), SEED, Purpose::OutputLength),
    )
}

/// Every made-up data type, with the name that it has in a configuration.
fn workloads() -> Vec<(&'static str, Box<dyn Workload>)> {
    let tokenizer = || Arc::new(fixtures::word_level());
    let options = |api| BodyOptions::new(api, "m");
    let completion = || options(ApiType::Completion);
    let media: Multimodal = serde_json::from_value(serde_json::json!({
        "image": {"count": 1, "resolutions": {"width": 8, "height": 8}},
    }))
    .expect("settings");
    let shared = SharedPrefixSettings {
        num_groups: 2,
        num_prompts_per_group: 2,
        system_prompt_len: LengthOrDistribution::Length(4),
        question_len: LengthOrDistribution::Length(3),
        output_len: LengthOrDistribution::Length(5),
        ..SharedPrefixSettings::default()
    };
    let replay = ConversationReplay {
        num_conversations: 2,
        shared_system_prompt_len: 4,
        turns_per_conversation: Some(uniform(1, 3)),
        input_tokens_per_turn: Some(uniform(2, 5)),
        output_tokens_per_turn: Some(uniform(1, 9)),
        ..ConversationReplay::default()
    };
    let synthetic =
        |api| Synthetic::new(SEED, tokenizer(), None, lengths(), options(api)).expect("a workload");
    vec![
        ("mock", Box::new(Mock::new(Some(tokenizer()), completion()))),
        ("synthetic", Box::new(synthetic(ApiType::Completion))),
        ("synthetic, multimodal", Box::new(synthetic(ApiType::Chat).with_media(Some(&media)))),
        (
            "random",
            Box::new(Synthetic::random(SEED, tokenizer(), lengths(), completion()).expect("a workload")),
        ),
        (
            "shared_prefix",
            Box::new(SharedPrefix::new(SEED, tokenizer(), &shared, completion()).expect("a workload")),
        ),
        (
            "conversation_replay",
            Box::new(Conversations::new(tokenizer(), &replay, options(ApiType::Chat)).expect("a workload")),
        ),
    ]
}

/// What a request sends, without a history if it is a turn of a conversation.
fn sent(workload: &dyn Workload, stage: u32, index: u64) -> String {
    let prepared = workload.prepare(stage, index);
    let body = prepared.turn.as_ref().map_or(prepared.body, |turn| turn.body(&History::default()).0);
    String::from_utf8(body.to_vec()).expect("text")
}

#[test]
fn a_seed_has_these_workloads() {
    let shown: Vec<String> = workloads()
        .iter()
        .map(|(name, workload)| {
            let places = [(0, 0), (0, 1), (0, 2), (1, 0)];
            let bodies = places.map(|(stage, index)| sent(&**workload, stage, index));
            format!("{name}\n{}", bodies.join("\n"))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn eight_threads_send_what_one_sends() {
    const REQUESTS: u64 = 200;
    let by_threads = |threads: u64| {
        let workloads = workloads();
        let of = |(name, workload): &(&'static str, Box<dyn Workload>)| {
            let mut bodies: Vec<(u64, String)> = std::thread::scope(|scope| {
                let make = |first: u64| {
                    // The other way round than one thread asks.
                    let mine = (0..REQUESTS).rev().filter(move |index| index % threads == first);
                    scope.spawn(move || {
                        mine.map(|index| (index, sent(&**workload, 1, index))).collect::<Vec<_>>()
                    })
                };
                let running: Vec<_> = (0..threads).map(make).collect();
                running.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
            });
            bodies.sort();
            (*name, bodies)
        };
        workloads.iter().map(of).collect::<Vec<_>>()
    };
    let (one, eight) = (by_threads(1), by_threads(8));
    assert_eq!(one, eight);
    assert!(one.iter().all(|(_, bodies)| bodies.len() == 200));
}
