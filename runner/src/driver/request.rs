//! One request from its permit to its record.

use std::rc::Rc;
use std::sync::Arc;

use benchmark_schemas::record::{Failure, Nanos, Outcome};
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::OwnedPermit;
use tokio_util::sync::CancellationToken;

use super::progress::WorkerCounts;
use crate::client::{Exchange, Transport};
use crate::clock::Clock;
use crate::recorder::{Finished, Message};
use crate::workload::{Drawn, Prepared};

/// What the requests of a worker share.
pub(super) struct Sender<C, T> {
    pub(super) clock: C,
    pub(super) transport: T,
    pub(super) timeout_ns: Nanos,
}

/// An arrival whose record is still to be written. It is written when this goes, whatever happens before: that is
/// what makes it one record for each arrival.
pub(super) struct Pending<C: Clock> {
    clock: C,
    counts: Arc<WorkerCounts>,
    /// Its place in the recorder's channel, so that handing over never waits; gone once it is used.
    place: Option<OwnedPermit<Message>>,
    record: Finished,
    ended: bool,
}

impl<C: Clock> Pending<C> {
    /// An arrival that is not sent yet.
    pub(super) fn new(
        clock: C,
        counts: Arc<WorkerCounts>,
        place: OwnedPermit<Message>,
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
            drawn: Drawn::default(),
            prompt_tokens: 0,
            body: Bytes::new(),
            exchange: Exchange::default(),
        };
        Self { clock, counts, place: Some(place), record, ended: false }
    }

    /// Notes when it held an in-flight permit.
    pub(super) fn permitted(mut self, at: Option<Nanos>) -> Self {
        self.record.permitted = at;
        self
    }

    /// Notes the lengths drawn for it.
    pub(super) fn drawn(mut self, drawn: Drawn) -> Self {
        self.record.drawn = drawn;
        self
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
            self.set_end(if std::thread::panicking() { broken() } else { Outcome::Cancelled });
        }
        if self.record.exchange.start.is_some() {
            WorkerCounts::add(&self.counts.finished);
        }
        if matches!(self.record.outcome, Outcome::Failure(_)) {
            WorkerCounts::add(&self.counts.failed);
        }
        let empty = Finished {
            outcome: Outcome::Cancelled,
            body: Bytes::new(),
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

/// Sends `request` and follows it to its end: an answer, a failure, the timeout, or `cut`.
///
/// Its in-flight permit is free for the next as soon as it has ended.
pub(super) async fn run<C: Clock, T: Transport>(
    sender: Rc<Sender<C, T>>,
    mut request: Prepared,
    mut pending: Pending<C>,
    permit: OwnedSemaphorePermit,
    cut: CancellationToken,
) {
    request.memory = None;
    pending.record.drawn = request.drawn;
    pending.record.prompt_tokens = request.prompt_tokens;
    pending.record.body = request.body.clone();
    WorkerCounts::add(&pending.counts.sent);
    let start = sender.clock.now();
    pending.record.exchange.start = Some(start);
    let ended = tokio::select! {
        biased;
        result = sender.transport.exchange(&request, &mut pending.record.exchange) => Ended::ByItself(result),
        () = sender.clock.sleep_until(start.saturating_add(sender.timeout_ns)) => Ended::TimedOut,
        () = cut.cancelled() => Ended::Cut,
    };
    let outcome = match ended {
        Ended::ByItself(Ok(())) => Outcome::Success,
        Ended::ByItself(Err(failure)) => Outcome::Failure(failure),
        Ended::TimedOut => timed_out(&pending.record.exchange),
        Ended::Cut => Outcome::Cancelled,
    };
    pending.end(outcome);
    drop(permit);
}

enum Ended {
    ByItself(Result<(), Failure>),
    TimedOut,
    Cut,
}

/// Upstream says what timed out only where no answer had begun.
fn timed_out(exchange: &Exchange) -> Outcome {
    let message = if exchange.head.is_none() { "Request timed out" } else { "" };
    Outcome::Failure(Failure { error_type: "TimeoutError".to_owned(), message: message.to_owned() })
}
