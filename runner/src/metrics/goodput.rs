//! Goodput: which successful requests kept their latency objectives.
//!
//! Objectives are limits of the configuration, and those that a request carried in its headers, which take the place
//! of the configuration's. A request that has no value where there is a limit does not keep it: an answer that is not
//! streamed has no TTFT to be fast.

use benchmark_schemas::config::Limited;
use benchmark_schemas::record::{Nanos, Objectives, Record};

use super::{MetricOptions, RequestMetrics, ratio};
use crate::clock::seconds;

/// What `metrics` have of a latency that can have a limit, seconds.
fn value(limited: Limited, metrics: &RequestMetrics) -> Option<f64> {
    match limited {
        Limited::Ttft => metrics.time_to_first_token(),
        Limited::Tpot => metrics.time_per_output_token(),
        Limited::Itl => metrics.mean_inter_token_latency(),
        Limited::Ntpot => metrics.normalized_time_per_output_token(),
        Limited::RequestLatency => Some(metrics.request_latency()),
    }
}

/// Limits of the configuration, seconds, in the order of [`Limited::ALL`]; `None` where there is none.
pub type Limits = [Option<f64>; Limited::ALL.len()];

/// The objectives of its headers that a request is held to: those of streamed answers that had a token, as upstream
/// has it.
pub fn own_objectives(record: &Record, metrics: &RequestMetrics) -> Objectives {
    record.objectives.filter(|_| metrics.first_token.is_some()).unwrap_or_default()
}

/// Requests that kept their objectives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Goodput {
    /// Requests that kept all of theirs.
    pub good_requests: u64,
    /// Prompt and output tokens of those.
    pub good_tokens: u64,
    /// Successes.
    pub total_requests: u64,
    /// Requests that had a limit on a latency, and those of them that kept it, in the order of [`Limited::ALL`].
    attainment: [(u64, u64); Limited::ALL.len()],
    has_objectives: bool,
    first_start: Option<Nanos>,
    last_end: Option<Nanos>,
}

/// Share and rates of what kept its objectives; zero of nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GoodputFigures {
    /// Requests of which this is the share.
    pub requests: u64,
    /// Share of the requests that kept theirs, per cent.
    pub percent: f64,
    /// Those requests, requests/s.
    pub requests_per_second: f64,
    /// Their prompt and output tokens, tokens/s.
    pub tokens_per_second: f64,
}

impl Goodput {
    /// Adds the successful request `record`.
    pub(super) fn push(&mut self, record: &Record, metrics: &RequestMetrics, options: &MetricOptions) {
        let own = own_objectives(record, metrics);
        let mut limits = options.limits;
        limits[Limited::Ttft as usize] = own.ttft_seconds.or(limits[Limited::Ttft as usize]);
        limits[Limited::Tpot as usize] = own.tpot_seconds.or(limits[Limited::Tpot as usize]);
        self.has_objectives |= limits.iter().any(Option::is_some);
        let mut is_good = true;
        for (limited, (limit, (had, kept))) in
            Limited::ALL.into_iter().zip(limits.into_iter().zip(&mut self.attainment))
        {
            let Some(limit) = limit else { continue };
            let keeps = value(limited, metrics).is_some_and(|value| value <= limit);
            *had += 1;
            *kept += u64::from(keeps);
            is_good &= keeps;
        }
        self.total_requests += 1;
        if is_good {
            self.good_requests += 1;
            self.good_tokens += metrics.input_tokens.unwrap_or(0) + metrics.output_tokens.unwrap_or(0);
        }
        self.first_start = Some(self.first_start.map_or(metrics.start, |first| first.min(metrics.start)));
        self.last_end = self.last_end.max(Some(record.end));
    }

    /// True if any request had an objective: without one there is nothing to report.
    pub fn is_active(&self) -> bool {
        self.has_objectives
    }

    /// Time from the first start to the last end of a success, seconds: upstream's window for goodput.
    pub fn window_seconds(&self) -> f64 {
        self.first_start.zip(self.last_end).map_or(0.0, |(start, end)| seconds(end - start))
    }

    /// The figures of the successes alone, as upstream has them.
    pub fn of_successes(&self) -> GoodputFigures {
        self.of(self.total_requests, self.window_seconds())
    }

    /// The figures of `requests`, to which those belong that kept their objectives, within `seconds`.
    pub fn of(&self, requests: u64, seconds: f64) -> GoodputFigures {
        let [good, tokens] = [self.good_requests, self.good_tokens].map(|count| count as f64);
        GoodputFigures {
            requests,
            percent: 100.0 * ratio(good, requests as f64),
            requests_per_second: ratio(good, seconds),
            tokens_per_second: ratio(tokens, seconds),
        }
    }

