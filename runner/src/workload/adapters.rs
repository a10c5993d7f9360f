//! `load.lora_traffic_split`: which LoRA adapter a request asks for.
//!
//! The choice is a function of (seed, stage, index), so it repeats whatever the number of workers, and whoever knows a
//! request's place knows its adapter.

use benchmark_schemas::config::AdapterShare;
use rand::RngExt;

use crate::seed::{Purpose, Seed};

/// The adapters and their shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapters {
    seed: Seed,
    /// Names, each with the sum of the shares up to and with its own; the last one is 1.
    ends: Vec<(f64, String)>,
}

impl Adapters {
    /// The adapters of `split`, whose shares need to sum to 1 only about; `None` if there are none.
    pub fn new(seed: Seed, split: &[AdapterShare]) -> Option<Self> {
        let whole: f64 = split.iter().map(|share| share.split).sum();
        let mut sum = 0.0;
        let mut ends: Vec<_> = split
            .iter()
            .map(|share| {
                sum += share.split / whole;
                (sum, share.name.clone())
            })
            .collect();
        // Whatever rounding has made of it: but an adapter without a share gets none by that.
        let last = split.iter().rposition(|share| share.split > 0.0)?;
        ends.truncate(last + 1);
        ends.last_mut()?.0 = 1.0;
        Some(Self { seed, ends })
    }

    /// Adapter of request `index` of `stage`.
    pub fn of(&self, stage: u32, index: u64) -> &str {
        let drawn: f64 = self.seed.rng(Purpose::Adapter, stage, index).random();
        let position = self.ends.partition_point(|(end, _)| *end <= drawn).min(self.ends.len() - 1);
        &self.ends[position].1
    }

    /// Names of the adapters that requests may ask for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().map(|(_, name)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapters(seed: u64, shares: &[(&str, f64)]) -> Option<Adapters> {
        let share = |&(name, split): &(&str, f64)| AdapterShare { name: name.to_owned(), split };
        Adapters::new(Seed(seed), &shares.iter().map(share).collect::<Vec<_>>())
    }

    #[test]
    fn requests_are_shared_out_and_the_choice_repeats() {
        // Sums that are not exactly 1 as floats.
        let adapters = adapters(7, &[("a", 0.7), ("b", 0.2), ("c", 0.1), ("d", 0.0)]).expect("adapters");
        let count =
            |stage, name: &str| (0..20_000).filter(|&index| adapters.of(stage, index) == name).count() as f64;
        for (name, share) in [("a", 0.7), ("b", 0.2), ("c", 0.1), ("d", 0.0)] {
            // Six standard errors.
            let tolerance = 6.0 * (20_000.0_f64 * share * (1.0 - share)).sqrt();
            assert!((count(0, name) - 20_000.0 * share).abs() <= tolerance, "{name}");
        }
        let choices = |adapters: &Adapters, stage| -> Vec<String> {
            (0..50).map(|index| adapters.of(stage, index).to_owned()).collect()
        };
        let again = Adapters { ..adapters.clone() };
        assert_eq!(choices(&adapters, 1), choices(&again, 1));
        assert_ne!(choices(&adapters, 1), choices(&adapters, 2));
        assert_ne!(choices(&adapters, 1), choices(&Adapters { seed: Seed(8), ..again }, 1));
    }

    #[test]
    fn without_shares_there_are_no_adapters() {
        assert_eq!(adapters(1, &[]), None);
        assert_eq!(adapters(1, &[("a", 0.0)]), None);
        let one = adapters(1, &[("a", 1.0)]).expect("an adapter");
        assert!((0..100).all(|index| one.of(0, index) == "a"));
    }
}
