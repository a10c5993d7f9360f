//! The estimator alone, on bursts of known rates.

use proptest::prelude::*;

use super::*;

const MS: Nanos = 1_000_000;

/// A request that was served in one piece.
fn served(start: Nanos, end: Nanos) -> Observed {
    Observed { start, end, served: true, marks: vec![end] }
}

/// A burst at zero, of which one request ends at each of `ends`.
fn burst(ends: impl IntoIterator<Item = Nanos>) -> Vec<Observed> {
    ends.into_iter().map(|end| served(0, end)).collect()
}

fn rate(requests: &[Observed], cut: Option<Nanos>) -> f64 {
    completion_rate(requests, cut).expect("enough completions").rate
}

#[test]
fn a_steady_server_has_its_rate_whole_or_cut() {
    // One every 10 ms.
    let requests = burst((1..=500).map(|i| i * 10 * MS));
    assert!((rate(&requests, None) - 100.0).abs() < 1e-9);
    let cut: Vec<Observed> = (1..=500)
        .map(|i| match i * 10 * MS {
            end if end <= 3_000 * MS => served(0, end),
            _ => Observed { start: 0, end: 3_000 * MS, served: false, marks: Vec::new() },
        })
        .collect();
    let estimate = completion_rate(&cut, Some(3_000 * MS)).expect("enough completions");
    assert!((estimate.rate - 100.0).abs() < 1e-9);
    assert_eq!((estimate.completions, estimate.peak_in_flight), (300, 500));
    let [lower, upper] = estimate.interval;
    assert!((lower - 89.0).abs() < 0.2 && (upper - 112.0).abs() < 0.2, "{lower} {upper}");
}

#[test]
fn the_final_drain_does_not_count() {
    // 64 slots of 1 s, in step one after another: 64/s; then the last 64 take ten times as long.
    let steady = (1..=640).map(|i| i * 1_000 * MS / 64);
    let drain = (1..=64).map(|i| 10_000 * MS + i * 10_000 * MS / 64);
    let found = rate(&burst(steady.chain(drain)), None);
    assert!((found / 64.0 - 1.0).abs() < 0.01, "{found}");
    // Two that never end do not either, whenever the probe is cut off.
    let mut requests = burst((1..=640).map(|i| i * 1_000 * MS / 64));
    requests.extend((0..2).map(|_| Observed { start: 0, end: 60_000 * MS, served: false, marks: Vec::new() }));
    let found = rate(&requests, Some(60_000 * MS));
    assert!((found / 64.0 - 1.0).abs() < 0.01, "{found}");
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
    let found = rate(&requests, None);
    assert!((found / 100.0 - 1.0).abs() < 0.02, "{found}");
}

/// Two and a half rounds of 800 answers that come token by token, each round of another length of answers.
#[test]
fn streamed_answers_count_by_their_parts() {
    let mut requests = Vec::new();
    for slot in 0..800_i64 {
        let mut at = 0;
        for round in 0..3 {
            // Lengths of 0.7 s to 1.3 s, mean 1 s.
            let length = 700 * MS + (slot * 7 + round * 331) % 601 * MS;
            let marks = (1..=8).map(|part| at + length * part / 8).collect();
            if requests.len() < 2_000 {
                requests.push(Observed { start: at, end: at + length, served: true, marks });
            }
            at += length;
        }
    }
    let found = rate(&requests, None);
    assert!((found / 800.0 - 1.0).abs() < 0.05, "{found}");
}

#[test]
fn too_few_say_nothing() {
    assert_eq!(completion_rate(&[], None), None);
    assert_eq!(completion_rate(&burst([MS, 2 * MS, 3 * MS, 4 * MS]), None), None);
    assert!(completion_rate(&burst([MS, 2 * MS, 3 * MS, 4 * MS, 5 * MS]), None).is_some());
    assert_eq!(completion_rate(&burst([0; 10]), None), None, "all at once is no rate");
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
                let end = cut.map_or(end, |cut| end.min(cut.max(start)));
                Observed { start, end, served: is_served, marks: if is_served { vec![end] } else { Vec::new() } }
            })
            .collect();
        if let Some(estimate) = completion_rate(&requests, cut) {
            prop_assert!(estimate.rate.is_finite() && estimate.rate > 0.0);
            prop_assert!(estimate.completions >= FEWEST_COMPLETIONS);
            prop_assert!(estimate.interval[0] <= estimate.rate && estimate.rate <= estimate.interval[1]);
            prop_assert!(estimate.busy_seconds > 0.0);
        }
    }

    /// Waves: every slot ends at the same instant, over and over; the last wave may be part of one.
    #[test]
    fn waves_have_the_rate_of_their_slots(slots in 20i64..300, waves in 4i64..12, part in 0i64..100) {
        let count = slots * waves + slots * part / 100;
        let requests = burst((0..count).map(|i| (i / slots + 1) * 1_000 * MS));
        let found = rate(&requests, None);
        // The partial wave is told from a full one only if it is so by more than chance.
        let least = count as f64 / (count as f64 / slots as f64).ceil() / slots as f64;
        prop_assert!(found / slots as f64 <= 1.0 + 1e-9 && found / slots as f64 >= least - 1e-9);
    }
}