    /// For each latency that was limited, its share of requests that kept the limit, 0 to 1.
    pub fn attainment(&self) -> impl Iterator<Item = (Limited, f64)> {
        let counts = Limited::ALL.into_iter().zip(self.attainment);
        counts
            .filter(|(_, (had, _))| *had > 0)
            .map(|(limited, (had, kept))| (limited, ratio(kept as f64, had as f64)))
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod tests {
    use super::super::source::tests::{MS, S, record};
    use super::*;

    fn goodput(records: &[Record], limits: &[(Limited, f64)]) -> Goodput {
        let mut options = MetricOptions::default();
        for (limited, limit) in limits {
            options.limits[*limited as usize] = Some(*limit);
        }
        let mut goodput = Goodput::default();
        for record in records {
            goodput.push(record, &RequestMetrics::of(record, &options), &options);
        }
        goodput
    }

    /// TTFT 50 ms, gaps of 10 ms, TPOT 10 ms, NTPOT 50 ms, 200 ms in all; 100 + 4 tokens.
    fn usual() -> Record {
        record(0, 0)
    }

    #[test]
    fn each_limit_is_kept_at_its_very_value_and_not_below() {
        let values = [0.05, 0.01, 0.01, 0.05, 0.2];
        for (limited, value) in Limited::ALL.into_iter().zip(values) {
            let good = |limit| goodput(&[usual()], &[(limited, limit)]).good_requests;
            assert_eq!((good(value), good(value * 0.999)), (1, 0), "{}", limited.name());
        }
    }

    #[test]
    fn a_latency_that_a_request_does_not_have_is_not_kept() {
        let unary = Record { streamed: false, chunks: Vec::new(), ..usual() };
        for limited in [Limited::Ttft, Limited::Tpot, Limited::Itl] {
            assert_eq!(goodput(std::slice::from_ref(&unary), &[(limited, 9.0)]).good_requests, 0);
        }
        let both = goodput(&[unary, usual()], &[(Limited::Ttft, 9.0), (Limited::Ntpot, 9.0)]);
        let attainment: Vec<_> = both.attainment().collect();
        assert_eq!(attainment, [(Limited::Ttft, 0.5), (Limited::Ntpot, 1.0)]);
        assert_eq!((both.good_requests, both.good_tokens, both.total_requests), (1, 104, 2));
    }

    #[test]
    fn own_objectives_come_before_the_configurations() {
        let strict = Objectives { ttft_seconds: Some(0.04), tpot_seconds: None };
        let own = Record { objectives: Some(strict), ..usual() };
        assert_eq!(goodput(&[usual(), own.clone()], &[(Limited::Ttft, 0.05)]).good_requests, 1);
        let alone = goodput(&[usual(), own.clone()], &[]);
        assert!(alone.is_active());
        assert_eq!(alone.good_requests, 1, "a request without objectives is good");
        assert_eq!(alone.attainment().collect::<Vec<_>>(), [(Limited::Ttft, 0.0)]);
        let unary = Record { streamed: false, chunks: Vec::new(), ..own };
        assert!(!goodput(&[unary], &[]).is_active(), "nothing streamed, nothing to hold to them");
    }

    #[test]
    fn nothing_to_report_without_objectives() {
        assert!(!goodput(&[usual()], &[]).is_active());
        assert!(!goodput(&[], &[(Limited::Ttft, 1.0)]).is_active());
    }

    #[test]
    fn figures_are_shares_and_rates_of_whatever_they_are_of() {
        let slow = Record { start: Some(S), end: 2 * S, ..usual() };
        let goodput = goodput(&[usual(), slow], &[(Limited::RequestLatency, 0.5)]);
        let figures = |requests, percent, requests_per_second, tokens_per_second| GoodputFigures {
            requests,
            percent,
            requests_per_second,
            tokens_per_second,
        };
        assert_eq!(goodput.of_successes(), figures(2, 50.0, 0.5, 52.0));
        assert_eq!(goodput.of(4, 8.0), figures(4, 25.0, 0.125, 13.0));
        assert_eq!(goodput.of(0, 0.0), figures(0, 0.0, 0.0, 0.0));
    }

    #[test]
    fn the_window_is_that_of_the_successes() {
        let late = Record { start: Some(2 * S), end: 2 * S + 300 * MS, ..usual() };
        assert_eq!(goodput(&[usual(), late], &[]).window_seconds(), 2.3);
        assert_eq!(goodput(&[], &[]).window_seconds(), 0.0);
    }
}
