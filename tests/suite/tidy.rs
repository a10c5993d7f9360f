//! The tree keeps its layering: crates depend one way, files stay readable, every template has its twin.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use benchmark_tests::{chart, root, run_ok};
use serde_json::Value;

/// Lines that a source file may have.
const LONGEST_FILE: usize = 400;

/// Which of this project's crates each of them may use.
const MAY_USE: [(&str, &[&str]); 5] = [
    ("benchmark-schemas", &[]),
    ("benchmark-render", &["benchmark-schemas"]),
    ("model-server-simulator", &["benchmark-schemas"]),
    ("inference-perf", &["benchmark-schemas", "model-server-simulator"]),
    (
        "benchmark-tests",
        &["benchmark-schemas", "benchmark-render", "model-server-simulator", "inference-perf"],
    ),
];

/// Crates that would bring I/O or async into the pure ones.
const IMPURE: [&str; 5] = ["tokio", "hyper", "reqwest", "object_store", "rand"];

fn dependencies() -> Result<Vec<(String, BTreeSet<String>)>> {
    let manifest = root().join("Cargo.toml");
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path"];
    let text = run_ok(Path::new(env!("CARGO")), arguments.iter().map(Path::new).chain([manifest.as_path()]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let packages = metadata["packages"].as_array().context("metadata lists packages")?;
    let names = |package: &Value| {
        let normal = package["dependencies"].as_array().into_iter().flatten().filter(|d| d["kind"].is_null());
        normal.filter_map(|d| d["name"].as_str().map(str::to_owned)).collect()
    };
    Ok(packages.iter().map(|p| (p["name"].as_str().unwrap_or_default().to_owned(), names(p))).collect())
}

#[test]
fn crates_depend_one_way() -> Result<()> {
    let own: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let found = dependencies()?;
    assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>(), own);
    for (name, uses) in found {
        let allowed = MAY_USE.iter().find(|(own, _)| *own == name).map_or(&[][..], |(_, allowed)| allowed);
        for used in uses.iter().filter(|used| own.contains(used.as_str())) {
            assert!(allowed.contains(&used.as_str()), "{name} must not use {used}");
        }
        if name == "benchmark-schemas" || name == "benchmark-render" {
            let impure: Vec<_> = uses.iter().filter(|used| IMPURE.contains(&used.as_str())).collect();
            assert!(impure.is_empty(), "{name} is pure and must not use {impure:?}");
        }
    }
    Ok(())
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
    Ok(())
}

#[test]
fn source_files_are_short_and_say_what_they_are() -> Result<()> {
    let mut files = Vec::new();
    sources(&root(), &mut files)?;
    assert!(files.len() > 40, "only {} source files found", files.len());
    for file in files {
        let text = fs_err::read_to_string(&file)?;
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{}: {lines} lines, more than {LONGEST_FILE}", file.display());
        assert!(text.starts_with("//!"), "{}: does not open with what it is", file.display());
    }
    Ok(())
}

#[test]
fn every_template_of_the_chart_has_its_twin_in_the_renderer() -> Result<()> {
    let names = |folder: PathBuf, ending: &str| -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for entry in fs_err::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(stem) = name.strip_suffix(ending) {
                names.insert(stem.to_owned());
            }
        }
        Ok(names)
    };
    let helm = names(chart().join("templates"), ".yaml")?;
    let own = names(root().join("render/templates"), ".yaml.j2")?;
    assert_eq!(own, helm);
    Ok(())
}
