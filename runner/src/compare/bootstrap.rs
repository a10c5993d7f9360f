//! Estimates with their uncertainty within one run: a moving-block bootstrap over the requests of a stage.

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::metric::{Key, Statistic};
use super::sample::StageSample;
use crate::metrics::percentile::quantile_of;

/// Blocks of a resample: a tenth of the sample keeps most of what binds neighbours in a busy queue together.
pub const BLOCKS: usize = 10;
/// Resamples: they give a standard error within 4 %.
const RESAMPLES: usize = 400;
/// Fewer of samples so large that they would take minutes.
const RESAMPLED_VALUES: usize = 40_000_000;
const RESAMPLES_MIN: usize = 100;

/// A statistic of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The statistic.
    pub value: f64,
    /// Requests that it comes from.
    pub requests: usize,
    /// What it was in each resample, on the scale on which changes are measured (see [`scaled`]); the n-th resamples of
    /// two stages with one schedule are of the same requests. One that has no value there is not a number.
    pub resampled: Vec<f64>,
}

/// `value` on the scale on which changes of `key` are measured: its logarithm, or itself if it is a share.
pub fn scaled(key: Key, value: f64) -> f64 {
    if key.metric.is_share() { value } else { value.ln() }
}

/// Estimates of `keys` in the order of `keys`; `None` where no request has the metric.
pub fn estimates(stage: &StageSample, keys: &[Key], seed: u64) -> Vec<Option<Estimate>> {
    let count = stage.requests.len();
    if count == 0 {
        return keys.iter().map(|_| None).collect();
    }
    let resamples = (RESAMPLED_VALUES / count).clamp(RESAMPLES_MIN, RESAMPLES);
    let starts = block_starts(count, resamples, seed);
    let block = count.div_ceil(BLOCKS);
    let mut found: Vec<Option<Estimate>> = keys.iter().map(|_| None).collect();
    let mut values = Vec::with_capacity(count + block);
    // One metric after another: its values are gathered once for all of its statistics.
    for (place, key) in keys.iter().enumerate() {
        if keys[..place].iter().any(|earlier| earlier.metric == key.metric) {
            continue;
        }
        let of_metric: Vec<usize> = (place..keys.len()).filter(|at| keys[*at].metric == key.metric).collect();
        let column: Vec<f64> =
            stage.requests.iter().map(|request| request.value(key.metric).unwrap_or(f64::NAN)).collect();
        let rate = count as f64 / stage.window_seconds.max(f64::MIN_POSITIVE);
        values.clear();
        values.extend(column.iter().copied().filter(|value| !value.is_nan()));
        let requests = values.len();
        if requests == 0 {
            continue;
        }
        for at in &of_metric {
            let value = statistic(keys[*at], &mut values, rate);
            found[*at] = Some(Estimate { value, requests, resampled: Vec::with_capacity(resamples) });
        }
        for starts in starts.chunks(BLOCKS) {
            gather(&column, starts, block, &mut values);
            for at in &of_metric {
                let value = statistic(keys[*at], &mut values, rate);
                if let Some(estimate) = &mut found[*at] {
                    estimate.resampled.push(scaled(keys[*at], value));
                }
            }
        }
    }
    found
}

/// Where the blocks of all resamples start. It depends on the number of requests and on `seed` alone.
fn block_starts(count: usize, resamples: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let last = count - count.div_ceil(BLOCKS);
    (0..resamples * BLOCKS).map(|_| rng.random_range(0..=last)).collect()
}

/// The values of a resample: as many requests as the sample has, of which some may have none.
fn gather(column: &[f64], starts: &[usize], block: usize, values: &mut Vec<f64>) {
    values.clear();
    let mut left = column.len();
    for start in starts {
        let length = block.min(left);
        values.extend(column[*start..*start + length].iter().filter(|value| !value.is_nan()));
        left -= length;
    }
}

/// `values` may be reordered; not a number if there are none.
fn statistic(key: Key, values: &mut [f64], rate: f64) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    match key.statistic {
        Statistic::Percentile(percent) => quantile_of(values, percent).unwrap_or(f64::NAN),
        Statistic::Mean if key.metric.more_is_better() => mean(values) * rate,
        Statistic::Mean => mean(values),
    }
}

#[cfg(test)]
mod tests {
    use benchmark_schemas::report::Verdict;

    use super::super::sample::Request;
    use super::*;

    fn stage(requests: Vec<Request>) -> StageSample {
        let window_seconds = 100.0;
        StageSample { rate: 10.0, concurrency: None, window_seconds, verdict: Verdict::Sustained, requests }
    }

    fn key(text: &str) -> Key {
        text.parse().expect("a key")
    }

    fn deviation(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
    }

    #[test]
    fn estimates_are_the_samples_own_and_resamples_spread_as_theory_has_it() {
        // Independent, evenly spread between 1 and 3: standard deviation 2/√12 of one, a thousandth of that squared of a mean.
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let requests = (0..1000).map(|index| Request::with_ttft(index, 1.0 + 2.0 * rng.random::<f64>()));
        let stage = stage(requests.collect());
        let keys = [
            key("ttft.mean"),
            key("requests_per_second"),
            key("error_rate"),
            key("tpot.mean"),
            key("ttft.p50"),
        ];
        let found = estimates(&stage, &keys, 1);
        let mean = found[0].as_ref().expect("a mean");
        assert!((mean.value - 2.0).abs() < 0.06 && mean.requests == 1000);
        let theory = 2.0 / 12.0_f64.sqrt() / 1000.0_f64.sqrt() / mean.value;
        let found_error = deviation(&mean.resampled);
        assert!((found_error / theory - 1.0).abs() < 0.3, "{found_error} is not about {theory}");
        assert!(
            found[1]
                .as_ref()
                .is_some_and(|it| (it.value - 10.0).abs() < 1e-9 && deviation(&it.resampled) < 1e-9)
        );
        assert!(found[2].as_ref().is_some_and(|it| it.value == 0.0));
        assert_eq!(found[3], None, "nobody has one");
        assert_eq!(estimates(&stage, &keys, 1), found, "the same seed gives the same");
    }

    #[test]
    fn neighbours_that_move_together_make_an_estimate_less_sure() {
        // Fifty requests at a time have one value: as sure as a fiftieth of the sample.
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let levels: Vec<f64> = (0..40).map(|_| 1.0 + rng.random::<f64>()).collect();
        let request =
            |index: usize| Request::with_ttft(i64::try_from(index).expect("small"), levels[index / 50]);
        let together = stage((0..2000).map(request).collect());
        let mut apart = together.clone();
        apart.requests.sort_by_key(|request| request.offset * 7919 % 2003);
        let error = |stage: &StageSample| {
            let found = estimates(stage, &[key("ttft.mean")], 3);
            deviation(&found[0].as_ref().expect("a mean").resampled)
        };
        assert!(error(&together) > 3.0 * error(&apart), "{} {}", error(&together), error(&apart));
    }
}
