//! Poisson and gamma arrivals, and what a seed gives.

use super::statistics::gamma_distribution;
use super::*;
use crate::plan::StagePlan;
use crate::seed::Purpose;

const COUNT: u64 = 20_000;
const RATE: f64 = 4.0;

fn exponential(x: f64) -> f64 {
    1.0 - (-RATE * x).exp()
}

proptest! {
    #[test]
    fn renewal_laws_have_their_number_in_order(
        seed: u64, stage in 0u32..50, count in 0u64..2_000, rate in 0.01..5_000.0_f64, burstiness in 0.01..100.0_f64,
    ) {
        let schedule = gamma(seed, stage, count, rate, burstiness);
        let offsets = offsets(&schedule);
        prop_assert_eq!(offsets.len() as u64, count);
        prop_assert_eq!(schedule.count(), count);
        prop_assert!(offsets.is_sorted() && offsets.first().is_none_or(|first| *first >= 0));
        prop_assert_eq!(offsets, super::offsets(&gamma(seed, stage, count, rate, burstiness)));
    }

    /// A longer stage begins like a shorter one.
    #[test]
    fn fewer_arrivals_are_the_first_of_more(
        seed: u64, count in 0u64..300, more in 0u64..300, burstiness in 0.1..10.0_f64,
    ) {
        let all = offsets(&gamma(seed, 1, count + more, RATE, burstiness));
        prop_assert_eq!(&all[..usize::try_from(count).expect("small")], offsets(&gamma(seed, 1, count, RATE, burstiness)));
    }

    #[test]
    fn twice_the_rate_halves_every_instant(seed: u64, count in 1u64..300, burstiness in 0.1..10.0_f64) {
        let slow = offsets(&gamma(seed, 1, count, RATE, burstiness));
        let fast = offsets(&gamma(seed, 1, count, 2.0 * RATE, burstiness));
        for (slow, fast) in slow.iter().zip(&fast) {
            prop_assert!((slow - fast * 2).abs() <= 2, "{slow} {fast}");
        }
    }
}

/// All that a Poisson process is: independent exponential gaps, so Poisson counts in any interval.
#[test]
fn poisson_arrivals_are_a_poisson_process() {
    for seed in 0..5 {
        let offsets = offsets(&gamma(seed, 3, COUNT, RATE, 1.0));
        let gaps = sorted_gaps(&offsets);
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        // Its standard deviation is 1 / √20,000, 0.7 %.
        assert!((mean * RATE - 1.0).abs() < 0.024, "seed {seed}: {mean}");
        let distance = ks(&gaps, exponential);
        assert!(distance < ks_limit(gaps.len()), "seed {seed}: {distance}");
        for (interval, mean) in [(SECOND, RATE), (SECOND * 5 / 2, RATE * 2.5)] {
            let (distance, limit) = counts_distance(&offsets, interval, 1_900, mean);
            assert!(distance < limit, "seed {seed}: {distance} of {limit}");
        }
        let last = offsets[offsets.len() - 1] as f64;
        let shares: Vec<f64> =
            offsets[..offsets.len() - 1].iter().map(|&offset| offset as f64 / last).collect();
        let distance = ks(&shares, |x| x);
        assert!(distance < ks_limit(shares.len()), "seed {seed}: {distance}");
        let serial = serial_correlation(&offsets);
        assert!(serial.abs() < 3.3 / (COUNT as f64).sqrt(), "seed {seed}: {serial}");
    }
}

/// Correlation of each gap with the next.
fn serial_correlation(offsets: &[Nanos]) -> f64 {
    let gaps: Vec<f64> = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let product: f64 = gaps.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    product / gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>()
}

/// Upstream's `poisson`, drawn second by second, is told from a Poisson process by these tests.
#[test]
fn second_wise_arrivals_would_be_noticed() {
    let mut rng = Seed(0).rng(Purpose::Arrivals, 0, 0);
    let number = rand_distr::Poisson::new(RATE).expect("a mean above 0");
    let mut offsets: Vec<Nanos> = Vec::new();
    for second in 0.. {
        if offsets.len() as u64 >= COUNT {
            break;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let n = rand_distr::Distribution::sample(&number, &mut rng) as u64;
        let within = super::offsets(&scaled(second, 0, n, SECOND));
        offsets.extend(within.iter().map(|offset| Nanos::try_from(second).expect("small") * SECOND + offset));
    }
    let gaps = sorted_gaps(&offsets);
    assert!(ks(&gaps, exponential) > ks_limit(gaps.len()));
}

#[test]
fn gamma_gaps_have_their_distribution_and_spread() {
    let root_pi = std::f64::consts::PI.sqrt();
    for (burstiness, gamma_of_it) in [(0.25, 3.625_609_908_221_908), (0.5, root_pi), (4.0, 6.0)] {
        for seed in 0..3 {
            let offsets = offsets(&gamma(seed, 0, COUNT, RATE, burstiness));
            let gaps = sorted_gaps(&offsets);
            let distance = ks(&gaps, |x| gamma_distribution(x * RATE * burstiness, burstiness, gamma_of_it));
            assert!(distance < ks_limit(gaps.len()), "burstiness {burstiness}, seed {seed}: {distance}");
            let n = gaps.len() as f64;
            let mean = gaps.iter().sum::<f64>() / n;
            let spread = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n).sqrt();
            let variation = spread / mean * burstiness.sqrt();
            assert!((variation - 1.0).abs() < 0.05, "burstiness {burstiness}, seed {seed}: {variation}");
            let serial = serial_correlation(&offsets);
            assert!(serial.abs() < 3.3 / n.sqrt(), "burstiness {burstiness}, seed {seed}: {serial}");
        }
    }
}

/// What a seed gave in one version it gives in the next.
#[test]
fn a_seed_gives_these_instants() {
    let first = |pacing| {
        let stage = StagePlan::new(2, 10.0, 3.0, pacing);
        let offsets = offsets(of_stage(&stage, Seed(42)).as_ref());
        assert_eq!(offsets.len(), 30);
        [offsets[0], offsets[1], offsets[2], offsets[29]]
    };
    assert_eq!(first(Pacing::Even), [100_000_000, 200_000_000, 300_000_000, 3_000_000_000]);
    assert_eq!(first(Pacing::ScaledExponential), [25_729_149, 158_736_732, 226_150_456, 3_000_000_000]);
    assert_eq!(first(Pacing::Poisson), [34_569_878, 102_990_051, 239_799_090, 3_306_840_406]);
    assert_eq!(first(Pacing::Gamma { burstiness: 1.0 }), first(Pacing::Poisson));
    assert_eq!(
        first(Pacing::Gamma { burstiness: 0.25 }),
        [5_841_122, 85_405_652, 111_481_557, 1_255_151_422]
    );
}
