//! A client that was the bottleneck says nothing about the server, and a full server is not the client's fault.

use benchmark_schemas::record::{ClientFacts, Outcome, Retries, SpoolEntry};
use benchmark_schemas::report::Verdict;

use super::brackets::judged;
use super::capacity;
use super::queue::{Queue, Service};
use crate::metrics::MetricOptions;
use crate::metrics::source::tests::{MS, S};

fn queue() -> Queue {
    Queue::new(14, Service::Deterministic, 60.0)
}

fn reasons(found: &benchmark_schemas::report::Capacity) -> String {
    found.stages.iter().flat_map(|stage| stage.reasons.clone()).collect::<Vec<_>>().join("\n")
}

#[test]
fn late_sending_makes_a_stage_invalid() {
    let late = Queue { send_error_seconds: 0.006, ..queue() };
    let found = judged(&late, &[5.0, 10.0, 20.0], 1);
    // Stage 2 too: the requests that found a permit free were late.
    assert!(found.stages.iter().all(|stage| stage.verdict == Verdict::InvalidClient), "{}", reasons(&found));
    assert_eq!((found.saturation.bracket, found.knee.bracket), ([None, None], [None, None]));
    assert!(reasons(&found).contains("1 % of the requests were sent more than 6.0 ms off their schedule"));
    let in_time = Queue { send_error_seconds: 0.004, ..queue() };
    assert_eq!(judged(&in_time, &[3.0, 6.0], 1).stages[1].verdict, Verdict::Sustained);
}

#[test]
fn throttling_and_a_busy_runtime_make_a_stage_invalid() {
    for (client, reason) in [
        (
            ClientFacts { busiest_runtime: 0.51, ..queue().client },
            "the busiest runtime of the load generator worked",
        ),
        (ClientFacts { throttled_ns: Some(2_000_000_000), ..queue().client }, "the CPU quota held"),
    ] {
        let found = judged(&Queue { client, ..queue() }, &[5.0], 1);
        assert_eq!(found.stages[0].verdict, Verdict::InvalidClient);
        assert!(reasons(&found).contains(reason), "{}", reasons(&found));
    }
    let unknown = ClientFacts { throttled_ns: None, ..queue().client };
    let found = judged(&Queue { client: unknown, ..queue() }, &[5.0], 1);
    assert_eq!(found.stages[0].verdict, Verdict::Sustained);
    assert_eq!(found.stages[0].client.throttled_share, None);
}

#[test]
fn a_full_cap_behind_a_slow_server_is_saturation() {
    let capped = Queue { in_flight_cap: 20, ..queue() };
    let found = judged(&capped, &[10.0, 20.0], 1);
    let stage = &found.stages[1];
    assert_eq!(stage.verdict, Verdict::Saturated, "{}", reasons(&found));
    assert!(stage.client.waited_for_permit > 500, "{}", stage.client.waited_for_permit);
    // Those that found a permit free were sent in time, and the rate of sending fell behind.
    assert!(stage.client.send_error_seconds.is_some_and(|error| error.p99 < 0.001));
    assert!(stage.achieved_rate < 15.0 && stage.offered_rate == Some(20.0));
    assert_eq!(found.saturation.bracket, [Some(10.0), Some(20.0)]);
    assert!(reasons(&found).contains("all 20 in-flight permits were taken"));
}

#[test]
fn waits_for_permits_are_measured_from_the_due_instant() {
    let mut entries =
        Queue { in_flight_cap: 1, ..Queue::new(1, Service::Deterministic, 10.0) }.run(&[1.0], 1);
    // Four requests at once: one second each, one at a time. The last is stopped while it waits.
    let (mut index, stop) = (0, 2 * S + S / 2);
    entries.retain(|entry| !matches!(entry, SpoolEntry::Request(record) if record.index >= 4));
    for entry in &mut entries {
        if let SpoolEntry::Request(record) = entry {
            (record.due, record.permitted) = (0, Some(index * S));
            (record.start, record.end) = (Some(index * S + MS), (index + 1) * S);
            if index == 3 {
                (record.permitted, record.start, record.end) = (None, None, stop);
                record.outcome = Outcome::NotDispatched;
            }
            index += 1;
        }
    }
    let Ok(found) = capacity(&entries, &MetricOptions::default());
    let client = &found.stages[0].client;
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    assert_eq!(client.waited_for_permit, 3);
    let waits = client.permit_wait_seconds.expect("two had to wait and were let through");
    close(waits.p50, 1.5);
    close(waits.p99, 1.99);
    close(waits.max, 2.0);
    let errors = client.send_error_seconds.expect("the first found it free");
    assert_eq!((errors.p50, errors.p99, errors.p999, errors.max), (0.001, 0.001, 0.001, 0.001));
}

#[test]
fn waits_for_connections_are_of_the_last_attempt() {
    let mut entries = queue().run(&[5.0], 1);
    for entry in &mut entries {
        if let SpoolEntry::Request(record) = entry {
            let start = record.start.expect("sent");
            record.connected = Some(start + MS / 2);
            match record.index {
                0 => record.connected = Some(start + 3 * MS),
                1 => {
                    record.retries = Some(Retries { count: 1, last_start: start + 10 * MS });
                    record.connected = Some(start + 12 * MS);
                }
                2 => record.connected = None,
                _ => {}
            }
        }
    }
    let Ok(found) = capacity(&entries, &MetricOptions::default());
    let client = &found.stages[0].client;
    assert_eq!(client.waited_for_connection, 2);
    let waits = client.connection_wait_seconds.expect("waits");
    assert_eq!((waits.p50, waits.max), (0.0005, 0.003));
}

#[test]
fn late_prompts_and_slow_records_are_named_as_the_cause() {
    let late = |client: ClientFacts| {
        reasons(&judged(&Queue { send_error_seconds: 0.006, client, ..queue() }, &[5.0], 1))
    };
    let nothing = late(queue().client);
    assert!(nothing.ends_with("(limit 5 ms)"), "{nothing}");
    let few = late(ClientFacts { late_bodies: 3, recorder_waits: 3, ..queue().client });
    assert_eq!(few, nothing, "1 % of 300 requests is no cause");
    let both = late(ClientFacts { late_bodies: 4, recorder_waits: 30, ..queue().client });
    assert!(
        both.ends_with(
            ": their prompts were not ready in time (4 requests), records could not be written fast enough (30 requests)"
        ),
        "{both}"
    );
    let in_time = ClientFacts { late_bodies: 200, ..queue().client };
    let found = judged(&Queue { client: in_time, ..queue() }, &[5.0], 1);
    assert_eq!(found.stages[0].verdict, Verdict::Sustained, "late, but not by much: {}", reasons(&found));
    assert_eq!(found.stages[0].client.late_bodies, 200);
}
