//! Distributions of what completed requests took, in vLLM's buckets.
//!
//! They are filled when a request ends, from its trace; without traces there are none. vLLM counts a token's latency when
//! the token is made, which differs only while the request runs.

use crate::stats::RequestTrace;

/// Upper ends of the buckets of a request's duration, seconds.
const REQUEST_SECONDS: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0,
    960.0, 1920.0, 7680.0,
];
/// Of the time to the first token, seconds.
const FIRST_TOKEN_SECONDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0,
    80.0, 160.0, 640.0, 2560.0,
];
/// Of the time from token to token, seconds.
const TOKEN_SECONDS: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
];
/// Of numbers of tokens.
const TOKENS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0,
    50_000.0, 100_000.0,
];
/// Of the number of answers to a prompt.
const ANSWERS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0];

/// What is distributed, with its name and buckets.
const FAMILIES: [(&str, &[f64]); 14] = [
    ("time_to_first_token_seconds", FIRST_TOKEN_SECONDS),
    ("inter_token_latency_seconds", TOKEN_SECONDS),
    ("request_time_per_output_token_seconds", TOKEN_SECONDS),
    ("e2e_request_latency_seconds", REQUEST_SECONDS),
    ("request_queue_time_seconds", REQUEST_SECONDS),
    ("request_inference_time_seconds", REQUEST_SECONDS),
    ("request_prefill_time_seconds", REQUEST_SECONDS),
    ("request_decode_time_seconds", REQUEST_SECONDS),
    ("request_prompt_tokens", TOKENS),
    ("request_generation_tokens", TOKENS),
    ("request_max_num_generation_tokens", TOKENS),
    ("request_params_n", ANSWERS),
    ("request_params_max_tokens", TOKENS),
    ("request_prefill_kv_computed_tokens", TOKENS),
];

/// All distributions.
#[derive(Debug, Clone)]
pub(crate) struct Histograms([Histogram; FAMILIES.len()]);

/// One distribution.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    pub(crate) name: &'static str,
    ends: &'static [f64],
    /// For each bucket, and for what is beyond the last.
    counts: Vec<u64>,
    pub(crate) sum: f64,
}

impl Default for Histograms {
    fn default() -> Self {
        Self(FAMILIES.map(|(name, ends)| Histogram { name, ends, counts: vec![0; ends.len() + 1], sum: 0.0 }))
    }
}

impl Histograms {
    /// All of them.
    pub(crate) fn all(&self) -> &[Histogram] {
        &self.0
    }

    /// Adds a request that had all its tokens.
    pub(crate) fn add(&mut self, trace: &RequestTrace) {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let tokens = &trace.token_due_ns;
        let (Some(first), Some(last)) = (tokens.first().copied(), tokens.last().copied()) else { return };
        let granted = trace.granted_ns.unwrap_or(0);
        let count = tokens.len() as f64;
        let decode = seconds(last - first);
        let [ttft, itl, tpot, rest @ ..] = &mut self.0;
        ttft.add(seconds(first));
        tokens.windows(2).for_each(|pair| itl.add(seconds(pair[1] - pair[0])));
        tpot.add(if count > 1.0 { decode / (count - 1.0) } else { 0.0 });
        let prompt = f64::from(trace.prompt_tokens);
        let values = [
            seconds(trace.end_ns),
            seconds(granted),
            seconds(last.saturating_sub(granted)),
            seconds(first.saturating_sub(granted)),
            decode,
            prompt,
            count,
            count,
            1.0,
            f64::from(trace.max_tokens),
            prompt,
        ];
        rest.iter_mut().zip(values).for_each(|(histogram, value)| histogram.add(value));
    }
}

impl Histogram {
    fn add(&mut self, value: f64) {
        let bucket = self.ends.partition_point(|end| *end < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }

    /// Number of values.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Upper end of each bucket and the number of values up to there; the last one has no end.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let ends = self.ends.iter().copied().map(Some).chain([None]);
        let mut up_to = 0;
        ends.zip(&self.counts).map(move |(end, count)| {
            up_to += count;
            (end, up_to)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::RequestOutcome;

    #[test]
    fn a_request_is_counted_by_vllms_definitions() {
        const MS: u64 = 1_000_000;
        let trace = RequestTrace {
            id: String::new(),
            arrival_ns: 7,
            granted_ns: Some(100 * MS),
            token_due_ns: vec![150 * MS, 160 * MS, 190 * MS],
            chunk_written_ns: Vec::new(),
            chunk_tokens: Vec::new(),
            end_ns: 190 * MS,
            prompt_tokens: 40,
            max_tokens: 3,
            streamed: true,
            outcome: RequestOutcome::Completed,
        };
        let mut all = Histograms::default();
        all.add(&trace);
        let of = |name: &str| {
            let found = all.all().iter().find(|histogram| histogram.name == name).expect("is kept");
            (found.count(), (found.sum * 1e6).round() / 1e6)
        };
        assert_eq!(of("time_to_first_token_seconds"), (1, 0.15));
        assert_eq!(of("inter_token_latency_seconds"), (2, 0.04));
        assert_eq!(of("request_time_per_output_token_seconds"), (1, 0.02));
        assert_eq!(of("e2e_request_latency_seconds"), (1, 0.19));
        assert_eq!(of("request_queue_time_seconds"), (1, 0.1));
        assert_eq!(of("request_inference_time_seconds"), (1, 0.09));
        assert_eq!(of("request_prefill_time_seconds"), (1, 0.05));
        assert_eq!(of("request_decode_time_seconds"), (1, 0.04));
        assert_eq!(of("request_prompt_tokens"), (1, 40.0));
        assert_eq!(of("request_params_n"), (1, 1.0));
        let itl = all.all().iter().find(|histogram| histogram.name == "inter_token_latency_seconds");
        let buckets: Vec<_> = itl.expect("is kept").buckets().take(4).collect();
        assert_eq!(buckets, [(Some(0.01), 1), (Some(0.025), 1), (Some(0.05), 2), (Some(0.075), 2)]);
        assert_eq!(itl.and_then(|itl| itl.buckets().last()), Some((None, 2)));
    }
}
