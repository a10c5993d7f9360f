//! Values that are not held against the schema, as `--skip-schema-validation` asks.
//!
//! The chart's templates then see whatever stands there. Here the values still have to be read, so that three things are
//! let through: keys that nothing reads, everything under `benchmark.config`, and figures out of the schema's range or
//! spelt with an exponent. What the chart's own rules refuse stays refused.

use benchmark_schemas::problem::{Origin, Problem, Problems};
use benchmark_schemas::tree::{Content, Node};
use benchmark_schemas::validate::{Coercion, conform, types};
use benchmark_schemas::values::Values;
use benchmark_schemas::values::figure::is_decimal;
use serde_json::{Number, Value};

/// What passes through as it is.
const PASSED_ON: [&str; 2] = ["benchmark", "config"];

/// The values that `tree` holds, whatever else stands in it.
///
/// # Errors
///
/// What the schema says of the values that cannot be read.
pub(crate) fn read(tree: &Node, schema: &Value) -> Result<Values, Problems> {
    let mut readable = tree.clone();
    simplify(&mut readable, schema, &mut Vec::new());
    let values = serde_json::from_value(readable.to_json());
    values.map_err(|error| {
        let mut problems = conform(&mut readable, schema, Coercion::None);
        problems.retain(|problem| !problem.key.starts_with(&PASSED_ON.join(".")));
        let remedy = "mend what is named, or use Helm";
        let said = if problems.is_empty() { format!(": {error}") } else { String::new() };
        let fault = format!("the schema is not checked, but the values have to be readable{said}");
        problems.push(Problem::new(Origin::Argument("--skip-schema-validation".into()), "", fault, remedy));
        match Problems::check(problems) {
            Err(problems) => problems,
            Ok(()) => unreachable!("one problem was added"),
        }
    })
}

/// Takes out the keys that the schema does not know, and makes numbers of texts that spell one in a way that the chart
/// knows beyond the schema's.
fn simplify(node: &mut Node, schema: &Value, path: &mut Vec<String>) {
    if path.iter().eq(&PASSED_ON) {
        return;
    }
    match &mut node.content {
        Content::Map(entries) => {
            let known = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties");
            let of = |name: &str| known.and_then(|known| known.get(name)).or(others);
            entries.retain(|name, _| of(name) != Some(&Value::Bool(false)));
            for (name, entry) in entries {
                if let Some(schema) = of(name) {
                    path.push(name.clone());
                    simplify(&mut entry.node, schema, path);
                    path.pop();
                }
            }
        }
        Content::List(items) => {
            if let Some(schema) = schema.get("items") {
                path.push("[]".to_owned());
                for item in items {
                    simplify(item, schema, path);
                }
                path.pop();
            }
        }
        Content::String(text) => {
            if let Some(number) = spelt(text).filter(|_| is_figure(schema)) {
                node.content = Content::Number(number);
            }
        }
        Content::Null | Content::Bool(_) | Content::Number(_) => {}
    }
}

/// True if the schema takes numbers.
fn is_figure(schema: &Value) -> bool {
    types(schema).iter().any(|name| matches!(*name, "number" | "integer"))
}

/// The number that the chart sees in a text with an exponent.
fn spelt(text: &str) -> Option<Number> {
    let (digits, exponent) = text.split_once(['e', 'E'])?;
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_whole = !exponent.is_empty() && exponent.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_decimal(digits) && is_whole);
    number.and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_read_as_the_chart_reads_them() {
        for (text, number) in
            [("1e3", Some(1000.0)), ("2.5E-1", Some(0.25)), (".5e+1", Some(5.0)), ("5.e0", Some(5.0))]
        {
            assert_eq!(spelt(text).and_then(|number| number.as_f64()), number, "{text}");
        }
        for text in ["1", "e3", "1e", "-1e3", "1e3x", "1e+-3", "1.2.3e1", "0x1e3", "1e400"] {
            assert_eq!(spelt(text), None, "{text}");
        }
    }
}
