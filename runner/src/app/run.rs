//! A benchmark run from its configuration to stored results.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use benchmark_schemas::config::{ApiType, Config, ServerType, SweepEstimator};
use benchmark_schemas::record::{RunFacts, SpoolEntry};
use benchmark_schemas::variables::{HOLD_SECONDS, PREFLIGHT};
use benchmark_schemas::yaml;
use jiff::ZonedDateTime;

use super::checked::Checked;
use super::environment::seconds_of;
use super::model::Models;
use super::search::Searching;
use super::serving::Inquiry;
use super::stages::{Course, Driven};
use super::start::{self, Start};
use super::traces::Traces;
use super::{Exit, complain, model, results, say, serving, workload};
use crate::cli::ConfigArgs;
use crate::client::http::{HttpSettings, HttpSource};
use crate::client::mock::MockSource;
use crate::client::tls::TlsFiles;
use crate::client::{AnswerReading, Transports};
use crate::clock::MonotonicSource;
use crate::driver::{Engine, Hosting, Settings};
use crate::hold;
use crate::plan::{Plan, Surroundings};
use crate::preflight;
use crate::progress::Progress;
use crate::recorder::RecordOptions;
use crate::seed::{Purpose, Seed};
use crate::serving::Scraper;
use crate::shutdown::Signals;
use crate::spool::SpoolWriter;
use crate::store::{S3Environment, Stores};
use crate::sweep::SweepPlan;
use crate::workload::{Adapters, Model, Tokenizer, Workload};

/// Runs the benchmark of the configuration that `arguments` give.
///
/// # Errors
///
/// Whatever keeps it from starting.
pub(super) fn run(arguments: ConfigArgs, progress: &Progress) -> Result<Exit> {
    // A thread of its own sees to signals also while the main one works on reports.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let signals = Signals::listen().context("signals cannot be listened for")?;
        let started = ZonedDateTime::now();
        let start = tokio::select! {
            biased;
            () = signals.stop().requested() => None,
            start = start::read(arguments) => Some(start?),
        };
        let Some(Start { mut config, tokenizer, warnings, sets_saturation_percentile }) = start else {
            return Ok(signals.exit_code().map_or(Exit::Invalid, Exit::Signal));
        };
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        if sets_saturation_percentile && config.sweep_estimator() != SweepEstimator::Upstream {
            tracing::info!(
                "load.sweep.saturation_percentile has no effect: completions are counted, no percentile is taken \
                 (extensions.load.sweep_estimator: upstream takes one)"
            );
        }
        let wait = seconds_of(PREFLIGHT, 600)?;
        let stay = seconds_of(HOLD_SECONDS, 3600)?.unwrap_or_default();
        config.resolve_timestamp(&started.strftime("%Y%m%d-%H%M%S").to_string());
        let ready = tokio::select! {
            biased;
            () = signals.stop().requested() => None,
            ready = prepare(config, tokenizer, &started, wait) => Some(ready?),
        };
        match ready {
            Some(ready) => {
                let exit = Box::pin(benchmark(ready, &signals, progress)).await?;
                hold::stay(stay, signals.stop()).await;
                Ok(exit)
            }
            // Nothing was sent, so there is nothing to report.
            None => Ok(signals.exit_code().map_or(Exit::Invalid, Exit::Signal)),
        }
    })
}

/// Waits until the server of the configuration that `arguments` give can be measured, at most `limit`.
///
/// # Errors
///
/// If it is not ready by then, or never will be.
pub(super) fn preflight(arguments: ConfigArgs, limit: Duration) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let config = runtime.block_on(async {
        let Start { config, .. } = start::read(arguments).await?;
        await_target(&config, Some(limit)).await?;
        anyhow::Ok(config)
    })?;
    say(&match config.server.kind {
        ServerType::Mock => "server.type is mock: there is no server to wait for".to_owned(),
        _ => format!("{} is ready", config.server.base_url),
    });
    Ok(Exit::Done)
}

/// Waits for the target if there is one and there is to be a wait; gives the models that it lists, if it was asked.
async fn await_target(config: &Config, limit: Option<Duration>) -> Result<Option<Vec<String>>> {
    let Some(limit) = limit.filter(|_| config.server.kind != ServerType::Mock) else { return Ok(None) };
    let (base_url, model) = (config.server.base_url.clone(), config.server.model_name.clone());
    let target = preflight::Target { client: model::client(config)?, base_url, model };
    Ok(preflight::wait(&target, limit).await?)
}

