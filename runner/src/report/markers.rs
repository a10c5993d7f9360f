//! The blocks on standard output that scripts cut out of a pod's log: a marker line, a report, a marker line.

use std::fmt::Write as _;

use super::{Export as _, File, Layout, lifecycle, partial};

/// Summary and stages as indented JSON and the stages' partial benchmark reports as YAML, as far as they are among
/// `files`. Each marker stands alone on its line.
pub fn blocks(files: &[File]) -> String {
    let mut text = String::new();
    for file in files {
        let File::Document(document) = file else { continue };
        let Some(name) = name(document.name()) else { continue };
        let mut body = Vec::new();
        // Writing to memory cannot fail.
        let _ = document.write(Layout::Indented, &mut body);
        let body = String::from_utf8_lossy(&body);
        let _ = write!(text, "=== START_{name} ===\n{}\n=== END_{name} ===\n", body.trim_end());
    }
    text.truncate(text.trim_end().len());
    text
}

/// Name of the block with a `file`; `None` for files that are not printed.
fn name(file: &str) -> Option<String> {
    if file == lifecycle::SUMMARY_NAME {
        return Some("SUMMARY".to_owned());
    }
    let of_stage = lifecycle::stage_of_name(file).map(|stage| format!("STAGE_{stage}"));
    of_stage.or_else(|| partial::stage_of_name(file).map(|stage| format!("PARTIAL_BR_V0_2_STAGE_{stage}")))
}
