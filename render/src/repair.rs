//! A second look at values that the schema refuses, so that the user learns everything in one run.
//!
//! What the schema complains of is put back to its default, or taken out; then the rest can be read and judged by the
//! rules beyond the schema. What they say of the repaired keys does not count.

use benchmark_schemas::problem::Problem;
use benchmark_schemas::tree::{Content, Node};
use benchmark_schemas::validate::{Coercion, conform};
use benchmark_schemas::values::{self, Values};
use serde_json::Value;

/// What the rules beyond the schema find in `tree`, which has the schema problems `found`.
pub(crate) fn further_problems(
    tree: &Node,
    defaults: &Node,
    schema: &Value,
    found: &[Problem],
) -> Vec<Problem> {
    let mut repaired = tree.clone();
    for problem in found {
        repair(&mut repaired, defaults, &steps(&problem.key));
    }
    if !conform(&mut repaired, schema, Coercion::None).is_empty() {
        return Vec::new();
    }
    let Ok(values) = serde_json::from_value::<Values>(repaired.to_json()) else { return Vec::new() };
    let mut further = values::check(&values, &repaired);
    further.retain(|problem| !found.iter().any(|other| touches(&problem.key, &other.key)));
    further
}

/// The steps of a dotted key, `[0]` for a list item.
fn steps(key: &str) -> Vec<&str> {
    key.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty()).collect()
}

/// Puts the value at `path` back to its default; without one a key goes and a list item becomes null.
fn repair(node: &mut Node, defaults: &Node, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else { return };
    let default = defaults.at(path.iter().copied()).filter(|default| !default.is_null());
    let mut parent = node;
    for step in parents {
        let next = match &mut parent.content {
            Content::Map(entries) => entries.get_mut(*step).map(|entry| &mut entry.node),
            Content::List(items) => step.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
            _ => None,
        };
        let Some(next) = next else { return };
        parent = next;
    }
    match (&mut parent.content, default) {
        (Content::Map(entries), Some(default)) => {
            if let Some(entry) = entries.get_mut(*last) {
                entry.node = default.clone();
            } else {
                let key_origin = default.origin.clone();
                entries.insert(
                    (*last).to_owned(),
                    benchmark_schemas::tree::Entry { key_origin, node: default.clone() },
                );
            }
        }
        (Content::Map(entries), None) => drop(entries.shift_remove(*last)),
        (Content::List(items), _) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                item.content = Content::Null;
            }
        }
        _ => {}
    }
}

/// True if one key stands within the other.
fn touches(key: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    within(key, other) || within(other, key)
}
