//! Errors, latencies, time-outs, stopped and short stages.

use benchmark_schemas::record::{Outcome, SpoolEntry, StageStatus};
use benchmark_schemas::report::Verdict;

use super::brackets::judged;
use super::capacity;
use super::queue::{Queue, Service, nanos};
use crate::analysis::limits::LIMITS;
use crate::metrics::MetricOptions;

fn queue() -> Queue {
    Queue::new(14, Service::Deterministic, 60.0)
}

#[test]
fn refused_requests_degrade_a_stage_and_do_not_saturate_it() {
    let found = judged(&Queue { refused: 0.05, ..queue() }, &[10.0], 1);
    let stage = &found.stages[0];
    assert_eq!(stage.verdict, Verdict::Degraded, "{:?}", stage.reasons);
    assert_eq!((found.saturation.bracket, found.knee.bracket), ([Some(10.0), None], [None, Some(10.0)]));
    assert!(stage.error_rate_lower.is_some_and(|lower| lower > LIMITS.error_rate));
}

#[test]
fn a_few_failures_leave_the_verdict_open() {
    let mut entries = queue().run(&[5.0], 1);
    for entry in entries.iter_mut().filter(|entry| matches!(entry, SpoolEntry::Request(_))).take(5) {
        if let SpoolEntry::Request(record) = entry {
            record.outcome = Outcome::Failure(benchmark_schemas::record::Failure {
                error_type: "HTTP Error 500".to_owned(),
                message: String::new(),
            });
        }
    }
    let Ok(found) = capacity(&entries, &MetricOptions::default());
    assert_eq!(found.stages[0].verdict, Verdict::Undecided, "{:?}", found.stages[0].reasons);
    assert_eq!((found.saturation.bracket, found.knee.bracket), ([Some(5.0), None], [None, None]));
}

#[test]
fn long_waits_below_capacity_degrade_a_stage() {
    // At 97 % of capacity of a single fast slot, requests queue for many service times.
    let queue = Queue { service_seconds: 0.01, ..Queue::new(1, Service::Exponential, 120.0) };
    let degraded = (0..8)
        .filter(|seed| {
            let stage = &judged(&queue, &[20.0, 94.0], *seed).stages[1];
            assert_ne!(stage.verdict, Verdict::Sustained, "seed {seed}: {:?}", stage.reasons);
            assert_ne!(stage.verdict, Verdict::Saturated, "seed {seed}: {:?}", stage.reasons);
            stage.verdict == Verdict::Degraded
        })
        .count();
    assert!(degraded >= 7, "{degraded}");
}

#[test]
fn requests_that_timed_out_stay_in_the_backlog() {
    let queue = Queue { timeout_seconds: 5.0, ..queue() };
    let found = judged(&queue, &[10.0, 28.0], 1);
    assert_eq!(found.stages[1].verdict, Verdict::Saturated, "{:?}", found.stages[1].reasons);
    assert_eq!(found.saturation.bracket, [Some(10.0), Some(28.0)]);
}

#[test]
fn too_few_requests_and_too_short_stages_are_undecided() {
    let few = judged(&Queue::new(14, Service::Deterministic, 10.0), &[5.0], 1);
    assert_eq!(few.stages[0].verdict, Verdict::Undecided);
    assert!(few.stages[0].reasons[0].contains("requests fell due after the initial fill, 60 are needed"));
    let slow = Queue { service_seconds: 40.0, ..Queue::new(1000, Service::Deterministic, 60.0) };
    let short = judged(&slow, &[20.0], 1);
    assert_eq!(short.stages[0].verdict, Verdict::Undecided);
    assert!(short.stages[0].reasons[0].contains("too long for this stage"), "{:?}", short.stages[0].reasons);
}

#[test]
fn a_stopped_stage_may_be_saturated_but_not_sustained() {
    let stopped = |rate: f64| {
        let mut entries = queue().run(&[rate], 1);
        let stop = nanos(40.0);
        for entry in &mut entries {
            match entry {
                SpoolEntry::Request(record) if record.due > stop => {
                    (record.outcome, record.start, record.end) = (Outcome::NotDispatched, None, stop);
                }
                SpoolEntry::Request(record) if record.end > stop => {
                    (record.outcome, record.end) = (Outcome::Cancelled, stop);
                }
                SpoolEntry::Stage(facts) => (facts.status, facts.window_end) = (StageStatus::Stopped, stop),
                _ => {}
            }
        }
        let Ok(found) = capacity(&entries, &MetricOptions::default());
        found
    };
    let (easy, hard) = (stopped(8.0), stopped(30.0));
    assert_eq!(easy.stages[0].verdict, Verdict::Undecided, "{:?}", easy.stages[0].reasons);
    assert_eq!(easy.saturation.bracket, [None, None]);
    assert_eq!(easy.stages[0].window_seconds, 40.0);
    assert!(easy.stages[0].not_dispatched > 0 && easy.stages[0].cancelled > 0);
    assert_eq!(hard.stages[0].verdict, Verdict::Saturated, "{:?}", hard.stages[0].reasons);
}

#[test]
fn a_stage_that_was_cut_off_is_only_noted() {
    let mut entries = queue().run(&[5.0, 10.0], 1);
    let last_stage = entries.iter().rposition(|entry| matches!(entry, SpoolEntry::Stage(_)));
    entries.truncate(last_stage.expect("two stages"));
    let Ok(found) = capacity(&entries, &MetricOptions::default());
    assert_eq!(found.stages.len(), 1);
    assert!(found.interrupted);
    assert_eq!(found.notes, ["stage 1 has no verdict: the run was cut off within it"]);
}

#[test]
fn a_good_stage_above_a_bad_one_is_noted_and_moves_nothing() {
    let slow = Queue { service_seconds: 4.0, ..queue() };
    let mut mixed = slow.run(&[6.0], 1);
    mixed.pop();
    mixed.extend(queue().run(&[9.0], 2).into_iter().skip(1).map(|entry| match entry {
        SpoolEntry::Request(mut record) => {
            record.stage = 1;
            SpoolEntry::Request(record)
        }
        SpoolEntry::Stage(mut facts) => {
            facts.stage = 1;
            SpoolEntry::Stage(facts)
        }
        other => other,
    }));
    let Ok(found) = capacity(&mixed, &MetricOptions::default());
    assert_eq!(found.saturation.bracket, [None, Some(6.0)]);
    assert!(
        found.notes[0].starts_with("saturation: stage 1 was good at 9.00 requests/s"),
        "{:?}",
        found.notes
    );
}
