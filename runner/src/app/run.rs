//! A benchmark run from its configuration to stored results.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use benchmark_schemas::config::{ApiType, Config, ServerType, SweepEstimator};
use benchmark_schemas::record::RunFacts;
use benchmark_schemas::variables::{DEADLINE_SECONDS, GRACE_SECONDS, HOLD_SECONDS, METRICS_PORT, PREFLIGHT};
use benchmark_schemas::yaml;
use jiff::ZonedDateTime;

use super::benchmark::{self, Ready};
use super::checked::Checked;
use super::environment::{port_of, seconds_of};
use super::model::Models;
use super::resume::Earlier;
use super::search::Searching;
use super::start::{self, Start};
use super::traces::Traces;
use super::{Exit, model, results, say, serving, workload};
use crate::cli::ConfigArgs;
use crate::client::http::{HttpSettings, HttpSource};
use crate::client::mock::MockSource;
use crate::client::tls::TlsFiles;
use crate::client::{AnswerReading, Transports};
use crate::hold;
use crate::monitor::Monitor;
use crate::plan::{Plan, Surroundings};
use crate::preflight;
use crate::progress::Progress;
use crate::recorder::RecordOptions;
use crate::seed::{Purpose, Seed};
use crate::shutdown::{Limits, Signals};
use crate::store::{StoreEnvironment, Stores};
use crate::sweep::SweepPlan;
use crate::workload::{Adapters, BodyOptions, Model, Tokenizer};

/// Runs the benchmark of the configuration that `arguments` give.
///
/// With `resume`, the folder of an earlier run's results, that run goes on.
///
/// # Errors
///
/// Whatever keeps it from starting.
pub(super) fn run(arguments: ConfigArgs, resume: Option<&Path>, progress: &Progress) -> Result<Exit> {
    // A thread of its own sees to signals also while the main one works on reports.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let limits = Limits {
            grace: seconds_of(GRACE_SECONDS, 120)?,
            deadline: seconds_of(DEADLINE_SECONDS, 3600)?,
        };
        let signals = Signals::listen(limits).context("signals cannot be listened for")?;
        let started = ZonedDateTime::now();
        let monitor = monitor().await?;
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
        let earlier = resume.map(Earlier::read).transpose()?;
        if let Some(earlier) = &earlier {
            earlier.complete(&mut config);
        }
        let wait = seconds_of(PREFLIGHT, 600)?;
        let stay = seconds_of(HOLD_SECONDS, 3600)?.unwrap_or_default();
        config.resolve_timestamp(&started.strftime("%Y%m%d-%H%M%S").to_string());
        let ready = tokio::select! {
            biased;
            () = signals.stop().requested() => None,
            ready = prepare(config, tokenizer, earlier, &started, wait) => Some(ready?),
        };
        match ready {
            Some(ready) => {
                let exit = Box::pin(benchmark::run(ready, &signals, progress, &monitor)).await?;
                hold::stay(stay, signals.stop()).await;
                Ok(exit)
            }
            // Nothing was sent, so there is nothing to report.
            None => Ok(signals.exit_code().map_or(Exit::Invalid, Exit::Signal)),
        }
    })
}

/// The run's own metrics, on their page if the environment asks for one.
async fn monitor() -> Result<Monitor> {
    let monitor = Monitor::new();
    if let Some(port) = port_of(METRICS_PORT)? {
        let address = monitor.serve(port).await;
        let address =
            address.with_context(|| format!("{METRICS_PORT}: port {port} cannot be listened on"))?;
        tracing::info!("Metrics of the run are at port {}, /metrics", address.port());
    }
    Ok(monitor)
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
    let body = BodyOptions {
        ignore_eos: config.server.ignore_eos,
        ..BodyOptions::new(config.api.kind, String::new())
    };
    let target = preflight::Target { client: model::client(config)?, base_url, model, body };
    Ok(preflight::wait(&target, limit).await?)
}

/// Everything that can fail before the first request: the target's settings, whether it is ready, the model's name, the
/// workload, the stores.
async fn prepare(
    mut config: Config,
    mut tokenizer: Option<Arc<Tokenizer>>,
    earlier: Option<Earlier>,
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
    let sweep = SweepPlan::of(&config);
    let facts = RunFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        // Known once it begins, if it has not begun before.
        started_epoch_ns: earlier.as_ref().map_or(0, Earlier::started_epoch_ns),
        run_id: earlier.as_ref().map_or_else(|| run_id(started), |earlier| earlier.run_id().to_owned()),
        config_json: effective.to_string(),
        tokenizer: tokenizer.as_ref().map(|tokenizer| tokenizer.path().display().to_string()),
    };
    let planned = sweep.as_ref().map_or(plan.stages.len(), |sweep| sweep.num_stages);
    let planned = config.capacity_search().is_none().then_some(planned);
    let search = searching(&facts, earlier.as_ref(), (&effective, planned))?;
    let found = workload::Found::with(files, &config).await?;
    let workload = workload::of(&config, (&plan, &traces, found), tokenizer.as_ref())?;
    let scratch = results::scratch_folder(&facts.run_id);
    let environment = StoreEnvironment::of_process();
    let mut stores = match &config.storage {
        Some(storage) if earlier.is_some() => Stores::resumed(storage, &environment)?,
        storage => Stores::open(storage.as_ref(), &environment, &scratch)?,
    };
    stores.prove(yaml::emit(&effective).as_bytes()).await?;
    for place in stores.places() {
        tracing::info!("Report files will be stored at: {place}");
    }
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
    Ok(Ready { earlier, facts, search, model, plan, sweep, workload, transports, options, stores, inquiry })
}

/// The search that a run asks for, if it does; what an `earlier` part of the run left is checked by the `effective`
/// configuration and the number of stages that are planned, if that is known.
fn searching(
    facts: &RunFacts,
    earlier: Option<&Earlier>,
    (effective, planned): (&serde_json::Value, Option<usize>),
) -> Result<Option<Searching>> {
    let Some(earlier) = earlier else { return Ok(Searching::of(facts)) };
    earlier.check(effective, planned)?;
    let search = Searching::go_on(facts, earlier)?;
    earlier.tell();
    Ok(search)
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
