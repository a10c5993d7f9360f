//! Conversations, media and chat templates, from the configuration to what the server is asked.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::rig::{Rig, json as json_file, text};
use crate::shared_machine;

fn config(rig: &Rig, api: &str, data: &str, load: &str) -> String {
    format!(
        "{}api: {{type: {api}, streaming: true}}\ndata: {data}\nload: {load}\n\
         report: {{request_lifecycle: {{per_request: true}}}}\nstorage: {{local_storage: {{path: {}}}}}\n",
        rig.target(),
        rig.reports()
    )
}

/// The entries of the per-request report of a run, in the order of stage and index.
fn run(rig: &Rig, config: &str) -> Result<Vec<Value>> {
    let output = rig.command(config)?.output()?;
    ensure!(output.status.code() == Some(0), "{}", text(&output));
    let summary = json_file(&rig.last_reports().join("summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["failures"]["count"], json!(0), "{}", text(&output));
    let entries = json_file(&rig.last_reports().join("per_request_lifecycle_metrics.json"))?;
    let mut entries = entries.as_array().cloned().context("a list")?;
    let place =
        |entry: &Value| (entry["extensions"]["stage"].as_u64(), entry["extensions"]["index"].as_u64());
    entries.sort_by_key(place);
    Ok(entries)
}

fn body(entry: &Value) -> Result<Value> {
    Ok(serde_json::from_str(entry["request"].as_str().context("a body")?)?)
}

/// Entries by speaker, each in the order of its rounds.
fn by_speaker(entries: &[Value]) -> BTreeMap<String, Vec<&Value>> {
    let mut speakers: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for entry in entries {
        let session = entry["info"]["extra_info"]["user_session"].as_str().unwrap_or_default();
        speakers.entry(session.to_owned()).or_default().push(entry);
    }
    speakers
}

/// Makes sure that no turn of a speaker began before the one before it had ended.
fn assert_in_turn(turns: &[&Value]) {
    for pair in turns.windows(2) {
        let (end, start) = (pair[0]["end_time"].as_f64(), pair[1]["start_time"].as_f64());
        assert!(start >= end, "{start:?} is before {end:?}");
    }
}

const SHARED: &str = "{type: shared_prefix, shared_prefix: {num_groups: 2, num_prompts_per_group: 2, system_prompt_len: 20, \
                      question_len: 8, output_len: 6, seed: 7, enable_multi_turn_chat: true}}";

#[test]
fn users_go_on_with_what_was_said() -> Result<()> {
    let _machine = shared_machine();
    // Answers take longer than it takes until a user is due again.
    let rig = Rig::start(&["--decode-ms", "30", "--slots", "256"])?;
    for workers in [1, 2] {
        let load = format!("{{num_workers: {workers}, stages: [{{rate: 40, duration: 1}}]}}");
        let entries = run(&rig, &config(&rig, "chat", SHARED, &load))?;
        assert_eq!(entries.len(), 40);
        let speakers = by_speaker(&entries);
        assert_eq!(speakers.len(), 4);
        for turns in speakers.values() {
            assert_eq!(turns.len(), 10);
            assert_in_turn(turns);
            let mut said: Vec<Value> = Vec::new();
            for (round, turn) in turns.iter().enumerate() {
                assert_eq!(turn["info"]["extra_info"]["chat_round"], json!(round));
                let messages = body(turn)?["messages"].as_array().cloned().context("messages")?;
                let roles: Vec<_> = messages.iter().filter_map(|said| said["role"].as_str()).collect();
                let expected = ["system", "user"]
                    .into_iter()
                    .chain(["assistant", "user"].into_iter().cycle().take(2 * round));
                assert_eq!(roles, expected.collect::<Vec<_>>());
                assert_eq!(messages[..said.len()], said[..], "what was said before is said again");
                assert!(
                    messages[said.len()..].iter().all(|said| said["content"] != ""),
                    "answers are not empty"
                );
                said = messages;
            }
        }
    }
    Ok(())
}

#[test]
fn every_stage_of_conversations_begins_with_its_system_prompt() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "5", "--slots", "256"])?;
    let fixed = |tokens: u32| format!("{{type: fixed, mean: {tokens}}}");
    let data = format!(
        "{{type: conversation_replay, conversation_replay: {{num_conversations: 3, shared_system_prompt_len: 30, \
         dynamic_system_prompt_len: {}, turns_per_conversation: {}, input_tokens_per_turn: {}, output_tokens_per_turn: {}}}}}",
        fixed(10),
        fixed(2),
        fixed(8),
        fixed(4)
    );
    let load = "{type: concurrent, interval: 0, stages: [{num_requests: 12, concurrency_level: 3}, {num_requests: 9, concurrency_level: 5}]}";
    let entries = run(&rig, &config(&rig, "completion", &data, load))?;
    assert_eq!(entries.len(), 21);
    let mut shared = Vec::new();
    for stage in [0, 1] {
        let of_stage: Vec<_> =
            entries.iter().filter(|entry| entry["extensions"]["stage"] == stage).cloned().collect();
        for turns in by_speaker(&of_stage).values() {
            assert_in_turn(turns);
            for pair in turns.chunks(2) {
                let first = body(pair[0])?["prompt"].as_str().context("a prompt")?.to_owned();
                // The system prompt, and a question of eight.
                assert_eq!(first.split(' ').count(), 48 - 1, "BOS is one of the tokens");
                shared.push((stage, first.split(' ').take(29).collect::<Vec<_>>().join(" ")));
                if let Some(second) = pair.get(1) {
                    let second = body(second)?["prompt"].as_str().context("a prompt")?.to_owned();
                    assert!(second.starts_with(&format!("{first} ")), "{second}");
                    assert!(second.split(' ').count() > first.split(' ').count() + 8, "with the answer");
                }
            }
        }
    }
    shared.sort_unstable();
    shared.dedup();
    assert_eq!(shared.len(), 2, "one for each stage: {shared:?}");
    Ok(())
}

