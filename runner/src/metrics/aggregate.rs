//! The numbers of one report: of a stage, or of the whole run.
//!
//! Filled in one or more passes over the same records, see [`super::pool`]; memory does not grow with the run.
//! Upstream counts a request once it has ended by itself. Requests that were cancelled or never sent are counted
//! apart and enter no statistic.

use benchmark_schemas::record::{Nanos, Outcome, Record};

use super::goodput::Goodput;
use super::labels::LabelGroups;
use super::pool::Pool;
use super::request::{RequestMetrics, token_gaps};
use super::retries::RetryTotals;
use super::{Dist, Ledger, MediaTotals, MetricOptions, ratio};
use crate::clock::seconds;

/// Aggregates of a set of records.
#[derive(Debug, Clone, Default)]
pub struct Aggregate {
    first_pass_over: bool,
    /// Scheduled requests, whatever became of them.
    pub scheduled: u64,
    /// Requests that were cut off in flight.
    pub cancelled: u64,
    /// Requests that were never sent.
    pub not_dispatched: u64,
    /// What succeeded.
    pub successes: Successes,
    /// What failed.
    pub failures: Failures,
    /// What of both was sent more than once.
    pub retries: RetryTotals,
    first_start: Option<Nanos>,
    last_start: Option<Nanos>,
    last_end: Option<Nanos>,
    schedule_delay: Pool,
}

/// Aggregates of successful requests. The pools' units: seconds, tokens, bytes.
#[derive(Debug, Clone, Default)]
pub struct Successes {
    /// End minus start.
    pub request_latency: Pool,
    /// Request latency / output tokens.
    pub normalized_time_per_output_token: Pool,
    /// (Last − first token) / (output tokens − 1).
    pub time_per_output_token: Pool,
    /// First token minus start.
    pub time_to_first_token: Pool,
    /// Gaps between tokens, of all requests together.
    pub inter_token_latency: Pool,
    /// Token timing beyond upstream's rule.
    pub ledger: Ledger,
    /// End minus scheduled instant.
    pub request_latency_from_due: Pool,
    /// Request latency from the scheduled instant / output tokens.
    pub normalized_time_per_output_token_from_due: Pool,
    /// First token minus scheduled instant.
    pub time_to_first_token_from_due: Pool,
    /// Bytes of the request body.
    pub request_size_bytes: Pool,
    /// Prompt tokens, by the server first.
    pub prompt_tokens: Pool,
    /// Sum of the prompt tokens that the server took from its cache.
    pub cached_tokens: u64,
    /// Output tokens by the client; only requests with an answer.
    pub output_len: Pool,
    /// Output tokens by the server first, 0 for answers without content, as upstream has it; only requests of which
    /// anybody counts them.
    pub output_tokens: Pool,
    /// Output tokens that rates and latencies per token are based on; only requests with a count.
    pub effective_output_tokens: Pool,
    /// Streamed answers whose chunks do not add up to the server's count.
    pub token_count_mismatches: u64,
    /// Requests whose prompt was counted by the client because the server did not say.
    pub client_counted_prompts: u64,
    /// The same for outputs.
    pub client_counted_outputs: u64,
    /// Requests that kept their latency objectives.
    pub goodput: Goodput,
    /// Images, videos and sounds.
    pub media: MediaTotals,
}

/// Aggregates of failed requests.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    /// End minus start, seconds.
    pub request_latency: Pool,
    /// Prompt tokens by the client, for a failed request has no answer of the server.
    pub prompt_tokens: Pool,
    /// Counts and messages by label.
    pub by_label: LabelGroups,
}

/// Rates over the time from the first start to the last end, failures included; zero if that is no time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throughput {
    /// Prompt tokens of successes, tokens/s.
    pub input_tokens_per_second: f64,
    /// Output tokens of successes, tokens/s.
    pub output_tokens_per_second: f64,
    /// Sum of both.
    pub total_tokens_per_second: f64,
    /// Successes, requests/s.
    pub requests_per_second: f64,
}

impl Aggregate {
    /// Adds `record`, whose numbers are `metrics`, or shows it again in a later pass.
    pub fn push(&mut self, record: &Record, metrics: &RequestMetrics, options: &MetricOptions) {
        if !self.first_pass_over {
            self.scheduled += 1;
        }
        match &record.outcome {
            Outcome::Success => {
                self.recorded(record, metrics);
                let first_pass = !self.first_pass_over;
                self.successes.push(record, metrics, options, first_pass);
            }
            Outcome::Failure(failure) => {
                self.recorded(record, metrics);
                self.failures.request_latency.push(metrics.request_latency());
                if options.has_tokenizer {
                    self.failures.prompt_tokens.push(f64::from(record.prompt_tokens));
                }
                if !self.first_pass_over {
                    self.failures.by_label.add(failure, options.max_error_messages);
                }
            }
            Outcome::Cancelled if !self.first_pass_over => self.cancelled += 1,
            Outcome::NotDispatched if !self.first_pass_over => self.not_dispatched += 1,
            Outcome::Cancelled | Outcome::NotDispatched => {}
        }
    }

