//! Each API through the program, streamed and whole, from servers with quirks: every token is counted and stamped.

use std::sync::mpsc::channel;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::rig::{Rig, json as json_file, text};
use crate::script;
use crate::shared_machine;

const REQUESTS: u64 = 10;
const OUTPUT_TOKENS: u64 = 12;

/// Runs 10 requests with sections `api` and, if there are any, `extensions`; gives the summary.
fn run(rig: &Rig, api: &str, extensions: &str) -> Result<Value> {
    let reports = rig.reports();
    let config = format!(
        "{}api: {{{api}}}\ndata:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: {OUTPUT_TOKENS}}}\nload:\n  stages: [{{rate: 10, duration: 1}}]\nreport:\n  request_lifecycle:\n    per_request: true\nstorage:\n  local_storage:\n    path: {reports}\n{extensions}",
        rig.target()
    );
    let output = rig.command(&config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    json_file(&rig.path(&reports).join("summary_lifecycle_metrics.json"))
}

fn check(summary: &Value, streamed: bool, tokens: u64) -> Result<()> {
    let successes = &summary["successes"];
    assert_eq!(successes["count"], REQUESTS, "{summary:#}");
    for counts in ["output_len", "output_tokens"] {
        let mean = successes[counts]["mean"].as_f64().context("tokens")?;
        let expected = if counts == "output_len" { tokens } else { OUTPUT_TOKENS };
        assert_eq!(mean.to_bits(), (expected as f64).to_bits(), "{counts} is {mean}");
    }
    assert_eq!(successes["client_fallback_requests"]["output"], 0);
    for latency in ["time_to_first_token", "time_per_output_token", "inter_token_latency"] {
        assert_eq!(successes["latency"][latency]["mean"].is_number(), streamed, "{latency}");
    }
    Ok(())
}

/// The messages API's answers are told as messages of the chat API too.
fn check_answers(rig: &Rig, api: &str, streamed: bool) -> Result<()> {
    let entries = json_file(&rig.last_reports().join("per_request_lifecycle_metrics.json"))?;
    for entry in entries.as_array().context("a list")? {
        let told = entry["info"]["extra_info"].as_object().context("an object")?;
        if api != "anthropic_messages" {
            assert!(told.is_empty(), "{told:?}");
            continue;
        }
        assert_eq!(told.get("stop_reason").is_some(), !streamed, "{told:?}");
        assert_eq!(told["output_message"]["role"], "assistant");
        let calls = told["output_message"].get("tool_calls").is_some();
        assert_ne!(told["output_text"] == "", !calls, "a text or a call: {told:?}");
    }
    Ok(())
}

#[test]
fn every_api_streamed_and_whole_from_servers_with_quirks() -> Result<()> {
    let _machine = shared_machine();
    let reasons = ["--reasoning-tokens", "5"];
    for (quirks, apis) in [
        (&["--framing", "crlf"][..], &["completion"][..]),
        (&["--framing", "comments", "--usage", "every_chunk"], &["completion", "chat", "anthropic_messages"]),
        (&["--framing", "cr", reasons[0], reasons[1]], &["chat", "anthropic_messages"]),
        (&["--framing", "no_space", "--tool-call", reasons[0], reasons[1]], &["chat", "anthropic_messages"]),
    ] {
        let rig = Rig::start(&[&["--decode-ms", "2", "--tokens-per-chunk", "2"], quirks].concat())?;
        for api in apis {
            for streamed in [true, false] {
                let summary = run(&rig, &format!("type: {api}, streaming: {streamed}"), "")?;
                check(&summary, streamed, OUTPUT_TOKENS).with_context(|| format!("{api} {quirks:?}"))?;
                check_answers(&rig, api, streamed)?;
                let timing = &summary["successes"]["latency"]["extensions"]["token_timing"];
                let tokens = |kind: &str| timing["chunks"][kind]["tokens"].as_u64().unwrap_or_default();
                let all = tokens("content") + tokens("reasoning") + tokens("tool_call");
                assert_eq!(all, if streamed { REQUESTS * OUTPUT_TOKENS } else { 0 }, "{timing:#}");
                if quirks.contains(&"--tool-call") && streamed {
                    assert_eq!((tokens("content"), tokens("reasoning")), (0, REQUESTS * 5));
                }
            }
        }
    }
    Ok(())
}

/// Anthropic's API wants its version from everyone, also where no key is needed.
#[test]
fn requests_without_a_key_tell_the_apis_version_all_the_same() -> Result<()> {
    const ANSWER: &str = r#"{"data": [{"id": "m"}], "content": [{"type": "text", "text": "a"}], "usage": {"input_tokens": 1, "output_tokens": 1}}"#;
    let _machine = shared_machine();
    let (heads, received) = channel();
    let port = script::listen(move |stream| {
        script::answer_all(stream, |request| {
            heads.send(request.head.to_ascii_lowercase())?;
            Ok(ANSWER.to_owned())
        })
    })?;
    let rig = Rig::start(&[])?;
    // Its name is asked for.
    let config = format!(
        "api: {{type: anthropic_messages}}\nload: {{stages: [{{rate: 5, duration: 1}}]}}\n\
         server: {{type: vllm, base_url: 'http://127.0.0.1:{port}'}}\nstorage: {{local_storage: {{path: reports}}}}\n"
    );
    let output = rig.command(&config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let heads: Vec<String> = received.try_iter().collect();
    assert_eq!(heads.len(), 1 + 5, "{}", text(&output));
    for head in heads {
        assert!(head.contains("\r\nanthropic-version: 2023-06-01\r\n"), "{head}");
        assert!(!head.contains("x-api-key") && !head.contains("authorization"), "{head}");
    }
    Ok(())
}

#[test]
fn upstreams_reading_leaves_out_what_is_no_answer() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "2", "--reasoning-tokens", "5"])?;
    for streamed in [true, false] {
        let summary = run(
            &rig,
            &format!("type: chat, streaming: {streamed}"),
            "extensions: {answer_tokens: content}\n",
        )?;
        check(&summary, streamed, OUTPUT_TOKENS - 5)?;
    }
    Ok(())
}
