//! Reading what the command line names: the only place of this program that opens files.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use benchmark_render::{Layers, ValuesFile, chart, set};
use benchmark_schemas::problem::{Origin, Problem, Problems};

use crate::cli::ValuesArgs;

/// Reads every file that the arguments name. All that cannot be read are reported together.
pub(crate) fn layers(arguments: ValuesArgs) -> Result<Layers, Problems> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for name in arguments.files {
        match read(&name) {
            Ok(text) => files.push(ValuesFile { name: shown(&name).to_owned(), text }),
            Err(fault) => {
                let origin = Origin::Argument(format!("-f {name}").into());
                problems.push(Problem::new(origin, "", fault, "name a readable file of values"));
            }
        }
    }
    let mut contents = BTreeMap::new();
    for argument in &arguments.set_file {
        match set::paths(argument) {
            Ok(paths) => {
                for path in paths {
                    match read(&path) {
                        Ok(text) => drop(contents.insert(path, text)),
                        Err(fault) => {
                            let origin = Origin::Argument(format!("--set-file {argument}").into());
                            problems.push(Problem::new(origin, "", fault, "name a readable file"));
                        }
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    Problems::check(problems)?;
    Ok(Layers {
        files,
        set_json: arguments.set_json,
        set: arguments.set,
        set_string: arguments.set_string,
        set_file: arguments.set_file,
        contents,
        set_literal: arguments.set_literal,
    })
}

/// Checks that CHART means the embedded chart: by its name, or a folder by its files.
pub(crate) fn check_chart(reference: &str) -> Result<(), Problems> {
    let folder = Path::new(reference);
    if folder.is_dir() {
        return chart::check_folder(reference, |path| fs_err::read_to_string(folder.join(path)).ok());
    }
    Ok(chart::check_reference(reference)?)
}

fn shown(name: &str) -> &str {
    if name == "-" { "(stdin)" } else { name }
}

fn read(name: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    if name == "-" {
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map_err(|error| format!("cannot be read: {error}"))?;
    } else if name.contains("://") {
        return Err("is a URL, and this program does not use the network".to_owned());
    } else {
        bytes = fs_err::read(name).map_err(|error| error.to_string())?;
    }
    String::from_utf8(bytes).map_err(|error| format!("is not UTF-8 text: {error}"))
}
