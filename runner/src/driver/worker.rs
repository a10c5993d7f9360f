//! A worker: one runtime that sends its share of a stage's arrivals, each when it is due.
//!
//! One loop goes through the arrivals in order: it waits until the next is due, takes an in-flight permit, and lets the
//! exchange run as a task of its own, so no exchange holds up another's start. Behind a full cap arrivals wait here,
//! in order, without taking memory.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use benchmark_schemas::record::{Failure, Nanos, Outcome};
use tokio::runtime::Handle;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::progress::WorkerCounts;
use super::request::{self, Pending, Sender};
use super::stop::Stop;
use crate::client::Transport;
use crate::clock::Clock;
use crate::recorder::Message;
use crate::schedule::Arrival;
use crate::workload::{Bodies, Prepared, Workload};

/// What a worker keeps for the whole run.
pub(super) struct Worker<C, T> {
    pub(super) sender: Rc<Sender<C, T>>,
    /// The worker's share of the requests that may be in flight.
    pub(super) permits: Arc<Semaphore>,
    pub(super) records: mpsc::Sender<Message>,
    pub(super) workload: Arc<dyn Workload>,
    pub(super) grace_ns: Nanos,
}

/// A worker's share of a stage.
pub(super) struct Order {
    pub(super) stage: u32,
    pub(super) arrivals: Box<dyn Iterator<Item = Arrival> + Send>,
    pub(super) bodies: Bodies,
    /// Connections to open before the stage.
    pub(super) connections: usize,
    pub(super) counts: Arc<WorkerCounts>,
    pub(super) stop: Stop,
    /// Told when connections are open and the first body is made.
    pub(super) ready: oneshot::Sender<()>,
    /// Tells the instant from which the arrivals are counted.
    pub(super) start: oneshot::Receiver<Nanos>,
    pub(super) done: oneshot::Sender<Report>,
}

/// How a worker's share of a stage went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Report {
    /// The last request had ended, or the stop was noticed.
    pub(super) window_end: Nanos,
    /// Nothing was in flight any more.
    pub(super) drained: Nanos,
    pub(super) stopped: bool,
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
    while let Some(order) = orders.recv().await {
        Stage::run(&worker, order).await;
    }
}

struct Stage<'a, C, T> {
    worker: &'a Worker<C, T>,
    id: u32,
    counts: Arc<WorkerCounts>,
    stop: Stop,
    start: Nanos,
    /// Exchanges under way.
    tasks: TaskTracker,
    /// Cuts them off.
    cut: CancellationToken,
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
    request: Option<Prepared>,
    permit: OwnedSemaphorePermit,
    place: OwnedPermit<Message>,
}

impl<'a, C: Clock, T: Transport> Stage<'a, C, T> {
    async fn run(worker: &'a Worker<C, T>, order: Order) {
        let Order { stage, mut arrivals, mut bodies, connections, counts, stop, ready, start, done } = order;
        let first = tokio::select! {
            biased;
            () = stop.requested() => None,
            (first, ()) = async { tokio::join!(bodies.next(), worker.sender.transport.prepare(connections)) } => first,
        };
        // Who ordered the stage is gone only if the run was dropped; then nothing is to be done.
        let _ = ready.send(());
        let Ok(start) = start.await else { return };
        let metrics = Handle::current().metrics();
        let busy_before = metrics.worker_total_busy_duration(0);
        let (tasks, cut) = (TaskTracker::new(), CancellationToken::new());
        let report = Report::default();
        let mut this = Self { worker, id: stage, counts, stop, start, tasks, cut, report };
        let unsent = this.send_all(&mut arrivals, &mut bodies, first).await;
        // A generator is judged by the time in which it has to send: an idle drain would dilute what it did then.
        this.report.busy = metrics.worker_total_busy_duration(0).saturating_sub(busy_before);
        this.report.sent_all = worker.sender.clock.now();
        // Ends the generator, and frees what it made in vain.
        drop(bodies);
        match unsent {
            None => this.await_ends().await,
            Some(next) => this.stopped(Some((next, arrivals))).await,
        }
        let mut report = this.report;
        report.drained = worker.sender.clock.now();
        let _ = done.send(report);
    }

