//! Known answers: equal runs that must not be told apart, and true shifts that must be found.
//!
//! A run is a queue with eight servers at 70 % of its capacity: requests wait for one another, as in a model server, so
//! that its latencies are far from independent.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use benchmark_schemas::report::Verdict;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::sample::Request;
use super::*;

const RATE: f64 = 5.6;
const SERVERS: usize = 8;
const PAIRS: u64 = 200;

/// A stage of `count` requests: exponential gaps and service times with a mean of one second, first come first served.
fn stage(seed: u64, count: usize) -> StageSample {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut exponential = |mean: f64| -mean * (1.0 - rng.random::<f64>()).ln();
    let nanos = |seconds: f64| crate::clock::nanos_from_seconds(seconds);
    let mut free: BinaryHeap<Reverse<i64>> = (0..SERVERS).map(|_| Reverse(0)).collect();
    let (mut due, mut requests) = (0.0, Vec::new());
    for _ in 0..count {
        due += exponential(1.0 / RATE);
        let Some(Reverse(at)) = free.pop() else { unreachable!("there are servers") };
        let begin = nanos(due).max(at);
        let service = exponential(1.0);
        free.push(Reverse(begin + nanos(service)));
        // A part of the service goes by before the first token.
        let ttft = crate::clock::seconds(begin - nanos(due)) + 0.1 + 0.2 * service;
        requests.push(Request::with_ttft(nanos(due), ttft));
    }
    StageSample { rate: RATE, concurrency: None, window_seconds: due, verdict: Verdict::Sustained, requests }
}

fn run(name: &str, stages: impl IntoIterator<Item = StageSample>) -> RunSample {
    RunSample { name: name.to_owned(), stages: (0..).zip(stages).collect() }
}

fn slowed(stage: &StageSample, factor: f64) -> StageSample {
    StageSample { requests: stage.requests.iter().map(|it| it.slowed(factor)).collect(), ..stage.clone() }
}

fn keys(texts: &[&str]) -> Vec<Key> {
    texts.iter().map(|text| text.parse().expect("a key")).collect()
}

/// Whether `key` is told to have grown.
fn has_grown(comparison: &Comparison, key: Key) -> bool {
    let condition: Condition = format!("{key}>0%").parse().expect("a condition");
    let outcome = gate::decide(&condition, comparison);
    assert!(!outcome.is_undecided());
    outcome.fails()
}

#[test]
fn equal_runs_are_rarely_told_apart_and_shifts_of_the_stated_size_are_found() {
    let keys = keys(&["ttft.mean", "ttft.p50", "ttft.p95"]);
    let mut alarms = [0; 3];
    let mut found = [0; 3];
    for pair in 0..PAIRS {
        let [base, new, other] = [0, 1, 2].map(|side| stage(3 * pair + side, 1000));
        let [base, new] = [run("base", [base]), run("new", [new])];
        let equal = compare(std::slice::from_ref(&base), &[new], &keys, pair);
        for (at, key) in keys.iter().enumerate() {
            alarms[at] += u32::from(has_grown(&equal, *key));
            let stated = equal.stages[0].changes[at].1.expect("a change").detectable();
            assert!(stated > 0.0 && stated.is_finite(), "{stated}");
            // In a run that the statement knows nothing of.
            let shifted = run("shifted", [slowed(&other, 1.0 + stated)]);
            let comparison = compare(std::slice::from_ref(&base), &[shifted], &[*key], pair);
            found[at] += u32::from(has_grown(&comparison, *key));
        }
    }
    println!("false alarms {alarms:?}, found {found:?} of {PAIRS}");
    assert!(alarms.iter().all(|alarms| *alarms <= 10), "at most 5 %, nominal 2.5 %: {alarms:?}");
    assert!(found.iter().all(|found| *found >= 170), "at least 85 %: {found:?}");
}

#[test]
fn runs_that_differ_by_themselves_are_told_apart_no_oftener() {
    let keys = keys(&["ttft.p50"]);
    let (mut alarms, mut alarms_of_one, mut found) = (0, 0, 0);
    for pair in 0..PAIRS {
        let mut rng = ChaCha8Rng::seed_from_u64(1_000 + pair);
        // Each run has a factor of its own, as a new pod on another node has.
        let mut side = |from: u64, factor: f64| -> Vec<RunSample> {
            let runs = (0..4).map(|index| {
                let own = 1.0 + 0.3 * (rng.random::<f64>() - 0.5);
                run("one of several", [slowed(&stage(10_000 + 8 * pair + from + index, 300), own * factor)])
            });
            runs.collect()
        };
        let (base, new) = (side(0, 1.0), side(4, 1.0));
        let comparison = compare(&base, &new, &keys, pair);
        assert!(!comparison.between_runs_unknown());
        alarms += u32::from(has_grown(&comparison, keys[0]));
        let one = compare(&base[..1], &new[..1], &keys, pair);
        assert!(one.between_runs_unknown());
        alarms_of_one += u32::from(has_grown(&one, keys[0]));
        let stated = comparison.stages[0].changes[0].1.expect("a change").detectable();
        let shifted = side(4, 1.0 + stated);
        found += u32::from(has_grown(&compare(&base, &shifted, &keys, pair), keys[0]));
    }
    println!("false alarms {alarms}, of single runs {alarms_of_one}, found {found} of {PAIRS}");
    assert!(alarms <= 10, "at most 5 %: {alarms}");
    assert!(found >= 170, "at least 85 %: {found}");
}

