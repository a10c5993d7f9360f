//! `--analyze`: charts of finished runs.

use anyhow::{Result, bail};

use super::Exit;
use crate::cli::AnalysisArgs;

/// Draws what `arguments` ask for; there is at least one folder to analyse.
///
/// # Errors
///
/// Always, for charts are not built yet.
pub(super) fn run(arguments: &AnalysisArgs) -> Result<Exit> {
    let folder = arguments.analyze.first().map(|folder| folder.display().to_string()).unwrap_or_default();
    bail!(
        "--analyze {folder}: charts are not built yet (the tables of `inference-perf report DIR` have the figures)"
    )
}
