//! `manifest.json`: what a run has written to one place, so that a copy can be checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The list of a run's files in one place (a folder or a bucket), written last.
///
/// The same report has different bytes in a folder (indented) and in a bucket (compact), hence one manifest a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this file's structure: 1.
    pub format: u32,
    /// Eight hexadecimal digits that name the run.
    pub run_id: String,
    /// False if the run was interrupted before its plan was done; the files then cover what had ended by then.
    pub complete: bool,
    /// All files of the run but this one, in the order in which they were written.
    pub files: Vec<ManifestFile>,
}

/// One file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Name beside this manifest, prefix included.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, 64 lower-case hexadecimal digits.
    pub sha256: String,
}
