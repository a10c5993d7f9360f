//! Assignments to changes of a tree.

use std::collections::BTreeMap;

use benchmark_schemas::problem::{Origin, Problem};
use benchmark_schemas::tree::{Content, Entry, Node};
use indexmap::IndexMap;
use serde_json::Value;

use super::{Assignment, Given, Step};

/// Carries out `assignment` on `tree`, a mapping.
pub(super) fn assign(
    tree: &mut Node,
    assignment: Assignment,
    contents: &BTreeMap<String, String>,
) -> Result<(), Problem> {
    let Assignment { path, given, empty_at_end, origin } = assignment;
    let value = Node::from_json(&resolve(given, contents, &origin)?, &origin);
    let spare_new_items = empty_at_end && matches!(path.last(), Some(Step::Key(_)));
    set(tree, &path, 0, value, spare_new_items)
}

fn resolve(given: Given, contents: &BTreeMap<String, String>, origin: &Origin) -> Result<Value, Problem> {
    let read = |path: &String| {
        contents.get(path).cloned().map(Value::String).ok_or_else(|| {
            Problem::new(origin.clone(), "", format!("the file `{path}` was not read"), "check its path")
        })
    };
    match given {
        Given::Value(value) => Ok(value),
        Given::File(path) => read(&path),
        Given::Files(paths) => paths.iter().map(read).collect(),
    }
}

/// Puts `value` at `path[at..]` below `node`, which is the container that `path[at]` names a place in.
fn set(node: &mut Node, path: &[Step], at: usize, value: Node, spare_new_items: bool) -> Result<(), Problem> {
    let origin = value.origin.clone();
    let rest = &path[at + 1..];
    match (&path[at], &mut node.content) {
        (Step::Key(name), Content::Map(entries)) => {
            if rest.is_empty() {
                let known = entries.get(name).map(|entry| entry.key_origin.clone());
                let key_origin = known.unwrap_or(origin);
                entries.insert(name.clone(), Entry { key_origin, node: value });
                return Ok(());
            }
            let entry = entries
                .entry(name.clone())
                .or_insert_with(|| Entry { key_origin: origin.clone(), node: container(&rest[0], &origin) });
            require(&entry.node, &rest[0], &path[..=at], &origin)?;
            set(&mut entry.node, path, at + 1, value, spare_new_items)
        }
        (Step::Index(index), Content::List(items)) => {
            if *index >= items.len() {
                if spare_new_items {
                    return Ok(());
                }
                items.resize_with(index + 1, || Node { content: Content::Null, origin: origin.clone() });
            }
            let item = &mut items[*index];
            match rest.first() {
                None => {
                    *item = value;
                    return Ok(());
                }
                // A scalar item gives way to a mapping, but never to a list.
                Some(Step::Key(_)) if !matches!(item.content, Content::Map(_)) => {
                    *item = Node::empty_map(origin);
                }
                Some(next @ Step::Index(_)) => {
                    if item.is_null() {
                        *item = container(next, &origin);
                    }
                    require(item, next, &path[..=at], &origin)?;
                }
                Some(Step::Key(_)) => {}
            }
            set(item, path, at + 1, value, spare_new_items)
        }
        (step, _) => Err(not_a_container(step, &path[..at], node, &origin)),
    }
}

/// An empty container that `step` can name a place in.
fn container(step: &Step, origin: &Origin) -> Node {
    match step {
        Step::Key(_) => Node { content: Content::Map(IndexMap::new()), origin: origin.clone() },
        Step::Index(_) => Node { content: Content::List(Vec::new()), origin: origin.clone() },
    }
}

fn require(node: &Node, step: &Step, path: &[Step], origin: &Origin) -> Result<(), Problem> {
    match (step, &node.content) {
        (Step::Key(_), Content::Map(_)) | (Step::Index(_), Content::List(_)) => Ok(()),
        _ => Err(not_a_container(step, path, node, origin)),
    }
}

fn not_a_container(step: &Step, path: &[Step], node: &Node, origin: &Origin) -> Problem {
    let wanted = if matches!(step, Step::Key(_)) { "a mapping" } else { "a list" };
    Problem::new(
        origin.clone(),
        dotted(path),
        format!("is not {wanted}: {} gave it another value", node.origin),
        "set the whole key, or change that value",
    )
}

fn dotted(path: &[Step]) -> String {
    path.iter().fold(String::new(), |mut text, step| {
        match step {
            Step::Key(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            Step::Index(index) => text.extend(["[", &index.to_string(), "]"]),
        }
        text
    })
}
