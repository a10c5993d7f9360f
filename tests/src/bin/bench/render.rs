//! Bench (e): manifests from the chart, by `benchmark-render` and by Helm, whole processes in turn.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use benchmark_tests::{chart, program, tool};

use crate::figures::{Limit, Table};
use crate::process::measure;
use crate::{Scene, progress};

/// Processes of each program in a round.
const AT_ONCE: u64 = 10;

pub(crate) fn bench(scene: &Scene) -> Result<Table> {
    let mut table = Table::new("(e) Rendering the saturation scenario: time of one process");
    let (ours, helms) = (program("benchmark-render"), [("Helm 4", tool("helm")), ("Helm 3", tool("helm3"))]);
    for round in 1..=scene.runs {
        progress(&format!("(e) round {round}"));
        let own = milliseconds(scene, &ours)?;
        table.add("ours", "ms", own, Limit::None);
        for (name, helm) in &helms {
            let other = milliseconds(scene, helm)?;
            table.add(name, "ms", other, Limit::None);
            let limit = if *name == "Helm 4" { Limit::AtMost(0.1) } else { Limit::None };
            table.add(&format!("time: ours / {name}"), "×", own / other, limit);
        }
    }
    table.note(
        "`template saturation-test CHART --set benchmark.scenario=saturation`, the chart a folder that ours compares with its own. Means \
         of processes one after another, ours and Helm in turn; from right before the start to the end of the process.",
    );
    Ok(table)
}

/// From the start of a process to its end, the mean of several.
fn milliseconds(scene: &Scene, program: &Path) -> Result<f64> {
    let processes = scene.scaled(AT_ONCE);
    let mut sum = 0.0;
    for _ in 0..processes {
        let ended = measure(
            Command::new(program)
                .args(["template", "saturation-test"])
                .arg(chart())
                .args(["--set", "benchmark.scenario=saturation"]),
        )?;
        ensure!(ended.stdout.contains("kind: Job"), "{}: no Job", program.display());
        sum += (ended.exited - ended.spawned) as f64 / 1e6;
    }
    Ok(sum / processes as f64)
}
