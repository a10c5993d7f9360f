//! The run's course: the sweep's probe if there is one, then the stages, with their lines in the log.

use std::path::Path;

use anyhow::Result;
use benchmark_schemas::config::SweepEstimator;
use benchmark_schemas::record::{StageFacts, StageStatus, SweepFacts};

use crate::clock::{ClockSource as _, MonotonicSource};
use crate::driver::Engine;
use crate::plan::{Plan, StagePlan};
use crate::progress::{Counts, Progress};
use crate::report::answer::sweep_line;
use crate::shutdown::Signals;
use crate::sweep::{self, SweepError, SweepPlan};

/// How a run that did not break off went.
pub(super) enum Driven {
    /// Its stages were run, or a signal ended it.
    Through,
    /// Its sweep gave no stages to run.
    NoStages(SweepError),
}

/// What watches over a run.
type Surroundings<'a> = (MonotonicSource, &'a Signals, &'a Progress);

/// Runs the stages one after another, those of the sweep if there is one; stops early if a signal asks for it.
pub(super) async fn drive(
    mut engine: Engine<MonotonicSource>,
    plan: &Plan,
    sweep: Option<&SweepPlan>,
    folder: &Path,
    surroundings: Surroundings<'_>,
) -> Result<Driven> {
    let (_, signals, _) = surroundings;
    let mut driven = Driven::Through;
    match sweep {
        None => run_stages(&mut engine, plan, &plan.stages, surroundings).await?,
        Some(sweep) => match probe(&mut engine, plan, sweep, folder, surroundings).await {
            Ok(Some(found)) => {
                engine.pause(plan.interval_ns, signals.stop()).await;
                run_stages(&mut engine, plan, &sweep.stages(&found), surroundings).await?;
            }
            Ok(None) => {}
            Err(error @ SweepError::NoLimit { .. }) => driven = Driven::NoStages(error),
            Err(error) => return Err(error.into()),
        },
    }
    engine.finish(signals.stop().is_requested()).await?;
    Ok(driven)
}

/// Probes the server; `None` if a signal ended the probe.
async fn probe(
    engine: &mut Engine<MonotonicSource>,
    plan: &Plan,
    sweep: &SweepPlan,
    folder: &Path,
    (clock, signals, progress): Surroundings<'_>,
) -> Result<Option<SweepFacts>, SweepError> {
    let requests = sweep.num_requests;
    let shape = match sweep.estimator {
        SweepEstimator::Completions => "at once",
        SweepEstimator::Upstream => "within 5 s, as upstream has it",
    };
    tracing::info!(
        "Sweep - probe started: {requests} requests {shape}, up to {} in flight, for {} s at most",
        plan.in_flight_cap,
        sweep.timeout_seconds
    );
    let counts = counts(engine, clock);
    let found = tokio::select! {
        found = sweep::run(sweep, engine, folder, signals.stop()) => found?,
        never = progress.show("Sweep probe", requests, counts) => match never {},
    };
    let Some(found) = found else {
        tracing::info!("Sweep - probe failed: interrupted");
        return Ok(None);
    };
    tracing::info!("{}", sweep_line(&found.clone().into()));
    if found.failed > 0 {
        tracing::warn!("Sweep - {} of {} requests of the probe failed", found.failed, found.requests);
    }
    let wanted = plan.in_flight_cap.min(requests);
    if sweep.estimator == SweepEstimator::Completions && found.peak_in_flight < wanted / 2 {
        tracing::warn!(
            "Sweep - never more than {} requests were in flight: the server answered as fast as the client could send, \
             and may complete more than that",
            found.peak_in_flight
        );
    }
    let rates = found.rates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    tracing::info!("Sweep - stages of {} s at {rates} requests/s", sweep.stage_seconds);
    Ok(Some(found))
}

async fn run_stages(
    engine: &mut Engine<MonotonicSource>,
    plan: &Plan,
    stages: &[StagePlan],
    (clock, signals, progress): Surroundings<'_>,
) -> Result<()> {
    let counts = counts(engine, clock);
    for (number, stage) in (1..).zip(stages) {
        if signals.stop().is_requested() {
            break;
        }
        tracing::info!(
            "Stage {} - run started: {} requests at {}/s within {} s",
            stage.id,
            stage.requests,
            stage.rate,
            stage.duration_seconds
        );
        let name = format!("Stage {} ({number} of {})", stage.id, stages.len());
        let facts = tokio::select! {
            facts = engine.run_stage(stage, signals.stop()) => facts?,
            never = progress.show(&name, stage.requests, &counts) => match never {},
        };
        tell(&facts);
        if number < stages.len() {
            engine.pause(plan.interval_ns, signals.stop()).await;
        }
    }
    Ok(())
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

/// Tells how a stage ended, and what held the client up.
fn tell(facts: &StageFacts) {
    let ending = match facts.status {
        StageStatus::Completed => "completed",
        StageStatus::Stopped => "failed: interrupted",
        StageStatus::TimedOut => "failed: its time limit is reached",
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
