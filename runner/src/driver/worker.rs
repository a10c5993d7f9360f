//! A worker: one runtime that sends its share of a stage's arrivals, each when it is due.
//!
//! One loop goes through the arrivals in order: it waits until the next is due, takes an in-flight permit, and lets the
//! exchange run as a task of its own, so no exchange holds up another's start. Behind a full cap arrivals wait here,
//! in order, without taking memory.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use benchmark_schemas::record::{Failure, Nanos, Outcome, StageStatus};
use futures_util::FutureExt as _;
use futures_util::future::Either;
use tokio::runtime::Handle;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::conversations::{Conversations, Entry};
use super::permits::{Permit, Seat};
use super::progress::WorkerCounts;
use super::request::{self, Pending, Sender};
use super::stop::Stop;
use super::turns;
use crate::client::{Exchange, Transport};
use crate::clock::Clock;
use crate::recorder::Message;
use crate::schedule::Arrival;
use crate::workload::{Bodies, Prepared};

/// What a worker keeps for the whole run.
pub(super) struct Worker<C, T> {
    pub(super) sender: Rc<Sender<C, T>>,
    pub(super) records: mpsc::Sender<Message>,
    pub(super) grace_ns: Nanos,
}

/// A worker's share of a stage.
pub(super) struct Order {
    pub(super) stage: u32,
    pub(super) arrivals: Box<dyn Iterator<Item = Arrival> + Send>,
    pub(super) bodies: Bodies,
    /// Where in-flight permits are taken.
    pub(super) seat: Seat,
    /// Connections to open before the stage.
    pub(super) connections: usize,
    /// Time from the start until everything is cut off, nanoseconds.
    pub(super) timeout_ns: Option<Nanos>,
    pub(super) counts: Arc<WorkerCounts>,
    pub(super) stop: Stop,
    /// Told when connections are open and the first body is made.
    pub(super) ready: oneshot::Sender<()>,
    /// Tells the instant from which the arrivals are counted.
    pub(super) start: oneshot::Receiver<Nanos>,
    pub(super) done: oneshot::Sender<Report>,
}

/// How a worker's share of a stage went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    /// The last request had ended, or the stop was noticed.
    pub(super) window_end: Nanos,
    /// Nothing was in flight any more.
    pub(super) drained: Nanos,
    pub(super) status: StageStatus,
    /// The last request of the stage was sent, or none will be any more.
    pub(super) sent_all: Nanos,
    /// Time that the runtime spent working until then.
    pub(super) busy: Duration,
    /// Requests that were late because their bodies were.
    pub(super) late_bodies: u64,
    /// Requests that were late because recorders were too far behind.
    pub(super) recorder_waits: u64,
}

/// Serves stages until nobody orders any more.
pub(super) async fn serve<C: Clock, T: Transport>(worker: Worker<C, T>, mut orders: mpsc::Receiver<Order>) {
    let clock = worker.sender.clock.clone();
    let serving = async {
        while let Some(order) = orders.recv().await {
            Stage::run(&worker, order).await;
        }
    };
    // The task that sends is the one that the timer wakes, without another in between.
    clock.drive(serving).await;
}

struct Stage<'a, C, T> {
    worker: &'a Worker<C, T>,
    id: u32,
    counts: Arc<WorkerCounts>,
    seat: Seat,
    stop: Stop,
    start: Nanos,
    /// When the stage's own time is over.
    deadline: Option<Nanos>,
    /// Exchanges under way. Aborting one records it as cancelled.
    tasks: JoinSet<()>,
    conversations: Conversations,
    report: Report,
}

/// An arrival on its way to being sent.
struct Next {
    arrival: Arrival,
    due: Nanos,
    permitted: Option<Nanos>,
}

/// All that an arrival needs to be sent.
struct Ready {
    request: Option<(Prepared, Exchange)>,
    /// None for a turn that waits: it gets that of the turn before it.
    permit: Option<Permit>,
    /// Of a turn of a conversation.
    entry: Option<Entry>,
    place: Option<OwnedPermit<Message>>,
}

