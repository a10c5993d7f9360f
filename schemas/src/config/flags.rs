//! The command-line flags of a run: one for each leaf of the schema, `--load.num_workers 4` for `load.num_workers`.
//!
//! The list is made from the types, as the JSON Schema is, so no key can lack its flag. It knows what a flag's text
//! may be and where it goes in the document; splitting a command line into flags is the program's business.

use serde_json::Value;

use super::data::ALIASES;
use super::read::is_empty_document;
use crate::problem::{Origin, Problem};
use crate::tree::{Content, Entry, Node};
use crate::validate::{self, Coercion};

/// References that lead to references, at most.
const MAX_REFERENCES: usize = 8;

/// End of the paths of keys that are distributions alone to upstream, and so have a distribution's flags; a number in their
/// place is taken in documents.
const COUNT: &str = ".count";

/// A flag that sets one key of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// Dotted path of the key, which is the flag's name without its dashes.
    pub name: String,
    /// What its text may be.
    pub kind: FlagKind,
    /// What the key means.
    pub description: String,
    /// What the mapping means that the key stands in.
    pub within: String,
}

/// What the text of a flag may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true`, `false`, or another spelling that YAML or pydantic has for them.
    Boolean,
    /// One of these.
    Choice(Vec<String>),
    /// A list or a mapping as JSON; `null` is as if the flag were not given, as upstream has it.
    Json,
    /// A number, or a mapping as JSON.
    NumberOrJson,
}

/// All flags, in the order of the schema.
#[must_use]
pub fn flags() -> Vec<Flag> {
    let root = super::json_schema();
    let mut found = Vec::new();
    walk(&root, &root, ("", ""), &mut found);
    found
}

/// The flag among `flags` whose name `name` was probably meant to be.
pub fn nearest<'a>(name: &str, flags: &'a [Flag]) -> Option<&'a Flag> {
    let near = validate::nearest(name, flags.iter().map(|flag| flag.name.as_str()))?;
    flags.iter().find(|flag| flag.name == near)
}

impl Flag {
    /// What a problem with this flag is said of. The text is not shown: it may be a secret.
    pub fn origin(&self) -> Origin {
        Origin::Argument(format!("--{}", self.name).into())
    }

    /// What `text` stands for; `None` for nothing. The error says why it cannot be this flag's.
    pub fn read(&self, text: &str) -> Result<Option<Node>, Problem> {
        let schema = match &self.kind {
            FlagKind::Text => serde_json::json!({ "type": "string" }),
            FlagKind::Integer => serde_json::json!({ "type": "integer" }),
            FlagKind::Number => serde_json::json!({ "type": "number" }),
            FlagKind::Boolean => serde_json::json!({ "type": "boolean" }),
            FlagKind::Choice(names) => serde_json::json!({ "enum": names }),
            FlagKind::Json => return self.read_json(text),
            FlagKind::NumberOrJson => {
                return match serde_json::from_str::<Value>(text) {
                    Ok(value @ (Value::Number(_) | Value::Object(_))) => {
                        Ok(Some(Node::from_json(&value, &self.origin())))
                    }
                    // Numbers in other spellings are coerced where the document is read.
                    _ => Ok(Some(self.text(text))),
                };
            }
        };
        let mut node = self.text(text);
        match validate::conform(&mut node, &schema, Coercion::Pydantic).pop() {
            None => Ok(Some(node)),
            Some(problem) => Err(Problem { key: self.name.clone(), ..problem }),
        }
    }

    fn text(&self, text: &str) -> Node {
        Node { content: Content::String(text.to_owned()), origin: self.origin() }
    }

    fn read_json(&self, text: &str) -> Result<Option<Node>, Problem> {
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Null) => Ok(None),
            Ok(value) => Ok(Some(Node::from_json(&value, &self.origin()))),
            Err(error) => Err(Problem::new(
                self.origin(),
                &self.name,
                format!("is not JSON: {error}"),
                "quote the whole value for the shell, for example '[{\"rate\": 5, \"duration\": 180}]'",
            )),
        }
    }
}

