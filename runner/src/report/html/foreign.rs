//! Results that another program has left, or this one without its records: what their reports say, read as they are.
//!
//! They know the latencies from the sending alone, and only the percentiles that were asked for when they were made.

use std::path::Path;

use benchmark_schemas::secret::MASK;
use benchmark_schemas::slo::{Slo, SloMetric};
use benchmark_schemas::yaml::{self, Dialect};
use serde_json::Value;

use super::view::{Latencies, Load, Quantiles, Stage};
use crate::metrics::percentile::percentile_key;
use crate::report::figures::{ReadError, ReportFiles, report_files};

/// A folder of reports.
#[derive(Debug, Clone)]
pub struct Foreign {
    /// The folder as it was named.
    pub(super) place: String,
    /// What the names of its files begin with.
    pub prefix: String,
    pub(super) stages: Vec<Stage>,
    /// Each stage's report, in the same order.
    trees: Vec<Value>,
    /// The configuration, secrets masked; null if there is none that can be read.
    pub(super) config: Value,
    /// Files that were left out, each with the reason.
    pub skipped: Vec<String>,
}

/// How a stage met an objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Number of the stage.
    pub stage: u32,
    /// What its report says; `None` if it does not.
    pub value: Option<f64>,
}

impl Foreign {
    /// Reads the reports in `folder`.
    ///
    /// # Errors
    ///
    /// If there is none on a stage.
    pub fn read(folder: &Path) -> Result<Self, ReadError> {
        let ReportFiles { prefix, stages: files } = report_files(folder)?;
        let (mut read, mut skipped) = (Vec::new(), Vec::new());
        for (number, path) in files {
            match tree(&path).and_then(|tree| Ok((stage(number, &tree)?, tree))) {
                Ok(stage) => read.push(stage),
                Err(reason) => skipped.push(format!("{}: {reason}", path.display())),
            }
        }
        if read.is_empty() {
            return Err(ReadError::NoStages { path: folder.to_owned(), skipped });
        }
        read.sort_by_key(|(stage, _)| stage.number);
        let (stages, trees) = read.into_iter().unzip();
        let config = config(&folder.join(format!("{prefix}config.yaml")));
        Ok(Self { place: folder.display().to_string(), prefix, stages, trees, config, skipped })
    }

    /// What each stage says about `slo`, in the order of the stages.
    pub fn measured(&self, slo: &Slo) -> Vec<Measured> {
        let stages = self.stages.iter().zip(&self.trees);
        stages
            .map(|(stage, tree)| Measured { stage: stage.number, value: measured(slo, stage, tree) })
            .collect()
    }

    /// Greatest load up to which all `slos` held, as far as the reports tell.
    pub fn held_up_to(&self, slos: &[Slo]) -> Option<f64> {
        let mut by_load: Vec<(&Stage, &Value)> = self.stages.iter().zip(&self.trees).collect();
        by_load.sort_by(|(a, _), (b, _)| a.load.value().total_cmp(&b.load.value()));
        let holds = |(stage, tree): &(&Stage, &Value)| {
            slos.iter().all(|slo| measured(slo, stage, tree).is_some_and(|value| value <= slo.limit))
        };
        by_load.into_iter().take_while(holds).last().map(|(stage, _)| stage.load.value())
    }
}

fn measured(slo: &Slo, stage: &Stage, tree: &Value) -> Option<f64> {
    let key = match slo.metric {
        SloMetric::Errors => return stage.error_rate(),
        SloMetric::Ttft => "time_to_first_token",
        SloMetric::Tpot => "time_per_output_token",
        SloMetric::Ntpot => "normalized_time_per_output_token",
        SloMetric::Latency => "request_latency",
    };
    // Of 0.95 · 100 the percentile that was meant.
    let percent = (slo.target() * 1e8).round() / 1e6;
    tree.pointer(&format!("/successes/latency/{key}/{}", percentile_key(percent)))?.as_f64()
}

fn tree(path: &Path) -> Result<Value, String> {
    let text = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// What the report `tree` on stage `number` says.
fn stage(number: u32, tree: &Value) -> Result<Stage, String> {
    let at = |pointer: &str| tree.pointer(pointer).and_then(Value::as_f64).filter(|value| value.is_finite());
    let whole = |pointer: &str| tree.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let achieved_rate = at("/load_summary/achieved_rate").ok_or("it has no load_summary.achieved_rate")?;
    if tree.get("successes").is_none() {
        return Err("it has no successes".to_owned());
    }
    let in_flight = at("/load_summary/concurrency").filter(|concurrency| *concurrency > 0.0);
    let rate = |key: &str| at(&format!("/successes/throughput/{key}")).unwrap_or(0.0);
    // `prompt_len` is the name that versions before 0.7.0 have for it.
    let prompt_tokens = at("/successes/prompt_tokens/mean").or_else(|| at("/successes/prompt_len/mean"));
    Ok(Stage {
        number,
        load: in_flight.map_or_else(
            || {
                Load::Rate(
                    at("/load_summary/requested_rate").filter(|rate| *rate > 0.0).unwrap_or(achieved_rate),
                )
            },
            Load::InFlight,
        ),
        achieved_rate,
        completed_rate: rate("requests_per_sec"),
        succeeded: whole("/successes/count"),
        failed: whole("/failures/count"),
        input_tokens_per_second: rate("input_tokens_per_sec"),
        output_tokens_per_second: rate("output_tokens_per_sec"),
        prompt_tokens,
        output_tokens: at("/successes/output_tokens/mean").or_else(|| at("/successes/output_len/mean")),
        goodput_percent: at("/successes/goodput_metrics/goodput_percentage"),
        service: latencies(tree),
        scheduled: None,
        judged: None,
    })
}

fn latencies(tree: &Value) -> Latencies {
    let quantiles = |key: &str| {
        let dist = tree.pointer(&format!("/successes/latency/{key}"))?.as_object()?;
        let at = |key: &str| dist.get(key).and_then(Value::as_f64);
        Some(Quantiles { p50: at("median"), p95: at("p95"), p99: at("p99") })
    };
    Latencies {
        time_to_first_token: quantiles("time_to_first_token"),
        time_per_output_token: quantiles("time_per_output_token"),
        inter_token_latency: quantiles("inter_token_latency"),
        normalized_time_per_output_token: quantiles("normalized_time_per_output_token"),
        request_latency: quantiles("request_latency"),
    }
}

/// The configuration in `path`. Other programs leave secrets in it.
fn config(path: &Path) -> Value {
    let Ok(text) = fs_err::read_to_string(path) else { return Value::Null };
    let node = yaml::parse(&text, &path.display().to_string(), Dialect::Config);
    let mut config = node.map_or(Value::Null, |node| node.to_json());
    for pointer in ["/server/api_key", "/tokenizer/token"] {
        if let Some(secret) = config.pointer_mut(pointer).filter(|secret| !secret.is_null()) {
            *secret = MASK.into();
        }
    }
    if let Some(headers) = config.pointer_mut("/api/headers").and_then(Value::as_object_mut) {
        headers.values_mut().for_each(|value| *value = MASK.into());
    }
    config
}