#[test]
fn one_schedule_on_both_sides_shows_smaller_changes() {
    let base = stage(1, 2000);
    // The same requests, each a little slower or faster by chance.
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let requests = base.requests.iter().map(|it| it.slowed(1.0 + 0.1 * (rng.random::<f64>() - 0.5)));
    let again = StageSample { requests: requests.collect(), ..base.clone() };
    let mut moved = again.clone();
    moved.requests[0].offset += 1;
    let keys = keys(&["ttft.p95"]);
    let detectable = |new: StageSample| {
        let comparison = compare(&[run("a", [base.clone()])], &[run("b", [new])], &keys, 1);
        let stage = &comparison.stages[0];
        (stage.paired, stage.changes[0].1.expect("a change").detectable())
    };
    let ((paired, small), (not_paired, large)) = (detectable(again), detectable(moved));
    assert!(paired && !not_paired);
    assert!(small * 5.0 < large, "{small} {large}");
}

#[test]
fn several_stages_share_the_chance_of_a_false_alarm() {
    let stages = |from: u64| (0..5).map(move |index| stage(from + index, 400));
    let comparison = compare(&[run("a", stages(0))], &[run("b", stages(100))], &keys(&["ttft.p50"]), 3);
    let outcome = gate::decide(&"ttft.p50>0%".parse().expect("a condition"), &comparison);
    for decided in &outcome.stages {
        assert!(decided.bound < decided.change.interval()[0], "stricter than the interval that is shown");
    }
}

#[test]
fn stages_that_cannot_decide_are_named() {
    let mut saturated = stage(1, 400);
    saturated.verdict = Verdict::Saturated;
    let other_load = StageSample { rate: 9.0, ..stage(2, 400) };
    let base = run("a", [stage(3, 400), saturated.clone(), stage(4, 400), stage(5, 150), stage(6, 400)]);
    let new = run("b", [stage(7, 400), saturated, other_load, stage(8, 150)]);
    let comparison = compare(&[base], &[new], &keys(&["ttft.p95", "tpot.p95"]), 1);
    assert_eq!(comparison.left_out, ["stage 2: its load is not the same in all runs", "stage 4: b has none"]);
    let outcome = gate::decide(&"ttft.p95>5%".parse().expect("a condition"), &comparison);
    assert_eq!(outcome.stages.iter().map(|it| it.stage).collect::<Vec<_>>(), [0]);
    assert_eq!(outcome.undecided.iter().map(|(stage, _)| *stage).collect::<Vec<_>>(), [1, 3]);
    let none = gate::decide(&"tpot.p95>5%".parse().expect("a condition"), &comparison);
    assert!(none.is_undecided() && !none.fails());
    let text = output::table(&comparison, &[outcome.clone(), none], 80);
    for part in [
        "Stage 0: 5.60 requests/s",
        "decides no condition",
        "holds in stage 0",
        "no stage could decide it",
        "unknown",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let xml = output::junit(&[outcome]);
    assert!(
        xml.contains("tests=\"3\" failures=\"0\" errors=\"0\" skipped=\"2\"")
            && xml.contains("ttft.p95&gt;5%"),
        "{xml}"
    );
}

#[test]
fn errors_are_compared_by_their_difference_also_where_there_were_none() {
    let failing = |every: i64| {
        let mut stage = stage(1, 1000);
        for (index, request) in (0..).zip(&mut stage.requests) {
            if every > 0 && index % every == 0 {
                *request = Request::failed(request.offset);
            }
        }
        stage
    };
    let keys = keys(&["error_rate", "requests_per_second"]);
    let compared = |new: i64| {
        let comparison = compare(&[run("a", [failing(0)])], &[run("b", [failing(new)])], &keys, 1);
        let fails = |text: &str| gate::decide(&text.parse().expect("a condition"), &comparison).fails();
        (fails("error_rate>0%"), fails("error_rate>2%"), fails("requests_per_second<-2%"))
    };
    assert_eq!(compared(0), (false, false, false));
    assert_eq!(compared(20), (true, true, true));
    assert_eq!(compared(500), (false, false, false), "two of a thousand may be chance");
}

#[test]
fn markdown_has_a_table_a_stage() {
    let comparison = compare(&[run("a", [stage(1, 400)])], &[run("b", [stage(2, 400)])], &Key::usual(), 1);
    let text = output::markdown(&comparison, &[]);
    assert!(text.contains("| ttft.p95 (ms) |") && !text.contains("| tpot"), "{text}");
    let columns: Vec<usize> =
        text.lines().filter(|line| line.starts_with('|')).map(|line| line.matches('|').count()).collect();
    assert!(columns.len() > 10 && columns.iter().all(|columns| *columns == 7), "{text}");
}

#[test]
fn stages_by_their_number() {
    let stages: BTreeMap<u32, StageSample> = [(3, stage(1, 400)), (1, stage(2, 400))].into();
    let [a, b] = ["a", "b"].map(|name| RunSample { name: name.to_owned(), stages: stages.clone() });
    let comparison = compare(&[a], &[b], &keys(&["ttft.p50"]), 1);
    let numbers: Vec<u32> = comparison.stages.iter().map(|stage| stage.stage).collect();
    assert_eq!(numbers, [1, 3]);
    let [(_, Some(change))] = comparison.stages[0].changes[..] else { panic!("{comparison:?}") };
    assert_eq!((change.relative(), change.interval()), (0.0, [0.0, 0.0]), "a run beside itself");
}