/// Puts `values` over `document`: mappings are joined key by key, anything else is replaced. Of two values for one
/// flag the last counts, whole.
pub fn apply(document: &mut Node, values: impl IntoIterator<Item = (Flag, Node)>) {
    let mut tree: Option<Node> = None;
    for (flag, value) in values {
        let tree = tree.get_or_insert_with(|| Node::empty_map(flag.origin()));
        insert(tree, &flag, value);
    }
    let Some(tree) = tree else { return };
    if is_empty_document(document) {
        document.content = Node::empty_map(document.origin.clone()).content;
    }
    // A document that is no mapping is refused by whoever reads it.
    if matches!(document.content, Content::Map(_)) {
        document.merge(tree);
    }
}

fn insert(tree: &mut Node, flag: &Flag, value: Node) {
    let mut node = tree;
    let entry = || Entry { key_origin: flag.origin(), node: Node::empty_map(flag.origin()) };
    for step in flag.name.split('.') {
        // Flags are leaves, so nothing but mappings stands on the way.
        let Content::Map(entries) = &mut node.content else { return };
        node = &mut entries.entry(step.to_owned()).or_insert_with(entry).node;
    }
    *node = value;
}

/// `within` is the path of `schema` and what the mapping means that it stands in.
fn walk(root: &Value, schema: &Value, (path, within): (&str, &str), found: &mut Vec<Flag>) {
    let shape = shape_of(root, schema);
    let shape = if path.ends_with(COUNT) { distribution_in(root, shape) } else { shape };
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let Some(properties) = shape.get("properties").and_then(Value::as_object) else {
        found.push(Flag {
            name: path.to_owned(),
            kind: kind_of(root, shape),
            description: description.to_owned(),
            within: within.to_owned(),
        });
        return;
    };
    for (key, property) in properties {
        // Of keys with two names the flag has upstream's internal one.
        if ALIASES.iter().any(|(printed, other)| printed == key && properties.contains_key(*other)) {
            continue;
        }
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        walk(root, property, (&path, description), found);
    }
}

/// The one alternative of `shape` that is a mapping; `shape` if there is none.
fn distribution_in<'s>(root: &'s Value, shape: &'s Value) -> &'s Value {
    let branches = shape.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let mut shapes = branches.map(|branch| shape_of(root, branch));
    shapes.find(|branch| branch.get("properties").is_some()).unwrap_or(shape)
}

/// What `schema` refers to, without the alternative null.
fn shape_of<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut schema = schema;
    for _ in 0..MAX_REFERENCES {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        let parts: Vec<&Value> = ["allOf", "anyOf"]
            .iter()
            .filter_map(|keyword| schema.get(keyword).and_then(Value::as_array))
            .flatten()
            .filter(|part| part.get("type").and_then(Value::as_str) != Some("null"))
            .collect();
        schema = match (target.and_then(|target| root.pointer(target)), parts.as_slice()) {
            (Some(target), _) => target,
            (None, [only]) => only,
            (None, _) => break,
        };
    }
    schema
}

fn kind_of(root: &Value, shape: &Value) -> FlagKind {
    if let Some(choices) = choices(shape) {
        return FlagKind::Choice(choices);
    }
    let types = match shape.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    match types.iter().find(|name| **name != "null") {
        Some(&"string") => FlagKind::Text,
        Some(&"integer") => FlagKind::Integer,
        Some(&"number") => FlagKind::Number,
        Some(&"boolean") => FlagKind::Boolean,
        Some(_) => FlagKind::Json,
        None => {
            let branches = shape.get("anyOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let is_free = |branch: &Value| {
                let branch = shape_of(root, branch);
                branch.get("properties").is_none() && kind_of(root, branch) == FlagKind::Json
            };
            if branches.iter().any(is_free) { FlagKind::Json } else { FlagKind::NumberOrJson }
        }
    }
}

/// The values of a schema that lists texts, with or without documentation of each.
fn choices(shape: &Value) -> Option<Vec<String>> {
    let texts = |values: &Vec<Value>| -> Option<Vec<String>> {
        values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
    };
    if let Some(values) = shape.get("enum").and_then(Value::as_array) {
        return texts(values);
    }
    let mut found = Vec::new();
    for branch in shape.get("oneOf").and_then(Value::as_array)? {
        match (branch.get("const"), branch.get("enum").and_then(Value::as_array)) {
            (Some(value), _) => found.push(value.as_str()?.to_owned()),
            (None, Some(values)) => found.extend(texts(values)?),
            (None, None) => return None,
        }
    }
    Some(found)
}
