//! Was the load generator itself the bottleneck?
//!
//! A stage is valid if requests were sent when they were due, as long as an in-flight permit was free; if the CPU
//! quota did not hold the process back; and if no runtime was close to busy. Waiting for a permit is not the
//! client's fault: it means that the server has not finished what it was given.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use benchmark_schemas::record::{Nanos, StageFacts};
use benchmark_schemas::report::Limits;

use super::series::{Arrival, Series};
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
    pub fn of(series: &Series, facts: &StageFacts) -> Self {
        let workers = u64::from(facts.client.workers.max(1));
        let (mut errors, mut waited_for_permit) = (Vec::new(), 0);
        for worker in 0..workers.min(series.arrivals.len() as u64) {
            let cap = facts.client.in_flight_cap;
            let cap = cap / workers + u64::from(worker < cap % workers);
            let own = series.due().iter().filter(|arrival| arrival.index % workers == worker);
            waited_for_permit += send_errors(own, cap, &mut errors);
        }
        // An idle drain would dilute what happened while there was something to send.
        let length = seconds(facts.window_end - facts.window_start).min(facts.duration_seconds);
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

/// Appends |sent − scheduled| in seconds of those of a worker's `arrivals`, by scheduled instant, that found a permit
/// free; gives the number of the others.
///
/// A permit was free for a request if fewer of the worker's requests than its `cap` were due and unfinished when it
/// fell due. That does not depend on when the driver takes a permit.
fn send_errors<'a>(arrivals: impl Iterator<Item = &'a Arrival>, cap: u64, errors: &mut Vec<f64>) -> u64 {
    let mut unfinished: BinaryHeap<Reverse<Nanos>> = BinaryHeap::new();
    let mut waited = 0;
    for arrival in arrivals {
        while unfinished.peek().is_some_and(|Reverse(end)| *end <= arrival.due) {
            unfinished.pop();
        }
        if unfinished.len() as u64 >= cap {
            waited += 1;
        } else if let Some(start) = arrival.start {
            errors.push(seconds((start - arrival.due).abs()));
        }
        unfinished.push(Reverse(arrival.end));
    }
    waited
}
