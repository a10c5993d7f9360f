//! The requests of one stage as the analysis sees them: instants and latencies, in the order of the schedule.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use benchmark_schemas::record::{Nanos, Outcome, Pacing, Record, StageFacts, StageStatus};

use crate::clock::seconds;
use crate::metrics::{MetricOptions, RequestMetrics};

/// One scheduled request. All those of a stage are in memory at once, so it is kept small.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// Scheduled instant; in a closed loop the instant of the permit, see [`Arrival::in_closed_loop`].
    pub due: Nanos,
    /// Instant of the end, whatever it was.
    pub end: Nanos,
    permitted: Nanos,
    /// Of a turn that waited for the one before it: when it could be sent.
    ready: Nanos,
    start: Nanos,
    /// Of the first token, for successes only.
    first_token: Nanos,
    /// Seconds between tokens after the first, for successes only; negative if unknown.
    per_token: f32,
    connection_wait: Nanos,
    /// Output tokens; zero if unknown.
    tokens: u32,
    /// How it ended.
    pub fate: Fate,
}

/// In place of an instant or a time that there is none of.
const NONE: Nanos = Nanos::MIN;

fn some(value: Nanos) -> Option<Nanos> {
    (value != NONE).then_some(value)
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Answered.
    Success,
    /// Failed by itself.
    Failure,
    /// The client gave up waiting: for the server it is not done.
    TimedOut,
    /// Cut off in flight by the end of the stage or run.
    Cancelled,
    /// Never sent.
    NotDispatched,
}

impl Arrival {
    /// What `record` says.
    pub fn of(record: &Record, options: &MetricOptions) -> Self {
        let metrics = RequestMetrics::of(record, options);
        let fate = match &record.outcome {
            Outcome::Success => Fate::Success,
            Outcome::Failure(failure) if failure.error_type.contains("Timeout") => Fate::TimedOut,
            Outcome::Failure(_) => Fate::Failure,
            Outcome::Cancelled => Fate::Cancelled,
            Outcome::NotDispatched => Fate::NotDispatched,
        };
        let success = fate == Fate::Success;
        let attempt = record.retries.map(|retries| retries.last_start).or(record.start);
        let connection_wait = record.connected.zip(attempt).map(|(connected, start)| connected - start);
        Self {
            due: record.due,
            end: record.end,
            permitted: record.permitted.unwrap_or(NONE),
            ready: record.turn.and_then(|turn| turn.ready).unwrap_or(NONE),
            start: record.start.unwrap_or(NONE),
            first_token: metrics.first_token.filter(|_| success).unwrap_or(NONE),
            per_token: per_token(&metrics).filter(|_| success).unwrap_or(-1.0),
            connection_wait: connection_wait.unwrap_or(NONE),
            tokens: u32::try_from(metrics.output_tokens.unwrap_or(0)).unwrap_or(u32::MAX),
            fate,
        }
    }

    /// The same request as one of a closed loop sees it: such a loop has no schedule but the ends of its requests, so a
    /// request is due when the permit of an earlier one falls to it.
    #[must_use]
    pub fn in_closed_loop(mut self) -> Self {
        self.due = self.permitted().unwrap_or(self.due);
        self
    }

    /// Instant of the permit.
    pub fn permitted(&self) -> Option<Nanos> {
        some(self.permitted)
    }

    /// Instant of sending.
    pub fn start(&self) -> Option<Nanos> {
        some(self.start)
    }

    /// How far off the instant it was sent at which it could be sent, seconds: the scheduled one, or for a turn of a
    /// conversation the end of the one before it.
    pub fn send_error(&self) -> Option<f64> {
        self.start().map(|start| seconds((start - self.due.max(self.ready)).abs()))
    }

    /// How long the last attempt waited for a connection to itself, seconds; `None` if it had none.
    pub fn connection_wait(&self) -> Option<f64> {
        some(self.connection_wait).map(seconds)
    }

    /// Output tokens; zero if unknown.
    pub fn tokens(&self) -> f64 {
        f64::from(self.tokens)
    }

