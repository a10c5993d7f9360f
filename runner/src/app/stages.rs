//! The run's course: the sweep's probe if there is one, then the stages, with their lines in the log.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use benchmark_schemas::config::SweepEstimator;
use benchmark_schemas::record::{StageFacts, StageStatus, SweepFacts};
use tokio::sync::mpsc::UnboundedSender;

use super::complain;
use super::keeper::EndedStage;
use super::resume::Finished;
use super::search::Searching;
use super::serving::Questions;
use crate::breakers::Breakers;
use crate::clock::{ClockSource as _, MonotonicSource, seconds};
use crate::driver::{Engine, Stop};
use crate::plan::{Plan, StagePlan};
use crate::progress::{Counts, Progress};
use crate::report::answer::sweep_line;
use crate::serving::Scraper;
use crate::shutdown::Signals;
use crate::sweep::{self, SweepError, SweepPlan};

/// How a run that did not break off went.
pub(super) enum Driven {
    /// Its stages were run, or a signal ended it.
    Through,
    /// Its sweep gave no stages to run.
    NoStages(SweepError),
}

/// A run's course: what is run, and what watches over it.
pub(super) struct Course<'a> {
    pub(super) plan: &'a Plan,
    pub(super) sweep: Option<&'a SweepPlan>,
    /// The search that makes the stages, if the run is one.
    pub(super) search: Option<Searching>,
    /// What an earlier part of the run has done.
    pub(super) finished: Finished,
    /// Wall clock at the clock's zero, nanoseconds since the Unix epoch.
    pub(super) started_epoch_ns: i64,
    pub(super) scraper: Option<Scraper>,
    pub(super) breakers: Option<Arc<Breakers>>,
    pub(super) questions: Option<Questions>,
    /// Whom those are about.
    pub(super) model: &'a str,
    pub(super) clock: MonotonicSource,
    pub(super) signals: &'a Signals,
    pub(super) progress: &'a Progress,
    /// Who keeps the results of stages that have ended.
    pub(super) ended: UnboundedSender<EndedStage>,
}

