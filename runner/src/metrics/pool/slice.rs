//! Parts of the number line that a search for order statistics still has to look at.

use std::collections::BTreeMap;

use super::counts::Counts;

/// Bits by which a pass narrows a slice.
pub(super) const STEP_BITS: u32 = 16;

/// All numbers whose ordered bits start with `prefix`.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    /// The leading bits.
    prefix: u64,
    /// Number of bits that follow the prefix.
    open_bits: u32,
    /// Numbers of the sample below the slice.
    below: u64,
    /// Wanted ranks in the whole sample that lie in the slice.
    pub(super) ranks: Vec<u64>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Values(Vec<f64>),
    Counts(Counts),
}

/// Bits that are ordered as the numbers are.
pub(super) fn ordered_bits(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

/// Inverse of [`ordered_bits`].
pub(super) fn from_ordered_bits(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

impl Slice {
    /// The whole number line, filled with `values`, which are given back.
    pub(super) fn root(values: &mut Vec<f64>) -> Self {
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
    pub(super) fn show(slices: &mut [Self], value: f64) {
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
    pub(super) fn narrow(slices: Vec<Self>, capacity: u64, found: &mut BTreeMap<u64, f64>) -> Vec<Self> {
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
