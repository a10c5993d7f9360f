//! What is wrong with an input, said so that it can be mended: place, key, fault, remedy.
//!
//! Every check collects problems; nothing stops at the first.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A place in a file; line and column count from 1.
    File {
        /// The file as the user named it.
        file: Arc<str>,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// A command-line argument as typed, for example `--set benchmark.scenario=x`.
    Argument(Arc<str>),
    /// Nobody wrote it: a default, or a value the program derived.
    Derived,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Argument(argument) => f.write_str(argument),
            Self::Derived => f.write_str("(default)"),
        }
    }
}

/// One thing that is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// Dotted path of the key, list items as `[0]`; empty for the whole document.
    pub key: String,
    /// What is wrong.
    pub fault: String,
    /// What to do about it; empty if the fault says it all.
    pub remedy: String,
}

impl Problem {
    /// A problem at `origin`.
    pub fn new(
        origin: Origin,
        key: impl Into<String>,
        fault: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { origin, key: key.into(), fault: fault.into(), remedy: remedy.into() }
    }

    /// For programs: `file`, `line` and `column`, or `argument`, where it stands; `key`, `fault` and `remedy`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = match &self.origin {
            Origin::File { file, line, column } => json!({"file": **file, "line": line, "column": column}),
            Origin::Argument(argument) => json!({"argument": **argument}),
            Origin::Derived => json!({}),
        };
        for (name, text) in [("key", &self.key), ("fault", &self.fault), ("remedy", &self.remedy)] {
            json[name] = json!(text);
        }
        json
    }
}

impl fmt::Display for Problem {
    /// `file:line:col: key: what is wrong (what to do)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        // A flag named for the key has said it already.
        let said =
            matches!(&self.origin, Origin::Argument(flag) if flag.strip_prefix("--") == Some(&self.key));
        if !self.key.is_empty() && !said {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.fault)?;
        if !self.remedy.is_empty() {
            write!(f, " ({})", self.remedy)?;
        }
        Ok(())
    }
}

/// All problems of an input, at least one; displayed one a line, in order of their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// `Err` with all of `problems` in order of their place, `Ok` if there are none.
    pub fn check(mut problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        problems.dedup();
        Err(Self(problems))
    }

    /// The problems in order of their place.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    /// The problems, to be joined with others.
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