    /// What successes and failures have in common.
    fn recorded(&mut self, record: &Record, metrics: &RequestMetrics) {
        self.first_start = Some(self.first_start.map_or(metrics.start, |at| at.min(metrics.start)));
        self.last_start = self.last_start.max(Some(metrics.start));
        self.last_end = self.last_end.max(Some(record.end));
        self.schedule_delay.push(metrics.schedule_delay());
        self.retries.push(record, !self.first_pass_over);
    }

    /// Ends a pass; true if the records must be pushed once more.
    pub fn end_pass(&mut self, options: &MetricOptions) -> bool {
        self.first_pass_over = true;
        let pools = [
            &mut self.schedule_delay,
            &mut self.failures.request_latency,
            &mut self.failures.prompt_tokens,
            &mut self.successes.request_latency,
            &mut self.successes.normalized_time_per_output_token,
            &mut self.successes.time_per_output_token,
            &mut self.successes.time_to_first_token,
            &mut self.successes.inter_token_latency,
            &mut self.successes.request_latency_from_due,
            &mut self.successes.normalized_time_per_output_token_from_due,
            &mut self.successes.time_to_first_token_from_due,
            &mut self.successes.request_size_bytes,
            &mut self.successes.prompt_tokens,
            &mut self.successes.output_len,
            &mut self.successes.output_tokens,
            &mut self.successes.effective_output_tokens,
        ];
        let ledger = self.successes.ledger.end_pass(&options.wanted);
        let retries = self.retries.end_pass(&options.wanted);
        let media = self.successes.media.end_pass(&options.wanted);
        // Each pool must see the end of the pass: no short cut after the first that needs another.
        let open = pools.into_iter().filter_map(|pool| pool.end_pass(&options.wanted).then_some(()));
        open.count() > 0 || retries || ledger || media
    }

    /// Requests in the statistics: successes and failures.
    pub fn recorded_count(&self) -> u64 {
        self.schedule_delay.count()
    }

    /// Actual minus scheduled instant of sending, seconds, over successes and failures.
    pub fn schedule_delay(&self, options: &MetricOptions) -> Option<Dist> {
        self.schedule_delay.dist(&options.percentiles)
    }

    /// Time from the first start to the last end, seconds.
    pub fn benchmark_time_seconds(&self) -> f64 {
        self.first_start.zip(self.last_end).map_or(0.0, |(start, end)| seconds(end - start))
    }

    /// Time from the first start to the last start, seconds.
    pub fn send_duration_seconds(&self) -> f64 {
        self.first_start.zip(self.last_start).map_or(0.0, |(first, last)| seconds(last - first))
    }

    /// Recorded requests / send duration, requests/s; zero if that is no time. Upstream's definition: n requests
    /// over n − 1 gaps, which is a little too high for small n.
    pub fn achieved_rate(&self) -> f64 {
        ratio(self.recorded_count() as f64, self.send_duration_seconds())
    }

    /// Failures / (successes + failures); `None` if there are neither.
    pub fn error_rate(&self) -> Option<f64> {
        let all = self.recorded_count();
        (all > 0).then(|| ratio(self.failures.count() as f64, all as f64))
    }

    /// Rates of the successes.
    pub fn throughput(&self) -> Throughput {
        let time = self.benchmark_time_seconds();
        let input = self.successes.prompt_tokens.sum();
        let output = self.successes.effective_output_tokens.sum();
        Throughput {
            input_tokens_per_second: ratio(input, time),
            output_tokens_per_second: ratio(output, time),
            total_tokens_per_second: ratio(input + output, time),
            requests_per_second: ratio(self.successes.count() as f64, time),
        }
    }
}

impl Successes {
    /// Successful requests.
    pub fn count(&self) -> u64 {
        self.request_latency.count()
    }

