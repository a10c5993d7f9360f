//! Writing manifests to files, one for each template: the only place of this program that writes any.

use std::fmt::Write as _;
use std::path::Path;

use benchmark_render::{Manifest, chart, manifest};
use benchmark_schemas::problem::{Origin, Problem};

/// Writes the objects of each template to `folder`, as `helm template --output-dir` does, and says so.
pub(crate) fn write(folder: &Path, manifests: &[Manifest]) -> Result<String, Problem> {
    let mut templates: Vec<&str> = Vec::new();
    for manifest in manifests {
        if !templates.contains(&manifest.template) {
            templates.push(manifest.template);
        }
    }
    let mut said = String::new();
    for template in templates {
        let objects: Vec<Manifest> =
            manifests.iter().filter(|manifest| manifest.template == template).cloned().collect();
        let path = folder.join(chart::NAME).join(template);
        let written = path.parent().map_or(Ok(()), fs_err::create_dir_all);
        written.and_then(|()| fs_err::write(&path, manifest::to_yaml(&objects))).map_err(|error| {
            let origin = Origin::Argument(format!("--output-dir {}", folder.display()).into());
            Problem::new(origin, "", error.to_string(), "name a folder that can be written")
        })?;
        let _ = writeln!(said, "wrote {}", path.display());
    }
    Ok(said)
}
