//! `report.html` as a browser sees it: complete, still, without a network, readable for all, small.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::{program, root, run_ok, tool};
use serde_json::{Value, json};

use crate::records::Made;

/// Bytes of a page at most.
const MOST_BYTES: usize = 2_000_000;

/// The page on the run that `made` is.
fn page(folder: &Path, name: &str, made: &Made) -> Result<PathBuf> {
    let folder = folder.join(name);
    made.write(&folder)?;
    run_ok(&program("inference-perf"), ["report".as_ref(), folder.as_os_str()])?;
    Ok(folder.join("report.html"))
}

/// What headless Chromium finds in `pages`.
fn looked_at(pages: &[PathBuf]) -> Result<Value> {
    let script = root().join("tests/tools/page.py");
    let arguments = std::iter::once(script.as_os_str()).chain(pages.iter().map(|page| page.as_os_str()));
    serde_json::from_str(&run_ok(&tool("venv/bin/python"), arguments)?).context("JSON")
}

#[test]
fn pages_are_whole_still_readable_and_small() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let many = (0..1000).map(|stage| (2.0 + f64::from(stage) / 100.0, 8.0)).collect();
    let hostile = json!({
        "server": {"type": "vllm", "model_name": "<script>alert(1)</script>", "base_url": "http://a/\"><img src=x>"},
        "report": {"goodput": {"constraints": {"ttft": 0.3}}},
    });
    let objectives = json!({"extensions": {
        "slo": [{"metric": "ttft", "quantile": 0.95, "limit": 0.3}, {"metric": "errors", "limit": 0.01}],
        "production": {"peak_rate": 100, "replicas": 1},
        "gates": {"slo_up_to_rate": 5.0},
    }});
    let made = [
        ("usual", Made::default()),
        ("objectives", Made { config: objectives, ..Made::default() }),
        ("hostile", Made { config: hostile, interrupted: true, ..Made::default() }),
        ("single", Made { stages: vec![(3.0, 30.0)], ..Made::default() }),
        ("empty", Made { stages: Vec::new(), ..Made::default() }),
        ("thousand", Made { stages: many, ..Made::default() }),
    ];
    let mut pages = Vec::new();
    for (name, made) in &made {
        pages.push(page(folder.path(), name, made)?);
    }
    for page in &pages {
        let text = fs_err::read_to_string(page)?;
        ensure!(text.len() < MOST_BYTES, "{}: {} bytes", page.display(), text.len());
        for reference in ["<script", "<img", "src=\"", "url(", "@import", "href=\"http"] {
            ensure!(!text.contains(reference), "{}: {reference}", page.display());
        }
    }
    let found = looked_at(&pages)?;
    for page in &pages {
        let looks = found[page.to_string_lossy().as_ref()].as_array().context("looks")?;
        assert_eq!(looks.len(), 4);
        for look in looks {
            let is_empty = page.parent().is_some_and(|folder| folder.ends_with("empty"));
            for key in ["console", "requests", "lacks", "violations"] {
                ensure!(look[key] == json!([]), "{}: {look:#}", page.display());
            }
            ensure!(
                look["wider"].as_i64() <= Some(0) && look["scripts"] == 0,
                "{}: {look:#}",
                page.display()
            );
            let (figures, tables) = (look["figures"].as_u64(), look["tables"].as_u64());
            // One more table where there are objectives.
            let is_held = page.parent().is_some_and(|folder| folder.ends_with("objectives"));
            let wanted = if is_held { 7 } else { 6 };
            ensure!(
                is_empty || figures >= Some(13) && tables >= Some(wanted),
                "{}: {look:#}",
                page.display()
            );
        }
    }
    Ok(())
}

