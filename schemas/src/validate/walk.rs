//! The walk over tree and schema together.

use indexmap::IndexMap;
use serde_json::Value;

use super::Coercion;
use super::coerce::{coerce, is_type, whole};
use super::facets;
use super::words::{allowed, alternatives, kind, meaning, nearest, shown, type_words};
use crate::problem::{Origin, Problem};
use crate::tree::{Content, Entry, Node, index_path, key_path};

/// References that lead to references, at most; a schema that refers to itself ends here.
const MAX_REFERENCES: usize = 32;
/// Names listed in a message, at most.
const MAX_LISTED: usize = 30;

static ANYTHING: Value = Value::Bool(true);

/// The state of one check; unions run branches in walkers of their own.
pub(super) struct Walker<'s> {
    pub(super) root: &'s Value,
    pub(super) coercion: Coercion,
    pub(super) problems: Vec<Problem>,
    /// The unknown keys that were taken out; `None` where they are problems.
    pub(super) dropped: Option<Vec<Problem>>,
}

impl<'s> Walker<'s> {
    pub(super) fn new(root: &'s Value, coercion: Coercion) -> Self {
        Self { root, coercion, problems: Vec::new(), dropped: None }
    }

    /// Checks `node` against `schema`. At each value only the first kind of fault is reported, of collections all
    /// that is wrong inside.
    pub(super) fn check(&mut self, node: &mut Node, schema: &'s Value, path: &str) {
        let description = schema;
        let schema = self.resolve(schema);
        if schema == &Value::Bool(false) {
            self.problem(&node.origin, path, "must not be given", "remove it");
            return;
        }
        let before = self.problems.len();
        self.check_values(node, schema, path);
        self.check_type(node, schema, path, description);
        if self.problems.len() > before {
            return;
        }
        self.check_unions(node, schema, path);
        for part in list(schema, "allOf") {
            self.check(node, part, path);
        }
        if self.problems.len() > before {
            return;
        }
        if let Some((fault, remedy)) = facets::check(node, schema) {
            let remedy = if remedy.is_empty() { meaning(description).unwrap_or_default() } else { remedy };
            self.problem(&node.origin, path, &fault, &remedy);
        }
        self.check_inside(node, schema, path);
    }

