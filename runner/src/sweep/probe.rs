//! What became of the probe's requests, read back from the spool.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use benchmark_schemas::record::{
    Nanos, Outcome, PROBE_STAGE, Record, SpoolEntry, StageFacts, StageStatus, SweepFacts, SweepMethod,
};

use super::estimate::Observed;
use crate::metrics::labels;
use crate::spool::{SpoolError, SpoolReader};

/// Instants that are kept of an answer that came in chunks.
const MOST_MARKS: usize = 8;

/// A probe that has ended.
#[derive(Debug)]
pub(super) struct Probe {
    /// Requests that were sent and that the server did not refuse, in no order.
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
            "see why the server fails, then run again"
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
            write!(f, ", {} were in flight and {} unsent when the time was over", self.cut_off, self.not_sent)?;
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

/// Reads the probe with `facts` from the spool in `folder`.
pub(super) fn read(folder: &Path, facts: StageFacts) -> Result<Probe, SpoolError> {
    let mut probe = Probe {
        requests: Vec::new(),
        window_start: facts.window_start,
        facts,
        counts: ProbeCounts::default(),
    };
    for entry in SpoolReader::open(folder)? {
        if let SpoolEntry::Request(record) = entry?
            && record.stage == PROBE_STAGE
        {
            probe.counts.add(&record.outcome);
            probe.requests.extend(observed(&record));
        }
    }
    Ok(probe)
}

/// A request that the server worked on or had in its queue. One that failed was sent away, or its work was in vain;
/// either way it is none of the server's completions. A time-out is the client's, the server had it.
fn observed(record: &Record) -> Option<Observed> {
    let start = record.start?;
    let served = match &record.outcome {
        Outcome::Success => true,
        Outcome::Cancelled => false,
        Outcome::Failure(failure) if failure.error_type == "TimeoutError" => false,
        Outcome::Failure(_) | Outcome::NotDispatched => return None,
    };
    let marks = if served { marks(record) } else { Vec::new() };
    Some(Observed { start, end: record.end, served, marks })
}

/// Instants at which equal parts of the answer had come; the last is its end.
fn marks(record: &Record) -> Vec<Nanos> {
    let count = record.chunks.len().clamp(1, MOST_MARKS);
    let part = |i: usize| record.chunks.get((i * record.chunks.len()).div_ceil(count).max(1) - 1);
    let parts = (1..count).filter_map(|i| part(i).map(|chunk| chunk.at));
    parts.chain([record.end]).collect()
}
