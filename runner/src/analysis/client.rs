//! Was the load generator itself the bottleneck?
//!
//! A stage is valid if requests were sent when they were due, as long as an in-flight permit was free; if the CPU
//! quota did not hold the process back; and if no runtime was close to busy. Waiting for a permit is not the
//! client's fault: it means that the server has not finished what it was given.

use benchmark_schemas::record::StageFacts;
use benchmark_schemas::report::Limits;

use super::series::{Fate, Series};
use crate::metrics::percentile::quantile_of;
use crate::metrics::request::seconds;

/// What the client did in a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClientEvidence {
    /// 99th percentile of |sent − scheduled|, seconds, over requests that found a permit free; `None` without any.
    pub send_error_p99_seconds: Option<f64>,
    /// Share of the stage for which the CPU quota held the process back, if the system says.
    pub throttled_share: Option<f64>,
    /// Share of the stage that the busiest runtime worked.
    pub busiest_runtime: f64,
    /// Requests that fell due while every permit was taken.
    pub waited_for_permit: u64,
}

impl ClientEvidence {
    /// The evidence of a stage.
    ///
    /// Permits were free for a request if fewer requests than there are permits were due and unfinished when it
    /// fell due. That does not depend on when the driver takes a permit.
    pub fn of(series: &Series, facts: &StageFacts) -> Self {
        let mut ends: Vec<i64> = series
            .arrivals
            .iter()
            .filter(|arrival| arrival.fate != Fate::NotDispatched)
            .map(|arrival| arrival.end)
            .collect();
        ends.sort_unstable();
        let (mut ended, mut waited_for_permit) = (0_usize, 0_u64);
        let mut errors = Vec::new();
        for (earlier, arrival) in series.due().iter().enumerate() {
            while ends.get(ended).is_some_and(|end| *end <= arrival.due) {
                ended += 1;
            }
            if earlier.saturating_sub(ended) as u64 >= facts.client.in_flight_cap {
                waited_for_permit += 1;
            } else if let Some(start) = arrival.start {
                errors.push(seconds((start - arrival.due).abs()));
            }
        }
        let length = seconds(facts.window_end - facts.window_start);
        Self {
            send_error_p99_seconds: quantile_of(&mut errors, 99.0),
            throttled_share: facts
                .client
                .throttled_ns
                .filter(|_| length > 0.0)
                .map(|throttled| seconds(throttled) / length),
            busiest_runtime: facts.client.busiest_runtime,
            waited_for_permit,
        }
    }

    /// Why the stage says nothing about the server; empty if it is valid.
    pub fn faults(&self, limits: &Limits) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(error) =
            self.send_error_p99_seconds.filter(|error| *error > limits.send_error_p99_seconds)
        {
            faults.push(format!(
                "1 % of the requests were sent more than {:.1} ms off their schedule while permits were free \
                 (limit {:.0} ms)",
                error * 1e3,
                limits.send_error_p99_seconds * 1e3
            ));
        }
        if let Some(share) = self.throttled_share.filter(|share| *share > limits.throttled_share) {
            faults.push(format!(
                "the CPU quota held the load generator back for {:.1} % of the stage (limit {:.0} %)",
                share * 100.0,
                limits.throttled_share * 100.0
            ));
        }
        if self.busiest_runtime > limits.busiest_runtime {
            faults.push(format!(
                "the busiest runtime of the load generator worked for {:.0} % of the stage (limit {:.0} %)",
                self.busiest_runtime * 100.0,
                limits.busiest_runtime * 100.0
            ));
        }
        faults
    }
}
