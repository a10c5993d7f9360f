//! Checks a tree against its JSON Schema and says what is wrong in words a user can act on.
//!
//! The schemas are draft-07 as `schemars` writes them. A walker of our own rather than a general validator: it names
//! the place of every fault, sees through `anyOf` with null, finds the branch of a union that was meant, suggests the
//! nearest key, and coerces scalars on the way. Tests hold its verdicts against the `jsonschema` crate's. It knows no
//! key of any schema.

mod coerce;
mod facets;
mod keywords;
#[cfg(test)]
mod tests;
mod union;
mod walk;
mod words;

use serde_json::Value;

use crate::problem::Problem;
use crate::tree::Node;

pub use facets::types;
pub use keywords::unknown_keywords;
pub(crate) use walk::quotes;
pub use words::nearest;

/// What a scalar of the wrong type may be turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coercion {
    /// Nothing: types must be right.
    None,
    /// What pydantic's lax mode accepts: `true` or `"1_000"` or `30.0` for an integer, `"1e3"` for a number,
    /// `1` or `"yes"` for a boolean. Text comes only from text; nothing becomes a list or mapping.
    Pydantic,
}

/// Checks `node` against the root schema `schema`; returns every problem, in the order of the tree.
///
/// Scalars are coerced in place as `coercion` says. Whole floats where an integer is due become integers in either
/// mode. Integer `format`s (`uint32`) bound the value, which the type behind the schema would refuse anyway; otherwise
/// the verdict is JSON Schema's. Keywords of [`unknown_keywords`] are not looked at: keep them out of schemas by a test.
/// Values that should be text are never shown in a message, they may be secrets.
pub fn conform(node: &mut Node, schema: &Value, coercion: Coercion) -> Vec<Problem> {
    let mut walker = walk::Walker::new(schema, coercion);
    walker.check(node, schema, "");
    walker.problems
}

/// What [`conform_leniently`] found.
#[derive(Debug, Default)]
pub struct Lenient {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Keys that nobody knows; they have been taken out of the tree.
    pub dropped: Vec<Problem>,
}

/// Like [`conform`], but unknown keys are taken out instead of being problems.
pub fn conform_leniently(node: &mut Node, schema: &Value, coercion: Coercion) -> Lenient {
    let mut walker = walk::Walker::new(schema, coercion);
    walker.dropped = Some(Vec::new());
    walker.check(node, schema, "");
    Lenient { problems: walker.problems, dropped: walker.dropped.unwrap_or_default() }
}
