//! How far a sample may lie from a law.
//!
//! Every limit is one that a true sample exceeds once in a thousand. Samples are drawn from fixed seeds, so a test
//! passes always or never.

use benchmark_schemas::record::Nanos;

/// Kolmogorov–Smirnov distance between a sample, sorted, and a distribution.
pub(super) fn ks(sorted: &[f64], distribution: impl Fn(f64) -> f64) -> f64 {
    let n = sorted.len() as f64;
    sorted
        .iter()
        .enumerate()
        .map(|(i, &x)| {
            let f = distribution(x);
            (f - i as f64 / n).abs().max((f - (i + 1) as f64 / n).abs())
        })
        .fold(0.0, f64::max)
}

/// Limit of [`ks`] for a sample of `n` (asymptotic Kolmogorov quantile 1.95).
pub(super) fn ks_limit(n: usize) -> f64 {
    1.95 / (n as f64).sqrt()
}

/// Distribution function of gamma variates of shape `a` and scale 1; `gamma_of_a` is Γ(a).
///
/// The series xᵃ e⁻ˣ / Γ(a) · Σ xⁿ / (a (a+1) … (a+n)) has positive terms only, so it loses no digits.
pub(super) fn gamma_distribution(x: f64, a: f64, gamma_of_a: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
    while term > sum * 1e-15 {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    (sum * x.powf(a) * (-x).exp() / gamma_of_a).min(1.0)
}

/// χ² distance between the numbers of `offsets` in the first `intervals` of length `interval` and the Poisson
/// distribution of `mean`, and its limit.
pub(super) fn counts_distance(offsets: &[Nanos], interval: Nanos, intervals: usize, mean: f64) -> (f64, f64) {
    let mut counts = vec![0usize; intervals];
    for offset in offsets {
        let index = usize::try_from(offset / interval).expect("not negative");
        if let Some(count) = counts.get_mut(index) {
            *count += 1;
        }
    }
    let (mut probability, mut rest) = ((-mean).exp(), 1.0);
    let (mut pooled, mut pooled_seen, mut seen_so_far) = (0.0, 0, 0);
    let (mut distance, mut classes) = (0.0, 0);
    let mut add = |expected: f64, seen: usize| {
        distance += (seen as f64 - expected).powi(2) / expected;
        classes += 1;
    };
    // Classes of at least five expected intervals, as the χ² test asks for; the last takes the tail.
    for value in 0.. {
        pooled += probability * intervals as f64;
        rest -= probability;
        pooled_seen += counts.iter().filter(|count| **count == value).count();
        if rest * (intervals as f64) < 5.0 {
            add(pooled + rest * intervals as f64, intervals - seen_so_far);
            break;
        }
        if pooled >= 5.0 {
            add(pooled, pooled_seen);
            seen_so_far += pooled_seen;
            (pooled, pooled_seen) = (0.0, 0);
        }
        probability *= mean / (value + 1) as f64;
    }
    // Wilson and Hilferty's approximation of the χ² quantile.
    let freedom = f64::from(classes - 1);
    let spread = 2.0 / (9.0 * freedom);
    (distance, freedom * (1.0 - spread + 3.09 * spread.sqrt()).powi(3))
}
