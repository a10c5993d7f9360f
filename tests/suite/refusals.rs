//! What a user sees who made a mistake: every problem at once, with place, key and remedy, exit code 1, and no panic
//! whatever the input.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;
use benchmark_render::{Layers, Release, ValuesFile};
use benchmark_schemas::config::Config;
use benchmark_schemas::yaml;
use benchmark_tests::program;
use proptest::prelude::*;

/// Runs `name` with `arguments` in a folder that holds `content` as `file`.
fn refused(name: &str, file: &str, content: &[u8], arguments: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    fs_err::write(folder.path().join(file), content)?;
    let output = run_in(folder.path(), name, arguments)?;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let progress = String::from_utf8_lossy(&output.stdout);
    assert!(progress.lines().all(|line| line.contains(" - INFO - ")), "{progress}");
    let entries: Vec<_> = fs_err::read_dir(folder.path())?.collect::<std::io::Result<_>>()?;
    assert_eq!(entries.len(), 1, "a refused run leaves nothing behind: {entries:?}");
    Ok(String::from_utf8(output.stderr)?)
}

fn run_in(folder: &Path, name: &str, arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(program(name)).args(arguments).current_dir(folder).env("HF_HUB_OFFLINE", "1").output()?)
}

fn runner(config: &str) -> Result<String> {
    refused("inference-perf", "config.yml", config.as_bytes(), &["-c", "config.yml"])
}

fn renderer(values: &str) -> Result<String> {
    refused("benchmark-render", "values.yaml", values.as_bytes(), &["template", "r", "-f", "values.yaml"])
}

