//! Values that nobody takes: Helm 3, Helm 4 and the renderer refuse each, and what the renderer says is written down.
//!
//! `testdata/invalid.txt` holds an argument on a line of its own and below it, indented, what the renderer says. Read it as
//! a user would: every message has to name the fault, the place and the remedy.

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::root;

use crate::helm::Case;

const FILE: &str = "tests/suite/testdata/invalid.txt";

#[test]
fn what_is_refused_is_refused_by_all_with_a_message_that_helps() -> Result<()> {
    let shown = fs_err::read_to_string(root().join(FILE))?;
    let arguments: Vec<&str> = shown.lines().filter(|line| !line.starts_with(' ')).collect();
    ensure!(arguments.len() >= 60, "only {} rows", arguments.len());
    let mut said = String::new();
    for argument in arguments {
        let refusals = Case::new(argument, "r", [argument]).refusals()?;
        let (ours, theirs) = refusals.split_first().context("three refusals")?;
        said.extend([argument, "\n"]);
        ours.lines().for_each(|line| said.extend(["    ", line, "\n"]));
        for refusal in theirs {
            ensure!(!refusal.contains("nil pointer") && !refusal.contains("panic"), "{argument}: {refusal}");
        }
        ensure!(ours.lines().all(|line| line.contains('(') || line.contains("must be")), "no remedy: {ours}");
    }
    ensure!(said == shown, "{FILE} should be\n{said}");
    Ok(())
}
