//! Sweeps in virtual time: the driver itself, against a server in memory with a known limit.

use std::sync::Arc;

use benchmark_schemas::record::{Outcome, PROBE_STAGE, StageFacts, SweepFacts, SweepMethod};

use super::*;
use crate::driver::{Hosting, Patience, Settings};
use crate::recorder::RecordOptions;
use crate::schedule::Shard;
use crate::seed::Seed;
use crate::spool::{SpoolReader, SpoolWriter};

mod server;

use crate::clock::virtual_time::{VirtualClock, virtual_time};
use server::{Bodies, Server, Service};

const SECOND: Nanos = 1_000_000_000;
/// The scenario of AWS's chart.
const DEFAULTS: SweepPlan = SweepPlan {
    kind: SweepType::Geometric,
    estimator: SweepEstimator::Completions,
    num_requests: 2000,
    timeout_seconds: 60.0,
    num_stages: 5,
    stage_seconds: 180.0,
    percentile: 95.0,
    pacing: Pacing::ScaledExponential,
};

/// Eight workers with a hundred requests each, as that scenario has them.
fn settings() -> Settings {
    Settings {
        seed: Seed(1),
        workers: 1,
        in_flight_cap: 800,
        connection_cap: None,
        patience: Patience { timeout_ns: i64::MAX / 4, retries: 0, backoff_ns: 0, seed: Seed(1) },
        grace_ns: 120 * SECOND,
        shard: Shard::WHOLE,
    }
}

/// Runs `sweep` against `server`; gives what it found, and the facts that the spool then holds.
fn sweep(
    sweep: &SweepPlan,
    settings: Settings,
    server: Server,
    stop_at: Option<Nanos>,
) -> (Result<Option<SweepFacts>, SweepError>, Vec<SpoolEntry>) {
    let folder = tempfile::tempdir().expect("a folder");
    let found = virtual_time(|clock: VirtualClock| {
        let folder = folder.path().to_owned();
        async move {
            let spool = SpoolWriter::create(&folder).expect("a spool");
            let options = RecordOptions::default();
            let (bodies, hosting) = (Arc::new(Bodies), Hosting::Local);
            let engine = Engine::start(clock.clone(), settings, server, bodies, options, spool, hosting);
            let mut engine = engine.await.expect("started");
            let stop = Stop::new();
            if let Some(at) = stop_at {
                let stop = stop.clone();
                tokio::task::spawn_local(async move {
                    crate::clock::Clock::sleep_until(&clock, at).await;
                    stop.now();
                });
            }
            let found = run(sweep, &mut engine, &stop).await;
            engine.finish(stop.is_requested()).await.expect("finished");
            found
        }
    });
    let entries = SpoolReader::open(folder.path()).expect("a spool").collect::<Result<_, _>>();
    (found, entries.expect("readable"))
}

fn found(plan: &SweepPlan, server: Server) -> SweepFacts {
    sweep(plan, settings(), server, None).0.expect("a limit").expect("not stopped")
}

