//! YAML with places, in the two dialects the project has to agree with.
//!
//! `config.yml` is read as PyYAML's safe loader reads it, values files as Helm 4 reads them. Both are YAML 1.1, yet
//! they disagree on plain scalars (`1e3`, `y`, `1:30`, `0o17`), on keys and on tags. The grammar comes from
//! `saphyr-parser`; this module owns what scalars, keys, tags, anchors and merge keys mean, and the writer whose
//! output both dialects read back alike. It opens no file and knows nothing of schemas.

mod build;
mod config_scalar;
mod decode;
mod emit;
mod merge;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;
mod values_scalar;

use crate::problem::{Origin, Problem, Problems};
use crate::tree::{Content, Node};

pub use decode::decode;
pub use emit::emit;

/// Whose rules decide what a plain scalar, a key or a tag means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `config.yml`: YAML 1.1 as PyYAML's `SafeLoader` reads it.
    Config,
    /// Values files: as Helm 4 reads them (go-yaml v2, then JSON; all numbers are 64-bit floats).
    Values,
}

/// Nesting of lists and mappings beyond this depth is refused.
const MAX_DEPTH: usize = 100;

/// Reads the one document of `text`; an empty document is [`Content::Null`]. `file` names the text in problems.
///
/// A second document is refused: Helm 4 would merge it, Helm 3 and PyYAML would not. Numbers that JSON cannot hold
/// (`.inf`, `.nan`, integers beyond 64 bits in [`Dialect::Config`]) are problems, as are tags that would make anything
/// but a JSON value. Of a syntax fault only the first is found.
///
/// Duplicate keys are not an error in either dialect: the last one wins. Numbers of [`Dialect::Values`] that are whole
/// are integers (`1e3` and `1000.0` equal `1000`), rounded to 64-bit floats first, as Helm prints them.
pub fn parse(text: &str, file: &str, dialect: Dialect) -> Result<Node, Problems> {
    let mut documents = build::documents(text, file, dialect)?.into_iter();
    let Some(first) = documents.next() else {
        let origin = Origin::File { file: file.into(), line: 1, column: 1 };
        return Ok(Node { content: Content::Null, origin });
    };
    match documents.next() {
        None => Ok(first.node),
        Some(second) => Err(Problem::new(
            second.start,
            "",
            "a second document starts here, only one is read",
            "remove the `---` line, or put the rest into a file of its own",
        )
        .into()),
    }
}

/// Reads all documents of `text`, none if it is empty.
pub fn parse_all(text: &str, file: &str, dialect: Dialect) -> Result<Vec<Node>, Problems> {
    Ok(build::documents(text, file, dialect)?.into_iter().map(|document| document.node).collect())
}
