//! `manifest.json`: what was written to one place. The last file of a run.

use benchmark_schemas::report::Manifest;
use serde_json::Value;

use super::Document;

/// Name of the file.
pub const NAME: &str = "manifest.json";

/// The file.
pub fn document(manifest: &Manifest) -> Document {
    // Serialising plain data into a tree cannot fail; if it ever did, the file would be null and its schema fail.
    Document::json(NAME, serde_json::to_value(manifest).unwrap_or(Value::Null))
}