/// The acceptance test of the estimator. Enough time for all requests; 20 seeds at each rate.
#[test]
fn the_estimate_is_right_for_servers_of_every_speed() {
    for rate in [0.3, 3.0, 30.0, 300.0, 3_000.0] {
        let plan = SweepPlan { timeout_seconds: 1e6, ..DEFAULTS };
        let mut errors: Vec<f64> = (1..=20)
            .map(|seed| {
                let facts = found(&plan, Server::new(8, Service::Exponential { rate, seed }));
                assert!(facts.completions == 2_000, "{facts:?}");
                (facts.estimate / rate - 1.0).abs()
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        let median = f64::midpoint(errors[9], errors[10]);
        println!("{rate}/s: median error {:.2} %, greatest {:.2} %", median * 100.0, errors[19] * 100.0);
        assert!(median <= 0.02, "{rate}/s: median {median}");
        assert!(errors[19] <= 0.08, "{rate}/s: greatest {}", errors[19]);
    }
}

#[test]
fn the_interval_holds_the_limit_of_a_slow_server_within_the_default_time() {
    let mut held = 0;
    for seed in 1..=20 {
        let facts = found(&DEFAULTS, Server::new(8, Service::Exponential { rate: 0.3, seed }));
        let [lower, upper] = facts.interval.expect("an interval");
        held += u32::from((lower..=upper).contains(&0.3));
        assert!((facts.busy_seconds - 60.0).abs() < 0.01, "the whole probe: {seed} {facts:?}");
        assert!(facts.rates.windows(2).all(|pair| pair[0] < pair[1]) && facts.rates.len() == 5);
    }
    println!("held by {held} of 20");
    assert!(held >= 17, "{held} of 20");
}

#[test]
fn waves_of_equal_answers_are_counted_exactly() {
    // 256 slots that all end at once; the last wave is not full.
    let facts = found(&DEFAULTS, Server::new(256, Service::Fixed { seconds: 4.0 }));
    assert!((facts.estimate / 64.0 - 1.0).abs() < 0.01, "{facts:?}");
    assert_eq!((facts.completions, facts.peak_in_flight), (2_000, 800));
    // Cut off by the time-out between two waves: the time since the last one does not count.
    let cut = SweepPlan { timeout_seconds: 22.0, ..DEFAULTS };
    let facts = found(&cut, Server::new(256, Service::Fixed { seconds: 4.0 }));
    assert!((facts.estimate / 64.0 - 1.0).abs() < 0.001, "{facts:?}");
    assert_eq!(facts.completions, 5 * 256);
    // More slots than may be in flight: two waves and a half of 800.
    let facts = found(&DEFAULTS, Server::new(5_000, Service::Fixed { seconds: 4.0 }));
    assert!((facts.estimate / 200.0 - 1.0).abs() < 0.001, "{facts:?}");
}

/// Three slots and a queue of 20: the rest of the burst is refused at once, again and again.
#[test]
fn refusals_are_no_completions() {
    let server = Server::new(3, Service::Exponential { rate: 30.0, seed: 7 }).with_queue_limit(20);
    let (found, _) = sweep(&DEFAULTS, settings(), server, None);
    let facts = found.expect("a limit").expect("not stopped");
    assert_eq!((facts.succeeded, facts.failed), (23, 1977));
    let [lower, upper] = facts.interval.expect("an interval");
    assert!(lower < 30.0 && 30.0 < upper && facts.estimate < 60.0, "{facts:?}");
}

#[test]
fn the_probe_and_what_it_found_are_in_the_spool() {
    let server = Server::new(8, Service::Fixed { seconds: 0.25 });
    let (found, entries) = sweep(&SweepPlan { num_requests: 100, ..DEFAULTS }, settings(), server, None);
    let facts = found.expect("a limit").expect("not stopped");
    let stages: Vec<&StageFacts> = entries
        .iter()
        .filter_map(|entry| if let SpoolEntry::Stage(facts) = entry { Some(&**facts) } else { None })
        .collect();
    assert_eq!(stages.iter().map(|stage| stage.stage).collect::<Vec<_>>(), [PROBE_STAGE]);
    let records =
        entries.iter().filter(|entry| matches!(entry, SpoolEntry::Request(r) if r.stage == PROBE_STAGE));
    assert_eq!(records.count(), 100);
    assert!(entries.contains(&SpoolEntry::Sweep(Box::new(facts.clone()))));
    assert!((facts.estimate / 32.0 - 1.0).abs() < 0.05, "{facts:?}");
    let stages = DEFAULTS.stages(&facts);
    assert_eq!(stages.iter().map(|stage| stage.id).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(stages.iter().zip(&facts.rates).all(|(stage, rate)| stage.rate.total_cmp(rate).is_eq()));
    assert_eq!(stages[0].requests, 180);
}

#[test]
fn time_is_bounded_and_too_little_is_told() {
    let plan = SweepPlan { timeout_seconds: 10.0, num_requests: 50, ..DEFAULTS };
    let slow = Server::new(2, Service::Fixed { seconds: 6.0 });
    let (found, entries) = sweep(&plan, settings(), slow, None);
    insta::assert_snapshot!(found.expect_err("too few"), @"the sweep's probe shows no limit of the server: it needs at least 5 completed requests and has 2; of 50 requests 2 succeeded, 48 were in flight and 0 unsent when the time was over (give it more time by load.sweep.timeout)");
    let ends = entries.iter().filter_map(|entry| match entry {
        SpoolEntry::Request(record) => Some((record.end, &record.outcome)),
        _ => None,
    });
    for (end, outcome) in ends {
        assert!(end <= 10 * SECOND + SECOND / 10, "{end}");
        assert!(matches!(outcome, Outcome::Success | Outcome::Cancelled));
    }

    let refuses = Server::new(0, Service::Fixed { seconds: 1.0 }).with_queue_limit(0);
    let (found, _) = sweep(&plan, settings(), refuses, None);
    insta::assert_snapshot!(found.expect_err("all refused"), @r#"the sweep's probe shows no limit of the server: it needs at least 5 completed requests and has 0; of 50 requests 0 succeeded, 50 failed, most of them (50) with "503 - Service Unavailable" (see why the server fails, or give it fewer at once by load.sweep.num_requests)"#);

    let plan = SweepPlan { num_requests: 3, ..plan };
    let (found, _) = sweep(&plan, settings(), Server::new(2, Service::Fixed { seconds: 1.0 }), None);
    insta::assert_snapshot!(found.expect_err("too few"), @"the sweep's probe shows no limit of the server: it needs at least 5 completed requests and has 3; of 3 requests 3 succeeded (send more by load.sweep.num_requests)");
}

#[test]
fn a_stop_ends_the_probe_without_a_finding() {
    let server = Server::new(8, Service::Exponential { rate: 3.0, seed: 1 });
    let (found, entries) = sweep(&DEFAULTS, settings(), server, Some(20 * SECOND));
    assert_eq!(found.expect("no fault"), None);
    assert!(!entries.iter().any(|entry| matches!(entry, SpoolEntry::Sweep(_))));
}

#[test]
fn upstreams_estimator_sees_upstreams_probe() {
    let plan = SweepPlan { estimator: SweepEstimator::Upstream, ..DEFAULTS };
    let probe = plan.probe();
    assert_eq!((probe.requests, probe.duration_ns, probe.timeout_ns), (2000, 5 * SECOND, Some(60 * SECOND)));
    // 80 at once in waves of 1.25 s: half-second samples see a fall of a whole wave in 0.5 s.
    let facts = found(&plan, Server::new(80, Service::Fixed { seconds: 1.25 }));
    assert_eq!(facts.method, SweepMethod::Upstream);
    assert_eq!(facts.interval, None);
    assert!(
        (facts.estimate - 160.0).abs() < 1.0,
        "two and a half times the truth, as upstream has it: {facts:?}"
    );
    let few = SweepPlan { num_requests: 10, ..plan };
    let (found, _) = sweep(&few, settings(), Server::new(80, Service::Fixed { seconds: 100.0 }), None);
    insta::assert_snapshot!(found.expect_err("nothing falls"), @"the sweep's probe shows no limit of the server: upstream's estimator needs to see the number in flight fall 2 times, and saw 0; of 10 requests 0 succeeded, 10 were in flight and 0 unsent when the time was over (give it more time by load.sweep.timeout)");
}
