//! Reports: from metrics and verdicts to bytes and text. One exporter a file.
//!
//! Everything here is a pure function of a run's records, so a report can be rebuilt from the spool at any time.
//! Upstream's files have upstream's trees; this project's own numbers stand under one key `extensions` per object,
//! and removing that key leaves exactly upstream's. Where the bytes go is the store's business.

pub mod answer;
pub mod capacity;
pub mod config;
pub mod json;
pub mod lifecycle;
pub mod manifest;
pub mod markers;
pub mod per_request;
pub mod prometheus;
pub mod read;
pub mod serving;
pub mod tables;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use serde_json::Value;

use crate::metrics::RecordSource;
pub use json::Layout;
pub use read::{ReadError, RunReport};

/// A file of a run, ready to be written as often as needed.
pub trait Export: Send + Sync {
    /// Name without folder and prefix, for example `summary_lifecycle_metrics.json`.
    fn name(&self) -> &str;

    /// Writes the content; `layout` concerns JSON only.
    fn write(&self, layout: Layout, out: &mut dyn io::Write) -> io::Result<()>;
}

/// A report that fits into memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    name: String,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Json(Value),
    Yaml(String),
}

impl Document {
    /// A JSON file.
    pub fn json(name: impl Into<String>, value: Value) -> Self {
        Self { name: name.into(), content: Content::Json(value) }
    }

    /// A YAML file of the finished `text`.
    pub fn yaml(name: impl Into<String>, text: String) -> Self {
        Self { name: name.into(), content: Content::Yaml(text) }
    }

    /// The tree of a JSON file.
    pub fn as_json(&self) -> Option<&Value> {
        match &self.content {
            Content::Json(value) => Some(value),
            Content::Yaml(_) => None,
        }
    }
}

impl Export for Document {
    fn name(&self) -> &str {
        &self.name
    }

    fn write(&self, layout: Layout, out: &mut dyn io::Write) -> io::Result<()> {
        match &self.content {
            Content::Json(value) => json::write(value, layout, 0, out),
            Content::Yaml(text) => out.write_all(text.as_bytes()),
        }
    }
}

/// The files of `run` in the order in which they are written, `manifest.json` excepted: only the store knows what it
/// has written.
pub fn exports<S>(run: &RunReport, source: &Arc<S>) -> Vec<Box<dyn Export>>
where
    S: RecordSource + Send + Sync + 'static,
{
    let wanted = &run.settings.request_lifecycle;
    let mut files: Vec<Box<dyn Export>> = Vec::new();
    if wanted.summary == Some(true) && run.metrics.summary.recorded_count() > 0 {
        files.push(Box::new(lifecycle::summary(run)));
    }
    if wanted.per_stage == Some(true) {
        let recorded = run.metrics.stages.iter().filter(|stage| stage.requests.recorded_count() > 0);
        files.extend(recorded.map(|stage| Box::new(lifecycle::stage(run, stage)) as Box<dyn Export>));
    }
    if wanted.per_request == Some(true) {
        let fields = wanted.per_request_fields.clone();
        files.push(Box::new(per_request::PerRequest::new(source.clone(), fields, run.options.clone())));
    }
    let answered = run.metrics.asides.promql.iter();
    let answered = answered.filter_map(|answered| prometheus::document(answered, run.options.server));
    files.extend(answered.map(|file| Box::new(file) as Box<dyn Export>));
    files.push(Box::new(capacity::document(&run.capacity)));
    files.push(Box::new(config::document(&run.config)));
    files
}
