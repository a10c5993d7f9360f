//! Tests of both dialects and of the writer.

mod faults;
mod reading;
mod scalars;
mod writing;

use serde_json::Value;

use super::{Dialect, parse};

fn read(text: &str, dialect: Dialect) -> Result<Value, String> {
    parse(text, "t.yml", dialect).map(|node| node.to_json()).map_err(|problems| problems.to_string())
}

fn both(text: &str) -> [Result<Value, String>; 2] {
    [read(text, Dialect::Config), read(text, Dialect::Values)]
}

/// All problems of a text that is refused.
fn problems(text: &str, dialect: Dialect) -> String {
    match parse(text, "f.yml", dialect) {
        Ok(node) => panic!("accepted as {}", node.to_json()),
        Err(problems) => problems.to_string(),
    }
}