/// A run that is ready to send.
struct Ready {
    run_id: String,
    effective: serde_json::Value,
    /// The model, whatever adapters of it requests ask for.
    model: String,
    plan: Plan,
    sweep: Option<SweepPlan>,
    tokenizer_path: Option<String>,
    workload: Arc<dyn Workload>,
    transports: Transports,
    options: RecordOptions,
    stores: Stores,
    inquiry: Inquiry,
}

/// Everything that can fail before the first request: the target's settings, whether it is ready, the model's name, the
/// workload, the stores.
async fn prepare(
    mut config: Config,
    mut tokenizer: Option<Arc<Tokenizer>>,
    started: &ZonedDateTime,
    wait: Option<Duration>,
) -> Result<Ready> {
    let Checked { transports, traces, files, breakers, inquiry } = Checked::of(&config)?;
    let mut models = Models::new(await_target(&config, wait).await?);
    let model = models.name(&config).await?;
    if tokenizer.is_none() && config.data.kind.needs_tokenizer() {
        tokenizer = Some(start::tokenizer_of(&config, &model).await?);
    }
    let mut plan = plan(&mut config, model.clone(), tokenizer.is_some(), &traces, started);
    let adapters = adapters(&config, &plan, &mut models).await?;
    if let Some(adapters) = &adapters {
        plan.body.model = Model::Split(Arc::clone(adapters));
    }
    let effective = serde_json::to_value(&config)?;
    tracing::info!("Benchmarking with the following config:\n\n{}", yaml::emit(&effective));
    tracing::info!("{}", plan.limits(config.load.num_workers));
    let run_id = run_id(started);
    let workload = workload::of(&config, (&plan, &traces, files), tokenizer.as_ref())?;
    let scratch = results::scratch_folder(&run_id);
    let environment: S3Environment = std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect();
    let mut stores = Stores::open(config.storage.as_ref(), &environment, &scratch)?;
    stores.prove(yaml::emit(&effective).as_bytes()).await?;
    for place in stores.places() {
        tracing::info!("Report files will be stored at: {place}");
    }
    let tokenizer_path = tokenizer.as_ref().map(|tokenizer| tokenizer.path().display().to_string());
    let (objectives, bad_objectives) = config.api.objectives();
    for bad in bad_objectives {
        tracing::warn!("api.headers.{}: the value is no number, so no latency objective", bad.header);
    }
    let options = RecordOptions {
        tokenizer: tokenizer.filter(|_| config.client_counts_answers()),
        streamed: plan.body.streaming,
        server_counts_first: config.api.kind == ApiType::AnthropicMessages,
        keep: plan.keep,
        secrets: transports.secrets(),
        objectives,
        adapters,
        breakers,
        failures: Arc::default(),
    };
    let sweep = SweepPlan::of(&config);
    Ok(Ready {
        run_id,
        effective,
        model,
        plan,
        sweep,
        tokenizer_path,
        workload,
        transports,
        options,
        stores,
        inquiry,
    })
}

/// The LoRA adapters that the load is split among, which the server must have.
async fn adapters(config: &Config, plan: &Plan, models: &mut Models) -> Result<Option<Arc<Adapters>>> {
    let split = config.load.lora_traffic_split.as_deref().unwrap_or_default();
    let adapters = Adapters::new(plan.seed, split).map(Arc::new);
    if let Some(adapters) = &adapters {
        models.check_adapters(config, adapters.names()).await?;
    }
    Ok(adapters)
}

