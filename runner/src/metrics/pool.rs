//! One sample of numbers whose exact percentiles are found in bounded memory, however large it is.
//!
//! A small sample is kept whole. Of a large one only a histogram is kept, and the same numbers are pushed again in
//! further passes: each pass looks closer at the few slices of the number line in which the wanted order statistics
//! lie, until those slices are small enough to be kept whole. Floating-point numbers are ordered by the bits of an
//! integer, so four passes of 16 bits end every search.

use std::collections::BTreeMap;

mod counts;

use super::percentile::{self, Percentiles};
use counts::Counts;

/// Numbers that a pool keeps at most (256 KiB): a run has some dozens of pools.
const CAPACITY: u64 = 1 << 15;

/// Bits by which a pass narrows a slice.
const STEP_BITS: u32 = 16;

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
    mean: Option<f64>,
    state: State,
    /// Order statistics found so far, by rank.
    found: BTreeMap<u64, f64>,
}

#[derive(Debug, Clone)]
enum State {
    Whole(Vec<f64>),
    Narrowing(Vec<Slice>),
}

/// All numbers whose ordered bits start with `prefix`.
#[derive(Debug, Clone)]
struct Slice {
    /// The leading bits.
    prefix: u64,
    /// Number of bits that follow the prefix.
    open_bits: u32,
    /// Numbers of the sample below the slice.
    below: u64,
    /// Wanted ranks in the whole sample that lie in the slice.
    ranks: Vec<u64>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Values(Vec<f64>),
    Counts(Counts),
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
            mean: None,
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

    /// Numbers in the sample.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of the sample.
    pub fn sum(&self) -> f64 {
        self.sum.total()
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

/// Bits that are ordered as the numbers are.
fn ordered_bits(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

/// Inverse of [`ordered_bits`].
fn from_ordered_bits(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

impl Slice {
    /// The whole number line, filled with `values`, which are given back.
    fn root(values: &mut Vec<f64>) -> Self {
        let mut root = Self {
            prefix: 0,
            open_bits: 64,
            below: 0,
            ranks: Vec::new(),
            content: Content::Counts(Counts::new()),
        };
        for value in std::mem::take(values) {
            root.add(value);
        }
        root
    }

    /// Adds `value` to the slice that holds it; `slices` are disjoint and ascending.
    fn show(slices: &mut [Self], value: f64) {
        let bits = ordered_bits(value);
        let index = slices.partition_point(|slice| slice.last_bits() < bits);
        if let Some(slice) = slices.get_mut(index).filter(|slice| slice.first_bits() <= bits) {
            slice.add(value);
        }
    }

    fn first_bits(&self) -> u64 {
        self.prefix.checked_shl(self.open_bits).unwrap_or(0)
    }

    fn last_bits(&self) -> u64 {
        self.first_bits() | 1_u64.checked_shl(self.open_bits).map_or(u64::MAX, |size| size - 1)
    }

    fn add(&mut self, value: f64) {
        match &mut self.content {
            Content::Values(values) => values.push(value),
            Content::Counts(counts) => {
                counts.add(ordered_bits(value) >> (self.open_bits - STEP_BITS));
            }
        }
    }

    /// Moves what the last pass has found into `found`; gives the slices that the next pass must look at.
    fn narrow(slices: Vec<Self>, capacity: u64, found: &mut BTreeMap<u64, f64>) -> Vec<Self> {
        let mut next = Vec::new();
        for mut slice in slices {
            match slice.content {
                Content::Values(ref mut values) => {
                    values.sort_unstable_by(f64::total_cmp);
                    for rank in &slice.ranks {
                        let place = usize::try_from(rank - slice.below).ok();
                        if let Some(value) = place.and_then(|place| values.get(place)) {
                            found.insert(*rank, *value);
                        }
                    }
                }
                Content::Counts(ref counts) => slice.split(counts, &mut next),
            }
        }
        next.retain(|(slice, _)| {
            // No open bit: all numbers of the slice are one and the same.
            if slice.open_bits == 0 {
                found.extend(slice.ranks.iter().map(|rank| (*rank, from_ordered_bits(slice.prefix))));
            }
            slice.open_bits > 0
        });
        // Small slices are kept whole first; the others are divided.
        let mut order: Vec<usize> = (0..next.len()).collect();
        order.sort_by_key(|index| next[*index].1);
        let mut left = capacity;
        for index in order {
            let (slice, size) = &mut next[index];
            if *size <= left {
                left -= *size;
                slice.content = Content::Values(Vec::new());
            }
        }
        next.into_iter().map(|(slice, _)| slice).collect()
    }

    /// Appends the parts of this slice that hold wanted ranks, with their sizes.
    fn split(&self, counts: &Counts, parts: &mut Vec<(Self, u64)>) {
        let mut below = self.below;
        for (bits, size) in counts.iter() {
            let prefix = self.prefix.checked_shl(STEP_BITS).unwrap_or(0) | bits;
            let above = below + size;
            let ranks: Vec<u64> =
                self.ranks.iter().copied().filter(|rank| (below..above).contains(rank)).collect();
            if !ranks.is_empty() {
                let open_bits = self.open_bits - STEP_BITS;
                let content = Content::Counts(Counts::new());
                parts.push((Self { prefix, open_bits, below, ranks, content }, size));
            }
            below = above;
        }
    }
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

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn percentiles() -> Percentiles {
        Percentiles::new(&[0.0, 0.1, 1.0, 25.0, 50.0, 90.0, 99.9, 100.0])
    }

    fn run(values: &[f64], capacity: u64) -> (Option<Dist>, u32) {
        let (percentiles, mut pool) = (percentiles(), Pool::with_capacity(capacity));
        let mut passes = 0;
        loop {
            for value in values {
                pool.push(*value);
            }
            passes += 1;
            if !pool.end_pass(&percentiles) {
                return (pool.dist(&percentiles), passes);
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
