//! One request from its permit to its record.

use std::rc::Rc;
use std::sync::Arc;

use benchmark_schemas::record::{Failure, Nanos, Outcome, Retries, TurnFacts};
use tokio::sync::mpsc::OwnedPermit;

use super::permits::Permit;
use super::progress::WorkerCounts;
use super::settings::Patience;
use crate::client::{Exchange, Transport};
use crate::clock::Clock;
use crate::recorder::{Finished, Message};
use crate::workload::Prepared;

/// What the requests of a worker share.
pub(super) struct Sender<C, T> {
    pub(super) clock: C,
    pub(super) transport: T,
    pub(super) patience: Patience,
    /// Records keep the bodies of requests; else their memory is free as soon as they are sent.
    pub(super) keeps_requests: bool,
}

/// An arrival whose record is still to be written. It is written when this goes, whatever happens before: that is
/// what makes it one record for each arrival.
pub(super) struct Pending<C: Clock> {
    clock: C,
    counts: Arc<WorkerCounts>,
    /// Its place in the recorder's channel, so that handing over never waits. Gone once it is used, or if the recorder
    /// is: then the run is being broken off, and its last records are lost with it.
    place: Option<OwnedPermit<Message>>,
    record: Finished,
    ended: bool,
}

impl<C: Clock> Pending<C> {
    /// An arrival that is not sent yet.
    pub(super) fn new(
        clock: C,
        counts: Arc<WorkerCounts>,
        place: Option<OwnedPermit<Message>>,
        (stage, index, due): (u32, u64, Nanos),
    ) -> Self {
        let record = Finished {
            stage,
            index,
            due,
            permitted: None,
            end: due,
            outcome: Outcome::Cancelled,
            retries: None,
            drawn: None,
            turn: None,
            media: Vec::new(),
            prompt_tokens: 0,
            request_bytes: 0,
            body: None,
            exchange: Exchange::default(),
        };
        Self { clock, counts, place, record, ended: false }
    }

    /// Notes when it held an in-flight permit.
    pub(super) fn permitted(mut self, at: Option<Nanos>) -> Self {
        self.record.permitted = at;
        self
    }

    /// Notes which turn of a conversation it is. One that waited has the permit of the one before it.
    pub(super) fn note_turn(&mut self, turn: TurnFacts) {
        self.record.permitted = turn.ready.or(self.record.permitted);
        self.record.turn = Some(turn);
    }

    /// What came back so far.
    pub(super) fn exchange(&self) -> &Exchange {
        &self.record.exchange
    }

    /// Ends it, and so records it.
    pub(super) fn end(mut self, outcome: Outcome) {
        self.set_end(outcome);
    }

    fn set_end(&mut self, outcome: Outcome) {
        self.record.end = match (&outcome, self.record.exchange.last_byte) {
            (Outcome::Success, Some(last_byte)) => last_byte,
            _ => self.clock.now(),
        };
        self.record.outcome = outcome;
        self.ended = true;
    }
}

impl<C: Clock> Drop for Pending<C> {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        if !self.ended {
            self.set_end(match self.record.exchange.start {
                _ if std::thread::panicking() => broken(),
                Some(_) => Outcome::Cancelled,
                // It waited for the turn before it.
                None => Outcome::NotDispatched,
            });
        }
        if self.record.exchange.start.is_some() {
            WorkerCounts::add(&self.counts.finished);
        }
        if matches!(self.record.outcome, Outcome::Failure(_)) {
            WorkerCounts::add(&self.counts.failed);
        }
        let empty = Finished {
            outcome: Outcome::Cancelled,
            body: None,
            media: Vec::new(),
            exchange: Exchange::default(),
            ..self.record
        };
        let record = std::mem::replace(&mut self.record, empty);
        place.send(Message::Finished(Box::new(record)));
    }
}

fn broken() -> Outcome {
    Outcome::Failure(Failure {
        error_type: "InternalError".to_owned(),
        message: "the client itself failed while it handled this request".to_owned(),
    })
}

/// Sends `request` and follows it to its end: an answer, a failure, or the timeout. Dropped before, it was cancelled.
/// What comes back goes into `exchange`, whose room was made ahead: up to the start stamp nothing large is allocated.
///
/// Its in-flight permit is free for the next as soon as it has ended.
pub(super) async fn run<C: Clock, T: Transport>(
    sender: Rc<Sender<C, T>>,
    (request, exchange): (Prepared, Exchange),
    mut pending: Pending<C>,
    permit: Permit,
) {
    let outcome = outcome(&sender, (request, exchange), &mut pending).await;
    pending.end(outcome);
    drop(permit);
}

/// The same but for its end; what came back is in `pending`.
pub(super) async fn outcome<C: Clock, T: Transport>(
    sender: &Sender<C, T>,
    (mut request, exchange): (Prepared, Exchange),
    pending: &mut Pending<C>,
) -> Outcome {
    pending.record.media = std::mem::take(&mut request.media);
    pending.record.drawn = Some(request.drawn);
    pending.record.prompt_tokens = request.prompt_tokens;
    pending.record.request_bytes = u32::try_from(request.body.len()).unwrap_or(u32::MAX);
    pending.record.body = sender.keeps_requests.then(|| request.body.clone());
    pending.record.exchange = exchange;
    WorkerCounts::add(&pending.counts.sent);
    attempts(sender, &request, &mut pending.record).await
}

/// Sends it again where a connection failed before any answer, as often as is allowed.
async fn attempts<C: Clock, T: Transport>(
    sender: &Sender<C, T>,
    request: &Prepared,
    record: &mut Finished,
) -> Outcome {
    let patience = &sender.patience;
    for attempt in 0.. {
        let now = sender.clock.now();
        let start = *record.exchange.start.get_or_insert(now);
        if attempt > 0 {
            record.retries = Some(Retries { count: attempt, last_start: now });
        }
        let result = tokio::select! {
            biased;
            result = sender.transport.exchange(request, &mut record.exchange) => result,
            () = sender.clock.sleep_until(now.saturating_add(patience.timeout_ns)) => {
                return timed_out(&record.exchange);
            }
        };
        let Err(fault) = result else { return Outcome::Success };
        if !fault.is_of_connection || attempt >= patience.retries {
            return Outcome::Failure(fault.failure);
        }
        tracing::debug!("request {} is sent again: {}", record.index, fault.failure.message);
        record.exchange = Exchange { start: Some(start), ..Exchange::default() };
        let pause_ns = patience.pause_ns((record.stage, record.index), attempt);
        sender.clock.sleep_until(sender.clock.now().saturating_add(pause_ns)).await;
    }
    unreachable!("the last attempt has returned")
}

/// Upstream says what timed out only where no answer had begun.
fn timed_out(exchange: &Exchange) -> Outcome {
    let message = if exchange.head.is_none() { "Request timed out" } else { "" };
    Outcome::Failure(Failure { error_type: "TimeoutError".to_owned(), message: message.to_owned() })
}
