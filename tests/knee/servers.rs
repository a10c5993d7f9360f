//! Model servers of known capacity, as plain state machines over nanoseconds: no clock, no task, no network.
//!
//! The search sees them through a transport in virtual time; the truth is worked out by feeding arrivals to them directly.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use benchmark_schemas::record::Nanos;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp1, LogNormal};

pub(crate) const SECOND: f64 = 1e9;
/// A refusal takes so long.
const REFUSAL: Nanos = 1_000_000;
/// Tokens of the answers of queues, whose lengths do not matter.
const QUEUE_TOKENS: u32 = 20;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Its first token.
    First,
    /// Its last token; how many they were.
    Done(u32),
    /// It is sent away.
    Refused,
}

/// A model server.
pub(crate) trait Server: Send {
    /// Takes a request; `now` never falls.
    fn arrive(&mut self, now: Nanos, id: u64);
    /// When something happens next if nothing arrives.
    fn next(&self) -> Option<Nanos>;
    /// Lets happen what happens until `now`.
    fn advance(&mut self, now: Nanos, happened: &mut Vec<(Nanos, u64, Event)>);
}

/// Slots, one queue in order of arrival, exponential services; the first token comes with the service's start. Refuses
/// what finds `room` requests in it.
pub(crate) struct Queue {
    free: BinaryHeap<Reverse<Nanos>>,
    inside: BinaryHeap<Reverse<Nanos>>,
    mean: f64,
    room: usize,
    events: BinaryHeap<Reverse<(Nanos, u64, u8)>>,
    rng: ChaCha8Rng,
}

impl Queue {
    pub(crate) fn new(slots: usize, mean_seconds: f64, room: usize, rng: ChaCha8Rng) -> Self {
        Self {
            free: std::iter::repeat_n(Reverse(0), slots).collect(),
            inside: BinaryHeap::new(),
            mean: mean_seconds * SECOND,
            room,
            events: BinaryHeap::new(),
            rng,
        }
    }
}

impl Server for Queue {
    fn arrive(&mut self, now: Nanos, id: u64) {
        while self.inside.peek().is_some_and(|Reverse(end)| *end <= now) {
            self.inside.pop();
        }
        if self.inside.len() >= self.room {
            self.events.push(Reverse((now + REFUSAL, id, 2)));
            return;
        }
        let Reverse(free) = self.free.pop().expect("slots");
        let start = free.max(now);
        let service: f64 = Exp1.sample(&mut self.rng);
        #[expect(clippy::cast_possible_truncation, reason = "seconds")]
        let end = start + (service * self.mean) as Nanos + 1;
        self.free.push(Reverse(end));
        self.inside.push(Reverse(end));
        self.events.push(Reverse((start, id, 0)));
        self.events.push(Reverse((end, id, 1)));
    }

    fn next(&self) -> Option<Nanos> {
        self.events.peek().map(|Reverse((at, _, _))| *at)
    }

    fn advance(&mut self, now: Nanos, happened: &mut Vec<(Nanos, u64, Event)>) {
        while let Some(Reverse((at, id, what))) = self.events.peek().copied().filter(|next| next.0.0 <= now) {
            self.events.pop();
            let event = [Event::First, Event::Done(QUEUE_TOKENS), Event::Refused][usize::from(what)];
            happened.push((at, id, event));
        }
    }
}

/// Figures of a server that batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Requests that run at once.
    pub(crate) slots: usize,
    /// A request's prefill, during which nothing else happens, seconds; 0 is within a step.
    pub(crate) prefill: f64,
    /// A decoding step, which gives every running request a token, seconds …
    pub(crate) step: f64,
    /// … and more for each running request.
    pub(crate) step_each: f64,
    /// Mean tokens of an answer.
    pub(crate) tokens: f64,
    /// Coefficient of variation of their lognormal law.
    pub(crate) tokens_cv: f64,
}

impl Figures {
    /// Requests/s that it completes at most.
    pub(crate) fn capacity(&self) -> f64 {
        let slots = self.slots as f64;
        1.0 / (self.prefill + (self.step + self.step_each * slots) * self.tokens / slots)
    }
}

/// Continuous batching: step by step, waiting requests first.
pub(crate) struct Batching {
    figures: Figures,
    lengths: LogNormal<f64>,
    waiting: VecDeque<u64>,
    /// By the step in which they end.
    running: BinaryHeap<Reverse<(u64, u64, u32)>>,
    /// Those that have no token yet.
    fresh: Vec<u64>,
    steps: u64,
    /// What goes on, and when it ends.
    doing: Option<(Nanos, Doing)>,
    rng: ChaCha8Rng,
}

#[derive(Clone, Copy)]
enum Doing {
    Prefill(u64),
    Step,
}

impl Batching {
    pub(crate) fn new(figures: Figures, rng: ChaCha8Rng) -> Self {
        let variance = (1.0 + figures.tokens_cv.powi(2)).ln();
        let lengths = LogNormal::new(figures.tokens.ln() - variance / 2.0, variance.sqrt());
        Self {
            figures,
            lengths: lengths.expect("a finite law"),
            waiting: VecDeque::new(),
            running: BinaryHeap::new(),
            fresh: Vec::new(),
            steps: 0,
            doing: None,
            rng,
        }
    }

    fn admit(&mut self, id: u64) {
        // Rounded up at random, so that the mean is that of the law.
        let length = self.lengths.sample(&mut self.rng) + self.rng.random_range(0.0..1.0) - 0.5;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred tokens")]
        let tokens = length.round().max(1.0) as u32;
        self.running.push(Reverse((self.steps + u64::from(tokens), id, tokens)));
        self.fresh.push(id);
    }

    fn begin(&mut self, at: Nanos) {
        let figures = self.figures;
        let has_room = |running: usize| running < figures.slots;
        if figures.prefill > 0.0 && has_room(self.running.len()) && !self.waiting.is_empty() {
            let id = self.waiting.pop_front().expect("one waits");
            self.doing = Some((at + nanos(figures.prefill), Doing::Prefill(id)));
            return;
        }
        while has_room(self.running.len()) && figures.prefill <= 0.0 {
            let Some(id) = self.waiting.pop_front() else { break };
            self.admit(id);
        }
        let running = self.running.len();
        let step = figures.step + figures.step_each * running as f64;
        self.doing = (running > 0).then(|| (at + nanos(step), Doing::Step));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "parts of a second")]
fn nanos(seconds: f64) -> Nanos {
    (seconds * SECOND) as Nanos
}

impl Server for Batching {
    fn arrive(&mut self, now: Nanos, id: u64) {
        self.waiting.push_back(id);
        if self.doing.is_none() {
            self.begin(now);
        }
    }

    fn next(&self) -> Option<Nanos> {
        self.doing.map(|(at, _)| at)
    }

    fn advance(&mut self, now: Nanos, happened: &mut Vec<(Nanos, u64, Event)>) {
        while let Some((at, doing)) = self.doing.filter(|(at, _)| *at <= now) {
            match doing {
                Doing::Prefill(id) => self.admit(id),
                Doing::Step => self.steps += 1,
            }
            // A prefill gives the first token itself, else the first step does.
            happened.extend(self.fresh.drain(..).map(|id| (at, id, Event::First)));
            while let Some(Reverse((_, id, tokens))) =
                self.running.peek().copied().filter(|next| next.0.0 <= self.steps)
            {
                self.running.pop();
                happened.push((at, id, Event::Done(tokens)));
            }
            self.begin(at);
        }
    }
}
