//! A run that is ready, from its first request to its last words.

use std::sync::Arc;

use anyhow::{Result, ensure};
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
    pub(super) run_id: String,
    pub(super) effective: serde_json::Value,
    /// The model, whatever adapters of it requests ask for.
    pub(super) model: String,
    pub(super) plan: Plan,
    pub(super) sweep: Option<SweepPlan>,
    pub(super) tokenizer_path: Option<String>,
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
    let Begun { clock, started_epoch_ns, spool, search } = begin(&ready)?;
    let Ready { earlier, model, plan, sweep, workload, transports, options, stores, inquiry, .. } = ready;
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
    search: Option<Searching>,
}

/// Begins the spool, or goes on with that of the run's earlier part.
fn begin(ready: &Ready) -> Result<Begun> {
    let now = epoch_ns(&ZonedDateTime::now());
    let earlier = ready.earlier.as_ref();
    let facts = RunFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_epoch_ns: earlier.map_or(now, Earlier::started_epoch_ns),
        run_id: ready.run_id.clone(),
        config_json: ready.effective.to_string(),
        tokenizer: ready.tokenizer_path.clone(),
    };
    let clock = MonotonicSource::at(earlier.map_or(0, |earlier| earlier.instant_of(now)));
    let started_epoch_ns = facts.started_epoch_ns;
    let search = Searching::of(&facts);
    ensure!(
        earlier.is_none() || search.is_none(),
        "--resume: a capacity search cannot be gone on with (start a new run without --resume)"
    );
    if let Some(earlier) = earlier {
        return Ok(Begun { clock, started_epoch_ns, spool: earlier.spool(&facts)?, search });
    }
    let mut spool = SpoolWriter::create(ready.stores.folder())?;
    spool.append(&SpoolEntry::Run(Box::new(facts)))?;
    spool.sync()?;
    Ok(Begun { clock, started_epoch_ns, spool, search })
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
