//! Latencies of the running stage for displays: about right at any moment, while reports are exact later.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use benchmark_schemas::record::{Outcome, Record};
use hdrhistogram::Histogram;

/// Shortest and longest latency that are told apart, microseconds: up to an hour.
const RANGE_US: (u64, u64) = (1, 3_600_000_000);
/// Significant decimal digits.
const DIGITS: u8 = 2;

/// Latencies of the running stage.
#[derive(Debug)]
pub struct Live {
    streamed: bool,
    /// Microseconds. Only recorders and displays share it.
    histogram: Mutex<Histogram<u64>>,
}

/// What a display shows of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveLatency {
    /// From start to first token if true, else to the end of the answer.
    pub to_first_token: bool,
    /// Median.
    pub p50: Duration,
    /// 95th percentile.
    pub p95: Duration,
}

impl Live {
    /// Of answers that come as streams or not.
    ///
    /// # Panics
    ///
    /// Never: the range and the digits are ones that the histogram takes.
    #[must_use]
    pub fn new(streamed: bool) -> Self {
        let histogram = Histogram::new_with_bounds(RANGE_US.0, RANGE_US.1, DIGITS);
        Self {
            streamed,
            histogram: Mutex::new(histogram.expect("the range and the digits are ones that it takes")),
        }
    }

    /// Forgets the stage before.
    pub fn begin_stage(&self) {
        self.histogram().reset();
    }

    /// Counts a finished request, if it succeeded.
    pub(super) fn note(&self, record: &Record) {
        let first =
            if self.streamed { record.chunks.first().map(|chunk| chunk.at) } else { Some(record.end) };
        if let (Outcome::Success, Some(start), Some(first)) = (&record.outcome, record.start, first) {
            let us = u64::try_from((first - start) / 1_000).unwrap_or(0);
            self.histogram().saturating_record(us.max(RANGE_US.0));
        }
    }

    /// Latencies so far; `None` before the first.
    pub fn latency(&self) -> Option<LiveLatency> {
        let histogram = self.histogram();
        let at = |percentile| Duration::from_micros(histogram.value_at_percentile(percentile));
        (!histogram.is_empty()).then(|| LiveLatency {
            to_first_token: self.streamed,
            p50: at(50.0),
            p95: at(95.0),
        })
    }

    fn histogram(&self) -> std::sync::MutexGuard<'_, Histogram<u64>> {
        self.histogram.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::source::tests::{MS, failure, record};

    #[test]
    fn successes_of_the_stage_are_counted() {
        let (streamed, whole) = (Live::new(true), Live::new(false));
        assert_eq!(streamed.latency(), None);
        for live in [&streamed, &whole] {
            live.note(&record(0, 0));
            live.note(&failure(1, 5 * MS, "HTTP Error 503", "busy"));
        }
        let near = |found: Duration, ms: u64| {
            found.abs_diff(Duration::from_millis(ms)) < Duration::from_millis(ms / 50)
        };
        let latency = streamed.latency().expect("one");
        assert!(latency.to_first_token && near(latency.p50, 50) && near(latency.p95, 50), "{latency:?}");
        let latency = whole.latency().expect("one");
        assert!(!latency.to_first_token && near(latency.p50, 200), "{latency:?}");
        streamed.begin_stage();
        assert_eq!(streamed.latency(), None);
    }
}
