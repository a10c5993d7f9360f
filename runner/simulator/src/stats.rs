//! What the simulator knows about itself: counters, and the instants of the newest requests.
//!
//! The truth that clients are compared with. It records what it is told and knows neither queue nor HTTP.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::engine::Occupancy;
use crate::histograms::Histograms;
use crate::time::{Nanos, monotonic_now};

/// Most token instants that are kept over all recorded requests: memory stays bounded with long answers too.
const MOST_STAMPS: usize = 4_000_000;

/// What has happened since the start or the last reset. Instants are nanoseconds on the machine's monotonic clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Instant of these figures.
    pub now_ns: Nanos,
    /// Requests that hold a slot.
    pub running: u32,
    /// Requests in the queue.
    pub waiting: usize,
    /// Counts.
    pub totals: Totals,
    /// When the first request that was let in had been read, since the start or the last reset.
    pub first_arrival_ns: Option<Nanos>,
    /// When the latest end of a request was: its last chunk was handed to the socket, or its client went away.
    pub last_end_ns: Option<Nanos>,
    /// The newest requests that have come to their end, in the order of their ends.
    pub requests: Vec<RequestTrace>,
}

impl Stats {
    /// Recorded requests whose last token was due after `from` and not after `to`.
    pub fn completed_between(&self, from: Nanos, to: Nanos) -> impl Iterator<Item = &RequestTrace> {
        self.requests.iter().filter(move |request| {
            request.outcome == RequestOutcome::Completed
                && (from + 1..=to).contains(&(request.arrival_ns + request.end_ns))
        })
    }

    /// Recorded completions/s between `from` and `to`, by due instants of last tokens.
    #[must_use]
    pub fn completion_rate(&self, from: Nanos, to: Nanos) -> f64 {
        self.completed_between(from, to).count() as f64 / (to.saturating_sub(from) as f64 / 1e9)
    }
}

/// Counts of requests and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Requests that took a slot or a place in the queue.
    pub started: u64,
    /// Requests that had all their tokens.
    pub completed: u64,
    /// Requests whose client went away before that.
    pub cancelled: u64,
    /// Requests that found the queue full.
    pub refused: u64,
    /// Requests of the failing share.
    pub failed: u64,
    /// Requests that were malformed, too long, or for another model.
    pub invalid: u64,
    /// Tokens of prompts that were prefilled.
    pub prompt_tokens: u64,
    /// Tokens of answers.
    pub generation_tokens: u64,
}

/// The instants of one request; all but the arrival are offsets from it, nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTrace {
    /// The answer's `id`.
    pub id: String,
    /// Instant at which the whole request had been read.
    pub arrival_ns: Nanos,
    /// From when on it held a slot; `None` if it never did.
    pub granted_ns: Option<Nanos>,
    /// When each token was due.
    pub token_due_ns: Vec<Nanos>,
    /// When each chunk was handed to the socket, the write following at once; one entry for a whole answer.
    pub chunk_written_ns: Vec<Nanos>,
    /// Tokens in each chunk.
    pub chunk_tokens: Vec<u32>,
    /// When it ended: the due instant of its last token, or the disconnection.
    pub end_ns: Nanos,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens that were asked for.
    pub max_tokens: u32,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// How it ended.
    pub outcome: RequestOutcome,
}

/// How a request that was let in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestOutcome {
    /// It had all its tokens.
    Completed,
    /// Its client went away.
    Cancelled,
}

/// Something that is counted one by one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    Started,
    Refused,
    Failed,
    Invalid,
}

/// Keeps counts and traces; shared by all threads.
#[derive(Debug)]
pub(crate) struct Recorder {
    started: AtomicU64,
    completed: AtomicU64,
    cancelled: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    invalid: AtomicU64,
    prompt_tokens: AtomicU64,
    generation_tokens: AtomicU64,
    /// `u64::MAX` before the first.
    first_arrival: AtomicU64,
    /// 0 before the first.
    last_end: AtomicU64,
    most_requests: usize,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    requests: VecDeque<RequestTrace>,
    stamps: usize,
    histograms: Histograms,
}

impl Recorder {
    /// A recorder that keeps the newest `most_requests` traces.
    pub(crate) fn new(most_requests: usize) -> Self {
        Self {
            started: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
            prompt_tokens: AtomicU64::new(0),
            generation_tokens: AtomicU64::new(0),
            first_arrival: AtomicU64::new(Nanos::MAX),
            last_end: AtomicU64::new(0),
            most_requests,
            ring: Mutex::default(),
        }
    }

    /// Whether traces are kept at all.
    pub(crate) fn keeps_traces(&self) -> bool {
        self.most_requests > 0
    }

