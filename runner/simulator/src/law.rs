//! The model's arithmetic: service times, and the capacity that follows from them.
//!
//! Pure functions of parameters and lengths; no clock, no queue. The engine and the formula for the capacity use
//! the same functions, so they cannot disagree.

use crate::config::ModelParameters;
use crate::time::Nanos;

/// Service times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceTimes {
    prefill_base: f64,
    prefill_per_token: f64,
    step_base: f64,
    step_per_sequence: f64,
    prefill_deviation: f64,
    step_deviation: f64,
}

/// Farthest that a time with a standard deviation lies from its mean, as a share of it.
const FARTHEST: f64 = 0.7;

impl ServiceTimes {
    /// The times that `parameters` set.
    #[must_use]
    pub fn new(parameters: &ModelParameters) -> Self {
        Self {
            prefill_base: parameters.prefill_base_ms * 1e6,
            prefill_per_token: parameters.prefill_per_token_us * 1e3,
            step_base: parameters.decode_base_ms * 1e6,
            step_per_sequence: parameters.decode_per_running_sequence_us * 1e3,
            prefill_deviation: parameters.prefill_std_dev_ms * 1e6,
            step_deviation: parameters.decode_std_dev_ms * 1e6,
        }
    }

    /// Times vary by more than a factor, so that a draw is needed for each.
    #[must_use]
    pub fn are_drawn(&self) -> bool {
        self.prefill_deviation > 0.0 || self.step_deviation > 0.0
    }

    /// From the grant of a slot to the first token of a request with `input_tokens`, stretched by `factor`, `draw`
    /// standard deviations from the mean.
    #[must_use]
    pub fn prefill(&self, input_tokens: u32, factor: f64, draw: f64) -> Nanos {
        let mean = self.prefill_mean(f64::from(input_tokens));
        to_nanos(varied(mean, self.prefill_deviation, draw) * factor)
    }

    /// From one token to the next while `running` sequences hold a slot, stretched and varied likewise.
    #[must_use]
    pub fn step(&self, running: u32, factor: f64, draw: f64) -> Nanos {
        to_nanos(varied(self.step_mean(running), self.step_deviation, draw) * factor)
    }

    fn prefill_mean(&self, input_tokens: f64) -> f64 {
        self.prefill_base + self.prefill_per_token * input_tokens
    }

    fn step_mean(&self, running: u32) -> f64 {
        self.step_base + self.step_per_sequence * f64::from(running)
    }

    fn service_seconds(&self, running: u32, input_tokens: f64, output_tokens: f64) -> f64 {
        let steps = (output_tokens - 1.0).max(0.0);
        (self.prefill_mean(input_tokens) + steps * self.step_mean(running)) / 1e9
    }
}

/// `draw` deviations from the mean, within its limits.
fn varied(mean: f64, deviation: f64, draw: f64) -> f64 {
    mean + (deviation * draw).clamp(-FARTHEST * mean, FARTHEST * mean)
}

/// Rounds to whole nanoseconds; the parameters' limits keep products within range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and times are not negative"
)]
fn to_nanos(nanos: f64) -> Nanos {
    nanos.round() as Nanos
}

/// Requests/s that the server completes when its queue is never empty, for requests of the given mean lengths in
/// tokens (answers of at least one token).
///
/// A slot is then busy all the time and serves one request after another, so each completes
/// `1 / E[service time]` requests/s and the server `slots` times that:
///
/// ```text
/// capacity = slots / E[S]
/// S(in, out) = prefill_base + prefill_per_token·in + (out − 1)·(decode_base + decode_per_running_sequence·slots)
/// ```
///
/// The first token comes at the end of the prefill, hence `out − 1` steps; all slots run, hence `slots` sequences a
/// step. `S` is linear in both lengths, so their means are enough. The exponential law multiplies `S` by an
/// independent factor of mean 1 and leaves `E[S]` as it is. Infinite if all times are zero.
#[must_use]
pub fn capacity(parameters: &ModelParameters, mean_input_tokens: f64, mean_output_tokens: f64) -> f64 {
    let seconds = ServiceTimes::new(parameters).service_seconds(
        parameters.slots,
        mean_input_tokens,
        mean_output_tokens,
    );
    f64::from(parameters.slots) / seconds
}

/// The same as [`capacity`], averaged exactly over requests of the given `(input, output)` lengths in tokens.
/// `None` if there are none.
#[must_use]
pub fn capacity_for_lengths(parameters: &ModelParameters, lengths: &[(u32, u32)]) -> Option<f64> {
    if lengths.is_empty() {
        return None;
    }
    let times = ServiceTimes::new(parameters);
    let total: f64 = lengths
        .iter()
        .map(|&(input, output)| times.service_seconds(parameters.slots, f64::from(input), f64::from(output)))
        .sum();
    Some(f64::from(parameters.slots) * lengths.len() as f64 / total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parameters() -> ModelParameters {
        ModelParameters {
            slots: 4,
            prefill_base_ms: 10.0,
            prefill_per_token_us: 100.0,
            decode_base_ms: 5.0,
            decode_per_running_sequence_us: 250.0,
            ..ModelParameters::default()
        }
    }

    #[test]
    fn capacity_is_slots_over_service_time() {
        // S = 10 + 0.1·50 + 9·(5 + 0.25·4) = 69 ms.
        assert!((capacity(&parameters(), 50.0, 10.0) - 4.0 / 0.069).abs() < 1e-9);
        // One token: prefill alone.
        assert!((capacity(&parameters(), 0.0, 1.0) - 400.0).abs() < 1e-9);
        assert!(capacity(&ModelParameters::null(4), 50.0, 10.0).is_infinite());
        assert_eq!(capacity_for_lengths(&parameters(), &[]), None);
    }

    #[test]
    fn times_are_exact_nanoseconds() {
        let times = ServiceTimes::new(&parameters());
        assert_eq!(times.prefill(50, 1.0, 0.0), 15_000_000);
        assert_eq!(times.step(4, 1.0, 0.0), 6_000_000);
        assert_eq!(times.step(1, 2.0, 3.0), 10_500_000);
        assert!(!times.are_drawn());
        let varied = ModelParameters { prefill_std_dev_ms: 2.0, decode_std_dev_ms: 3.0, ..parameters() };
        let times = ServiceTimes::new(&varied);
        assert!(times.are_drawn());
        assert_eq!(times.prefill(50, 1.0, -1.5), 12_000_000);
        assert_eq!(times.step(4, 1.0, 9.0), 10_200_000);
    }

    proptest! {
        #[test]
        fn means_are_as_good_as_the_lengths(lengths in prop::collection::vec((0_u32..5_000, 1_u32..2_000), 1..50)) {
            let count = lengths.len() as f64;
            let input = lengths.iter().map(|&(input, _)| f64::from(input)).sum::<f64>() / count;
            let output = lengths.iter().map(|&(_, output)| f64::from(output)).sum::<f64>() / count;
            let by_means = capacity(&parameters(), input, output);
            let by_lengths = capacity_for_lengths(&parameters(), &lengths).unwrap();
            prop_assert!((by_means / by_lengths - 1.0).abs() < 1e-9);
        }
    }
}
