//! The blocks on standard output that scripts cut out of a pod's log: a marker line, a report, a marker line.

use std::fmt::Write as _;

use benchmark_schemas::yaml;

use super::json::{Layout, to_string};
use super::{Document, RunReport, lifecycle, partial, recorded};

/// Summary and stages as indented JSON, as far as the configuration asks for these reports, and the stages' partial
/// benchmark reports as YAML. Each marker stands alone on its line.
pub fn blocks(run: &RunReport) -> String {
    let wanted = &run.settings.request_lifecycle;
    let mut text = String::new();
    let mut block = |name: &str, body: &str| {
        // Writing to a string cannot fail.
        let _ = write!(text, "=== START_{name} ===\n{body}\n=== END_{name} ===\n");
    };
    let json = |document: &Document| to_string(document.tree(), Layout::Indented);
    if wanted.summary == Some(true) && run.metrics.summary.recorded_count() > 0 {
        block("SUMMARY", &json(&lifecycle::summary(run)));
    }
    if wanted.per_stage == Some(true) {
        for stage in recorded(run) {
            block(&format!("STAGE_{}", stage.stage), &json(&lifecycle::stage(run, stage)));
        }
    }
    for stage in recorded(run) {
        let body = yaml::emit(partial::document(run, stage).tree());
        block(&format!("PARTIAL_BR_V0_2_STAGE_{}", stage.stage), body.trim_end());
    }
    text.truncate(text.trim_end().len());
    text
}