impl Course<'_> {
    /// Runs the stages one after another, those of the sweep if there is one; stops early if a signal asks for it. Asks
    /// Prometheus about them once they are over.
    pub(super) async fn drive(mut self, mut engine: Engine<MonotonicSource>) -> Result<Driven> {
        let stop = self.signals.stop();
        let (mut driven, mut probe_stopped) = (Driven::Through, false);
        let mut run = Vec::new();
        self.warm_up(&mut engine).await?;
        match (self.sweep, self.search.take()) {
            (None, Some(search)) => run = self.run_search(&mut engine, search).await?,
            (None, None) => run = self.run_stages(&mut engine, &self.plan.stages).await?,
            (Some(sweep), _) if self.finished.sweep.is_some() => {
                engine.pass_over(&sweep.probe());
                let stages = self.finished.sweep.as_ref().map(|found| sweep.stages(found));
                run = self.run_stages(&mut engine, &stages.unwrap_or_default()).await?;
            }
            (Some(sweep), _) => match self.probe(&mut engine, sweep).await {
                Ok(Some(found)) => {
                    engine.pause(self.plan.interval_ns, stop).await;
                    run = self.run_stages(&mut engine, &sweep.stages(&found)).await?;
                }
                Ok(None) => probe_stopped = true,
                Err(error @ SweepError::NoLimit { .. }) => driven = Driven::NoStages(error),
                Err(error) => return Err(error.into()),
            },
        }
        // A signal from here on interrupts nothing that was planned; but without its probe a sweep has not had its stages.
        let interrupted = probe_stopped || stop.is_requested();
        if let Some(scraper) = self.scraper.take() {
            scraper.finish();
        }
        if let Some(questions) = self.questions.as_ref().filter(|_| !run.is_empty()) {
            questions.ask(&engine, self.model, (self.clock, self.started_epoch_ns), &run, stop).await?;
        }
        engine.finish(interrupted).await?;
        Ok(driven)
    }

    /// Probes the server; `None` if a signal or a circuit breaker ended the probe.
    async fn probe(
        &self,
        engine: &mut Engine<MonotonicSource>,
        sweep: &SweepPlan,
    ) -> Result<Option<SweepFacts>, SweepError> {
        let requests = sweep.num_requests;
        let shape = match sweep.estimator {
            SweepEstimator::Completions => "at once",
            SweepEstimator::Upstream => "within 5 s, as upstream has it",
        };
        tracing::info!(
            "Sweep - probe started: {requests} requests {shape}, up to {} in flight, for {} s at most",
            self.plan.in_flight_cap,
            sweep.timeout_seconds
        );
        let counts = counts(engine, self.clock);
        let stop = self.signals.stop().for_a_part();
        let found = tokio::select! {
            found = sweep::run(sweep, engine, &stop) => found,
            never = self.progress.show("Sweep probe", requests, counts) => match never {},
            never = self.stop_when_open(&stop) => match never {},
        };
        if let (Some(name), Ok(_) | Err(SweepError::NoLimit { .. })) = (self.opened(), &found) {
            // Whatever the probe has found by then, stages would send nothing.
            complain(&format!(
                "No stage was run: circuit breaker \"{name}\" opened during the sweep's probe (see why the server fails, or \
                 set load.circuit_breakers to others)"
            ));
            return Ok(None);
        }
        let Some(found) = found? else {
            tracing::info!("Sweep - probe failed: interrupted");
            return Ok(None);
        };
        tracing::info!("{}", sweep_line(&found.clone().into()));
        if found.failed > 0 {
            tracing::warn!("Sweep - {} of {} requests of the probe failed", found.failed, found.requests);
        }
        let wanted = self.plan.in_flight_cap.min(requests);
        if sweep.estimator == SweepEstimator::Completions && found.peak_in_flight < wanted / 2 {
            tracing::warn!(
                "Sweep - never more than {} requests were in flight: the server answered as fast as the client could \
                 send, and may complete more than that",
                found.peak_in_flight
            );
        }
        let rates = found.rates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        tracing::info!("Sweep - stages of {} s at {rates} requests/s", sweep.stage_seconds);
        Ok(Some(found))
    }

    /// Sends what is sent ahead of everything that is measured.
    async fn warm_up(&self, engine: &mut Engine<MonotonicSource>) -> Result<()> {
        let Some(stage) = &self.plan.warm_up else { return Ok(()) };
        tracing::info!("Warm-up: {}; it is in no report", described(stage));
        let stop = self.signals.stop().for_a_part();
        let counts = counts(engine, self.clock);
        tokio::select! {
            facts = engine.run_stage(stage, &stop) => { facts?; }
            never = self.progress.show("Warm-up", stage.count(), counts) => match never {},
            never = self.stop_when_open(&stop) => match never {},
        }
        engine.pause(self.plan.interval_ns, &stop).await;
        Ok(())
    }

    /// Runs the stages that `search` asks for, one after another, until it has ended or a signal or a circuit breaker ends
    /// the run.
    async fn run_search(
        &self,
        engine: &mut Engine<MonotonicSource>,
        mut search: Searching,
    ) -> Result<Vec<StageFacts>> {
        // What an earlier part of the run has finished, the search knows.
        let mut run = self.finished.stages.clone();
        search.taken.iter().for_each(|stage| engine.pass_over(stage));
        while let Some(stage) = search.next(u32::try_from(run.len()).unwrap_or(u32::MAX), self.plan.pacing) {
            if self.signals.stop().is_requested() || self.open_breaker().is_some() {
                break;
            }
            let name = format!("Stage {} (search)", stage.id);
            let stop = self.signals.stop().for_a_part();
            let from = engine.spool().writer().position();
            let facts = self.run_stage(engine, &stage, &name, &stop).await?;
            search.take(&engine.spool().writer().source(), &facts)?;
            self.hand_over(engine, stage.id, from);
            run.push(facts);
            engine.pause(self.plan.interval_ns, &stop).await;
        }
        search.tell();
        Ok(run)
    }

    async fn run_stages(
        &self,
        engine: &mut Engine<MonotonicSource>,
        stages: &[StagePlan],
    ) -> Result<Vec<StageFacts>> {
        let mut run = Vec::new();
        for (number, stage) in (1..).zip(stages) {
            if let Some(facts) = self.finished.stage(stage.id) {
                engine.pass_over(stage);
                run.push(facts.clone());
                continue;
            }
            if self.signals.stop().is_requested() {
                break;
            }
            let name = format!("Stage {} ({number} of {})", stage.id, stages.len());
            let stop = self.signals.stop().for_a_part();
            let from = engine.spool().writer().position();
            run.push(self.run_stage(engine, stage, &name, &stop).await?);
            // The reports of the last one follow at once, with all others.
            if number < stages.len() {
                self.hand_over(engine, stage.id, from);
            }
            // The last records of a stage may open a breaker as well: nothing will be sent any more then.
            if number < stages.len() && self.open_breaker().is_none() {
                engine.pause(self.plan.interval_ns, &stop).await;
            }
        }
        Ok(run)
    }

    /// Has the reports of a stage made whose entries begin at byte `from` of the spool.
    fn hand_over(&self, engine: &Engine<MonotonicSource>, stage: u32, from: u64) {
        let spool = engine.spool().writer().source();
        // Whoever makes them is gone only once the run is over.
        let _ = self.ended.send(EndedStage { stage, from, spool });
    }

    /// Runs one stage, which the display calls `name`, with its lines in the log and its scrapes.
    async fn run_stage(
        &self,
        engine: &mut Engine<MonotonicSource>,
        stage: &StagePlan,
        name: &str,
        stop: &Stop,
    ) -> Result<StageFacts> {
        let counts = counts(engine, self.clock);
        tracing::info!("Stage {} - run started: {}", stage.id, described(stage));
        if self.open_breaker().is_some() {
            stop.request();
        }
        if let Some(scraper) = &self.scraper {
            scraper.before(stage.id).await;
        }
        let facts = tokio::select! {
            facts = engine.run_stage(stage, stop) => facts?,
            never = self.progress.show(name, stage.count(), &counts) => match never {},
            never = self.stop_when_open(stop) => match never {},
        };
        if let Some(scraper) = &self.scraper {
            scraper.after(stage.id).await;
        }
        self.tell(&facts);
        Ok(facts)
    }

    /// Asks `stop` once a circuit breaker is open.
    async fn stop_when_open(&self, stop: &Stop) -> Infallible {
        if let Some(breakers) = &self.breakers {
            breakers.opened().await;
            stop.request();
        }
        std::future::pending().await
    }

    fn open_breaker(&self) -> Option<&str> {
        self.breakers.as_ref()?.open()
    }

    /// Name of the circuit breaker that is open, unless a signal stops the run anyway.
    fn opened(&self) -> Option<&str> {
        self.open_breaker().filter(|_| !self.signals.stop().is_requested())
    }

    fn why_stopped(&self) -> String {
        self.opened()
            .map_or_else(|| "interrupted".to_owned(), |name| format!("circuit breaker \"{name}\" is open"))
    }

    /// Tells how a stage ended, and what held the client up.
    fn tell(&self, facts: &StageFacts) {
        let ending = match facts.status {
            StageStatus::Completed => "completed".to_owned(),
            StageStatus::Stopped => format!("failed: {}", self.why_stopped()),
            StageStatus::TimedOut => "failed: its time limit is reached".to_owned(),
        };
        tracing::info!("Stage {} - run {ending}", facts.stage);
        let client = &facts.client;
        if client.late_bodies > 0 {
            tracing::warn!(
                "Stage {}: {} requests were late because their prompts were not ready in time",
                facts.stage,
                client.late_bodies
            );
        }
        if client.recorder_waits > 0 {
            tracing::warn!(
                "Stage {}: {} requests were held up because records could not be written fast enough",
                facts.stage,
                client.recorder_waits
            );
        }
    }
}

/// What a stage sends, and when.
fn described(stage: &StagePlan) -> String {
    let requests = stage.count();
    match &stage.recorded {
        Some(offsets) => {
            let last = usize::try_from(requests).unwrap_or(usize::MAX).checked_sub(1);
            let last = last.and_then(|last| offsets.get(last)).copied().unwrap_or(0);
            format!("{requests} requests of the trace within {:.3} s", seconds(last))
        }
        None => format!("{requests} requests at {}/s within {} s", stage.rate, stage.duration_seconds),
    }
}

/// What the display shows of the stage that runs.
fn counts(engine: &Engine<MonotonicSource>, clock: MonotonicSource) -> impl Fn() -> Counts + use<> {
    let counters = engine.progress();
    move || {
        let now = counters.snapshot(clock.now());
        now.map_or_else(Counts::default, |now| Counts {
            due: now.due,
            sent: now.sent,
            finished: now.finished,
            failed: now.failed,
            latency: now.latency,
        })
    }
}