    /// `schema`, or what it refers to. Draft-07 ignores what stands beside a `$ref`.
    pub(super) fn resolve(&self, schema: &'s Value) -> &'s Value {
        let mut schema = schema;
        for _ in 0..MAX_REFERENCES {
            let Some(target) = schema.get("$ref").and_then(Value::as_str) else { return schema };
            let pointed = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            let Some(pointed) = pointed else { return &ANYTHING };
            schema = pointed;
        }
        &ANYTHING
    }

    pub(super) fn problem(&mut self, origin: &Origin, path: &str, fault: &str, remedy: &str) {
        self.problems.push(Problem::new(origin.clone(), path, fault, remedy));
    }

    /// `enum`, `const`, and unions of nothing else, which `schemars` writes for enums with documentation.
    fn check_values(&mut self, node: &Node, schema: &'s Value, path: &str) {
        let Some(values) = self.values(schema) else { return };
        let given = node.to_json();
        if values.iter().any(|value| facets::equal(value, &given)) {
            return;
        }
        let names: Vec<String> =
            values.iter().filter(|value| !value.is_null()).map(|value| allowed(value)).collect();
        let near = match &node.content {
            Content::String(text) => nearest(text, names.iter().map(String::as_str)),
            _ => None,
        };
        let is = match &node.content {
            Content::Null => "has no value".to_owned(),
            content => format!("is {}", shown(content)),
        };
        let (fault, remedy) = match (near, names.as_slice()) {
            (_, [only]) => (format!("must be {only}, {is}"), String::new()),
            (Some(near), _) => {
                let fault = format!("unknown value {}", shown(&node.content));
                (fault, format!("did you mean `{near}`? allowed: {}", listed(&names)))
            }
            (None, _) => (format!("must be one of {}; {is}", listed(&names)), String::new()),
        };
        self.problem(&node.origin, path, &fault, &remedy);
    }

    /// The values that `schema` lists, if listing values is all it does.
    pub(super) fn values(&self, schema: &'s Value) -> Option<Vec<&'s Value>> {
        let schema = self.resolve(schema);
        if let Some(value) = schema.get("const") {
            return Some(vec![value]);
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return Some(values.iter().collect());
        }
        let branches = match list(schema, "oneOf") {
            [] => list(schema, "anyOf"),
            branches => branches,
        };
        if branches.is_empty() {
            return None;
        }
        let mut values = Vec::new();
        for branch in branches {
            if is_null_schema(branch) {
                values.push(&Value::Null);
            } else {
                values.extend(self.values(branch)?);
            }
        }
        values.iter().any(|value| !value.is_null()).then_some(values)
    }

    /// `type`, with coercion where it is not met.
    fn check_type(&mut self, node: &mut Node, schema: &Value, path: &str, description: &Value) {
        let types = facets::types(schema);
        if types.is_empty() {
            return;
        }
        if types.iter().any(|name| is_type(&node.content, name)) {
            let integer = types.contains(&"integer") && !types.contains(&"number");
            if let (true, Content::Number(number)) = (integer, &node.content)
                && let Some(number) = whole(number, self.coercion)
            {
                node.content = Content::Number(number);
            }
            return;
        }
        if self.coercion == Coercion::Pydantic
            && let Some(content) = types.iter().find_map(|name| coerce(&node.content, name))
        {
            node.content = content;
            return;
        }
        // Text with a pattern beside a number only spells the number.
        let is_spelt =
            schema.get("pattern").is_some() && types.iter().any(|name| matches!(*name, "integer" | "number"));
        let is_meant = |name: &&str| *name != "null" && !(is_spelt && *name == "string");
        let wanted: Vec<&str> = types.iter().copied().filter(is_meant).collect();
        let (fault, remedy) = mismatch(node, &wanted);
        if path.is_empty() && node.is_null() {
            self.problem(&node.origin, path, "there is nothing here", "write `key: value` lines");
            return;
        }
        let remedy = if remedy.is_empty() { meaning(description).unwrap_or_default() } else { remedy };
        self.problem(&node.origin, path, &fault, &remedy);
    }

    /// Items of a list, entries of a mapping.
    fn check_inside(&mut self, node: &mut Node, schema: &'s Value, path: &str) {
        match &mut node.content {
            Content::List(items) => {
                let Some(schema) = schema.get("items") else { return };
                for (index, item) in items.iter_mut().enumerate() {
                    self.check(item, schema, &index_path(path, index));
                }
            }
            Content::Map(entries) => {
                self.check_entries(entries, schema, path);
                self.check_required(entries, &node.origin, schema, path);
            }
            _ => {}
        }
    }

    fn check_entries(&mut self, entries: &mut IndexMap<String, Entry>, schema: &'s Value, path: &str) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let additional = schema.get("additionalProperties");
        let mut unknown = Vec::new();
        for (key, entry) in &mut *entries {
            let path = key_path(path, key);
            match properties.and_then(|properties| properties.get(key)).or(additional) {
                Some(Value::Bool(false))
                    if properties.is_none_or(|properties| !properties.contains_key(key)) =>
                {
                    let known = properties.into_iter().flat_map(|properties| properties.keys());
                    let remedy = unknown_key_remedy(key, known.map(String::as_str));
                    if let Some(dropped) = &mut self.dropped {
                        dropped.push(Problem::new(entry.key_origin.clone(), path, "unknown key", remedy));
                        unknown.push(key.clone());
                    } else {
                        self.problem(&entry.key_origin, &path, "unknown key", &remedy);
                    }
                }
                Some(schema) => self.check(&mut entry.node, schema, &path),
                None => {}
            }
        }
        for key in unknown {
            entries.shift_remove(&key);
        }
    }

    fn check_required(
        &mut self,
        entries: &IndexMap<String, Entry>,
        origin: &Origin,
        schema: &'s Value,
        path: &str,
    ) {
        let missing = list(schema, "required").iter().filter_map(Value::as_str);
        for key in missing.filter(|key| !entries.contains_key(*key)) {
            let property = schema.get("properties").and_then(|properties| properties.get(key));
            let (expected, meaning) = match property {
                Some(property) => (self.expected(property), meaning(property)),
                None => (String::new(), None),
            };
            let mut remedy = format!("add `{key}: …`");
            for part in [Some(expected), meaning].into_iter().flatten().filter(|part| !part.is_empty()) {
                remedy.push_str(", ");
                remedy.push_str(&part);
            }
            self.problem(origin, &key_path(path, key), "is missing", &remedy);
        }
    }

    /// What `schema` takes, in a few words; empty if anything.
    pub(super) fn expected(&self, schema: &'s Value) -> String {
        self.expected_within(schema, 4)
    }

    fn expected_within(&self, schema: &'s Value, depth: usize) -> String {
        let schema = self.resolve(schema);
        if let Some(values) = self.values(schema) {
            let names: Vec<String> =
                values.iter().filter(|value| !value.is_null()).map(|value| allowed(value)).collect();
            return if names.len() == 1 { names[0].clone() } else { format!("one of {}", listed(&names)) };
        }
        let types = facets::types(schema);
        if !types.is_empty() {
            let names = types.iter().filter(|name| **name != "null").map(|name| type_words(name).to_owned());
            return alternatives(names);
        }
        if depth == 0 {
            return String::new();
        }
        let branches = ["anyOf", "oneOf", "allOf"].into_iter().flat_map(|keyword| list(schema, keyword));
        let words = branches.filter(|branch| !is_null_schema(branch));
        alternatives(
            words.map(|branch| self.expected_within(branch, depth - 1)).filter(|word| !word.is_empty()),
        )
    }
}

/// The elements under `keyword`.
pub(super) fn list<'s>(schema: &'s Value, keyword: &str) -> &'s [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// True for `{type: "null"}`.
pub(super) fn is_null_schema(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

fn unknown_key_remedy<'k>(key: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    if let Some(near) = nearest(key, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let names: Vec<String> = known.map(str::to_owned).collect();
    if names.is_empty() {
        "no keys are known here".to_owned()
    } else {
        format!("known keys: {}", listed(&names))
    }
}

fn listed(names: &[String]) -> String {
    let dots = if names.len() > MAX_LISTED { ", …" } else { "" };
    format!("{}{dots}", names[..names.len().min(MAX_LISTED)].join(", "))
}

/// What makes text of what looks like something else.
pub(crate) fn quotes(origin: &Origin) -> &'static str {
    match origin {
        Origin::Argument(_) => "use --set-string",
        Origin::File { .. } | Origin::Derived => "put it into quotes",
    }
}

/// Fault and remedy for a node that is of none of the `wanted` types.
fn mismatch(node: &Node, wanted: &[&str]) -> (String, String) {
    let content = &node.content;
    let words = alternatives(wanted.iter().map(|name| type_words(name).to_owned()));
    // Text where text, a list or a mapping is due, and a key of digits where text is due, may be secrets.
    let shows = wanted.iter().any(|name| matches!(*name, "integer" | "number" | "boolean"));
    let fault = match content {
        Content::Null => format!("must be {words}, has no value"),
        content if shows => format!("must be {words}, is {}", shown(content)),
        content => format!("must be {words}, is {}", kind(content)),
    };
    let remedy = match (content, wanted) {
        (Content::Null, _) => "write a value or remove the key",
        (Content::Number(_) | Content::Bool(_), ["string"]) => quotes(&node.origin),
        (_, ["array"]) => "write a list, one `- item` on each line",
        (_, ["object"]) => "write `key: value` lines below it",
        _ => "",
    };
    (fault, remedy.to_owned())
}
