//! `--analyze`: charts of finished runs, into their folders, and of all together into one more.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Exit, say};
use crate::cli::AnalysisArgs;
use crate::report::figures::{self, Report, figures, to_png};
use crate::report::json::{Layout, to_string};

/// Says which line of a chart is which folder's.
const LEGEND_FILE: &str = "analyzed_reports_legend.json";

/// Draws what `arguments` ask for; there is at least one folder to analyse.
///
/// # Errors
///
/// The first folder without anything to draw, and what cannot be written.
pub(super) fn run(arguments: &AnalysisArgs) -> Result<Exit> {
    // All are read before any is drawn: a mistyped folder shall not leave half of the charts.
    let reports = arguments.analyze.iter().map(|folder| Ok((folder, figures::read(folder)?)));
    let reports: Vec<(_, Report)> = reports.collect::<Result<_>>()?;
    for (folder, report) in &reports {
        for skipped in &report.skipped {
            tracing::warn!("{}: left out {skipped}", folder.display());
        }
        draw(std::slice::from_ref(report), folder)?;
    }
    if let Some(folder) = &arguments.unified_analysis_dir {
        fs_err::create_dir_all(folder)?;
        let reports: Vec<Report> = reports.into_iter().map(|(_, report)| report).collect();
        draw(&reports, folder)?;
        write(&folder.join(LEGEND_FILE), to_string(&legend(&reports), Layout::Indented).as_bytes())?;
    }
    Ok(Exit::Done)
}

/// Draws `reports` together into `folder`.
fn draw(reports: &[Report], folder: &Path) -> Result<()> {
    for figure in figures(reports) {
        let svg = figure.to_svg();
        let png = to_png(&svg).with_context(|| format!("{}.png", figure.name))?;
        write(&folder.join(format!("{}.svg", figure.name)), svg.as_bytes())?;
        write(&folder.join(format!("{}.png", figure.name)), &png)?;
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs_err::write(path, content)?;
    say(&format!("Chart saved to: {}", path.display()));
    Ok(())
}

fn legend(reports: &[Report]) -> Value {
    let names =
        (1..).zip(reports).map(|(number, report)| (format!("Report {number}"), report.place.as_str().into()));
    Value::Object(names.collect())
}
