//! Exact statistics of samples that fit into memory: type-7 percentiles and means, to the last bit as NumPy has them.
//!
//! Knows numbers only. Samples too large for memory are [`super::pool`]'s business; it uses the same formulas.

/// A percentile that a report shows, with the key under which it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Percentile {
    /// The percentile, 0 to 100.
    pub percent: f64,
    /// `median` for 50, else `p` and the number with six significant digits: `p0.1`, `p99`, `p99.9`.
    pub key: String,
}

/// The percentiles of a report in the order of its configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Percentiles(Vec<Percentile>);

impl Percentiles {
    /// Percentiles for `percents`. Values outside 0..=100 have been refused with the configuration and are clamped
    /// here; of two that share a key the later one counts, in the place of the earlier.
    pub fn new(percents: &[f64]) -> Self {
        let mut list: Vec<Percentile> = Vec::with_capacity(percents.len());
        for percent in percents.iter().map(|percent| percent.clamp(0.0, 100.0)) {
            let key = percentile_key(percent);
            match list.iter_mut().find(|known| known.key == key) {
                Some(known) => known.percent = percent,
                None => list.push(Percentile { percent, key }),
            }
        }
        Self(list)
    }

    /// The percentiles in order.
    pub fn as_slice(&self) -> &[Percentile] {
        &self.0
    }
}

/// Key of a percentile in a report.
#[expect(clippy::float_cmp, reason = "upstream names the number 50 itself, and no other")]
pub fn percentile_key(percent: f64) -> String {
    if percent == 50.0 { "median".to_owned() } else { format!("p{}", six_digits(percent)) }
}

/// `value` with six significant digits, trailing zeros dropped: what C calls `%g`.
fn six_digits(value: f64) -> String {
    let scientific = format!("{value:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |digits: &str| -> String {
        if digits.contains('.') {
            digits.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            digits.to_owned()
        }
    };
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(5 - exponent).unwrap_or(0);
        trim(&format!("{value:.decimals$}"))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
    }
}

/// Where a percentile lies between two order statistics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Rank of the lower order statistic, from 0.
    pub rank: u64,
    /// Rank of the upper one; equal to `rank` at the end of the sample.
    pub next: u64,
    /// How far between them, 0 to 1.
    pub fraction: f64,
}

/// Position of `percent` in a sample of `count` values (Hyndman–Fan type 7, NumPy's `linear`): h = (n − 1)·p.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= h <= count - 1")]
pub fn position(count: u64, percent: f64) -> Position {
    let last = count.saturating_sub(1);
    let h = last as f64 * (percent / 100.0);
    let rank = (h.floor() as u64).min(last);
    Position { rank, next: (rank + 1).min(last), fraction: h - rank as f64 }
}

/// Value at `fraction` between `low` and `high`, computed from the nearer end as NumPy does.
pub fn interpolate(low: f64, high: f64, fraction: f64) -> f64 {
    let difference = high - low;
    if fraction < 0.5 { low + difference * fraction } else { high - difference * (1.0 - fraction) }
}

/// Percentile of ascending values; `None` if there are none.
pub fn quantile(sorted: &[f64], percent: f64) -> Option<f64> {
    let at = position(sorted.len() as u64, percent);
    let value = |rank: u64| usize::try_from(rank).ok().and_then(|rank| sorted.get(rank)).copied();
    Some(interpolate(value(at.rank)?, value(at.next)?, at.fraction))
}

/// Percentile of values in any order, which are reordered; `None` if there are none.
pub fn quantile_of(values: &mut [f64], percent: f64) -> Option<f64> {
    let at = position(values.len() as u64, percent);
    let rank = usize::try_from(at.rank).ok().filter(|rank| *rank < values.len())?;
    let (_, low, above) = values.select_nth_unstable_by(rank, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(interpolate(low, high, at.fraction))
}

/// Mean by pairwise summation; `None` if there are no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| pairwise_sum(values) / values.len() as f64)
}

/// Sample standard deviation (n − 1 in the denominator) of values whose mean is `mean`; `None` of fewer than two.
pub fn standard_deviation(values: &[f64], mean: f64) -> Option<f64> {
    let others = values.len().checked_sub(1).filter(|others| *others > 0)? as f64;
    let squares: Vec<f64> = values.iter().map(|value| (value - mean) * (value - mean)).collect();
    Some((pairwise_sum(&squares) / others).sqrt())
}

