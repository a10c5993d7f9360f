//! `capacity.json`: verdicts and brackets.

use benchmark_schemas::report::Capacity;
use serde_json::Value;

use super::Document;

/// Name of the file.
pub const NAME: &str = "capacity.json";

/// The file.
pub fn document(capacity: &Capacity) -> Document {
    // Serialising plain data into a tree cannot fail; if it ever did, the file would be null and its schema fail.
    Document::json(NAME, serde_json::to_value(capacity).unwrap_or(Value::Null))
}