    /// First token from the scheduled instant, seconds; successes only.
    pub fn ttft(&self) -> Option<f64> {
        some(self.first_token).map(|at| seconds(at - self.due))
    }

    /// First token from sending, seconds; successes only.
    pub fn ttft_from_sending(&self) -> Option<f64> {
        Some(seconds(some(self.first_token)? - self.start()?))
    }

    /// Seconds between tokens after the first; successes only.
    pub fn tpot(&self) -> Option<f64> {
        (self.per_token >= 0.0).then_some(f64::from(self.per_token))
    }

    /// Request latency from the scheduled instant per output token, seconds; successes with tokens only.
    pub fn ntpot(&self) -> Option<f64> {
        self.has_tokens().then(|| self.latency_from_due() / self.tokens())
    }

    /// The same from sending.
    pub fn ntpot_from_sending(&self) -> Option<f64> {
        self.has_tokens().then(|| self.latency() / self.tokens())
    }

    /// Scheduled instant to end, seconds; successes only.
    pub fn answer_time(&self) -> Option<f64> {
        (self.fate == Fate::Success).then(|| self.latency_from_due())
    }

    /// Sending to end, seconds; successes only.
    pub fn answer_time_from_sending(&self) -> Option<f64> {
        (self.fate == Fate::Success).then(|| self.latency())
    }

    fn has_tokens(&self) -> bool {
        self.fate == Fate::Success && self.tokens > 0
    }

    /// Sending (if it was not sent: scheduled instant) to end, seconds.
    pub fn latency(&self) -> f64 {
        seconds(self.end - self.start().unwrap_or(self.due))
    }

    /// Scheduled instant to end, seconds.
    pub fn latency_from_due(&self) -> f64 {
        seconds(self.end - self.due)
    }

    /// Instant at which the request left the backlog; `None` if it did not by itself.
    pub fn finished(&self) -> Option<Nanos> {
        matches!(self.fate, Fate::Success | Fate::Failure).then_some(self.end)
    }
}

/// Time per output token after the first: single precision is exact to a ten-millionth.
#[expect(clippy::cast_possible_truncation, reason = "seconds between tokens")]
fn per_token(metrics: &RequestMetrics) -> Option<f32> {
    metrics.time_per_output_token().map(|seconds| seconds as f32)
}

/// The requests of a stage that fell due in its sending window.
#[derive(Debug, Clone)]
pub struct Series {
    /// Start of the sending window.
    pub window_start: Nanos,
    /// End of the sending window: the configured duration, or the stop of the stage if that was earlier. The duration of
    /// `poisson` and `gamma` arrivals is what their gaps add up to; a closed loop goes on until its last answer.
    pub window_end: Nanos,
    /// All scheduled requests by scheduled instant.
    pub arrivals: Vec<Arrival>,
    /// How many of them fell due in the sending window; the others follow them.
    pub in_window: usize,
}

impl Series {
    /// The requests of the stage that `facts` describe.
    pub fn new(mut arrivals: Vec<Arrival>, facts: &StageFacts) -> Self {
        if facts.concurrency.is_some() {
            for arrival in &mut arrivals {
                *arrival = arrival.in_closed_loop();
            }
        }
        arrivals.sort_unstable_by_key(|arrival| (arrival.due, arrival.end));
        let planned_end = planned_end(&arrivals, facts);
        let (window_end, in_window) = match facts.status {
            // The last arrival may lie on the very end of the window, and rounding may put it just behind.
            StageStatus::Completed => (planned_end, arrivals.len()),
            StageStatus::Stopped | StageStatus::TimedOut => {
                let end = planned_end.min(facts.window_end);
                (end, arrivals.partition_point(|arrival| arrival.due <= end))
            }
        };
        Self { window_start: facts.window_start, window_end, arrivals, in_window }
    }

    /// The requests that fell due in the sending window, by scheduled instant.
    pub fn due(&self) -> &[Arrival] {
        &self.arrivals[..self.in_window]
    }

