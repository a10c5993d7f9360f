//! What `benchmark-render plan` says that a stage can detect, against servers simulated in virtual time.
//!
//! The arrivals are the runner's own schedules. The server takes requests one after the other with exponential service
//! times; a stage calls it overloaded if at its last arrival more is unfinished than chance explains.

use anyhow::{Context as _, Result};
use benchmark_schemas::plan::{FALSE_ALARMS, POWER, Resolution};
use benchmark_schemas::record::Pacing;
use inference_perf::plan::StagePlan;
use inference_perf::schedule::{Shard, of_stage};
use inference_perf::seed::{Purpose, Seed};
use rand_distr::{Distribution as _, Exp1};

const RATE: f64 = 10.0;
const RUNS: u64 = 2_000;
/// One-sided quantile of the standard normal distribution at 5 %.
const Z: f64 = 1.645;
/// Simulated and stated probabilities differ by at most this.
const WITHIN: f64 = 0.05;

/// What the server does with the time before the first request.
#[derive(Clone, Copy, PartialEq)]
enum Server {
    /// It waits, as a real one does.
    StartsEmpty,
    /// It is behind already, so that it is never without work.
    AlwaysBusy,
}

/// Share of stages that call a server of `capacity` overloaded.
fn alarms(pacing: Pacing, seconds: f64, capacity: f64, cv2: [f64; 2], server: Server) -> f64 {
    let alarms = (0..RUNS).filter(|&run| {
        let seed = Seed(run);
        let stage = StagePlan::new(0, RATE, seconds, pacing);
        let arrivals: Vec<f64> =
            Shard::WHOLE.of(&*of_stage(&stage, seed)).map(|arrival| arrival.offset as f64 / 1e9).collect();
        let end = arrivals.last().copied().unwrap_or(seconds);
        let mut service = seed.rng(Purpose::RetryPause, 0, 0);
        let mut next = || {
            let gap: f64 = Exp1.sample(&mut service);
            gap / capacity
        };
        let completed = match server {
            Server::AlwaysBusy => {
                let mut clock = next();
                let mut completed = 0_u32;
                while clock <= end {
                    completed += 1;
                    clock += next();
                }
                f64::from(completed)
            }
            Server::StartsEmpty => {
                let mut free = 0.0_f64;
                let ends = arrivals.iter().map(|&arrival| {
                    free = free.max(arrival) + next();
                    free
                });
                ends.filter(|&finished| finished <= end).count() as f64
            }
        };
        let deviation = ((RATE * cv2[0] + capacity * cv2[1]) * end).sqrt();
        arrivals.len() as f64 - completed > Z * deviation
    });
    alarms.count() as f64 / RUNS as f64
}

#[test]
fn stated_power_is_simulated_power() -> Result<()> {
    for (pacing, cv2) in [(Pacing::ScaledExponential, [0.0, 1.0]), (Pacing::Poisson, [1.0, 1.0])] {
        for seconds in [60.0, 180.0, 600.0] {
            let found = Resolution::new(RATE, seconds, cv2).detectable_overload.context("an overload")?;
            let capacity = RATE / (1.0 + found);
            let power = alarms(pacing, seconds, capacity, cv2, Server::AlwaysBusy);
            assert!((power - POWER).abs() <= WITHIN, "{pacing:?}, {seconds} s: {power}, stated {POWER}");
            // A server that starts empty can idle at first, which adds to what it has not done: the figure is a bound.
            let empty = alarms(pacing, seconds, capacity, cv2, Server::StartsEmpty);
            assert!(
                (power..power + 2.0 * WITHIN).contains(&empty),
                "{pacing:?}, {seconds} s: {empty} from empty"
            );
            let false_alarms = alarms(pacing, seconds, RATE, cv2, Server::AlwaysBusy);
            assert!(
                (false_alarms - FALSE_ALARMS).abs() <= WITHIN,
                "{pacing:?}, {seconds} s: {false_alarms} false alarms, stated {FALSE_ALARMS}"
            );
        }
    }
    Ok(())
}
