//! Shares of requests, such as those that met an objective, with the correlation between neighbours taken into account.
//!
//! Requests that miss an objective come in runs, one for each time that the server was behind, so n requests say less than
//! n independent ones would. How much less is found by a moving-block bootstrap over the requests in order of time: the
//! variance that it gives the mean stands to that of independent draws as n to the number of independent requests. Knows
//! numbers only.

/// Blocks into which a sample is divided: long enough to hold the runs, many enough to tell their spread.
pub const BLOCKS: usize = 20;

/// Variance of the mean of `values`, which are in order of time, by the moving-block bootstrap with blocks of a twentieth:
/// in closed form, for of the mean no resampling is needed (Künsch 1989). Zero for fewer than two blocks.
pub fn block_variance(values: &[f64]) -> f64 {
    let n = values.len();
    let block = n.div_ceil(BLOCKS);
    if n < 2 * block || block == 0 {
        return 0.0;
    }
    let mut sum: f64 = values[..block].iter().sum();
    let (mut total, mut squares, mut count) = (0.0, 0.0, 0.0);
    for start in 0..=n - block {
        if start > 0 {
            sum += values[start + block - 1] - values[start - 1];
        }
        let mean = sum / block as f64;
        total += mean;
        squares += mean * mean;
        count += 1.0;
    }
    let spread: f64 = (squares / count - (total / count).powi(2)).max(0.0);
    let blocks = n as f64 / block as f64;
    // Means of so few blocks lie closer to their own mean than to the truth.
    spread / (blocks - 1.0).max(1.0)
}

/// How many requests one independent one stands for: at least 1. `misses` are in order of time. Where there are too few
/// of them to tell, `proxy` tells: the same of a threshold that enough requests exceed.
pub fn design_effect(misses: &[f64], proxy: Option<&[f64]>) -> f64 {
    let effect = |values: &[f64]| {
        let n = values.len() as f64;
        let share = values.iter().sum::<f64>() / n;
        let independent = share * (1.0 - share) / n;
        (independent > 0.0).then(|| (block_variance(values) / independent).max(1.0))
    };
    let hits: f64 = misses.iter().sum();
    let own = effect(misses);
    let few = hits < BLOCKS as f64 || hits > misses.len() as f64 - BLOCKS as f64;
    let by_proxy = proxy.filter(|_| few).and_then(effect);
    own.into_iter().chain(by_proxy).fold(1.0, f64::max)
}

/// One-sided bounds of a probability, each wrong with chance `alpha`, of which `hits` of `trials` were seen
/// (Clopper–Pearson); neither need be a whole number.
pub fn share_bounds(hits: f64, trials: f64, alpha: f64) -> [f64; 2] {
    let hits = hits.clamp(0.0, trials);
    let lower = if hits <= 0.0 { 0.0 } else { beta_quantile(hits, trials - hits + 1.0, alpha) };
    let upper = if hits >= trials { 1.0 } else { beta_quantile(hits + 1.0, trials - hits, 1.0 - alpha) };
    [lower, upper]
}

/// The value below which a beta-distributed one lies with probability `p`.
fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if incomplete_beta(a, b, middle) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function, by its continued fraction (Lentz; Numerical Recipes §6.4).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let log_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (-x).ln_1p();
    // The fraction converges fast on this side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0) {
        log_front.exp() * beta_fraction(a, b, x) / a
    } else {
        1.0 - log_front.exp() * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let kept = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut ratio = 1.0;
    let mut inverse = 1.0 / kept(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = inverse;
    for step in 1..500 {
        let step = f64::from(step);
        let even = step * (b - step) * x / ((a + 2.0 * step - 1.0) * (a + 2.0 * step));
        let odd = -(a + step) * (a + b + step) * x / ((a + 2.0 * step) * (a + 2.0 * step + 1.0));
        for numerator in [even, odd] {
            inverse = 1.0 / kept(1.0 + numerator * inverse);
            ratio = kept(1.0 + numerator / ratio);
            fraction *= inverse * ratio;
        }
        if (inverse * ratio - 1.0).abs() < 1e-14 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::analysis::stats::share_lower_bound;

    #[test]
    fn bounds_are_those_of_clopper_and_pearson() {
        // Lower bounds by the other way of computing them; upper ones by symmetry.
        for (hits, trials) in [(1_u32, 20_u32), (5, 60), (30, 1000), (999, 1000), (20, 20)] {
            let [lower, upper] = share_bounds(f64::from(hits), f64::from(trials), 0.05);
            let other = share_lower_bound(hits.into(), trials.into());
            assert!((lower - other).abs() < 1e-9, "{hits} of {trials}: {lower} {other}");
            let [_, mirrored] = share_bounds(f64::from(trials - hits), f64::from(trials), 0.05);
            assert!((1.0 - mirrored - lower).abs() < 1e-9);
            assert!(upper >= f64::from(hits) / f64::from(trials));
        }
        // 0.95^59 is below 5 %: the smallest sample that shows a 95th percentile.
        assert!(share_bounds(0.0, 59.0, 0.05)[1] < 0.05 && share_bounds(0.0, 58.0, 0.05)[1] > 0.05);
    }

    #[test]
    fn independent_requests_stand_for_themselves_and_runs_for_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut effects = [0.0; 2];
        for _ in 0..100 {
            for (effect, run) in effects.iter_mut().zip([1, 25]) {
                let runs = (0..4_000 / run).map(|_| f64::from(u8::from(rng.random_range(0.0..1.0) < 0.1)));
                let misses: Vec<f64> = runs.flat_map(|miss| std::iter::repeat_n(miss, run)).collect();
                *effect += design_effect(&misses, None) / 100.0;
            }
        }
        // Never below 1, so on average a little above it.
        assert!((1.0..1.25).contains(&effects[0]), "{effects:?}");
        assert!((22.0..28.0).contains(&effects[1]), "{effects:?}");
        assert!(design_effect(&[0.0; 100], None).total_cmp(&1.0).is_eq());
    }
}
