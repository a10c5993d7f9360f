//! After a run: the process stays for a while, so that its reports can be copied out of the pod.

use std::time::Duration;

use crate::driver::Stop;

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
