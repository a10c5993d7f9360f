//! A run that is ready, from its first request to its last words.

use std::sync::Arc;

use anyhow::Result;
use benchmark_schemas::record::{RunFacts, SpoolEntry};
use jiff::ZonedDateTime;

use super::keeper::Keeper;
use super::results::{self, Stored};
use super::resume::Earlier;
use super::search::Searching;
use super::serving::Inquiry;
use super::stages::{Course, Driven};
use super::{Exit, complain};
use crate::client::Transports;
use crate::clock::MonotonicSource;
use crate::driver::{Engine, Hosting, Settings};
use crate::monitor::Monitor;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::recorder::{RecordOptions, SharedSpool};
use crate::serving::Scraper;
use crate::shutdown::Signals;
use crate::spool::SpoolWriter;
use crate::store::Stores;
use crate::sweep::SweepPlan;
use crate::workload::Workload;

/// A run that is ready to send.
pub(super) struct Ready {
    /// The part of the run before this one, if there is one.
    pub(super) earlier: Option<Earlier>,
    /// What holds for the whole run; when it began, if it has.
    pub(super) facts: RunFacts,
    /// The search that makes the stages, if the run is one.
    pub(super) search: Option<Searching>,
    /// The model, whatever adapters of it requests ask for.
    pub(super) model: String,
    pub(super) plan: Plan,
    pub(super) sweep: Option<SweepPlan>,
    pub(super) workload: Arc<dyn Workload>,
    pub(super) transports: Transports,
    pub(super) options: RecordOptions,
    pub(super) stores: Stores,
    pub(super) inquiry: Inquiry,
}

/// Runs what is ready.
///
/// # Errors
///
/// Whatever keeps it from sending.
pub(super) async fn run(
    ready: Ready,
    signals: &Signals,
    progress: &Progress,
    monitor: &Monitor,
) -> Result<Exit> {
    let Begun { clock, started_epoch_ns, spool } = begin(&ready)?;
    let Ready { earlier, search, model, plan, sweep, workload, transports, options, stores, inquiry, .. } =
        ready;
    let settings = Settings::of(&plan);
    let breakers = options.breakers.clone();
    let engine =
        Engine::start(clock, settings, transports, workload.clone(), options, spool, Hosting::Threads)
            .await?;
    let scraper =
        inquiry.scraping.map(|settings| Scraper::start(settings, clock, engine.spool())).transpose()?;
    let spool = engine.spool();
    monitor.watch(engine.progress(), clock);
    let keeper = Keeper::start(stores);
    let course = Course {
        plan: &plan,
        sweep: sweep.as_ref(),
        search,
        finished: earlier.map(|earlier| earlier.finished).unwrap_or_default(),
        started_epoch_ns,
        scraper,
        breakers,
        questions: inquiry.questions,
        model: &model,
        clock,
        signals,
        progress,
        ended: keeper.stages(),
    };
    let driven = course.drive(engine).await;
    signals.load_is_over();
    let stores = keeper.finish().await?;
    let inexact = workload.inexact();
    if inexact > 0 {
        tracing::warn!(
            "{inexact} prompts do not have exactly the drawn length: the tokenizer has no text for it"
        );
    }
    Ok(finish(driven, stores, &spool, signals).await)
}

/// What a run has once its spool has begun.
struct Begun {
    clock: MonotonicSource,
    /// Wall clock at the clock's zero, nanoseconds since the Unix epoch.
    started_epoch_ns: i64,
    spool: SpoolWriter,
}

/// Begins the spool, or goes on with that of the run's earlier part.
fn begin(ready: &Ready) -> Result<Begun> {
    let now = epoch_ns(&ZonedDateTime::now());
    let earlier = ready.earlier.as_ref();
    let started_epoch_ns = earlier.map_or(now, Earlier::started_epoch_ns);
    let facts = RunFacts { started_epoch_ns, ..ready.facts.clone() };
    let clock = MonotonicSource::at(earlier.map_or(0, |earlier| earlier.instant_of(now)));
    if let Some(earlier) = earlier {
        return Ok(Begun { clock, started_epoch_ns, spool: earlier.spool(&facts)? });
    }
    let mut spool = SpoolWriter::create(ready.stores.folder())?;
    spool.append(&SpoolEntry::Run(Box::new(facts)))?;
    spool.sync()?;
    Ok(Begun { clock, started_epoch_ns, spool })
}

/// Stores what the run left, and says what is to be said of it.
async fn finish(driven: Result<Driven>, stores: Stores, spool: &SharedSpool, signals: &Signals) -> Exit {
    if let Ok(Driven::NoStages(error)) = driven {
        complain(&format!("{error}"));
        complain(&format!(
            "No stage was run. The records of the probe are kept in {}.",
            stores.local_place()
        ));
        return Exit::Invalid;
    }
    // What was recorded until a fault is stored all the same.
    let spool = spool.writer().source();
    let Stored { mut exit, words } = results::store(stores, spool, signals).await;
    if let Err(error) = driven {
        complain(&format!("the run broke off: {error:#}"));
        exit = Exit::NotStored;
    }
    if let Some(words) = words {
        words.leave(exit);
    }
    exit
}

fn epoch_ns(now: &ZonedDateTime) -> i64 {
    i64::try_from(now.timestamp().as_nanosecond()).unwrap_or(i64::MAX)
}
