//! A comparison as text: a table for eyes, Markdown, and `JUnit`'s XML for what reads test results.

use std::fmt::Write as _;

use super::change::{Change, Comparison, StageComparison};
use super::gate::{Decided, Outcome};
use super::metric::{Key, Metric};
use crate::report::decimals::decimals_for;
use crate::report::figures::chart::escape;
use crate::report::figures::scale::grouped;
use crate::report::tables::layout::Layout;

/// What one run a side cannot tell.
const ONE_RUN: &str = "There is one run a side: how much runs differ by themselves is unknown, and no interval below covers \
                       it. Several runs a side (BASE and NEW take lists: a,b) show it.";

const HEAD: [&str; 6] = ["Metric", "Base", "New", "Change", "95 % interval", "Detectable"];

/// The comparison and what the conditions came to, for a display of `width` columns.
pub fn table(comparison: &Comparison, outcomes: &[Outcome], width: usize) -> String {
    let layout = Layout { width };
    let mut parts: Vec<String> = comparison
        .stages
        .iter()
        .map(|stage| layout.table(&heading(stage), (&HEAD, &[5]), &rows(stage), &notes(stage)))
        .collect();
    let mut rest = remarks(comparison);
    rest.extend(outcomes.iter().flat_map(said));
    parts.push(rest.join("\n"));
    parts.join("\n\n")
}

/// The same as Markdown.
pub fn markdown(comparison: &Comparison, outcomes: &[Outcome]) -> String {
    let mut text = "# Comparison\n".to_owned();
    for line in outcomes.iter().flat_map(said) {
        let _ = write!(text, "\n- {line}");
    }
    if !outcomes.is_empty() {
        text.push('\n');
    }
    for stage in &comparison.stages {
        let _ = write!(text, "\n## {}\n\n", heading(stage));
        let row = |cells: &[String]| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
        text += &row(&HEAD.map(str::to_owned));
        text += "|:--|--:|--:|--:|--:|--:|\n";
        for cells in rows(stage) {
            text += &row(&cells);
        }
        for note in notes(stage) {
            let _ = write!(text, "\n{note}\n");
        }
    }
    for remark in remarks(comparison) {
        let _ = write!(text, "\n{remark}\n");
    }
    text
}

/// What the conditions came to as `JUnit`'s XML: a test case for each condition in each stage.
pub fn junit(outcomes: &[Outcome]) -> String {
    let mut cases = String::new();
    let (mut tests, mut failures, mut skipped) = (0, 0, 0);
    for outcome in outcomes {
        let condition = escape(&outcome.condition.to_string());
        for decided in &outcome.stages {
            tests += 1;
            let name = format!("stage {}", decided.stage);
            if decided.fails {
                failures += 1;
                let why = escape(&described(outcome, decided));
                let _ = writeln!(
                    cases,
                    "    <testcase classname=\"{condition}\" name=\"{name}\"><failure message=\"{why}\"/></testcase>"
                );
            } else {
                let _ = writeln!(cases, "    <testcase classname=\"{condition}\" name=\"{name}\"/>");
            }
        }
        for (stage, reason) in &outcome.undecided {
            (tests, skipped) = (tests + 1, skipped + 1);
            let _ = writeln!(
                cases,
                "    <testcase classname=\"{condition}\" name=\"stage {stage}\"><skipped message=\"{}\"/></testcase>",
                escape(reason)
            );
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"inference-perf compare\" \
         tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

/// What a condition came to, a line a stage.
pub fn said(outcome: &Outcome) -> Vec<String> {
    let mut lines: Vec<String> = outcome.stages.iter().map(|decided| described(outcome, decided)).collect();
    lines.extend(
        outcome
            .undecided
            .iter()
            .map(|(stage, reason)| format!("{}: not decided in stage {stage}: {reason}", outcome.condition)),
    );
    if outcome.is_undecided() {
        lines.push(format!("{}: no stage could decide it", outcome.condition));
    }
    lines
}

fn described(outcome: &Outcome, decided: &Decided) -> String {
    let condition = &outcome.condition;
    let verdict = if decided.fails { "FAILS" } else { "holds" };
    let side = if condition.grows { "lower" } else { "upper" };
    format!(
        "{condition}: {verdict} in stage {}: changed by {}, {side} bound {}; limit {}",
        decided.stage,
        part(condition.key, decided.change.relative()),
        part(condition.key, decided.bound),
        part(condition.key, condition.limit)
    )
}

fn heading(stage: &StageComparison) -> String {
    match stage.concurrency {
        Some(requests) => format!("Stage {}: {requests} requests in flight", stage.stage),
        None => format!(
            "Stage {}: {} requests/s",
            stage.stage,
            grouped(stage.rate, decimals_for(stage.rate, 3).min(4))
        ),
    }
}

fn rows(stage: &StageComparison) -> Vec<Vec<String>> {
    stage.changes.iter().map(|(key, change)| row(*key, *change)).collect()
}

fn row(key: Key, change: Option<Change>) -> Vec<String> {
    let mut cells = vec![named(key)];
    let Some(change) = change else {
        cells.extend(vec!["-".to_owned(); HEAD.len() - 1]);
        return cells;
    };
    let [lower, upper] = change.interval().map(|bound| part(key, bound));
    cells.extend([figure(key, change.base), figure(key, change.new), part(key, change.relative())]);
    if change.enough {
        cells.extend([format!("{lower} to {upper}"), part(key, change.detectable())]);
    } else {
        cells.extend(["too few".to_owned(), "-".to_owned()]);
    }
    cells
}

/// A metric with its unit.
fn named(key: Key) -> String {
    match key.metric {
        latency if latency.is_latency() => format!("{key} (ms)"),
        Metric::ErrorRate => format!("{key} (%)"),
        _ => key.to_string(),
    }
}

/// A value in the unit of [`named`].
fn figure(key: Key, value: f64) -> String {
    let value = match key.metric {
        latency if latency.is_latency() => value * 1e3,
        Metric::ErrorRate => value * 100.0,
        _ => value,
    };
    if value == 0.0 { "0".to_owned() } else { grouped(value, decimals_for(value, 4).min(4)) }
}

/// A change as per cent, of shares as parts of all requests.
fn part(key: Key, change: f64) -> String {
    // Minus zero reads like a finding.
    let percent = (change * 1000.0).round() / 10.0 + 0.0;
    let unit = if key.metric.is_share() { "pp" } else { "%" };
    if percent.is_finite() { format!("{percent:+.1} {unit}") } else { "any".to_owned() }
}

fn notes(stage: &StageComparison) -> Vec<String> {
    let paired = "Both runs had the same schedule: what the load did to both cancels out.";
    let unfit = stage.unfit.iter().map(|reason| format!("It decides no condition: {reason}."));
    unfit.chain(stage.paired.then(|| paired.to_owned())).collect()
}

fn remarks(comparison: &Comparison) -> Vec<String> {
    let mut remarks = vec![
        "Latencies count from the scheduled instant. Detectable: the smallest increase that these runs would have shown \
         with 95 % chance."
            .to_owned(),
    ];
    remarks.extend(comparison.left_out.iter().map(|what| format!("Left out: {what}.")));
    if comparison.between_runs_unknown() {
        remarks.push(ONE_RUN.to_owned());
    } else {
        let [base, new] = comparison.runs;
        remarks
            .push(format!("Intervals cover how much runs differ by themselves, from {base} and {new} runs."));
    }
    remarks
}
