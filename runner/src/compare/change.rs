//! From estimates to changes: how large, how surely, and what could have been seen.

use benchmark_schemas::report::Verdict;

use super::bootstrap::{BLOCKS, Estimate, estimates, scaled};
use super::metric::Key;
use super::sample::{RunSample, StageSample};
use super::student::quantile;

/// Probability on each side of a 95 % interval.
pub const TAIL: f64 = 0.025;
/// Probability with which a change of the detectable size is missed.
const MISSED: f64 = 0.05;

/// The runs of one side; at least one.
pub type Side<'a> = &'a [RunSample];

/// Two sides beside one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Runs of each side.
    pub runs: [usize; 2],
    /// The stages that both sides have, by number.
    pub stages: Vec<StageComparison>,
    /// Stages that were left out, with the reason.
    pub left_out: Vec<String>,
}

impl Comparison {
    /// True if no side shows how much runs differ by themselves.
    pub fn between_runs_unknown(&self) -> bool {
        self.runs == [1, 1]
    }
}

/// A stage beside its counterpart.
#[derive(Debug, Clone, PartialEq)]
pub struct StageComparison {
    /// Its number.
    pub stage: u32,
    /// Configured rate, requests/s.
    pub rate: f64,
    /// Requests in flight of a closed loop.
    pub concurrency: Option<u64>,
    /// Why it cannot decide a condition; `None` if it can.
    pub unfit: Option<String>,
    /// The same requests were due at the same instants on both sides.
    pub paired: bool,
    /// What changed, in the order of the keys; `None` where a side has no value.
    pub changes: Vec<(Key, Option<Change>)>,
}

/// A change of a statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Mean of the base's runs: geometric, of shares arithmetic.
    pub base: f64,
    /// The same of the new ones.
    pub new: f64,
    /// Change on the scale of [`scaled`].
    difference: f64,
    /// Its standard error.
    error: f64,
    degrees_of_freedom: u32,
    is_share: bool,
    /// Each side has as many requests as the statistic needs.
    pub enough: bool,
}

impl Change {
    /// The change relative to the base, 0.05 for 5 % more; of shares the difference.
    pub fn relative(&self) -> f64 {
        self.unscaled(self.difference)
    }

    /// Bounds of the change, each exceeded with probability `tail` by chance alone.
    pub fn bounds(&self, tail: f64) -> [f64; 2] {
        let half = quantile(tail, self.degrees_of_freedom) * self.error;
        [self.difference - half, self.difference + half].map(|difference| self.unscaled(difference))
    }

    /// The 95 % interval.
    pub fn interval(&self) -> [f64; 2] {
        self.bounds(TAIL)
    }

    /// Smallest increase that these runs would have shown with 95 % chance: whose 95 % interval lies above zero.
    pub fn detectable(&self) -> f64 {
        let factors = quantile(TAIL, self.degrees_of_freedom) + quantile(MISSED, self.degrees_of_freedom);
        self.unscaled(factors * self.error)
    }

    fn unscaled(&self, difference: f64) -> f64 {
        if self.is_share { difference } else { difference.exp_m1() }
    }
}

/// Compares `new` with `base` by `keys`. `seed` fixes the resamples.
pub fn compare(base: Side<'_>, new: Side<'_>, keys: &[Key], seed: u64) -> Comparison {
    let mut comparison =
        Comparison { runs: [base.len(), new.len()], stages: Vec::new(), left_out: Vec::new() };
    let all: Vec<&RunSample> = base.iter().chain(new).collect();
    let mut numbers: Vec<u32> = all.iter().flat_map(|run| run.stages.keys().copied()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let (Some(base), Some(new)) = (of_side(base, number), of_side(new, number)) else {
            let without: Vec<&str> = all
                .iter()
                .filter(|run| !run.stages.contains_key(&number))
                .map(|run| run.name.as_str())
                .collect();
            comparison.left_out.push(format!("stage {number}: {} has none", without.join(", ")));
            continue;
        };
        let first = base[0];
        if base.iter().chain(&new).any(|stage| !stage.has_the_load_of(first)) {
            comparison.left_out.push(format!("stage {number}: its load is not the same in all runs"));
            continue;
        }
        comparison.stages.push(stage(number, &base, &new, keys, seed));
    }
    comparison
}

/// The stage `number` of each run of a side; `None` if one has none.
fn of_side(side: Side<'_>, number: u32) -> Option<Vec<&StageSample>> {
    side.iter().map(|run| run.stages.get(&number)).collect()
}

