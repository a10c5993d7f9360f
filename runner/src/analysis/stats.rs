//! The few statistical procedures that verdicts rest on. Knows numbers only.

use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::metrics::percentile::quantile_of;

/// 95 % quantile of Student's t distribution: distance of a one-sided 95 % bound in standard errors.
pub fn t_quantile_95(degrees_of_freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761,
        1.753, 1.746, 1.740, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706, 1.703, 1.701,
        1.699, 1.697,
    ];
    match degrees_of_freedom {
        0 => f64::INFINITY,
        df => TABLE.get(df - 1).copied().unwrap_or(1.645),
    }
}

/// A straight line through equidistant points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Growth from one point to the next.
    pub per_step: f64,
    /// Standard error of that from the residuals, which it takes for independent.
    pub standard_error: f64,
}

/// Least-squares slope of `values` over their index; `None` for fewer than three.
pub fn slope(values: &[f64]) -> Option<Slope> {
    if values.len() < 3 {
        return None;
    }
    let n = values.len() as f64;
    let centre = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let spread: f64 = (0..values.len()).map(|i| (i as f64 - centre).powi(2)).sum();
    let per_step =
        values.iter().enumerate().map(|(i, y)| (i as f64 - centre) * (y - mean)).sum::<f64>() / spread;
    let residuals: f64 =
        values.iter().enumerate().map(|(i, y)| (y - mean - per_step * (i as f64 - centre)).powi(2)).sum();
    Some(Slope { per_step, standard_error: (residuals / (n - 2.0) / spread).sqrt() })
}

/// Sample standard deviation; `None` for fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    Some((values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

/// One-sided 95 % lower bound of a probability of which `hits` of `trials` were seen (Clopper–Pearson): the
/// probability under which so many hits or more come up with 5 % chance.
pub fn share_lower_bound(hits: u64, trials: u64) -> f64 {
    const ALPHA: f64 = 0.05;
    if hits == 0 || trials == 0 {
        return 0.0;
    }
    let hits = hits.min(trials);
    let ln_choose: f64 = (0..hits).map(|i| ((trials - i) as f64 / (i + 1) as f64).ln()).sum();
    let (mut low, mut high) = (0.0, hits as f64 / trials as f64);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if tail(hits, trials, ln_choose, middle) < ALPHA { low = middle } else { high = middle }
    }
    low
}

/// Chance of `hits` or more in `trials` at `p` < hits / trials, where the terms of the sum fall from the first on.
fn tail(hits: u64, trials: u64, ln_choose: f64, p: f64) -> f64 {
    let (hits_f, misses) = (hits as f64, (trials - hits) as f64);
    let first = (ln_choose + hits_f * p.ln() + misses * (-p).ln_1p()).exp();
    let odds = p / (1.0 - p);
    let (mut term, mut sum) = (1.0, 1.0);
    for k in hits..trials {
        term *= (trials - k) as f64 / (k + 1) as f64 * odds;
        sum += term;
        if term < 1e-12 * sum {
            break;
        }
    }
    first * sum
}

/// Blocks into which a resample is divided at least.
const BLOCKS: usize = 20;

/// Resamples of a bootstrap; fewer for samples so large that sorting them would take seconds.
const RESAMPLES: usize = 1000;
const RESAMPLES_MIN: usize = 200;
const RESAMPLED_VALUES_MAX: usize = 20_000_000;

/// 95th percentiles of moving-block resamples of `values`, which are in order of time. Blocks of a twentieth of the
/// sample keep most of the correlation between neighbours. The same `seed` gives the same resamples.
pub fn resampled_p95(values: &[f64], seed: u64) -> Vec<f64> {
    if values.is_empty() {
        return Vec::new();
    }
    let block = values.len().div_ceil(BLOCKS);
    let resamples = (RESAMPLED_VALUES_MAX / values.len()).clamp(RESAMPLES_MIN, RESAMPLES);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut resample = Vec::with_capacity(values.len() + block);
    (0..resamples)
        .filter_map(|_| {
            resample.clear();
            while resample.len() < values.len() {
                let start = rng.random_range(0..=values.len() - block);
                resample.extend_from_slice(&values[start..start + block]);
            }
            resample.truncate(values.len());
            quantile_of(&mut resample, 95.0)
        })
        .collect()
}

/// One-sided 95 % lower bound of the quotient of two quantities, from resamples of both.
pub fn ratio_lower_bound(numerators: &[f64], denominators: &[f64]) -> Option<f64> {
    let mut ratios: Vec<f64> =
        numerators.iter().zip(denominators).filter(|(_, b)| **b > 0.0).map(|(a, b)| a / b).collect();
    quantile_of(&mut ratios, 5.0)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn t_quantiles() {
        assert_eq!(t_quantile_95(6), 1.943);
        assert_eq!(t_quantile_95(30), 1.697);
        assert_eq!(t_quantile_95(500), 1.645);
        assert_eq!(t_quantile_95(0), f64::INFINITY);
    }

    #[test]
    fn slope_of_a_line_is_exact_and_of_noise_has_an_error() {
        let line: Vec<f64> = (0..8).map(|i| 3.0 + 0.5 * f64::from(i)).collect();
        assert_eq!(slope(&line), Some(Slope { per_step: 0.5, standard_error: 0.0 }));
        // y = (0, 1, 0): slope 0, residuals ±1/3, 2/3; se = sqrt((6/9) / 1 / 2).
        let noise = slope(&[0.0, 1.0, 0.0]).expect("three values");
        assert_eq!(noise.per_step, 0.0);
        assert!((noise.standard_error - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(slope(&[1.0, 2.0]), None);
    }

    #[test]
    fn share_lower_bounds_equal_the_beta_quantile() {
        // Found by bisection on the binomial sum in another language; 1 of n and n of n have closed forms.
        let cases = [
            (1, 20, 0.002_561_378_776_5),
            (5, 100, 0.019_905_563_662_2),
            (30, 1000, 0.021_674_784_293_1),
            (20, 20, 0.860_891_659_331_7),
        ];
        for (hits, trials, expected) in cases {
            let bound = share_lower_bound(hits, trials);
            assert!((bound - expected).abs() < 1e-9, "{hits} of {trials}: {bound}");
        }
        assert_eq!(share_lower_bound(0, 100), 0.0);
        assert_eq!(share_lower_bound(0, 0), 0.0);
    }

    #[test]
    fn resamples_repeat_with_their_seed_and_spread_around_the_percentile() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from((i * 7919) % 1000)).collect();
        let resamples = resampled_p95(&values, 1);
        assert_eq!(resamples, resampled_p95(&values, 1));
        assert_ne!(resamples, resampled_p95(&values, 2));
        let inside = resamples.iter().filter(|p95| (900.0..=990.0).contains(*p95)).count();
        assert!(inside > 950, "{inside} of {}", resamples.len());
        assert!(resampled_p95(&[], 1).is_empty());
    }

    proptest! {
        #[test]
        fn lower_bound_is_below_the_share_and_grows_with_hits(trials in 1_u64..5000, hits in 0_u64..5000) {
            let hits = hits.min(trials);
            let bound = share_lower_bound(hits, trials);
            prop_assert!(bound >= 0.0 && bound <= hits as f64 / trials as f64);
            if hits < trials {
                prop_assert!(share_lower_bound(hits + 1, trials) >= bound);
            }
        }
    }
}
