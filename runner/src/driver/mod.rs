//! Runs stages: arrivals on time, exchanges, records.
//!
//! ```text
//! let mut engine = Engine::start(clock, settings, transports, workload, options, spool, Hosting::Threads).await?;
//! for stage in &plan.stages {
//!     let facts = engine.run_stage(stage, &stop).await?;   // its records and facts are in the spool now
//!     engine.pause(plan.interval_ns, &stop).await;
//! }
//! engine.finish(stop.is_requested()).await?;                 // the spool is closed and on disk
//! ```
//!
//! [`Engine::progress`] gives live counts to a display. The driver is generic over clock and transport, so known-answer
//! tests run this very code in virtual time ([`Hosting::Local`] under paused time, a transport in memory). It knows
//! nothing of latencies, verdicts and reports; feedback (sweep, search) is its caller's choice of the next stage.

mod between;
mod cgroup;
mod conversations;
mod error;
mod hosting;
mod permits;
mod progress;
mod request;
mod settings;
mod stop;
mod turns;
mod worker;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use benchmark_schemas::record::{ClientFacts, Nanos, RunEnd, SpoolEntry, StageFacts, StageStatus};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::TransportSource;
use crate::clock::ClockSource;
use crate::plan::StagePlan;
use crate::recorder::{self, Message, RecordOptions, SharedSpool};
use crate::schedule::{self, Schedule};
use crate::spool::SpoolWriter;
use crate::workload::{self, Workload};

pub use error::EngineError;
pub use hosting::Hosting;
pub use progress::{Progress, Snapshot};
pub use settings::{Patience, Settings};
pub use stop::Stop;

use cgroup::Throttling;
use hosting::Role;
use permits::{Permits, Seat};
use progress::WorkerCounts;
use request::Sender;
use settings::share;
use worker::{Order, Report, Worker};

/// From "all workers are ready" to a stage's first instant: the word must reach them before it.
const START_AHEAD_NS: Nanos = 5_000_000;
/// Connections that all workers together open before a stage at most.
const MOST_CONNECTIONS_AHEAD: u64 = 512;

/// Workers, recorders and the spool of a run.
pub struct Engine<S> {
    source: S,
    settings: Settings,
    hosting: Hosting,
    workload: Arc<dyn Workload>,
    spool: SharedSpool,
    /// Arrivals of all stages so far.
    arrivals_before: u64,
    workers: Vec<mpsc::Sender<Order>>,
    recorders: Vec<mpsc::Sender<Message>>,
    threads: Vec<JoinHandle<()>>,
    progress: Arc<Progress>,
    throttling: Throttling,
    /// Cancelled when records can no longer be written: what is not recorded need not be sent.
    unrecorded: CancellationToken,
    /// Ends what brings the spool to the disk.
    over: DropGuard,
}

impl<S: ClockSource + Sync> Engine<S> {
    /// Starts workers and recorders; they wait for stages.
    ///
    /// `spool` already holds the run's first entry ([`SpoolEntry::Run`]).
    ///
    /// # Errors
    ///
    /// If the system gives no thread or timer.
    pub async fn start<T: TransportSource<S::Clock>>(
        source: S,
        settings: Settings,
        transports: T,
        workload: Arc<dyn Workload>,
        options: RecordOptions,
        spool: SpoolWriter,
        hosting: Hosting,
    ) -> Result<Self, EngineError> {
        let mut engine = Self {
            source,
            settings,
            hosting,
            workload,
            spool: SharedSpool::new(spool),
            arrivals_before: 0,
            workers: Vec::new(),
            recorders: Vec::new(),
            threads: Vec::new(),
            progress: Arc::new(Progress::new(options.streamed)),
            throttling: Throttling::find(),
            unrecorded: CancellationToken::new(),
            over: CancellationToken::new().drop_guard(),
        };
        engine.start_recorders(&options)?;
        engine.start_keeping()?;
        for k in 0..engine.settings.workers {
            engine.start_worker(k, transports.clone(), options.keep.request).await?;
        }
        Ok(engine)
    }

    /// Live counts of the stage that runs.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// One recorder for two workers.
    fn start_recorders(&mut self, options: &RecordOptions) -> Result<(), EngineError> {
        let count = self.settings.workers.div_ceil(2);
        // Every request in flight has reserved its place.
        let most = Semaphore::MAX_PERMITS - recorder::BACKLOG;
        let in_flight = usize::try_from(self.settings.in_flight_cap).unwrap_or(most).min(most);
        for r in 0..count {
            let (sender, inbox) = mpsc::channel(in_flight + recorder::BACKLOG);
            let (options, spool) = (options.clone(), self.spool.clone());
            let workload = Arc::clone(&self.workload);
            let unrecorded = self.unrecorded.clone();
            let live = self.progress.live();
            let part = move || recorder::record(inbox, options, workload, spool, live, unrecorded);
            self.start_part("recorder", format!("recorder-{r}"), Role::Background, part)?;
            self.recorders.push(sender);
        }
        Ok(())
    }

