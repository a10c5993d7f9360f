//! One sample of numbers whose exact percentiles are found in bounded memory, however large it is.
//!
//! A small sample is kept whole. Of a large one only a histogram is kept, and the same numbers are pushed again in
//! further passes: each pass looks closer at the few slices of the number line in which the wanted order statistics
//! lie, until those slices are small enough to be kept whole. Floating-point numbers are ordered by the bits of an
//! integer, so four passes of 16 bits end every search.

use std::collections::BTreeMap;

mod counts;
mod slice;

use super::percentile::{self, Percentiles};
use slice::Slice;

/// Numbers that a pool keeps at most (256 KiB): a run has some dozens of pools.
const CAPACITY: u64 = 1 << 15;

/// Mean, extremes and percentiles of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Dist {
    /// Arithmetic mean.
    pub mean: f64,
    /// Smallest value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Key and value of each percentile, in the order of the configuration.
    pub percentiles: Vec<(String, f64)>,
}

impl Dist {
    /// Value under `key` (`median`, `p90`, …), if the configuration asks for it.
    pub fn percentile(&self, key: &str) -> Option<f64> {
        self.percentiles.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }
}

/// A sample of finite numbers.
#[derive(Debug, Clone)]
pub struct Pool {
    capacity: u64,
    first_pass: bool,
    count: u64,
    min: f64,
    max: f64,
    sum: CompensatedSum,
    spread: Spread,
    mean: Option<f64>,
    deviation: Option<f64>,
    state: State,
    /// Order statistics found so far, by rank.
    found: BTreeMap<u64, f64>,
}

#[derive(Debug, Clone)]
enum State {
    Whole(Vec<f64>),
    Narrowing(Vec<Slice>),
}

impl Default for Pool {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Pool {
    /// A pool that keeps at most `capacity` numbers.
    fn with_capacity(capacity: u64) -> Self {
        Self {
            capacity,
            first_pass: true,
            count: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: CompensatedSum::default(),
            spread: Spread::default(),
            mean: None,
            deviation: None,
            state: State::Whole(Vec::new()),
            found: BTreeMap::new(),
        }
    }

    /// Adds `value`; in a later pass: shows it again. Passes must bring the same numbers, in any order.
    pub fn push(&mut self, value: f64) {
        debug_assert!(value.is_finite(), "latencies, sizes and counts are finite");
        // -0.0 and 0.0 are one number and must have one place in the order of bits.
        let value = value + 0.0;
        if self.first_pass {
            self.count += 1;
            self.min = self.min.min(value);
            self.max = self.max.max(value);
            self.sum.add(value);
            self.spread.add(value, self.count);
        }
        match &mut self.state {
            State::Whole(values) if self.first_pass => {
                values.push(value);
                if self.count > self.capacity {
                    self.state = State::Narrowing(vec![Slice::root(values)]);
                }
            }
            State::Whole(_) => {}
            State::Narrowing(slices) => Slice::show(slices, value),
        }
    }

    /// Ends a pass; true if the numbers must be pushed once more before [`Self::dist`] is complete.
    pub fn end_pass(&mut self, percentiles: &Percentiles) -> bool {
        let first = std::mem::replace(&mut self.first_pass, false);
        match &mut self.state {
            State::Whole(values) if first => {
                self.mean = percentile::mean(values);
                self.deviation = self.mean.and_then(|mean| percentile::standard_deviation(values, mean));
                values.sort_unstable_by(f64::total_cmp);
                for rank in wanted_ranks(self.count, percentiles) {
                    if let Some(value) = usize::try_from(rank).ok().and_then(|rank| values.get(rank)) {
                        self.found.insert(rank, *value);
                    }
                }
                self.state = State::Whole(Vec::new());
            }
            State::Whole(_) => {}
            State::Narrowing(slices) => {
                if first {
                    self.mean = Some(self.sum.total() / self.count as f64);
                    self.deviation = self.spread.deviation(self.count);
                    for slice in slices.iter_mut() {
                        slice.ranks = wanted_ranks(self.count, percentiles);
                    }
                }
                *slices = Slice::narrow(std::mem::take(slices), self.capacity, &mut self.found);
                return !slices.is_empty();
            }
        }
        false
    }

    /// True if this pass needs the numbers.
    pub fn is_open(&self) -> bool {
        self.first_pass || matches!(&self.state, State::Narrowing(slices) if !slices.is_empty())
    }

    /// Numbers in the sample.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of the sample.
    pub fn sum(&self) -> f64 {
        self.sum.total()
    }

    /// Sample standard deviation; `None` of fewer than two numbers. Complete once the first pass has ended.
    pub fn standard_deviation(&self) -> Option<f64> {
        self.deviation
    }

