//! Two sets of objects compared key by key: what an upgrade would change, or how a cluster differs from the values.
//!
//! Objects are told apart by kind and name, where the digest at the end of a name does not count: it changes with every
//! change. Of config.yml each key is compared, not its text. Knows nothing of where the objects come from.

mod server;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use benchmark_schemas::problem::Problems;
use benchmark_schemas::tree::key_path;
use benchmark_schemas::yaml::{self, Dialect};
use serde_json::{Map, Value};

use server::without_server_fields;

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Kind and name of the object, `Job/benchmark`.
    pub object: String,
    /// Dotted path of the key; empty for the whole object.
    pub key: String,
    /// What stood there; `None` if nothing.
    pub old: Option<Value>,
    /// What stands there; `None` if nothing.
    pub new: Option<Value>,
}

/// An object and the name it is known by.
struct Named {
    name: String,
    object: Value,
}

/// All differences from `old` to `new`, in the order of the new objects, then of the old ones that are gone.
#[must_use]
pub fn changes(old: &[Value], new: &[Value]) -> Vec<Change> {
    let (old, new) = (named(old), named(new));
    let mut pairs: Vec<Option<usize>> =
        new.iter().map(|object| old.iter().position(|other| other.name == object.name)).collect();
    pair_the_only_ones(&old, &new, &mut pairs);
    let mut changes = Vec::new();
    for (Named { name, object }, pair) in new.iter().zip(&pairs) {
        let before = pair.map(|index| &old[index]);
        let heading = match before {
            Some(before) if before.name != *name => format!("{} → {name}", before.name),
            _ => name.clone(),
        };
        compare(&heading, "", before.map(|before| &before.object), Some(object), &mut changes);
    }
    for (index, Named { name, object }) in old.iter().enumerate() {
        if !pairs.contains(&Some(index)) {
            compare(name, "", Some(object), None, &mut changes);
        }
    }
    changes
}

/// Pairs the only new object of a kind that has no namesake with the only such old one: another scenario, for example,
/// has objects of other names.
fn pair_the_only_ones(old: &[Named], new: &[Named], pairs: &mut [Option<usize>]) {
    let kind = |named: &Named| named.name.split('/').next().unwrap_or_default().to_owned();
    for index in 0..new.len() {
        let wanted = kind(&new[index]);
        let alone =
            (0..new.len()).filter(|&other| pairs[other].is_none() && kind(&new[other]) == wanted).count()
                == 1;
        let left: Vec<usize> = (0..old.len())
            .filter(|&other| !pairs.contains(&Some(other)) && kind(&old[other]) == wanted)
            .collect();
        if pairs[index].is_none()
            && alone
            && let [only] = left.as_slice()
        {
            pairs[index] = Some(*only);
        }
    }
}

/// Objects as a cluster has them, without what it added to the `rendered` ones that they were made from.
#[must_use]
pub fn of_cluster(live: &[Value], rendered: &[Value]) -> Vec<Value> {
    let identity = |object: &Value| {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("/kind"), without_digest(&text("/metadata/name")).to_owned())
    };
    let origin = |object: &Value| rendered.iter().find(|rendered| identity(rendered) == identity(object));
    live.iter().map(|object| without_server_fields(object, origin(object))).collect()
}

/// The objects of a stream of YAML documents, lists of objects taken apart.
///
/// # Errors
///
/// If it is no YAML.
pub fn objects(text: &str, file: &str) -> Result<Vec<Value>, Problems> {
    let mut objects = Vec::new();
    for document in yaml::parse_all(text, file, Dialect::Values)? {
        match document.to_json() {
            Value::Object(mut list) if list.get("items").is_some_and(Value::is_array) => {
                if let Some(Value::Array(items)) = list.remove("items") {
                    objects.extend(items);
                }
            }
            Value::Null => {}
            object => objects.push(object),
        }
    }
    Ok(objects)
}

fn named(objects: &[Value]) -> Vec<Named> {
    let text = |object: &Value, path: &str| {
        object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    objects
        .iter()
        .map(|object| {
            let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
            Named { name: format!("{kind}/{}", without_digest(&name)), object: readable(object, &kind) }
        })
        .collect()
}

/// A name without the digest of eight hexadecimal digits at its end.
fn without_digest(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((first, last)) if last.len() == 8 && last.bytes().all(|byte| byte.is_ascii_hexdigit()) => first,
        _ => name,
    }
}

