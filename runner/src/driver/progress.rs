//! Live counts of the stage that runs, for displays. Counting costs the measuring threads no shared cache line.

use std::iter::Peekable;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use benchmark_schemas::record::Nanos;

use crate::recorder::{Live, LiveLatency};
use crate::schedule::{Arrival, Schedule, Shard};

/// Counts of one worker, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct WorkerCounts {
    pub(super) sent: AtomicU64,
    pub(super) finished: AtomicU64,
    pub(super) failed: AtomicU64,
}

impl WorkerCounts {
    /// Adds one; nobody else adds to the counts of a worker, and readers need no order.
    pub(super) fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts of a stage at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Number of the stage.
    pub stage: u32,
    /// Requests that the stage has.
    pub requests: u64,
    /// Requests whose instant has come.
    pub due: u64,
    /// Requests that were sent, also those that could not be.
    pub sent: u64,
    /// Sent requests that have come to their end, failed ones included.
    pub finished: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Instant from which the arrivals are counted; `None` while the stage is being prepared.
    pub window_start: Option<Nanos>,
    /// Length of the sending window.
    pub duration_ns: Nanos,
    /// Latencies so far.
    pub latency: Option<LiveLatency>,
}

/// The stage that runs, as displays see it.
pub struct Progress {
    stages: Mutex<Stages>,
    live: Arc<Live>,
}

#[derive(Default)]
struct Stages {
    current: Option<StageProgress>,
    /// Counts of stages that have ended, in order.
    ended: Vec<Snapshot>,
}

struct StageProgress {
    stage: u32,
    duration_ns: Nanos,
    requests: u64,
    window_start: Option<Nanos>,
    workers: Vec<Arc<WorkerCounts>>,
    /// Counts due requests: workers know only of those that they have come to.
    arrivals: Peekable<Box<dyn Iterator<Item = Arrival> + Send>>,
    due: u64,
}

impl Progress {
    /// Of a run whose answers come as streams or not.
    pub(super) fn new(streamed: bool) -> Self {
        Self { stages: Mutex::default(), live: Arc::new(Live::new(streamed)) }
    }

    /// Where recorders note latencies.
    pub(super) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    /// Counts at `now`, the run's clock; `None` between stages.
    pub fn snapshot(&self, now: Nanos) -> Option<Snapshot> {
        self.stages(now).1
    }

    /// Counts of the stages that have ended, and at `now`, the run's clock, of the one that runs.
    pub fn stages(&self, now: Nanos) -> (Vec<Snapshot>, Option<Snapshot>) {
        let mut stages = self.lock();
        let running = stages.current.as_mut().map(|stage| stage.counts(now));
        let latency = self.live.latency();
        (stages.ended.clone(), running.map(|counts| Snapshot { latency, ..counts }))
    }

    pub(super) fn begin(
        &self,
        stage: u32,
        duration_ns: Nanos,
        schedule: &dyn Schedule,
        shard: Shard,
        workers: Vec<Arc<WorkerCounts>>,
    ) {
        self.live.begin_stage();
        let arrivals: Box<dyn Iterator<Item = Arrival> + Send> = Box::new(shard.of(schedule));
        let requests = shard.indices(schedule.count()).count() as u64;
        self.set(StageProgress {
            stage,
            duration_ns,
            requests,
            window_start: None,
            workers,
            arrivals: arrivals.peekable(),
            due: 0,
        });
    }

    pub(super) fn started(&self, window_start: Nanos) {
        if let Some(stage) = &mut self.lock().current {
            stage.window_start = Some(window_start);
        }
    }

    /// The stage has ended at `now`.
    pub(super) fn end(&self, now: Nanos) {
        let mut stages = self.lock();
        if let Some(mut stage) = stages.current.take() {
            stages.ended.push(stage.counts(now));
        }
    }

    fn set(&self, stage: StageProgress) {
        self.lock().current = Some(stage);
    }

    fn lock(&self) -> MutexGuard<'_, Stages> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StageProgress {
    /// Counts at `now`, without latencies.
    fn counts(&mut self, now: Nanos) -> Snapshot {
        if let Some(start) = self.window_start {
            while self.arrivals.next_if(|arrival| start + arrival.offset <= now).is_some() {
                self.due += 1;
            }
        }
        let sum = |count: fn(&WorkerCounts) -> &AtomicU64| {
            self.workers.iter().map(|worker| count(worker).load(Ordering::Relaxed)).sum()
        };
        Snapshot {
            stage: self.stage,
            requests: self.requests,
            due: self.due,
            sent: sum(|worker| &worker.sent),
            finished: sum(|worker| &worker.finished),
            failed: sum(|worker| &worker.failed),
            window_start: self.window_start,
            duration_ns: self.duration_ns,
            latency: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Even;

    #[test]
    fn due_requests_are_counted_by_the_clock_alone() {
        let progress = Progress::new(true);
        assert_eq!(progress.snapshot(0), None);
        let worker = Arc::new(WorkerCounts::default());
        progress.begin(3, 100, &Even::new(10, 100), Shard::WHOLE, vec![Arc::clone(&worker)]);
        assert_eq!(progress.snapshot(1_000).map(|s| (s.stage, s.due, s.window_start)), Some((3, 0, None)));
        progress.started(1_000);
        WorkerCounts::add(&worker.sent);
        let due = |now| progress.snapshot(now).expect("a stage").due;
        assert_eq!([due(1_009), due(1_010), due(1_055), due(9_999)], [0, 1, 5, 10]);
        let snapshot = progress.snapshot(9_999).expect("a stage");
        assert_eq!((snapshot.requests, snapshot.sent, snapshot.finished), (10, 1, 0));
        progress.end(9_999);
        let (ended, running) = progress.stages(9_999);
        assert_eq!((ended.len(), ended[0].stage, ended[0].sent, running), (1, 3, 1, None));
    }
}
