//! A first-come-first-served queue with c servers: its capacity is c / mean service time, whatever the arrivals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use benchmark_schemas::record::{
    Chunk, ClientFacts, Failure, Nanos, Outcome, Pacing, Record, SpoolEntry, StageFacts, StageStatus,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::metrics::source::tests::{run_end, run_facts};

/// Law of the service times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Service {
    /// Always the mean.
    Deterministic,
    /// Exponential around the mean.
    Exponential,
}

/// A server and the load on it.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub(super) servers: usize,
    pub(super) service_seconds: f64,
    pub(super) service: Service,
    pub(super) pacing: Pacing,
    pub(super) stage_seconds: f64,
    /// Requests that may be in flight at once; the rest wait in the client.
    pub(super) in_flight_cap: usize,
    /// Share of the requests that the server refuses at once.
    pub(super) refused: f64,
    /// What the client says of itself.
    pub(super) client: ClientFacts,
    /// Delay of every sending, seconds.
    pub(super) send_error_seconds: f64,
    /// Time after which the client gives a request up.
    pub(super) timeout_seconds: f64,
    /// Answers come in chunks; without them records are small.
    pub(super) chunks: bool,
}

/// What happens in a run.
#[expect(clippy::large_enum_variant, reason = "it is handed on at once, and nearly always a request")]
pub(super) enum Step {
    /// A request ended.
    Request(Record),
    /// A stage ended, after all its requests.
    Ended(StageFacts),
}

impl Queue {
    /// A server of `servers` slots, one second a request, loaded for `stage_seconds` a stage.
    pub(super) fn new(servers: usize, service: Service, stage_seconds: f64) -> Self {
        Self {
            servers,
            service_seconds: 1.0,
            service,
            pacing: Pacing::ScaledExponential,
            stage_seconds,
            in_flight_cap: 100_000,
            refused: 0.0,
            client: ClientFacts {
                busiest_runtime: 0.1,
                throttled_ns: Some(0),
                in_flight_cap: 100_000,
                workers: 1,
                ..ClientFacts::default()
            },
            send_error_seconds: 0.0001,
            timeout_seconds: f64::INFINITY,
            chunks: true,
        }
    }

    /// Requests/s that the server completes at most.
    pub(super) fn capacity(&self) -> f64 {
        self.servers as f64 / self.service_seconds
    }

    /// A whole run: a stage for each rate, each beginning with an empty server.
    pub(super) fn run(&self, rates: &[f64], seed: u64) -> Vec<SpoolEntry> {
        let mut entries = vec![run_facts()];
        let end = self.go_through(rates, seed, |step| {
            entries.push(match step {
                Step::Request(record) => SpoolEntry::Request(Box::new(record)),
                Step::Ended(facts) => SpoolEntry::Stage(Box::new(facts)),
            });
        });
        entries.push(run_end(end, false));
        entries
    }

    /// The same, handed over step by step; gives the end of the run.
    pub(super) fn go_through(&self, rates: &[f64], seed: u64, mut take: impl FnMut(Step)) -> Nanos {
        let mut start = 0;
        for (number, rate) in (0..).zip(rates) {
            let mut rng =
                ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number)));
            let window_end = self.stage((number, *rate), start, &mut rng, &mut take);
            take(Step::Ended(StageFacts {
                stage: number,
                rate: *rate,
                duration_seconds: self.stage_seconds,
                pacing: self.pacing,
                concurrency: None,
                window_start: start,
                window_end,
                teardown_ns: 0,
                status: StageStatus::Completed,
                client: ClientFacts { in_flight_cap: self.in_flight_cap as u64, ..self.client },
            }));
            start = window_end + nanos(1.0);
        }
        start
    }

    /// The requests of a stage; gives the end of the last.
    fn stage(
        &self,
        (stage, rate): (u32, f64),
        start: Nanos,
        rng: &mut ChaCha8Rng,
        take: &mut impl FnMut(Step),
    ) -> Nanos {
        let mut free: BinaryHeap<Reverse<Nanos>> =
            std::iter::repeat_n(Reverse(start), self.servers).collect();
        // The permits that were taken, by when they are free again.
        let mut permits: BinaryHeap<Reverse<Nanos>> = BinaryHeap::new();
        let mut last = start;
        for (offset, index) in self.arrivals(rate, rng).into_iter().zip(0..) {
            let due = start + nanos(offset);
            let all_taken = permits.len() >= self.in_flight_cap;
            let permit = if all_taken { permits.pop().map_or(due, |Reverse(at)| at.max(due)) } else { due };
            let sent = permit + nanos(self.send_error_seconds);
            let mut record = self.answer((stage, index), due, sent, &mut free, rng);
            record.permitted = Some(permit);
            permits.push(Reverse(record.end));
            last = last.max(record.end);
            take(Step::Request(record));
        }
        last
    }

    fn answer(
        &self,
        (stage, index): (u32, u64),
        due: Nanos,
        sent: Nanos,
        free: &mut BinaryHeap<Reverse<Nanos>>,
        rng: &mut ChaCha8Rng,
    ) -> Record {
        let base = Record {
            stage,
            start: Some(sent),
            chunks: Vec::new(),
            ..crate::metrics::source::tests::record(index, due)
        };
        if rng.random_range(0.0..1.0) < self.refused {
            return failed(base, "HTTP Error 503", "busy", sent + nanos(0.001));
        }
        let length = match self.service {
            Service::Deterministic => 1.0,
            Service::Exponential => exponential(rng),
        };
        let service = nanos(self.service_seconds * length);
        let Reverse(slot) = free.pop().expect("at least one server");
        let begun = sent.max(slot);
        let end = begun + service;
        free.push(Reverse(end));
        if end - sent > nanos(self.timeout_seconds.min(1e6)) {
            return failed(base, "TimeoutError", "Request timed out", sent + nanos(self.timeout_seconds));
        }
        // A tenth of the service goes by until the first token, and a mean answer has 20 of them.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few dozen tokens")]
        let tokens = (20.0 * length).ceil().max(1.0) as u32;
        let step = service * 9 / 10 / i64::from(tokens);
        let count = if self.chunks { i64::from(tokens) } else { 0 };
        let chunks = (0..count).map(|i| Chunk::content(begun + service / 10 + step * i, 1));
        Record { chunks: chunks.collect(), output_tokens: Some(tokens), end, ..base }
    }

    /// Offsets of the arrivals from the stage's start, seconds.
    fn arrivals(&self, rate: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few thousand requests"
        )]
        let count = (rate * self.stage_seconds).floor() as usize;
        let gaps: Vec<f64> =
            (0..count).map(|_| if self.pacing == Pacing::Even { 1.0 } else { exponential(rng) }).collect();
        let scale = match self.pacing {
            Pacing::Gamma { .. } => 1.0 / rate,
            _ => self.stage_seconds / gaps.iter().sum::<f64>(),
        };
        gaps.iter()
            .scan(0.0, |offset, gap| {
                *offset += gap * scale;
                Some(*offset)
            })
            .collect()
    }
}

fn failed(record: Record, error_type: &str, message: &str, end: Nanos) -> Record {
    Record {
        outcome: Outcome::Failure(Failure { error_type: error_type.to_owned(), message: message.to_owned() }),
        output_tokens: None,
        chunks: Vec::new(),
        end,
        ..record
    }
}

fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    let uniform: f64 = rng.random_range(0.0..1.0);
    -(1.0 - uniform).ln()
}

#[expect(clippy::cast_possible_truncation, reason = "runs of minutes")]
pub(super) fn nanos(seconds: f64) -> Nanos {
    (seconds * 1e9) as Nanos
}
