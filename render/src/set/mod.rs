//! The `--set` family of arguments: text to assignments, assignments to a tree.
//!
//! Follows Helm 4 in what a well-formed argument does to the values, list padding and type inference included.
//! Stricter than Helm in one respect: an argument that Helm would ignore without a word (an empty key, an index
//! that never closes) is refused here.

mod apply;
mod parse;

use std::collections::BTreeMap;

use benchmark_schemas::problem::{Origin, Problem};
use benchmark_schemas::tree::Node;
use serde_json::Value;

/// Largest list index that Helm takes.
const MAX_INDEX: usize = 65_536;

/// Deepest nesting of names that Helm takes.
const MAX_DEPTH: usize = 30;

/// Which argument of the family; it decides how values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `--set`: integers, booleans and null are recognised.
    Typed,
    /// `--set-string`: every value is a string.
    Text,
    /// `--set-json`: values are JSON; a whole object may stand without a key.
    Json,
    /// `--set-file`: values are paths of files whose contents become the value.
    File,
    /// `--set-literal`: everything after `=` is the value, no escapes.
    Literal,
}

impl Kind {
    /// The flag as typed on the command line.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Typed => "--set",
            Self::Text => "--set-string",
            Self::Json => "--set-json",
            Self::File => "--set-file",
            Self::Literal => "--set-literal",
        }
    }
}

/// One step of a key: a name or a list index.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// What an assignment gives to its key.
#[derive(Debug, Clone, PartialEq)]
enum Given {
    /// A value, known at once.
    Value(Value),
    /// The contents of one file.
    File(String),
    /// The contents of several files, `{a,b}`.
    Files(Vec<String>),
}

/// One `key=value` of an argument.
#[derive(Debug, Clone, PartialEq)]
struct Assignment {
    path: Vec<Step>,
    given: Given,
    /// The argument ends right after `=`. Helm then does not append a new list item on the way to the key.
    empty_at_end: bool,
    origin: Origin,
}

/// The paths that a `--set-file` argument names, for the caller to read.
pub fn paths(argument: &str) -> Result<Vec<String>, Problem> {
    let assignments = parse::assignments(argument, Kind::File)?;
    Ok(assignments
        .into_iter()
        .flat_map(|assignment| match assignment.given {
            Given::Value(_) => Vec::new(),
            Given::File(path) => vec![path],
            Given::Files(paths) => paths,
        })
        .collect())
}

/// Applies one argument to `tree`, a mapping. `contents` holds the files of [`paths`] for [`Kind::File`].
pub fn apply(
    tree: &mut Node,
    argument: &str,
    kind: Kind,
    contents: &BTreeMap<String, String>,
) -> Result<(), Problem> {
    if kind == Kind::Json && argument.trim_start().starts_with('{') {
        let object = parse::json_object(argument)?;
        tree.merge(object);
        return Ok(());
    }
    for assignment in parse::assignments(argument, kind)? {
        apply::assign(tree, assignment, contents)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