    /// Brings the spool to the disk while the run goes on; virtual time has no disk to wait for.
    fn start_keeping(&mut self) -> Result<(), EngineError> {
        if self.hosting == Hosting::Local {
            return Ok(());
        }
        let over = self.over.token().clone();
        let spool = self.spool.clone();
        let part = move || recorder::keep_on_disk(spool, over);
        self.start_part("recorder", "disk".to_owned(), Role::Background, part)
    }

    async fn start_worker<T: TransportSource<S::Clock>>(
        &mut self,
        k: usize,
        transports: T,
        keeps_requests: bool,
    ) -> Result<(), EngineError> {
        let (orders, inbox) = mpsc::channel(1);
        let (started, outcome) = oneshot::channel();
        let settings = &self.settings;
        let connections = settings.connection_cap.map(|cap| share(cap, k, settings.workers).max(1));
        let (patience, grace_ns) = (settings.patience, settings.grace_ns);
        let source = self.source.clone();
        let records = self.recorders[k % self.recorders.len()].clone();
        let part = move || async move {
            let set_up = || {
                let clock = source.for_this_runtime()?;
                let transport = transports.for_worker(clock.clone(), connections)?;
                Ok(std::rc::Rc::new(Sender { clock, transport, patience, keeps_requests }))
            };
            match set_up() {
                Ok(sender) => {
                    let _ = started.send(Ok(()));
                    let worker = Worker { sender, records, grace_ns };
                    worker::serve(worker, inbox).await;
                }
                Err(error) => drop(started.send(Err(error))),
            }
        };
        self.start_part("worker", format!("worker-{k}"), Role::Measuring, part)?;
        let outcome: io::Result<()> = outcome.await.map_err(|_| EngineError::Lost("worker"))?;
        outcome.map_err(|error| EngineError::Start { part: "worker", error })?;
        self.workers.push(orders);
        Ok(())
    }

    fn start_part<F: Future<Output = ()> + 'static>(
        &mut self,
        part: &'static str,
        name: String,
        role: Role,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> Result<(), EngineError> {
        let thread = self.hosting.start(name, role, make);
        self.threads.extend(thread.map_err(|error| EngineError::Start { part, error })?);
        Ok(())
    }

