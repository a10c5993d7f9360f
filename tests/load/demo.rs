//! The demo as a newcomer runs it: it ends well, and its bracket holds the simulator's true capacity.

use anyhow::{Context as _, Result};
use benchmark_tests::{program, root, run};
use serde_json::Value;

use crate::machine;
use crate::rig::{json, text};

#[test]
fn the_demo_finds_the_simulators_capacity() -> Result<()> {
    let _machine = machine();
    let output = run(&program("demo"), [""; 0])?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");

    let truth = json(&root().join(".demo/truth.json"))?;
    let number = |key: &str| truth[key].as_f64().with_context(|| format!("no {key}"));
    // Both for requests of the scenario's mean lengths; what was sent has lengths of its own.
    let (measured, nominal) =
        (number("measured_requests_per_second")?, number("nominal_requests_per_second")?);
    assert!((measured / nominal - 1.0).abs() <= 0.02, "measured {measured}, by the formula {nominal}");
    let capacity = number("capacity_requests_per_second")?;

    let found: Value = json(&root().join(".demo/reports/capacity.json"))?;
    let bound = |end: usize| found["saturation"]["bracket"][end].as_f64().context("a closed bracket");
    let (lower, upper) = (bound(0)?, bound(1)?);
    assert!(lower < capacity && capacity <= upper, "({lower}, {upper}] does not hold {capacity}\n{shown}");
    assert!(found["knee"]["recommended"][0].is_number(), "a range is recommended\n{shown}");
    Ok(())
}
