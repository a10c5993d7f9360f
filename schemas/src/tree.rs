//! A parsed document whose every value knows where it was written.
//!
//! YAML files, `--set` arguments and defaults all become [`Node`]s; layering and checking work on them, so a
//! problem found after merging still names the file and line of the value that caused it.

use indexmap::IndexMap;
use serde_json::{Number, Value};

use crate::problem::Origin;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub content: Content,
    /// Where it was written.
    pub origin: Origin,
}

/// What a [`Node`] holds. Numbers are finite; the parser refuses others.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the document.
    Map(IndexMap<String, Entry>),
}

/// The value of a mapping's key, and where the key was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Place of the key.
    pub key_origin: Origin,
    /// The value.
    pub node: Node,
}

impl Node {
    /// An empty mapping.
    pub fn empty_map(origin: Origin) -> Self {
        Self { content: Content::Map(IndexMap::new()), origin }
    }

    /// A node for each value of `value`, all with the same origin.
    pub fn from_json(value: &Value, origin: &Origin) -> Self {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(b) => Content::Bool(*b),
            Value::Number(n) => Content::Number(n.clone()),
            Value::String(s) => Content::String(s.clone()),
            Value::Array(items) => {
                Content::List(items.iter().map(|item| Self::from_json(item, origin)).collect())
            }
            Value::Object(entries) => Content::Map(
                entries
                    .iter()
                    .map(|(key, value)| {
                        let node = Self::from_json(value, origin);
                        (key.clone(), Entry { key_origin: origin.clone(), node })
                    })
                    .collect(),
            ),
        };
        Self { content, origin: origin.clone() }
    }

    /// The value without places.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(b) => Value::Bool(*b),
            Content::Number(n) => Value::Number(n.clone()),
            Content::String(s) => Value::String(s.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|(key, entry)| (key.clone(), entry.node.to_json())).collect(),
            ),
        }
    }

    /// The value of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.content {
            Content::Map(entries) => entries.get(key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// The node at `path`, whose list items are numbers (`["load", "stages", "0", "rate"]`).
    pub fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        path.into_iter().try_fold(self, |node, step| match &node.content {
            Content::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => node.get(step),
        })
    }

    /// Puts `above` on top: mappings are joined key by key, anything else replaces what was there.
    /// Nulls stay, so that they can take away defaults later.
    pub fn merge(&mut self, above: Self) {
        match (&mut self.content, above.content) {
            (Content::Map(entries), Content::Map(more)) => {
                for (key, entry) in more {
                    match entries.get_mut(&key) {
                        Some(known) => known.node.merge(entry.node),
                        None => {
                            entries.insert(key, entry);
                        }
                    }
                }
            }
            (_, content) => *self = Self { content, origin: above.origin },
        }
    }

    /// True for null.
    pub fn is_null(&self) -> bool {
        self.content == Content::Null
    }
}

/// The dotted path of `key` in the mapping at `parent`; keys that are not plain names are quoted.
#[must_use]
pub fn key_path(parent: &str, key: &str) -> String {
    let plain = !key.is_empty() && !key.contains(['.', '[', ']', '"']) && !key.contains(char::is_whitespace);
    let step = if plain { key.to_owned() } else { format!("{key:?}") };
    if parent.is_empty() { step } else { format!("{parent}.{step}") }
}

/// The path of item `index` of the list at `parent`.
#[must_use]
pub fn index_path(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// A finite double as a JSON number, as Go prints it: an integer if it is whole and 64 bits hold it, with its shortest
/// digits filled with zeros (2⁶⁰ is 1152921504606847000). Go tells -0 from 0, and so do the digests of what is made of it.
pub fn to_number(value: f64) -> Number {
    let is_negative_zero = value == 0.0 && value.is_sign_negative();
    // `{value}` is the shortest decimal that reads back as `value`, never with an exponent.
    let digits = if is_negative_zero { String::new() } else { format!("{value}") };
    let whole = digits.parse::<i64>().map(Number::from).or_else(|_| digits.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| Number::from_f64(value)).unwrap_or_else(|| Number::from(0))
}
