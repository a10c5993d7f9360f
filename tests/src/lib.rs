//! Shared by the demo and the tests that cross crates: where things are, and programs run as a user runs them.

pub mod closed_loop;
pub mod hub;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::tree::Node;
use benchmark_schemas::yaml::{self, Dialect};

/// The repository's root.
///
/// # Panics
/// Never: the crate is a folder of the root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the root").to_owned()
}

/// The chart's folder.
pub fn chart() -> PathBuf {
    root().join("charts/benchmark-charts")
}

/// A program that the workspace builds (`inference-perf`, `benchmark-render`), from the target folder that holds
/// the running executable, so that the same build is used whatever the profile.
///
/// # Panics
/// If the program was not built; `make test` and `make demo` build the workspace first.
pub fn program(name: &str) -> PathBuf {
    let executable = std::env::current_exe().expect("the path of the running executable is known");
    let path =
        executable.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    path.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace` first"))
}

/// A tool that `make tools` fetched.
///
/// # Panics
/// If it was not fetched.
pub fn tool(name: &str) -> PathBuf {
    let path = root().join(".tools").join(name);
    assert!(path.exists(), "{} is missing: run `make tools` first", path.display());
    path
}

/// Runs a command to its end with its output captured.
///
/// # Errors
/// If the program cannot be started.
pub fn run<S: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = S>) -> Result<Output> {
    Command::new(program).args(arguments).output().with_context(|| program.display().to_string())
}

/// Runs a command that must succeed and gives its standard output.
///
/// # Errors
/// If it cannot be started, exits with another code than 0, or prints something else than UTF-8.
pub fn run_ok<S: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = S>) -> Result<String> {
    let output = run(program, arguments)?;
    if !output.status.success() {
        bail!(
            "{}: {}\n{}{}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The documents of a manifest stream, empty ones left out.
///
/// # Errors
/// If it is not YAML.
pub fn documents(text: &str) -> Result<Vec<serde_json::Value>> {
    let nodes = yaml::parse_all(text, "manifests", Dialect::Values)?;
    Ok(nodes.iter().map(Node::to_json).filter(|document| !document.is_null()).collect())
}

/// The object of `kind` among `documents`.
///
/// # Panics
/// If there is none.
pub fn object<'a>(documents: &'a [serde_json::Value], kind: &str) -> &'a serde_json::Value {
    let found = documents.iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} among the manifests"))
}

/// The text of `config.yml` in the ConfigMap among `documents`.
///
/// # Panics
/// If there is none.
pub fn config_text(documents: &[serde_json::Value]) -> &str {
    object(documents, "ConfigMap")["data"]["config.yml"]
        .as_str()
        .expect("the ConfigMap holds config.yml as text")
}

/// Every leaf of `value` by its dotted path; empty mappings and lists count as leaves.
pub fn leaves(value: &serde_json::Value) -> BTreeMap<String, serde_json::Value> {
    fn walk(path: &str, value: &serde_json::Value, into: &mut BTreeMap<String, serde_json::Value>) {
        match value {
            serde_json::Value::Object(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    walk(&format!("{path}.{key}"), value, into);
                }
            }
            serde_json::Value::Array(items) if !items.is_empty() => {
                for (index, value) in items.iter().enumerate() {
                    walk(&format!("{path}[{index}]"), value, into);
                }
            }
            leaf => {
                into.insert(path.to_owned(), leaf.clone());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk("", value, &mut found);
    found
}

/// A simulated model server in a process of its own, ended when dropped.
#[derive(Debug)]
pub struct Simulator {
    process: Child,
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
}

impl Simulator {
    /// Starts `inference-perf simulate` on a free port with `arguments` and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be started or ends before it listens.
    pub fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut process = Command::new(program("inference-perf"))
            .args(["simulate", "--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .context("inference-perf simulate")?;
        let output = process.stdout.take().context("the simulator's output is piped")?;
        let mut simulator = Self { process, base_url: String::new() };
        for line in BufReader::new(output).lines() {
            if let Some(at) = line?.split_once("listening on ").map(|(_, at)| at.to_owned()) {
                simulator.base_url = at;
                return Ok(simulator);
            }
        }
        bail!("the simulator ended before it listened")
    }

    /// Ends it at once, as a crash would.
    pub fn end(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.end();
    }
}
