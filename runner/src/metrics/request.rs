//! What one record says about its request: counts of tokens and latencies.
//!
//! All latencies are in seconds. They are differences of integer nanoseconds, so both clocks agree exactly.
//!
//! Deviations from upstream, each documented in the README: TTFT exists from the first token on (upstream wants
//! two); a request without output tokens has no NTPOT (upstream: 0.0); the end is the last byte's arrival (upstream
//! adds the time it takes to tokenise the answer).

use benchmark_schemas::record::{Nanos, Outcome, Record};

use super::MetricOptions;
use crate::clock::seconds;

/// Counts and latencies of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestMetrics {
    /// Instant from which upstream's clock runs: of the first attempt to get a connection, else the scheduled one.
    pub start: Nanos,
    /// Prompt tokens by the server, else by the client; `None` if neither counted them.
    pub input_tokens: Option<u64>,
    /// Prompt tokens that the server took from its cache.
    pub cached_tokens: u64,
    /// Output tokens by the client's tokenizer.
    pub client_output_tokens: Option<u64>,
    /// Output tokens by the server.
    pub server_output_tokens: Option<u64>,
    /// The count that rates and per-token latencies are based on; `None` if there is none.
    pub output_tokens: Option<u64>,
    /// Output tokens by the server, else by the client, which counts an answer without content as 0; `None` if nobody
    /// counted them.
    pub answered_tokens: Option<u64>,
    /// Instant of the first output token of a streamed answer.
    pub first_token: Option<Nanos>,
    /// Instant of the last output token of a streamed answer.
    pub last_token: Option<Nanos>,
    /// Instants of output tokens.
    pub token_times: u64,
    /// True if the tokens of the chunks do not add up to the server's count.
    pub token_mismatch: bool,
    end: Nanos,
    due: Nanos,
}

impl RequestMetrics {
    /// The numbers of `record`.
    pub fn of(record: &Record, options: &MetricOptions) -> Self {
        let usage = record.usage.as_ref();
        let success = record.outcome == Outcome::Success;
        let client_output_tokens = record.output_len();
        let server_output_tokens = usage.and_then(|usage| usage.completion_tokens);
        let output_tokens = match (client_output_tokens, server_output_tokens) {
            (_, Some(server)) if options.use_server_output_tokens => Some(server),
            (Some(client), _) => Some(client),
            (None, server) => server,
        };
        // An answer with chunks and without a count is one that the tokenizer could not read: nobody counted it.
        let without_content = options.counts_answers && record.chunks.is_empty();
        let answered_tokens =
            server_output_tokens.or(client_output_tokens).or_else(|| without_content.then_some(0));
        let chunk_tokens: u64 = record.chunks.iter().map(|chunk| u64::from(chunk.tokens)).sum();
        let (mut first_token, mut last_token, mut times) = (None, None, 0);
        for (at, tokens) in token_times(record) {
            first_token.get_or_insert(at);
            last_token = Some(at);
            times += u64::from(tokens);
        }
        Self {
            start: record.start.unwrap_or(record.due),
            input_tokens: usage
                .and_then(|usage| usage.prompt_tokens)
                .or_else(|| options.has_tokenizer.then(|| u64::from(record.prompt_tokens))),
            cached_tokens: usage.and_then(|usage| usage.cached_tokens).unwrap_or(0),
            client_output_tokens,
            server_output_tokens,
            output_tokens,
            answered_tokens,
            first_token,
            last_token,
            token_times: times,
            token_mismatch: success
                && record.streamed
                && options.counts_answers
                && server_output_tokens.is_some_and(|server| server != chunk_tokens),
            end: record.end,
            due: record.due,
        }
    }

    /// Actual minus scheduled instant of sending; negative if early.
    pub fn schedule_delay(&self) -> f64 {
        seconds(self.start - self.due)
    }

    /// End minus start.
    pub fn request_latency(&self) -> f64 {
        seconds(self.end - self.start)
    }

    /// End minus scheduled instant.
    pub fn request_latency_from_due(&self) -> f64 {
        seconds(self.end - self.due)
    }

    /// First token minus start: TTFT.
    pub fn time_to_first_token(&self) -> Option<f64> {
        self.first_token.map(|at| seconds(at - self.start))
    }

    /// First token minus scheduled instant.
    pub fn time_to_first_token_from_due(&self) -> Option<f64> {
        self.first_token.map(|at| seconds(at - self.due))
    }

    /// (Last − first token) / (output tokens − 1): TPOT; needs two instants and two tokens.
    pub fn time_per_output_token(&self) -> Option<f64> {
        let gaps = self.output_tokens?.checked_sub(1).filter(|gaps| *gaps > 0)?;
        let (first, last) = (self.first_token?, self.last_token?);
        (self.token_times >= 2).then(|| seconds(last - first) / gaps as f64)
    }

    /// Mean gap between tokens; needs two instants.
    pub fn mean_inter_token_latency(&self) -> Option<f64> {
        let gaps = self.token_times.checked_sub(1).filter(|gaps| *gaps > 0)?;
        self.first_token.zip(self.last_token).map(|(first, last)| seconds(last - first) / gaps as f64)
    }

    /// Request latency / output tokens: NTPOT; for answers that are not streamed too.
    pub fn normalized_time_per_output_token(&self) -> Option<f64> {
        self.per_output_token(self.request_latency())
    }

    /// Request latency from the scheduled instant / output tokens.
    pub fn normalized_time_per_output_token_from_due(&self) -> Option<f64> {
        self.per_output_token(self.request_latency_from_due())
    }

    fn per_output_token(&self, latency: f64) -> Option<f64> {
        self.output_tokens.filter(|tokens| *tokens > 0).map(|tokens| latency / tokens as f64)
    }
}

