//! What the tables of tests have in common: a row is an installation and what must be true of it.

use anyhow::{Context as _, Result};
use benchmark_schemas::yaml::{self, Dialect};
use benchmark_tests::{config_text, object};
use serde_json::Value;

use crate::helm::{Case, HELMS};

/// What must be true of a row's installation.
pub(crate) enum Expect {
    /// Of the objects.
    Objects(fn(&Objects) -> Result<()>),
    /// It is refused with a message that has all of these parts.
    Refused(&'static [&'static str]),
    /// Of the notes and of what Helm says beside them.
    Notes(fn(&str, &str) -> Result<()>),
}

/// A row: its number in the list of facts, what it is about, the release and the arguments, what must be true.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) release: &'static str,
    pub(crate) arguments: Vec<&'static str>,
    pub(crate) expect: Expect,
}

/// The objects of an installation.
pub(crate) struct Objects(pub(crate) Vec<Value>);

impl Objects {
    /// The value at the JSON pointer `path` of the object of `kind`; null if there is none.
    pub(crate) fn at(&self, kind: &str, path: &str) -> Value {
        object(&self.0, kind).pointer(path).cloned().unwrap_or_default()
    }

    /// The same within the pod template's spec.
    pub(crate) fn pod(&self, path: &str) -> Value {
        self.at("Job", &format!("/spec/template/spec{path}"))
    }

    /// The same within the container.
    pub(crate) fn container(&self, path: &str) -> Value {
        self.pod(&format!("/containers/0{path}"))
    }

    /// The value, or reference, of a variable of the container.
    pub(crate) fn variable(&self, name: &str) -> Value {
        let list = self.container("/env");
        let found = list.as_array().into_iter().flatten().find(|variable| variable["name"] == name);
        found.map_or(Value::Null, |variable| variable.get("value").unwrap_or(&variable["valueFrom"]).clone())
    }

    /// config.yml as a runner reads it.
    pub(crate) fn config(&self) -> Result<Value> {
        Ok(yaml::parse(config_text(&self.0), "config.yml", Dialect::Config)?.to_json())
    }

    /// Name of the object of `kind`.
    pub(crate) fn name(&self, kind: &str) -> String {
        self.at(kind, "/metadata/name").as_str().unwrap_or_default().to_owned()
    }
}

/// Runs every row against both versions of Helm.
pub(crate) fn check(rows: Vec<Row>) -> Result<()> {
    for row in rows {
        let case = Case::new(row.what, row.release, row.arguments.clone());
        let of_row = || format!("{}: {}", row.id, row.what);
        match row.expect {
            Expect::Objects(holds) => {
                for helm in HELMS {
                    holds(&Objects(case.by_helm(helm)?)).with_context(of_row)?;
                }
            }
            Expect::Refused(parts) => {
                for helm in HELMS {
                    let refusal = case.refusal_of(helm).with_context(of_row)?;
                    for part in parts {
                        anyhow::ensure!(refusal.contains(part), "{}: no {part:?} in: {refusal}", of_row());
                    }
                }
            }
            Expect::Notes(holds) => {
                let (notes, said) = case.notes().with_context(of_row)?;
                holds(&notes, &said).with_context(of_row)?;
            }
        }
    }
    Ok(())
}

/// Fails with both values unless they are equal.
#[macro_export]
macro_rules! same {
    ($one:expr, $other:expr) => {{
        let (one, other) = (&$one, &$other);
        anyhow::ensure!(*one == *other, "{} is {one:?}, not {other:?}", stringify!($one));
    }};
}
