//! The length that a distribution gives on average, its limits taken into account.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::config::{Distribution, DistributionType};

/// Expected value, tokens; at least 1, as lengths are.
///
/// Normal and log-normal values beyond the limits become the limits, which is worked out exactly; for `skew_normal` and
/// `poisson` the mean of the whole distribution is kept within the limits.
#[must_use]
pub fn expected_tokens(distribution: &Distribution) -> f64 {
    let Distribution { mean, std_dev, .. } = *distribution;
    let (min, max) = (distribution.min as f64, distribution.max.max(distribution.min) as f64);
    let expected = match distribution.kind {
        DistributionType::Fixed => mean.trunc(),
        DistributionType::Uniform => f64::midpoint(min, max),
        DistributionType::Normal => cut_normal(mean, std_dev, min, max),
        DistributionType::Lognormal => cut_log_normal(mean, std_dev, min, max),
        DistributionType::Poisson => mean.clamp(min, max),
        DistributionType::SkewNormal => {
            let skew = distribution.skew;
            let correlation = skew / (1.0 + skew * skew).sqrt();
            (mean + std_dev * correlation * (2.0 / PI).sqrt()).clamp(min, max)
        }
    };
    expected.max(1.0)
}

/// Mean of a normal variate that is set to the nearer of the limits `min` and `max` beyond them.
fn cut_normal(mean: f64, deviation: f64, min: f64, max: f64) -> f64 {
    if deviation <= 0.0 {
        return mean.clamp(min, max);
    }
    let (low, high) = ((min - mean) / deviation, (max - mean) / deviation);
    min * normal_cdf(low)
        + max * normal_cdf(-high)
        + mean * (normal_cdf(high) - normal_cdf(low))
        + deviation * (normal_density(low) - normal_density(high))
}

/// The same of a log-normal variate with this mean and standard deviation.
fn cut_log_normal(mean: f64, deviation: f64, min: f64, max: f64) -> f64 {
    if mean <= 0.0 || deviation <= 0.0 {
        return mean.clamp(min, max);
    }
    let sigma = (1.0 + (deviation / mean).powi(2)).ln().sqrt();
    let location = mean.ln() - sigma * sigma / 2.0;
    let standard = |limit: f64| {
        if limit > 0.0 { (limit.ln() - location) / sigma } else { f64::NEG_INFINITY }
    };
    let (low, high) = (standard(min), standard(max));
    min.max(0.0) * normal_cdf(low)
        + max.max(0.0) * normal_cdf(-high)
        + mean * (normal_cdf(high - sigma) - normal_cdf(low - sigma))
}

/// Probability that a standard normal variate is below `x`.
pub(super) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}