    pub(crate) fn count(&self, event: Event) {
        let counter = match event {
            Event::Started => &self.started,
            Event::Refused => &self.refused,
            Event::Failed => &self.failed,
            Event::Invalid => &self.invalid,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was let in; it had arrived at `arrival`.
    pub(crate) fn started(&self, arrival: Nanos) {
        self.count(Event::Started);
        self.first_arrival.fetch_min(arrival, Ordering::Relaxed);
    }

    /// A prompt of `tokens` was prefilled.
    pub(crate) fn prefilled(&self, tokens: u32) {
        self.prompt_tokens.fetch_add(u64::from(tokens), Ordering::Relaxed);
    }

    /// `tokens` of an answer were made.
    pub(crate) fn generated(&self, tokens: u32) {
        self.generation_tokens.fetch_add(u64::from(tokens), Ordering::Relaxed);
    }

    /// A request came to its end, at `now`.
    pub(crate) fn ended(&self, trace: RequestTrace, now: Nanos) {
        self.last_end.fetch_max(now, Ordering::Relaxed);
        let counter = match trace.outcome {
            RequestOutcome::Completed => &self.completed,
            RequestOutcome::Cancelled => &self.cancelled,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if !self.keeps_traces() {
            return;
        }
        let mut ring = self.lock();
        if trace.outcome == RequestOutcome::Completed {
            ring.histograms.add(&trace);
        }
        ring.stamps += stamps(&trace);
        ring.requests.push_back(trace);
        while ring.requests.len() > self.most_requests || ring.stamps > MOST_STAMPS {
            let Some(oldest) = ring.requests.pop_front() else { break };
            ring.stamps -= stamps(&oldest);
        }
    }

    /// What completed requests took; `None` if no traces are kept.
    pub(crate) fn histograms(&self) -> Option<Histograms> {
        self.keeps_traces().then(|| self.lock().histograms.clone())
    }

    pub(crate) fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            started: read(&self.started),
            completed: read(&self.completed),
            cancelled: read(&self.cancelled),
            refused: read(&self.refused),
            failed: read(&self.failed),
            invalid: read(&self.invalid),
            prompt_tokens: read(&self.prompt_tokens),
            generation_tokens: read(&self.generation_tokens),
        }
    }

    pub(crate) fn stats(&self, occupancy: Occupancy, most_requests: usize) -> Stats {
        let requests = {
            let ring = self.lock();
            let skipped = ring.requests.len().saturating_sub(most_requests);
            ring.requests.range(skipped..).cloned().collect()
        };
        Stats {
            now_ns: monotonic_now(),
            running: occupancy.running,
            waiting: occupancy.waiting,
            totals: self.totals(),
            first_arrival_ns: Some(self.first_arrival.load(Ordering::Relaxed)).filter(|&at| at < Nanos::MAX),
            last_end_ns: Some(self.last_end.load(Ordering::Relaxed)).filter(|&at| at > 0),
            requests,
        }
    }

    /// Forgets everything, as a restart would.
    pub(crate) fn reset(&self) {
        *self.lock() = Ring::default();
        for counter in [
            &self.started,
            &self.completed,
            &self.cancelled,
            &self.refused,
            &self.failed,
            &self.invalid,
            &self.prompt_tokens,
            &self.generation_tokens,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        self.first_arrival.store(Nanos::MAX, Ordering::Relaxed);
        self.last_end.store(0, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // Nothing that can panic happens between the ring's changes.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamps(trace: &RequestTrace) -> usize {
    trace.token_due_ns.len() + trace.chunk_written_ns.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(arrival_ns: Nanos, tokens: usize) -> RequestTrace {
        RequestTrace {
            id: String::new(),
            arrival_ns,
            granted_ns: Some(0),
            token_due_ns: vec![10; tokens],
            chunk_written_ns: vec![11; tokens],
            chunk_tokens: vec![1; tokens],
            end_ns: 10,
            prompt_tokens: 3,
            max_tokens: 2,
            streamed: true,
            outcome: RequestOutcome::Completed,
        }
    }

    const IDLE: Occupancy = Occupancy { running: 0, waiting: 0 };

    #[test]
    fn the_ring_keeps_the_newest() {
        let recorder = Recorder::new(3);
        assert_eq!(recorder.stats(IDLE, 9).last_end_ns, None);
        (0..5).for_each(|n| recorder.ended(trace(n, 1), 100 + n));
        assert_eq!(recorder.stats(IDLE, 0).last_end_ns, Some(104));
        assert_eq!(recorder.stats(IDLE, 0).first_arrival_ns, None);
        recorder.started(7);
        recorder.started(9);
        assert_eq!(recorder.stats(IDLE, 0).first_arrival_ns, Some(7));
        let arrivals = |most| -> Vec<Nanos> {
            recorder.stats(IDLE, most).requests.iter().map(|request| request.arrival_ns).collect()
        };
        assert_eq!(arrivals(usize::MAX), [2, 3, 4]);
        assert_eq!(arrivals(2), [3, 4]);
        assert_eq!(recorder.totals().completed, 5);
        recorder.ended(trace(5, MOST_STAMPS / 2), 9);
        assert_eq!(arrivals(usize::MAX), [5]);
        recorder.reset();
        assert_eq!(recorder.stats(IDLE, 9).requests, []);
        assert_eq!(recorder.totals(), Totals::default());
        let stats = recorder.stats(IDLE, 0);
        assert_eq!((stats.first_arrival_ns, stats.last_end_ns), (None, None));
    }

    #[test]
    fn completions_are_counted_in_half_open_windows() {
        let recorder = Recorder::new(100);
        (0..50).for_each(|n| recorder.ended(trace(n * 1_000_000, 1), 1));
        recorder.ended(RequestTrace { outcome: RequestOutcome::Cancelled, ..trace(5_000_000, 1) }, 1);
        let stats = recorder.stats(IDLE, usize::MAX);
        assert_eq!(stats.completed_between(10, 10 + 20_000_000).count(), 20);
        assert!((stats.completion_rate(10, 10 + 20_000_000) - 1_000.0).abs() < 1e-6);
    }
}
