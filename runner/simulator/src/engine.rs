//! The queueing engine: requests take a slot in order of arrival, are prefilled, and yield one token after another.
//!
//! Generic over time, free of HTTP. Each token's due instant is computed from the one before, never from a wake-up, and
//! a slot is free from the due instant of its last token on, so the engine keeps its parameters' capacity exactly
//! however late its tasks are woken. Each request runs where it is polled; only granting a slot crosses threads.

mod slots;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use crate::chance;
use crate::config::{ModelParameters, ServiceLaw};
use crate::law::ServiceTimes;
use crate::time::{Nanos, Timer};

pub use slots::{Admission, Grant, Slots};

/// A model's slots and times, shared by all threads.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    slots: Mutex<Slots<oneshot::Sender<Nanos>>>,
    /// Copy of the number of occupied slots, read at every step without the lock.
    running: AtomicU32,
    times: ServiceTimes,
    law: ServiceLaw,
    seed: u64,
}

/// No slot is free and the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no slot is free and the queue is full")]
pub struct QueueFull;

/// How many requests hold a slot and how many wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// Requests that hold a slot.
    pub running: u32,
    /// Requests in the queue.
    pub waiting: usize,
}

/// One token of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Position in the answer, from 0.
    pub index: u32,
    /// Instant at which the model has it.
    pub due: Nanos,
}

impl Engine {
    /// An engine with the times and slots of `parameters`, before which at most `queue_limit` requests wait.
    #[must_use]
    pub fn new(parameters: &ModelParameters, queue_limit: Option<u32>, seed: u64) -> Self {
        let shared = Shared {
            slots: Mutex::new(Slots::new(parameters.slots, queue_limit)),
            running: AtomicU32::new(0),
            times: ServiceTimes::new(parameters),
            law: parameters.service_times,
            seed,
        };
        Self { shared: Arc::new(shared) }
    }

    /// A request arrives now: it takes a slot or a place in the queue at once, its lengths may follow.
    pub fn arrive<T: Timer>(&self, timer: T) -> Result<Ticket<T>, QueueFull> {
        let mut receiver = None;
        let mut slots = self.shared.lock();
        // Read under the lock, so that instants rise in the order of the queue.
        let arrival = timer.now();
        let (number, admission) = slots.arrive(arrival, || {
            let (sender, waiting) = oneshot::channel();
            receiver = Some(waiting);
            sender
        });
        self.shared.running.store(slots.running(), Ordering::Relaxed);
        drop(slots);
        let place = match (admission, receiver) {
            (Admission::Refused, _) => return Err(QueueFull),
            (_, Some(grant)) => Place::Queued { grant },
            (_, None) => Place::Granted { at: arrival },
        };
        let factor = match self.shared.law {
            ServiceLaw::Deterministic => 1.0,
            ServiceLaw::Exponential => chance::exponential_factor(self.shared.seed, number),
        };
        let shared = Arc::clone(&self.shared);
        Ok(Ticket {
            shared,
            timer,
            number,
            arrival,
            factor,
            granted: None,
            seen: arrival,
            lengths: None,
            place,
            sleep: None,
        })
    }

    /// Occupied slots and length of the queue.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        let slots = self.shared.lock();
        Occupancy { running: slots.running(), waiting: slots.waiting() }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slots<oneshot::Sender<Nanos>>> {
        // No call on the slots can panic half-way.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, at: Nanos) {
        let grant = {
            let mut slots = self.lock();
            let grant = slots.release(at);
            self.running.store(slots.running(), Ordering::Relaxed);
            grant
        };
        if let Some(grant) = grant {
            // A ticket that is being dropped at this moment finds itself out of the queue and releases the slot.
            let _ = grant.waiter.send(grant.at);
        }
    }
}

/// A request in the engine. Dropping it gives its place back at once.
#[derive(Debug)]
pub struct Ticket<T: Timer> {
    shared: Arc<Shared>,
    timer: T,
    number: u64,
    arrival: Nanos,
    factor: f64,
    granted: Option<Nanos>,
    /// The last reading of the clock.
    seen: Nanos,
    lengths: Option<Lengths>,
    place: Place,
    sleep: Option<T::Sleep>,
}

