//! After a run: the process stays for a while, so that its reports can be copied out of the pod.

use std::time::Duration;

use crate::driver::Stop;

/// Variable with the time to stay, in seconds; none where it is not set.
pub const VARIABLE: &str = "INFERENCE_PERF_HOLD_SECONDS";

/// The time to stay that `value`, the content of [`VARIABLE`], stands for.
///
/// # Errors
///
/// If it is no number of seconds.
pub fn time_of(value: Option<&str>) -> Result<Duration, String> {
    match value.map(str::trim).filter(|value| !value.is_empty()) {
        None => Ok(Duration::ZERO),
        Some(value) => value.parse().map(Duration::from_secs).map_err(|_| {
            format!(
                "{VARIABLE}: `{value}` is no whole number of seconds (write one such as 3600, or unset it)"
            )
        }),
    }
}

/// Stays for `time`, or until a stop is asked for.
pub async fn stay(time: Duration, stop: &Stop) {
    if time.is_zero() || stop.is_requested() {
        return;
    }
    tracing::debug!("Staying for {} s, so that the reports can be copied", time.as_secs());
    let _ = tokio::time::timeout(time, stop.requested()).await;
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn the_variable_is_a_number_of_seconds() {
        assert_eq!(time_of(None), Ok(Duration::ZERO));
        assert_eq!(time_of(Some("90")), Ok(Duration::from_secs(90)));
        insta::assert_snapshot!(time_of(Some("-1")).unwrap_err(), @"INFERENCE_PERF_HOLD_SECONDS: `-1` is no whole number of seconds (write one such as 3600, or unset it)");
    }

    #[tokio::test(start_paused = true)]
    async fn it_stays_as_long_as_asked_unless_it_is_stopped() {
        let begin = Instant::now();
        stay(Duration::from_secs(90), &Stop::new()).await;
        assert_eq!(begin.elapsed(), Duration::from_secs(90));
        let stop = Stop::new();
        let stopping = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            stop.request();
        };
        tokio::join!(stay(Duration::from_secs(90), &stop), stopping);
        assert_eq!(begin.elapsed(), Duration::from_secs(95));
        stay(Duration::from_secs(90), &stop).await;
        assert_eq!(begin.elapsed(), Duration::from_secs(95));
    }
}