/// Upstream's `test_multimodal_sim`.
#[test]
fn media_are_sent_and_reported() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1"])?;
    let one = "{type: fixed, mean: 1}";
    let data = format!(
        "{{type: synthetic, input_distribution: {{type: fixed, mean: 20}}, output_distribution: {{type: fixed, mean: 5}}, \
         multimodal: {{image: {{count: 2, insertion_point: 0.5, resolutions: 360p, representation: jpeg}}, \
         video: {{count: {one}, representation: png_frames, profiles: {{resolution: {{width: 16, height: 8}}, frames: 3}}}}, \
         audio: {{count: {one}, durations: 0.25}}}}}}"
    );
    let entries = run(&rig, &config(&rig, "chat", &data, "{stages: [{rate: 5, duration: 1}]}"))?;
    for entry in &entries {
        let body = body(entry)?;
        assert_eq!(body["max_tokens"], 5, "the drawn length");
        let parts = body["messages"][0]["content"].as_array().context("parts")?;
        let count = |kind: &str| parts.iter().filter(|part| part["type"] == kind).count();
        assert_eq!((count("image_url"), count("input_audio")), (2 + 3, 1));
        assert!(count("text") >= 2, "woven into the text");
        let metrics = &entry["info"]["request_metrics"];
        assert_eq!((&metrics["image"]["count"], &metrics["video"]["count"]), (&json!(2), &json!(1)));
        assert_eq!(metrics["image"]["instances"][0]["pixels"], 640 * 360);
        assert_eq!(metrics["audio"]["instances"][0], json!({"bytes": 8044, "seconds": 0.25}));
    }
    let summary = json_file(&rig.last_reports().join("summary_lifecycle_metrics.json"))?;
    let successes = &summary["successes"];
    for kind in ["images", "videos", "audios"] {
        assert!(successes["throughput"][format!("{kind}_per_sec")].as_f64() > Some(0.0), "{kind}");
    }
    for (kind, properties) in [
        ("image", &["count", "pixels", "bytes", "aspect_ratio"][..]),
        ("video", &["count", "frames", "pixels", "bytes", "aspect_ratio"]),
        ("audio", &["count", "seconds", "bytes"]),
    ] {
        for property in properties {
            assert!(successes[kind][property]["mean"].as_f64() > Some(0.0), "{kind}.{property}");
        }
    }
    assert!(successes["request_size_bytes"]["mean"].as_f64() > Some(1000.0));
    Ok(())
}

#[test]
fn a_chat_template_is_counted_as_the_server_counts_it() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1"])?;
    let template = "{% for m in messages %}{{ m.role }} : {{ m.content | trim }} end {% endfor %}{% if add_generation_prompt %}assistant :{% endif %}";
    let config_json = json!({"chat_template": template}).to_string();
    fs_err::write(rig.path("tokenizer/tokenizer_config.json"), config_json)?;
    let data = "{type: random, use_chat_template: true, input_distribution: {type: uniform, min: 30, max: 80}, \
                output_distribution: {type: fixed, mean: 4}}";
    let entries = run(&rig, &config(&rig, "completion", data, "{stages: [{rate: 20, duration: 1}]}"))?;
    for entry in &entries {
        let body = body(entry)?;
        let prompt = body["prompt"].as_str().context("a prompt")?;
        assert!(prompt.starts_with("user : ") && prompt.ends_with(" end assistant :"), "{prompt}");
        assert_eq!(body["add_special_tokens"], false);
        // The server's count, by the same tokenizer.
        assert_eq!(
            entry["info"]["request_metrics"]["text"]["input_tokens"],
            entry["extensions"]["drawn_prompt_tokens"]
        );
    }
    fs_err::remove_file(rig.path("tokenizer/tokenizer_config.json"))?;
    let output =
        rig.command(&config(&rig, "completion", data, "{stages: [{rate: 20, duration: 1}]}"))?.output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("the tokenizer has no chat template"), "{}", text(&output));
    Ok(())
}
