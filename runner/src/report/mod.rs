//! Reports: from metrics and verdicts to bytes and text. One exporter a file.
//!
//! Everything here is a pure function of a run's records, so a report can be rebuilt from the spool at any time.
//! Upstream's files have upstream's trees; this project's own numbers stand under one key `extensions` per object,
//! and removing that key leaves exactly upstream's. Where the bytes go is the store's business.

pub mod answer;
pub mod capacity;
pub mod config;
pub(crate) mod decimals;
pub mod figures;
pub mod gates;
pub mod html;
pub mod json;
pub mod lifecycle;
pub mod manifest;
pub mod markers;
mod media;
pub mod partial;
pub mod per_request;
pub mod prometheus;
pub mod read;
pub mod serving;
pub mod tables;
pub mod validation;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use benchmark_schemas::yaml;
use serde_json::Value;

use crate::metrics::RecordSource;
pub use json::Layout;
pub use read::{ReadError, RunReport};
pub use validation::Validation;

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
    Yaml(Value),
    Text(String),
}

impl Document {
    /// A JSON file.
    pub fn json(name: impl Into<String>, value: Value) -> Self {
        Self { name: name.into(), content: Content::Json(value) }
    }

    /// A YAML file.
    pub fn yaml(name: impl Into<String>, value: Value) -> Self {
        Self { name: name.into(), content: Content::Yaml(value) }
    }

    /// A file of text.
    pub fn text(name: impl Into<String>, text: String) -> Self {
        Self { name: name.into(), content: Content::Text(text) }
    }

    /// Its tree; null if it is no tree.
    pub fn tree(&self) -> &Value {
        match &self.content {
            Content::Json(value) | Content::Yaml(value) => value,
            Content::Text(_) => &Value::Null,
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
            Content::Yaml(value) => out.write_all(yaml::emit(value).as_bytes()),
            Content::Text(text) => out.write_all(text.as_bytes()),
        }
    }
}

/// The files of `run` in the order in which they are written, `manifest.json` excepted: only the store knows what it
/// has written.
pub fn exports<S>(run: &RunReport, source: &Arc<S>) -> Files
where
    S: RecordSource + Send + Sync + 'static,
{
    let wanted = &run.settings.request_lifecycle;
    let mut documents = documents(run);
    let validation = Validation::of(run, &documents);
    documents.push(validation.document());
    documents.push(html::document(run, &validation));
    let is_on_requests = |file: &Document| {
        file.name() == lifecycle::SUMMARY_NAME || lifecycle::stage_of_name(file.name()).is_some()
    };
    let after_requests = documents.iter().take_while(|file| is_on_requests(file)).count();
    let mut files: Vec<File> = documents.into_iter().map(File::Document).collect();
    if wanted.per_request == Some(true) {
        let (fields, options) = (wanted.per_request_fields.clone(), run.options.clone());
        let list = per_request::PerRequest::new(source.clone(), run.api(), fields, options);
        files.insert(after_requests, File::Streamed(Box::new(list)));
    }
    Files { files, validation }
}

/// The files that fit into memory, but for the last: what they say about one another.
fn documents(run: &RunReport) -> Vec<Document> {
    let wanted = &run.settings.request_lifecycle;
    let mut documents = Vec::new();
    if wanted.summary == Some(true) && run.metrics.summary.recorded_count() > 0 {
        documents.push(lifecycle::summary(run));
    }
    if wanted.per_stage == Some(true) {
        documents.extend(run.metrics.recorded_stages().map(|stage| lifecycle::stage(run, stage)));
    }
    let adapters = run.metrics.adapters.iter().chain(&run.metrics.adapter_stages);
    let adapters = adapters.filter(|adapter| adapter.requests.recorded_count() > 0);
    documents.extend(adapters.map(|adapter| lifecycle::adapter(run, adapter)));
    let answered = run.metrics.asides.promql.iter();
    documents.extend(answered.filter_map(|answered| prometheus::document(answered, run.options.server)));
    documents.extend(run.metrics.recorded_stages().map(|stage| partial::document(run, stage)));
    documents.push(capacity::document(&run.capacity));
    documents.push(config::document(run));
    documents
}

/// The files of a run, and what they say about one another.
pub struct Files {
    /// The files, in order.
    pub files: Vec<File>,
    /// What stands in `validation.json`.
    pub validation: Validation,
}

/// A file of a run.
pub enum File {
    /// One that fits into memory.
    Document(Document),
    /// One that is made from the records while it is written.
    Streamed(Box<dyn Export>),
}

impl Export for File {
    fn name(&self) -> &str {
        match self {
            Self::Document(document) => document.name(),
            Self::Streamed(file) => file.name(),
        }
    }

    fn write(&self, layout: Layout, out: &mut dyn io::Write) -> io::Result<()> {
        match self {
            Self::Document(document) => document.write(layout, out),
            Self::Streamed(file) => file.write(layout, out),
        }
    }
}
