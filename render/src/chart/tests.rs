//! CHART arguments that mean the embedded chart, and those that do not.

use super::*;

#[test]
fn the_embedded_files_are_those_of_the_chart() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/benchmark-charts/templates");
    let on_disk =
        fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut templates: Vec<String> = on_disk.map(|name| format!("templates/{name}")).collect();
    templates.sort();
    let embedded: Vec<&str> =
        FILES.iter().map(|(path, _)| *path).filter(|path| path.starts_with("templates/")).collect();
    assert_eq!(embedded, templates);
}

#[test]
fn references_to_this_chart() {
    let of_version = |version: &str| format!("oci://ghcr.io/x/benchmark-charts:{version}");
    for reference in [
        "benchmark-charts",
        "ai-on-eks/benchmark-charts",
        "./charts/benchmark-charts/",
        &of_version(version()),
        &format!("benchmark-charts-{}.tgz", version()),
        &format!("benchmark-charts:{}@sha256:0", version()),
    ] {
        assert_eq!(check_reference(reference), Ok(()), "{reference}");
    }
    for reference in
        ["", "inference-charts", "x/benchmark-charts-2", &of_version("9.9.9"), "benchmark-charts-9.9.9.tgz"]
    {
        assert!(check_reference(reference).is_err(), "{reference}");
    }
}

#[test]
fn a_folder_must_hold_the_same_files() {
    let embedded =
        |path: &str| FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
    assert_eq!(check_folder("x", embedded), Ok(()));
    let changed = |path: &str| if path == "values.yaml" { Some(String::new()) } else { embedded(path) };
    insta::assert_snapshot!(check_folder("charts/mine", changed).unwrap_err(), @"CHART: `charts/mine/values.yaml` differs from the one that this program renders (build benchmark-render from the same tree as the chart, or leave CHART out)");
    assert_eq!(check_folder("x", |_| None).unwrap_err().as_slice().len(), FILES.len());
}
