//! Requests that were sent again, and the time that it took.

use benchmark_schemas::record::{Outcome, Record};

use super::percentile::Percentiles;
use super::pool::Pool;
use crate::clock::seconds;

/// What sending again did for one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Attempts after the first.
    pub attempts: u32,
    /// True if the last attempt was answered.
    pub recovered: bool,
    /// Time that led to nothing, seconds: until the attempt that was answered, or the whole life of a request that
    /// never was.
    pub wasted_seconds: f64,
}

impl Retry {
    /// Of `record`; `None` if it was sent only once.
    pub fn of(record: &Record) -> Option<Self> {
        let retries = record.retries?;
        let recovered = record.outcome == Outcome::Success;
        let until = if recovered { retries.last_start } else { record.end };
        let start = record.start.unwrap_or(record.due);
        Some(Self { attempts: retries.count, recovered, wasted_seconds: seconds(until - start) })
    }
}

/// Aggregates of requests that were sent again.
#[derive(Debug, Clone, Default)]
pub struct RetryTotals {
    /// Attempts after the first, of all requests together.
    pub attempts: u64,
    /// Requests of which a later attempt was answered.
    pub recovered: u64,
    /// Time that led to nothing, seconds.
    pub wasted: Pool,
}

impl RetryTotals {
    /// Adds what `record` has of it, or shows it again in a later pass.
    pub(super) fn push(&mut self, record: &Record, first_pass: bool) {
        let Some(retry) = Retry::of(record) else { return };
        self.wasted.push(retry.wasted_seconds);
        if first_pass {
            self.attempts += u64::from(retry.attempts);
            self.recovered += u64::from(retry.recovered);
        }
    }

    /// Ends a pass; true if the records must be pushed once more.
    pub(super) fn end_pass(&mut self, percentiles: &Percentiles) -> bool {
        self.wasted.end_pass(percentiles)
    }

    /// Requests that were sent again.
    pub fn requests(&self) -> u64 {
        self.wasted.count()
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod tests {
    use benchmark_schemas::record::Retries;

    use super::super::source::tests::{MS, failure, record};
    use super::*;

    fn again(record: Record, count: u32, after: i64) -> Record {
        let last_start = record.due + after;
        Record { retries: Some(Retries { count, last_start }), ..record }
    }

    #[test]
    fn time_is_wasted_until_the_attempt_that_was_answered() {
        assert_eq!(Retry::of(&record(0, 0)), None);
        let recovered = Retry::of(&again(record(1, 0), 2, 150 * MS)).expect("sent again");
        assert_eq!(recovered, Retry { attempts: 2, recovered: true, wasted_seconds: 0.15 });
        let lost =
            Retry::of(&again(failure(2, 0, "ClientConnectorError", ""), 3, 10 * MS)).expect("sent again");
        assert_eq!(lost, Retry { attempts: 3, recovered: false, wasted_seconds: 0.02 });
    }

    #[test]
    fn totals() {
        let mut totals = RetryTotals::default();
        for record in [
            record(0, 0),
            again(record(1, 0), 2, 150 * MS),
            again(failure(2, 0, "ClientConnectorError", ""), 3, 10 * MS),
        ] {
            totals.push(&record, true);
        }
        assert!(!totals.end_pass(&Percentiles::new(&[50.0])));
        assert_eq!((totals.requests(), totals.attempts, totals.recovered), (2, 5, 1));
        assert_eq!(totals.wasted.sum(), 0.15 + 0.02);
    }
}
