//! What became of the probe's requests, read back from the spool.

use std::collections::BTreeMap;
use std::fmt;

use benchmark_schemas::record::{
    Nanos, Outcome, PROBE_STAGE, Record, SpoolEntry, StageFacts, StageStatus, SweepFacts, SweepMethod,
};

use super::estimate::Observed;
use crate::labels;
use crate::spool::{SpoolError, SpoolSource};

/// A probe that has ended.
#[derive(Debug)]
pub(super) struct Probe {
    /// Requests that were sent and that the server did not refuse, in the order of the schedule.
    pub(super) requests: Vec<Observed>,
    /// Instant from which its arrivals were counted.
    pub(super) window_start: Nanos,
    facts: StageFacts,
    counts: ProbeCounts,
}

/// What became of a probe's requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeCounts {
    /// All of them.
    pub requests: u64,
    /// Answered.
    pub succeeded: u64,
    /// Ended by a failure.
    pub failed: u64,
    /// In flight when the time was over.
    pub cut_off: u64,
    /// Not sent by then.
    pub not_sent: u64,
    /// Failures by their labels.
    pub labels: BTreeMap<String, u64>,
}

impl ProbeCounts {
    fn add(&mut self, outcome: &Outcome) {
        self.requests += 1;
        match outcome {
            Outcome::Success => self.succeeded += 1,
            Outcome::Cancelled => self.cut_off += 1,
            Outcome::NotDispatched => self.not_sent += 1,
            Outcome::Failure(failure) => {
                self.failed += 1;
                let label = labels::label(failure, &labels::shown_message(failure));
                *self.labels.entry(label).or_default() += 1;
            }
        }
    }

    /// The commonest label of failures, with its count.
    pub fn commonest_failure(&self) -> Option<(&str, u64)> {
        // Of equal ones the first by name, so that the same run always names the same.
        let commonest = self.labels.iter().rev().max_by_key(|(_, count)| **count);
        commonest.map(|(label, count)| (label.as_str(), *count))
    }

    /// What to do if they were too few.
    pub fn remedy(&self) -> &'static str {
        if self.failed > self.requests / 2 {
            "see why the server fails, or give it fewer at once by load.sweep.num_requests"
        } else if self.cut_off + self.not_sent > 0 {
            "give it more time by load.sweep.timeout"
        } else {
            "send more by load.sweep.num_requests"
        }
    }
}

impl fmt::Display for ProbeCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of {} requests {} succeeded", self.requests, self.succeeded)?;
        if let Some((label, count)) = self.commonest_failure() {
            write!(f, ", {} failed, most of them ({count}) with {label:?}", self.failed)?;
        }
        if self.cut_off + self.not_sent > 0 {
            write!(
                f,
                ", {} were in flight and {} unsent when the time was over",
                self.cut_off, self.not_sent
            )?;
        }
        Ok(())
    }
}

impl Probe {
    pub(super) fn counts(&self) -> ProbeCounts {
        self.counts.clone()
    }

    /// When its time was over; `None` if all its requests had ended before.
    pub(super) fn cut(&self) -> Option<Nanos> {
        (self.facts.status == StageStatus::TimedOut).then_some(self.facts.window_end)
    }

    /// The facts that hold for every estimator; the rest is empty.
    pub(super) fn facts(&self) -> SweepFacts {
        SweepFacts {
            method: SweepMethod::Completions,
            estimate: 0.0,
            interval: None,
            completions: self.counts.succeeded,
            busy_seconds: 0.0,
            requests: self.counts.requests,
            succeeded: self.counts.succeeded,
            failed: self.counts.failed,
            peak_in_flight: 0,
            rates: Vec::new(),
        }
    }
}

/// Reads the probe with `facts` from `spool`.
pub(super) fn read(spool: &SpoolSource, facts: StageFacts) -> Result<Probe, SpoolError> {
    let mut requests = Vec::new();
    let mut counts = ProbeCounts::default();
    for entry in spool.entries()? {
        if let SpoolEntry::Request(record) = entry?
            && record.stage == PROBE_STAGE
        {
            counts.add(&record.outcome);
            requests.extend(Part::of(&record));
        }
    }
    requests.sort_unstable_by_key(|part: &Part| part.index);
    let served = requests.iter().filter(|part| part.observed.served);
    let mean_chunks = served.map(|part| part.chunks as f64).sum::<f64>() / counts.succeeded.max(1) as f64;
    let requests = requests.into_iter().map(|part| part.finished(mean_chunks)).collect();
    Ok(Probe { requests, window_start: facts.window_start, facts, counts })
}

/// A request with the number of chunks that came.
struct Part {
    index: u64,
    observed: Observed,
    /// It was cut off by the end of the probe, not by a time-out of its own: what it had was going to be used.
    cut_off: bool,
    chunks: usize,
}

impl Part {
    /// A request that the server worked on or had in its queue. One that failed was sent away, or its work was in
    /// vain; either way it is none of the server's completions. A time-out is the client's, the server had it.
    fn of(record: &Record) -> Option<Self> {
        let start = record.start?;
        let (served, cut_off) = match &record.outcome {
            Outcome::Success => (true, false),
            Outcome::Cancelled => (false, true),
            Outcome::Failure(failure) if failure.error_type == "TimeoutError" => (false, false),
            Outcome::Failure(_) | Outcome::NotDispatched => return None,
        };
        let done = f64::from(u8::from(served));
        let observed = Observed { start, sent: record.sent.unwrap_or(start), end: record.end, served, done };
        Some(Self { index: record.index, observed, cut_off, chunks: record.chunks.len() })
    }

    /// How much of a streamed answer had come when it was cut off follows from the mean of whole ones.
    fn finished(self, mean_chunks: f64) -> Observed {
        let mut observed = self.observed;
        if self.cut_off && self.chunks > 0 && mean_chunks > 1.0 {
            observed.done = (self.chunks as f64 / mean_chunks).min(1.0);
        }
        observed
    }
}
