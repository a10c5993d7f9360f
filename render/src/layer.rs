//! How values come together: files over files, arguments over files, all over the chart's defaults.
//!
//! Helm 4's rules: mappings merge key by key, everything else replaces, and a null takes away the default. Each
//! value keeps the place it was written at. Knows nothing of what the keys mean.

use std::collections::BTreeMap;

use benchmark_schemas::problem::{Problem, Problems};
use benchmark_schemas::tree::{Content, Entry, Node};
use benchmark_schemas::yaml::{self, Dialect};
use indexmap::IndexMap;

use crate::set::{self, Kind};

/// A values file, read already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuesFile {
    /// The name as the user gave it, for messages.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// What the user sets. As in Helm the kind decides the precedence, not the order on the command line: files, then
/// JSON, then typed, string, file and literal arguments; within a kind the later wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    /// `-f`
    pub files: Vec<ValuesFile>,
    /// `--set-json`
    pub set_json: Vec<String>,
    /// `--set`
    pub set: Vec<String>,
    /// `--set-string`
    pub set_string: Vec<String>,
    /// `--set-file`
    pub set_file: Vec<String>,
    /// Contents of the files that `set_file` names, by path.
    pub contents: BTreeMap<String, String>,
    /// `--set-literal`
    pub set_literal: Vec<String>,
    /// `--skip-schema-validation`: what only the schema forbids is let through as far as it can be read.
    pub skip_schema_validation: bool,
}

impl Layers {
    /// The user's values in one tree; every problem of every file and argument if there is any.
    pub fn merged(&self) -> Result<Node, Problems> {
        let mut tree = Node::empty_map(benchmark_schemas::problem::Origin::Derived);
        let mut problems = Vec::new();
        for file in &self.files {
            match documents(file) {
                Ok(documents) => documents.into_iter().for_each(|document| tree.merge(document)),
                Err(found) => problems.extend(found.into_vec()),
            }
        }
        let groups = [
            (Kind::Json, &self.set_json),
            (Kind::Typed, &self.set),
            (Kind::Text, &self.set_string),
            (Kind::File, &self.set_file),
            (Kind::Literal, &self.set_literal),
        ];
        for (kind, arguments) in groups {
            for argument in arguments {
                if let Err(problem) = set::apply(&mut tree, argument, kind, &self.contents) {
                    problems.push(problem);
                }
            }
        }
        Problems::check(problems)?;
        Ok(tree)
    }
}

/// The documents of a values file; an empty one counts for nothing.
fn documents(file: &ValuesFile) -> Result<Vec<Node>, Problems> {
    let mut documents = Vec::new();
    for document in yaml::parse_all(&file.text, &file.name, Dialect::Values)? {
        match document.content {
            Content::Null => {}
            Content::Map(_) => documents.push(document),
            _ => {
                let fault = "a values file must be a mapping";
                return Err(
                    Problem::new(document.origin, "", fault, "write `benchmark:` and keys below it").into()
                );
            }
        }
    }
    Ok(documents)
}

/// Puts the user's tree on the chart's defaults. A null of the user takes away the default; a null default counts
/// as not written; a null for a key without default stays.
pub fn over_defaults(user: Node, defaults: &Node) -> Node {
    let (Content::Map(mut entries), Content::Map(default_entries)) =
        (user.content.clone(), &defaults.content)
    else {
        return user;
    };
    let mut merged = IndexMap::with_capacity(default_entries.len());
    for (key, default) in default_entries {
        let (key_origin, node) = match entries.shift_remove(key) {
            Some(Entry { node, .. }) if node.is_null() => continue,
            Some(Entry { key_origin, node }) => (key_origin, over_defaults(node, &default.node)),
            None if default.node.is_null() => continue,
            None => (default.key_origin.clone(), without_null_keys(&default.node)),
        };
        merged.insert(key.clone(), Entry { key_origin, node });
    }
    merged.extend(entries);
    Node { content: Content::Map(merged), origin: user.origin }
}

/// Mappings without keys that are null; lists as they are.
fn without_null_keys(node: &Node) -> Node {
    let Content::Map(entries) = &node.content else { return node.clone() };
    let kept = entries.iter().filter(|(_, entry)| !entry.node.is_null()).map(|(key, entry)| {
        let node = without_null_keys(&entry.node);
        (key.clone(), Entry { key_origin: entry.key_origin.clone(), node })
    });
    Node { content: Content::Map(kept.collect()), origin: node.origin.clone() }
}

#[cfg(test)]
mod tests;
