//! `config.yaml`: the effective configuration, every key present, secrets masked, with the stages that a sweep made.

use serde_json::{Value, json};

use super::{Document, RunReport};

/// Name of the file.
pub const NAME: &str = "config.yaml";

/// The file.
pub fn document(run: &RunReport) -> Document {
    let mut config = run.config.clone();
    if let Some(sweep) = &run.capacity.sweep {
        let seconds = config.pointer("/load/sweep/stage_duration").cloned().unwrap_or(Value::Null);
        let stage = |rate: &f64| json!({"rate": rate, "duration": seconds, "num_requests": null, "concurrency_level": null});
        config["load"]["stages"] = sweep.rates.iter().map(stage).collect();
    }
    Document::yaml(NAME, config)
}
