//! Environment variables that hold seconds.

use std::time::Duration;

use anyhow::{Result, bail};

/// The time that the variable `name` holds, in seconds; `None` where it is not set or empty. `example` is shown to who
/// writes something else.
///
/// # Errors
///
/// If it is no whole number of seconds.
pub(super) fn seconds_of(name: &str, example: u64) -> Result<Option<Duration>> {
    read(name, std::env::var(name).ok().as_deref(), example)
}

fn read(name: &str, value: Option<&str>, example: u64) -> Result<Option<Duration>> {
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.parse() {
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
        Err(_) => {
            bail!(
                "{name}: `{value}` is no whole number of seconds (write one such as {example}, or unset it)"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use benchmark_schemas::variables::{HOLD_VARIABLE, PREFLIGHT_VARIABLE};

    use super::*;

    #[test]
    fn they_hold_whole_numbers_of_seconds() {
        let of = |value| read("X", value, 1).expect("a number of seconds");
        assert_eq!(of(None), None);
        assert_eq!(of(Some("")), None);
        assert_eq!(of(Some("90")), Some(Duration::from_secs(90)));
        assert_eq!(of(Some(" 600\n")), Some(Duration::from_mins(10)));
        let fault = read(HOLD_VARIABLE, Some("-1"), 3600).expect_err("negative");
        insta::assert_snapshot!(fault, @"INFERENCE_PERF_HOLD_SECONDS: `-1` is no whole number of seconds (write one such as 3600, or unset it)");
        let fault = read(PREFLIGHT_VARIABLE, Some("10m"), 600).expect_err("a unit");
        insta::assert_snapshot!(fault, @"INFERENCE_PERF_PREFLIGHT: `10m` is no whole number of seconds (write one such as 600, or unset it)");
    }
}