fn stage(
    number: u32,
    base: &[&StageSample],
    new: &[&StageSample],
    keys: &[Key],
    seed: u64,
) -> StageComparison {
    let paired = matches!((base, new), ([base], [new]) if base.has_the_schedule_of(new));
    // Of one schedule the same blocks are drawn on both sides, else blocks that have nothing to do with one another.
    let seed_of = |run: usize| if paired { seed } else { seed.wrapping_add(1 + run as u64) };
    let estimated = |side: &[&StageSample], from: usize| -> Vec<Vec<Option<Estimate>>> {
        side.iter().enumerate().map(|(run, stage)| estimates(stage, keys, seed_of(from + run))).collect()
    };
    let (base_estimates, new_estimates) = (estimated(base, 0), estimated(new, base.len()));
    let changes = keys.iter().enumerate().map(|(place, key)| {
        let of = |side: &[Vec<Option<Estimate>>]| -> Option<Vec<Estimate>> {
            side.iter().map(|run| run[place].clone()).collect()
        };
        let both = of(&base_estimates).zip(of(&new_estimates));
        (*key, both.and_then(|(base, new)| change(*key, &base, &new, paired)))
    });
    StageComparison {
        stage: number,
        rate: base[0].rate,
        concurrency: base[0].concurrency,
        unfit: unfit(base.iter().chain(new)),
        paired,
        changes: changes.collect(),
    }
}

/// Why stages like these cannot decide a condition.
fn unfit<'a>(mut stages: impl Iterator<Item = &'a &'a StageSample> + Clone) -> Option<String> {
    let has = |verdict: Verdict| stages.clone().any(|stage| stage.verdict == verdict);
    if has(Verdict::InvalidClient) {
        return Some("the load generator was too slow in one of the runs".to_owned());
    }
    if has(Verdict::Saturated) {
        return Some("a run was saturated: its latencies grow with the length of the stage".to_owned());
    }
    stages.find(|stage| stage.requests.is_empty()).map(|_| "a run has no request".to_owned())
}

/// The change from `base` to `new`, the same statistic of each run.
fn change(key: Key, base: &[Estimate], new: &[Estimate], paired: bool) -> Option<Change> {
    let scales = |side: &[Estimate]| side.iter().map(|it| scaled(key, it.value)).collect::<Vec<f64>>();
    let (base_scales, new_scales) = (scales(base), scales(new));
    if base_scales.iter().chain(&new_scales).any(|value| !value.is_finite()) {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (base_mean, new_mean) = (mean(&base_scales), mean(&new_scales));
    // What is not spread in a sample is no surer for being paired.
    let paired = paired && !key.metric.is_share();
    let within = if paired { paired_error(&base[0], &new[0]) } else { within_runs(key, base, new) };
    let between = between_runs(&base_scales, &new_scales);
    let (error, degrees_of_freedom) = match between {
        // Runs differ at least by what chance does within them; the fewer runs, the less is known of how much more.
        Some((between, degrees)) => (between.max(within), degrees),
        None => (within, degrees_within(if paired { 1 } else { 2 })),
    };
    let enough = base.iter().chain(new).all(|it| it.requests >= key.requests_needed());
    let is_share = key.metric.is_share();
    let unscaled = |value: f64| if is_share { value } else { value.exp() };
    Some(Change {
        base: unscaled(base_mean),
        new: unscaled(new_mean),
        difference: new_mean - base_mean,
        error,
        degrees_of_freedom,
        is_share,
        enough,
    })
}

/// What the spread of blocks is known by: about as many as there are, less one for each sample.
fn degrees_within(samples: u32) -> u32 {
    u32::try_from(BLOCKS).map_or(1, |blocks| samples * (blocks - 1))
}

/// Standard error of the difference of the sides' means from chance within runs alone.
fn within_runs(key: Key, base: &[Estimate], new: &[Estimate]) -> f64 {
    let variance = |side: &[Estimate]| {
        side.iter().map(|estimate| variance_within(key, estimate)).sum::<f64>() / (side.len() as f64).powi(2)
    };
    (variance(base) + variance(new)).sqrt()
}

fn variance_within(key: Key, estimate: &Estimate) -> f64 {
    let found = variance(estimate.resampled.iter().copied());
    if !key.metric.is_share() {
        return found;
    }
    // A sample without a failure has no spread, but is not sure of that.
    let requests = estimate.requests as f64;
    let share = (estimate.value * requests + 1.0) / (requests + 2.0);
    found.max(share * (1.0 - share) / requests)
}

/// The same where resamples are of the same requests on both sides, so that what the load did to both cancels out.
fn paired_error(base: &Estimate, new: &Estimate) -> f64 {
    variance(base.resampled.iter().zip(&new.resampled).map(|(base, new)| new - base)).sqrt()
}

/// Sample variance of what is finite in `values`.
fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    if finite.len() < 2 {
        return 0.0;
    }
    let mean = finite.iter().sum::<f64>() / finite.len() as f64;
    finite.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (finite.len() - 1) as f64
}

/// Standard error of the difference of the sides' means from how much runs differ, taken for equal on both sides, and
/// its degrees of freedom; `None` if neither side has two runs.
fn between_runs(base: &[f64], new: &[f64]) -> Option<(f64, u32)> {
    let squares = |values: &[f64]| variance(values.iter().copied()) * (values.len() - 1) as f64;
    let degrees = base.len() + new.len() - 2;
    if degrees == 0 {
        return None;
    }
    let spread = (squares(base) + squares(new)) / degrees as f64;
    let means = 1.0 / base.len() as f64 + 1.0 / new.len() as f64;
    Some(((spread * means).sqrt(), u32::try_from(degrees).unwrap_or(u32::MAX)))
}
