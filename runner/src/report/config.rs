//! `config.yaml`: the effective configuration, every key present, secrets masked.

use benchmark_schemas::yaml;
use serde_json::Value;

use super::Document;

/// Name of the file.
pub const NAME: &str = "config.yaml";

/// The file.
pub fn document(config: &Value) -> Document {
    Document::yaml(NAME, yaml::emit(config))
}
