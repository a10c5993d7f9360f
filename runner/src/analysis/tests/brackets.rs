//! Brackets contain the truth, over seeds and laws, and false alarms are rare.

use benchmark_schemas::record::Pacing;
use benchmark_schemas::report::{Bracket, Capacity, Verdict};

use super::capacity;
use super::queue::{Queue, Service};
use crate::analysis::limits::LIMITS;
use crate::metrics::MetricOptions;

pub(super) fn judged(queue: &Queue, rates: &[f64], seed: u64) -> Capacity {
    let Ok(capacity) = capacity(&queue.run(rates, seed), &MetricOptions::default());
    capacity
}

fn contains(bracket: Bracket, truth: f64) -> bool {
    bracket[0].is_none_or(|lower| lower < truth) && bracket[1].is_none_or(|upper| truth <= upper)
}

#[test]
fn saturation_bracket_contains_the_capacity() {
    for service in [Service::Deterministic, Service::Exponential] {
        for pacing in [Pacing::Even, Pacing::ScaledExponential] {
            let queue = Queue { pacing, ..Queue::new(14, service, 60.0) };
            for seed in 0..5 {
                let found = judged(&queue, &[5.0, 10.0, 20.0, 40.0], seed);
                let context = format!("{service:?} {pacing:?} seed {seed}: {found:#?}");
                assert!(contains(found.saturation.bracket, queue.capacity()), "{context}");
                assert_eq!(found.saturation.bracket, [Some(10.0), Some(20.0)], "{context}");
                // Requests may queue at 10/s already, if they do not arrive evenly.
                if (service, pacing) == (Service::Deterministic, Pacing::Even) {
                    assert_eq!(found.knee.bracket, [Some(10.0), Some(20.0)], "{context}");
                } else {
                    assert!(found.knee.bracket[1].is_some_and(|upper| upper <= 20.0), "{context}");
                }
            }
        }
    }
}

#[test]
fn brackets_are_never_wrong_when_a_rate_is_close_to_the_capacity() {
    let mut decided = 0;
    for seed in 0..16_u32 {
        // The third rate lies 4 % below to 4 % above the capacity.
        let close = 16.0 * (0.96 + 0.08 * f64::from(seed) / 15.0);
        let found =
            judged(&Queue::new(16, Service::Deterministic, 60.0), &[4.0, 8.0, close, 32.0], seed.into());
        // Overload below the limit of growth counts as none.
        let [lower, upper] = found.saturation.bracket;
        assert!(
            contains([lower.map(|lower| lower * (1.0 - LIMITS.backlog_growth)), upper], 16.0),
            "{close}: {found:#?}"
        );
        decided += u32::from(found.saturation.bracket[0].is_some() && found.saturation.bracket[1].is_some());
    }
    assert_eq!(decided, 16);
}

#[test]
fn false_alarms_are_rare_and_overload_is_found() {
    let queue = Queue::new(32, Service::Exponential, 60.0);
    let saturated = |load: f64| -> usize {
        (0..40)
            .filter(|seed| {
                let found = judged(&queue, &[load * queue.capacity()], *seed);
                found.stages[0].verdict == Verdict::Saturated
            })
            .count()
    };
    assert!(saturated(0.95) <= 2);
    assert!(saturated(0.7) == 0);
    assert!(saturated(1.4) == 40);
}

#[test]
fn recommended_range_is_a_share_of_the_knees_lower_end() {
    let queue = Queue { pacing: Pacing::Even, ..Queue::new(14, Service::Deterministic, 60.0) };
    let found = judged(&queue, &[5.0, 10.0, 20.0], 1);
    assert_eq!(found.knee.bracket, [Some(10.0), Some(20.0)]);
    assert_eq!(found.knee.recommended, Some([7.0, 8.0]));
    assert_eq!(found.knee.baseline_stage, Some(0));
}

#[test]
fn both_ends_may_be_missing() {
    let queue = Queue::new(14, Service::Deterministic, 60.0);
    let easy = judged(&queue, &[2.0, 4.0], 1);
    assert_eq!(easy.saturation.bracket, [Some(4.0), None]);
    assert_eq!(easy.knee.bracket, [Some(4.0), None]);
    let hard = judged(&queue, &[20.0, 40.0], 1);
    assert_eq!(hard.saturation.bracket, [None, Some(20.0)]);
    assert_eq!(hard.knee.bracket, [None, Some(20.0)]);
    assert_eq!((hard.knee.recommended, hard.knee.baseline_stage), (None, None));
    let short = judged(&Queue::new(14, Service::Deterministic, 5.0), &[2.0, 4.0], 1);
    assert_eq!(short.saturation.bracket, [None, None]);
    assert!(short.stages.iter().all(|stage| stage.verdict == Verdict::Undecided));
}

#[test]
fn the_order_of_the_stages_does_not_matter() {
    let queue = Queue::new(14, Service::Deterministic, 60.0);
    let found = judged(&queue, &[40.0, 5.0, 20.0, 10.0], 3);
    assert_eq!(found.saturation.bracket, [Some(10.0), Some(20.0)]);
    assert_eq!(found.knee.baseline_stage, Some(1));
}
