//! A run over time: requests and latencies in equal parts of it.

use benchmark_schemas::record::{Nanos, Outcome, Record};

use super::Latencies;
use crate::clock::seconds;
use crate::metrics::RequestMetrics;

/// Parts into which a run is divided at most.
pub const MAX_BINS: usize = 480;
/// Length of a part at first, nanoseconds; it doubles whenever the run outgrows [`MAX_BINS`].
const FIRST_WIDTH: Nanos = 100_000_000;

/// A run over time.
#[derive(Debug, Clone)]
pub struct Course {
    width: Nanos,
    counts: Vec<Counts>,
}

/// What happened in a part of the run.
#[derive(Debug, Clone, Default)]
struct Counts {
    due: u64,
    sent: u64,
    succeeded: u64,
    failed: u64,
    /// Requests that left the backlog, whatever became of them.
    ended: u64,
    /// Those of them that had been sent.
    left_flight: u64,
    /// Of the requests that fell due in it.
    time_to_first_token: Option<Box<Latencies>>,
    request_latency: Option<Box<Latencies>>,
}

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Its middle, seconds on the run's clock.
    pub at: f64,
    /// Requests that fell due.
    pub due: u64,
    /// Requests that succeeded.
    pub succeeded: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests in flight at its end.
    pub in_flight: i64,
    /// Requests at its end that had fallen due and had not ended.
    pub backlog: i64,
    /// Median and 95th percentile of the time to the first token from the scheduled instant, seconds, of the requests
    /// that fell due in it; `None` if none had one.
    pub time_to_first_token: Option<[f64; 2]>,
    /// The same of the request latency.
    pub request_latency: Option<[f64; 2]>,
}

impl Default for Course {
    fn default() -> Self {
        Self { width: FIRST_WIDTH, counts: Vec::new() }
    }
}

impl Course {
    pub(super) fn push(&mut self, record: &Record, metrics: &RequestMetrics) {
        // What would have fallen due after the run was stopped never did.
        if record.outcome == Outcome::NotDispatched && record.due > record.end {
            return;
        }
        let end = self.at(record.end);
        end.ended += 1;
        end.left_flight += u64::from(record.start.is_some());
        match record.outcome {
            Outcome::Success => end.succeeded += 1,
            Outcome::Failure(_) => end.failed += 1,
            Outcome::Cancelled | Outcome::NotDispatched => {}
        }
        if let Some(start) = record.start {
            self.at(start).sent += 1;
        }
        let due = self.at(record.due);
        due.due += 1;
        if record.outcome == Outcome::Success {
            let latencies = |of: &mut Option<Box<Latencies>>, latency: f64| {
                of.get_or_insert_with(|| Box::new(Latencies::new())).count(latency);
            };
            if let Some(latency) = metrics.time_to_first_token_from_due() {
                latencies(&mut due.time_to_first_token, latency);
            }
            latencies(&mut due.request_latency, metrics.request_latency_from_due());
        }
    }

    /// The part in which `instant` lies.
    fn at(&mut self, instant: Nanos) -> &mut Counts {
        let place = |width: Nanos| usize::try_from(instant.max(0) / width).unwrap_or(usize::MAX);
        while place(self.width) >= MAX_BINS {
            self.halve();
        }
        let index = place(self.width);
        if self.counts.len() <= index {
            self.counts.resize_with(index + 1, Counts::default);
        }
        &mut self.counts[index]
    }

    /// Makes half as many parts of twice the length.
    fn halve(&mut self) {
        self.width *= 2;
        let mut parts = std::mem::take(&mut self.counts).into_iter();
        while let Some(mut first) = parts.next() {
            if let Some(second) = parts.next() {
                first.add(second);
            }
            self.counts.push(first);
        }
    }

    /// The same run in fewer parts: at most `most`, and so few that `requests` fell due in each on average, but not so
    /// few that there is nothing to see.
    #[must_use]
    pub fn smoothed(&self, most: usize, requests: u64) -> Self {
        const LEAST: usize = 24;
        let mut course = self.clone();
        let due: u64 = self.counts.iter().map(|counts| counts.due).sum();
        let too_fine = |parts: usize| parts > most || (parts >= 2 * LEAST && due < requests * parts as u64);
        while too_fine(course.counts.len()) {
            course.halve();
        }
        course
    }

    /// Length of a part, seconds.
    pub fn bin_seconds(&self) -> f64 {
        seconds(self.width)
    }

