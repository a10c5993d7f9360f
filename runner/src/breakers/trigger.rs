//! What opens a breaker, as it counts along.

use std::collections::VecDeque;

use benchmark_schemas::config::Trigger;
use benchmark_schemas::record::Nanos;

use crate::clock::nanos_from_seconds;

/// A trigger and what it has seen.
#[derive(Debug, Clone)]
pub(super) enum TriggerState {
    /// So many hits in a row.
    Consecutive { threshold: u64, hits: u64 },
    /// A share of hits within a window of time.
    Rate { window: Nanos, threshold: f64, min_samples: u64, samples: VecDeque<(Nanos, bool)>, hits: u64 },
}

impl TriggerState {
    pub(super) fn new(trigger: &Trigger) -> Self {
        match *trigger {
            Trigger::Consecutive { threshold } => Self::Consecutive { threshold, hits: 0 },
            Trigger::RateOverWindow { window_sec, threshold, min_samples } => Self::Rate {
                window: nanos_from_seconds(window_sec),
                threshold,
                min_samples,
                samples: VecDeque::new(),
                hits: 0,
            },
        }
    }

    /// Counts a request that ended at `at`; true if the condition holds now.
    ///
    /// Several recorders show requests, so their ends may be a little out of order: the window ends with the latest.
    pub(super) fn fires(&mut self, hit: bool, at: Nanos) -> bool {
        match self {
            Self::Consecutive { threshold, hits } => {
                *hits = if hit { *hits + 1 } else { 0 };
                *hits >= *threshold
            }
            Self::Rate { window, threshold, min_samples, samples, hits } => {
                let latest = samples.back().map_or(at, |(latest, _)| (*latest).max(at));
                samples.push_back((latest, hit));
                *hits += u64::from(hit);
                while let Some((_, was_hit)) =
                    samples.pop_front_if(|(at, _)| *at < latest.saturating_sub(*window))
                {
                    *hits -= u64::from(was_hit);
                }
                let count = samples.len() as u64;
                count >= *min_samples && *hits as f64 >= *threshold * count as f64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Nanos = 1_000_000_000;

    fn fires(trigger: &Trigger, shown: &[(i64, bool)]) -> Vec<bool> {
        let mut state = TriggerState::new(trigger);
        shown.iter().map(|&(second, hit)| state.fires(hit, second * S)).collect()
    }

    #[test]
    fn hits_in_a_row() {
        let trigger = Trigger::Consecutive { threshold: 2 };
        let shown = [(0, true), (1, false), (2, true), (3, true), (4, true)];
        assert_eq!(fires(&trigger, &shown), [false, false, false, true, true]);
    }

    #[test]
    fn share_of_hits_in_a_window() {
        let trigger = Trigger::RateOverWindow { window_sec: 10.0, threshold: 0.5, min_samples: 3 };
        let shown = [(0, true), (1, true), (2, false), (11, false), (12, false), (13, true), (13, true)];
        // At 11 s the sample of 1 s is the oldest of three, one of them a hit; in the end it is that of 11 s, of four.
        assert_eq!(fires(&trigger, &shown), [false, false, true, false, false, false, true]);
        let late = [(20, true), (5, true), (20, false)];
        assert_eq!(fires(&trigger, &late), [false, false, true], "out of order, but not forgotten");
    }

    #[test]
    fn without_a_threshold_or_a_least_number_the_first_one_fires() {
        let trigger = Trigger::RateOverWindow { window_sec: 1.0, threshold: 0.0, min_samples: 0 };
        assert_eq!(fires(&trigger, &[(0, false)]), [true]);
        let trigger = Trigger::RateOverWindow { window_sec: 1.0, threshold: 1.0, min_samples: 0 };
        assert_eq!(fires(&trigger, &[(0, false), (0, true)]), [false, false]);
        assert_eq!(fires(&trigger, &[(0, true)]), [true]);
    }
}