    /// Runs a stage to its end: until all its requests have ended, until `stop` and the grace time after it, or until the
    /// stage's own time limit.
    ///
    /// Its records and its facts are in the spool when this returns.
    ///
    /// # Errors
    ///
    /// If records cannot be stored, or a part of the engine broke.
    pub async fn run_stage(&mut self, stage: &StagePlan, stop: &Stop) -> Result<StageFacts, EngineError> {
        // Whatever ends this call ends the stage.
        let stop = stop.for_a_part();
        let _at_the_end = stop.clone().stop_now_when_dropped();
        let schedule = schedule::of_stage(stage, self.settings.seed);
        let permits = Permits::new(self.in_flight_cap(stage), self.settings.workers);
        let throttled_before = self.throttling.total_ns();
        let counts: Vec<_> = self.workers.iter().map(|_| Arc::<WorkerCounts>::default()).collect();
        let shard = self.settings.shard;
        self.progress.begin(stage.id, stage.duration_ns, &*schedule, shard, counts.clone());
        let (mut ready, mut starts, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for (k, counts) in counts.into_iter().enumerate() {
            let (ready_sender, is_ready) = oneshot::channel();
            let (start_sender, start) = oneshot::channel();
            let (done_sender, is_done) = oneshot::channel();
            let part = (permits.seat(k), counts, stop.clone());
            let order = self.order(k, stage, &schedule, part, (ready_sender, start, done_sender))?;
            self.workers[k].send(order).await.map_err(|_| EngineError::Lost("worker"))?;
            ready.push(is_ready);
            starts.push(start_sender);
            done.push(is_done);
        }
        // Those that a stop leaves unsent count too: what a stage asks does not depend on how those before it went.
        self.arrivals_before = self.arrivals_before.saturating_add(schedule.count());
        for is_ready in ready {
            is_ready.await.map_err(|_| EngineError::Lost("worker"))?;
        }
        let window_start = self.source.now() + START_AHEAD_NS;
        self.progress.started(window_start);
        for start in starts {
            start.send(window_start).map_err(|_| EngineError::Lost("worker"))?;
        }
        let reports = self.await_workers(done, &stop).await?;
        let recorded = self.await_recorders().await;
        // What is wrong with the spool says more than that a recorder is gone.
        self.spool.writer().flush()?;
        recorded?;
        let throttled =
            self.throttling.total_ns().zip(throttled_before).map(|(after, before)| after - before);
        let facts = self.facts(stage, window_start, &reports, throttled);
        self.progress.end(self.source.now());
        self.note(&SpoolEntry::Stage(Box::new(facts.clone())))?;
        Ok(facts)
    }

    fn order(
        &mut self,
        k: usize,
        stage: &StagePlan,
        schedule: &Arc<dyn Schedule>,
        (seat, counts, stop): (Seat, Arc<WorkerCounts>, Stop),
        (ready, start, done): (oneshot::Sender<()>, oneshot::Receiver<Nanos>, oneshot::Sender<Report>),
    ) -> Result<Order, EngineError> {
        let workers = self.settings.workers as u64;
        let shard = self.settings.shard.part(k as u64, workers).by_speaker(self.workload.speakers());
        let (sender, bodies) = workload::bodies();
        let (workload, stage_id) = (Arc::clone(&self.workload), stage.id);
        let before = self.arrivals_before;
        let indices = shard.indices(schedule.count());
        let make = move || workload::generate(workload, (stage_id, before), indices, sender);
        self.threads.retain(|thread| !thread.is_finished());
        self.start_part("generator", format!("generator-{k}"), Role::Background, make)?;
        // Two seconds' worth: answers that take longer open the rest while the stage runs.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
        let expected = stage.concurrency.unwrap_or((2.0 * stage.rate).ceil() as u64).max(8);
        let most = self.in_flight_cap(stage).min(schedule.count()).min(MOST_CONNECTIONS_AHEAD);
        let connections = expected.min(most).div_ceil(workers);
        Ok(Order {
            stage: stage_id,
            arrivals: Box::new(shard.of(&**schedule)),
            bodies,
            seat,
            timeout_ns: stage.timeout_ns,
            connections: usize::try_from(connections).unwrap_or(usize::MAX),
            counts,
            stop,
            ready,
            start,
            done,
        })
    }

    /// Requests that `stage` may have in flight.
    fn in_flight_cap(&self, stage: &StagePlan) -> u64 {
        stage.concurrency.unwrap_or(self.settings.in_flight_cap)
    }

    /// Waits until all workers have done their share. Cuts them off if records can no longer be written.
    async fn await_workers(
        &self,
        done: Vec<oneshot::Receiver<Report>>,
        stop: &Stop,
    ) -> Result<Vec<Report>, EngineError> {
        let all_done = async {
            let mut reports = Vec::new();
            for is_done in done {
                reports.push(is_done.await.map_err(|_| EngineError::Lost("worker"))?);
            }
            Ok(reports)
        };
        let unrecorded = async {
            self.unrecorded.cancelled().await;
            stop.now();
            std::future::pending().await
        };
        tokio::select! {
            reports = all_done => reports,
            never = unrecorded => never,
        }
    }

    /// Waits until everything handed to the recorders is in the spool.
    async fn await_recorders(&self) -> Result<(), EngineError> {
        for recorder in &self.recorders {
            let (reached, barrier) = oneshot::channel();
            let sent = recorder.send(Message::Barrier(reached)).await;
            sent.map_err(|_| EngineError::Lost("recorder"))?;
            barrier.await.map_err(|_| EngineError::Lost("recorder"))?;
        }
        Ok(())
    }

    fn facts(
        &self,
        stage: &StagePlan,
        window_start: Nanos,
        reports: &[Report],
        throttled_ns: Option<i64>,
    ) -> StageFacts {
        let greatest = |of: fn(&Report) -> Nanos| reports.iter().map(of).max().unwrap_or(window_start);
        let (window_end, drained) = (greatest(|r| r.window_end), greatest(|r| r.drained));
        let share =
            |report: &Report| report.busy.as_nanos() as f64 / (report.sent_all - window_start).max(1) as f64;
        let busiest = reports.iter().map(share).fold(0.0, f64::max);
        let broken_off = reports.iter().map(|report| report.status).find(|s| *s != StageStatus::Completed);
        StageFacts {
            stage: stage.id,
            rate: stage.rate,
            duration_seconds: stage.duration_seconds,
            pacing: stage.pacing,
            concurrency: stage.concurrency,
            window_start,
            window_end,
            teardown_ns: drained - window_end,
            status: broken_off.unwrap_or(StageStatus::Completed),
            client: ClientFacts {
                busiest_runtime: busiest.min(1.0),
                throttled_ns,
                in_flight_cap: self.in_flight_cap(stage),
                workers: u32::try_from(self.settings.workers).unwrap_or(u32::MAX),
                late_bodies: reports.iter().map(|report| report.late_bodies).sum(),
                recorder_waits: reports.iter().map(|report| report.recorder_waits).sum(),
            },
        }
    }

    /// Ends the run: its last entry is written and the spool is on disk; all threads have ended.
    ///
    /// # Errors
    ///
    /// If the spool cannot be stored.
    pub async fn finish(self, interrupted: bool) -> Result<(), EngineError> {
        let recorded = self.await_recorders().await;
        let Self { source, spool, workers, recorders, threads, over, .. } = self;
        drop((workers, recorders, over));
        for thread in threads {
            // A thread that panicked has told so; its requests have their records.
            let _ = thread.join();
        }
        recorded?;
        let mut spool = spool.writer();
        spool.append(&SpoolEntry::Finished(RunEnd { at: source.now(), interrupted }))?;
        spool.sync()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
