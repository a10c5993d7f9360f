//! The estimator alone, on bursts of known rates.

use proptest::prelude::*;

use super::*;
use crate::seed::{Purpose, Seed};

const MS: Nanos = 1_000_000;

/// A request that was served.
fn served(start: Nanos, end: Nanos) -> Observed {
    Observed { start, sent: start, end, served: true, done: 1.0 }
}

/// One that was cut off, so much of it done.
fn cut_off(start: Nanos, end: Nanos, done: f64) -> Observed {
    Observed { start, sent: start, end, served: false, done }
}

/// A burst at zero, of which one request ends at each of `ends`.
fn burst(ends: impl IntoIterator<Item = Nanos>) -> Vec<Observed> {
    ends.into_iter().map(|end| served(0, end)).collect()
}

/// `count` requests at a server with so many slots, `cap` in flight at most, that take `service` of their index.
fn queue(slots: usize, cap: usize, count: usize, service: impl Fn(u64) -> Nanos) -> Vec<Observed> {
    let mut free = std::collections::BinaryHeap::from(vec![std::cmp::Reverse(0); slots]);
    let mut ends = std::collections::BinaryHeap::new();
    (0..count)
        .map(|i| {
            let sent = if i < cap { 0 } else { ends.pop().map_or(0, |std::cmp::Reverse(end)| end) };
            let std::cmp::Reverse(slot) = free.pop().expect("a slot");
            let end = sent.max(slot) + service(i as u64);
            free.push(std::cmp::Reverse(end));
            ends.push(std::cmp::Reverse(end));
            served(sent, end)
        })
        .collect()
}

/// A uniform variate from 0 to 1 for request `index`.
fn uniform(seed: u64, index: u64) -> f64 {
    Seed(seed).rng(Purpose::Prompt, 1, index).random()
}

#[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
fn ns(seconds: f64) -> Nanos {
    (seconds * 1e9) as Nanos
}

fn rate(requests: &[Observed], cut: Option<Nanos>) -> f64 {
    completion_rate(requests, cut).expect("enough completions").rate
}

#[track_caller]
fn assert_near(found: f64, truth: f64, tolerance: f64) {
    assert!((found / truth - 1.0).abs() <= tolerance, "{found}, not {truth}");
}

#[test]
fn a_steady_server_has_its_rate_whole_or_cut() {
    // One every 10 ms.
    let requests = burst((1..=500).map(|i| i * 10 * MS));
    assert_near(rate(&requests, None), 100.0, 1e-9);
    let end = 3_000 * MS;
    let cut: Vec<Observed> = (1..=500)
        .map(|i| if i * 10 * MS <= end { served(0, i * 10 * MS) } else { cut_off(0, end, 0.0) })
        .collect();
    let estimate = completion_rate(&cut, Some(end)).expect("enough completions");
    assert_near(estimate.rate, 100.0, 1e-9);
    assert_eq!((estimate.completions, estimate.peak_in_flight), (300, 500));
    let [lower, upper] = estimate.interval;
    assert!((lower - 89.0).abs() < 0.2 && (upper - 112.0).abs() < 0.2, "{lower} {upper}");
}

/// Answers of 0.4 s to 1.6 s: neither waves nor chance.
#[test]
fn slots_are_found_and_the_rate_follows_whatever_their_number() {
    for (slots, cap, tolerance) in
        [(1, 800, 0.02), (8, 800, 0.02), (64, 800, 0.03), (256, 800, 0.04), (3_000, 800, 0.04)]
    {
        for seed in 0..5 {
            let requests = queue(slots, cap, 2_000, |i| ns(0.4 + 1.2 * uniform(seed, i)));
            assert_near(rate(&requests, None), slots.min(cap) as f64, tolerance);
        }
    }
}

#[test]
fn nearly_equal_answers_come_in_waves() {
    for slots in [64, 256, 800] {
        let requests = queue(slots, 800, 2_000, |i| ns(0.95 + 0.1 * uniform(3, i)));
        assert_near(rate(&requests, None), slots as f64, 0.05);
    }
}