    /// The statistics; `None` if there are no numbers. Complete once [`Self::end_pass`] has returned false.
    pub fn dist(&self, percentiles: &Percentiles) -> Option<Dist> {
        let mean = self.mean?;
        let at = |percent: f64| -> Option<f64> {
            let position = percentile::position(self.count, percent);
            let value = |rank| self.found.get(&rank).copied();
            Some(percentile::interpolate(value(position.rank)?, value(position.next)?, position.fraction))
        };
        let percentiles = percentiles
            .as_slice()
            .iter()
            .filter_map(|wanted| Some((wanted.key.clone(), at(wanted.percent)?)))
            .collect();
        Some(Dist { mean, min: self.min, max: self.max, percentiles })
    }
}

fn wanted_ranks(count: u64, percentiles: &Percentiles) -> Vec<u64> {
    let mut ranks: Vec<u64> = percentiles
        .as_slice()
        .iter()
        .map(|wanted| percentile::position(count, wanted.percent))
        .flat_map(|position| [position.rank, position.next])
        .collect();
    ranks.sort_unstable();
    ranks.dedup();
    ranks
}

/// Running sum with the rounding error carried along (Neumaier).
#[derive(Debug, Clone, Copy, Default)]
struct CompensatedSum {
    sum: f64,
    lost: f64,
}

impl CompensatedSum {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        self.lost +=
            if self.sum.abs() >= value.abs() { (self.sum - sum) + value } else { (value - sum) + self.sum };
        self.sum = sum;
    }

    fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// Sums of distances from the first number, for the standard deviation of a sample that is not kept: the distances are
/// about as small as the deviation itself, so little is lost to cancellation.
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    first: f64,
    distances: f64,
    squares: f64,
}

impl Spread {
    /// Adds `value`, the `count`-th number of the sample.
    fn add(&mut self, value: f64, count: u64) {
        if count == 1 {
            self.first = value;
        }
        let distance = value - self.first;
        self.distances += distance;
        self.squares += distance * distance;
    }

    fn deviation(&self, count: u64) -> Option<f64> {
        let others = count.checked_sub(1).filter(|others| *others > 0)? as f64;
        let squares = self.squares - self.distances * self.distances / count as f64;
        Some((squares.max(0.0) / others).sqrt())
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod tests {
    use super::slice::{from_ordered_bits, ordered_bits};
    use super::*;
    use proptest::prelude::*;

    fn percentiles() -> Percentiles {
        Percentiles::new(&[0.0, 0.1, 1.0, 25.0, 50.0, 90.0, 99.9, 100.0])
    }

    fn run(values: &[f64], capacity: u64) -> (Option<Dist>, u32) {
        let (pool, passes) = filled(values, capacity);
        (pool.dist(&percentiles()), passes)
    }

    fn filled(values: &[f64], capacity: u64) -> (Pool, u32) {
        let (percentiles, mut pool) = (percentiles(), Pool::with_capacity(capacity));
        let mut passes = 0;
        loop {
            for value in values {
                pool.push(*value);
            }
            passes += 1;
            if !pool.end_pass(&percentiles) {
                return (pool, passes);
            }
        }
    }

    #[test]
    fn empty_sample_has_no_statistics() {
        assert_eq!(run(&[], 10), (None, 1));
    }

    #[test]
    fn equal_numbers_beyond_the_capacity_end_the_search() {
        let (dist, passes) = run(&[0.25; 1000], 10);
        let dist = dist.expect("a thousand numbers");
        assert_eq!((dist.mean, dist.min, dist.max), (0.25, 0.25, 0.25));
        assert!(dist.percentiles.iter().all(|(_, value)| *value == 0.25));
        assert!(passes <= 4);
    }

    #[test]
    fn small_sample_takes_one_pass_and_a_large_one_few() {
        let values: Vec<f64> = (0..5000).map(|i| f64::from(i) * 0.001).collect();
        assert_eq!(run(&values, 5000).1, 1);
        assert!((2..=4).contains(&run(&values, 700).1));
    }

    #[test]
    fn deviation_is_the_samples() {
        assert_eq!(filled(&[], 10).0.standard_deviation(), None);
        assert_eq!(filled(&[3.0], 10).0.standard_deviation(), None);
        // Squares of the distances from 5: 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32, over 7.
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(filled(&values, 10).0.standard_deviation(), Some((32.0_f64 / 7.0).sqrt()));
        assert_eq!(filled(&values, 3).0.standard_deviation(), Some((32.0_f64 / 7.0).sqrt()));
        // A spread of a millionth of the values themselves.
        let values: Vec<f64> = (0..1000).map(|i| 1e6 + f64::from(i % 2)).collect();
        let [kept, not_kept] = [2000, 10].map(|capacity| filled(&values, capacity).0.standard_deviation());
        assert!((kept.expect("many") - not_kept.expect("many")).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn bounded_memory_changes_no_percentile(
            values in prop::collection::vec(prop_oneof![-1e3_f64..1e3, Just(0.0), Just(0.02), 0.0_f64..1e-6], 1..400),
            capacity in 1_u64..100,
        ) {
            let (whole, passes) = run(&values, 1000);
            prop_assert_eq!(passes, 1);
            let whole = whole.expect("at least one number");
            let bounded = run(&values, capacity).0.expect("at least one number");
            prop_assert_eq!(&whole.percentiles, &bounded.percentiles);
            prop_assert_eq!((whole.min, whole.max), (bounded.min, bounded.max));
            prop_assert!((whole.mean - bounded.mean).abs() <= 1e-9 * (1.0 + whole.mean.abs()));
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!(whole.percentile("p90"), percentile::quantile(&sorted, 90.0));
        }

        #[test]
        fn order_of_bits_is_order_of_numbers(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite());
            let (a, b) = (a + 0.0, b + 0.0);
            prop_assert_eq!(ordered_bits(a).cmp(&ordered_bits(b)), a.total_cmp(&b));
            prop_assert_eq!(from_ordered_bits(ordered_bits(a)).to_bits(), a.to_bits());
        }
    }
}
