//! Values as a user gives them, in files and arguments, for the renderer and for Helm.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use benchmark_render::{Layers, ValuesFile};
use indexmap::IndexMap;
use serde_json::Value;

use super::words::Given;

/// A step on the way to a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// How a value is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// In the first or the second file.
    File(usize),
    Set,
    SetString,
    SetJson,
    SetFile,
    SetLiteral,
}

/// One key with what it is given.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    /// The key as the schema names it.
    pub(crate) key: String,
    pub(crate) path: Vec<Step>,
    pub(crate) given: Given,
    pub(crate) form: Form,
    /// In a file: everything beyond ASCII is escaped.
    pub(crate) ascii: bool,
}

/// The values of one release.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) release: &'static str,
    pub(crate) namespace: Option<&'static str>,
    pub(crate) assignments: Vec<Assignment>,
}

impl Case {
    /// What the renderer is given.
    pub(crate) fn layers(&self) -> Layers {
        let mut layers = Layers::default();
        for (number, text) in self.files().into_iter().enumerate() {
            layers.files.push(ValuesFile { name: file_name(number), text });
        }
        for (number, assignment) in self.assignments.iter().enumerate() {
            let Some((flag, argument)) = assignment.argument(number) else { continue };
            match flag {
                "--set" => layers.set.push(argument),
                "--set-string" => layers.set_string.push(argument),
                "--set-json" => layers.set_json.push(argument),
                "--set-literal" => layers.set_literal.push(argument),
                _ => layers.set_file.push(argument),
            }
        }
        layers.contents = self.contents();
        layers
    }

    /// Arguments of `helm template` behind the chart, once [`Self::write`] has written the files.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> =
            (0..self.files().len()).flat_map(|number| ["-f".to_owned(), file_name(number)]).collect();
        for (number, assignment) in self.assignments.iter().enumerate() {
            arguments
                .extend(assignment.argument(number).map(|(flag, argument)| format!("{flag}={argument}")));
        }
        arguments.extend(self.namespace.map(|namespace| format!("--namespace={namespace}")));
        arguments
    }

    /// Writes the files that the arguments name.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        for (number, text) in self.files().iter().enumerate() {
            fs_err::write(folder.join(file_name(number)), text)?;
        }
        for (name, content) in self.contents() {
            fs_err::write(folder.join(name), content)?;
        }
        Ok(())
    }

    /// Texts of the values files.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files: Vec<Tree> = Vec::new();
        for assignment in &self.assignments {
            let Form::File(number) = assignment.form else { continue };
            files.resize_with(files.len().max(number + 1), Tree::empty);
            files[number].put(&assignment.path, assignment.scalar());
        }
        files.iter().map(Tree::text).collect()
    }

    fn contents(&self) -> BTreeMap<String, String> {
        let files =
            self.assignments.iter().enumerate().filter(|(_, assignment)| assignment.form == Form::SetFile);
        files.map(|(number, assignment)| (content_name(number), assignment.plain())).collect()
    }
}

fn file_name(number: usize) -> String {
    format!("values-{number}.yaml")
}

fn content_name(number: usize) -> String {
    format!("content-{number}.txt")
}

impl Assignment {
    /// Flag and argument; nothing for what stands in a file.
    fn argument(&self, number: usize) -> Option<(&'static str, String)> {
        let key = self.path.iter().fold(String::new(), |mut key, step| {
            match step {
                Step::Key(name) => {
                    if !key.is_empty() {
                        key.push('.');
                    }
                    key.push_str(&escaped(name, &['\\', '.', ',', '=', '[']));
                }
                Step::Index(index) => key.extend(["[", &index.to_string(), "]"]),
            }
            key
        });
        Some(match self.form {
            Form::File(_) => return None,
            Form::Set => ("--set", format!("{key}={}", escaped(&self.plain(), &['\\', ',', '{']))),
            Form::SetString => {
                ("--set-string", format!("{key}={}", escaped(&self.plain(), &['\\', ',', '{'])))
            }
            Form::SetJson => ("--set-json", format!("{key}={}", self.json())),
            Form::SetFile => ("--set-file", format!("{key}={}", content_name(number))),
            Form::SetLiteral => ("--set-literal", format!("{key}={}", self.plain())),
        })
    }

    fn plain(&self) -> String {
        match &self.given {
            Given::Typed(text) | Given::Json(Value::String(text)) => text.clone(),
            Given::Json(other) => other.to_string(),
        }
    }

    fn json(&self) -> Value {
        match &self.given {
            Given::Typed(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str())),
            Given::Json(value) => value.clone(),
        }
    }

    /// As it stands in a file.
    fn scalar(&self) -> String {
        match &self.given {
            Given::Typed(text) => text.clone(),
            Given::Json(value) => {
                let text = value.to_string();
                // The renderer refuses these in a file, as readers disagree on them; escaped, all know them.
                if self.ascii || text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}']) {
                    ascii(&text)
                } else {
                    text
                }
            }
        }
    }
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn ascii(json: &str) -> String {
    json.chars().fold(String::new(), |mut text, c| {
        if c.is_ascii() && c != '\u{7f}' {
            text.push(c);
        } else {
            let _ = write!(text, "\\U{:08x}", u32::from(c));
        }
        text
    })
}

/// A values file before it is written.
#[derive(Debug)]
enum Tree {
    Map(IndexMap<String, Tree>),
    List(Vec<Tree>),
    /// A value as it stands in the file.
    Leaf(String),
}

impl Tree {
    fn empty() -> Self {
        Self::Map(IndexMap::new())
    }

    /// Puts a leaf at `path`; what stands in its way gives way.
    fn put(&mut self, path: &[Step], leaf: String) {
        let Some((step, rest)) = path.split_first() else {
            *self = Self::Leaf(leaf);
            return;
        };
        match step {
            Step::Key(name) => {
                if !matches!(self, Self::Map(_)) {
                    *self = Self::empty();
                }
                if let Self::Map(entries) = self {
                    entries.entry(name.clone()).or_insert_with(Self::empty).put(rest, leaf);
                }
            }
            Step::Index(index) => {
                if !matches!(self, Self::List(_)) {
                    *self = Self::List(Vec::new());
                }
                if let Self::List(items) = self {
                    items.resize_with(items.len().max(index + 1), || Self::Leaf("null".to_owned()));
                    items[*index].put(rest, leaf);
                }
            }
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        self.write(0, &mut out);
        out
    }

    fn write(&self, indent: usize, out: &mut String) {
        let blanks = " ".repeat(indent);
        let mut entry = |head: String, value: &Self| {
            let _ = write!(out, "{blanks}{head}");
            match value {
                Self::Leaf(text) => out.extend([" ", text, "\n"]),
                Self::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
                Self::List(items) if items.is_empty() => out.push_str(" []\n"),
                nested => {
                    out.push('\n');
                    nested.write(indent + 2, out);
                }
            }
        };
        match self {
            Self::Map(entries) if entries.is_empty() => out.push_str("{}\n"),
            Self::Map(entries) => {
                for (name, value) in entries {
                    entry(format!("{}:", key(name)), value);
                }
            }
            Self::List(items) => items.iter().for_each(|item| entry("-".to_owned(), item)),
            Self::Leaf(text) => out.extend([text, "\n"]),
        }
    }
}

/// A name of a mapping, in quotes unless it is a plain word that no reader takes for something else.
fn key(name: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic());
    if plain && !WORDS.contains(&name.to_lowercase().as_str()) {
        name.to_owned()
    } else {
        ascii(&Value::from(name).to_string())
    }
}