/// Instants of a streamed answer's tokens, each with the number of tokens that it stands for.
///
/// A chunk's instant counts once for each token of its text; chunks without a token vanish. Where no chunk has a
/// token, the chunks themselves stand for tokens, so that an answer that arrived is not without timing.
pub fn token_times(record: &Record) -> impl Iterator<Item = (Nanos, u32)> {
    let chunks: &[_] = if record.streamed { &record.chunks } else { &[] };
    let all_empty = chunks.iter().all(|chunk| chunk.tokens == 0);
    chunks
        .iter()
        .map(move |chunk| (chunk.at, if all_empty { 1 } else { chunk.tokens }))
        .filter(|(_, tokens)| *tokens > 0)
}

/// Gaps between consecutive tokens of a streamed answer: ITL; within a chunk they are zero.
pub fn token_gaps(record: &Record) -> impl Iterator<Item = f64> {
    let mut before = None;
    token_times(record).flat_map(move |(at, tokens)| {
        let gap = before.replace(at).map(|before| seconds(at - before));
        gap.into_iter().chain(std::iter::repeat_n(0.0, tokens as usize - 1))
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod tests {
    use super::super::source::tests::{MS, record, usage};
    use super::*;
    use benchmark_schemas::record::Chunk;

    fn of(record: &Record) -> RequestMetrics {
        RequestMetrics::of(record, &MetricOptions::default())
    }

    #[test]
    fn latencies_of_a_streamed_answer_under_both_clocks() {
        // Due at 0, sent at 10 ms, tokens at 110 (1), 130 (2 in one chunk), 160 ms (1), end 170 ms.
        let mut record = record(0, 0);
        record.start = Some(10 * MS);
        record.chunks = [(110, 1), (120, 0), (130, 2), (160, 1)]
            .map(|(at, tokens)| Chunk::content(at * MS, tokens))
            .to_vec();
        record.output_tokens = Some(4);
        record.end = 170 * MS;
        let metrics = of(&record);
        assert_eq!(metrics.schedule_delay(), 0.01);
        assert_eq!(metrics.request_latency(), 0.16);
        assert_eq!(metrics.request_latency_from_due(), 0.17);
        assert_eq!(metrics.time_to_first_token(), Some(0.1));
        assert_eq!(metrics.time_to_first_token_from_due(), Some(0.11));
        assert_eq!(metrics.time_per_output_token(), Some(0.05 / 3.0));
        assert_eq!(metrics.mean_inter_token_latency(), Some(0.05 / 3.0));
        assert_eq!(metrics.normalized_time_per_output_token(), Some(0.04));
        assert_eq!(metrics.normalized_time_per_output_token_from_due(), Some(0.17 / 4.0));
        assert_eq!(metrics.token_times, 4);
        assert_eq!(token_gaps(&record).collect::<Vec<_>>(), [0.02, 0.0, 0.03]);
    }

    #[test]
    fn one_token_has_a_ttft_and_no_tpot() {
        let mut record = record(0, 0);
        record.chunks = vec![Chunk::content(50 * MS, 1)];
        record.output_tokens = Some(1);
        let metrics = of(&record);
        assert_eq!(metrics.time_to_first_token(), Some(0.05));
        assert_eq!(metrics.time_per_output_token(), None);
        assert_eq!(token_gaps(&record).count(), 0);
    }

    #[test]
    fn unary_and_empty_answers() {
        let mut unary = record(0, 0);
        unary.streamed = false;
        unary.chunks.clear();
        unary.output_tokens = Some(10);
        let metrics = of(&unary);
        assert_eq!((metrics.time_to_first_token(), metrics.time_per_output_token()), (None, None));
        assert_eq!(metrics.normalized_time_per_output_token(), Some(0.02));
        unary.output_tokens = Some(0);
        assert_eq!(of(&unary).normalized_time_per_output_token(), None);
    }

    #[test]
    fn counts_come_from_the_server_first_only_where_upstream_takes_them_from_there() {
        let mut record = record(0, 0);
        record.usage = Some(usage(120, 3));
        record.output_tokens = Some(4);
        let options = MetricOptions { use_server_output_tokens: true, ..MetricOptions::default() };
        assert_eq!(of(&record).input_tokens, Some(120));
        assert_eq!(of(&record).output_tokens, Some(4));
        assert_eq!(RequestMetrics::of(&record, &options).output_tokens, Some(3));
        record.usage = None;
        assert_eq!(of(&record).input_tokens, Some(100));
        let without =
            MetricOptions { has_tokenizer: false, counts_answers: false, ..MetricOptions::default() };
        assert_eq!(RequestMetrics::of(&record, &without).input_tokens, None);
        assert_eq!(RequestMetrics::of(&record, &options).output_tokens, Some(4));
    }

    #[test]
    fn mismatch_needs_stream_usage_and_tokenizer() {
        let mut record = record(0, 0);
        record.usage = Some(usage(100, 99));
        assert!(of(&record).token_mismatch);
        let without =
            MetricOptions { has_tokenizer: false, counts_answers: false, ..MetricOptions::default() };
        assert!(!RequestMetrics::of(&record, &without).token_mismatch);
        record.usage = None;
        assert!(!of(&record).token_mismatch);
    }

    #[test]
    fn chunks_stand_for_tokens_where_none_has_one() {
        let mut record = record(0, 0);
        record.chunks = [20, 40].map(|at| Chunk::content(at * MS, 0)).to_vec();
        assert_eq!(of(&record).time_to_first_token(), Some(0.02));
        assert_eq!(token_gaps(&record).collect::<Vec<_>>(), [0.02]);
    }
}
