//! Values that look like syntax: whatever a text holds, the objects keep their structure, no shell reads it, and names and
//! labels stay within what Kubernetes takes.
//!
//! Helm takes some 80 ms to start, so that many installations are rendered at once: as dependencies of one chart, each
//! under an alias with values of its own.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use benchmark_render::{Layers, Release, ValuesFile};
use benchmark_schemas::yaml::{self, Dialect};
use benchmark_tests::{chart, documents, leaves, run, run_ok, tool};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::helm::HELMS;

/// Installations in all, and at once.
const CASES: usize = 300;
const AT_ONCE: usize = 30;

/// Texts that are hard to keep apart from syntax.
fn hostile() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "\"",
        "'",
        "\\",
        "\n",
        "\r\n",
        "\t",
        "$(id)",
        "$(HOME)",
        "$$(X)",
        "${X}",
        "`id`",
        "; rm -rf x",
        " && x",
        "| x",
        "{{ .Values }}",
        "{{ fail \"x\" }}",
        "}}",
        "{{-",
        "{%",
        "%}",
        "a: b",
        "- a",
        "? ",
        ": ",
        " #",
        "&a",
        "*a",
        "!!int",
        "!",
        "%TAG",
        "@",
        "`",
        "|",
        ">",
        "[",
        "]",
        "{",
        "}",
        ",",
        "---",
        "\n---\n",
        "...",
        "~",
        "null",
        "yes",
        "no",
        "on",
        "off",
        "true",
        "0123",
        "0x1F",
        "1e6",
        "1_000",
        "1:30",
        ".inf",
        "2026-11-24",
        "é",
        "漢字",
        "🚀",
        "\u{feff}",
        "\u{a0}",
        "\u{200b}",
        " ",
        "  ",
        "a",
        "model",
        "/",
        "..",
        ".",
        "-",
    ]);
    prop_oneof![
        6 => prop::collection::vec(word, 1..8).prop_map(|words| words.concat()),
        1 => "\\PC{1,40}",
        1 => "[a-zA-Z0-9._-]{300}",
    ]
}

