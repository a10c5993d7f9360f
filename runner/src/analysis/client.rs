//! Was the load generator itself the bottleneck?
//!
//! A stage is valid if requests were sent when they were due, as long as an in-flight permit was free; if the CPU
//! quota did not hold the process back; and if no runtime was close to busy. Waiting for a permit is not the
//! client's fault: it means that the server has not finished what it was given.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use benchmark_schemas::record::{Nanos, StageFacts};
use benchmark_schemas::report::{ClientConduct, Limits, WaitQuantiles};

use super::limits::{CAUSE_SHARE, CONNECTION_WAIT_SECONDS};
use super::series::{Arrival, Series};
use crate::clock::seconds;
use crate::metrics::percentile::quantile_of;

/// What the client did in the stage of `series`.
pub fn conduct(series: &Series, facts: &StageFacts) -> ClientConduct {
    let client = &facts.client;
    let mut sending = Sending::of(series, client.in_flight_cap);
    let mut connecting: Vec<f64> = series.due().iter().filter_map(Arrival::connection_wait).collect();
    let slow = connecting.iter().filter(|wait| **wait > CONNECTION_WAIT_SECONDS).count();
    // An idle drain would dilute what happened while there was something to send.
    let length = seconds(facts.window_end.min(series.window_end) - facts.window_start);
    let throttled_seconds = client.throttled_ns.map(seconds);
    ClientConduct {
        send_error_seconds: quantiles(&mut sending.errors),
        waited_for_permit: sending.permit_waits.len() as u64 + sending.never_permitted,
        permit_wait_seconds: quantiles(&mut sending.permit_waits),
        waited_for_connection: slow as u64,
        connection_wait_seconds: quantiles(&mut connecting),
        busiest_runtime: client.busiest_runtime,
        throttled_seconds,
        throttled_share: throttled_seconds.filter(|_| length > 0.0).map(|throttled| throttled / length),
        late_bodies: client.late_bodies,
        recorder_waits: client.recorder_waits,
        little_deviation: series.little_deviation(),
        in_flight_cap: client.in_flight_cap,
        workers: client.workers,
    }
}

fn quantiles(waits: &mut [f64]) -> Option<WaitQuantiles> {
    Some(WaitQuantiles {
        p50: quantile_of(waits, 50.0)?,
        p99: quantile_of(waits, 99.0)?,
        p999: quantile_of(waits, 99.9)?,
        max: quantile_of(waits, 100.0)?,
    })
}

/// Why a stage of `scheduled` requests says nothing about the server; empty if it is valid.
pub fn faults(client: &ClientConduct, scheduled: u64, limits: &Limits) -> Vec<String> {
    let mut faults = Vec::new();
    let error = client.send_error_seconds.map(|error| error.p99);
    if let Some(error) = error.filter(|error| *error > limits.send_error_p99_seconds) {
        faults.push(format!(
            "1 % of the requests were sent more than {:.1} ms off their schedule while permits were free (limit {:.0} \
             ms){}",
            error * 1e3,
            limits.send_error_p99_seconds * 1e3,
            cause(client, scheduled)
        ));
    }
    if let Some(share) = client.throttled_share.filter(|share| *share > limits.throttled_share) {
        faults.push(format!(
            "the CPU quota held the load generator back for {:.1} % of the stage (limit {:.0} %)",
            share * 100.0,
            limits.throttled_share * 100.0
        ));
    }
    if client.busiest_runtime > limits.busiest_runtime {
        faults.push(format!(
            "the busiest runtime of the load generator worked for {:.0} % of the stage (limit {:.0} %)",
            client.busiest_runtime * 100.0,
            limits.busiest_runtime * 100.0
        ));
    }
    faults
}

/// What made requests late, where the client knows it.
fn cause(client: &ClientConduct, scheduled: u64) -> String {
    let causes = [
        (client.late_bodies, "their prompts were not ready in time"),
        (client.recorder_waits, "records could not be written fast enough"),
    ];
    let causes: Vec<String> = causes
        .into_iter()
        .filter(|(count, _)| *count as f64 > CAUSE_SHARE * scheduled as f64)
        .map(|(count, what)| format!("{what} ({count} requests)"))
        .collect();
    if causes.is_empty() { String::new() } else { format!(": {}", causes.join(", ")) }
}

/// How the requests of a stage went from being due to being sent.
struct Sending {
    /// |start − scheduled| of those that found a permit free, seconds.
    errors: Vec<f64>,
    /// Permit − scheduled of the others, seconds.
    permit_waits: Vec<f64>,
    /// How many of the others never had one.
    never_permitted: u64,
}

impl Sending {
    /// A permit was free for a request if fewer than `cap` earlier ones were unfinished when it fell due. That does not
    /// depend on when the driver takes a permit.
    fn of(series: &Series, cap: u64) -> Self {
        let mut sending = Self { errors: Vec::new(), permit_waits: Vec::new(), never_permitted: 0 };
        let mut unfinished: BinaryHeap<Reverse<Nanos>> = BinaryHeap::new();
        for arrival in series.due() {
            while unfinished.peek().is_some_and(|Reverse(end)| *end <= arrival.due) {
                unfinished.pop();
            }
            if (unfinished.len() as u64) < cap {
                sending.errors.extend(arrival.send_error());
            } else if let Some(permitted) = arrival.permitted() {
                sending.permit_waits.push(seconds(permitted - arrival.due));
            } else {
                sending.never_permitted += 1;
            }
            unfinished.push(Reverse(arrival.end));
        }
        sending
    }
}