    /// Length of the sending window, seconds.
    pub fn window_seconds(&self) -> f64 {
        seconds(self.window_end - self.window_start)
    }

    /// Requests that fell due in the sending window, per second of it.
    pub fn offered_rate(&self) -> f64 {
        self.per_second(self.in_window, self.window_seconds())
    }

    /// Requests that were sent, per second from the window's start until its end or the last sending, whichever is
    /// later. It falls behind the offered rate when requests wait for a permit.
    pub fn achieved_rate(&self) -> f64 {
        let sent = self.due().iter().filter_map(Arrival::start);
        let last = sent.clone().max().unwrap_or(self.window_end).max(self.window_end);
        self.per_second(sent.count(), seconds(last - self.window_start))
    }

    /// For each request that fell due in the sending window, in order: how many earlier ones had not ended by then.
    pub fn found_in_system(&self) -> Vec<u32> {
        let mut ends: BinaryHeap<Reverse<Nanos>> = BinaryHeap::new();
        self.due()
            .iter()
            .map(|arrival| {
                while ends.peek().is_some_and(|Reverse(end)| *end <= arrival.due) {
                    ends.pop();
                }
                let found = u32::try_from(ends.len()).unwrap_or(u32::MAX);
                ends.push(Reverse(arrival.end));
                found
            })
            .collect()
    }

    /// Requests between their scheduled instant and their end, on average over the sending window.
    pub fn mean_in_system(&self) -> f64 {
        self.mean_between(|arrival| Some(arrival.due))
    }

    /// How far the requests in flight are from Little's law: |N − X·R| / N. `None` if the window is shorter than ten mean
    /// latencies, where its ends count too much.
    pub fn little_deviation(&self) -> Option<f64> {
        let ended = self.due().iter().filter(|arrival| arrival.start().is_some());
        let ended = ended.filter(|arrival| arrival.end <= self.window_end);
        let (count, total) = ended.fold((0.0, 0.0), |(n, sum), arrival| (n + 1.0, sum + arrival.latency()));
        let window = self.window_seconds();
        let in_flight = self.mean_between(Arrival::start);
        let enough = count > 0.0 && window >= 10.0 * total / count && in_flight > 0.0;
        enough.then(|| ((in_flight - total / window) / in_flight).abs())
    }

    /// Time average of the requests between `begin` and their end.
    fn mean_between(&self, begin: impl Fn(&Arrival) -> Option<Nanos>) -> f64 {
        let within = |arrival: &Arrival| {
            let start = begin(arrival)?.max(self.window_start);
            Some((arrival.end.min(self.window_end) - start).max(0))
        };
        let total: Nanos = self.due().iter().filter_map(within).sum();
        self.per_second(1, self.window_seconds()) * seconds(total)
    }

    /// Successes that ended within the sending window, per second of it.
    pub fn completed_rate(&self) -> f64 {
        let completed = self
            .due()
            .iter()
            .filter(|arrival| arrival.fate == Fate::Success && arrival.end <= self.window_end);
        self.per_second(completed.count(), self.window_seconds())
    }

    #[expect(clippy::unused_self, reason = "reads as a method of the rates above")]
    fn per_second(&self, count: usize, seconds: f64) -> f64 {
        if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
    }
}

/// End of the sending window of a stage that is not stopped; `arrivals` are in order.
#[expect(clippy::cast_possible_truncation, reason = "a stage lasts less than 292 years")]
fn planned_end(arrivals: &[Arrival], facts: &StageFacts) -> Nanos {
    let configured = facts.window_start + (facts.duration_seconds * 1e9) as Nanos;
    let last = if facts.concurrency.is_some() {
        arrivals.iter().map(|arrival| arrival.end).max()
    } else {
        match facts.pacing {
            Pacing::Poisson | Pacing::Gamma { .. } | Pacing::Trace => {
                arrivals.last().map(|arrival| arrival.due)
            }
            Pacing::ScaledExponential | Pacing::Even => None,
        }
    };
    last.unwrap_or(configured)
}