#[test]
fn reports_of_other_programs_are_read_as_far_as_they_go() -> Result<()> {
    let folder = tempfile::tempdir()?;
    page(folder.path(), "own", &Made::default())?;
    let own = folder.path().join("own");
    // Upstream's folder: its files alone, without the keys that are this project's own.
    let other = folder.path().join("other");
    fs_err::create_dir(&other)?;
    for entry in fs_err::read_dir(&own)? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
        if name.ends_with("_lifecycle_metrics.json") {
            let tree: Value = serde_json::from_str(&fs_err::read_to_string(&path)?)?;
            fs_err::write(other.join(&name), without_extensions(tree).to_string())?;
        }
    }
    fs_err::write(
        other.join("config.yaml"),
        "server: {model_name: m, api_key: hush-1}\napi: {headers: {x-a: hush-2}}\n",
    )?;
    let names = |folder: &Path| -> Result<Vec<String>> {
        let mut names: Vec<String> = fs_err::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        names.sort();
        Ok(names)
    };
    let before = names(&other)?;
    let report = |arguments: &[&str]| {
        let folder = other.to_string_lossy().into_owned();
        run_ok(&program("inference-perf"), ["report", &folder].iter().chain(arguments))
    };
    let told = report(&["--slo", "ttft:p95<500ms", "--slo", "errors<1%"])?;
    let mut kept = 0.0;
    for (stage, (rate, _)) in Made::default().stages.iter().enumerate() {
        let path = other.join(format!("stage_{stage}_lifecycle_metrics.json"));
        let tree: Value = serde_json::from_str(&fs_err::read_to_string(path)?)?;
        let number = |pointer: &str| tree.pointer(pointer).and_then(Value::as_f64).context("a number");
        let (failures, successes) = (number("/failures/count")?, number("/successes/count")?);
        let ttft = number("/successes/latency/time_to_first_token/p95")?;
        if ttft >= 0.5 || failures >= 0.01 * (failures + successes) {
            break;
        }
        kept = *rate;
    }
    ensure!(kept > 0.0, "the server keeps them at some load");
    ensure!(
        told.contains(&format!("ttft:p95<500ms and errors<1%: kept up to {kept:.1} requests/s")),
        "{told}"
    );
    ensure!(report(&["--slo", "ttft:p95<1ms"])?.contains("not kept, or not known, at the lowest load"));
    ensure!(report(&[])?.contains("have no verdicts"));
    let mut after = names(&other)?;
    after.retain(|name| name != "report.html");
    assert_eq!(after, before, "nothing of theirs is written over");
    let page = other.join("report.html");
    let text = fs_err::read_to_string(&page)?;
    ensure!(!text.contains("hush"), "secrets are masked");
    let found = looked_at(std::slice::from_ref(&page))?;
    for look in found[page.to_string_lossy().as_ref()].as_array().context("looks")? {
        for key in ["console", "requests", "lacks", "violations"] {
            ensure!(look[key] == json!([]), "{look:#}");
        }
        ensure!(look["figures"].as_u64() >= Some(7), "{look:#}");
    }
    Ok(())
}

fn without_extensions(tree: Value) -> Value {
    match tree {
        Value::Object(entries) => entries
            .into_iter()
            .filter(|(key, _)| key != "extensions")
            .map(|(key, value)| (key, without_extensions(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn other_objectives_change_the_verdicts_of_a_finished_run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    page(folder.path(), "own", &Made::default())?;
    let own = folder.path().join("own");
    let judged = |objective: &str| -> Result<Value> {
        let folder = own.to_string_lossy().into_owned();
        run_ok(&program("inference-perf"), ["report", &folder, "--slo", objective])?;
        Ok(serde_json::from_str(&fs_err::read_to_string(own.join("slo-capacity.json"))?)?)
    };
    let (strict, mild) = (judged("ttft:p95<1ms")?, judged("ttft:p95<100s")?);
    assert_eq!(strict["stages"][0]["verdict"], "degraded");
    assert_eq!(strict["knee"]["bracket"][0], Value::Null);
    assert_eq!(mild["stages"][0]["verdict"], "sustained");
    ensure!(mild["knee"]["bracket"][0].is_f64(), "{}", mild["knee"]);
    Ok(())
}
