//! What a user sees who made a mistake: every problem at once, with place, key and remedy, exit code 1, and no panic
//! whatever the input.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;
use benchmark_schemas::config::Config;
use benchmark_render::{Layers, ValuesFile};
use benchmark_tests::program;
use proptest::prelude::*;

/// Runs `name` with `arguments` in a folder that holds `content` as `file`.
fn refused(name: &str, file: &str, content: &[u8], arguments: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    fs_err::write(folder.path().join(file), content)?;
    let output = run_in(folder.path(), name, arguments)?;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    let entries: Vec<_> = fs_err::read_dir(folder.path())?.collect::<std::io::Result<_>>()?;
    assert_eq!(entries.len(), 1, "a refused run leaves nothing behind: {entries:?}");
    Ok(String::from_utf8(output.stderr)?)
}

fn run_in(folder: &Path, name: &str, arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(program(name)).args(arguments).current_dir(folder).output()?)
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
    insta::assert_snapshot!(message, @"");
    Ok(())
}

#[test]
fn the_runner_asks_for_stages() -> Result<()> {
    let message = runner("server:\n  base_url: http://127.0.0.1:9\n  model_name: m\nload:\n  stages: []\n")?;
    insta::assert_snapshot!(message, @"");
    Ok(())
}

#[test]
fn the_runner_shows_where_yaml_breaks() -> Result<()> {
    insta::assert_snapshot!(runner("server:\n  base_url: \"http://h\n")?, @"");
    insta::assert_snapshot!(runner("a: b: c\n")?, @"");
    Ok(())
}

#[test]
fn the_runner_refuses_a_tokenizer_that_it_cannot_read() -> Result<()> {
    let message = runner(
        "server:\n  base_url: http://127.0.0.1:9\n  model_name: m\ndata:\n  type: synthetic\n  input_distribution: {mean: 16, min: 1, max: 32, std_dev: 0}\n  output_distribution: {mean: 16, min: 1, max: 32, std_dev: 0}\nload:\n  stages: [{rate: 1, duration: 1}]\ntokenizer:\n  pretrained_model_name_or_path: no-such-folder\n",
    )?;
    insta::assert_snapshot!(message, @"");
    Ok(())
}

#[test]
fn the_renderer_names_every_mistake_of_a_file() -> Result<()> {
    let message = renderer(
        "benchmark:\n  scenario: saturaton\n  target:\n    baseURL: http://h:8000\n  scenarios:\n    saturation:\n      load:\n        stages:\n          - rate: -5\n            duration: 60\n",
    )?;
    insta::assert_snapshot!(message, @"");
    Ok(())
}

#[test]
fn the_renderer_shows_where_yaml_breaks() -> Result<()> {
    insta::assert_snapshot!(renderer("benchmark:\n\tscenario: x\n")?, @"");
    Ok(())
}

#[test]
fn bytes_that_are_no_text_are_refused_by_both() -> Result<()> {
    let bytes = b"server:\n  base_url: \xff\xfe\n";
    let message = refused("inference-perf", "config.yml", bytes, &["-c", "config.yml"])?;
    insta::assert_snapshot!(message, @"");
    let message = refused("benchmark-render", "values.yaml", bytes, &["template", "r", "-f", "values.yaml"])?;
    insta::assert_snapshot!(message, @"");
    Ok(())
}

/// YAML that is near to what the programs read, so that arbitrary input gets past the parser.
fn yaml_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "benchmark", "scenario", "scenarios", "saturation", "load", "stages", "rate", "duration", "server", "base_url",
        "data", "type", "synthetic", "-", "- ", ": ", "\n", "\n  ", "\n    ", "5", "-1", "1e3", "null", "~", "yes", "&a ",
        "*a", "<<: ", "[", "]", "{", "}", ",", "\"", "'", "|", ">", "#", "!!int ", "---\n", "?", "\t", "\u{feff}", "é",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_a_loader_panic(text in prop_oneof![any::<String>(), yaml_like()]) {
        let _ = Config::from_yaml(&text, "config.yml");
        let layers = Layers { files: vec![ValuesFile { name: "values.yaml".into(), text: text.clone() }], ..Layers::default() };
        let _ = benchmark_render::values(&layers);
    }
}
