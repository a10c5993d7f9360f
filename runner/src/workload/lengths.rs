//! Lengths in tokens, drawn from the distributions of the configuration.
//!
//! A length is a function of (seed, index): every stage has the same lengths again from index 0, as upstream has.
//! Two of upstream's oddities are mended: `uniform` gives both ends their full share, and a length is at least 1.

use std::sync::Arc;

use benchmark_schemas::config::{Distribution, DistributionType};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Poisson, StandardNormal};

use crate::seed::{Purpose, Seed};

/// A source of lengths.
#[derive(Debug, Clone)]
pub struct Lengths {
    source: Source,
    /// The least length there is.
    least: u32,
}

#[derive(Debug, Clone)]
enum Source {
    Drawn { distribution: Box<Distribution>, seed: Seed, purpose: Purpose },
    Recorded(Arc<[u32]>),
}

impl Lengths {
    /// Lengths of `distribution`; `purpose` keeps lengths of prompts and of answers apart.
    #[must_use]
    pub fn new(distribution: Distribution, seed: Seed, purpose: Purpose) -> Self {
        Self { source: Source::Drawn { distribution: Box::new(distribution), seed, purpose }, least: 1 }
    }

    /// The same where 0, for nothing at all, is a length too.
    #[must_use]
    pub fn or_none(self) -> Self {
        Self { least: 0, ..self }
    }

    /// The lengths of prompts and of answers in the rows of a trace, one after another; from the last on again the first.
    #[must_use]
    pub fn recorded(rows: &[(u32, u32)]) -> (Self, Self) {
        let (inputs, outputs): (Vec<u32>, Vec<u32>) = rows.iter().copied().unzip();
        let recorded = |rows: Vec<u32>| Self { source: Source::Recorded(rows.into()), least: 1 };
        (recorded(inputs), recorded(outputs))
    }

    /// The length of request `index`, tokens.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of u32 first"
    )]
    #[must_use]
    pub fn draw(&self, index: u64) -> u32 {
        match &self.source {
            Source::Drawn { distribution, seed, purpose } => {
                let mut rng = seed.rng(*purpose, 0, index);
                draw(distribution, &mut rng).clamp(f64::from(self.least), f64::from(u32::MAX)) as u32
            }
            Source::Recorded(rows) => {
                let row = index.checked_rem(rows.len() as u64).unwrap_or(0);
                rows.get(row as usize).map_or(self.least, |&tokens| tokens.max(self.least))
            }
        }
    }
}

/// One whole number of the distribution. `fixed` ignores the limits, as upstream does.
pub(super) fn draw(distribution: &Distribution, rng: &mut ChaCha8Rng) -> f64 {
    let (min, max) = (distribution.min, distribution.max.max(distribution.min));
    match distribution.kind {
        DistributionType::Fixed => distribution.mean.trunc(),
        DistributionType::Uniform => rng.random_range(min..=max) as f64,
        _ => unbounded(distribution, rng).clamp(min as f64, max as f64).round_ties_even(),
    }
}