/// Where a text of the values must stand, as it is, in the objects.
type Place = (&'static str, fn(&[Value], &Value) -> Value);

fn place(documents: &[Value], kind: &str, path: &str) -> Value {
    let object = documents.iter().find(|object| object["kind"] == kind);
    object.and_then(|object| object.pointer(path)).cloned().unwrap_or(Value::Null)
}

fn env(documents: &[Value], name: &str) -> Value {
    let list = place(documents, "Job", "/spec/template/spec/containers/0/env");
    let found =
        list.as_array().and_then(|list| list.iter().find(|variable| variable["name"] == name).cloned());
    found.map_or(Value::Null, |variable| variable["value"].clone())
}

/// Keys of the values below which a hostile text goes, and where it comes out.
const PLACES: [Place; 12] = [
    ("/benchmark/target/modelName", |_, config| config["server"]["model_name"].clone()),
    ("/benchmark/target/tokenizerPath", |_, config| {
        config["tokenizer"]["pretrained_model_name_or_path"].clone()
    }),
    ("/benchmark/storage/s3/bucketName", |_, config| {
        config["storage"]["simple_storage_service"]["bucket_name"].clone()
    }),
    ("/benchmark/storage/s3/path", |_, config| config["storage"]["simple_storage_service"]["path"].clone()),
    ("/benchmark/config/data/path", |_, config| config["data"]["path"].clone()),
    ("/benchmark/config/api/headers/x-route", |_, config| config["api"]["headers"]["x-route"].clone()),
    ("/benchmark/scenarios/baseline/description", |all, _| {
        place(all, "Job", "/metadata/annotations/benchmark.description")
    }),
    ("/benchmark/podAnnotations/note", |all, _| {
        place(all, "Job", "/spec/template/metadata/annotations/note")
    }),
    ("/commonAnnotations/owner", |all, _| place(all, "ConfigMap", "/metadata/annotations/owner")),
    ("/benchmark/extraEnv/0/value", |all, _| env(all, "EXTRA")),
    ("/benchmark/extraArgs/0", |all, _| place(all, "Job", "/spec/template/spec/containers/0/args/2")),
    ("/benchmark/results/sizeLimit", |all, _| {
        place(all, "Job", "/spec/template/spec/volumes/1/emptyDir/sizeLimit")
    }),
];

/// Values with a hostile text at some of the places, and hostile overrides of names.
fn values() -> impl Strategy<Value = Value> {
    let texts = prop::collection::vec(prop::option::weighted(0.5, hostile()), PLACES.len());
    (texts, prop::option::of(hostile()), prop::option::of("[a-z0-9 ._A-Z-]{1,300}")).prop_map(
        |(texts, full, name)| {
            let mut values = json!({
                "fullnameOverride": full.unwrap_or_default(),
                "nameOverride": name.unwrap_or_else(|| "benchmark-charts".to_owned()),
                "benchmark": { "extraEnv": [{ "name": "EXTRA", "value": "x" }], "extraArgs": ["x"], "storage": {"s3": {"bucketName": "b"}} },
            });
            for ((path, _), text) in PLACES.iter().zip(texts) {
                if let Some(text) = text {
                    put(&mut values, path, json!(text));
                }
            }
            values
        },
    )
}

/// Puts `value` at the JSON pointer `path`, with maps on the way; lists are there already.
fn put(values: &mut Value, path: &str, value: Value) {
    let mut at = values;
    for step in path.split('/').skip(1) {
        at = match at {
            Value::Array(items) => &mut items[0],
            other => {
                if other.is_null() {
                    *other = json!({});
                }
                &mut other[step]
            }
        };
    }
    *at = value;
}

/// A chart that has the benchmark's as a dependency as often as it may be rendered at once.
fn umbrella(folder: &Path) -> Result<()> {
    let dependencies: Vec<Value> = (0..AT_ONCE)
        .map(|i| json!({"name": "benchmark-charts", "version": "0.1.0", "alias": alias(i), "condition": format!("{}.enabled", alias(i))}))
        .collect();
    let about =
        json!({"apiVersion": "v2", "name": "umbrella", "version": "1.0.0", "dependencies": dependencies});
    fs_err::write(folder.join("Chart.yaml"), about.to_string())?;
    fs_err::create_dir_all(folder.join("charts"))?;
    run_ok(
        &tool("helm"),
        ["package".as_ref(), chart().as_os_str(), "-d".as_ref(), folder.join("charts").as_os_str()],
    )?;
    Ok(())
}

fn alias(i: usize) -> String {
    format!("case{i}")
}

/// The objects that Helm gives for each of the values, rendered at once.
fn render(helm: &str, folder: &Path, cases: &[Value]) -> Result<Vec<Vec<Value>>> {
    let mut all: Map<String, Value> = (0..AT_ONCE).map(|i| (alias(i), json!({"enabled": false}))).collect();
    for (i, values) in cases.iter().enumerate() {
        let mut values = values.clone();
        // So that the objects of each can be told apart.
        values["benchmark"]["namespace"] = json!(alias(i));
        values["enabled"] = json!(true);
        all.insert(alias(i), values);
    }
    let file = folder.join("values.json");
    fs_err::write(&file, ascii(&Value::Object(all)))?;
    let text = run_ok(
        &tool(helm),
        ["template".as_ref(), "r".as_ref(), folder.as_os_str(), "-f".as_ref(), file.as_os_str()],
    )?;
    let objects = documents(&text)?;
    let of = |i: usize| {
        let name = alias(i);
        objects
            .iter()
            .filter(move |object| object["metadata"]["namespace"] == name.as_str())
            .cloned()
            .collect()
    };
    Ok((0..cases.len()).map(of).collect())
}

/// What must hold of the objects of `values` whatever its texts are.
fn judge(values: &Value, objects: &[Value], plain: &[Value]) -> Result<()> {
    let kinds: Vec<&str> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    ensure!(kinds == ["ServiceAccount", "ConfigMap", "Job"], "{kinds:?}");
    let text = place(objects, "ConfigMap", "/data/config.yml");
    let config = yaml::parse(text.as_str().context("config.yml")?, "config.yml", Dialect::Config)?.to_json();
    for (path, found) in PLACES {
        if let Some(Value::String(given)) = values.pointer(path).filter(|given| **given != "") {
            ensure!(
                found(objects, &config) == *given,
                "{path}: {given:?} came out as {}",
                found(objects, &config)
            );
        }
    }
    let container = place(objects, "Job", "/spec/template/spec/containers/0");
    ensure!(container["command"] == json!(["inference-perf"]), "{container}");
    for object in objects {
        let name = object["metadata"]["name"].as_str().context("a name")?;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(
            name.len() <= 63 && name.chars().all(is_name) && !name.starts_with('-') && !name.ends_with('-'),
            "{name}"
        );
        let pod = object.pointer("/spec/template/metadata/labels");
        for labels in [object.pointer("/metadata/labels"), pod].into_iter().flatten() {
            for (label, value) in labels.as_object().context("labels")? {
                let value = value.as_str().context("labels are texts")?;
                let edge = |c: char| c.is_ascii_alphanumeric();
                let whole = value.is_empty() || (value.starts_with(edge) && value.ends_with(edge));
                let plain = value.chars().all(|c| edge(c) || "-_.".contains(c));
                ensure!(value.len() <= 63 && whole && plain, "{label}: {value:?}");
            }
        }
    }
    same_structure(objects, plain)
}

/// The leaves are those of an installation with plain texts at the same places, which the renderer gives at once.
fn same_structure(objects: &[Value], plain: &[Value]) -> Result<()> {
    let paths = |objects: &[Value]| -> Vec<String> { leaves(&json!(objects)).into_keys().collect() };
    let (one, other) = (paths(objects), paths(plain));
    let odd: Vec<&String> = one
        .iter()
        .filter(|path| !other.contains(path))
        .chain(other.iter().filter(|path| !one.contains(path)))
        .collect();
    ensure!(odd.is_empty(), "not in both: {odd:?}");
    Ok(())
}

/// The same values with harmless texts.
fn plain(values: &Value) -> Value {
    let mut values = values.clone();
    for (path, _) in PLACES {
        if let Some(text) = values.pointer_mut(path).filter(|text| **text != "") {
            *text = json!("plain");
        }
    }
    values["fullnameOverride"] = json!("plain");
    values
}

/// As YAML in ASCII: which characters a file may hold unescaped is another question.
fn ascii(values: &Value) -> String {
    let mut text = String::new();
    for c in values.to_string().chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            text.push_str(&format!("\\U{:08x}", u32::from(c)));
        }
    }
    text
}