#[test]
fn the_runner_names_every_mistake_of_a_file() -> Result<()> {
    let message = runner(
        "api:\n  type: completion\n  streeming: true\ndata:\n  type: shareGPT\nload:\n  stages:\n    - rate: -5\n      duration: 30\n    - rate: 5\n      duration: 1e3x\nserver:\n  type: vllm\n  model_name: m\ntokenizer:\n  pretrained_model_name_or_path: /no/such/folder\n",
    )?;
    insta::assert_snapshot!(message, @r#"
    config.yml:3:3: api.streeming: unknown key (did you mean `streaming`?)
    config.yml:8:13: load.stages[0].rate: must be greater than 0, is -5 (meaning: requests per second)
    config.yml:11:17: load.stages[1].duration: must be a whole number, is `1e3x` (meaning: length of the sending window, whole seconds)
    config.yml:13:3: server.base_url: is missing (add `base_url: …`, text, meaning: address of the server, for example `http://qwen3-vllm.default:8000`)
    config.yml:16:34: tokenizer.pretrained_model_name_or_path: /no/such/folder/tokenizer.json does not exist (name a local folder that holds the model's tokenizer.json)
    "#);
    Ok(())
}

#[test]
fn the_runner_asks_for_stages() -> Result<()> {
    let message = runner("server:\n  base_url: http://127.0.0.1:9\n  model_name: m\nload:\n  stages: []\n")?;
    insta::assert_snapshot!(message, @"config.yml:5:11: load.stages: there is nothing to run (give at least one stage, for example {rate: 5, duration: 180}, or load.sweep)");
    Ok(())
}

#[test]
fn unknown_keys_of_old_files_are_warnings_for_who_asks_for_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = "api: {type: completion, streeming: true}\nserver: {type: vllm, model_name: m, base_url: 'http://h'}\n\
                  load: {stages: [{rate: 1, duration: 1}]}\n";
    fs_err::write(folder.path().join("config.yml"), config)?;
    let validate = |flags: &[&str], variable: &str| -> Result<(Option<i32>, String)> {
        let mut command = Command::new(program("inference-perf"));
        command.args(["validate", "-c", "config.yml"]).args(flags).current_dir(&folder);
        let output = command.env("INFERENCE_PERF_LENIENT", variable).output()?;
        Ok((output.status.code(), String::from_utf8(output.stderr)?))
    };
    let (code, refusal) = validate(&[], "0")?;
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(refusal, @"config.yml:1:25: api.streeming: unknown key (did you mean `streaming`?)");
    for (flags, variable) in [(&["--lenient"][..], ""), (&[], "1")] {
        let (code, warning) = validate(flags, variable)?;
        assert_eq!(code, Some(0), "{warning}");
        let ignored = refusal.replace("unknown key", "unknown key, ignored");
        assert_eq!(warning, format!("warning: {ignored}"));
    }
    Ok(())
}

#[test]
fn the_runner_shows_where_yaml_breaks() -> Result<()> {
    insta::assert_snapshot!(runner("server:\n  base_url: \"http://h\n")?, @r#"config.yml:2:13: the quoted text is not closed (add the closing quote)"#);
    insta::assert_snapshot!(runner("a: b: c\n")?, @r#"config.yml:1:5: `:` is not expected here (put text that contains `: ` into quotes, or start a new line)"#);
    Ok(())
}

#[test]
fn the_runner_refuses_a_tokenizer_that_it_cannot_read() -> Result<()> {
    let message = runner(
        "server:\n  base_url: http://127.0.0.1:9\n  model_name: m\ndata:\n  type: synthetic\n  input_distribution: {mean: 16, min: 1, max: 32, std_dev: 0}\n  output_distribution: {mean: 16, min: 1, max: 32, std_dev: 0}\nload:\n  stages: [{rate: 1, duration: 1}]\ntokenizer:\n  pretrained_model_name_or_path: ./no-such-folder\n",
    )?;
    insta::assert_snapshot!(message, @r#"config.yml:11:34: tokenizer.pretrained_model_name_or_path: ./no-such-folder/tokenizer.json does not exist (name a local folder that holds the model's tokenizer.json)"#);
    Ok(())
}

#[test]
fn the_renderer_names_every_mistake_of_a_file() -> Result<()> {
    let message = renderer(
        "benchmark:\n  scenario: saturaton\n  target:\n    baseURL: http://h:8000\n  scenarios:\n    saturation:\n      load:\n        stages:\n          - rate: -5\n            duration: 60\n",
    )?;
    insta::assert_snapshot!(message, @r#"
    values.yaml:2:13: benchmark.scenario: there is no scenario `saturaton` (set it to one of: baseline, saturation, sweep, production, dataset, capacity, or define benchmark.scenarios.saturaton)
    values.yaml:4:5: benchmark.target.baseURL: unknown key (did you mean `baseUrl`?)
    values.yaml:9:19: benchmark.scenarios.saturation.load.stages[0].rate: must be greater than 0, is -5 (meaning: requests per second)
    "#);
    Ok(())
}

#[test]
fn the_renderer_shows_where_yaml_breaks() -> Result<()> {
    insta::assert_snapshot!(renderer("benchmark:\n\tscenario: x\n")?, @r#"values.yaml:2:2: a tab stands where spaces are needed (indent with spaces)"#);
    Ok(())
}

#[test]
fn bytes_that_are_no_text_are_refused_by_both() -> Result<()> {
    let bytes = b"server:\n  base_url: \xff\xfe\n";
    let message = refused("inference-perf", "config.yml", bytes, &["-c", "config.yml"])?;
    insta::assert_snapshot!(message, @r#"config.yml:2:13: the byte 0xff here is no UTF-8 text (save the file as UTF-8)"#);
    let message = refused("benchmark-render", "values.yaml", bytes, &["template", "r", "-f", "values.yaml"])?;
    insta::assert_snapshot!(message, @"values.yaml:2:13: the byte 0xff here is no UTF-8 text (save the file as UTF-8)");
    Ok(())
}

/// YAML that is near to what the programs read, so that arbitrary input gets past the parser.
fn yaml_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "benchmark",
        "scenario",
        "scenarios",
        "saturation",
        "load",
        "stages",
        "rate",
        "duration",
        "server",
        "base_url",
        "data",
        "type",
        "synthetic",
        "-",
        "- ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "5",
        "-1",
        "1e3",
        "null",
        "~",
        "yes",
        "&a ",
        "*a",
        "<<: ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "'",
        "|",
        ">",
        "#",
        "!!int ",
        "---\n",
        "?",
        "\t",
        "\u{feff}",
        "é",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

/// Bytes of any kind, text of any kind, and text that is nearly right.
fn input() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        yaml_like().prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_input_makes_a_loader_panic(bytes in input()) {
        // Both programs read a file's bytes so, and go no further if they are no text.
        if let Ok(text) = yaml::decode(&bytes, "input") {
            let _ = Config::from_yaml(text, "config.yml");
            let file = ValuesFile { name: "values.yaml".into(), text: text.to_owned() };
            let release = Release::new("r", "default").expect("good names");
            let _ = benchmark_render::render(&release, &Layers { files: vec![file], ..Layers::default() });
        }
    }
}
