//! Writes the JSON Schemas that are generated from the types and the table of values in the chart's README, or says which
//! of the files are stale.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use benchmark_schemas::yaml::{self, Dialect};
use benchmark_schemas::{config, report, values};
use serde_json::Value;

const USAGE: &str = "usage: schemas --check | --write";

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let write = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--check"] => false,
        ["--write"] => true,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut stale = false;
    let mut files = files();
    match readme() {
        Ok(readme) => files.push(readme),
        Err(error) => {
            eprintln!("the chart's README: {error}");
            return ExitCode::FAILURE;
        }
    }
    for (path, text) in files {
        match update(&path, &text, write) {
            Ok(State::Same) => {}
            Ok(State::Written) => println!("{}: written", path.display()),
            Ok(State::Stale) => {
                stale = true;
                eprintln!("{}: is stale (run `make schemas`)", path.display());
            }
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    if stale { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What became of a file.
enum State {
    /// It has the text already.
    Same,
    /// It has it now.
    Written,
    /// It does not have it.
    Stale,
}

fn chart() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.parent().unwrap_or(root).join("charts/benchmark-charts")
}

/// The chart's README with its table of values.
fn readme() -> io::Result<(PathBuf, String)> {
    let path = chart().join("README.md");
    let values = fs::read_to_string(chart().join("values.yaml"))?;
    let defaults = yaml::parse(&values, "values.yaml", Dialect::Values).map_err(io::Error::other)?.to_json();
    let text = values::table::readme(&fs::read_to_string(&path)?, &values, &defaults);
    Ok((path, text.ok_or_else(|| io::Error::other("it has no table of values"))?))
}

/// The generated files with their texts.
fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chart = chart();
    let values = values::json_schema();
    vec![
        (root.join("config.schema.json"), text_of(&config::json_schema())),
        (root.join("capacity.schema.json"), text_of(&report::capacity_json_schema())),
        (root.join("manifest.schema.json"), text_of(&report::manifest_json_schema())),
        (root.join("values.schema.json"), text_of(&values)),
        // Helm stores it with each release: no blanks. The one above is for people.
        (chart.join("values.schema.json"), format!("{values}\n")),
    ]
}

fn text_of(schema: &Value) -> String {
    format!("{schema:#}\n")
}

fn update(path: &Path, text: &str, write: bool) -> io::Result<State> {
    let found = match fs::read_to_string(path) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if found.as_deref() == Some(text) {
        return Ok(State::Same);
    }
    if !write {
        return Ok(State::Stale);
    }
    fs::write(path, text)?;
    Ok(State::Written)
}