    /// The parts in order, from the run's first instant until the last end.
    pub fn bins(&self) -> impl Iterator<Item = Bin> {
        let (mut in_flight, mut backlog) = (0_i64, 0_i64);
        let difference = |more: u64, less: u64| {
            i64::try_from(more).unwrap_or(i64::MAX) - i64::try_from(less).unwrap_or(i64::MAX)
        };
        self.counts.iter().enumerate().map(move |(index, counts)| {
            in_flight += difference(counts.sent, counts.left_flight);
            backlog += difference(counts.due, counts.ended);
            let both = |of: &Option<Box<Latencies>>| {
                let of = of.as_ref()?;
                Some([of.quantile(0.5)?, of.quantile(0.95)?])
            };
            Bin {
                at: (index as f64 + 0.5) * seconds(self.width),
                due: counts.due,
                succeeded: counts.succeeded,
                failed: counts.failed,
                in_flight,
                backlog,
                time_to_first_token: both(&counts.time_to_first_token),
                request_latency: both(&counts.request_latency),
            }
        })
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.ended += other.ended;
        self.left_flight += other.left_flight;
        let put = |into: &mut Option<Box<Latencies>>, from: Option<Box<Latencies>>| match (into, from) {
            (Some(into), Some(from)) => into.add(&from),
            (into, from) => {
                if from.is_some() {
                    *into = from;
                }
            }
        };
        put(&mut self.time_to_first_token, other.time_to_first_token);
        put(&mut self.request_latency, other.request_latency);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::MetricOptions;
    use super::super::super::source::tests::{MS, S, failure, record};
    use super::*;
    use proptest::prelude::*;

    fn course(records: &[Record]) -> Course {
        let mut course = Course::default();
        for record in records {
            course.push(record, &RequestMetrics::of(record, &MetricOptions::default()));
        }
        course
    }

    #[test]
    fn each_request_is_counted_where_it_fell_due_and_where_it_ended() {
        // Due at 0 and 1 s; ends after 200 ms and 20 ms.
        let course = course(&[record(0, 0), failure(1, S, "HTTP Error 503", "busy")]);
        let bins: Vec<Bin> = course.bins().collect();
        let told = |of: fn(&Bin) -> i64| bins.iter().map(of).collect::<Vec<_>>();
        assert_eq!(told(|bin| i64::try_from(bin.due).expect("few")), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((bins[2].succeeded, bins[10].failed), (1, 1));
        assert_eq!(told(|bin| bin.in_flight), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(told(|bin| bin.backlog), told(|bin| bin.in_flight));
        let [median, _] = bins[0].time_to_first_token.expect("a token");
        assert!((median - 0.05).abs() < 0.000_5);
        assert_eq!(bins[10].time_to_first_token, None);
    }

    #[test]
    fn what_a_stop_kept_from_falling_due_is_not_counted() {
        let unsent =
            |due| Record { outcome: Outcome::NotDispatched, start: None, end: 2 * S, ..record(0, due) };
        let course = course(&[unsent(S), unsent(3_600 * S)]);
        let bins: Vec<Bin> = course.bins().collect();
        assert_eq!((bins.len(), bins.iter().map(|bin| bin.due).sum::<u64>()), (21, 1));
        assert_eq!((bins[10].backlog, bins[20].backlog), (1, 0));
    }

    proptest! {
        #[test]
        fn no_length_of_a_run_loses_a_request(dues in prop::collection::vec(0_i64..100_000_000, 1..60)) {
            let records: Vec<Record> =
                (0..).zip(&dues).map(|(index, due)| record(index, due * MS)).collect();
            let course = course(&records);
            let bins: Vec<Bin> = course.bins().collect();
            prop_assert!(bins.len() <= MAX_BINS);
            let count = dues.len() as u64;
            prop_assert_eq!(bins.iter().map(|bin| bin.due).sum::<u64>(), count);
            prop_assert_eq!(bins.iter().map(|bin| bin.succeeded).sum::<u64>(), count);
            let last = bins.last().expect("one at least");
            prop_assert_eq!((last.in_flight, last.backlog), (0, 0));
            let with_latency = bins.iter().filter(|bin| bin.time_to_first_token.is_some()).count();
            prop_assert_eq!(with_latency, bins.iter().filter(|bin| bin.due > 0).count());
            let fewer: Vec<Bin> = course.smoothed(40, 10).bins().collect();
            prop_assert!(fewer.len() <= 40 && fewer.len() >= bins.len().min(12));
            prop_assert_eq!(fewer.iter().map(|bin| bin.succeeded).sum::<u64>(), count);
        }
    }
}