    /// Sends every arrival when it is due; gives the one that a stop kept from being sent.
    async fn send_all(
        &mut self,
        arrivals: &mut (dyn Iterator<Item = Arrival> + Send),
        bodies: &mut Bodies,
        mut first: Option<Prepared>,
    ) -> Option<Next> {
        let stop = self.stop.clone();
        let mut stopping = pin!(stop.requested());
        for arrival in arrivals {
            let due = self.start.saturating_add(arrival.offset);
            let mut next = Next { arrival, due, permitted: None };
            tokio::select! {
                biased;
                () = &mut stopping => return Some(next),
                ready = self.ready(&mut next, bodies, first.take()) => self.send(&next, ready),
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
        clock.sleep_until(next.due).await;
        let permit = acquire(&self.worker.permits).await;
        next.permitted = Some(clock.now());
        let records = &self.worker.records;
        let place = if let Ok(place) = records.clone().try_reserve_owned() {
            place
        } else {
            self.report.recorder_waits += 1;
            reserve(records).await
        };
        Ready { request, permit, place }
    }

    fn send(&self, next: &Next, ready: Ready) {
        let pending = self.pending(next, ready.place);
        let Some(request) = ready.request else {
            // The generator thread is gone, which only a fault of its own can do.
            pending.end(Outcome::Failure(Failure {
                error_type: "InternalError".to_owned(),
                message: "no request was made for this arrival".to_owned(),
            }));
            return;
        };
        let sender = Rc::clone(&self.worker.sender);
        self.tasks.spawn_local(request::run(sender, request, pending, ready.permit, self.cut.clone()));
    }

    fn pending(&self, next: &Next, place: OwnedPermit<Message>) -> Pending<C> {
        let clock = self.worker.sender.clock.clone();
        let place_in_stage = (self.id, next.arrival.index, next.due);
        Pending::new(clock, Arc::clone(&self.counts), place, place_in_stage).permitted(next.permitted)
    }

    /// Everything is sent: waits for all to end, as upstream does.
    async fn await_ends(&mut self) {
        self.tasks.close();
        let ended = tokio::select! {
            biased;
            () = self.tasks.wait() => true,
            () = self.stop.requested() => false,
        };
        if ended {
            self.report.window_end = self.worker.sender.clock.now();
        } else {
            self.stopped(None).await;
        }
    }

    /// Stopped: records what is not sent, lets what is in flight end within the grace time, then cuts it off.
    async fn stopped(&mut self, unsent: Option<(Next, Box<dyn Iterator<Item = Arrival> + Send>)>) {
        let clock = &self.worker.sender.clock;
        self.report.stopped = true;
        self.report.window_end = clock.now();
        self.tasks.close();
        let deadline = self.report.window_end.saturating_add(self.worker.grace_ns);
        let drain = async {
            tokio::select! {
                biased;
                () = self.tasks.wait() => {}
                () = self.stop.wanted_now() => self.cut.cancel(),
                () = clock.sleep_until(deadline) => self.cut.cancel(),
            }
            self.tasks.wait().await;
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
        let drawn = self.worker.workload.drawn(self.id, next.arrival.index);
        let place = reserve(&self.worker.records).await;
        self.pending(next, place).drawn(drawn).end(Outcome::NotDispatched);
    }
}

/// A permit of a semaphore that is never closed.
async fn acquire(permits: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    match Arc::clone(permits).acquire_owned().await {
        Ok(permit) => permit,
        Err(_closed) => std::future::pending().await,
    }
}

/// A place in the recorders' channel. They outlive the workers; without them nothing could be recorded, so the
/// worker waits for its end.
async fn reserve(records: &mpsc::Sender<Message>) -> OwnedPermit<Message> {
    match records.clone().reserve_owned().await {
        Ok(place) => place,
        Err(_closed) => std::future::pending().await,
    }
}