async fn benchmark(ready: Ready, signals: &Signals, progress: &Progress) -> Result<Exit> {
    let Ready {
        run_id,
        effective,
        model,
        plan,
        sweep,
        tokenizer_path,
        workload,
        transports,
        options,
        stores,
        inquiry,
    } = ready;
    let clock = MonotonicSource::start();
    let started_epoch_ns = epoch_ns(&ZonedDateTime::now());
    let mut spool = SpoolWriter::create(stores.folder())?;
    let facts = RunFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_epoch_ns,
        run_id,
        config_json: effective.to_string(),
        tokenizer: tokenizer_path,
    };
    let search = Searching::of(&facts, stores.folder());
    spool.append(&SpoolEntry::Run(Box::new(facts)))?;
    let settings = Settings::of(&plan);
    let breakers = options.breakers.clone();
    let engine =
        Engine::start(clock, settings, transports, workload.clone(), options, spool, Hosting::Threads)
            .await?;
    let scraper =
        inquiry.scraping.map(|settings| Scraper::start(settings, clock, engine.spool())).transpose()?;
    let course = Course {
        plan: &plan,
        sweep: sweep.as_ref(),
        search,
        folder: stores.folder(),
        started_epoch_ns,
        scraper,
        breakers,
        questions: inquiry.questions,
        model: &model,
        clock,
        signals,
        progress,
    };
    let driven = course.drive(engine).await;
    let inexact = workload.inexact();
    if inexact > 0 {
        tracing::warn!(
            "{inexact} prompts do not have exactly the drawn length: the tokenizer has no text for it"
        );
    }
    if let Ok(Driven::NoStages(error)) = driven {
        complain(&format!("{error}"));
        complain(&format!(
            "No stage was run. The records of the probe are kept in {}.",
            stores.local_place()
        ));
        return Ok(Exit::Invalid);
    }
    // What was recorded until a fault is stored all the same.
    let stored = results::store(stores, signals).await;
    match driven {
        Ok(_) => Ok(stored),
        Err(error) => {
            complain(&format!("the run broke off: {error:#}"));
            Ok(Exit::NotStored)
        }
    }
}

/// The plan; what only the machine knows is written back into the configuration, so that its report tells it.
fn plan(
    config: &mut Config,
    model: String,
    has_tokenizer: bool,
    traces: &Traces,
    started: &ZonedDateTime,
) -> Plan {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let milliseconds = started.timestamp().as_millisecond();
    let default_seed = u64::try_from(milliseconds).unwrap_or_default();
    let recorded = traces.recorded.clone();
    let surroundings = Surroundings { cores, model: model.clone(), default_seed, recorded };
    config.load.base_seed.get_or_insert(milliseconds);
    config.load.num_workers.get_or_insert(i64::try_from(cores).unwrap_or(1));
    config.load.resolve_concurrency();
    config.resolve_total_count();
    serving::widen_interval(config);
    if let Some(tokenizer) = config.tokenizer.as_mut().filter(|_| has_tokenizer) {
        tokenizer.pretrained_model_name_or_path.get_or_insert(model);
    }
    Plan::new(config, &surroundings)
}

/// How requests reach the server; checks the address, the headers and the TLS files.
///
/// # Errors
///
/// What is wrong with them.
pub(super) fn transports(config: &Config) -> Result<Transports> {
    if config.server.kind == ServerType::Mock {
        return Ok(Transports::Mock(MockSource));
    }
    let headers = config.api.headers.iter().flatten();
    let timeouts = Plan::timeouts(config);
    let settings = HttpSettings {
        base_url: config.server.base_url.clone(),
        reading: AnswerReading { api: config.api.kind, tokens: config.answer_tokens() },
        api_key: config.server.api_key.clone(),
        headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
        tls: tls_files(config),
        connect_timeout: timeouts.connect_ns,
        streaming: config.api.streaming,
        keep: Plan::keep(config),
    };
    Ok(Transports::Http(HttpSource::new(&settings)?))
}

/// Files that TLS settings come from.
pub(super) fn tls_files(config: &Config) -> TlsFiles {
    let extensions = config.extensions.as_ref();
    TlsFiles {
        authorities: extensions.and_then(|extensions| extensions.ca_path.as_ref()).map(PathBuf::from),
        certificate: config.server.cert_path.as_ref().map(PathBuf::from),
        key: config.server.key_path.as_ref().map(PathBuf::from),
    }
}

/// Eight hexadecimal digits that name the run.
fn run_id(started: &ZonedDateTime) -> String {
    use rand::Rng as _;
    let nanoseconds = started.timestamp().as_nanosecond().unsigned_abs();
    // The instant and the process tell runs apart, also those that start in the same nanosecond on two machines.
    #[expect(clippy::cast_possible_truncation, reason = "the low 64 bits are those that differ")]
    let seed = Seed(nanoseconds as u64 ^ (u64::from(std::process::id()) << 32));
    format!("{:08x}", seed.rng(Purpose::RunId, 0, 0).next_u32())
}

fn epoch_ns(now: &ZonedDateTime) -> i64 {
    i64::try_from(now.timestamp().as_nanosecond()).unwrap_or(i64::MAX)
}
