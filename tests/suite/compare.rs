//! `inference-perf compare` as a pipeline calls it: exit codes, what is printed, and the files for other programs.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::{program, run};

use crate::records::Made;

/// Exit code and everything that was printed.
fn compared(folder: &Path, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let output = std::process::Command::new(program("inference-perf"))
        .arg("compare")
        .args(arguments)
        .current_dir(folder)
        .env("COLUMNS", "100")
        .output()?;
    let text = [output.stdout, output.stderr].map(String::from_utf8);
    let [stdout, stderr] = text;
    Ok((output.status.code(), format!("{}{}", stdout?, stderr?)))
}

/// Two stages that a server with 16 places keeps up with.
fn made(seed: u64, slower: f64) -> Made {
    Made { seed, slower, places: 16, stages: vec![(10.0, 60.0), (20.0, 60.0)], ..Made::default() }
}

#[test]
fn a_regression_ends_with_code_4_and_chance_does_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let place = |name: &str| folder.path().join(name);
    for (name, seed, slower) in [("a", 1, 1.0), ("b", 2, 1.0), ("slow", 3, 1.3)] {
        made(seed, slower).write(&place(name))?;
    }
    let at = folder.path();
    let condition = ["--fail-on", "ttft.p95>5%", "--fail-on", "output_tokens_per_second<-20%"];
    let (code, text) = compared(at, &[&["a", "b"], &condition[..]].concat())?;
    ensure!(code == Some(0), "{text}");
    for part in [
        "Stage 0: 10.0 requests/s",
        "ttft.p95 (ms)",
        "Detectable",
        "ttft.p95>5%: holds in stage 1",
        "is unknown",
    ] {
        ensure!(text.contains(part), "{part}: {text}");
    }
    let files = ["--markdown", "out.md", "--junit", "out.xml"];
    let (code, text) = compared(at, &[&["a", "slow"], &condition[..], &files].concat())?;
    ensure!(code == Some(4) && text.contains("ttft.p95>5%: FAILS in stage 0"), "{text}");
    let markdown = fs_err::read_to_string(place("out.md"))?;
    ensure!(markdown.contains("| ttft.p95 (ms) |") && markdown.contains("FAILS"), "{markdown}");
    let junit = fs_err::read_to_string(place("out.xml"))?;
    ensure!(junit.contains("<failure message=") && junit.contains("tests=\"4\""), "{junit}");
    ensure!(compared(at, &["a", "slow"])?.0 == Some(0), "without a condition nothing fails");
    Ok(())
}

#[test]
fn several_runs_a_side_and_what_cannot_be_compared() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let place = |name: &str| folder.path().join(name);
    for seed in 1..=6 {
        made(seed, 1.0).write(&place(&format!("run{seed}")))?;
    }
    Made { stages: vec![(7.0, 30.0)], ..Made::default() }.write(&place("other"))?;
    let at = folder.path();
    let (code, text) = compared(
        at,
        &[
            "run1,run2",
            "run3",
            "--base",
            "run4",
            "--new",
            "run5",
            "--new",
            "run6",
            "--fail-on",
            "ttft.p50>5%",
        ],
    )?;
    ensure!(code == Some(0) && text.contains("from 3 and 3 runs") && !text.contains("is unknown"), "{text}");
    for (arguments, told) in [
        (vec!["run1", "other"], "no stage that all runs have"),
        (vec!["run1", "nowhere"], "nowhere holds no run"),
        (vec!["run1", "run2", "--fail-on", "ttft.p99.99>5%"], "no stage could decide it"),
    ] {
        let (code, text) = compared(at, &arguments)?;
        ensure!(code == Some(1) && text.contains(told), "{arguments:?}: {text}");
    }
    let usage = run(&program("inference-perf"), ["compare", "a", "b", "--fail-on", "ttft>5%"])?;
    let text = String::from_utf8(usage.stderr).context("text")?;
    ensure!(usage.status.code() == Some(2) && text.contains("needs a statistic"), "{text}");
    Ok(())
}
