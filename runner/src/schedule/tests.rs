//! Laws of the schedules.

use proptest::prelude::*;

use super::*;

mod laws;
mod statistics;

use statistics::{counts_distance, ks, ks_limit};

const SECOND: Nanos = 1_000_000_000;

fn offsets(schedule: &dyn Schedule) -> Vec<Nanos> {
    schedule.arrivals().map(|arrival| arrival.offset).collect()
}

fn scaled(seed: u64, stage: u32, count: u64, duration: Nanos) -> ScaledExponential {
    ScaledExponential::new(Seed(seed), stage, count, duration)
}

fn gamma(seed: u64, stage: u32, count: u64, rate: f64, burstiness: f64) -> Gamma {
    Gamma::new(Seed(seed), stage, count, rate, burstiness)
}

/// Gaps before each arrival, seconds, in ascending order.
fn sorted_gaps(offsets: &[Nanos]) -> Vec<f64> {
    let mut gaps: Vec<f64> = std::iter::once(offsets[0])
        .chain(offsets.windows(2).map(|pair| pair[1] - pair[0]))
        .map(|gap| gap as f64 / 1e9)
        .collect();
    gaps.sort_by(f64::total_cmp);
    gaps
}

proptest! {
    #[test]
    fn parts_by_speaker_are_a_partition_that_keeps_speakers_together(
        count in 0u64..500, speakers in 1u64..40, pods in 1u64..4, workers in 1u64..6,
    ) {
        let schedule = Even::new(count, 10 * SECOND);
        let mut taken: Vec<Option<(u64, u64)>> = vec![None; usize::try_from(count).expect("few")];
        for part in (0..pods).flat_map(|pod| (0..workers).map(move |worker| (pod, worker))) {
            let shard = Shard::WHOLE.part(part.0, pods).part(part.1, workers).by_speaker(Some(speakers));
            let indices: Vec<_> = shard.indices(count).collect();
            prop_assert!(shard.of(&schedule).map(|arrival| arrival.index).eq(indices.iter().copied()));
            for index in indices {
                let place = &mut taken[usize::try_from(index).expect("few")];
                prop_assert_eq!(place.replace(part), None, "each arrival has one part");
                let first = taken[usize::try_from(index % speakers).expect("few")];
                prop_assert_eq!(first, Some(part), "and it is that of its speaker");
            }
        }
        prop_assert!(taken.iter().all(Option::is_some));
    }

    #[test]
    fn both_laws_fill_the_stage_in_order(seed: u64, stage in 0u32..50, count in 1u64..2_000, ms in 1i64..600_000) {
        let duration = ms * 1_000_000;
        for schedule in [&scaled(seed, stage, count, duration) as &dyn Schedule, &Even::new(count, duration)] {
            let offsets = offsets(schedule);
            prop_assert_eq!(offsets.len() as u64, count);
            prop_assert_eq!(schedule.count(), count);
            prop_assert!(offsets.is_sorted());
            prop_assert!(offsets[0] >= 0);
            prop_assert_eq!(*offsets.last().expect("at least one"), duration);
        }
    }

    #[test]
    fn shards_of_shards_partition_the_schedule(
        seed: u64, count in 0u64..500, pods in 1u64..5, workers in 1u64..5,
    ) {
        let schedules = [
            &scaled(seed, 0, count, 10 * SECOND) as &dyn Schedule,
            &Even::new(count, 10 * SECOND),
            &gamma(seed, 0, count, 50.0, 1.0),
            &gamma(seed, 0, count, 50.0, 0.3),
        ];
        for schedule in schedules {
            let mut parts = Vec::new();
            for pod in 0..pods {
                for worker in 0..workers {
                    let shard = Shard::WHOLE.part(pod, pods).part(worker, workers);
                    let part: Vec<_> = shard.of(schedule).collect();
                    prop_assert!(shard.indices(count).eq(part.iter().map(|arrival| arrival.index)));
                    prop_assert!(part.iter().all(|a| a.index % pods == pod && a.index / pods % workers == worker));
                    parts.extend(part);
                }
            }
            parts.sort_by_key(|arrival| arrival.index);
            prop_assert_eq!(parts, schedule.arrivals().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_seed_fixes_the_schedule_and_the_duration_scales_it(seed: u64, stage in 0u32..9, count in 1u64..300) {
        let one = offsets(&scaled(seed, stage, count, 10 * SECOND));
        prop_assert_eq!(&one, &offsets(&scaled(seed, stage, count, 10 * SECOND)));
        // The same number in a tenth of the time is ten times the rate: every instant is a tenth.
        let fast = offsets(&scaled(seed, stage, count, SECOND));
        for (slow, fast) in one.iter().zip(&fast) {
            prop_assert!((slow - fast * 10).abs() <= 10);
        }
    }
}

#[test]
fn stages_and_seeds_have_schedules_of_their_own() {
    let base = offsets(&scaled(1, 0, 50, SECOND));
    assert_ne!(base, offsets(&scaled(2, 0, 50, SECOND)));
    assert_ne!(base, offsets(&scaled(1, 1, 50, SECOND)));
}

/// Given their number, scaled exponential arrivals (but the last) lie like sorted uniform variates.
#[test]
fn arrivals_lie_like_uniform_order_statistics() {
    for seed in 0..5 {
        let n = 20_000;
        let offsets = offsets(&scaled(seed, 0, n + 1, SECOND));
        let sample: Vec<f64> =
            offsets[..offsets.len() - 1].iter().map(|&o| o as f64 / SECOND as f64).collect();
        let distance = ks(&sample, |x| x);
        assert!(distance < ks_limit(sample.len()), "seed {seed}: {distance}");
    }
}

#[test]
fn gaps_are_exponential_with_the_rate_as_their_inverse_mean() {
    let (n, rate) = (20_000u64, 40.0);
    for seed in 0..5 {
        #[expect(clippy::cast_possible_truncation, reason = "500 seconds")]
        let duration = (n as f64 / rate * 1e9) as Nanos;
        let offsets = offsets(&scaled(seed, 3, n, duration));
        let gaps = sorted_gaps(&offsets);
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        assert!((mean * rate - 1.0).abs() < 1e-9, "the scaling fixes the mean: {mean}");
        let distance = ks(&gaps, |x| 1.0 - (-rate * x).exp());
        assert!(distance < ks_limit(gaps.len()), "seed {seed}: {distance}");
    }
}

/// Numbers of arrivals in equal intervals: as those of a Poisson process, but for their given sum.
#[test]
fn counts_are_poisson_distributed() {
    for seed in 0..5 {
        let offsets = offsets(&scaled(seed, 0, 20_000, 500 * SECOND));
        let (distance, limit) = counts_distance(&offsets, SECOND / 4, 2_000, 10.0);
        assert!(distance < limit, "seed {seed}: {distance} of {limit}");
    }
}

#[test]
fn even_pacing_has_equal_gaps() {
    assert_eq!(offsets(&Even::new(4, 2 * SECOND)), [SECOND / 2, SECOND, 3 * SECOND / 2, 2 * SECOND]);
    assert!(offsets(&Even::new(0, SECOND)).is_empty());
}