impl<'a, C: Clock, T: Transport> Stage<'a, C, T> {
    async fn run(worker: &'a Worker<C, T>, order: Order) {
        let Order {
            stage,
            mut arrivals,
            mut bodies,
            seat,
            connections,
            timeout_ns,
            counts,
            stop,
            ready,
            start,
            done,
        } = order;
        let first = tokio::select! {
            biased;
            () = stop.requested() => None,
            (first, ()) = async { tokio::join!(bodies.next(), worker.sender.transport.prepare(connections)) } => first,
        };
        // Who ordered the stage is gone only if the run was dropped; then nothing is to be done.
        let _ = ready.send(());
        let Ok(start) = start.await else { return };
        let metrics = Handle::current().metrics();
        let clock = &worker.sender.clock;
        let busy = || clock.busy().unwrap_or_else(|| metrics.worker_total_busy_duration(0));
        let busy_before = busy();
        let report = Report::new(start);
        let deadline = timeout_ns.map(|timeout| start.saturating_add(timeout));
        let (tasks, conversations) = (JoinSet::new(), Conversations::default());
        let mut this =
            Self { worker, id: stage, counts, seat, stop, start, deadline, tasks, conversations, report };
        let unsent = this.send_all(&mut arrivals, &mut bodies, first).await;
        // A generator is judged by the time in which it has to send: an idle drain would dilute what it did then.
        this.report.busy = busy().saturating_sub(busy_before);
        this.report.sent_all = worker.sender.clock.now();
        // Ends the generator, and frees what it made in vain.
        drop(bodies);
        match unsent {
            None => this.await_ends().await,
            Some((next, status)) => this.broken_off(status, Some((next, arrivals))).await,
        }
        let mut report = this.report;
        report.drained = worker.sender.clock.now();
        let _ = done.send(report);
    }

    /// Sends every arrival when it is due; gives the first that was not sent because the stage was broken off, and how.
    async fn send_all(
        &mut self,
        arrivals: &mut (dyn Iterator<Item = Arrival> + Send),
        bodies: &mut Bodies,
        mut first: Option<Prepared>,
    ) -> Option<(Next, StageStatus)> {
        let mut breaking_off =
            pin!(breaking_off(self.stop.clone(), self.worker.sender.clock.clone(), self.deadline));
        for arrival in arrivals {
            let due = self.start.saturating_add(arrival.offset);
            let mut next = Next { arrival, due, permitted: None };
            tokio::select! {
                biased;
                status = &mut breaking_off => return Some((next, status)),
                ready = self.ready(&mut next, bodies, first.take()) => self.send(&next, ready).await,
            }
        }
        None
    }

    /// Waits until an arrival is due and has all that it needs, in this order.
    async fn ready(&mut self, next: &mut Next, bodies: &mut Bodies, first: Option<Prepared>) -> Ready {
        let clock = &self.worker.sender.clock;
        let mut request = first.or_else(|| bodies.ready());
        if request.is_none() {
            request = bodies.next().await;
            self.report.late_bodies += u64::from(clock.now() > next.due);
        }
        // Room for the answer is made while there is time: between due and sent every allocation is delay.
        let request = request.map(|request| {
            let mut exchange = Exchange::default();
            exchange.expect_tokens(request.drawn.output_tokens);
            (request, exchange)
        });
        clock.sleep_until(next.due).await;
        let turn = request.as_ref().and_then(|(request, _)| request.turn.as_ref());
        let entry = turn.map(|turn| self.conversations.enter(turn.place.speaker));
        let permit = if entry.as_ref().is_some_and(Entry::waits) {
            None
        } else {
            let permit = self.seat.take(next.due).await;
            next.permitted = Some(clock.now());
            Some(permit)
        };
        let records = &self.worker.records;
        let place = if let Ok(place) = records.clone().try_reserve_owned() {
            Some(place)
        } else {
            self.report.recorder_waits += 1;
            reserve(records).await
        };
        Ready { request, permit, entry, place }
    }

