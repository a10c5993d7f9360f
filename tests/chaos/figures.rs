//! The figures of a long search, a line of a Markdown table each, for the closing table of `make chaos`.

use std::io::Write as _;

use anyhow::Result;
use benchmark_tests::root;

/// Notes `value` of `what` in `target/chaos/report.md`, which `make chaos` prints at its end.
pub(crate) fn note(what: &str, value: &str) -> Result<()> {
    let line = format!("| {what} | {value} |");
    let folder = root().join("target/chaos");
    fs_err::create_dir_all(&folder)?;
    let mut file = fs_err::OpenOptions::new().create(true).append(true).open(folder.join("report.md"))?;
    Ok(writeln!(file, "{line}")?)
}
