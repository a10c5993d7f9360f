//! Closed loops, in which the server sets the pace, and arrivals whose number fixes no duration.

use benchmark_schemas::record::{ClientFacts, Pacing, SpoolEntry, StageFacts, StageStatus};
use benchmark_schemas::report::{Capacity, Verdict};

use super::capacity;
use super::queue::{Queue, Service, nanos};
use crate::metrics::MetricOptions;

/// 400 requests, `concurrency` at a time, against 14 slots of one second each.
fn closed_loop(concurrency: usize, change: impl Fn(&mut StageFacts)) -> Capacity {
    let queue = Queue { in_flight_cap: concurrency, ..Queue::new(14, Service::Deterministic, 1.0) };
    let mut entries = queue.run(&[400.0], 1);
    for entry in &mut entries {
        if let SpoolEntry::Stage(facts) = entry {
            facts.concurrency = Some(concurrency as u64);
            change(facts);
        }
    }
    let Ok(found) = capacity(&entries, &MetricOptions::default());
    found
}

#[test]
fn a_closed_loop_is_measured_but_bounds_nothing() {
    for (concurrency, rate) in [(7, 7.0), (50, 14.0)] {
        let found = closed_loop(concurrency, |_| {});
        let stage = &found.stages[0];
        assert_eq!(stage.verdict, Verdict::Undecided, "{:?}", stage.reasons);
        assert_eq!((found.saturation.bracket, found.knee.bracket), ([None, None], [None, None]));
        assert_eq!((found.knee.baseline_stage, found.notes.len()), (None, 0));
        assert_eq!((stage.offered_rate, stage.concurrency), (None, Some(concurrency as u64)));
        assert_eq!((stage.backlog_growth, stage.backlog_growth_interval), (None, None));
        // Until the last answer, not for the one second within which all fell due.
        assert!((stage.completed_rate - rate).abs() < 0.03 * rate, "{}", stage.completed_rate);
        assert_eq!(stage.achieved_rate, stage.completed_rate);
        let sentence = format!(
            "with {concurrency} requests in flight it completed {:.2} requests/s",
            stage.completed_rate
        );
        assert!(stage.reasons[0].ends_with(&sentence), "{:?}", stage.reasons);
        // Latencies are those of the server: 0.1 s to the first token, and before it the queue at the server, which
        // moves in steps of a second; the wait for a permit would be dozens of seconds.
        let ttft = stage.time_to_first_token.expect("streamed");
        let waiting = concurrency as f64 / rate - 1.0;
        assert!((ttft.p50 - 0.1 - waiting).abs() < 0.5, "{} {waiting}", ttft.p50);
        assert_eq!(ttft.p95_ratio, None);
        // Waiting for a permit is what a closed loop does.
        assert_eq!((stage.client.waited_for_permit, stage.client.permit_wait_seconds), (0, None));
        assert!(stage.client.send_error_seconds.is_some_and(|error| error.max < 0.001));
    }
}

#[test]
fn a_busy_client_in_a_closed_loop_is_told() {
    let found = closed_loop(7, |facts| {
        facts.client = ClientFacts { busiest_runtime: 0.9, ..facts.client };
    });
    assert_eq!(found.stages[0].verdict, Verdict::InvalidClient);
    assert!(found.stages[0].reasons[0].contains("the busiest runtime of the load generator worked for 90 %"));
}

#[test]
fn stages_that_were_broken_off_say_how() {
    for (status, reason) in [
        (StageStatus::Stopped, "the stage was stopped before its end"),
        (StageStatus::TimedOut, "the stage reached its time limit before its end"),
    ] {
        let found = closed_loop(7, |facts| {
            facts.status = status;
            facts.window_end = facts.window_start + nanos(30.0);
        });
        assert_eq!(found.stages[0].reasons[1], reason);
        assert_eq!(found.stages[0].window_seconds, 30.0);
        let mut open = Queue::new(14, Service::Deterministic, 60.0).run(&[5.0], 1);
        for entry in &mut open {
            if let SpoolEntry::Stage(facts) = entry {
                facts.status = status;
            }
        }
        let Ok(found) = capacity(&open, &MetricOptions::default());
        assert_eq!(found.stages[0].verdict, Verdict::Undecided);
        assert!(found.stages[0].reasons.iter().any(|found| found == reason), "{:?}", found.stages[0].reasons);
    }
}

/// Poisson arrivals are done when the last has come, be it before or after the nominal end.
#[test]
fn the_window_of_poisson_arrivals_ends_with_the_last() {
    for pacing in [Pacing::Poisson, Pacing::Gamma { burstiness: 0.5 }] {
        for realised in [50.0, 72.0] {
            // 600 requests within the realised time, of a stage that was meant to last a minute.
            let mut entries = Queue::new(40, Service::Deterministic, realised).run(&[600.0 / realised], 1);
            for entry in &mut entries {
                if let SpoolEntry::Stage(facts) = entry {
                    (facts.pacing, facts.rate, facts.duration_seconds) = (pacing, 10.0, 60.0);
                }
            }
            let Ok(found) = capacity(&entries, &MetricOptions::default());
            let stage = &found.stages[0];
            assert!((stage.window_seconds - realised).abs() < 1e-6, "{}", stage.window_seconds);
            let offered = stage.offered_rate.expect("a schedule");
            assert!((offered * realised - 600.0).abs() <= 1.0, "{offered}");
            assert_eq!(stage.configured_rate, 10.0);
            assert_eq!(stage.verdict, Verdict::Sustained, "{:?}", stage.reasons);
            assert_eq!(found.saturation.bracket, [Some(offered), None]);
        }
    }
}