/// The objects that the renderer gives for `values`; `None` if it refuses them.
fn rendered(values: &Value) -> Option<Vec<Value>> {
    let file = ValuesFile { name: "values.yaml".into(), text: ascii(values) };
    let release = Release::new("r", "default").expect("good names");
    let manifests =
        benchmark_render::render(&release, &Layers { files: vec![file], ..Layers::default() }).ok()?;
    Some(manifests.into_iter().map(|manifest| manifest.object).collect())
}

#[test]
fn no_text_changes_the_structure_of_an_object() -> Result<()> {
    let folder = tempfile::tempdir()?;
    umbrella(folder.path())?;
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[5; 32]));
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    while good.len() < CASES {
        let values = values().new_tree(&mut runner).map_err(anyhow::Error::msg)?.current();
        if rendered(&values).is_some() {
            good.push(values)
        } else {
            bad.push(values)
        }
        ensure!(bad.len() < 2 * CASES, "too many are refused");
    }
    for (number, batch) in good.chunks(AT_ONCE).enumerate() {
        let helm = HELMS[number % HELMS.len()];
        for (values, objects) in batch.iter().zip(render(helm, folder.path(), batch)?) {
            let of = || format!("{helm}: {values}");
            let plain = rendered(&plain(values)).with_context(of)?;
            judge(values, &objects, &plain).with_context(of)?;
        }
    }
    // What the renderer refuses, Helm refuses, and not by a fault of its own.
    for values in bad.iter().take(20) {
        let file = folder.path().join("refused.json");
        fs_err::write(&file, ascii(values))?;
        let output = run(
            &tool("helm"),
            ["template".as_ref(), "r".as_ref(), chart().as_os_str(), "-f".as_ref(), file.as_os_str()],
        )?;
        ensure!(!output.status.success(), "Helm takes {values}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!said.contains("nil pointer") && !said.contains("YAML parse error"), "{values}: {said}");
    }
    Ok(())
}