    fn push(&mut self, record: &Record, metrics: &RequestMetrics, options: &MetricOptions, first_pass: bool) {
        self.request_latency.push(metrics.request_latency());
        self.request_latency_from_due.push(metrics.request_latency_from_due());
        let optional = [
            (&mut self.normalized_time_per_output_token, metrics.normalized_time_per_output_token()),
            (
                &mut self.normalized_time_per_output_token_from_due,
                metrics.normalized_time_per_output_token_from_due(),
            ),
            (&mut self.time_per_output_token, metrics.time_per_output_token()),
            (&mut self.time_to_first_token, metrics.time_to_first_token()),
            (&mut self.time_to_first_token_from_due, metrics.time_to_first_token_from_due()),
            (&mut self.output_len, metrics.client_output_tokens.map(|tokens| tokens as f64)),
            (&mut self.effective_output_tokens, metrics.output_tokens.map(|tokens| tokens as f64)),
            (&mut self.prompt_tokens, metrics.input_tokens.map(|tokens| tokens as f64)),
            (&mut self.output_tokens, metrics.answered_tokens.map(|tokens| tokens as f64)),
        ];
        for (pool, value) in optional {
            if let Some(value) = value {
                pool.push(value);
            }
        }
        self.media.push(record, first_pass);
        self.ledger.push(record, &self.inter_token_latency, first_pass);
        if self.inter_token_latency.is_open() {
            token_gaps(record).for_each(|gap| self.inter_token_latency.push(gap));
        }
        self.request_size_bytes.push(f64::from(record.request_bytes));
        if first_pass {
            self.cached_tokens += metrics.cached_tokens;
            self.token_count_mismatches += u64::from(metrics.token_mismatch);
            let server_counted_prompt =
                record.usage.as_ref().is_some_and(|usage| usage.prompt_tokens.is_some());
            self.client_counted_prompts += u64::from(!server_counted_prompt);
            self.client_counted_outputs += u64::from(metrics.server_output_tokens.is_none());
            self.goodput.push(record, metrics, options);
        }
    }
}

impl Failures {
    /// Failed requests.
    pub fn count(&self) -> u64 {
        self.request_latency.count()
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod tests {
    use super::super::source::tests::{MS, S, failure, record, usage};
    use super::*;
    use benchmark_schemas::record::Record;

    fn aggregate(records: &[Record]) -> Aggregate {
        let (mut aggregate, options) = (Aggregate::default(), MetricOptions::default());
        for record in records {
            aggregate.push(record, &RequestMetrics::of(record, &options), &options);
        }
        assert!(!aggregate.end_pass(&options), "small samples need one pass");
        aggregate
    }

    #[test]
    fn counts_times_and_rates() {
        let mut cancelled = record(3, 3 * S);
        cancelled.outcome = Outcome::Cancelled;
        let mut unsent = record(4, 4 * S);
        (unsent.outcome, unsent.start) = (Outcome::NotDispatched, None);
        let records =
            [record(0, 0), record(1, S), failure(2, 2 * S, "HTTP Error 503", "busy"), cancelled, unsent];
        let aggregate = aggregate(&records);
        assert_eq!(
            (aggregate.scheduled, aggregate.cancelled, aggregate.not_dispatched, aggregate.recorded_count()),
            (5, 1, 1, 3)
        );
        assert_eq!((aggregate.successes.count(), aggregate.failures.count()), (2, 1));
        assert_eq!(aggregate.benchmark_time_seconds(), 2.02);
        assert_eq!(aggregate.send_duration_seconds(), 2.0);
        assert_eq!(aggregate.achieved_rate(), 1.5);
        assert_eq!(aggregate.error_rate(), Some(1.0 / 3.0));
        let throughput = aggregate.throughput();
        assert_eq!(throughput.input_tokens_per_second, 200.0 / 2.02);
        assert_eq!(throughput.output_tokens_per_second, 8.0 / 2.02);
        assert_eq!(throughput.requests_per_second, 2.0 / 2.02);
    }

    #[test]
    fn server_counts_and_fallbacks_are_told_apart() {
        let mut with_usage = record(0, 0);
        with_usage.usage = Some(usage(120, 5));
        let mut empty = record(1, S);
        (empty.output_tokens, empty.chunks) = (None, Vec::new());
        let aggregate = aggregate(&[with_usage, empty, record(2, 2 * S)]);
        let successes = &aggregate.successes;
        assert_eq!(successes.prompt_tokens.sum(), 320.0);
        assert_eq!((successes.output_tokens.count(), successes.output_tokens.sum()), (3, 9.0));
        assert_eq!((successes.output_len.count(), successes.output_len.sum()), (2, 8.0));
        assert_eq!(successes.effective_output_tokens.sum(), 8.0);
        assert_eq!((successes.client_counted_prompts, successes.client_counted_outputs), (2, 2));
        assert_eq!(successes.token_count_mismatches, 1);
        assert_eq!(successes.normalized_time_per_output_token.count(), 2);
    }

    #[test]
    fn nothing_and_one_request() {
        let nothing = aggregate(&[]);
        assert_eq!(nothing.benchmark_time_seconds(), 0.0);
        assert_eq!((nothing.achieved_rate(), nothing.error_rate()), (0.0, None));
        assert_eq!(nothing.schedule_delay(&MetricOptions::default()), None);
        let one = aggregate(&[record(0, 5 * MS)]);
        assert_eq!((one.send_duration_seconds(), one.achieved_rate()), (0.0, 0.0));
    }
}
