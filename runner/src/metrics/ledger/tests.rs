//! Gaps under each rule by hand, stalls, and the rules being one for one token a chunk.

use proptest::prelude::*;

use super::super::aggregate::Aggregate;
use super::super::source::tests::{MS, record};
use super::super::{MetricOptions, RequestMetrics, token_times};
use super::*;

fn answer(chunks: &[(i64, u32)]) -> Record {
    let mut record = record(0, 0);
    record.chunks = chunks.iter().map(|&(ms, tokens)| Chunk::content(ms * MS, tokens)).collect();
    record
}

fn aggregate(records: &[Record]) -> (Aggregate, Percentiles) {
    let (mut aggregate, options) = (Aggregate::default(), MetricOptions::default());
    for record in records {
        aggregate.push(record, &RequestMetrics::of(record, &options), &options);
    }
    assert!(!aggregate.end_pass(&options), "small samples need one pass");
    (aggregate, options.percentiles)
}

fn gaps(records: &[Record]) -> (Option<Dist>, GapDists) {
    let (aggregate, percentiles) = aggregate(records);
    let upstream = &aggregate.successes.inter_token_latency;
    (upstream.dist(&percentiles), aggregate.successes.ledger.gaps(upstream, &percentiles))
}

#[test]
fn three_rules_for_the_same_chunks() {
    // One token, three 30 ms later, two 40 ms later; before it an answer of single tokens.
    let (upstream, others) = gaps(&[answer(&[(0, 1), (20, 1)]), answer(&[(0, 1), (30, 3), (70, 2)])]);
    let figures = |dist: Option<Dist>| {
        let dist = dist.expect("gaps");
        let ms = |seconds: f64| (seconds * 1e6).round() / 1e3;
        (ms(dist.min), ms(dist.max), ms(dist.mean), ms(dist.percentile("median").expect("asked for")))
    };
    assert_eq!(figures(upstream), (0.0, 40.0, 15.0, 10.0));
    assert_eq!(figures(others.divided), (10.0, 20.0, 15.0, 15.0));
    assert_eq!(figures(others.repeated), (20.0, 40.0, 31.667, 30.0));
}

#[test]
fn chunks_and_tokens_are_counted_by_kind() {
    let mut record = answer(&[(0, 1), (30, 3), (70, 2), (80, 1)]);
    record.chunks[0].kind = ChunkKind::Reasoning;
    record.chunks[3].kind = ChunkKind::ToolCall;
    let mut uncounted = answer(&[(0, 1)]);
    uncounted.rules.chunks = ChunkCount::OneEach;
    let (aggregate, _) = aggregate(&[record, uncounted]);
    let ledger = &aggregate.successes.ledger;
    let of = |chunks, tokens| KindCounts { chunks, tokens };
    assert_eq!(ledger.kinds(), [("content", of(3, 6)), ("reasoning", of(1, 1)), ("tool_call", of(1, 1))]);
    assert_eq!((ledger.multi_token_chunks, ledger.uncounted_answers), (2, 1));
}

#[test]
fn stalls_are_shares_of_the_time() {
    let index = |chunks: &[(i64, u32)]| stall_index(&answer(chunks)).map(|index| (index * 1e3).round() / 1e3);
    let even: Vec<_> = (0..50).map(|i| (50 + 5 * i, 1)).collect();
    assert_eq!(index(&even), Some(0.0));
    // 49 gaps, one of them 500 ms longer: the mean is 15.2 ms, and 505 − 3 · 15.2 of 745 ms count.
    let mut stalled = even.clone();
    stalled[25..].iter_mut().for_each(|chunk| chunk.0 += 500);
    assert_eq!(index(&stalled), Some(0.617));
    // Ten tokens at once every 50 ms are no stalls, in one chunk or in ten of the same instant.
    assert_eq!(index(&[(0, 10), (50, 10), (100, 10), (150, 10)]), Some(0.0));
    let bursts: Vec<_> = (0..40).map(|i| (50 * (i / 10), 1)).collect();
    assert_eq!(index(&bursts), Some(0.0));
    for none in [&[][..], &[(5, 1)], &[(5, 1), (5, 1)], &[(5, 3)]] {
        assert_eq!(index(none), None, "{none:?}");
    }
}

proptest! {
    #[test]
    fn one_token_a_chunk_makes_all_rules_one(times in proptest::collection::vec(0i64..1000, 1..40)) {
        let mut times = times;
        times.sort_unstable();
        let chunks: Vec<_> = times.iter().map(|&at| (at, 1)).collect();
        let (upstream, others) = gaps(&[answer(&chunks)]);
        prop_assert_eq!(&upstream, &others.divided);
        prop_assert_eq!(&upstream, &others.repeated);
    }

    #[test]
    fn sums_and_bounds(chunks in proptest::collection::vec((0i64..200, 0u32..5), 1..40)) {
        let mut at = 0;
        let chunks: Vec<_> = chunks.into_iter().map(|(gap, tokens)| { at += gap; (at, tokens) }).collect();
        let record = answer(&chunks);
        let (upstream, others) = gaps(std::slice::from_ref(&record));
        let times: Vec<_> = token_times(&record).collect();
        let whole = seconds(times.last().expect("some").0 - times[0].0);
        let tokens: u32 = times.iter().map(|(_, tokens)| tokens).sum();
        if let Some(upstream) = upstream {
            prop_assert!((upstream.mean * f64::from(tokens - 1) - whole).abs() < 1e-9);
        }
        if let Some(divided) = others.divided.filter(|_| chunks.iter().any(|chunk| chunk.1 > 1)) {
            prop_assert!((divided.mean * f64::from(tokens - times[0].1) - whole).abs() < 1e-9);
        }
        let index = stall_index(&record).unwrap_or(0.0);
        prop_assert!((0.0..1.0).contains(&index), "{}", index);
    }
}
