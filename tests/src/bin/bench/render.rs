//! Bench (e): manifests from the chart, by `benchmark-render` and by Helm, whole processes in turn.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use benchmark_tests::{chart, program, tool};

use crate::figures::{Limit, Table};
use crate::process::measure;
use crate::{Scene, progress};

/// Processes of each program in a round: one is over too soon to be measured alone.
const AT_ONCE: u64 = 10;

/// What one process costs.
struct Cost {
    /// From its start to its end.
    milliseconds: f64,
    cpu_milliseconds: f64,
    peak_mib: f64,
}

pub(crate) fn bench(scene: &Scene) -> Result<Table> {
    let mut table = Table::new("(e) Rendering the saturation scenario: one process");
    let (ours, helms) = (program("benchmark-render"), [("Helm 4", tool("helm")), ("Helm 3", tool("helm3"))]);
    for round in 1..=scene.runs {
        progress(&format!("(e) round {round}"));
        let own = cost(scene, &ours)?;
        own.add_to(&mut table, "ours");
        for (name, helm) in &helms {
            let other = cost(scene, helm)?;
            other.add_to(&mut table, name);
            let limit = if *name == "Helm 4" { Limit::AtMost(0.1) } else { Limit::None };
            table.add(&format!("time: ours / {name}"), "×", own.milliseconds / other.milliseconds, limit);
        }
    }
    table.note(
        "`template saturation-test CHART --set benchmark.scenario=saturation`, the chart a folder that ours compares with its own. Means \
         of processes one after another, ours and Helm in turn; from right before the start to the end of the process.",
    );
    Ok(table)
}

impl Cost {
    fn add_to(&self, table: &mut Table, name: &str) {
        table.add(&format!("{name}: time"), "ms", self.milliseconds, Limit::None);
        table.add(&format!("{name}: CPU"), "ms", self.cpu_milliseconds, Limit::None);
        table.add(&format!("{name}: peak memory"), "MiB", self.peak_mib, Limit::None);
    }
}

fn cost(scene: &Scene, program: &Path) -> Result<Cost> {
    let processes = scene.scaled(AT_ONCE);
    let mut sum = Cost { milliseconds: 0.0, cpu_milliseconds: 0.0, peak_mib: 0.0 };
    for _ in 0..processes {
        let ended = measure(
            Command::new(program)
                .args(["template", "saturation-test"])
                .arg(chart())
                .args(["--set", "benchmark.scenario=saturation"]),
        )?;
        ensure!(ended.stdout.contains("kind: Job"), "{}: no Job", program.display());
        sum.milliseconds += (ended.exited - ended.spawned) as f64 / 1e6 / processes as f64;
        sum.cpu_milliseconds += ended.cpu_seconds * 1e3 / processes as f64;
        sum.peak_mib = sum.peak_mib.max(ended.peak_mib());
    }
    Ok(sum)
}