    async fn send(&mut self, next: &Next, ready: Ready) {
        let pending = self.pending(next, ready.place);
        let Some((mut request, exchange)) = ready.request else {
            // The generator thread is gone, which only a fault of its own can do.
            pending.end(Outcome::Failure(Failure {
                error_type: "InternalError".to_owned(),
                message: "no request was made for this arrival".to_owned(),
            }));
            return;
        };
        // Given back once it is sent: that may wake the generator, which must not delay this request.
        let memory = request.memory.take();
        let sender = Rc::clone(&self.worker.sender);
        let exchange = match (ready.entry, ready.permit) {
            (None, Some(permit)) => Either::Left(request::run(sender, (request, exchange), pending, permit)),
            (Some(entry), permit) => {
                let part = (permit, entry, self.stop.clone());
                Either::Right(turns::run(sender, (request, exchange), pending, part))
            }
            (None, None) => unreachable!("what is no turn of a conversation has a permit"),
        };
        // A fault of the client's own has its record too, and must not end the worker.
        let mut exchange = Box::pin(AssertUnwindSafe(exchange).catch_unwind().map(drop));
        // Sent here and now: a task has to wait for its turn among all that have something to read.
        if futures_util::poll!(exchange.as_mut()).is_pending() {
            self.tasks.spawn_local(exchange);
        }
        drop(memory);
        // Those that have ended have their records.
        while self.tasks.try_join_next().is_some() {}
    }

    fn pending(&self, next: &Next, place: Option<OwnedPermit<Message>>) -> Pending<C> {
        let clock = self.worker.sender.clock.clone();
        let place_in_stage = (self.id, next.arrival.index, next.due);
        Pending::new(clock, Arc::clone(&self.counts), place, place_in_stage).permitted(next.permitted)
    }

    /// Everything is sent: waits for all to end, as upstream does.
    async fn await_ends(&mut self) {
        let clock = &self.worker.sender.clock;
        let broken_off = tokio::select! {
            biased;
            () = all_ended(&mut self.tasks) => None,
            status = breaking_off(self.stop.clone(), clock.clone(), self.deadline) => Some(status),
        };
        match broken_off {
            None => self.report.window_end = clock.now(),
            Some(status) => self.broken_off(status, None).await,
        }
    }

    /// Records what is not sent, and ends what is in flight: after a stop it has the grace time to end by itself, at the
    /// stage's own time limit it is cut off.
    async fn broken_off(
        &mut self,
        status: StageStatus,
        unsent: Option<(Next, Box<dyn Iterator<Item = Arrival> + Send>)>,
    ) {
        let clock = &self.worker.sender.clock;
        self.report.status = status;
        self.report.window_end = clock.now();
        let mut tasks = std::mem::take(&mut self.tasks);
        let grace_ns = if status == StageStatus::TimedOut { 0 } else { self.worker.grace_ns };
        let deadline = self.report.window_end.saturating_add(grace_ns);
        let drain = async {
            tokio::select! {
                biased;
                () = all_ended(&mut tasks) => {}
                () = self.stop.wanted_now() => {}
                () = clock.sleep_until(deadline) => {}
            }
            tasks.shutdown().await;
        };
        let record_unsent = async {
            let Some((next, rest)) = unsent else { return };
            self.not_dispatched(&next).await;
            for arrival in rest {
                let due = self.start.saturating_add(arrival.offset);
                self.not_dispatched(&Next { arrival, due, permitted: None }).await;
            }
        };
        tokio::join!(drain, record_unsent);
    }

    async fn not_dispatched(&self, next: &Next) {
        let place = reserve(&self.worker.records).await;
        self.pending(next, place).end(Outcome::NotDispatched);
    }
}

impl Report {
    /// Of a stage that starts at `start`.
    fn new(start: Nanos) -> Self {
        Self {
            window_end: start,
            drained: start,
            status: StageStatus::Completed,
            sent_all: start,
            busy: Duration::ZERO,
            late_bodies: 0,
            recorder_waits: 0,
        }
    }
}

/// Ends when none of `tasks` is under way.
async fn all_ended(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

/// Ends when a stage is to be broken off, and says why.
async fn breaking_off<C: Clock>(stop: Stop, clock: C, deadline: Option<Nanos>) -> StageStatus {
    let time_is_over = async {
        match deadline {
            Some(deadline) => clock.sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = stop.requested() => StageStatus::Stopped,
        () = time_is_over => StageStatus::TimedOut,
    }
}

/// A place in the recorders' channel; `None` if the recorder is gone, which breaks off the run.
async fn reserve(records: &mpsc::Sender<Message>) -> Option<OwnedPermit<Message>> {
    records.clone().reserve_owned().await.ok()
}