/// The object with YAML inside it taken apart, and with nothing of a Secret that could be read.
fn readable(object: &Value, kind: &str) -> Value {
    let mut object = object.clone();
    let mut each = |section: &str, change: &dyn Fn(&str, &mut Value)| {
        if let Some(Value::Object(entries)) = object.get_mut(section) {
            entries.iter_mut().for_each(|(key, value)| change(key, value));
        }
    };
    match kind {
        "ConfigMap" => each("data", &|key, value| {
            let is_yaml = key.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "yml" | "yaml"));
            let parsed = value
                .as_str()
                .filter(|_| is_yaml)
                .and_then(|text| yaml::parse(text, key, Dialect::Config).ok());
            if let Some(parsed) = parsed {
                *value = parsed.to_json();
            }
        }),
        "Secret" => {
            for section in ["data", "stringData"] {
                each(section, &|_, value| *value = hidden(value));
            }
        }
        _ => {}
    }
    object
}

/// Tells whether a secret changes, not what it is.
fn hidden(value: &Value) -> Value {
    let digest = crate::go_json::sha256(value);
    Value::String(format!("(hidden, {})", &digest[..8]))
}

/// Null, and what is empty, is the same as nothing.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| match value {
        Value::Null => false,
        Value::Object(entries) => entries.values().any(|value| present(Some(value)).is_some()),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    })
}

fn compare(object: &str, key: &str, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<Change>) {
    match (present(old), present(new)) {
        (None, None) => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => compare_maps(object, key, old, new, changes),
        (Some(Value::Array(old)), Some(Value::Array(new))) => compare_lists(object, key, old, new, changes),
        (old, new) if old.is_some() && new.is_some() && equal(old, new) => {}
        (old, new) => changes.push(Change {
            object: object.to_owned(),
            key: key.to_owned(),
            old: old.cloned(),
            new: new.cloned(),
        }),
    }
}

/// Numbers are equal by value: 1 is 1.0.
fn equal(old: Option<&Value>, new: Option<&Value>) -> bool {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    old == new || (number(old).is_some() && number(old) == number(new))
}

fn compare_maps(
    object: &str,
    key: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    for (name, value) in new {
        compare(object, &key_path(key, name), old.get(name), Some(value), changes);
    }
    for (name, value) in old {
        if !new.contains_key(name) {
            compare(object, &key_path(key, name), Some(value), None, changes);
        }
    }
}

/// Items of a list in which each has a name of its own are told apart by it, others by their position: one volume, for
/// example, can be mounted twice.
fn compare_lists(object: &str, key: &str, old: &[Value], new: &[Value], changes: &mut Vec<Change>) {
    let name = |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
    if named_apart(old) && named_apart(new) {
        let map = |items: &[Value]| -> Map<String, Value> {
            items.iter().filter_map(|item| Some((format!("[{}]", name(item)?), item.clone()))).collect()
        };
        let (old, new) = (map(old), map(new));
        for (name, value) in &new {
            compare(object, &format!("{key}{name}"), old.get(name), Some(value), changes);
        }
        for (name, value) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
            compare(object, &format!("{key}{name}"), Some(value), None, changes);
        }
        return;
    }
    for index in 0..old.len().max(new.len()) {
        compare(object, &format!("{key}[{index}]"), old.get(index), new.get(index), changes);
    }
}

/// True if every item has a name that no other has.
fn named_apart(items: &[Value]) -> bool {
    let names: Option<BTreeSet<&str>> = items.iter().map(|item| item.get("name")?.as_str()).collect();
    names.is_some_and(|names| names.len() == items.len())
}

/// Colours for a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Yes.
    On,
    /// No.
    Off,
}

/// The changes as text, one a line, the objects as headings.
#[must_use]
pub fn to_text(changes: &[Change], colours: Colours) -> String {
    let mut out = String::new();
    let mut heading = "";
    for change in changes {
        if change.object != heading {
            heading = &change.object;
            let _ = writeln!(out, "{heading}");
        }
        let key = if change.key.is_empty() { "the whole object" } else { &change.key };
        let (mark, code, text) = match (&change.old, &change.new) {
            (None, Some(new)) => ('+', "32", shown(new, &change.key)),
            (Some(old), None) => ('-', "31", shown(old, &change.key)),
            (old, new) => {
                let side = |value: &Option<Value>| value.as_ref().map_or_else(String::new, Value::to_string);
                ('~', "33", format!(": {} → {}", side(old), side(new)))
            }
        };
        let line = format!("{mark} {key}{text}");
        let _ = match colours {
            Colours::On => writeln!(out, "  \u{1b}[{code}m{line}\u{1b}[0m"),
            Colours::Off => writeln!(out, "  {line}"),
        };
    }
    out
}

/// A value behind its key; nothing for a whole object, which would be pages long.
fn shown(value: &Value, key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(": {value}") }
}

#[cfg(test)]
mod tests;
