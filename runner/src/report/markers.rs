//! The blocks on standard output that scripts cut out of a pod's log: a marker line, indented JSON, a marker line.

use std::fmt::Write;

use super::json::{Layout, to_string};
use super::{RunReport, lifecycle};

/// Summary and stages between their markers, as far as the configuration asks for these reports.
pub fn blocks(run: &RunReport) -> String {
    let wanted = &run.settings.request_lifecycle;
    let mut text = String::new();
    let mut block = |name: &str, document: super::Document| {
        if let Some(tree) = document.as_json() {
            let body = to_string(tree, Layout::Indented);
            // Writing to a string cannot fail.
            let _ = write!(text, "=== START_{name} ===\n{body}\n=== END_{name} ===\n");
        }
    };
    if wanted.summary == Some(true) && run.metrics.summary.recorded_count() > 0 {
        block("SUMMARY", lifecycle::summary(run));
    }
    if wanted.per_stage == Some(true) {
        for stage in run.metrics.stages.iter().filter(|stage| stage.requests.recorded_count() > 0) {
            block(&format!("STAGE_{}", stage.stage), lifecycle::stage(run, stage));
        }
    }
    text
}
