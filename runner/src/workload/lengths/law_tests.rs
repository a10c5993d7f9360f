//! Lengths follow the laws that they are named for: the distance of their distribution from the law, limits and rounding
//! included, by Kolmogorov and Smirnov.

use super::*;

const DRAWS: u64 = 20_000;

fn standard_normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Greatest distance between the distribution of the draws and `law`, which gives the probability of a variate below a number;
/// draws are rounded to the nearest whole number and kept within the limits.
fn distance(distribution: &Distribution, law: impl Fn(f64) -> f64) -> f64 {
    let lengths = Lengths::new(distribution.clone(), Seed(11), Purpose::InputLength);
    let mut drawn: Vec<i64> = (0..DRAWS).map(|index| i64::from(lengths.draw(index))).collect();
    drawn.sort_unstable();
    let (min, max) = (distribution.min, distribution.max);
    assert!(drawn.first() >= Some(&min) && drawn.last() <= Some(&max));
    (min..=max)
        .map(|length| {
            let below = drawn.partition_point(|&drawn| drawn <= length) as f64 / DRAWS as f64;
            let expected = if length == max { 1.0 } else { law(length as f64 + 0.5) };
            (below - expected).abs()
        })
        .fold(0.0, f64::max)
}

/// Exceeded by one sample in a thousand that follow the law; for laws with steps by fewer.
fn limit() -> f64 {
    1.95 / (DRAWS as f64).sqrt()
}

fn of(kind: DistributionType) -> Distribution {
    Distribution {
        kind,
        mean: 300.0,
        std_dev: 120.0,
        min: 50,
        max: 500,
        skew: 3.0,
        total_count: None,
        variance: None,
    }
}

#[test]
fn each_distribution_keeps_its_law() {
    let normal = |x: f64| standard_normal_cdf((x - 300.0) / 120.0);
    let log_normal = |x: f64| {
        let variance = (1.0 + (120.0_f64 / 300.0).powi(2)).ln();
        standard_normal_cdf((x.ln() - 300.0_f64.ln() + variance / 2.0) / variance.sqrt())
    };
    // Owen's T by its integral: P(X < x) = Φ(x) − 2 T(x, skew).
    let skew_normal = |x: f64| {
        let h = (x - 300.0) / 120.0;
        let steps = 2_000;
        let width = 3.0 / f64::from(steps);
        let at = |i: i32| {
            let t = f64::from(i) * width;
            (-h * h * (1.0 + t * t) / 2.0).exp() / (1.0 + t * t)
        };
        let inner: f64 = (1..steps).map(|i| at(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
        let owen = (at(0) + inner + at(steps)) * width / 3.0 / (2.0 * std::f64::consts::PI);
        standard_normal_cdf(h) - 2.0 * owen
    };
    let uniform = |x: f64| (x - 49.5) / 451.0;
    let poisson = |x: f64| {
        let mut term = (-300.0_f64).exp();
        let mut sum = term;
        let mut k = 1.0;
        while k < x {
            term *= 300.0 / k;
            sum += term;
            k += 1.0;
        }
        sum
    };
    let laws: [(DistributionType, &dyn Fn(f64) -> f64); 5] = [
        (DistributionType::Normal, &normal),
        (DistributionType::Lognormal, &log_normal),
        (DistributionType::SkewNormal, &skew_normal),
        (DistributionType::Uniform, &uniform),
        (DistributionType::Poisson, &poisson),
    ];
    for (kind, law) in laws {
        let distance = distance(&of(kind), law);
        assert!(distance < limit(), "{kind:?}: {distance} from its law, limit {}", limit());
    }
}

#[test]
fn another_law_is_told_apart() {
    let shifted = |x: f64| standard_normal_cdf((x - 306.0) / 120.0);
    assert!(distance(&of(DistributionType::Normal), shifted) > limit());
}
