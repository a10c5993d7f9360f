//! Reading what the command line names: the only place of this program that opens files.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use benchmark_render::{Layers, ValuesFile, chart, set};
use benchmark_schemas::problem::{Origin, Problem, Problems};
use benchmark_schemas::yaml;

use crate::cli::ValuesArgs;

/// Reads every file that the arguments name. All that cannot be read are reported together.
pub(crate) fn layers(arguments: ValuesArgs) -> Result<Layers, Problems> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for name in arguments.files {
        match read(&name, &format!("-f {name}")) {
            Ok(text) => files.push(ValuesFile { name: shown(&name).to_owned(), text }),
            Err(found) => problems.extend(found.into_vec()),
        }
    }
    let mut contents = BTreeMap::new();
    for argument in &arguments.set_file {
        match set::paths(argument) {
            Ok(paths) => {
                for path in paths {
                    match read(&path, &format!("--set-file {argument}")) {
                        Ok(text) => drop(contents.insert(path, text)),
                        Err(found) => problems.extend(found.into_vec()),
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
        skip_schema_validation: arguments.skip_schema_validation,
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

/// The name of an input in messages.
pub(crate) fn shown(name: &str) -> &str {
    if name == "-" { "(stdin)" } else { name }
}

/// The text of the file that `argument` names.
pub(crate) fn read(name: &str, argument: &str) -> Result<String, Problems> {
    let refused = |fault: String, remedy: &str| {
        Problems::from(Problem::new(Origin::Argument(argument.into()), "", fault, remedy))
    };
    let bytes = if name == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else if name.contains("://") {
        return Err(refused(
            "is a URL, and this program does not use the network".into(),
            "name a local file",
        ));
    } else {
        fs_err::read(name)
    };
    let bytes = bytes.map_err(|error| refused(error.to_string(), "name a readable file"))?;
    yaml::decode(&bytes, shown(name)).map(str::to_owned)
}
