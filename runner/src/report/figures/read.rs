//! Reads the reports on stages that charts are drawn from, whichever version of the program wrote them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::report::lifecycle;

/// The stages of one folder of results.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The folder as it was named.
    pub place: String,
    /// Its stages by number.
    pub stages: Vec<Stage>,
    /// Files that were left out, each with the reason.
    pub skipped: Vec<String>,
}

/// What charts show of a stage; `None` where its report has no number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    pub(super) number: u32,
    pub(super) achieved_rate: f64,
    /// Requests in flight of a closed loop.
    pub(super) concurrency: Option<f64>,
    pub(super) ttft_ms: Option<f64>,
    pub(super) ntpot_ms: Option<f64>,
    pub(super) itl_ms: Option<f64>,
    pub(super) input_tokens_per_second: Option<f64>,
    pub(super) output_tokens_per_second: Option<f64>,
    pub(super) total_tokens_per_second: Option<f64>,
    pub(super) goodput_percentage: Option<f64>,
    pub(super) request_goodput: Option<f64>,
}

impl Stage {
    /// What orders the stages of a run: how much was asked of the server.
    pub(super) fn load(&self) -> f64 {
        self.concurrency.unwrap_or(self.achieved_rate)
    }
}

/// Why a folder has nothing to draw.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("the folder {} cannot be read: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's message.
        error: std::io::Error,
    },
    /// It holds no usable report.
    #[error(
        "{} has no report on a stage to draw (stage_0_lifecycle_metrics.json and so on, with load_summary.achieved_rate \
         and successes){}",
        path.display(),
        left_out(skipped)
    )]
    NoStages {
        /// The folder.
        path: PathBuf,
        /// Files that were left out, each with the reason.
        skipped: Vec<String>,
    },
}

/// `skipped`, each on a line of its own that begins with a line break.
fn left_out(skipped: &[String]) -> String {
    skipped.iter().flat_map(|reason| ["\n  left out: ", reason]).collect()
}

/// Reads the reports on stages in `folder`.
///
/// # Errors
///
/// If there are none that could be drawn.
pub fn read(folder: &Path) -> Result<Report, ReadError> {
    let (mut stages, mut skipped) = (Vec::new(), Vec::new());
    for (number, path) in report_files(folder)?.stages {
        match stage(number, &path) {
            Ok(stage) => stages.push(stage),
            Err(reason) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                skipped.push(format!("{name}: {reason}"));
            }
        }
    }
    if stages.is_empty() {
        return Err(ReadError::NoStages { path: folder.to_owned(), skipped });
    }
    stages.sort_by_key(|stage| stage.number);
    Ok(Report { place: folder.display().to_string(), stages, skipped })
}

/// The reports on stages in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFiles {
    /// What the names of the run's files begin with.
    pub prefix: String,
    /// Numbers and files, by name.
    pub stages: Vec<(u32, PathBuf)>,
}

/// The reports on stages in `folder`; none if there are none. All of a run's files begin with its prefix; a run whose
/// `config.yaml` is there comes before one that only left parts.
///
/// # Errors
///
/// If the folder cannot be read.
pub fn report_files(folder: &Path) -> Result<ReportFiles, ReadError> {
    let fail = |error| ReadError::Folder { path: folder.to_owned(), error };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        names.extend(entry.map_err(fail)?.file_name().into_string().ok());
    }
    names.sort();
    let with = |prefix: &str| {
        let number = |name: &str| lifecycle::stage_of_name(name.strip_prefix(prefix)?);
        let stages = names.iter().filter_map(|name| Some((number(name)?, folder.join(name)))).collect();
        ReportFiles { prefix: prefix.to_owned(), stages }
    };
    let prefixes = names.iter().filter_map(|name| name.strip_suffix("config.yaml"));
    Ok(prefixes.chain([""]).map(with).find(|found| !found.stages.is_empty()).unwrap_or_else(|| with("")))
}

fn stage(number: u32, path: &Path) -> Result<Stage, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let tree: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let at = |pointer: &str| tree.pointer(pointer).and_then(Value::as_f64).filter(|value| value.is_finite());
    let achieved_rate = at("/load_summary/achieved_rate").ok_or("it has no load_summary.achieved_rate")?;
    if tree.get("successes").is_none() {
        return Err("it has no successes".to_owned());
    }
    let mean_ms = |key: &str| at(&format!("/successes/latency/{key}/mean")).map(|seconds| seconds * 1e3);
    let tokens = |side: &str| at(&format!("/successes/throughput/{side}_tokens_per_sec"));
    Ok(Stage {
        number,
        achieved_rate,
        concurrency: at("/load_summary/concurrency").filter(|concurrency| *concurrency > 0.0),
        ttft_ms: mean_ms("time_to_first_token"),
        ntpot_ms: mean_ms("normalized_time_per_output_token"),
        itl_ms: mean_ms("inter_token_latency"),
        input_tokens_per_second: tokens("input"),
        output_tokens_per_second: tokens("output"),
        total_tokens_per_second: tokens("total"),
        goodput_percentage: at("/successes/goodput_metrics/goodput_percentage"),
        request_goodput: at("/successes/goodput_metrics/request_goodput"),
    })
}
