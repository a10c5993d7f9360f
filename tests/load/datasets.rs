//! Data sets in files, from the configuration to what the server is asked.

use std::process::Command;

use anyhow::{Context as _, Result};
use benchmark_tests::program;
use serde_json::{Value, json};

use crate::rig::{Rig, json as json_file, text};
use crate::shared_machine;

const CONVERSATIONS: &str = r#"[
  {"id": "one", "conversations": [
    {"from": "human", "value": "What is a stage?"}, {"from": "gpt", "value": "A part of a run with one rate."},
    {"from": "human", "value": "And a knee?"}, {"from": "gpt", "value": "Where latency begins to rise."}]},
  {"id": "two", "conversations": [
    {"from": "human", "value": "Count \u00e9t\u00e9."}, {"from": "gpt", "value": "One, two, three."}]}
]"#;

fn config(rig: &Rig, api: &str, data: &str, load: &str) -> String {
    format!(
        "{}api: {{type: {api}, streaming: true}}\ndata: {data}\nload: {{{load}}}\n\
         report: {{request_lifecycle: {{per_request: true}}}}\nstorage: {{local_storage: {{path: {}}}}}\n",
        rig.target(),
        rig.reports()
    )
}

/// The bodies of the requests of a run, sorted. Each record has the length that its body asks for.
fn run(rig: &Rig, config: &str, requests: usize) -> Result<Vec<String>> {
    let output = rig.command(config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = json_file(&rig.last_reports().join("summary_lifecycle_metrics.json"))?;
    assert_eq!(
        (&summary["failures"]["count"], &summary["successes"]["count"]),
        (&json!(0), &json!(requests))
    );
    let entries = json_file(&rig.last_reports().join("per_request_lifecycle_metrics.json"))?;
    let entries = entries.as_array().context("a list")?;
    let body = |entry: &Value| {
        let body = entry["request"].as_str().context("a body")?;
        let asked: Value = serde_json::from_str(body)?;
        assert!(asked["max_tokens"].is_u64(), "{body}");
        assert_eq!(entry["extensions"]["max_tokens"], asked["max_tokens"], "{body}");
        anyhow::Ok(body.to_owned())
    };
    let mut bodies = entries.iter().map(body).collect::<Result<Vec<_>>>()?;
    bodies.sort_unstable();
    Ok(bodies)
}

#[test]
fn two_conversations_are_asked_round_and_round() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1", "--slots", "256"])?;
    fs_err::write(rig.path("sharegpt.json"), CONVERSATIONS)?;
    let data = "{type: shareGPT, path: sharegpt.json}";
    let bodies = |workers: u32| {
        let load = format!("num_workers: {workers}, stages: [{{rate: 15, duration: 1}}]");
        run(&rig, &config(&rig, "completion", data, &load), 15)
    };
    let one = bodies(1)?;
    assert_eq!(one, bodies(8)?);
    let asked = |prompt: &str| one.iter().filter(|body| body.contains(prompt)).count();
    assert_eq!((asked("What is a stage?"), asked("Count \\u00e9t\\u00e9.")), (8, 7));

    let load = "stages: [{rate: 5, duration: 1}]";
    let chats = run(&rig, &config(&rig, "chat", data, load), 5)?;
    let long = chats.iter().find(|body| body.contains("knee")).context("the first conversation")?;
    let long: Value = serde_json::from_str(long)?;
    let roles: Vec<_> =
        long["messages"].as_array().context("messages")?.iter().map(|said| &said["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "user"], "the last answer is not sent");
    Ok(())
}

#[test]
fn rows_of_ones_own_are_asked() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1"])?;
    let rows = [
        json!({"prompt": "first", "max_tokens": 3}),
        json!({"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "second"}], "max_tokens": 4}),
        json!({"instruction": "third", "input": "text", "output": "answer", "max_tokens": 5}),
    ];
    fs_err::write(rig.path("rows.jsonl"), rows.map(|row| format!("{row}\n")).concat())?;
    let own = "{type: shareGPT, path: rows.jsonl}\nextensions: {data_format: own}";
    let bodies = run(&rig, &config(&rig, "chat", own, "stages: [{rate: 3, duration: 1}]"), 3)?;
    let shown = |body: &String| -> Result<String> {
        let body: Value = serde_json::from_str(body)?;
        Ok(format!("{} {}", body["max_tokens"], body["messages"]))
    };
    let mut shown = bodies.iter().map(shown).collect::<Result<Vec<_>>>()?;
    shown.sort_unstable();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    3 [{"role":"user","content":"first"}]
    4 [{"role":"system","content":"be brief"},{"role":"user","content":"second"}]
    5 [{"role":"user","content":"third\n\ntext"}]
    "#);
    Ok(())
}

#[test]
fn a_stage_goes_on_where_the_one_before_ended() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1"])?;
    let rows = ["wa", "wb", "wc", "wd", "we"].map(|prompt| format!("{}\n", json!({"prompt": prompt})));
    fs_err::write(rig.path("rows.jsonl"), rows.concat())?;
    let own = "{type: shareGPT, path: rows.jsonl}\nextensions: {data_format: own}";
    let stages = "stages: [{rate: 3, duration: 1}, {rate: 4, duration: 1}], interval: 0";
    let bodies = run(&rig, &config(&rig, "completion", own, stages), 7)?;
    let asked = |prompt: &str| bodies.iter().filter(|body| body.contains(&format!("\"{prompt}\""))).count();
    assert_eq!(["wa", "wb", "wc", "wd", "we"].map(asked), [2, 2, 1, 1, 1]);
    Ok(())
}

#[test]
fn a_bad_file_is_named_with_its_line_and_nothing_is_sent() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let good = json!({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]});
    for (name, content, told) in [
        ("wrong.jsonl", format!("{good}\n{good}\n{{\"conversations\": x}}\n"), "wrong.jsonl:3: "),
        (
            "missing.jsonl",
            format!("{good}\n{{\"text\": 1}}\n"),
            "missing.jsonl:2: missing field `conversations`",
        ),
        ("cut.json", format!("[\n{good},\n{{\"conversations\": ["), "cut.json:3: "),
        ("empty.json", "[]".to_owned(), "empty.json: none of its 0 rows"),
    ] {
        fs_err::write(rig.path(name), content)?;
        let data = format!("{{type: shareGPT, path: {name}}}");
        let output =
            rig.command(&config(&rig, "completion", &data, "stages: [{rate: 3, duration: 1}]"))?.output()?;
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(told), "{}", text(&output));
    }
    // The configuration's own check looks at the files too.
    let mut command = Command::new(program("inference-perf"));
    command.current_dir(rig.path("")).args(["validate", "-c", "config.yml"]);
    for (name, told) in [("wrong.jsonl", "wrong.jsonl:3: "), ("none.json", "none.json: No such file")] {
        let data = format!("{{type: shareGPT, path: {name}}}");
        fs_err::write(
            rig.path("config.yml"),
            config(&rig, "completion", &data, "stages: [{rate: 3, duration: 1}]"),
        )?;
        let output = command.output()?;
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(told), "{}", text(&output));
    }
    assert_eq!(rig.served()?, 0);
    Ok(())
}
