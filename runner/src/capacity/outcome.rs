//! What a search found, as `capacity.json` says it, and how it enters the brackets.

use benchmark_schemas::report::{Bracket, Capacity, Estimate, Knee, Saturation, Search as Report};

use super::search::Search;
use crate::analysis::brackets;
use crate::analysis::limits::LIMITS;

/// 97.5 % quantile of the standard normal distribution.
const Z_975: f64 = 1.96;
/// A curve this steep is a step: what is allowed doubles within a hundredth of the rate.
const CLIFF: f64 = 60.0;

impl Search {
    /// What it found so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let slope = self.knees().lowest().filter(|_| !self.at_ceiling).map(|knee| knee.root.slope);
        let cliff = slope.is_some_and(|slope| slope >= CLIFF);
        let (low, high) = self.bracket();
        let known = self.at_ceiling || high.is_some();
        let slo_rate = self.rate().filter(|_| known).map(|(rate, error)| {
            let [from, to] = [-Z_975, Z_975].map(|z| rate * (z * error).exp());
            // Of a step only its two sides are known.
            let from = low.filter(|_| cliff).map_or(from, |low| from.min(low));
            let to = high.filter(|_| cliff).map_or(to, |high| to.max(high));
            Estimate { value: rate, interval: [from, to] }
        });
        let ending = self.ending();
        Report {
            profile: self.settings.profile,
            objectives: self.objectives.clone(),
            decided: ending.is_some_and(|ending| ending.decided),
            ending: ending.map_or_else(|| "it was interrupted".to_owned(), |ending| ending.said.clone()),
            throughput_ceiling: self.ladder.ceiling(),
            slo_rate,
            certified_rate: self.certified,
            efficient_rate: self.ladder.efficient_rate(),
            binding: self.binding(),
            cliff,
            load_minutes: self.load_seconds / 60.0,
            steps: self.steps.clone(),
        }
    }
}

/// Puts what the search found in place of what its stages say one by one: so many stages so near the knee contradict one
/// another by chance.
pub(super) fn enter(capacity: &mut Capacity, search: Report) {
    if let Some(rate) = search.slo_rate {
        let lower = search.certified_rate.unwrap_or(rate.interval[0]);
        let bracket: Bracket = [Some(lower), Some(rate.interval[1].max(lower))];
        capacity.knee = Knee {
            bracket,
            estimate: Some(rate),
            binding: search.binding,
            recommended: brackets::recommended(bracket, LIMITS.recommended_share),
            ..capacity.knee
        };
    } else {
        capacity.knee.binding = search.binding;
    }
    if let Some(ceiling) = search.throughput_ceiling {
        capacity.throughput_ceiling = Some(ceiling);
        let [lower, upper] = ceiling.interval;
        capacity.saturation = Saturation { bracket: [Some(lower), Some(upper)], estimate: Some(ceiling) };
    }
    capacity.resolution.statement = resolution(&search);
    capacity.notes.retain(|note| !note.starts_with("knee:") && !note.starts_with("saturation:"));
    capacity.search = Some(search);
}

/// How exactly the search knows what it looked for; what its stages could see one by one is beside the point.
fn resolution(search: &Report) -> String {
    let half = |known: Estimate| (known.interval[1] - known.interval[0]) / 2.0 / known.value * 100.0;
    let parts = [
        search
            .slo_rate
            .map(|rate| format!("the rate that meets the objectives is known to ±{:.1} %", half(rate))),
        search.throughput_ceiling.map(|most| format!("what is completed at most to ±{:.1} %", half(most))),
        search.cliff.then(|| "between its ends the objectives go from met to missed at once".to_owned()),
    ];
    let said = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if search.slo_rate.is_none() { format!("no rate can be stated: {}", search.ending) } else { said }
}