/// Sum as NumPy adds a contiguous array: eight running sums up to 128 values, halves above.
pub fn pairwise_sum(values: &[f64]) -> f64 {
    const BLOCK: usize = 128;
    if values.len() < 8 {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let (chunks, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (index, chunk) in chunks.iter().enumerate() {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            // The first chunk starts the sums: adding it to zero would turn -0.0 into 0.0.
            *sum = if index == 0 { *value } else { *sum + value };
        }
    }
    let pairs = [sums[0] + sums[1], sums[2] + sums[3], sums[4] + sums[5], sums[6] + sums[7]];
    rest.iter().fold((pairs[0] + pairs[1]) + (pairs[2] + pairs[3]), |sum, value| sum + value)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_named_as_upstream_names_them() {
        let keys: Vec<String> =
            [0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 99.9, 12.5, 99.9999, 99.99999, 0.00001, 100.0, 0.0]
                .map(percentile_key)
                .to_vec();
        assert_eq!(
            keys,
            [
                "p0.1", "p1", "p5", "p10", "p25", "median", "p75", "p99.9", "p12.5", "p99.9999", "p100",
                "p1e-05", "p100", "p0"
            ]
        );
    }

    #[test]
    fn later_percentile_overwrites_one_with_the_same_key() {
        let percentiles = Percentiles::new(&[99.99999, 50.0, 99.999_999]);
        let listed: Vec<(&str, f64)> =
            percentiles.as_slice().iter().map(|p| (p.key.as_str(), p.percent)).collect();
        assert_eq!(listed, [("p100", 99.999_999), ("median", 50.0)]);
    }

    #[test]
    fn known_percentiles() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&sorted, 0.0), Some(1.0));
        assert_eq!(quantile(&sorted, 50.0), Some(2.5));
        assert_eq!(quantile(&sorted, 90.0), Some(3.7));
        assert_eq!(quantile(&sorted, 100.0), Some(4.0));
        assert_eq!(quantile(&[7.0], 99.9), Some(7.0));
        assert_eq!(quantile(&[], 50.0), None);
        assert_eq!(quantile_of(&mut [], 50.0), None);
    }

    #[test]
    fn means_equal_numpy_to_the_last_bit() {
        // Expected values: numpy.mean of the same sequences.
        let tenths: Vec<f64> = (0..1000).map(|i| f64::from(i) * 0.1).collect();
        assert_eq!(mean(&tenths), Some(49.95));
        let thirds: Vec<f64> = (1..=1003).map(|i| 1.0 / f64::from(i)).collect();
        assert_eq!(mean(&thirds).map(f64::to_bits), Some(NUMPY_MEAN_OF_RECIPROCALS));
        assert_eq!(mean(&[]), None);
    }

    /// Bits of `numpy.mean([1/i for i in range(1, 1004)])`.
    const NUMPY_MEAN_OF_RECIPROCALS: u64 = 4_575_257_810_977_532_112;

    proptest! {
        #[test]
        fn selection_equals_sorting(mut values in prop::collection::vec(-1e6_f64..1e6, 1..200), percent in 0.0_f64..=100.0) {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!(quantile_of(&mut values, percent), quantile(&sorted, percent));
        }

        #[test]
        fn percentiles_grow_and_stay_inside(mut values in prop::collection::vec(-1e6_f64..1e6, 1..200), a in 0.0_f64..=100.0, b in 0.0_f64..=100.0) {
            values.sort_by(f64::total_cmp);
            let (low, high) = (quantile(&values, a.min(b)), quantile(&values, a.max(b)));
            prop_assert!(low <= high);
            prop_assert!(low >= values.first().copied() && high <= values.last().copied());
        }

        #[test]
        fn pairwise_sum_is_close_to_the_exact_sum(values in prop::collection::vec(0_u32..1_000_000, 0..2000)) {
            let exact: u64 = values.iter().map(|v| u64::from(*v)).sum();
            let floats: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            prop_assert_eq!(pairwise_sum(&floats), exact as f64);
        }
    }
}
