//! What should hold for every record, whatever the server did: counted while records are read, told in
//! `validation.json`.

use benchmark_schemas::record::{Outcome, Record};

use super::RequestMetrics;
use super::request::token_times;

/// Places that are named of each kind.
const NAMED: usize = 5;
/// Share of the larger count by which the client's and the server's count of an answer's tokens may differ.
pub const TOKEN_TOLERANCE: f64 = 0.25;

/// Requests that are not as they should be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Odd {
    /// How many.
    pub count: u64,
    /// The first few, by their places in the report on every request.
    pub first: Vec<u64>,
}

impl Odd {
    fn note(&mut self, is_odd: bool, place: u64) {
        if is_odd {
            self.count += 1;
            if self.first.len() < NAMED {
                self.first.push(place);
            }
        }
    }
}

/// Findings about single requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestChecks {
    /// Requests that were looked at: all that ended by themselves.
    pub recorded: u64,
    /// Ended before they started.
    pub ended_before_start: Odd,
    /// Successful without any count of output tokens.
    pub without_answer: Odd,
    /// Tokens not in the order of time.
    pub unordered_tokens: Odd,
    /// Tokens outside the time from start to end.
    pub tokens_outside: Odd,
    /// The client's and the server's count of the answer's tokens differ by more than [`TOKEN_TOLERANCE`].
    pub counts_differ: Odd,
}

impl RequestChecks {
    /// Looks at `record`.
    pub(super) fn push(&mut self, record: &Record, metrics: &RequestMetrics) {
        let success = match record.outcome {
            Outcome::Success => true,
            Outcome::Failure(_) => false,
            Outcome::Cancelled | Outcome::NotDispatched => return,
        };
        let place = self.recorded;
        self.recorded += 1;
        self.ended_before_start.note(record.end < metrics.start, place);
        self.without_answer.note(success && metrics.output_tokens.is_none(), place);
        let mut before = None;
        let unordered =
            token_times(record).any(|(at, _)| before.replace(at).is_some_and(|before| at < before));
        self.unordered_tokens.note(unordered, place);
        let bounds = metrics.first_token.zip(metrics.last_token);
        self.tokens_outside
            .note(bounds.is_some_and(|(first, last)| first < metrics.start || last > record.end), place);
        let counts = metrics.client_output_tokens.zip(metrics.server_output_tokens);
        let counts = counts.filter(|(client, server)| success && *client > 0 && *server > 0);
        let differ = counts.is_some_and(|(client, server)| {
            client.abs_diff(server) as f64 > TOKEN_TOLERANCE * client.max(server) as f64
        });
        self.counts_differ.note(differ, place);
    }
}

#[cfg(test)]
mod tests {
    use super::super::MetricOptions;
    use super::super::source::tests::{MS, failure, record, usage};
    use super::*;

    fn checks(records: &[Record]) -> RequestChecks {
        let mut checks = RequestChecks::default();
        for record in records {
            checks.push(record, &RequestMetrics::of(record, &MetricOptions::default()));
        }
        checks
    }

    #[test]
    fn sound_records_and_failures_are_not_odd() {
        let counted = Record { usage: Some(usage(100, 4)), ..record(1, 0) };
        let cancelled = Record { outcome: Outcome::Cancelled, ..record(2, 0) };
        let checks = checks(&[record(0, 0), counted, cancelled, failure(3, 0, "HTTP Error 500", "")]);
        assert_eq!(checks, RequestChecks { recorded: 3, ..RequestChecks::default() });
    }

    #[test]
    fn each_kind_is_found_at_its_place() {
        let base = record(0, 0);
        let mut early_end = base.clone();
        early_end.end = -MS;
        let mut unordered = base.clone();
        unordered.chunks.swap(1, 2);
        let mut outside = base.clone();
        outside.chunks[3].at = base.end + 1;
        let without = Record { output_tokens: None, ..base.clone() };
        let differing = Record { usage: Some(usage(100, 9)), ..base.clone() };
        let checks = checks(&[base, early_end, unordered, outside, without, differing]);
        let at = |place| Odd { count: 1, first: vec![place] };
        assert_eq!(checks.ended_before_start, at(1));
        assert_eq!(checks.unordered_tokens, at(2));
        // Whatever ends before its start has all its tokens after its end.
        assert_eq!(checks.tokens_outside, Odd { count: 2, first: vec![1, 3] });
        assert_eq!(checks.without_answer, at(4));
        assert_eq!(checks.counts_differ, at(5));
    }

    #[test]
    fn few_are_named_and_all_are_counted() {
        let bad = Record { output_tokens: None, ..record(0, 0) };
        let checks = checks(&vec![bad; 9]);
        assert_eq!(checks.without_answer, Odd { count: 9, first: vec![0, 1, 2, 3, 4] });
    }

    #[test]
    fn a_quarter_more_or_less_is_agreement() {
        let of = |client, server| {
            let record =
                Record { output_tokens: Some(client), usage: Some(usage(1, server)), ..record(0, 0) };
            checks(&[record]).counts_differ.count
        };
        assert_eq!([of(75, 100), of(100, 75), of(74, 100), of(0, 100)], [0, 0, 1, 0]);
    }
}
