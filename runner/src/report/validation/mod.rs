//! `validation.json`: whether a run's reports agree with one another and with themselves.
//!
//! Looks at the finished trees as a reader would, so that it also finds what went wrong on the way into them. An error
//! is a fault of this program; a warning is something to know about the run. A server that failed every request is
//! neither.

mod checks;
mod cross;
mod distributions;
mod partials;
mod requests;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::{Document, Export as _, RunReport, lifecycle, partial, per_request};

/// Name of the file.
pub const NAME: &str = "validation.json";

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something to know.
    Warning,
    /// The reports contradict one another or themselves.
    Error,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Dotted name of what was checked.
    pub check: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// File that it is about; `None` if it is about several.
    pub report: Option<String>,
}

impl Finding {
    fn new(severity: Severity, check: impl Into<String>, report: Option<&str>, message: String) -> Self {
        Self { check: check.into(), severity, message, report: report.map(str::to_owned) }
    }

    fn tree(&self) -> Value {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        json!({
            "check": self.check, "severity": severity, "message": self.message, "report": self.report,
        })
    }
}

/// What was looked at and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validation {
    /// Files that were looked at, in the order in which they are listed.
    pub inspected: Vec<String>,
    /// What was found, in that order.
    pub findings: Vec<Finding>,
}

impl Validation {
    /// Looks at the reports `documents` of `run`.
    pub fn of(run: &RunReport, documents: &[Document]) -> Self {
        let mut validation = Self::default();
        let named = |name: &str| documents.iter().find(|file| file.name() == name);
        let summary = named(lifecycle::SUMMARY_NAME);
        if let Some(file) = summary {
            let found = checks::check("summary", file.name(), file.tree(), &run.metrics.summary);
            validation.inspect(file.name(), found);
        }
        let stages = &run.metrics.stages;
        let mut trees: Vec<(u32, &Value)> = Vec::new();
        for stage in stages {
            let Some(file) = named(&lifecycle::stage_name(stage.stage)) else { continue };
            let found = checks::check_stage(file.name(), file.tree(), &stage.requests);
            validation.inspect(file.name(), found);
            trees.push((stage.stage, file.tree()));
        }
        if run.settings.request_lifecycle.per_request == Some(true) {
            validation.inspect(per_request::NAME, requests::check(&run.metrics.checks));
        }
        validation.findings.extend(cross::check(run, summary.map(Document::tree), &trees, documents));
        for stage in stages {
            let name = partial::name(stage.stage);
            let Some(file) = named(&name) else { continue };
            let lifecycle = trees.iter().find(|(number, _)| *number == stage.stage).map(|(_, tree)| *tree);
            validation.inspect(&name, partials::check(&name, file.tree(), lifecycle));
        }
        validation
    }

    fn inspect(&mut self, name: &str, findings: Vec<Finding>) {
        self.inspected.push(name.to_owned());
        self.findings.extend(findings);
    }

    /// The file.
    pub fn document(&self) -> Document {
        let group = |report: Option<&str>| {
            let of = |severity| -> Vec<Value> {
                let found = self.findings.iter();
                let found = found.filter(|it| it.report.as_deref() == report && it.severity == severity);
                found.map(Finding::tree).collect()
            };
            json!({"warnings": of(Severity::Warning), "errors": of(Severity::Error)})
        };
        let reports: Map<String, Value> =
            self.inspected.iter().map(|name| (name.clone(), group(Some(name)))).collect();
        Document::json(NAME, json!({"global": group(None), "reports": reports}))
    }

    /// Findings of `severity`.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Upper bound of what rounding may do to `a` and `b`.
fn tolerance(a: f64, b: f64) -> f64 {
    1e-9 + 1e-6 * a.abs().max(b.abs())
}

/// True if rounding explains any difference.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= tolerance(a, b)
}

/// True if `a` is not above `b`, rounding aside.
fn at_most(a: f64, b: f64) -> bool {
    a <= b + tolerance(a, b)
}

/// The number at `pointer`.
fn number(tree: &Value, pointer: &str) -> Option<f64> {
    tree.pointer(pointer).and_then(Value::as_f64)
}