/// A number of the distribution before its limits and rounding; of one that is nothing but its limits, its mean.
pub(super) fn unbounded(distribution: &Distribution, rng: &mut ChaCha8Rng) -> f64 {
    let (mean, deviation) = (distribution.mean, distribution.std_dev);
    match distribution.kind {
        DistributionType::Fixed | DistributionType::Uniform => mean,
        DistributionType::Normal => mean + deviation * normal(rng),
        DistributionType::SkewNormal => mean + deviation * skew_normal(distribution.skew, rng),
        DistributionType::Lognormal => log_normal(mean, deviation, rng),
        DistributionType::Poisson => poisson(mean, rng),
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Standard skew normal: of two correlated normal variates the second, its sign that of the first.
fn skew_normal(skew: f64, rng: &mut ChaCha8Rng) -> f64 {
    let correlation = skew / (1.0 + skew * skew).sqrt();
    let (first, independent) = (normal(rng), normal(rng));
    let second = correlation * first + (1.0 - correlation * correlation).sqrt() * independent;
    if first >= 0.0 { second } else { -second }
}

/// Log-normal with the given mean and standard deviation of the variate itself; a mean that is not positive, which
/// the configuration's checks refuse, gives itself.
fn log_normal(mean: f64, deviation: f64, rng: &mut ChaCha8Rng) -> f64 {
    if mean <= 0.0 || deviation <= 0.0 {
        return mean;
    }
    let variance = (1.0 + (deviation / mean).powi(2)).ln();
    (mean.ln() - variance / 2.0 + variance.sqrt() * normal(rng)).exp()
}

fn poisson(mean: f64, rng: &mut ChaCha8Rng) -> f64 {
    let mean = if mean > 0.0 { mean } else { 1.0 };
    // Fails for means too great to be lengths; the limits then decide.
    Poisson::new(mean).map_or(mean, |poisson| poisson.sample(rng))
}

#[cfg(test)]
mod law_tests;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(kind: DistributionType, mean: f64, std_dev: f64, min: i64, max: i64, skew: f64) -> Vec<u32> {
        let distribution =
            Distribution { kind, mean, std_dev, min, max, skew, total_count: None, variance: None };
        let lengths = Lengths::new(distribution, Seed(7), Purpose::InputLength);
        (0..20_000).map(|index| lengths.draw(index)).collect()
    }

    fn moments(sample: &[u32]) -> (f64, f64) {
        let sample: Vec<_> = sample.iter().copied().map(f64::from).collect();
        let n = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / n;
        (mean, (sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    /// Six standard errors of the mean, and 5 % for the deviation.
    fn assert_moments(sample: &[u32], mean: f64, deviation: f64) {
        let (found_mean, found_deviation) = moments(sample);
        let error = deviation / (sample.len() as f64).sqrt();
        assert!((found_mean - mean).abs() < 6.0 * error, "mean {found_mean}, not {mean}");
        assert!(
            (found_deviation / deviation - 1.0).abs() < 0.05,
            "deviation {found_deviation}, not {deviation}"
        );
    }

    #[test]
    fn wide_limits_leave_the_moments_alone() {
        assert_moments(&drawn(DistributionType::Normal, 500.0, 60.0, 1, 10_000, 0.0), 500.0, 60.0);
        assert_moments(&drawn(DistributionType::Lognormal, 500.0, 200.0, 1, 100_000, 0.0), 500.0, 200.0);
        assert_moments(&drawn(DistributionType::Poisson, 100.0, 0.0, 1, 10_000, 0.0), 100.0, 10.0);
        // Location and scale; the mean moves by scale · δ · √(2/π) with δ = skew / √(1 + skew²).
        let delta = 2.0 / 5.0_f64.sqrt();
        let shift = delta * (2.0 / std::f64::consts::PI).sqrt();
        let deviation = 60.0 * (1.0 - shift * shift).sqrt();
        assert_moments(
            &drawn(DistributionType::SkewNormal, 500.0, 60.0, 1, 10_000, 2.0),
            500.0 + 60.0 * shift,
            deviation,
        );
    }

    #[test]
    fn uniform_gives_every_value_the_same_share() {
        let sample = drawn(DistributionType::Uniform, 0.0, 0.0, 3, 12, 0.0);
        for value in 3..=12 {
            let share = sample.iter().filter(|&&x| x == value).count() as f64 / sample.len() as f64;
            // Six standard errors of a share of a tenth of 20,000.
            assert!((share - 0.1).abs() < 0.013, "{value}: {share}");
        }
    }

    #[test]
    fn a_traces_rows_are_lengths() {
        let (input, output) = Lengths::recorded(&[(374, 44), (0, 109)]);
        let drawn = |lengths: &Lengths| (0..3).map(|index| lengths.draw(index)).collect::<Vec<_>>();
        assert_eq!((drawn(&input), drawn(&output)), (vec![374, 1, 374], vec![44, 109, 44]));
    }

    #[test]
    fn fixed_is_the_whole_part_of_the_mean_whatever_the_limits() {
        assert!(drawn(DistributionType::Fixed, 3.9, 0.0, 10, 1024, 0.0).iter().all(|&x| x == 3));
    }

    #[test]
    fn a_length_is_at_least_one_unless_there_may_be_none() {
        assert!(drawn(DistributionType::Normal, -50.0, 1.0, -100, 0, 0.0).iter().all(|&x| x == 1));
        let none = Distribution { kind: DistributionType::Fixed, mean: 0.0, ..Distribution::default() };
        let lengths = Lengths::new(none, Seed(7), Purpose::InputLength);
        assert_eq!((lengths.draw(0), lengths.or_none().draw(0)), (1, 0));
    }

    proptest! {
        #[test]
        fn lengths_keep_the_limits_and_repeat(
            seed: u64, index: u64, min in 1i64..500, width in 0i64..500, mean in -100.0..2_000.0f64,
            std_dev in 0.0..500.0f64, skew in -5.0..5.0f64,
            kind in prop::sample::select(vec![
                DistributionType::Normal, DistributionType::SkewNormal, DistributionType::Lognormal,
                DistributionType::Uniform, DistributionType::Poisson,
            ]),
        ) {
            let max = min + width;
            let distribution =
                Distribution { kind, mean, std_dev, min, max, skew, total_count: None, variance: None };
            let lengths = Lengths::new(distribution, Seed(seed), Purpose::OutputLength);
            let length = lengths.draw(index);
            prop_assert!((min..=max).contains(&i64::from(length)));
            prop_assert_eq!(length, lengths.draw(index));
        }
    }
}
