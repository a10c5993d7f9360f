//! How often fixed stages find an overload, beside what theory says of them, and how often they find one that is not
//! there.
//!
//! Theory: in heavy traffic the backlog of a queue is Brownian motion with drift λ − μ and variance `λ·c_a² + μ·c_s²` a second,
//! reflected at zero. The statistic of the verdict is worked out for paths of that motion here by itself; nothing of the
//! code under test is in it.

use benchmark_schemas::record::Pacing;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

use super::queue::{Queue, Service, Step};
use crate::analysis::backlog::{self, Backlog};
use crate::analysis::series::{Arrival, Series};
use crate::metrics::MetricOptions;

const SECONDS: f64 = 60.0;
const CAPACITY: f64 = 50.0;
const RUNS: u64 = 1_000;
/// Paths of the motion for each load, and steps of each.
const PATHS: u64 = 4_000;
const STEPS: usize = 3_000;

/// Independent exponential gaps.
const POISSON: Pacing = Pacing::Gamma { burstiness: 1.0 };

/// One slot, exponential services, no tokens.
fn queue() -> Queue {
    let queue = Queue::new(1, Service::Exponential, SECONDS);
    Queue { service_seconds: 1.0 / CAPACITY, pacing: POISSON, in_flight_cap: 5_000, chunks: false, ..queue }
}

/// For each stage of a run: is the backlog found to grow?
fn found(queue: &Queue, rates: &[f64], seed: u64) -> Vec<bool> {
    let (mut arrivals, mut found, options) = (Vec::new(), Vec::new(), MetricOptions::default());
    queue.go_through(rates, seed, |step| match step {
        Step::Request(record) => arrivals.push(Arrival::of(&record, &options)),
        Step::Ended(facts) => {
            let series = Series::new(std::mem::take(&mut arrivals), &facts);
            found.push(matches!(backlog::measure(&series), Backlog::Measured(growth) if growth.grows()));
        }
    });
    found
}

/// A path of the motion, `STEPS` values over the stage.
fn path(rate: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let step = SECONDS / STEPS as f64;
    let (drift, deviation) = ((rate - CAPACITY) * step, ((rate + CAPACITY) * step).sqrt());
    let mut level = 0.0_f64;
    (0..STEPS)
        .map(|_| {
            let normal: f64 = StandardNormal.sample(rng);
            level = (level + drift + deviation * normal).max(0.0);
            level
        })
        .collect()
}

/// The verdict's statistic of a path: slope over eight batches, the greater of two standard errors, one-sided 95 %.
fn is_found(path: &[f64], rate: f64) -> bool {
    let mut sorted = path.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Who comes at a level waits for as long as the server takes for so many.
    let median_latency = sorted[STEPS / 2] / CAPACITY;
    let fill = (3.0 * median_latency).clamp(0.15 * SECONDS, 0.5 * SECONDS);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let from = (fill / SECONDS * STEPS as f64) as usize;
    let batch = (STEPS - from) / 8;
    let means: Vec<f64> = (0..8)
        .map(|i| path[from + i * batch..from + (i + 1) * batch].iter().sum::<f64>() / batch as f64)
        .collect();
    let levels: Vec<f64> = (0..=8).map(|i| path[(from + i * batch).min(STEPS - 1)]).collect();
    let unit = rate * batch as f64 * SECONDS / STEPS as f64;
    // Σ(i − 3.5)² over eight batches is 42.
    let centre = means.iter().sum::<f64>() / 8.0;
    let slope = (0..8).map(|i| (i as f64 - 3.5) * (means[i] - centre)).sum::<f64>() / 42.0;
    let residual: f64 = (0..8).map(|i| (means[i] - centre - slope * (i as f64 - 3.5)).powi(2)).sum();
    let steps: Vec<f64> = levels.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean_step = steps.iter().sum::<f64>() / 8.0;
    let wander = (steps.iter().map(|step| (step - mean_step).powi(2)).sum::<f64>() / 7.0 * 1.2 / 8.0).sqrt();
    let error = (residual / 6.0 / 42.0).sqrt().max(wander);
    (slope - 1.943 * error) / unit > 0.02
}

#[test]
fn overload_is_found_as_often_as_theory_says() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for load in [1.05, 1.10, 1.20, 1.40] {
        let rate = load * CAPACITY;
        let hits = counted(|seed| found(&queue(), &[rate], seed)[0]) as f64;
        let theory =
            (0..PATHS).filter(|_| is_found(&path(rate, &mut rng), rate)).count() as f64 / PATHS as f64;
        let power = hits / RUNS as f64;
        // Both are counted; a power of all or nothing has the deviation of one run.
        let variance = (theory * (1.0 - theory)).max(1.0 / RUNS as f64);
        let error = (variance * (1.0 / RUNS as f64 + 1.0 / PATHS as f64)).sqrt();
        println!("load {load}: found {power:.3}, theory {theory:.3}, standard error {error:.3}");
        assert!((power - theory).abs() <= 3.0 * error, "load {load}: {power} and {theory}");
    }
}

/// Of how many of the runs `holds` is true of their seeds; the cores share the work.
fn counted(holds: impl Fn(u64) -> bool + Sync) -> usize {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let holds = &holds;
        let share = |first: u64| move || (first..RUNS).step_by(threads).filter(|seed| holds(*seed)).count();
        let running: Vec<_> = (0..).take(threads).map(|first| scope.spawn(share(first))).collect();
        running.into_iter().map(|thread| thread.join().expect("no run panics")).sum()
    })
}

#[test]
fn in_a_thousand_runs_few_find_an_overload_that_is_not_there() {
    let fast = queue();
    let slow = Queue { in_flight_cap: 5_000, chunks: false, ..Queue::new(8, Service::Exponential, 180.0) };
    for queue in [fast, slow] {
        let rates: Vec<f64> = [0.3, 0.5, 0.7, 0.85, 0.95].map(|load| load * queue.capacity()).to_vec();
        let runs = counted(|seed| found(&queue, &rates, seed).contains(&true));
        println!(
            "{} slots: {runs} of {RUNS} runs with a false alarm in any of {} stages",
            queue.servers,
            rates.len()
        );
        assert!(runs as f64 <= 0.05 * RUNS as f64, "{runs} of {RUNS}");
    }
}