/// A burst over many connections reaches the server in an order that the client does not know.
#[test]
fn the_order_of_the_first_burst_does_not_matter() {
    for (slots, cap, count) in [(4, 200, 300), (64, 800, 2_000), (256, 800, 2_000), (800, 800, 2_000)] {
        let mut requests = queue(slots, cap, count, |i| ns(0.8 + 0.4 * uniform(9, i)));
        let known = rate(&requests, None);
        assert_near(known, slots as f64, 0.05);
        for (place, request) in (0..).zip(&mut requests[..cap]) {
            request.sent = place * 7919 % 1_000 * MS / 1_000;
        }
        assert_near(rate(&requests, None), known, 0.03);
    }
}

#[test]
fn a_slow_start_of_the_client_does_not_count() {
    // The server takes 1 s for each request and any number at once; the client needs half a second to send 100, then
    // keeps as many in flight.
    let requests: Vec<Observed> = (0..1_000)
        .map(|i| {
            let start = i % 100 * 5 * MS + i / 100 * 1_000 * MS;
            served(start, start + 1_000 * MS)
        })
        .collect();
    assert_near(rate(&requests, None), 100.0, 0.05);
}

#[test]
fn stragglers_and_requests_that_hang_do_not_count() {
    let exponential = |i| ns(-(1.0 - uniform(5, i)).ln());
    let mut requests = queue(64, 800, 2_000, exponential);
    let whole = rate(&requests, None);
    assert_near(whole, 64.0, 0.06);
    let last = requests.iter().map(|request| request.end).max().expect("requests");
    requests.extend((0..2).map(|_| cut_off(0, last + ns(60.0), 0.0)));
    assert_near(rate(&requests, Some(last + ns(60.0))), whole, 0.02);
    // One that is served at last, long after all others.
    requests.truncate(2_000);
    requests.push(served(0, last + ns(60.0)));
    assert_near(rate(&requests, None), whole, 0.04);
}

#[test]
fn streamed_answers_that_are_cut_off_count_by_what_came() {
    // 100 slots, 1 s each, cut off in the middle of the third wave.
    let whole: Vec<Observed> = (0..200).map(|i| served(0, (i / 100 + 1) * 1_000 * MS)).collect();
    let end = 2_500 * MS;
    let half: Vec<Observed> = (0..2_000).map(|i| cut_off(0, end, if i < 100 { 0.5 } else { 0.0 })).collect();
    assert_near(rate(&[whole, half].concat(), Some(end)), 100.0, 0.05);
}

#[test]
fn too_few_say_nothing() {
    assert_eq!(completion_rate(&[], None), None);
    assert_eq!(completion_rate(&burst([MS, 2 * MS, 3 * MS, 4 * MS]), None), None);
    assert!(completion_rate(&burst([MS, 2 * MS, 3 * MS, 4 * MS, 5 * MS]), None).is_some());
    assert_eq!(completion_rate(&burst([0; 10]), None), None, "what takes no time has no rate");
}

proptest! {
    #[test]
    fn an_estimate_is_finite_and_inside_its_interval(
        requests in proptest::collection::vec((0i64..5_000, 0i64..20_000, any::<bool>()), 0..200),
        cut in proptest::option::of(0i64..30_000),
    ) {
        let cut = cut.map(|ms| ms * MS);
        let requests: Vec<Observed> = requests
            .into_iter()
            .map(|(start, length, is_served)| {
                let (start, end) = (start * MS, (start + length) * MS);
                match cut {
                    Some(cut) if end > cut => cut_off(start.min(cut), cut, 0.0),
                    _ if is_served => served(start, end),
                    _ => cut_off(start, end, 0.0),
                }
            })
            .collect();
        if let Some(estimate) = completion_rate(&requests, cut) {
            prop_assert!(estimate.rate.is_finite() && estimate.rate > 0.0);
            prop_assert!(estimate.completions >= FEWEST_COMPLETIONS);
            prop_assert!(estimate.interval[0] <= estimate.rate && estimate.rate <= estimate.interval[1]);
            prop_assert!(estimate.busy_seconds > 0.0);
            prop_assert!(estimate.peak_in_flight <= requests.len() as u64);
        }
    }

    /// The estimate knows no unit of time.
    #[test]
    fn ten_times_slower_is_a_tenth(slots in 1usize..50, count in 20usize..300, seed: u64) {
        let requests = queue(slots, 100, count, |i| 1_000 * (1 + ns(uniform(seed, i)) / 1_000));
        let slower: Vec<Observed> = requests
            .iter()
            .map(|request| served(request.start * 10, request.end * 10))
            .collect();
        prop_assert!((rate(&requests, None) / rate(&slower, None) - 10.0).abs() < 1e-6);
    }
}
