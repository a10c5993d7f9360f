//! Arguments of `helm template` beside values: the renderer takes them as Helm 3 and Helm 4 do.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use benchmark_schemas::yaml::{self, Dialect};
use benchmark_tests::{chart, documents, program, run, tool};
use serde_json::Value;

use crate::helm::HELMS;

/// `template` with these arguments by the renderer, then by each Helm.
fn by_all(arguments: &[&str]) -> Result<Vec<Output>> {
    let arguments = || ["template"].iter().chain(arguments);
    let mut outputs = vec![run(&program("benchmark-render"), arguments())?];
    for helm in HELMS {
        outputs.push(run(&tool(helm), arguments())?);
    }
    Ok(outputs)
}

/// The objects that all three give with these arguments.
fn agreed(arguments: &[&str]) -> Result<Vec<Value>> {
    let mut all = by_all(arguments)?.into_iter().map(|output| {
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        objects(&String::from_utf8(output.stdout)?)
    });
    let ours = all.next().context("the renderer's")??;
    for theirs in all {
        ensure!(ours == theirs?, "{arguments:?}: other objects than Helm's");
    }
    Ok(ours)
}

/// Rendered objects with the YAML inside a ConfigMap as what it says: Helm writes the same in another style.
fn objects(text: &str) -> Result<Vec<Value>> {
    let mut objects = documents(text)?;
    for object in &mut objects {
        if let Some(Value::Object(files)) = object.get_mut("data") {
            for (name, file) in files {
                let text = file.as_str().context("a file is text")?;
                *file = yaml::parse(text, name, Dialect::Config)?.to_json();
            }
        }
    }
    Ok(objects)
}

fn kinds(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|object| object["kind"].as_str()).collect()
}

#[test]
fn hooks_and_tests_are_left_out_alike() -> Result<()> {
    let folder = chart();
    let chart = folder.to_str().context("a path in UTF-8")?;
    let with = ["nightly", chart, "--set", "simulator.enabled=true"];
    let all = agreed(&with)?;
    let without = |argument| -> Result<usize> { Ok(agreed(&[&with[..], &[argument]].concat())?.len()) };
    assert!(kinds(&all).contains(&"Pod"), "{:?}", kinds(&all));
    assert_eq!((without("--no-hooks")?, without("--skip-tests")?), (all.len() - 1, all.len() - 1));
    Ok(())
}

#[test]
fn names_and_versions_are_taken_alike() -> Result<()> {
    let folder = chart();
    let chart = folder.to_str().context("a path in UTF-8")?;
    let named =
        agreed(&[chart, "--name-template", "from-a-template", "--is-upgrade", "--api-versions", "a/v1"])?;
    assert!(named.iter().any(|object| {
        object["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("from-a-template"))
    }));
    for accepted in ["1.28", "v1.30.2", "1.31.0-eks-1"] {
        agreed(&["r", chart, "--kube-version", accepted])?;
    }
    let refused: [&[&str]; 4] = [
        &["r", chart, "--kube-version", "1.27.9"],
        &["r", chart, "--kube-version", "new"],
        &["r", chart, "--name-template", "another"],
        &["r", chart, "--generate-name"],
    ];
    for arguments in refused {
        for output in by_all(arguments)? {
            assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        }
    }
    Ok(())
}

/// Without the schema Helm takes what its templates do not look at; so does the renderer, as far as it can read the values.
#[test]
fn the_schema_is_left_out_alike() -> Result<()> {
    let folder = chart();
    let chart = folder.to_str().context("a path in UTF-8")?;
    let with = |flag, argument| ["r", chart, "--skip-schema-validation", flag, argument];
    let accepted = [
        ("--set", "benchmark.target.baseURL=http://h:8000,own.key=1"),
        ("--set", "benchmark.config.load.future=5"),
        ("--set", "benchmark.config.load.type=bursty"),
        ("--set-string", "benchmark.scenarios.baseline.load.stages[0].rate=1.5e3"),
        ("--set-json", "benchmark.scenarios.baseline.load.stages[0].rate=2000000000000"),
        ("--set", "benchmark.scenarios.sweep.load.lod=1"),
    ];
    for (flag, argument) in accepted {
        agreed(&with(flag, argument))?;
        for output in by_all(&["r", chart, flag, argument])? {
            assert_eq!(output.status.code(), Some(1), "{argument} with the schema");
        }
    }
    let refused = [
        ("--set", "benchmark.scenarios.baseline.load.stages[0].rate=-5"),
        ("--set", "benchmark.scenarios.baseline.load.stages[0].duration=0"),
        ("--set", "benchmark.target.modelName=7"),
        ("--set", "benchmark.target=null"),
        ("--set", "benchmark.image=null"),
        ("--set", "benchmark.scenario=null"),
        ("--set", "benchmark.config.server.api_key=s"),
        ("--set-string", "benchmark.config.load.type=="),
    ];
    for (flag, argument) in refused {
        for output in by_all(&with(flag, argument))? {
            assert_eq!(output.status.code(), Some(1), "{argument} without the schema");
        }
    }
    // What Helm would put into the objects for the API server or the run to refuse.
    let output = run(
        &program("benchmark-render"),
        ["template", "r", "--skip-schema-validation", "--set", "benchmark.api.type=grpc"],
    )?;
    insta::assert_snapshot!(String::from_utf8(output.stderr)?, @r"
    --set benchmark.api.type=grpc: benchmark.api.type: must be one of completion, chat; is `grpc`
    --skip-schema-validation: the schema is not checked, but the values have to be readable (mend what is named, or use Helm)
    ");
    Ok(())
}

/// Objects by file, relative to `folder`.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<Value>>> {
    let templates = folder.join("benchmark-charts/templates");
    let mut files = BTreeMap::new();
    for entry in fs_err::read_dir(templates)? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
        files.insert(name, objects(&fs_err::read_to_string(&path)?)?);
    }
    Ok(files)
}

#[test]
fn files_are_written_alike() -> Result<()> {
    let folder = chart();
    let chart = folder.to_str().context("a path in UTF-8")?;
    let mut trees = Vec::new();
    for name in ["benchmark-render", "helm", "helm3"] {
        let folder = tempfile::tempdir()?;
        let to = folder.path().to_str().context("a path in UTF-8")?.to_owned();
        let program = if name == "benchmark-render" { program(name) } else { tool(name) };
        let output = run(&program, ["template", "r", chart, "--output-dir", &to])?;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout)?;
        assert!(
            said.contains(&format!("wrote {to}/benchmark-charts/templates/job.yaml\n")),
            "{name}: {said}"
        );
        trees.push(files(folder.path())?);
    }
    assert!(trees[0].len() >= 3);
    assert!(trees.iter().all(|tree| *tree == trees[0]), "other files than Helm's");
    Ok(())
}