#[derive(Debug, Clone, Copy)]
struct Lengths {
    input: u32,
    output: u32,
}

#[derive(Debug)]
enum Place {
    Queued { grant: oneshot::Receiver<Nanos> },
    Granted { at: Nanos },
    Running { next: Token },
    Left,
}

impl<T: Timer> Ticket<T> {
    /// Number of the request, counting arrivals from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Instant of the arrival.
    pub fn arrival(&self) -> Nanos {
        self.arrival
    }

    /// Instant from which the request holds a slot; `None` while it waits, as far as its polls have seen.
    pub fn granted(&self) -> Option<Nanos> {
        self.granted
    }

    /// The present instant on the ticket's clock.
    pub fn now(&self) -> Nanos {
        self.timer.now()
    }

    /// Sets the lengths in tokens, before the first token is asked for.
    pub fn begin(&mut self, input: u32, output: u32) {
        self.lengths = Some(Lengths { input, output });
    }

    /// The next token once it is due; `None` after the last one, and for a request that was not begun.
    pub fn poll_token(&mut self, context: &mut Context<'_>) -> Poll<Option<Token>> {
        loop {
            let (Some(lengths), place) = (self.lengths, &mut self.place) else {
                return Poll::Ready(None);
            };
            match place {
                Place::Queued { grant } => match ready!(Pin::new(grant).poll(context)) {
                    Ok(at) => self.place = Place::Granted { at },
                    // The sender leaves the queue only to be used, or with the engine, which the ticket holds.
                    Err(_) => self.place = Place::Left,
                },
                Place::Granted { at } => {
                    let at = *at;
                    self.granted = Some(at);
                    if lengths.output == 0 {
                        self.leave(at);
                    } else {
                        let draw = self.draw(0);
                        let prefill = self.shared.times.prefill(lengths.input, self.factor, draw);
                        let due = at.saturating_add(prefill);
                        self.place = Place::Running { next: Token { index: 0, due } };
                    }
                }
                Place::Running { next } => {
                    let token = *next;
                    ready!(self.poll_sleep(token.due, context));
                    if token.index + 1 >= lengths.output {
                        self.leave(token.due);
                    } else {
                        let running = self.shared.running.load(Ordering::Relaxed);
                        let draw = self.draw(token.index + 1);
                        let step = self.shared.times.step(running, self.factor, draw);
                        let due = token.due.saturating_add(step);
                        self.place = Place::Running { next: Token { index: token.index + 1, due } };
                    }
                    return Poll::Ready(Some(token));
                }
                Place::Left => return Poll::Ready(None),
            }
        }
    }

    /// How far token `index` comes from its mean, in standard deviations.
    fn draw(&self, index: u32) -> f64 {
        if self.shared.times.are_drawn() { chance::normal(self.shared.seed, self.number, index) } else { 0.0 }
    }

    fn poll_sleep(&mut self, due: Nanos, context: &mut Context<'_>) -> Poll<()> {
        // The clock is read only if the last reading does not tell: without delays it would be most of the work.
        if self.sleep.is_none() && self.seen < due {
            self.seen = self.timer.now();
        }
        if self.seen >= due {
            return Poll::Ready(());
        }
        let timer = &self.timer;
        let sleep = self.sleep.get_or_insert_with(|| timer.sleep_until(due));
        ready!(Pin::new(sleep).poll(context));
        self.sleep = None;
        Poll::Ready(())
    }

    fn leave(&mut self, at: Nanos) {
        self.place = Place::Left;
        self.shared.release(at);
    }
}

impl<T: Timer> Drop for Ticket<T> {
    fn drop(&mut self) {
        match self.place {
            Place::Queued { .. } => {
                let abandoned = self.shared.lock().abandon(self.number);
                if !abandoned {
                    // Granted meanwhile, but never polled since.
                    self.shared.release(self.timer.now());
                }
            }
            Place::Granted { .. } | Place::Running { .. } => self.shared.release(self.timer.now()),
            Place::Left => {}
        }
    }
}
