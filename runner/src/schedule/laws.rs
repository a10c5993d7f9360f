//! The arrival laws.

use benchmark_schemas::record::Nanos;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;

use super::{Arrival, Schedule};
use crate::clock::nanos_from_seconds;
use crate::seed::{Purpose, Seed};

/// Upstream's `constant`: `n` exponential gaps, scaled so that their sum is the duration.
///
/// So there are exactly `n` arrivals, the last one exactly at the end of the stage; given their number they lie like
/// those of a Poisson process. The gaps are drawn twice from the same stream, once to know their sum, so that no
/// table of instants is kept.
pub struct ScaledExponential {
    seed: Seed,
    stage: u32,
    count: u64,
    duration: Nanos,
    /// Sum of the gaps as drawn, with mean 1.
    sum: f64,
}

impl ScaledExponential {
    /// `count` arrivals within `duration` nanoseconds.
    #[must_use]
    pub fn new(seed: Seed, stage: u32, count: u64, duration: Nanos) -> Self {
        let mut rng = seed.rng(Purpose::Arrivals, stage, 0);
        let mut sum = 0.0;
        for _ in 0..count {
            sum += gap(&mut rng);
        }
        Self { seed, stage, count, duration, sum }
    }
}

/// An exponential variate with mean 1, by inversion; never infinite because the uniform one never reaches 1.
fn gap(rng: &mut ChaCha8Rng) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

impl Schedule for ScaledExponential {
    fn count(&self) -> u64 {
        self.count
    }

    #[expect(clippy::cast_possible_truncation, reason = "a share of a duration that is itself in range")]
    fn arrivals(&self) -> Box<dyn Iterator<Item = Arrival> + Send> {
        let mut rng = self.seed.rng(Purpose::Arrivals, self.stage, 0);
        let (count, duration, sum) = (self.count, self.duration, self.sum);
        let mut elapsed = 0.0;
        Box::new((0..count).map(move |index| {
            elapsed += gap(&mut rng);
            // The last one by definition, not by the luck of rounding (or of a sum of zeros).
            let offset = if index + 1 == count {
                duration
            } else {
                ((duration as f64 * (elapsed / sum)).round() as Nanos).min(duration)
            };
            Arrival { index, offset }
        }))
    }
}

/// Equal gaps: arrival `i` (from 0) of `n` lies at `(i + 1) · duration / n`.
pub struct Even {
    count: u64,
    duration: Nanos,
}

impl Even {
    /// `count` arrivals within `duration` nanoseconds.
    #[must_use]
    pub fn new(count: u64, duration: Nanos) -> Self {
        Self { count, duration }
    }
}

impl Schedule for Even {
    fn count(&self) -> u64 {
        self.count
    }

    #[expect(clippy::cast_possible_truncation, reason = "a share of a duration that is itself in range")]
    fn arrivals(&self) -> Box<dyn Iterator<Item = Arrival> + Send> {
        let (count, duration) = (self.count, self.duration);
        Box::new((0..count).map(move |index| {
            let share = i128::from(index + 1) * i128::from(duration) / i128::from(count);
            Arrival { index, offset: share as Nanos }
        }))
    }
}

/// Independent gaps with a gamma distribution of mean 1 / rate: a renewal process, and load type `poisson`.
///
/// Its shape is the burstiness as vLLM's benchmark defines it: the gaps' coefficient of variation is 1 / √burstiness.
/// 1 is a true Poisson process, below 1 requests come in bursts, above 1 more evenly. Upstream's `poisson` is another
/// process on purpose not followed: it draws the number of requests second by second and spreads them so that each
/// second with any ends in a request at its very end, which no Poisson process does.
///
/// The number of arrivals is fixed, so the last one lies about `count / rate` after the start, some before the end of
/// the stage's nominal window, some after it. Fewer arrivals at the same rate are the first ones of more.
pub struct Gamma {
    seed: Seed,
    stage: u32,
    count: u64,
    rate: f64,
    burstiness: f64,
}

impl Gamma {
    /// `count` arrivals at `rate` requests/s; `burstiness` is above 0.
    #[must_use]
    pub fn new(seed: Seed, stage: u32, count: u64, rate: f64, burstiness: f64) -> Self {
        Self { seed, stage, count, rate, burstiness }
    }
}

impl Schedule for Gamma {
    fn count(&self) -> u64 {
        self.count
    }

    fn arrivals(&self) -> Box<dyn Iterator<Item = Arrival> + Send> {
        let mut rng = self.seed.rng(Purpose::Arrivals, self.stage, 0);
        // Refused only for a scale beyond the range of numbers. Such gaps are, but for a chance of no account, zero.
        let gaps = rand_distr::Gamma::new(self.burstiness, 1.0 / (self.rate * self.burstiness)).ok();
        let mut elapsed = 0.0;
        Box::new((0..self.count).map(move |index| {
            elapsed += gaps.map_or(0.0, |gaps| gaps.sample(&mut rng));
            Arrival { index, offset: nanos_from_seconds(elapsed) }
        }))
    }
}
