//! The law of a recorded trace, and a schedule that ends early.

use std::sync::Arc;

use benchmark_schemas::record::Nanos;

use super::{Arrival, Schedule};

/// Load type `trace_replay`: arrival `i` lies where row `i` of the trace lay from its first.
pub struct Recorded {
    offsets: Arc<[Nanos]>,
    count: u64,
}

impl Recorded {
    /// The first `count` rows, all if there are fewer. `offsets` never fall.
    #[must_use]
    pub fn new(offsets: Arc<[Nanos]>, count: u64) -> Self {
        let count = count.min(offsets.len() as u64);
        Self { offsets, count }
    }
}

impl Schedule for Recorded {
    fn count(&self) -> u64 {
        self.count
    }

    fn arrivals(&self) -> Box<dyn Iterator<Item = Arrival> + Send> {
        let offsets = Arc::clone(&self.offsets);
        let rows = (0..self.count).zip(0_usize..);
        Box::new(rows.map(move |(index, row)| Arrival { index, offset: offsets[row] }))
    }
}

/// The first arrivals of another schedule, which has its law by all of them.
pub struct First {
    inner: Arc<dyn Schedule>,
    count: u64,
}

impl First {
    /// The first `count` arrivals of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Schedule>, count: u64) -> Self {
        let count = count.min(inner.count());
        Self { inner, count }
    }
}

impl Schedule for First {
    fn count(&self) -> u64 {
        self.count
    }

    fn arrivals(&self) -> Box<dyn Iterator<Item = Arrival> + Send> {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        Box::new(self.inner.arrivals().take(count))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shard;
    use super::*;

    fn indexed(schedule: &dyn Schedule, shard: Shard) -> Vec<(u64, Nanos)> {
        shard.of(schedule).map(|arrival| (arrival.index, arrival.offset)).collect()
    }

    #[test]
    fn rows_are_arrivals_and_can_be_dealt_out() {
        let offsets: Arc<[Nanos]> = [0, 5, 5, 9].into();
        let recorded = Recorded::new(Arc::clone(&offsets), 10);
        assert_eq!(recorded.count(), 4, "a trace that is too short ends the stage");
        assert_eq!(indexed(&recorded, Shard::WHOLE), [(0, 0), (1, 5), (2, 5), (3, 9)]);
        assert_eq!(indexed(&recorded, Shard::WHOLE.part(1, 2)), [(1, 5), (3, 9)]);
        assert_eq!(indexed(&Recorded::new(offsets, 2), Shard::WHOLE), [(0, 0), (1, 5)]);
    }

    #[test]
    fn the_first_arrivals_are_those_of_the_whole() {
        let whole: Arc<dyn Schedule> = Arc::new(Recorded::new([0, 5, 9].into(), 3));
        let first = First::new(Arc::clone(&whole), 2);
        assert_eq!((first.count(), indexed(&first, Shard::WHOLE)), (2, vec![(0, 0), (1, 5)]));
        assert_eq!(First::new(whole, 7).count(), 3);
    }
}
