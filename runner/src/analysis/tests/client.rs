//! A client that was the bottleneck says nothing about the server, and a full server is not the client's fault.

use benchmark_schemas::record::ClientFacts;
use benchmark_schemas::report::Verdict;

use super::brackets::judged;
use super::queue::{Queue, Service};

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
    assert_eq!(found.stages[0].throttled_share, None);
}

#[test]
fn a_full_cap_behind_a_slow_server_is_saturation() {
    let capped = Queue { in_flight_cap: 20, ..queue() };
    let found = judged(&capped, &[10.0, 20.0], 1);
    let stage = &found.stages[1];
    assert_eq!(stage.verdict, Verdict::Saturated, "{}", reasons(&found));
    assert!(stage.waited_for_permit > 500, "{}", stage.waited_for_permit);
    // Those that found a permit free were sent in time, and the rate of sending fell behind.
    assert!(stage.send_error_p99_seconds.is_some_and(|error| error < 0.001));
    assert!(stage.achieved_rate < 15.0 && stage.offered_rate == 20.0);
    assert_eq!(found.saturation.bracket, [Some(10.0), Some(20.0)]);
    assert!(reasons(&found).contains("all 20 in-flight permits were taken"));
}

#[test]
fn permits_of_one_worker_may_be_taken_while_another_has_some_left() {
    let client = ClientFacts { workers: 8, ..queue().client };
    // Eight workers with three permits each: together more than the server has slots.
    let capped = Queue { in_flight_cap: 3, client, service: Service::Exponential, ..queue() };
    for seed in 0..5 {
        let found = judged(&capped, &[13.0, 20.0], seed);
        let verdicts: Vec<Verdict> = found.stages.iter().map(|stage| stage.verdict).collect();
        assert!(!verdicts.contains(&Verdict::InvalidClient), "seed {seed}: {}", reasons(&found));
        assert_eq!(verdicts[1], Verdict::Saturated, "seed {seed}: {}", reasons(&found));
        assert_eq!(found.stages[1].in_flight_cap, 24);
    }
}
